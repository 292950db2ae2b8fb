-- How each atom was fitted stands in a table of its own: of most models nothing of it is known, and
-- twelve columns of NULL for each atom are a quarter of the log of a deposit.

CREATE TABLE atom_fit (
    model_id VARCHAR NOT NULL,
    atom INTEGER NOT NULL,
    confidence DOUBLE,
    b_factor DOUBLE,
    flag VARCHAR,
    sigma_x DOUBLE,
    sigma_y DOUBLE,
    sigma_z DOUBLE,
    covariance_xy DOUBLE,
    covariance_xz DOUBLE,
    covariance_yz DOUBLE,
    sigma_height DOUBLE,
    p_exists DOUBLE,
    p_species DOUBLE
);
COMMENT ON TABLE atom_fit IS 'How each atom was fitted and how sure it is; a model of which nothing of this is known has no rows';
COMMENT ON COLUMN atom_fit.model_id IS 'Model that the atom belongs to';
COMMENT ON COLUMN atom_fit.atom IS 'Number of the atom in its model, from 0';
COMMENT ON COLUMN atom_fit.confidence IS 'Probability of the class it was given, dimensionless';
COMMENT ON COLUMN atom_fit.b_factor IS 'Thermal factor B'' of the atom alone, square angstrom';
COMMENT ON COLUMN atom_fit.flag IS 'Remark on the atom, such as added by hand';
COMMENT ON COLUMN atom_fit.sigma_x IS 'Standard error of x, angstrom; NULL if unknown';
COMMENT ON COLUMN atom_fit.sigma_y IS 'Standard error of y, angstrom; NULL if unknown';
COMMENT ON COLUMN atom_fit.sigma_z IS 'Standard error of z, angstrom; NULL if unknown';
COMMENT ON COLUMN atom_fit.covariance_xy IS 'Covariance of the errors of x and y, square angstrom; NULL if unknown';
COMMENT ON COLUMN atom_fit.covariance_xz IS 'Covariance of the errors of x and z, square angstrom; NULL if unknown';
COMMENT ON COLUMN atom_fit.covariance_yz IS 'Covariance of the errors of y and z, square angstrom; NULL if unknown';
COMMENT ON COLUMN atom_fit.sigma_height IS 'Standard error of the height of the atom (array height in atom_value), unit of the images times square angstrom; NULL if unknown';
COMMENT ON COLUMN atom_fit.p_exists IS 'Probability that there is an atom, 0 to 1, dimensionless; NULL if unknown';
COMMENT ON COLUMN atom_fit.p_species IS 'Probability that it is of the species given, 0 to 1, dimensionless; NULL if unknown';

-- In the order of the atoms, over which the checksum of a model is computed.
INSERT INTO atom_fit
SELECT model_id, atom, confidence, b_factor, flag, sigma_x, sigma_y, sigma_z, covariance_xy,
       covariance_xz, covariance_yz, sigma_height, p_exists, p_species
FROM atom WHERE model_id IN (
    SELECT model_id FROM atom
    WHERE flag IS NOT NULL
    OR coalesce(confidence, b_factor, sigma_x, sigma_y, sigma_z, covariance_xy, covariance_xz,
                covariance_yz, sigma_height, p_exists, p_species) IS NOT NULL
)
ORDER BY atom.rowid;

ALTER TABLE atom DROP COLUMN confidence;
ALTER TABLE atom DROP COLUMN b_factor;
ALTER TABLE atom DROP COLUMN flag;
ALTER TABLE atom DROP COLUMN sigma_x;
ALTER TABLE atom DROP COLUMN sigma_y;
ALTER TABLE atom DROP COLUMN sigma_z;
ALTER TABLE atom DROP COLUMN covariance_xy;
ALTER TABLE atom DROP COLUMN covariance_xz;
ALTER TABLE atom DROP COLUMN covariance_yz;
ALTER TABLE atom DROP COLUMN sigma_height;
ALTER TABLE atom DROP COLUMN p_exists;
ALTER TABLE atom DROP COLUMN p_species;
