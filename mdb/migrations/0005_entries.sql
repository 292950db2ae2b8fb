-- Versions of entries, what else is known of a model, simulations, published figures, checksums.
-- Lengths are in angstrom, angles in degrees. Rows are only ever added.

-- Tables that others refer to can't be altered in every version of DuckDB, so they are made anew.
CREATE TEMP TABLE old_model AS FROM model;
CREATE TEMP TABLE old_analysis AS FROM analysis;
CREATE TEMP TABLE old_provenance AS FROM provenance;
DROP TABLE provenance;
DROP TABLE analysis;
DROP TABLE model;

CREATE TABLE model (
    model_id VARCHAR PRIMARY KEY,
    entry_id VARCHAR NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    sample_id INTEGER NOT NULL REFERENCES sample (sample_id),
    reconstruction_id INTEGER REFERENCES reconstruction (reconstruction_id),
    kind VARCHAR NOT NULL CHECK (kind IN ('experiment', 'md_snapshot', 'synthetic')),
    name VARCHAR NOT NULL,
    content_hash VARCHAR NOT NULL,
    n_atoms INTEGER NOT NULL CHECK (n_atoms > 0),
    cell DOUBLE[9] NOT NULL,
    pbc BOOLEAN[3] NOT NULL,
    origin DOUBLE[3],
    temperature DOUBLE,
    r1_mean DOUBLE,
    r1_global DOUBLE,
    optimization_type VARCHAR CHECK (optimization_type IN ('experimental', 'hybrid', 'global', 'local', 'none', 'indeterminate', 'other')),
    licence VARCHAR,
    doi VARCHAR,
    info JSON,
    code_version VARCHAR NOT NULL,
    deposited TIMESTAMP NOT NULL,
    UNIQUE (entry_id, version),
    UNIQUE (content_hash, version)
);
COMMENT ON TABLE model IS 'Atomic models, from experiment or simulation; a correction is a further version of an entry';
COMMENT ON COLUMN model.model_id IS 'Element symbols in four letters padded with X, and five digits, such as NiRh00001; later versions end in v2, v3';
COMMENT ON COLUMN model.entry_id IS 'Id of the first version of the entry';
COMMENT ON COLUMN model.version IS 'Version of the entry, from 1';
COMMENT ON COLUMN model.sample_id IS 'Sample that the model is of';
COMMENT ON COLUMN model.reconstruction_id IS 'Reconstruction that the model was traced in, if any';
COMMENT ON COLUMN model.kind IS 'experiment, md_snapshot or synthetic';
COMMENT ON COLUMN model.name IS 'Where the model came from';
COMMENT ON COLUMN model.content_hash IS 'SHA-256 of kind, cell, periodicity and everything stored of each atom';
COMMENT ON COLUMN model.n_atoms IS 'Number of atoms';
COMMENT ON COLUMN model.cell IS 'Cell vectors one after the other, angstrom; zeros for a particle';
COMMENT ON COLUMN model.pbc IS 'Whether the model is periodic along each cell vector';
COMMENT ON COLUMN model.origin IS 'Corner that the cell starts from, angstrom; NULL at zero';
COMMENT ON COLUMN model.temperature IS 'Temperature of the sample or simulation, kelvin';
COMMENT ON COLUMN model.r1_mean IS 'R factor of the refined model against the projections, mean, dimensionless';
COMMENT ON COLUMN model.r1_global IS 'R factor over all projections with one scale, dimensionless';
COMMENT ON COLUMN model.optimization_type IS 'How the positions were optimised, in the words of OPTIMADE 1.3: experimental, hybrid, global, local, none, indeterminate or other';
COMMENT ON COLUMN model.licence IS 'Licence of the coordinates';
COMMENT ON COLUMN model.doi IS 'DOI of the publication to cite';
COMMENT ON COLUMN model.info IS 'Further remarks that came with the model';
COMMENT ON COLUMN model.code_version IS 'Version of aet-port that deposited it';
COMMENT ON COLUMN model.deposited IS 'When it was deposited, UTC';

INSERT INTO model (model_id, entry_id, version, sample_id, reconstruction_id, kind, name,
                   content_hash, n_atoms, cell, pbc, r1_mean, code_version, deposited)
SELECT model_id, model_id, 1, sample_id, reconstruction_id, kind, name,
       content_hash, n_atoms, cell, pbc, r1_mean, code_version, deposited FROM old_model;

