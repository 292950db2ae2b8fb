"""Atoms displaced at random go back to where the projections say they are."""

import numpy as np

import aet_port as aet
from aet_port.simulation import amorphous_particle, simulate_tilt_series, tilt_angles

truth = amorphous_particle(100, "Ta", seed=2)
series = simulate_tilt_series(truth, tilt_angles("ta-film"), pixel_size=0.5, shape=(50, 50))

noise = np.random.default_rng(0).normal(0, 0.15, truth.positions.shape)  # angstrom
displaced = aet.AtomicModel.from_positions(truth.positions + noise, "Ta")
refined = aet.refine(series, displaced, max_evaluations=40)

for name, model in (("before", displaced), ("after", refined.model)):
    off = aet.match_models(model.positions, truth.positions).rmsd_pm
    print(f"{name}: {off:.1f} pm")
print(f"R1 {refined.r1.mean():.3f}, B' {refined.b_factors['Ta']:.1f} square angstrom")
