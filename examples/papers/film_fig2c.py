"""
Film paper, Fig. 2c: motifs of the Ta film, with intervals
==========================================================

Dashed: published model inside six sub-areas. Given the folder of ``aet run
examples/ta_film_atoms.toml`` (``film_fig2c.py FOLDER [DRAWS]``, minutes), also the atoms found.
"""

import sys

from matplotlib import pyplot as plt

import aet_port as aet
from aet_port.figures.intervals import packing_intervals
from aet_port.figures.packing import NAMES
from aet_port.structure import packing_by_distortion, resample
from aet_port.structure.bonds.nuclei import crystalline_atoms
from aet_port.validation.published_models import CUTOFFS, published_bond_order, published_model
from aet_port.validation.published_sub_areas import inside_sub_areas
from matlab_reference.locate import locate_reference as find

film, cutoff, margin = published_model(find, "Ta_film"), CUTOFFS["Ta_film"], CUTOFFS["Ta_film"] + 2
disordered = ~crystalline_atoms(film, published_bond_order(find, "Ta_film"))
inside = disordered & inside_sub_areas(find, film.positions, margin)
of_film = packing_by_distortion(film, cutoff, amorphous=disordered)
of_part = packing_by_distortion(film, cutoff, amorphous=inside)
print(f"published: {disordered.sum()} disordered atoms, {inside.sum()} inside")
names, intervals = {k: name for k, name in NAMES.items() if k <= 6}, None
_, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
if given := sys.argv[1:]:
    model = aet.read_model(f"{given[0]}/detected.extxyz")
    disordered = aet.analyze(model, cutoff=cutoff).order.population.mask
    chosen = disordered & inside_sub_areas(find, model.positions, margin)
    found = aet.analyze(model, cutoff=cutoff, population=chosen)
    intervals = resample(model, found, int(given[1]) if given[1:] else 50).intervals
    packing_intervals(axes, intervals, names)
    print(f"found: {len(model)} atoms, {chosen.sum()} disordered ones inside")
for k, (fold, name) in enumerate(names.items()):
    percent = 100 * of_part.populations[:, k]
    axes.plot(of_part.delta, percent, "--", color=f"C{k}", label=None if given else name)
    print(f"{name:13} film {100 * of_film.populations[8, k]:.1f} %, inside {percent[8]:.1f} %")
    print(" ", intervals[f"population {fold}"].sentence() if intervals else "")
axes.set(xlabel="largest distortion of a tetrahedron", ylabel="tetrahedra in motifs (%)")
axes.legend(frameon=False)
plt.show()
