"""Medium-range order: solute centres on local lattices."""
