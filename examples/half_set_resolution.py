"""
Resolution by half sets
=======================

Resolution by half sets: ``python half_set_resolution.py [PROJECTIONS ANGLES PIXEL_SIZE]``.
"""

import sys

import aet_port as aet
from aet_port.figures.precision import write_precision_figures
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.validation import fourier_shell_correlation, half_volumes, soft_outline

if len(sys.argv) > 3:
    series = aet.read_tilt_series(sys.argv[1], sys.argv[2], float(sys.argv[3]))
else:
    angles = [[0, theta, 0] for theta in range(-70, 71, 7)]
    truth = amorphous_particle(100, "Ta", seed=1)
    series = simulate_tilt_series(truth, angles, 0.6, (44, 44), dose=3e4)

even, odd = half_volumes(series, iterations=20, oversampling=2.0)
shells = fourier_shell_correlation(even, odd, soft_outline(even, odd))
for row in shells.resolutions():
    print(row["criterion"], row["resolution"], row["remark"])
print(*write_precision_figures(".", shells=shells))
