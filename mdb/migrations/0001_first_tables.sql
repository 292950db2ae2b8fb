-- Lengths are in angstrom, angles in degrees. Atoms, tetrahedra, motifs and networks are numbered
-- from 0 within their model or analysis. Rows are only ever added.

CREATE TABLE sample (
    sample_id INTEGER PRIMARY KEY,
    name VARCHAR NOT NULL UNIQUE
);
COMMENT ON TABLE sample IS 'Specimen or simulated system that models belong to';
COMMENT ON COLUMN sample.sample_id IS 'Number of the sample';
COMMENT ON COLUMN sample.name IS 'Name given by the user';

CREATE TABLE tilt_series (
    tilt_series_id INTEGER PRIMARY KEY,
    sample_id INTEGER NOT NULL REFERENCES sample (sample_id),
    name VARCHAR NOT NULL,
    n_projections INTEGER NOT NULL,
    pixel_size DOUBLE NOT NULL,
    nx INTEGER NOT NULL,
    ny INTEGER NOT NULL,
    tilt_min DOUBLE NOT NULL,
    tilt_max DOUBLE NOT NULL
);
COMMENT ON TABLE tilt_series IS 'Projections of a sample that a reconstruction started from';
COMMENT ON COLUMN tilt_series.tilt_series_id IS 'Number of the tilt series';
COMMENT ON COLUMN tilt_series.sample_id IS 'Sample that was imaged';
COMMENT ON COLUMN tilt_series.name IS 'Where the tilt series came from';
COMMENT ON COLUMN tilt_series.n_projections IS 'Number of projections';
COMMENT ON COLUMN tilt_series.pixel_size IS 'Pixel size, angstrom';
COMMENT ON COLUMN tilt_series.nx IS 'Pixels of a projection along x';
COMMENT ON COLUMN tilt_series.ny IS 'Pixels of a projection along y, the tilt axis of a single-axis series';
COMMENT ON COLUMN tilt_series.tilt_min IS 'Smallest tilt angle theta, degrees';
COMMENT ON COLUMN tilt_series.tilt_max IS 'Largest tilt angle theta, degrees';

CREATE TABLE reconstruction (
    reconstruction_id INTEGER PRIMARY KEY,
    tilt_series_id INTEGER REFERENCES tilt_series (tilt_series_id),
    algorithm VARCHAR NOT NULL,
    parameters JSON NOT NULL,
    r_mean DOUBLE
);
COMMENT ON TABLE reconstruction IS 'How a volume was made from a tilt series';
COMMENT ON COLUMN reconstruction.reconstruction_id IS 'Number of the reconstruction';
COMMENT ON COLUMN reconstruction.tilt_series_id IS 'Tilt series that was reconstructed, if known';
COMMENT ON COLUMN reconstruction.algorithm IS 'Name of the algorithm, such as RESIRE';
COMMENT ON COLUMN reconstruction.parameters IS 'Parameters of the algorithm';
COMMENT ON COLUMN reconstruction.r_mean IS 'R factor, mean over projections, dimensionless';

CREATE TABLE model (
    model_id VARCHAR PRIMARY KEY,
    sample_id INTEGER NOT NULL REFERENCES sample (sample_id),
    reconstruction_id INTEGER REFERENCES reconstruction (reconstruction_id),
    kind VARCHAR NOT NULL CHECK (kind IN ('experiment', 'md_snapshot', 'synthetic')),
    name VARCHAR NOT NULL,
    content_hash VARCHAR NOT NULL UNIQUE,
    n_atoms INTEGER NOT NULL,
    cell DOUBLE[9] NOT NULL,
    pbc BOOLEAN[3] NOT NULL,
    r1_mean DOUBLE,
    code_version VARCHAR NOT NULL,
    deposited TIMESTAMP NOT NULL
);
COMMENT ON TABLE model IS 'Atomic models, from experiment or simulation';
COMMENT ON COLUMN model.model_id IS 'Element symbols in four letters padded with X, and five digits, such as NiRh00001';
COMMENT ON COLUMN model.sample_id IS 'Sample that the model is of';
COMMENT ON COLUMN model.reconstruction_id IS 'Reconstruction that the model was traced in, if any';
COMMENT ON COLUMN model.kind IS 'experiment, md_snapshot or synthetic';
COMMENT ON COLUMN model.name IS 'Where the model came from';
COMMENT ON COLUMN model.content_hash IS 'SHA-256 of kind, cell, periodicity and all stored columns of the atoms';
COMMENT ON COLUMN model.n_atoms IS 'Number of atoms';
COMMENT ON COLUMN model.cell IS 'Cell vectors one after the other, angstrom; zeros for a particle';
COMMENT ON COLUMN model.pbc IS 'Whether the model is periodic along each cell vector';
COMMENT ON COLUMN model.r1_mean IS 'R factor of the refined model against the projections, mean, dimensionless';
COMMENT ON COLUMN model.code_version IS 'Version of aet-port that deposited it';
COMMENT ON COLUMN model.deposited IS 'When it was deposited, UTC';