CREATE TABLE analysis (
    analysis_id INTEGER PRIMARY KEY,
    model_id VARCHAR NOT NULL REFERENCES model (model_id),
    content_hash VARCHAR NOT NULL UNIQUE,
    parameters JSON NOT NULL,
    cutoff DOUBLE,
    delta DOUBLE,
    code_version VARCHAR NOT NULL,
    inputs JSON,
    started TIMESTAMP,
    finished TIMESTAMP,
    status VARCHAR NOT NULL CHECK (status IN ('passed', 'failed', 'not attempted')),
    reason VARCHAR,
    n_tetrahedra INTEGER,
    n_face_pairs INTEGER,
    n_motifs INTEGER,
    deposited TIMESTAMP NOT NULL
);
COMMENT ON TABLE analysis IS 'Structure analyses; several of one model (other cut-off, other distortion) stand side by side';
COMMENT ON COLUMN analysis.analysis_id IS 'Number of the analysis';
COMMENT ON COLUMN analysis.model_id IS 'Model that was analysed';
COMMENT ON COLUMN analysis.content_hash IS 'SHA-256 of model, parameters and results';
COMMENT ON COLUMN analysis.parameters IS 'All parameters of the analysis; lengths in angstrom';
COMMENT ON COLUMN analysis.cutoff IS 'Longest edge of an accepted tetrahedron, angstrom; NULL if it was not reached';
COMMENT ON COLUMN analysis.delta IS 'Largest distortion parameter of an accepted tetrahedron, dimensionless';
COMMENT ON COLUMN analysis.code_version IS 'Version of aet-port that deposited it';
COMMENT ON COLUMN analysis.inputs IS 'SHA-256 of everything it was computed from, by role';
COMMENT ON COLUMN analysis.started IS 'When the computation began, UTC';
COMMENT ON COLUMN analysis.finished IS 'When it ended, UTC';
COMMENT ON COLUMN analysis.status IS 'passed, failed or not attempted';
COMMENT ON COLUMN analysis.reason IS 'Why it failed or was not attempted';
COMMENT ON COLUMN analysis.n_tetrahedra IS 'Number of accepted tetrahedra; NULL unless it passed';
COMMENT ON COLUMN analysis.n_face_pairs IS 'Number of pairs of tetrahedra that share a face';
COMMENT ON COLUMN analysis.n_motifs IS 'Number of motifs of 3 to 8 tetrahedra';
COMMENT ON COLUMN analysis.deposited IS 'When it was deposited, UTC';

INSERT INTO analysis (analysis_id, model_id, content_hash, parameters, cutoff, delta, code_version,
                      status, n_tetrahedra, n_face_pairs, n_motifs, deposited)
SELECT analysis_id, model_id, content_hash, parameters, cutoff, delta, code_version,
       status, n_tetrahedra, n_face_pairs, n_motifs, deposited FROM old_analysis;

CREATE TABLE provenance (
    model_id VARCHAR NOT NULL REFERENCES model (model_id),
    role VARCHAR NOT NULL,
    file_name VARCHAR NOT NULL,
    sha256 VARCHAR NOT NULL
);
COMMENT ON TABLE provenance IS 'Files that a model was made from';
COMMENT ON COLUMN provenance.model_id IS 'Model';
COMMENT ON COLUMN provenance.role IS 'What the file was, such as projections, angles, model';
COMMENT ON COLUMN provenance.file_name IS 'Name of the file without its folder';
COMMENT ON COLUMN provenance.sha256 IS 'SHA-256 of its bytes, hexadecimal';

INSERT INTO provenance FROM old_provenance;

DROP TABLE old_provenance;
DROP TABLE old_analysis;
DROP TABLE old_model;

CREATE VIEW current_model AS
SELECT * FROM model QUALIFY version = max(version) OVER (PARTITION BY entry_id);
COMMENT ON VIEW current_model IS 'Newest version of each entry';

ALTER TABLE atom ADD COLUMN confidence DOUBLE;
ALTER TABLE atom ADD COLUMN b_factor DOUBLE;
ALTER TABLE atom ADD COLUMN flag VARCHAR;
COMMENT ON COLUMN atom.confidence IS 'Probability of the class it was given, dimensionless';
COMMENT ON COLUMN atom.b_factor IS 'Thermal factor B'' of the atom alone, square angstrom';
COMMENT ON COLUMN atom.flag IS 'Remark on the atom, such as added by hand';

