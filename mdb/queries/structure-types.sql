-- Fractions of atoms in each crystal structure by template matching (ptm) and common neighbours (cna).
-- $model VARCHAR: only this model (newest versions of all unless given)
-- $analysis INTEGER: only this analysis
-- Analyses with aet analyze --templates have them. The strain is the mean of the atoms of a structure.
WITH chosen AS (
    SELECT analysis_id, model_id
    FROM analysis JOIN model USING (model_id)
    WHERE status = 'passed'
    AND coalesce(analysis_id = $analysis::INTEGER, true)
    AND coalesce(model_id = $model::VARCHAR, true)
    AND (coalesce($model::VARCHAR, $analysis::VARCHAR) IS NOT NULL
        OR model_id IN (SELECT model_id FROM current_model))
), strains AS (
    SELECT analysis_id, 'ptm' AS method, ptm AS structure, avg(strain_volume) AS strain_volume,
        avg(strain_shear) AS strain_shear
    FROM structure_type GROUP BY ALL
)
SELECT model_id, analysis_id, method, structure, atoms, fraction, strain_volume, strain_shear,
    unstrained_spacing, reason
FROM chosen JOIN structure_fraction USING (analysis_id)
LEFT JOIN strains USING (analysis_id, method, structure)
ORDER BY model_id, analysis_id, method DESC, atoms DESC, structure
