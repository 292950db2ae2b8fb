-- What speaks against a model, why a figure of an analysis is not stated, and whether files were
-- those that had been recorded. Rows are only ever added.

ALTER TABLE provenance ADD COLUMN verified BOOLEAN;
COMMENT ON COLUMN provenance.verified IS 'Whether the file was compared with the hash that was recorded when it was read or made; false if there was no record; NULL if it is of no run, or was deposited before this was stored';

CREATE TABLE model_warning (
    model_id VARCHAR NOT NULL,
    warning INTEGER NOT NULL,
    kind VARCHAR NOT NULL,
    text VARCHAR NOT NULL,
    atoms INTEGER NOT NULL,
    first_atom INTEGER,
    value DOUBLE,
    bound DOUBLE,
    unit VARCHAR NOT NULL
);
COMMENT ON TABLE model_warning IS 'What spoke against a model when it was deposited; models deposited before have no rows';
COMMENT ON COLUMN model_warning.model_id IS 'Model';
COMMENT ON COLUMN model_warning.warning IS 'Number of the warning, from 0';
COMMENT ON COLUMN model_warning.kind IS 'clash, stray atom, scale, extent, cell, height, B factor, error bar, existence, composition or R factor';
COMMENT ON COLUMN model_warning.text IS 'The warning in words';
COMMENT ON COLUMN model_warning.atoms IS 'Number of atoms concerned; 0 if it is the model as a whole';
COMMENT ON COLUMN model_warning.first_atom IS 'First of these atoms; NULL if it is the model as a whole';
COMMENT ON COLUMN model_warning.value IS 'Worst value, in the unit beside it; NULL where there is none';
COMMENT ON COLUMN model_warning.bound IS 'Value that it passes, or should have, in the unit beside it';
COMMENT ON COLUMN model_warning.unit IS 'Unit; 1 for a pure number';

CREATE TABLE measure_reason (
    analysis_id INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    reason VARCHAR NOT NULL
);
COMMENT ON TABLE measure_reason IS 'Why a figure of an analysis is not stated, or differs from another one; analyses deposited before have no rows';
COMMENT ON COLUMN measure_reason.analysis_id IS 'Analysis';
COMMENT ON COLUMN measure_reason.name IS 'Figure, such as first_minimum; motifs for all that concerns them';
COMMENT ON COLUMN measure_reason.reason IS 'Why';
