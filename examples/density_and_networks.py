"""
Density and medium-range order
==============================

Density map and medium-range order: ``python density_and_networks.py [MODEL [CUTOFF [SIGMA
[SOLUTE]]]]``. Figures 3b of the film paper and 3 to 5 of the glass paper, drawn for a model.
CUTOFF and SIGMA, the standard deviation that smooths the map, are in angstrom; SIGMA is the
cut-off unless given. SOLUTE is the species whose networks are searched; without a MODEL those of
a random fifth of a simulated particle are.
"""

import sys

import numpy as np

import aet_port as aet
from aet_port.figures.density import write_density_slice
from aet_port.figures.medium_range import write_medium_range_figures
from aet_port.simulation import amorphous_particle
from aet_port.structure import density_gains, interpolated_density, write_density_map

given = sys.argv[1:]
cutoff = float(given[1]) if len(given) > 1 else None  # the first valley
sigma = float(given[2]) if len(given) > 2 else None
solute = given[3] if len(given) > 3 else None
if given:
    model = aet.read_model(given[0], default_species="Ta")
else:
    model, solute = amorphous_particle(400, "Ta", seed=1), "W"
    model.atoms.symbols[np.random.default_rng(1).random(400) < 0.2] = solute

found = aet.analyze(model, cutoff=cutoff, solute=solute)
density = interpolated_density(model, found.order.inner_volumes, sigma or found.cutoff)
spread = 100 * np.nanstd(density.values) / np.nanmean(density.values)
print(f"{len(model)} atoms, cut-off {found.cutoff:.2f} angstrom, {density}, sd {spread:.1f} %")
for gain in density_gains(density, found.tetrahedra, found.motifs):
    numbers = f"{100 * gain.over_mean:5.2f} % {100 * gain.over_rest:5.2f} %"
    print(f"{gain.packing:22} over mean, rest: {numbers}; volume {100 * gain.share:.0f} %")
print(write_density_map("density.mrc", density), write_density_slice("slice.png", density, found))
print(*write_medium_range_figures(found, "."))
