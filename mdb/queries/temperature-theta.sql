-- Mean angle theta, degrees, of pentagonal bipyramids, by run and temperature in kelvin.
-- $run INTEGER: only this run of molecular dynamics
WITH chosen AS (
    SELECT md_run_id, temperature, step, model_id, analysis_id, cutoff, delta
    FROM md_snapshot JOIN analysis USING (model_id)
    WHERE status = 'passed' AND model_id IN (SELECT model_id FROM current_model)
    AND coalesce(md_run_id = $run::INTEGER, true)
)
SELECT md_run_id, name AS run, chosen.temperature, step, model_id, analysis_id, cutoff, delta,
    count(motif) AS bipyramids, avg(theta) AS theta,
    count(motif) FILTER (amorphous) AS amorphous_bipyramids,
    avg(theta) FILTER (amorphous) AS amorphous_theta
FROM chosen JOIN md_run USING (md_run_id) LEFT JOIN bipyramid USING (analysis_id)
GROUP BY ALL
ORDER BY md_run_id, chosen.temperature, step, model_id, analysis_id
