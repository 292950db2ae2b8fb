-- The largest empty spheres between the atoms, by analysis.
-- $n INTEGER 1.. = 10: how many of each analysis
-- $model VARCHAR: only this model (newest versions of all unless given)
-- $analysis INTEGER: only this analysis
WITH chosen AS (
    SELECT analysis_id, model_id
    FROM analysis JOIN model USING (model_id)
    WHERE status = 'passed'
    AND coalesce(analysis_id = $analysis::INTEGER, true)
    AND coalesce(model_id = $model::VARCHAR, true)
    AND (coalesce($model::VARCHAR, $analysis::VARCHAR) IS NOT NULL
        OR model_id IN (SELECT model_id FROM current_model))
)
SELECT model_id, analysis_id, measured_to, void + 1 AS place, x, y, z, radius, voids, free_fraction
FROM chosen JOIN void_space USING (analysis_id) JOIN void USING (analysis_id)
WHERE void < $n
ORDER BY model_id, analysis_id, void
