"""Tilt angles and shifts of a simulated series found again: what is left of their errors.

``python -m benchmarks angles``: 150 Ta atoms, 40 tilts from -66 to 66 degrees, images of 48 x 47
pixels of 0.6 angstrom, errors of up to 1 degree in each angle and 2 pixels along x and y.
"""

from __future__ import annotations

import numpy as np

from aet_port.alignment.from_atoms import refine_angles_to_model
from aet_port.alignment.from_volume import AngleRefinement, refine_angles
from aet_port.core.data import TiltSeries
from aet_port.core.image_shift import fourier_shift
from aet_port.simulation import simulate_tilt_series
from benchmarks.timing import Row
from tests.alignment.test_angles import Case, make_case

DOSE = 8.2e5  # electrons per square angstrom, whole series


def noisy(case: Case) -> TiltSeries:
    """The series of a case with the noise of a dose, displaced as that of the case."""
    clean = case.series
    made = simulate_tilt_series(
        case.model, case.angles, clean.pixel_size, clean.detector, DOSE, seed=1
    )
    moved = [fourier_shift(i, s) for i, s in zip(made.images, case.shifts, strict=True)]
    return TiltSeries(np.array(moved, np.float32), clean.angles, clean.pixel_size, name="noisy")


def left(case: Case, found: AngleRefinement, gauge: bool) -> str:
    """Rms errors of phi, theta and psi, and of the shifts."""
    rms, _, displaced = case.errors(found, gauge)
    return ", ".join(f"{one:.3f}" for one in rms) + f" degree; {displaced:.4f} pixel"


def run() -> list[Row]:
    """Rows of the table."""
    case = make_case(150, 48, 40, 0.6, 66.0)
    volume = left(case, refine_angles(case.series), gauge=True)
    atoms = left(case, refine_angles_to_model(noisy(case), case.model), gauge=False)
    return [
        Row("angles and shifts refined from the volume, without noise", volume),
        Row(f"the same at {DOSE:g} electrons per square angstrom, against the atoms", atoms),
    ]
