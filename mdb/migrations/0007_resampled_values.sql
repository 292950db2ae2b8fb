-- Values of an analysis in models drawn from the uncertainties of the atoms. Rows are only ever
-- added.

CREATE TABLE resampled_value (
    analysis_id INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    value DOUBLE,
    mean DOUBLE,
    sd DOUBLE,
    low DOUBLE,
    high DOUBLE,
    extrapolated DOUBLE,
    unit VARCHAR NOT NULL,
    samples INTEGER NOT NULL,
    drawn INTEGER NOT NULL,
    seed BIGINT NOT NULL
);
COMMENT ON TABLE resampled_value IS 'What the uncertainties of the atoms mean for the results of an analysis: the same figures of models drawn from them';
COMMENT ON COLUMN resampled_value.analysis_id IS 'Analysis of the model itself';
COMMENT ON COLUMN resampled_value.name IS 'Quantity, such as motif_fraction 5';
COMMENT ON COLUMN resampled_value.value IS 'Value of the model itself, in the unit beside it; NULL where it is not defined';
COMMENT ON COLUMN resampled_value.mean IS 'Mean over the drawn models, in the unit beside it; it differs from the value by what position errors change systematically; NULL below five models';
COMMENT ON COLUMN resampled_value.sd IS 'Standard deviation over the drawn models, in the unit beside it';
COMMENT ON COLUMN resampled_value.low IS '2.5 % quantile of the drawn models, in the unit beside it';
COMMENT ON COLUMN resampled_value.high IS '97.5 % quantile of the drawn models, in the unit beside it';
COMMENT ON COLUMN resampled_value.extrapolated IS 'Estimate without position errors (simulation extrapolation), in the unit beside it; NULL where it is not stable';
COMMENT ON COLUMN resampled_value.unit IS 'Unit; 1 for a pure number';
COMMENT ON COLUMN resampled_value.samples IS 'Drawn models in which the quantity is defined';
COMMENT ON COLUMN resampled_value.drawn IS 'Drawn models';
COMMENT ON COLUMN resampled_value.seed IS 'Seed from which they were drawn';
