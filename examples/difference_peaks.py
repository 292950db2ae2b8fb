"""
An atom left out of a model
===========================

``python difference_peaks.py [FOLDER of AET-AmorphousMaterials]``.
"""

import sys
from pathlib import Path

import numpy as np

import aet_port as aet
from aet_port.figures.difference_maps import write_difference_figures
from aet_port.io.matlab import read_sub_area_table
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.tracing import difference_map, find_map_peaks

if len(sys.argv) > 1:
    data, size = Path(sys.argv[1]), 0.3216
    outputs = data / "2_RESIRE_package/Output/Ta_film_sub_area_reconstruction"
    table = data / "1_Measured_data/Ta_film/Sub_area_projections_for_sAET/alignPara.mat"
    centre = read_sub_area_table(table).centres[17] - [201, 176, 171]  # voxels
    found = aet.read_volume(outputs / "ReconObj_sub18.mat", size)
    volume = aet.Volume(found.array, size, found.origin + size * centre)
    model = aet.read_model(data / "6_Final_coordinates/Final_atomic_model_Ta_film.mat", "Ta")
    voxels = volume.to_voxels(model.positions)
    inside = (voxels >= 0) & (voxels <= np.array(volume.shape) - 1)
    places = model.positions[np.all(inside, axis=1)]
else:
    truth = amorphous_particle(100, "Ta", seed=1)
    angles = [[0, theta, 0] for theta in range(-70, 71, 7)]
    series = simulate_tilt_series(truth, angles, 0.6, (44, 44), dose=None)
    volume, places = (
        aet.reconstruct(series, iterations=20, oversampling=2.0).volume,
        truth.positions,
    )
removed = int(np.argmin(np.linalg.norm(places - places.mean(axis=0), axis=1)))
less = aet.AtomicModel.from_positions(np.delete(places, removed, axis=0), "Ta")
made = difference_map(volume, less)
peaks = find_map_peaks(made.difference, less, width=made.width, number=200)
away = np.linalg.norm(peaks.positions - places[removed], axis=1)
rank = int(np.argmin(away))
print(f"{len(places)} atoms, one left out: peak {rank + 1} is {away[rank]:.2f} angstrom from it")
print(*write_difference_figures(".", made.difference, peaks, less))
