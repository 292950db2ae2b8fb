"""
Film paper, Fig. 5f: bipyramids that share an edge
==================================================

Dihedral angle of pentagonal bipyramids that share an edge of their skeletons.
"""

from matplotlib import pyplot as plt

from aet_port.figures.styles import histograms
from aet_port.structure import face_pairs, find_motifs, find_sharing, find_tetrahedra
from aet_port.validation.published_models import CUTOFFS, published_model
from matlab_reference.locate import locate_reference

angles = {}
for sample in ("Ta_film", "Pd1"):
    atoms = published_model(locate_reference, sample)
    tetrahedra = find_tetrahedra(atoms, CUTOFFS[sample], delta=0.255)
    motifs = find_motifs(tetrahedra.vertices, face_pairs(tetrahedra.vertices))
    angles[sample] = find_sharing(motifs, tetrahedra).dihedral
    print(f"{sample}: {len(angles[sample])} pairs, mean {angles[sample].mean():.2f} degrees")

_, axes = plt.subplots(figsize=(6, 4), layout="constrained")
histograms(axes, angles, 1.0, "dihedral angle (degrees)", "probability density (1/degree)")
plt.show()