ALTER TABLE reconstruction ADD COLUMN r_global DOUBLE;
COMMENT ON COLUMN reconstruction.r_global IS 'R factor over all projections with one scale, dimensionless';

CREATE TABLE projection (
    tilt_series_id INTEGER NOT NULL REFERENCES tilt_series (tilt_series_id),
    projection INTEGER NOT NULL,
    phi DOUBLE NOT NULL,
    theta DOUBLE NOT NULL,
    psi DOUBLE NOT NULL,
    shift_x DOUBLE,
    shift_y DOUBLE,
    scale DOUBLE,
    r1 DOUBLE
);
COMMENT ON TABLE projection IS 'Projections of a tilt series';
COMMENT ON COLUMN projection.tilt_series_id IS 'Tilt series that it belongs to';
COMMENT ON COLUMN projection.projection IS 'Number of the projection, from 0';
COMMENT ON COLUMN projection.phi IS 'Rotation about z, degrees';
COMMENT ON COLUMN projection.theta IS 'Rotation about y, the tilt of a single-axis series, degrees';
COMMENT ON COLUMN projection.psi IS 'Rotation about x, degrees';
COMMENT ON COLUMN projection.shift_x IS 'Shift along x that aligned it, angstrom; NULL if none is known';
COMMENT ON COLUMN projection.shift_y IS 'Shift along y that aligned it, angstrom';
COMMENT ON COLUMN projection.scale IS 'Factor that scaled it to the others, dimensionless';
COMMENT ON COLUMN projection.r1 IS 'R factor of the reconstruction against it, dimensionless';

CREATE TABLE species_fit (
    model_id VARCHAR NOT NULL,
    species VARCHAR NOT NULL,
    type SMALLINT,
    height DOUBLE,
    b_factor DOUBLE
);
COMMENT ON TABLE species_fit IS 'Heights and thermal factors that a refinement gave each species';
COMMENT ON COLUMN species_fit.model_id IS 'Model';
COMMENT ON COLUMN species_fit.species IS 'Chemical symbol';
COMMENT ON COLUMN species_fit.type IS 'Type, where a type stands for several species';
COMMENT ON COLUMN species_fit.height IS 'Height H that scales the scattering factor, dimensionless';
COMMENT ON COLUMN species_fit.b_factor IS 'Thermal factor B'', square angstrom';

CREATE TABLE atom_array (
    model_id VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    dtype VARCHAR NOT NULL,
    shape INTEGER[] NOT NULL
);
COMMENT ON TABLE atom_array IS 'Further arrays that the atoms of a model came with';
COMMENT ON COLUMN atom_array.model_id IS 'Model';
COMMENT ON COLUMN atom_array.name IS 'Name of the array, such as momenta or tags';
COMMENT ON COLUMN atom_array.dtype IS 'NumPy type that it is given back as';
COMMENT ON COLUMN atom_array.shape IS 'Shape of the row of one atom; empty for one value per atom';

CREATE TABLE atom_value (
    model_id VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    atom INTEGER NOT NULL,
    component INTEGER NOT NULL,
    value DOUBLE,
    text VARCHAR
);
COMMENT ON TABLE atom_value IS 'Values of these arrays, row by row';
COMMENT ON COLUMN atom_value.model_id IS 'Model';
COMMENT ON COLUMN atom_value.name IS 'Name of the array';
COMMENT ON COLUMN atom_value.atom IS 'Atom';
COMMENT ON COLUMN atom_value.component IS 'Place in the row of the atom, from 0';
COMMENT ON COLUMN atom_value.value IS 'Number, in the unit beside it or as the array came, dimensionless where it has none; NULL for texts';
COMMENT ON COLUMN atom_value.text IS 'Text, where the array holds texts';

CREATE TABLE atom_edit (
    model_id VARCHAR NOT NULL,
    edit INTEGER NOT NULL,
    action VARCHAR NOT NULL CHECK (action IN ('add', 'remove', 'move', 'retype')),
    atom INTEGER,
    species VARCHAR,
    x DOUBLE,
    y DOUBLE,
    z DOUBLE,
    reason VARCHAR,
    author VARCHAR
);
COMMENT ON TABLE atom_edit IS 'Manual changes of atoms before the model was deposited, in order';
COMMENT ON COLUMN atom_edit.model_id IS 'Model that came of it';
COMMENT ON COLUMN atom_edit.edit IS 'Number of the change, from 0';
COMMENT ON COLUMN atom_edit.action IS 'add, remove, move or retype';
COMMENT ON COLUMN atom_edit.atom IS 'Atom of the model before the change; NULL for an added one';
COMMENT ON COLUMN atom_edit.species IS 'Chemical symbol after the change, before it for a removed atom';
COMMENT ON COLUMN atom_edit.x IS 'Position along x after the change, angstrom';
COMMENT ON COLUMN atom_edit.y IS 'Position along y after the change, angstrom';
COMMENT ON COLUMN atom_edit.z IS 'Position along z after the change, angstrom';
COMMENT ON COLUMN atom_edit.reason IS 'Why';
COMMENT ON COLUMN atom_edit.author IS 'Who';

