"""
Film paper, Fig. 4b and 4c: shape of the bipyramids
===================================================

Bonds of the pentagonal bipyramids of the Ta film over their mean ring bond, and the tilt of the
capping bond of both samples.
"""

from matplotlib import pyplot as plt

from aet_port.figures.styles import histograms
from aet_port.structure import face_pairs, find_motifs, find_tetrahedra
from aet_port.structure.polytetrahedral.bipyramid_shapes import bipyramid_geometry
from aet_port.validation.published_models import CUTOFFS, published_model
from matlab_reference.locate import locate_reference

shapes = {}
for sample in ("Ta_film", "Pd1"):
    atoms = published_model(locate_reference, sample)
    tetrahedra = find_tetrahedra(atoms, CUTOFFS[sample], delta=0.255)
    motifs = find_motifs(tetrahedra.vertices, face_pairs(tetrahedra.vertices))
    shapes[sample] = bipyramid_geometry(motifs, tetrahedra)
    print(f"{sample}: theta {shapes[sample].mean_theta:.2f} degrees")

_, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
ta = shapes["Ta_film"]
ring = ta.gamma.mean()
bonds = {"cap to cap": ta.alpha / ring, "cap to ring": ta.beta.ravel() / ring}
bonds["ring"] = ta.gamma.ravel() / ring
histograms(left, bonds, 0.01, "bond over mean ring bond", "probability density")
theta = {sample: shape.theta for sample, shape in shapes.items()}
histograms(
    right, theta, 1.0, "tilt of the capping bond (degrees)", "probability density (1/degree)"
)
plt.show()
