"""
Film paper, Supp. Fig. 22: from the nuclei into the matrix
==========================================================

Mean normalised order against the distance from the crystal nuclei of the Ta film, with the
exponential whose length is the width of the interface.
"""

import numpy as np
from matplotlib import pyplot as plt

from aet_port.figures.styles import interface
from aet_port.structure import crystalline_atoms, interface_width, surface_distance
from aet_port.validation.published_models import CUTOFFS, published_bond_order, published_model
from matlab_reference.locate import locate_reference

atoms = published_model(locate_reference, "Ta_film")
order = published_bond_order(locate_reference, "Ta_film")
distance = surface_distance(atoms, crystalline_atoms(atoms, order), CUTOFFS["Ta_film"])
fit = interface_width(order, distance)
layer = np.round(distance).astype(int)  # of one angstrom
x = np.arange(layer.min(), 16)
mean = np.array([order[layer == k].mean() if (layer == k).any() else np.nan for k in x])
curve = fit.far + (fit.surface - fit.far) * np.exp(-np.maximum(x, 0) / fit.width)
print(f"width {fit.width:.2f} angstrom by a fit to every atom")

_, axes = plt.subplots(figsize=(6, 4), layout="constrained")
interface(axes, x, mean, np.where(x >= 0, curve, np.nan), fit.width)
plt.show()
