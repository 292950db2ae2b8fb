"""
Film paper, Fig. 5j and Supp. Fig. 16: the largest networks
===========================================================

The five largest networks of pentagonal bipyramids of the Ta film: 135, 38, 35, 28 and 24
bipyramids, the first of 165 atoms.
"""

from matplotlib import pyplot as plt

import aet_port as aet
from aet_port.figures.bipyramid_networks import draw_networks
from aet_port.structure import crystalline_atoms
from aet_port.validation.published_models import CUTOFFS, published_bond_order, published_model
from matlab_reference.locate import locate_reference

atoms = published_model(locate_reference, "Ta_film")
amorphous = atoms[~crystalline_atoms(atoms, published_bond_order(locate_reference, "Ta_film"))]
found = aet.analyze(atoms, cutoff=CUTOFFS["Ta_film"], delta=0.255)
print("all atoms:", found.networks[5].size[:5], "of", len(amorphous), "disordered atoms")

picture = draw_networks("networks.png", atoms, found, pixels=900)
plt.figure(figsize=(7, 7))
plt.imshow(plt.imread(picture))
plt.axis("off")
plt.show()
