"""
Film paper, Supp. Fig. 11: bond angles
======================================

Angles between each two bonds of an atom, in the Ta film and the first Pd particle.
"""

import numpy as np
from matplotlib import pyplot as plt

from aet_port.figures.styles import curves
from aet_port.structure import crystalline_atoms
from aet_port.structure.bonds.angles import bond_angles
from aet_port.validation.published_models import CUTOFFS, published_bond_order, published_model
from matlab_reference.locate import locate_reference

density = {}
for sample in ("Ta_film", "Pd1"):
    atoms = published_model(locate_reference, sample)
    order = published_bond_order(locate_reference, sample)
    found = bond_angles(atoms[~crystalline_atoms(atoms, order)], CUTOFFS[sample])
    density[sample] = found.density
    print(f"{sample}: most frequent {found.angle[np.argmax(found.density)]:.0f} degrees")

_, axes = plt.subplots(figsize=(6, 4), layout="constrained")
curves(axes, found.angle, density, "bond angle (degrees)", "probability density (1/degree)")
plt.show()
