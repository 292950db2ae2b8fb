"""
Scan distortion from particles
==============================

Scan distortion from low-magnification images of particles, for the preprocessing of a series.
"""

import numpy as np
from matplotlib import pyplot as plt

from aet_port.core.geometry import euler_rotations
from aet_port.core.scan_distortion import ScanDistortion
from aet_port.preprocessing import PreprocessSettings, calibrate_scan
from aet_port.preprocessing.scan_calibration import write_calibration

# Images of 30 particles on a support: five tilts, and two turns of the scan for the scale along y.
angles = np.array([[0, t, 0] for t in (-50, -25, 0, 25, 50)] + [[45, 0, 0], [90, 0, 0]], float)
rng = np.random.default_rng(31)
grid = np.stack(np.meshgrid(*2 * [np.arange(-100, 101, 40)]), axis=-1).reshape(-1, 2)
places = np.zeros((36, 3))
places[:, :2] = grid + rng.uniform(-10, 10, grid.shape)
truth = ScanDistortion(shear_x=0.004, shear_y=-0.009, scale=1.006)
pixels = np.arange(320) - 160
images = []
for rotation in euler_rotations(angles):
    at = places @ (truth.matrix @ rotation[:2]).T
    lines = np.exp(-((pixels - at[..., None]) ** 2) / (2 * 2.5**2))
    images.append(np.einsum("ai,aj->ij", lines[:, 0], lines[:, 1]))
noisy = np.array(images) + rng.normal(0, 0.03, (7, 320, 320))

found = calibrate_scan(noisy, angles)
print(found)
write_calibration("scan.json", found.distortion)
print(PreprocessSettings(calibration="scan.json").calibration)  # aet preprocess --calibration
plt.imshow(noisy[2].T, origin="lower", cmap="gray")
