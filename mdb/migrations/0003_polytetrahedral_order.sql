-- Shape and joints of bipyramids, packing against distortion. Lengths are in angstrom, angles in
-- degrees. Rows are only ever added.

CREATE TABLE bipyramid (
    analysis_id INTEGER NOT NULL,
    motif INTEGER NOT NULL,
    alpha DOUBLE NOT NULL,
    beta DOUBLE NOT NULL,
    gamma DOUBLE NOT NULL,
    theta DOUBLE NOT NULL,
    amorphous BOOLEAN NOT NULL
);
COMMENT ON TABLE bipyramid IS 'Shape of the pentagonal bipyramids';
COMMENT ON COLUMN bipyramid.analysis_id IS 'Analysis that found it';
COMMENT ON COLUMN bipyramid.motif IS 'Motif';
COMMENT ON COLUMN bipyramid.alpha IS 'Capping bond, from cap to cap, angstrom';
COMMENT ON COLUMN bipyramid.beta IS 'Mean bond from cap to ring, angstrom';
COMMENT ON COLUMN bipyramid.gamma IS 'Mean bond on the ring, angstrom';
COMMENT ON COLUMN bipyramid.theta IS 'Angle between the capping bond and the normal of the ring, degrees';
COMMENT ON COLUMN bipyramid.amorphous IS 'Whether at least half of its tetrahedra are amorphous';

CREATE TABLE shared_edge (
    analysis_id INTEGER NOT NULL,
    motif_1 INTEGER NOT NULL,
    motif_2 INTEGER NOT NULL,
    dihedral DOUBLE NOT NULL
);
COMMENT ON TABLE shared_edge IS 'Pairs of amorphous pentagonal bipyramids that share two tetrahedra, an edge of their skeletons';
COMMENT ON COLUMN shared_edge.analysis_id IS 'Analysis of both motifs';
COMMENT ON COLUMN shared_edge.motif_1 IS 'Motif of the lower number';
COMMENT ON COLUMN shared_edge.motif_2 IS 'Other motif';
COMMENT ON COLUMN shared_edge.dihedral IS 'Angle between the two skeletons about the edge, degrees';

CREATE TABLE partial_icosahedron (
    analysis_id INTEGER NOT NULL,
    atom INTEGER NOT NULL,
    sites SMALLINT NOT NULL
);
COMMENT ON TABLE partial_icosahedron IS 'Atoms that cap amorphous pentagonal bipyramids';
COMMENT ON COLUMN partial_icosahedron.analysis_id IS 'Analysis that found it';
COMMENT ON COLUMN partial_icosahedron.atom IS 'Atom at the centre';
COMMENT ON COLUMN partial_icosahedron.sites IS 'Number of bipyramids it caps; 12 in an icosahedron';

CREATE TABLE packing (
    analysis_id INTEGER NOT NULL,
    delta DOUBLE NOT NULL,
    tetrahedra INTEGER NOT NULL,
    atoms DOUBLE NOT NULL,
    fold TINYINT NOT NULL,
    motifs INTEGER NOT NULL,
    population DOUBLE
);
COMMENT ON TABLE packing IS 'Polytetrahedral packing of the amorphous region against the distortion allowed';
COMMENT ON COLUMN packing.analysis_id IS 'Analysis that computed it';
COMMENT ON COLUMN packing.delta IS 'Largest distortion of a tetrahedron, dimensionless';
COMMENT ON COLUMN packing.tetrahedra IS 'Accepted tetrahedra of the amorphous region';
COMMENT ON COLUMN packing.atoms IS 'Fraction of its atoms that are corners of one, dimensionless';
COMMENT ON COLUMN packing.fold IS 'Number of tetrahedra of a motif, 3 to 8';
COMMENT ON COLUMN packing.motifs IS 'Motifs of that fold, wherever they lie';
COMMENT ON COLUMN packing.population IS 'Fraction of the tetrahedra that take part in one, dimensionless; NULL without tetrahedra';
