-- How sure each atom is. Models stored before keep such values where they are, in atom_value.

ALTER TABLE atom ADD COLUMN sigma_x DOUBLE;
ALTER TABLE atom ADD COLUMN sigma_y DOUBLE;
ALTER TABLE atom ADD COLUMN sigma_z DOUBLE;
ALTER TABLE atom ADD COLUMN covariance_xy DOUBLE;
ALTER TABLE atom ADD COLUMN covariance_xz DOUBLE;
ALTER TABLE atom ADD COLUMN covariance_yz DOUBLE;
ALTER TABLE atom ADD COLUMN sigma_height DOUBLE;
ALTER TABLE atom ADD COLUMN p_exists DOUBLE;
ALTER TABLE atom ADD COLUMN p_species DOUBLE;
COMMENT ON COLUMN atom.sigma_x IS 'Standard error of x, angstrom; NULL if unknown';
COMMENT ON COLUMN atom.sigma_y IS 'Standard error of y, angstrom; NULL if unknown';
COMMENT ON COLUMN atom.sigma_z IS 'Standard error of z, angstrom; NULL if unknown';
COMMENT ON COLUMN atom.covariance_xy IS 'Covariance of the errors of x and y, square angstrom; NULL if unknown';
COMMENT ON COLUMN atom.covariance_xz IS 'Covariance of the errors of x and z, square angstrom; NULL if unknown';
COMMENT ON COLUMN atom.covariance_yz IS 'Covariance of the errors of y and z, square angstrom; NULL if unknown';
COMMENT ON COLUMN atom.sigma_height IS 'Standard error of the height of the atom (array height in atom_value), unit of the images times square angstrom; NULL if unknown';
COMMENT ON COLUMN atom.p_exists IS 'Probability that there is an atom, 0 to 1, dimensionless; NULL if unknown';
COMMENT ON COLUMN atom.p_species IS 'Probability that it is of the species given, 0 to 1, dimensionless; NULL if unknown';
