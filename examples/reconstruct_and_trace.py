"""
Reconstruct and trace
=====================

A simulated tilt series to atoms, in memory: reconstruct, trace, remove non-atom peaks.
"""

import aet_port as aet
from aet_port.simulation import amorphous_particle, tilt_angles
from aet_port.simulation.settings import SimulateSettings

truth = amorphous_particle(200, "Ta", seed=1)
settings = SimulateSettings(pixel_size=0.6, shape=(50, 50))  # angstrom; pixels
series = aet.simulate(truth, tilt_angles("ta-film"), settings).series

volume = aet.reconstruct(series, iterations=40, oversampling=2).volume
peaks = aet.trace(volume)  # all fitted local maxima
atoms = aet.remove_non_atoms(volume, peaks.accepted).atoms  # in voxels
model = aet.AtomicModel.from_positions(volume.to_positions(atoms), "Ta")  # in angstrom
aet.write_model("traced.xyz", model)

found = aet.match_models(model, truth)
print(f"{found.matched} of {found.n_truth} atoms found, RMSD {found.rmsd_pm:.0f} pm")
volume.plot()
