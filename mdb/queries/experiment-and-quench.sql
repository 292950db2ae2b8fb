-- Measured models and snapshots of simulations side by side: a row for each, its newest analysis.
-- $run INTEGER: snapshots of this run of molecular dynamics only, and models of the same species
-- $model VARCHAR: of the models that are no snapshots only this one
-- Of each model the newest analysis with the packing counts, else the newest that passed. fraction_3
-- to fraction_8 are shares of all motifs, theta (degrees) the mean of all pentagonal bipyramids.
-- largest_network is in bipyramids, and spanning says whether it reaches itself across the box, so
-- that its size is that of the box. coordination_number is the mean of the disordered atoms below
-- the surface, glass_transition that of the whole run. Temperatures are in kelvin.
WITH candidate AS (
    SELECT model_id, kind, name, n_atoms, md_run_id, step,
        coalesce(s.temperature, model.temperature) AS temperature
    FROM model LEFT JOIN md_snapshot AS s USING (model_id)
    WHERE CASE WHEN kind = 'md_snapshot'
        THEN coalesce(md_run_id = $run::INTEGER, true)
            AND model_id IN (SELECT model_id FROM current_model)
        WHEN $model::VARCHAR IS NOT NULL THEN model_id = $model
        ELSE kind = 'experiment' AND model_id IN (SELECT model_id FROM current_model) END
),
species AS (
    SELECT model_id, list(DISTINCT species ORDER BY species) AS symbols
    FROM atom WHERE model_id IN (SELECT model_id FROM candidate) GROUP BY model_id
),
of_run AS (
    SELECT symbols FROM species JOIN candidate USING (model_id) WHERE kind = 'md_snapshot'
),
chosen AS (
    SELECT candidate.*, analysis_id, cutoff, delta
    FROM candidate JOIN species USING (model_id) JOIN analysis USING (model_id)
    WHERE status = 'passed'
    AND ($run::INTEGER IS NULL OR model_id = $model::VARCHAR
        OR symbols IN (SELECT symbols FROM of_run))
    QUALIFY row_number() OVER (
        PARTITION BY model_id
        ORDER BY analysis_id IN (SELECT analysis_id FROM packing) DESC, analysis_id DESC
    ) = 1
),
share AS (
    SELECT analysis_id, count(*) AS motifs,
        count(*) FILTER (fold = 3) / count(*) AS fraction_3,
        count(*) FILTER (fold = 4) / count(*) AS fraction_4,
        count(*) FILTER (fold = 5) / count(*) AS fraction_5,
        count(*) FILTER (fold = 6) / count(*) AS fraction_6,
        count(*) FILTER (fold = 7) / count(*) AS fraction_7,
        count(*) FILTER (fold = 8) / count(*) AS fraction_8
    FROM motif WHERE analysis_id IN (SELECT analysis_id FROM chosen) GROUP BY analysis_id
),
tilt AS (
    SELECT analysis_id, avg(theta) AS theta
    FROM bipyramid WHERE analysis_id IN (SELECT analysis_id FROM chosen) GROUP BY analysis_id
),
largest AS (
    SELECT analysis_id, max(size) AS largest_network,
        arg_max(spanning, (size, -network)) AS spanning
    FROM network WHERE fold = 5 AND analysis_id IN (SELECT analysis_id FROM chosen)
    GROUP BY analysis_id
),
crystal AS (
    SELECT analysis_id, atom FROM atom_order
    WHERE crystalline AND analysis_id IN (SELECT analysis_id FROM chosen)
),
coordinated AS (
    SELECT analysis_id, avg(cn) AS coordination_number
    FROM voronoi ANTI JOIN crystal USING (analysis_id, atom)
    WHERE NOT surface AND analysis_id IN (SELECT analysis_id FROM chosen) GROUP BY analysis_id
)
SELECT kind, model_id, chosen.name, chosen.md_run_id, md_run.name AS run, step, temperature,
    analysis_id, chosen.n_atoms, cutoff, delta, motifs,
    fraction_3, fraction_4, fraction_5, fraction_6, fraction_7, fraction_8,
    theta, largest_network, spanning, coordination_number, glass_transition
FROM chosen LEFT JOIN md_run USING (md_run_id)
LEFT JOIN share USING (analysis_id) LEFT JOIN tilt USING (analysis_id)
LEFT JOIN largest USING (analysis_id) LEFT JOIN coordinated USING (analysis_id)
ORDER BY kind = 'md_snapshot', chosen.md_run_id, temperature DESC, step, model_id
