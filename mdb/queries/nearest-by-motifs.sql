-- Current snapshots of simulations by how near their motif fractions are to those of a model.
-- $model VARCHAR, required: the model, such as an experimental one
-- $n INTEGER 1..: how many of the nearest; all unless given
-- Compared are analyses of one delta. The distance is the Euclidean one of the fractions of folds
-- 3 to 8, from 0 to the root of 2; manhattan is the sum of their absolute differences.
WITH chosen AS (
    SELECT analysis_id, model_id, cutoff, delta,
        kind = 'md_snapshot' AND model_id <> $model::VARCHAR AS snapshot
    FROM analysis JOIN model USING (model_id)
    WHERE status = 'passed' AND (model_id = $model::VARCHAR
        OR (kind = 'md_snapshot' AND model_id IN (SELECT model_id FROM current_model)))
),
share AS (
    SELECT analysis_id, fold, count(*) / sum(count(*)) OVER (PARTITION BY analysis_id) AS fraction
    FROM motif WHERE analysis_id IN (SELECT analysis_id FROM chosen) GROUP BY analysis_id, fold
),
filled AS (
    SELECT chosen.*, fold, coalesce(fraction, 0) AS fraction
    FROM chosen CROSS JOIN (SELECT unnest(range(3, 9))::TINYINT AS fold)
    LEFT JOIN share USING (analysis_id, fold)
    WHERE analysis_id IN (SELECT analysis_id FROM share)
),
compared AS (
    SELECT own.model_id AS model, own.analysis_id AS model_analysis, own.cutoff AS model_cutoff,
        delta, other.model_id, other.analysis_id, other.cutoff,
        sqrt(sum((own.fraction - other.fraction) ** 2)) AS distance,
        sum(abs(own.fraction - other.fraction)) AS manhattan
    FROM filled AS own JOIN filled AS other USING (delta, fold)
    WHERE NOT own.snapshot AND other.snapshot
    GROUP BY ALL
)
SELECT model, model_analysis, model_cutoff, delta,
    row_number() OVER (PARTITION BY model_analysis ORDER BY distance, analysis_id) AS place,
    compared.model_id, analysis_id, cutoff,
    md_run_id, step, coalesce(md_snapshot.temperature, model.temperature) AS temperature,
    distance, manhattan
FROM compared JOIN model ON model.model_id = compared.model_id
LEFT JOIN md_snapshot ON md_snapshot.model_id = compared.model_id
QUALIFY $n::INTEGER IS NULL OR place <= $n
ORDER BY model_analysis, place
