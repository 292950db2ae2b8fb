"""
Refine positions
================

Refine randomly displaced atoms against the projections.
"""

import numpy as np

import aet_port as aet
from aet_port.simulation import amorphous_particle, tilt_angles
from aet_port.simulation.settings import SimulateSettings

truth = amorphous_particle(100, "Ta", seed=2)
settings = SimulateSettings(pixel_size=0.5, shape=(50, 50))  # angstrom; pixels
series = aet.simulate(truth, tilt_angles("ta-film"), settings).series

noise = np.random.default_rng(0).normal(0, 0.15, truth.positions.shape)  # angstrom
displaced = aet.AtomicModel.from_positions(truth.positions + noise, "Ta")
refined = aet.refine(series, displaced)

for name, model in (("before", displaced), ("after", refined.model)):
    print(f"{name}: {aet.match_models(model, truth).rmsd_pm:.1f} pm")
print(refined)
print(f"B' {refined.b_factors['Ta']:.1f} square angstrom")
refined.plot()
