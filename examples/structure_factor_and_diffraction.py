"""
From S(q) to a diffraction pattern and back
===========================================

S(q) of a glass, a diffraction pattern simulated from it, and g(r) found again in the pattern.
"""

import ase
import numpy as np

from aet_port.core.scattering import scattering_factor
from aet_port.diffraction import DiffractionSettings, RingGeometry, analyze_pattern
from aet_port.simulation.glass_quench import quench_box
from aet_port.structure import box_structure_factor, pair_distribution
from aet_port.structure.pairs.debye import structure_factor

side = (500 / 0.845) ** (1 / 3)  # of a box of 500 atoms, in units of the pair potential
scale = 2.86 / 1.12  # Ta atoms are 2.86 angstrom apart
places = quench_box(500, np.full(3, side), seed=1) * scale
glass = ase.Atoms(["Ta"] * 500, places, cell=np.full(3, side * scale), pbc=True)

exact = box_structure_factor(glass, 12.0, step=0.1)  # or: aet structure-factor glass.xyz
print(f"S(q): highest at {exact.q[exact.s.argmax()]:.2f} 1/angstrom")

pixel, shape = 0.02, (256, 256)  # 1/angstrom
q = 2 * np.pi * pixel * RingGeometry((131.0, 126.5)).radii(shape)
s = structure_factor(glass, np.arange(0.3, 24, 0.02), window="none").s
s = np.maximum(np.interp(q, np.arange(0.3, 24, 0.02), s), 0)
electrons = scattering_factor(q / (2 * np.pi), "Ta") ** 2 * s
expected = 2000 * electrons / electrons[q > 1.5].max() + 300 * np.exp(-q / 3) + 10
image = np.random.default_rng(0).poisson(expected).astype(float)

settings = DiffractionSettings(
    reciprocal_pixel=pixel, composition={"Ta": 1.0}, beam_stop="none", q_max=14.0
)
found = analyze_pattern(image, settings)  # or: aet diffraction image.tif --composition Ta=1
model = pair_distribution(glass)
print(found)
print(f"first peak: {found.pdf.r[np.argmax(found.pdf.g * (found.pdf.r > 2.2))]:.2f} angstrom")
print(f"of the model: {model.r[model.g.argmax()]:.2f} angstrom")
found.plot()
