"""
Glass paper, Fig. 2a and 2c: Voronoi cells
==========================================

The ten most frequent Voronoi indices of the disordered atoms, and the edges of their faces, with
correct areas of faces; ``aet validate`` also gives those with the areas of the papers' code.
"""

from matplotlib import pyplot as plt

from aet_port.figures.styles import bars
from aet_port.structure import crystalline_atoms, voronoi_analysis
from aet_port.structure.bonds.orientational import bond_order
from aet_port.validation.published_models import CUTOFFS, published_model
from matlab_reference.locate import locate_reference

atoms = published_model(locate_reference, "MG_particle")
order = bond_order(atoms, CUTOFFS["MG_particle"], reference_quirks=True)
disordered = ~crystalline_atoms(atoms, order.normalised, scattered=False)
cells = voronoi_analysis(atoms)
top = {
    "<" + ",".join(map(str, index)) + ">": 100 * share
    for index, _, share in cells.ranking(disordered)[:10]
}
faces = dict(zip("3456", 100 * cells.face_fractions(disordered), strict=True))

_, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
bars(left, top, "atoms (%)")
left.tick_params("x", rotation=60)
bars(right, faces, "faces (%), by number of edges")
print({index: round(float(share), 2) for index, share in top.items()})
plt.show()