CREATE TABLE motif_contact (
    analysis_id INTEGER NOT NULL,
    motif_1 INTEGER NOT NULL,
    motif_2 INTEGER NOT NULL,
    contact VARCHAR NOT NULL CHECK (contact IN ('vertex', 'edge')),
    dihedral DOUBLE
);
COMMENT ON TABLE motif_contact IS 'Pairs of amorphous pentagonal bipyramids that share one tetrahedron, a vertex of their skeletons, or two, an edge';
COMMENT ON COLUMN motif_contact.analysis_id IS 'Analysis of both motifs';
COMMENT ON COLUMN motif_contact.motif_1 IS 'Motif of the lower number';
COMMENT ON COLUMN motif_contact.motif_2 IS 'Other motif';
COMMENT ON COLUMN motif_contact.contact IS 'vertex or edge';
COMMENT ON COLUMN motif_contact.dihedral IS 'Angle between the two skeletons about the edge, degrees; NULL at a vertex';

INSERT INTO motif_contact SELECT analysis_id, motif_1, motif_2, 'edge', dihedral FROM shared_edge;
DROP TABLE shared_edge;

CREATE TABLE md_run (
    md_run_id INTEGER PRIMARY KEY,
    sample_id INTEGER NOT NULL REFERENCES sample (sample_id),
    name VARCHAR NOT NULL,
    content_hash VARCHAR NOT NULL UNIQUE,
    engine VARCHAR NOT NULL,
    potential VARCHAR NOT NULL,
    potential_sha256 VARCHAR,
    potential_doi VARCHAR,
    protocol JSON NOT NULL,
    n_atoms INTEGER NOT NULL,
    cooling_rate DOUBLE,
    time_step DOUBLE,
    glass_transition DOUBLE,
    started TIMESTAMP,
    finished TIMESTAMP,
    code_version VARCHAR NOT NULL,
    deposited TIMESTAMP NOT NULL
);
COMMENT ON TABLE md_run IS 'Runs of molecular dynamics';
COMMENT ON COLUMN md_run.md_run_id IS 'Number of the run';
COMMENT ON COLUMN md_run.sample_id IS 'System that was simulated';
COMMENT ON COLUMN md_run.name IS 'Name of the run';
COMMENT ON COLUMN md_run.content_hash IS 'SHA-256 of protocol, potential and thermodynamic table';
COMMENT ON COLUMN md_run.engine IS 'Program and its version';
COMMENT ON COLUMN md_run.potential IS 'Name of the interatomic potential';
COMMENT ON COLUMN md_run.potential_sha256 IS 'SHA-256 of its file';
COMMENT ON COLUMN md_run.potential_doi IS 'DOI of its publication';
COMMENT ON COLUMN md_run.protocol IS 'Every setting of the run';
COMMENT ON COLUMN md_run.n_atoms IS 'Number of atoms';
COMMENT ON COLUMN md_run.cooling_rate IS 'Cooling rate of the quench, kelvin per second';
COMMENT ON COLUMN md_run.time_step IS 'Time step, femtosecond';
COMMENT ON COLUMN md_run.glass_transition IS 'Glass transition temperature found in it, kelvin';
COMMENT ON COLUMN md_run.started IS 'When it began, UTC';
COMMENT ON COLUMN md_run.finished IS 'When it ended, UTC';
COMMENT ON COLUMN md_run.code_version IS 'Version of aet-port that deposited it';
COMMENT ON COLUMN md_run.deposited IS 'When it was deposited, UTC';

