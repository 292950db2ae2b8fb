-- What surrounds each atom: structure types and strain by OVITO, local chemical order. Rows are only
-- ever added.

CREATE TABLE structure_type (
    analysis_id INTEGER NOT NULL,
    atom INTEGER NOT NULL,
    ptm VARCHAR NOT NULL,
    ptm_rmsd DOUBLE,
    ptm_spacing DOUBLE,
    cna VARCHAR NOT NULL,
    strain_volume DOUBLE,
    strain_shear DOUBLE,
    strain_xx DOUBLE,
    strain_yy DOUBLE,
    strain_zz DOUBLE,
    strain_xy DOUBLE,
    strain_xz DOUBLE,
    strain_yz DOUBLE,
    orientation_x DOUBLE,
    orientation_y DOUBLE,
    orientation_z DOUBLE,
    orientation_w DOUBLE
);
COMMENT ON TABLE structure_type IS 'Structure type, strain and orientation of every atom by polyhedral template matching and common-neighbour analysis (OVITO), where they were asked for';
COMMENT ON COLUMN structure_type.analysis_id IS 'Analysis that computed it';
COMMENT ON COLUMN structure_type.atom IS 'Atom';
COMMENT ON COLUMN structure_type.ptm IS 'Structure by template matching: fcc, hcp, bcc, icosahedral, sc, cubic diamond, hexagonal diamond or other';
COMMENT ON COLUMN structure_type.ptm_rmsd IS 'Root-mean-square deviation from the best template, in nearest-neighbour distances, dimensionless; NULL where none could be compared';
COMMENT ON COLUMN structure_type.ptm_spacing IS 'Nearest-neighbour distance of the template scaled to the surroundings, angstrom; NULL outside the structures';
COMMENT ON COLUMN structure_type.cna IS 'Structure by adaptive common-neighbour analysis: fcc, hcp, bcc, icosahedral or other';
COMMENT ON COLUMN structure_type.strain_volume IS 'Volumetric strain, a third of the trace of the Green-Lagrangian strain against the unstrained lattice, dimensionless; NULL outside lattices';
COMMENT ON COLUMN structure_type.strain_shear IS 'Shear strain, von Mises invariant of that strain, dimensionless; NULL outside lattices';
COMMENT ON COLUMN structure_type.strain_xx IS 'Component of that strain along the axes of the sample, dimensionless; NULL outside lattices';
COMMENT ON COLUMN structure_type.strain_yy IS 'Component of that strain, dimensionless';
COMMENT ON COLUMN structure_type.strain_zz IS 'Component of that strain, dimensionless';
COMMENT ON COLUMN structure_type.strain_xy IS 'Component of that strain, dimensionless';
COMMENT ON COLUMN structure_type.strain_xz IS 'Component of that strain, dimensionless';
COMMENT ON COLUMN structure_type.strain_yz IS 'Component of that strain, dimensionless';
COMMENT ON COLUMN structure_type.orientation_x IS 'Rotation from the template to the sample, x of a unit quaternion, dimensionless; NULL outside the structures';
COMMENT ON COLUMN structure_type.orientation_y IS 'y of that quaternion, dimensionless';
COMMENT ON COLUMN structure_type.orientation_z IS 'z of that quaternion, dimensionless';
COMMENT ON COLUMN structure_type.orientation_w IS 'w of that quaternion, dimensionless';

CREATE TABLE structure_fraction (
    analysis_id INTEGER NOT NULL,
    method VARCHAR NOT NULL,
    structure VARCHAR NOT NULL,
    atoms INTEGER,
    fraction DOUBLE,
    unstrained_spacing DOUBLE,
    reason VARCHAR
);
COMMENT ON TABLE structure_fraction IS 'How many atoms have each structure type; NULL with a reason where the types were asked for and OVITO was not installed';
COMMENT ON COLUMN structure_fraction.analysis_id IS 'Analysis that computed it';
COMMENT ON COLUMN structure_fraction.method IS 'ptm: polyhedral template matching; cna: adaptive common-neighbour analysis';
COMMENT ON COLUMN structure_fraction.structure IS 'Structure type';
COMMENT ON COLUMN structure_fraction.atoms IS 'Number of atoms; NULL if not determined';
COMMENT ON COLUMN structure_fraction.fraction IS 'Fraction of all atoms, dimensionless; NULL if not determined';
COMMENT ON COLUMN structure_fraction.unstrained_spacing IS 'Nearest-neighbour distance of the unstrained lattice that strains are measured against, angstrom; NULL without strains';
COMMENT ON COLUMN structure_fraction.reason IS 'Why the fraction, or the strain of the atoms, is not stated; NULL if it is';

CREATE TABLE local_chemistry (
    analysis_id INTEGER NOT NULL,
    atom INTEGER NOT NULL,
    group_2 VARCHAR NOT NULL,
    neighbours SMALLINT NOT NULL,
    warren_cowley DOUBLE
);
COMMENT ON TABLE local_chemistry IS 'Neighbours of every atom by species or type within a radius, and local Warren-Cowley parameters; none of samples of one species';
COMMENT ON COLUMN local_chemistry.analysis_id IS 'Analysis that computed it';
COMMENT ON COLUMN local_chemistry.atom IS 'Central atom';
COMMENT ON COLUMN local_chemistry.group_2 IS 'Species or type of its neighbours';
COMMENT ON COLUMN local_chemistry.neighbours IS 'Number of such neighbours within the radius (chemical_radius of the parameters, or the cut-off)';
COMMENT ON COLUMN local_chemistry.warren_cowley IS 'Warren-Cowley parameter of this atom, dimensionless, against the composition of the sample; NULL without neighbours';
