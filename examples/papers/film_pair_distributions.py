"""
Film paper: pair distributions of the disordered atoms
======================================================

The first valley of each is the cut-off of bonds: 4.12 angstrom for Ta, 3.90 for the first Pd
particle.
"""

from matplotlib import pyplot as plt

from aet_port.figures.styles import pair_distributions
from aet_port.structure import crystalline_atoms, partial_pair_distribution
from aet_port.structure.pairs.partial_pdf import ALL
from aet_port.structure.pairs.peaks import pdf_peaks
from aet_port.validation.published_models import published_bond_order, published_model
from matlab_reference.locate import locate_reference

g = {}
for sample in ("Ta_film", "Pd1"):
    atoms = published_model(locate_reference, sample)
    order = published_bond_order(locate_reference, sample)
    pdf = partial_pair_distribution(atoms[~crystalline_atoms(atoms, order)], r_max=15.0)
    g[sample] = pdf.g[ALL]
    print(f"{sample}: first valley {pdf_peaks(pdf.r, g[sample]).first_minimum:.2f} angstrom")

_, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
pair_distributions(axes, pdf.r, g, spacing=1.5)
plt.show()
