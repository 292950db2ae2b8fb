"""
Glass paper, Fig. 1f: bond-orientational order
==============================================

Averaged Q4 and Q6 of all atoms, with the values of perfect lattices. Atoms whose normalised order
is below 0.5 are disordered: 84.54 % in the paper.
"""

from matplotlib import pyplot as plt

from aet_port.figures.styles import bond_order_map
from aet_port.structure import crystalline_atoms, lattice_order
from aet_port.structure.bonds.orientational import bond_order
from aet_port.validation.published_models import CUTOFFS, published_model
from matlab_reference.locate import locate_reference

atoms = published_model(locate_reference, "MG_particle")
order = bond_order(atoms, CUTOFFS["MG_particle"], reference_quirks=True)
crystalline = crystalline_atoms(atoms, order.normalised, scattered=False)
print(f"{100 * (~crystalline).mean():.2f} % of {len(atoms)} atoms are disordered")

_, axes = plt.subplots(figsize=(5.2, 4.6), layout="constrained")
lattices = {name: lattice_order(name) for name in ("fcc", "hcp", "bcc")}
bond_order_map(axes, order.q4, order.q6, lattices)
plt.show()
