-- Values of an analysis with their intervals from the uncertainties of the atoms, by analysis.
-- $model VARCHAR: only this model (newest versions of all unless given)
-- $analysis INTEGER: only this analysis
-- $quantity VARCHAR: only quantities whose names begin so, such as motif_fraction
-- Where low to high and the value span more than half of the value, wide is true: then the value
-- says little. Where the value lies outside, position errors shift the quantity systematically,
-- and extrapolated, if there is one, estimates it without them.
WITH chosen AS (
    SELECT analysis_id, model_id, cutoff, delta
    FROM analysis JOIN model USING (model_id)
    WHERE status = 'passed'
    AND coalesce(analysis_id = $analysis::INTEGER, true)
    AND coalesce(model_id = $model::VARCHAR, true)
    AND (coalesce($model::VARCHAR, $analysis::VARCHAR) IS NOT NULL
        OR model_id IN (SELECT model_id FROM current_model))
)
SELECT model_id, analysis_id, cutoff, delta, name, value, mean, sd, low, high, extrapolated, unit,
    greatest(high, value) - least(low, value) > 0.5 * abs(value) AS wide,
    samples, drawn, seed
FROM chosen JOIN resampled_value USING (analysis_id)
WHERE coalesce(starts_with(name, $quantity::VARCHAR), true)
ORDER BY model_id, analysis_id, name
