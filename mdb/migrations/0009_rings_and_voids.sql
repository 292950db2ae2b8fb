-- Rings of bonds and voids of an analysis, where it searched for them. Lengths are in angstrom. Rows
-- are only ever added.

CREATE TABLE ring (
    analysis_id INTEGER NOT NULL,
    definition VARCHAR NOT NULL,
    size SMALLINT NOT NULL,
    rings INTEGER NOT NULL,
    atoms INTEGER NOT NULL,
    smallest INTEGER NOT NULL,
    largest INTEGER NOT NULL
);
COMMENT ON TABLE ring IS 'Number of rings of bonds by definition and size, of every size that was searched';
COMMENT ON COLUMN ring.analysis_id IS 'Analysis that found them';
COMMENT ON COLUMN ring.definition IS 'king (a shortest ring through two bonds of an atom) or primitive (without a shorter path between two of its atoms)';
COMMENT ON COLUMN ring.size IS 'Number of atoms in a ring';
COMMENT ON COLUMN ring.rings IS 'Number of rings, in a periodic box those of one cell';
COMMENT ON COLUMN ring.atoms IS 'Number of atoms in at least one of them';
COMMENT ON COLUMN ring.smallest IS 'Number of atoms that are in none of fewer atoms';
COMMENT ON COLUMN ring.largest IS 'Number of atoms that are in none of more atoms';

CREATE TABLE atom_ring (
    analysis_id INTEGER NOT NULL,
    definition VARCHAR NOT NULL,
    size SMALLINT NOT NULL,
    atom INTEGER NOT NULL,
    rings INTEGER NOT NULL
);
COMMENT ON TABLE atom_ring IS 'Rings of bonds through each atom';
COMMENT ON COLUMN atom_ring.analysis_id IS 'Analysis that found them';
COMMENT ON COLUMN atom_ring.definition IS 'king or primitive';
COMMENT ON COLUMN atom_ring.size IS 'Number of atoms in a ring';
COMMENT ON COLUMN atom_ring.atom IS 'Atom';
COMMENT ON COLUMN atom_ring.rings IS 'Number of rings through it, above zero';

CREATE TABLE void_space (
    analysis_id INTEGER NOT NULL,
    measured_to VARCHAR NOT NULL,
    voids INTEGER NOT NULL,
    free_fraction DOUBLE,
    free_error DOUBLE
);
COMMENT ON TABLE void_space IS 'The space between the atoms, one row for each analysis that searched for voids';
COMMENT ON COLUMN void_space.analysis_id IS 'Analysis';
COMMENT ON COLUMN void_space.measured_to IS 'Where voids end: centres or surfaces (covalent radii) of the atoms';
COMMENT ON COLUMN void_space.voids IS 'Number of voids';
COMMENT ON COLUMN void_space.free_fraction IS 'Fraction of the volume outside all atoms, as spheres with covalent radii, dimensionless; NULL if a species is unknown';
COMMENT ON COLUMN void_space.free_error IS 'Its standard error, dimensionless';

CREATE TABLE void (
    analysis_id INTEGER NOT NULL,
    void INTEGER NOT NULL,
    x DOUBLE NOT NULL,
    y DOUBLE NOT NULL,
    z DOUBLE NOT NULL,
    radius DOUBLE NOT NULL
);
COMMENT ON TABLE void IS 'Largest empty spheres between the atoms; none has its centre in a larger one';
COMMENT ON COLUMN void.analysis_id IS 'Analysis that found it';
COMMENT ON COLUMN void.void IS 'Number of the void in its analysis, from 0, largest first';
COMMENT ON COLUMN void.x IS 'Centre, angstrom';
COMMENT ON COLUMN void.y IS 'Centre, angstrom';
COMMENT ON COLUMN void.z IS 'Centre, angstrom';
COMMENT ON COLUMN void.radius IS 'Radius, angstrom';

CREATE TABLE atom_void (
    analysis_id INTEGER NOT NULL,
    atom INTEGER NOT NULL,
    radius DOUBLE NOT NULL
);
COMMENT ON TABLE atom_void IS 'Largest empty sphere that touches each atom; atoms that none touches are left out';
COMMENT ON COLUMN atom_void.analysis_id IS 'Analysis that found it';
COMMENT ON COLUMN atom_void.atom IS 'Atom';
COMMENT ON COLUMN atom_void.radius IS 'Radius of the sphere, angstrom';
