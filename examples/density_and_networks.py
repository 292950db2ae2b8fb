"""Density map and medium-range order: python density_and_networks.py [MODEL [CUTOFF [SOLUTE]]].

Figures 3b of the film paper and 3 to 5 of the glass paper, drawn for a model. SOLUTE is the species
whose networks are searched; without it those of a random fifth of a simulated particle are.
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
solute = given[2] if len(given) > 2 else None
if given:
    model = aet.read_model(given[0], default_species="Ta")
else:
    model, solute = amorphous_particle(400, "Ta", seed=1), "W"
    model.atoms.symbols[np.random.default_rng(1).random(400) < 0.2] = solute

found = aet.analyze(model, cutoff=cutoff, solute=solute)
density = interpolated_density(model, found.order.inner_volumes, found.cutoff)
print(f"{len(model)} atoms, cut-off {found.cutoff:.2f} angstrom, {density}")
for gain in density_gains(density, found.tetrahedra, found.motifs):
    numbers = f"{100 * gain.over_mean:5.2f} % {100 * gain.over_rest:5.2f} %"
    print(f"{gain.packing:22} over mean, rest: {numbers}; volume {100 * gain.share:.0f} %")
print(write_density_map("density.mrc", density), write_density_slice("slice.png", density, found))
print(*write_medium_range_figures(found, "."))
