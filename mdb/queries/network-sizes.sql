-- Histogram of network sizes: how many networks have how many motifs, by model and analysis.
-- $fold INTEGER 4..6 = 5: tetrahedra of a motif; 5 for pentagonal bipyramids
-- $model VARCHAR: only this model (newest versions of all unless given)
-- $analysis INTEGER: only this analysis
WITH chosen AS (
    SELECT analysis_id, model_id, cutoff, delta
    FROM analysis JOIN model USING (model_id)
    WHERE status = 'passed'
    AND coalesce(analysis_id = $analysis::INTEGER, true)
    AND coalesce(model_id = $model::VARCHAR, true)
    AND (coalesce($model::VARCHAR, $analysis::VARCHAR) IS NOT NULL
        OR model_id IN (SELECT model_id FROM current_model))
)
SELECT model_id, analysis_id, cutoff, delta, size, count(*) AS networks, sum(size)::BIGINT AS motifs
FROM chosen JOIN network USING (analysis_id)
WHERE fold = $fold
GROUP BY ALL
ORDER BY model_id, analysis_id, size