CREATE TABLE atom (
    model_id VARCHAR NOT NULL,
    atom INTEGER NOT NULL,
    species VARCHAR NOT NULL,
    x DOUBLE NOT NULL,
    y DOUBLE NOT NULL,
    z DOUBLE NOT NULL,
    type SMALLINT
);
COMMENT ON TABLE atom IS 'Atoms of the models, in the order of the model';
COMMENT ON COLUMN atom.model_id IS 'Model that the atom belongs to';
COMMENT ON COLUMN atom.atom IS 'Number of the atom in its model, from 0';
COMMENT ON COLUMN atom.species IS 'Chemical symbol';
COMMENT ON COLUMN atom.x IS 'Position along x, angstrom';
COMMENT ON COLUMN atom.y IS 'Position along y (tilt axis of a single-axis series), angstrom';
COMMENT ON COLUMN atom.z IS 'Position along z (beam at zero tilt), angstrom';
COMMENT ON COLUMN atom.type IS 'Type that the atom was classified as, where a type stands for several species';

CREATE TABLE analysis (
    analysis_id INTEGER PRIMARY KEY,
    model_id VARCHAR NOT NULL REFERENCES model (model_id),
    content_hash VARCHAR NOT NULL UNIQUE,
    parameters JSON NOT NULL,
    cutoff DOUBLE NOT NULL,
    delta DOUBLE NOT NULL,
    code_version VARCHAR NOT NULL,
    status VARCHAR NOT NULL CHECK (status IN ('passed', 'failed', 'not attempted')),
    n_tetrahedra INTEGER NOT NULL,
    n_face_pairs INTEGER NOT NULL,
    n_motifs INTEGER NOT NULL,
    deposited TIMESTAMP NOT NULL
);
COMMENT ON TABLE analysis IS 'Structure analyses; several of one model (other cut-off, other distortion) stand side by side';
COMMENT ON COLUMN analysis.analysis_id IS 'Number of the analysis';
COMMENT ON COLUMN analysis.model_id IS 'Model that was analysed';
COMMENT ON COLUMN analysis.content_hash IS 'SHA-256 of model, parameters and results';
COMMENT ON COLUMN analysis.parameters IS 'All parameters of the analysis; lengths in angstrom';
COMMENT ON COLUMN analysis.cutoff IS 'Longest edge of an accepted tetrahedron, angstrom';
COMMENT ON COLUMN analysis.delta IS 'Largest distortion parameter of an accepted tetrahedron, dimensionless';
COMMENT ON COLUMN analysis.code_version IS 'Version of aet-port that deposited it';
COMMENT ON COLUMN analysis.status IS 'passed, failed or not attempted';
COMMENT ON COLUMN analysis.n_tetrahedra IS 'Number of accepted tetrahedra';
COMMENT ON COLUMN analysis.n_face_pairs IS 'Number of pairs of tetrahedra that share a face';
COMMENT ON COLUMN analysis.n_motifs IS 'Number of motifs of 3 to 8 tetrahedra';
COMMENT ON COLUMN analysis.deposited IS 'When it was deposited, UTC';

CREATE TABLE tetrahedron (
    analysis_id INTEGER NOT NULL,
    tetrahedron INTEGER NOT NULL,
    atom_1 INTEGER NOT NULL,
    atom_2 INTEGER NOT NULL,
    atom_3 INTEGER NOT NULL,
    atom_4 INTEGER NOT NULL,
    distortion DOUBLE NOT NULL,
    volume DOUBLE NOT NULL
);
COMMENT ON TABLE tetrahedron IS 'Accepted Delaunay tetrahedra of an analysis';
COMMENT ON COLUMN tetrahedron.analysis_id IS 'Analysis that found it';
COMMENT ON COLUMN tetrahedron.tetrahedron IS 'Number of the tetrahedron in its analysis, from 0';
COMMENT ON COLUMN tetrahedron.atom_1 IS 'Lowest-numbered atom at a vertex';
COMMENT ON COLUMN tetrahedron.atom_2 IS 'Second atom';
COMMENT ON COLUMN tetrahedron.atom_3 IS 'Third atom';
COMMENT ON COLUMN tetrahedron.atom_4 IS 'Highest-numbered atom at a vertex';
COMMENT ON COLUMN tetrahedron.distortion IS 'Longest edge over mean edge, minus 1, dimensionless';
COMMENT ON COLUMN tetrahedron.volume IS 'Volume, cubic angstrom';

