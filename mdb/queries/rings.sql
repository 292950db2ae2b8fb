-- Rings of bonds by definition and size, by analysis.
-- $definition VARCHAR: king or primitive only
-- $model VARCHAR: only this model (newest versions of all unless given)
-- $analysis INTEGER: only this analysis
WITH chosen AS (
    SELECT analysis_id, model_id, cutoff, n_atoms
    FROM analysis JOIN model USING (model_id)
    WHERE status = 'passed'
    AND coalesce(analysis_id = $analysis::INTEGER, true)
    AND coalesce(model_id = $model::VARCHAR, true)
    AND (coalesce($model::VARCHAR, $analysis::VARCHAR) IS NOT NULL
        OR model_id IN (SELECT model_id FROM current_model))
)
SELECT model_id, analysis_id, cutoff, definition, size, rings, rings / n_atoms AS per_atom,
    atoms / n_atoms AS atom_fraction, smallest / n_atoms AS smallest_fraction,
    largest / n_atoms AS largest_fraction
FROM chosen JOIN ring USING (analysis_id)
WHERE coalesce(definition = $definition::VARCHAR, true)
ORDER BY model_id, analysis_id, definition, size
