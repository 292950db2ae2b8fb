"""
Raw frames to a clean series
============================

Raw frames with drift and background to a clean, aligned tilt series.
"""

import numpy as np

import aet_port as aet
from aet_port.io import write_frames, write_tilt_series
from aet_port.preprocessing.settings import PreprocessSettings
from aet_port.simulation import amorphous_particle, project_atoms
from aet_port.simulation.raw_frames import take_frames
from aet_port.simulation.settings import RawFrameSettings

truth = amorphous_particle(60, "Ta", seed=4)
angles = np.zeros((9, 3))
angles[:, 1] = np.linspace(-60, 60, 9)  # theta, about y
raw = take_frames(
    lambda a: project_atoms(truth, a, 0.6, (70, 68)),
    angles,
    pixel_size=0.6,
    settings=RawFrameSettings(n_frames=2, shear=0.004, seed=1),
)
write_frames("raw.mrc", aet.FrameSeries(tuple(raw.frames), raw.angles[:, 1], 0.6))

frames = aet.read_frames("raw.mrc")  # or .emd, .dm4, .ser, .tif; a file, a folder, a list
settings = PreprocessSettings(denoise="nlm", shear_y=0.004, margin=6)  # shear from a calibration
done = aet.preprocess(frames, settings)
write_tilt_series("clean.mat", "clean.txt", done.series)
print(frames)
print(done.series)
print(done.noise)
done.series.plot()
