-- Neighbours and Warren-Cowley parameters of the disordered atoms below the surface, by analysis.
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
SELECT model_id, analysis_id, cutoff, delta, group_1, group_2, number, warren_cowley
FROM chosen JOIN coordination USING (analysis_id)
ORDER BY model_id, analysis_id, group_1, group_2
