"""
Did the structure change?
=========================

Did the structure change? ``python stable_structure.py [PIXEL_SIZE BEFORE AFTER ...]``. Files with
one image each, as measured.
"""

import sys

import numpy as np

import aet_port as aet
from aet_port.figures.image_stability import write_stability_figures
from aet_port.io import read_images
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.validation import StabilitySettings, compare_views

if len(sys.argv) > 3:
    size, views = float(sys.argv[1]), [read_images(name)[0] for name in sys.argv[2:]]
else:
    particle, size = amorphous_particle(120, "Ta", seed=1), 0.4
    places = particle.positions.copy()
    places[np.argmin(places[:, 1]), 0] += 2.0  # one atom at the surface has moved
    models = (particle, particle, aet.AtomicModel.from_positions(places, "Ta"))
    views = [
        simulate_tilt_series(one, [[0, 0, 0]], size, (72, 72), 1e5, seed).images[0]
        for seed, one in enumerate(models)
    ]

found = compare_views(np.stack(views), size, StabilitySettings(draws=20))
for pair in found.pairs:
    print(f"images {pair.first} and {pair.second}: {pair.reason}")
print(*write_stability_figures(".", found))
