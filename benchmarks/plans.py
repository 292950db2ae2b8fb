"""Errors planned before any image is taken, beside those that searches then make.

``python -m benchmarks.plans``: 220 Cu and Ta atoms (40 % Cu), pixels of 0.4 angstrom, B' = 5, tilts
from -70 to 70 degrees, 2e5 electrons per square angstrom, three particles for each number of tilts.
"""

from __future__ import annotations

import numpy as np

from aet_port.detection.loop import detect
from aet_port.detection.plan_settings import PlanSettings
from aet_port.detection.planning import plan_series
from aet_port.detection.settings import DetectSettings
from aet_port.simulation import amorphous_alloy
from aet_port.simulation.settings import Acquisition, SimulateSettings
from aet_port.simulation.tilt_series import simulate
from aet_port.validation.precision import score

ALLOY = {"Cu": 0.4, "Ta": 0.6}
ATOMS, DOSE = 220, 2e5  # electrons per square angstrom, whole series
TILTS, SEEDS = (20, 30, 40, 60), (14, 15, 16)


def planned_and_obtained(tilts: int, seed: int, threads: int = 1) -> tuple[float, float]:
    """RMSD of one particle as planned, and of the atoms found in its images, pm."""
    model = amorphous_alloy(ATOMS, ALLOY, seed=seed)
    exposed = Acquisition(dose=DOSE, seed=seed)
    settings = SimulateSettings(pixel_size=0.4, b_factor=5.0, acquisition=exposed)
    angles = PlanSettings().angles(tilts)
    plan = plan_series(model, angles, settings, threads=threads)
    series = simulate(model, angles, settings).series
    found = detect(series, tuple(ALLOY), DetectSettings(trials=0), threads=threads)
    return plan.position_error_pm, score(found.model, model).rmsd_pm


def main() -> None:
    """Print the table."""
    print("| tilts | RMSD planned | RMSD obtained |\n|---|---|---|")
    for tilts in TILTS:
        pairs = [planned_and_obtained(tilts, seed) for seed in SEEDS]
        planned, obtained = np.array(pairs).T
        shown = ", ".join(f"{one:.1f}" for one in obtained)
        print(f"| {tilts} | {planned.mean():.1f} pm | {shown} pm |", flush=True)


if __name__ == "__main__":
    main()
