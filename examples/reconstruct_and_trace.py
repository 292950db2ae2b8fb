"""A simulated tilt series to atoms, in memory: reconstruct, trace, leave out what is no atom."""

import aet_port as aet
from aet_port.simulation import amorphous_particle, simulate_tilt_series, tilt_angles

truth = amorphous_particle(200, "Ta", seed=1)
series = simulate_tilt_series(truth, tilt_angles("ta-film"), pixel_size=0.6, shape=(50, 50))

volume = aet.reconstruct(series, iterations=40, oversampling=2).volume
peaks = aet.trace(volume)  # every bright spot, fitted
atoms = aet.remove_non_atoms(volume.array, peaks.accepted).atoms  # in voxels
model = aet.AtomicModel.from_positions(volume.to_positions(atoms), "Ta")  # in angstrom
aet.write_model("traced.xyz", model)

found = aet.match_models(model.positions, truth.positions)
print(f"{found.matched} of {found.n_truth} atoms found, {found.rmsd_pm:.0f} pm off")
