-- Current snapshots of simulations by how near their pair distribution is to that of a model.
-- $model VARCHAR, required: the model, such as an experimental one
-- $reach DOUBLE 1..100 = 4: up to what distance, in units of the first peak
-- $n INTEGER 1..: how many of the nearest; all unless given
-- Distances r are divided by the place of the first peak, which takes out the size of the atoms:
-- the centre of g within a fifth of it either side, found twice from the centre of all g below the
-- cut-off. g is averaged over cells of a twentieth of that place from 0.7 on, whatever its bins,
-- and compared by the root mean square difference, as far as reach and both curves go. It holds all
-- atoms and does not depend on delta: the newest analysis of each model counts.
WITH chosen AS (
    SELECT model_id, max(analysis_id) AS analysis_id
    FROM analysis JOIN model USING (model_id)
    WHERE status = 'passed' AND (model_id = $model::VARCHAR
        OR (kind = 'md_snapshot' AND model_id IN (SELECT model_id FROM current_model)))
    GROUP BY model_id
),
curve AS (
    SELECT analysis_id, r, g, 2 * min(r) OVER whole AS step,
        row_number() OVER so_far - 1 AS bin, sum(g) OVER so_far AS total
    FROM pdf WHERE analysis_id IN (SELECT analysis_id FROM chosen)
    WINDOW whole AS (PARTITION BY analysis_id),
        so_far AS (PARTITION BY analysis_id ORDER BY r ROWS UNBOUNDED PRECEDING)
),
-- How much of each bin lies within a range counts, so that the width of the bins does not.
shell AS (
    SELECT analysis_id, sum(r * g * part) / sum(g * part) AS middle
    FROM (
        SELECT *, greatest(0, least(1, (cutoff - r) / step + 0.5)) AS part
        FROM curve JOIN analysis USING (analysis_id)
    )
    GROUP BY analysis_id HAVING sum(g * part) > 0
),
nearer AS (
    SELECT analysis_id, sum(r * g * part) / sum(g * part) AS middle
    FROM (
        SELECT *, greatest(0, least(1, (0.2 * middle - abs(r - middle)) / step + 0.5)) AS part
        FROM curve JOIN shell USING (analysis_id)
    )
    GROUP BY analysis_id HAVING sum(g * part) > 0
),
peak AS (
    SELECT analysis_id, any_value(step) AS step, sum(r * g * part) / sum(g * part) AS peak
    FROM (
        SELECT *, greatest(0, least(1, (0.2 * middle - abs(r - middle)) / step + 0.5)) AS part
        FROM curve JOIN nearer USING (analysis_id)
    )
    GROUP BY analysis_id HAVING sum(g * part) > 0
),
edge AS (
    SELECT analysis_id, cell, cell / 20 * peak / step AS place, floor(place)::BIGINT AS bin
    FROM peak CROSS JOIN (SELECT unnest(range(14, 2001)) AS cell) WHERE cell <= 20 * $reach
),
-- The integral of g up to the edges of the cells, in bins.
integral AS (
    SELECT analysis_id, cell, place, total + (place - bin - 1) * g AS below
    FROM edge JOIN curve USING (analysis_id, bin)
),
mean AS (
    SELECT analysis_id, cell + 1 AS cell,
        (lead(below) OVER following - below) / (lead(place) OVER following - place) AS g
    FROM integral WINDOW following AS (PARTITION BY analysis_id ORDER BY cell)
),
compared AS (
    SELECT own.analysis_id AS model_analysis, other.analysis_id,
        max(cell) / 20 AS reach, sqrt(avg((own.g - other.g) ** 2)) AS distance
    FROM mean AS own JOIN mean AS other USING (cell)
    WHERE own.analysis_id IN (SELECT analysis_id FROM chosen WHERE model_id = $model)
    AND other.analysis_id NOT IN (SELECT analysis_id FROM chosen WHERE model_id = $model)
    AND own.g IS NOT NULL AND other.g IS NOT NULL
    GROUP BY ALL
)
SELECT $model::VARCHAR AS model, model_analysis,
    row_number() OVER (ORDER BY distance, analysis_id) AS place,
    model.model_id, analysis_id, cutoff, delta,
    md_run_id, step, coalesce(md_snapshot.temperature, model.temperature) AS temperature,
    peak, reach, distance
FROM compared JOIN analysis USING (analysis_id) JOIN model USING (model_id)
JOIN (SELECT analysis_id, peak FROM peak) USING (analysis_id)
LEFT JOIN md_snapshot USING (model_id)
QUALIFY $n::INTEGER IS NULL OR place <= $n
ORDER BY place