CREATE TABLE md_thermo (
    md_run_id INTEGER NOT NULL,
    step BIGINT NOT NULL,
    time DOUBLE,
    temperature DOUBLE,
    pressure DOUBLE,
    potential_energy DOUBLE,
    volume DOUBLE
);
COMMENT ON TABLE md_thermo IS 'Thermodynamic quantities along a run';
COMMENT ON COLUMN md_thermo.md_run_id IS 'Run';
COMMENT ON COLUMN md_thermo.step IS 'Time step';
COMMENT ON COLUMN md_thermo.time IS 'Time, picosecond';
COMMENT ON COLUMN md_thermo.temperature IS 'Temperature, kelvin';
COMMENT ON COLUMN md_thermo.pressure IS 'Pressure, bar';
COMMENT ON COLUMN md_thermo.potential_energy IS 'Potential energy per atom, electronvolt';
COMMENT ON COLUMN md_thermo.volume IS 'Volume per atom, cubic angstrom';

CREATE TABLE md_snapshot (
    model_id VARCHAR NOT NULL,
    md_run_id INTEGER NOT NULL REFERENCES md_run (md_run_id),
    step BIGINT NOT NULL,
    time DOUBLE,
    temperature DOUBLE NOT NULL
);
COMMENT ON TABLE md_snapshot IS 'Models that are snapshots of a run';
COMMENT ON COLUMN md_snapshot.model_id IS 'Model';
COMMENT ON COLUMN md_snapshot.md_run_id IS 'Run';
COMMENT ON COLUMN md_snapshot.step IS 'Time step';
COMMENT ON COLUMN md_snapshot.time IS 'Time, picosecond';
COMMENT ON COLUMN md_snapshot.temperature IS 'Temperature that the thermostat held, kelvin';

CREATE TABLE validation (
    validation_id INTEGER PRIMARY KEY,
    content_hash VARCHAR NOT NULL UNIQUE,
    code_version VARCHAR NOT NULL,
    deposited TIMESTAMP NOT NULL
);
COMMENT ON TABLE validation IS 'Comparisons with what the papers published';
COMMENT ON COLUMN validation.validation_id IS 'Number of the comparison';
COMMENT ON COLUMN validation.content_hash IS 'SHA-256 of all its rows';
COMMENT ON COLUMN validation.code_version IS 'Version of aet-port that computed it';
COMMENT ON COLUMN validation.deposited IS 'When it was deposited, UTC';

CREATE TABLE validation_row (
    validation_id INTEGER NOT NULL,
    figure VARCHAR NOT NULL,
    place SMALLINT NOT NULL,
    sample VARCHAR NOT NULL,
    quantity VARCHAR NOT NULL,
    unit VARCHAR NOT NULL,
    published DOUBLE NOT NULL,
    computed DOUBLE,
    tolerance DOUBLE,
    status VARCHAR NOT NULL,
    mode VARCHAR NOT NULL,
    remark VARCHAR NOT NULL
);
COMMENT ON TABLE validation_row IS 'Published figures beside computed ones, one value a row';
COMMENT ON COLUMN validation_row.validation_id IS 'Comparison';
COMMENT ON COLUMN validation_row.figure IS 'Sample and quantity, such as ta.theta';
COMMENT ON COLUMN validation_row.place IS 'Place among the values of the figure, from 0';
COMMENT ON COLUMN validation_row.sample IS 'Specimen or simulation';
COMMENT ON COLUMN validation_row.quantity IS 'What is stated';
COMMENT ON COLUMN validation_row.unit IS 'Unit; empty for a pure number';
COMMENT ON COLUMN validation_row.published IS 'Published value, in the unit beside it';
COMMENT ON COLUMN validation_row.computed IS 'Computed value, in the unit beside it; NULL if it was not attempted';
COMMENT ON COLUMN validation_row.tolerance IS 'Largest difference that counts as reproduced, in the unit beside it';
COMMENT ON COLUMN validation_row.status IS 'reproduced, differs or not attempted';
COMMENT ON COLUMN validation_row.mode IS 'reference quirks, or empty for the correct computation';
COMMENT ON COLUMN validation_row.remark IS 'Reason of the tolerance or of the difference';

CREATE TABLE checksum (
    entry VARCHAR NOT NULL CHECK (entry IN ('model', 'analysis', 'md_run', 'validation')),
    id VARCHAR NOT NULL,
    sha256 VARCHAR NOT NULL,
    UNIQUE (entry, id)
);
COMMENT ON TABLE checksum IS 'SHA-256 over all rows of an entry, written with it';
COMMENT ON COLUMN checksum.entry IS 'Table that the entry stands in: model, analysis, md_run or validation';
COMMENT ON COLUMN checksum.id IS 'Its id there';
COMMENT ON COLUMN checksum.sha256 IS 'SHA-256, hexadecimal';
