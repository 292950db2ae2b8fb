"""Raw frames that drift, on a background, to a clean and aligned tilt series."""

import numpy as np

from aet_port.core.frame_series import FrameSeries
from aet_port.core.scan_distortion import ScanDistortion
from aet_port.io import read_frames, write_frames, write_tilt_series
from aet_port.preprocessing.chain import preprocess
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
write_frames("raw.mrc", FrameSeries(tuple(raw.frames), raw.angles[:, 1], 0.6))

series = read_frames("raw.mrc")  # or .emd, .dm4, .ser, .tif; a file, a folder, a list
known = ScanDistortion(shear_y=0.004)  # from a calibration of the scan
done = preprocess(series, PreprocessSettings(denoise="nlm", distortion=known, margin=6))
write_tilt_series("clean.mat", "clean.txt", done.series)
print(f"{sum(series.frames_per_tilt)} frames to {len(done.series.images)} images")
print(f"noise {done.noise}")
