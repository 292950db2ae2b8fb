"""
Glass paper, Fig. 1g: pair distribution of the disordered atoms
================================================================

With the five peaks that the paper marks.
"""

from matplotlib import pyplot as plt

from aet_port.figures.styles import pair_distributions
from aet_port.structure import crystalline_atoms, partial_pair_distribution
from aet_port.structure.bonds.orientational import bond_order
from aet_port.structure.pairs.partial_pdf import ALL
from aet_port.structure.pairs.peaks import pdf_peaks
from aet_port.validation.published_models import CUTOFFS, published_model
from matlab_reference.locate import locate_reference

atoms = published_model(locate_reference, "MG_particle")
order = bond_order(atoms, CUTOFFS["MG_particle"], reference_quirks=True)
disordered = atoms[~crystalline_atoms(atoms, order.normalised, scattered=False)]
pdf = partial_pair_distribution(disordered, groups=disordered.arrays["type"])
g = pdf.g[ALL]
peaks = pdf_peaks(pdf.r, g).peaks
print("peaks (angstrom):", ", ".join(f"{place:.2f}" for place in peaks))

_, axes = plt.subplots(figsize=(7, 4), layout="constrained")
marks = {f"R{number}": float(place) for number, place in enumerate(peaks, start=1)}
pair_distributions(axes, pdf.r, {"disordered atoms": g}, marks)
plt.show()
