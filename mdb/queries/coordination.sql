-- Mean coordination number of the atoms of each species or type below the surface, by analysis.
-- $crystalline BOOLEAN = false: whether crystalline atoms count as well
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
crystal AS (
    SELECT analysis_id, atom FROM atom_order
    WHERE crystalline AND NOT $crystalline AND analysis_id IN (SELECT analysis_id FROM chosen)
),
inner_atom AS (
    SELECT analysis_id, model_id, cutoff, delta, atom, cn
    FROM chosen JOIN voronoi USING (analysis_id) ANTI JOIN crystal USING (analysis_id, atom)
    WHERE NOT surface AND cn IS NOT NULL
)
SELECT model_id, analysis_id, cutoff, delta, species, type,
    count(*) AS atoms, avg(cn) AS coordination_number
FROM inner_atom JOIN atom USING (model_id, atom)
GROUP BY ALL
ORDER BY model_id, analysis_id, species, type