CREATE TABLE motif (
    analysis_id INTEGER NOT NULL,
    motif INTEGER NOT NULL,
    fold TINYINT NOT NULL,
    cap_1 INTEGER NOT NULL,
    cap_2 INTEGER NOT NULL,
    ring INTEGER[] NOT NULL
);
COMMENT ON TABLE motif IS 'Triplets (fold 3) and bipyramids of 4 to 8 tetrahedra around an edge; pentagonal bipyramids have fold 5';
COMMENT ON COLUMN motif.analysis_id IS 'Analysis that found it';
COMMENT ON COLUMN motif.motif IS 'Number of the motif in its analysis, from 0';
COMMENT ON COLUMN motif.fold IS 'Number of tetrahedra, 3 to 8';
COMMENT ON COLUMN motif.cap_1 IS 'Capping atom shared by all tetrahedra';
COMMENT ON COLUMN motif.cap_2 IS 'Other capping atom';
COMMENT ON COLUMN motif.ring IS 'Atoms around the capping pair in order; four atoms of an open fan for a triplet';

CREATE TABLE motif_tetrahedron (
    analysis_id INTEGER NOT NULL,
    motif INTEGER NOT NULL,
    place TINYINT NOT NULL,
    tetrahedron INTEGER NOT NULL
);
COMMENT ON TABLE motif_tetrahedron IS 'Tetrahedra of the motifs';
COMMENT ON COLUMN motif_tetrahedron.analysis_id IS 'Analysis of motif and tetrahedron';
COMMENT ON COLUMN motif_tetrahedron.motif IS 'Motif';
COMMENT ON COLUMN motif_tetrahedron.place IS 'Place around the capping pair, from 0';
COMMENT ON COLUMN motif_tetrahedron.tetrahedron IS 'Tetrahedron';

CREATE TABLE network (
    analysis_id INTEGER NOT NULL,
    network INTEGER NOT NULL,
    fold TINYINT NOT NULL,
    size INTEGER NOT NULL,
    atoms INTEGER NOT NULL,
    length DOUBLE,
    spanning BOOLEAN NOT NULL
);
COMMENT ON TABLE network IS 'Networks of motifs that share two tetrahedra; a motif alone is a network of size 1';
COMMENT ON COLUMN network.analysis_id IS 'Analysis that found it';
COMMENT ON COLUMN network.network IS 'Number of the network in its analysis, from 0, by fold, largest first';
COMMENT ON COLUMN network.fold IS 'Number of tetrahedra of each motif';
COMMENT ON COLUMN network.size IS 'Number of motifs';
COMMENT ON COLUMN network.atoms IS 'Number of atoms';
COMMENT ON COLUMN network.length IS 'Longest distance between two atoms, angstrom; NULL if it spans a periodic cell';
COMMENT ON COLUMN network.spanning IS 'Whether it reaches itself across a periodic cell';

CREATE TABLE network_member (
    analysis_id INTEGER NOT NULL,
    network INTEGER NOT NULL,
    motif INTEGER NOT NULL
);
COMMENT ON TABLE network_member IS 'Motifs of the networks';
COMMENT ON COLUMN network_member.analysis_id IS 'Analysis of network and motif';
COMMENT ON COLUMN network_member.network IS 'Network';
COMMENT ON COLUMN network_member.motif IS 'Motif';

CREATE TABLE pdf (
    analysis_id INTEGER NOT NULL,
    r DOUBLE NOT NULL,
    g DOUBLE NOT NULL,
    pairs BIGINT NOT NULL
);
COMMENT ON TABLE pdf IS 'Pair distribution functions over all atoms';
COMMENT ON COLUMN pdf.analysis_id IS 'Analysis that computed it';
COMMENT ON COLUMN pdf.r IS 'Middle of the bin, angstrom';
COMMENT ON COLUMN pdf.g IS 'Pair distribution, dimensionless, 1 for a uniform density';
COMMENT ON COLUMN pdf.pairs IS 'Pairs of atoms in the bin, each pair once';

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
