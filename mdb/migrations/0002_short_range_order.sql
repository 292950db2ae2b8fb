-- Short-range order. Groups are the species, or the types where an atom's type stands for several
-- species. Lengths are in angstrom, angles in degrees. Rows are only ever added.

CREATE TABLE atom_order (
    analysis_id INTEGER NOT NULL,
    atom INTEGER NOT NULL,
    q4 DOUBLE,
    q6 DOUBLE,
    boo DOUBLE,
    crystalline BOOLEAN NOT NULL,
    nucleus INTEGER,
    signed_distance DOUBLE
);
COMMENT ON TABLE atom_order IS 'Bond-orientational order of every atom, and the crystal nucleus it belongs to';
COMMENT ON COLUMN atom_order.analysis_id IS 'Analysis that computed it';
COMMENT ON COLUMN atom_order.atom IS 'Atom';
COMMENT ON COLUMN atom_order.q4 IS 'Averaged local Q4 (Lechner and Dellago), dimensionless; NULL where undefined';
COMMENT ON COLUMN atom_order.q6 IS 'Averaged local Q6, dimensionless; NULL where undefined';
COMMENT ON COLUMN atom_order.boo IS 'Normalised bond-orientational order, 1 for fcc, dimensionless; NULL where undefined';
COMMENT ON COLUMN atom_order.crystalline IS 'Whether the atom belongs to the crystalline part';
COMMENT ON COLUMN atom_order.nucleus IS 'Number of its crystal nucleus, from 0, largest first; NULL outside nuclei';
COMMENT ON COLUMN atom_order.signed_distance IS 'Distance to the surface of the nearest nucleus, angstrom, negative inside; NULL without nuclei';

CREATE TABLE voronoi (
    analysis_id INTEGER NOT NULL,
    atom INTEGER NOT NULL,
    n3 SMALLINT,
    n4 SMALLINT,
    n5 SMALLINT,
    n6 SMALLINT,
    cn SMALLINT,
    volume DOUBLE,
    density DOUBLE,
    surface BOOLEAN NOT NULL
);
COMMENT ON TABLE voronoi IS 'Voronoi polyhedra of the atoms, faces below 1 % of the surface removed';
COMMENT ON COLUMN voronoi.analysis_id IS 'Analysis that computed it';
COMMENT ON COLUMN voronoi.atom IS 'Atom';
COMMENT ON COLUMN voronoi.n3 IS 'Faces with three edges; NULL where the polyhedron is open';
COMMENT ON COLUMN voronoi.n4 IS 'Faces with four edges';
COMMENT ON COLUMN voronoi.n5 IS 'Faces with five edges';
COMMENT ON COLUMN voronoi.n6 IS 'Faces with six edges';
COMMENT ON COLUMN voronoi.cn IS 'Coordination number: faces of any number of edges; NULL where the polyhedron is open';
COMMENT ON COLUMN voronoi.volume IS 'Volume of the polyhedron before faces are removed, cubic angstrom; NULL where unbounded';
COMMENT ON COLUMN voronoi.density IS 'Mass of the atom over that volume, gram per cubic centimetre; NULL where the polyhedron is open';
COMMENT ON COLUMN voronoi.surface IS 'Whether the atom lies at the surface of the sample';

CREATE TABLE partial_pdf (
    analysis_id INTEGER NOT NULL,
    group_1 VARCHAR NOT NULL,
    group_2 VARCHAR NOT NULL,
    r DOUBLE NOT NULL,
    g DOUBLE,
    pairs BIGINT NOT NULL
);
COMMENT ON TABLE partial_pdf IS 'Pair and partial pair distribution functions of the disordered atoms, of all if fewer than 100 are disordered';
COMMENT ON COLUMN partial_pdf.analysis_id IS 'Analysis that computed it';
COMMENT ON COLUMN partial_pdf.group_1 IS 'Species or type of one atom';
COMMENT ON COLUMN partial_pdf.group_2 IS 'Species or type of the other; all pairs: both are *';
COMMENT ON COLUMN partial_pdf.r IS 'Middle of the bin, angstrom';
COMMENT ON COLUMN partial_pdf.g IS 'Pair distribution, dimensionless, 1 for a uniform density; NULL where no part of the shells lies in the sample';
COMMENT ON COLUMN partial_pdf.pairs IS 'Ordered pairs of atoms in the bin';

CREATE TABLE coordination (
    analysis_id INTEGER NOT NULL,
    group_1 VARCHAR NOT NULL,
    group_2 VARCHAR NOT NULL,
    number DOUBLE,
    warren_cowley DOUBLE
);
COMMENT ON TABLE coordination IS 'Partial coordination numbers and chemical order of the disordered atoms below the surface';
COMMENT ON COLUMN coordination.analysis_id IS 'Analysis that computed it';
COMMENT ON COLUMN coordination.group_1 IS 'Species or type of the central atom';
COMMENT ON COLUMN coordination.group_2 IS 'Species or type of its neighbours';
COMMENT ON COLUMN coordination.number IS 'Mean number of such neighbours, dimensionless; NULL if the group has no such atom';
COMMENT ON COLUMN coordination.warren_cowley IS 'Warren-Cowley parameter, dimensionless, 0 for a random mixture; NULL where undefined';

CREATE TABLE bond_angle (
    analysis_id INTEGER NOT NULL,
    angle DOUBLE NOT NULL,
    density DOUBLE
);
COMMENT ON TABLE bond_angle IS 'Distribution of the angles between two bonds of an atom';
COMMENT ON COLUMN bond_angle.analysis_id IS 'Analysis that computed it';
COMMENT ON COLUMN bond_angle.angle IS 'Middle of the bin, degrees';
COMMENT ON COLUMN bond_angle.density IS 'Probability density per degree; NULL if no atom has two bonds';

CREATE TABLE measure (
    analysis_id INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    value DOUBLE,
    unit VARCHAR NOT NULL
);
COMMENT ON TABLE measure IS 'Single figures of an analysis, such as peak positions and the interface width';
COMMENT ON COLUMN measure.analysis_id IS 'Analysis that computed it';
COMMENT ON COLUMN measure.name IS 'What was measured';
COMMENT ON COLUMN measure.value IS 'Value, in the unit beside it; NULL where the sample does not define it';
COMMENT ON COLUMN measure.unit IS 'Unit; 1 for a pure number';
