"""
The halo of disordered atoms
============================

Halo in the power spectra of images: ``python amorphous_halo.py [IMAGES PIXEL_SIZE]``.
"""

import sys

from aet_port.figures.power_spectra import write_spectrum_figures
from aet_port.io import read_images
from aet_port.preprocessing import power_spectra
from aet_port.simulation import amorphous_particle, simulate_tilt_series

if len(sys.argv) > 2:
    images, size = read_images(sys.argv[1]), float(sys.argv[2])
else:
    particle, size = amorphous_particle(600, "Ta", seed=1), 0.35
    angles = [[0, theta, 0] for theta in (-60, -30, 0, 30, 60)]
    images = simulate_tilt_series(particle, angles, size, (96, 96), dose=2e4).images

found = power_spectra(images, size)
if found.halo is None:
    print("no halo:", found.reason)
else:
    halo = found.halo
    print(f"halo {halo.frequency:.3f} +- {halo.error:.3f} 1/angstrom, {halo.period:.2f} angstrom")
print(*write_spectrum_figures(".", found, images))
