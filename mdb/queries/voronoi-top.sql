-- The most abundant Voronoi indices <n3,n4,n5,n6> of the atoms below the surface, by analysis.
-- $n INTEGER 1.. = 10: how many of each analysis
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
counted AS (
    SELECT analysis_id, n3, n4, n5, n6, count(*) AS atoms
    FROM voronoi ANTI JOIN crystal USING (analysis_id, atom)
    WHERE NOT surface AND cn IS NOT NULL
    AND analysis_id IN (SELECT analysis_id FROM chosen)
    GROUP BY ALL
)
SELECT model_id, analysis_id, cutoff, delta,
    row_number() OVER (PARTITION BY analysis_id ORDER BY atoms DESC, n3, n4, n5, n6) AS place,
    n3, n4, n5, n6, atoms,
    atoms / sum(atoms) OVER (PARTITION BY analysis_id) AS fraction
FROM chosen JOIN counted USING (analysis_id)
QUALIFY place <= $n
ORDER BY model_id, analysis_id, place
