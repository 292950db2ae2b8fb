-- The atoms that are least sure: lowest p_exists, then lowest p_species, then largest position error.
-- $n INTEGER 1.. = 20: how many
-- $threshold DOUBLE 0..1: only atoms with p_exists or p_species below this, such as 0.9
-- $model VARCHAR: only this model (newest versions of all unless given)
-- What is unknown comes last; atoms of which nothing is known are left out.
-- position_error is the root of the summed squares of sigma_x, sigma_y and sigma_z, in angstrom.
WITH chosen AS (
    SELECT model_id FROM model
    WHERE coalesce(model_id = $model::VARCHAR, model_id IN (SELECT model_id FROM current_model))
),
-- Models stored before there were columns have the same values as arrays.
earlier AS (
    SELECT model_id, atom,
        any_value(value) FILTER (name = 'p_exists') AS p_exists,
        any_value(value) FILTER (name = 'probability') AS p_species,
        any_value(value) FILTER (name = 'sigma_x') AS sigma_x,
        any_value(value) FILTER (name = 'sigma_y') AS sigma_y,
        any_value(value) FILTER (name = 'sigma_z') AS sigma_z
    FROM atom_value SEMI JOIN chosen USING (model_id)
    SEMI JOIN (FROM atom_array WHERE len(shape) = 0) USING (model_id, name)
    WHERE name IN ('p_exists', 'probability', 'sigma_x', 'sigma_y', 'sigma_z')
    AND NOT isnan(value)
    GROUP BY model_id, atom
),
known AS (
    SELECT model_id, atom,
        coalesce(f.p_exists, e.p_exists) AS p_exists,
        coalesce(f.p_species, e.p_species) AS p_species,
        coalesce(f.sigma_x, e.sigma_x) AS sigma_x,
        coalesce(f.sigma_y, e.sigma_y) AS sigma_y,
        coalesce(f.sigma_z, e.sigma_z) AS sigma_z
    FROM (FROM atom_fit SEMI JOIN chosen USING (model_id)) AS f
    FULL JOIN earlier AS e USING (model_id, atom)
),
least_sure AS (
    SELECT *, sqrt(sigma_x ** 2 + sigma_y ** 2 + sigma_z ** 2) AS position_error
    FROM known
    WHERE coalesce(p_exists, p_species, position_error) IS NOT NULL
    AND ($threshold::DOUBLE IS NULL OR least(p_exists, p_species) < $threshold)
    ORDER BY p_exists NULLS LAST, p_species NULLS LAST, position_error DESC NULLS LAST, model_id, atom
    LIMIT $n
)
SELECT model_id, atom, species, x, y, z, p_exists, p_species, sigma_x, sigma_y, sigma_z,
    position_error
FROM least_sure JOIN atom USING (model_id, atom)
ORDER BY p_exists NULLS LAST, p_species NULLS LAST, position_error DESC NULLS LAST, model_id, atom
