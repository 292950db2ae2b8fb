-- Motifs of each fold from 3 to 8 and their share of all motifs, by model and analysis.
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
),
counted AS (
    SELECT analysis_id, fold, count(*) AS motifs
    FROM motif WHERE analysis_id IN (SELECT analysis_id FROM chosen) GROUP BY ALL
)
SELECT model_id, analysis_id, cutoff, delta, fold,
    coalesce(counted.motifs, 0) AS motifs,
    coalesce(counted.motifs, 0) / sum(counted.motifs) OVER (PARTITION BY analysis_id) AS fraction
FROM chosen CROSS JOIN (SELECT unnest(range(3, 9))::TINYINT AS fold)
LEFT JOIN counted USING (analysis_id, fold)
ORDER BY model_id, analysis_id, fold
