-- Motifs of each fold in the snapshots of simulations, by run and temperature in kelvin.
-- $run INTEGER: only this run of molecular dynamics
-- $fold INTEGER 3..8: only motifs of as many tetrahedra
-- fraction is the share of all motifs, population the share of the tetrahedra of the amorphous
-- region that take part in one, NULL where the packing at the delta of the analysis is not known.
WITH chosen AS (
    SELECT md_run_id, temperature, step, model_id, analysis_id, cutoff, delta
    FROM md_snapshot JOIN analysis USING (model_id)
    WHERE status = 'passed' AND model_id IN (SELECT model_id FROM current_model)
    AND coalesce(md_run_id = $run::INTEGER, true)
),
counted AS (
    SELECT analysis_id, fold, count(*) AS motifs
    FROM motif WHERE analysis_id IN (SELECT analysis_id FROM chosen) GROUP BY ALL
)
SELECT md_run_id, name AS run, chosen.temperature, step, model_id, analysis_id, cutoff, delta, fold,
    coalesce(counted.motifs, 0) AS motifs,
    coalesce(counted.motifs, 0) / sum(counted.motifs) OVER (PARTITION BY analysis_id) AS fraction,
    population
FROM chosen JOIN md_run USING (md_run_id)
CROSS JOIN (SELECT unnest(range(3, 9))::TINYINT AS fold)
LEFT JOIN counted USING (analysis_id, fold)
LEFT JOIN packing USING (analysis_id, delta, fold)
QUALIFY $fold::INTEGER IS NULL OR fold = $fold
ORDER BY md_run_id, chosen.temperature, step, model_id, analysis_id, fold
