"""Recall and errors that ``aet validate-model`` estimates without the truth, beside the true ones.

``python -m benchmarks.half_sets [CASE ...]``, or ``list``: 40 tilts from -70 to 70 degrees, pixels
of 0.4 angstrom, B' = 5; a search with default settings in all data and one in each half.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from aet_port.core.atomic_model import AtomicModel
from aet_port.detection.loop import detect
from aet_port.detection.plan_settings import PlanSettings
from aet_port.simulation import amorphous_alloy, amorphous_particle
from aet_port.simulation.settings import Acquisition, SimulateSettings
from aet_port.simulation.tilt_series import simulate
from aet_port.validation.half_models import search_halves
from aet_port.validation.null_tests import against_nulls
from aet_port.validation.precision import score
from aet_port.validation.settings import Split

SEED = 14
HEADS = (
    "sample, dose (electrons per square angstrom), halves",
    "true recall; of the halves",
    "estimated",
    "true RMSD; half of that between the halves; stated errors, scaled",
    "largest p of a null model",
)


@dataclass(frozen=True)
class Case:
    """A sample, the dose of its series in electrons per square angstrom, and how it is halved."""

    species: tuple[str, ...]
    dose: float
    split: Split

    @property
    def name(self) -> str:
        """As in the table."""
        return f"{'Cu and Ta' if len(self.species) > 1 else 'Ta'}, {self.dose:g}, {self.split}"

    def sample(self) -> AtomicModel:
        """250 Ta atoms, or 220 Cu and Ta atoms with 40 % Cu."""
        if self.species == ("Ta",):
            return amorphous_particle(250, "Ta", seed=SEED)
        return amorphous_alloy(220, {"Cu": 0.4, "Ta": 0.6}, seed=SEED)


TA, ALLOY = ("Ta",), ("Cu", "Ta")
CASES = (
    Case(TA, 1.5e4, "tilts"),
    Case(TA, 1.7e4, "tilts"),
    Case(TA, 2e4, "tilts"),
    Case(TA, 3e4, "counts"),
    Case(ALLOY, 1.2e5, "tilts"),
    Case(ALLOY, 1.4e5, "tilts"),
    Case(ALLOY, 1.8e5, "counts"),
    Case(ALLOY, 2e5, "tilts"),
    Case(ALLOY, 4e5, "counts"),
)


def row(case: Case, threads: int = 1) -> str:
    """One row of the table."""
    truth = case.sample()
    exposed = Acquisition(dose=case.dose, seed=SEED)
    settings = SimulateSettings(pixel_size=0.4, b_factor=5.0, acquisition=exposed)
    series = simulate(truth, PlanSettings().angles(40), settings).series
    full = detect(series, case.species, threads=threads).model
    halves = search_halves(series, full, case.species, split=case.split, threads=threads)
    known = score(full, truth)
    own = [100 * score(one, truth).recall for one in (halves.first, halves.second)]
    estimate = halves.recall
    nulls = against_nulls(halves.halves)
    stated = halves.expected_error_pm
    warned = " (with a warning)" if estimate.warnings else ""
    cells = [
        case.name + warned,
        f"{100 * known.recall:.1f} %; {own[0]:.1f}, {own[1]:.1f} %",
        f"{100 * estimate.recall:.1f} %; " + ", ".join(f"{100 * h:.1f}" for h in estimate.halves),
        f"{known.rmsd_pm:.1f}; {halves.common_error_pm:.1f}; "
        + ("none" if stated is None else f"{stated:.1f} pm"),
        f"{max(one.p for one in nulls if not one.reason):.0e}",
    ]
    return "| " + " | ".join(cells) + " |"


def main(names: list[str]) -> None:
    """Print the rows asked for."""
    if names == ["list"]:
        print("\n".join(case.name for case in CASES))
        return
    print("| " + " | ".join(HEADS) + " |\n|" + "---|" * len(HEADS), flush=True)
    for case in CASES:
        if not names or case.name in names:
            print(row(case), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
