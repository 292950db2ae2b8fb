-- Medium-range order of solute centres. Lengths are in angstrom. Rows are only ever added.

CREATE TABLE mro (
    analysis_id INTEGER NOT NULL,
    mro INTEGER NOT NULL,
    solute VARCHAR NOT NULL,
    lattice VARCHAR NOT NULL,
    size INTEGER NOT NULL,
    length DOUBLE NOT NULL,
    volume DOUBLE NOT NULL,
    lattice_constant DOUBLE NOT NULL,
    rms DOUBLE NOT NULL,
    orientation DOUBLE[] NOT NULL
);
COMMENT ON TABLE mro IS 'Networks of solute centres on the sites of a lattice, without overlap; the papers call those of five and more medium-range order';
COMMENT ON COLUMN mro.analysis_id IS 'Analysis that found it';
COMMENT ON COLUMN mro.mro IS 'Number of the network in its analysis, from 0, as they were chosen';
COMMENT ON COLUMN mro.solute IS 'Species or type of the centres';
COMMENT ON COLUMN mro.lattice IS 'fcc, hcp, bcc or sc';
COMMENT ON COLUMN mro.size IS 'Number of centres';
COMMENT ON COLUMN mro.length IS 'Longest distance between two of its atoms, those around the centres included, angstrom';
COMMENT ON COLUMN mro.volume IS 'Volume of the convex hull of these atoms, cubic angstrom';
COMMENT ON COLUMN mro.lattice_constant IS 'Distance of nearest sites, angstrom';
COMMENT ON COLUMN mro.rms IS 'Root mean square distance of the centres from their sites, angstrom';
COMMENT ON COLUMN mro.orientation IS 'Rotation matrix that turns the lattice into the network, row by row, dimensionless';

CREATE TABLE mro_member (
    analysis_id INTEGER NOT NULL,
    mro INTEGER NOT NULL,
    atom INTEGER NOT NULL
);
COMMENT ON TABLE mro_member IS 'Solute centres of the networks';
COMMENT ON COLUMN mro_member.analysis_id IS 'Analysis of the network';
COMMENT ON COLUMN mro_member.mro IS 'Network';
COMMENT ON COLUMN mro_member.atom IS 'Atom at the centre';

CREATE TABLE shared_atom (
    analysis_id INTEGER NOT NULL,
    centre_1 INTEGER NOT NULL,
    centre_2 INTEGER NOT NULL,
    shared SMALLINT NOT NULL
);
COMMENT ON TABLE shared_atom IS 'Neighbouring solute-centred clusters that have atoms in common';
COMMENT ON COLUMN shared_atom.analysis_id IS 'Analysis that found it';
COMMENT ON COLUMN shared_atom.centre_1 IS 'Atom of the lower number';
COMMENT ON COLUMN shared_atom.centre_2 IS 'Other atom';
COMMENT ON COLUMN shared_atom.shared IS 'Number of atoms in both first shells';
