-- Density in g/cm^3 of the atoms of bipyramids of 4 to 8 tetrahedra and of the others, by analysis.
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
corner AS (
    SELECT analysis_id, cap_1 AS atom FROM motif WHERE fold >= 4
    UNION ALL SELECT analysis_id, cap_2 FROM motif WHERE fold >= 4
    UNION ALL SELECT analysis_id, unnest(ring) FROM motif WHERE fold >= 4
),
-- One bit per atom: an atom is in some ten motifs, and a table of all atoms would be slow to fill.
packed AS (
    SELECT analysis_id, atom // 32 AS block, bit_or(1::BIGINT << (atom % 32)) AS bits
    FROM corner WHERE analysis_id IN (SELECT analysis_id FROM chosen) GROUP BY ALL
),
crystal AS (
    SELECT analysis_id, atom FROM atom_order
    WHERE crystalline AND NOT $crystalline AND analysis_id IN (SELECT analysis_id FROM chosen)
),
counted AS (
    SELECT voronoi.analysis_id, volume, density * volume AS mass,
        (coalesce(bits, 0) >> (voronoi.atom % 32)) & 1 = 1 AS packed
    FROM voronoi ANTI JOIN crystal USING (analysis_id, atom)
    LEFT JOIN packed ON packed.analysis_id = voronoi.analysis_id
        AND packed.block = voronoi.atom // 32
    WHERE NOT surface AND density IS NOT NULL
    AND voronoi.analysis_id IN (SELECT analysis_id FROM chosen)
),
summed AS (
    SELECT analysis_id,
        count(*) FILTER (packed) AS inside,
        count(*) FILTER (NOT packed) AS outside,
        sum(mass) FILTER (packed) / sum(volume) FILTER (packed) AS density_inside,
        sum(mass) FILTER (NOT packed) / sum(volume) FILTER (NOT packed) AS density_outside,
        sum(mass) / sum(volume) AS density
    FROM counted GROUP BY analysis_id
)
SELECT model_id, analysis_id, cutoff, delta, inside, outside,
    density_inside, density_outside, density, density_inside / density - 1 AS gain
FROM chosen JOIN summed USING (analysis_id)
ORDER BY model_id, analysis_id
