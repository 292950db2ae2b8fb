"""Planned errors against Fisher matrices of simulated images, and against what a search finds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.scattering import adf_cross_section
from aet_port.detection.loop import detect
from aet_port.detection.plan_result import PairPlan
from aet_port.detection.plan_settings import PlanSettings
from aet_port.detection.planning import plan_series, plan_table
from aet_port.detection.settings import DetectSettings
from aet_port.simulation import amorphous_alloy, amorphous_particle, project_atoms
from aet_port.simulation.acquisition import blur_source
from aet_port.simulation.settings import Acquisition, SimulateSettings
from aet_port.simulation.tilt_series import simulate
from aet_port.validation.precision import score

ANGLES = np.array([[0.0, theta, 0.0] for theta in range(-66, 67, 12)])
PLACES = np.array([[0, 0, 0], [2.6, 0.3, -0.4], [-4, 3, 2], [3, -4, 1.0]])
SHAPE = (44, 40)
MODEL = AtomicModel.from_positions(PLACES, ["Pt", "Pd", "Pd", "Pt"])


def settings(**errors: float) -> SimulateSettings:
    exposed = Acquisition(**({"dose": 4e5, "background": 400.0} | errors))  # type: ignore[arg-type]
    return SimulateSettings(pixel_size=0.4, shape=SHAPE, acquisition=exposed)


def counts(model: AtomicModel, sections: dict[str, float], made: SimulateSettings) -> NDArray:
    """Expected electrons of the simulation's own images."""
    images = project_atoms(
        model, ANGLES, made.pixel_size, SHAPE, made.b_factor, sections, made.linear_probe
    )
    blurred = blur_source(images, made.pixel_size, made.acquisition.source_size)
    return made.acquisition.dose / len(ANGLES) * made.pixel_size**2 * blurred


def fisher_errors(made: SimulateSettings) -> NDArray:
    """Relative height error, and position errors, of all atoms free; shape (n, 4)."""
    optics = made.microscope
    whole = {
        s: adf_cross_section(s, optics.energy, optics.inner, optics.outer) for s in ("Pd", "Pt")
    }
    total = counts(MODEL, whole, made) + made.acquisition.background
    weights = 1 / (np.maximum(total, 0) + made.acquisition.read_noise**2)
    rows = []
    for number in range(len(PLACES)):
        alone = AtomicModel.from_positions(PLACES[[number]], [MODEL.species[number]])
        rows.append(counts(alone, whole, made).ravel())  # by the relative height
        for step in 0.02 * np.eye(3):
            ends = [
                AtomicModel.from_positions(PLACES[[number]] + sign * step, alone.species)
                for sign in (1, -1)
            ]
            rows.append(
                (counts(ends[0], whole, made) - counts(ends[1], whole, made)).ravel() / 0.04
            )
    slopes = np.array(rows)
    inverse = np.linalg.inv((slopes * weights.ravel()) @ slopes.T)
    return np.sqrt(np.diag(inverse)).reshape(-1, 4)


@pytest.mark.parametrize(
    "made",
    [
        settings(),
        settings(source_size=0.8),
        settings(read_noise=3.0).changed(probe="two-gaussians"),
    ],
    ids=["form factor", "source", "two Gaussians"],
)
def test_errors_are_those_of_the_simulated_images(made: SimulateSettings) -> None:
    """Dose, cross sections, probe and noise all enter as in the simulation.

    One blurred weight stands for all pixels of an atom (4 %, as in the test of the covariances: the
    background keeps the weights alike), and one profile for both species (1 %).
    """
    arrays = plan_series(MODEL, ANGLES, made, threads=1).model.atoms.arrays
    found = np.stack(
        [arrays["sigma_height"] / arrays["height"], *(arrays[f"sigma_{axis}"] for axis in "xyz")], 1
    )
    np.testing.assert_allclose(found, fisher_errors(made), rtol=0.05)


def test_errors_fall_with_the_square_root_of_the_dose() -> None:
    # Background and signal grow alike; read noise, which does not, is off. What is known of a
    # position without any image, 2 angstrom, is a thousandth at most.
    one = plan_series(MODEL, ANGLES, settings(read_noise=0.0), threads=1)
    four = plan_series(
        MODEL, ANGLES, settings(read_noise=0.0, dose=1.6e6, background=1600.0), threads=1
    )
    assert four.position_error_pm == pytest.approx(one.position_error_pm / 2, rel=1e-3)
    assert four.species[0].height == pytest.approx(4 * one.species[0].height, rel=1e-9)
    assert four.model.atoms.arrays["height"] == pytest.approx(
        one.model.atoms.arrays["height"], rel=1e-9
    )


def test_only_atoms_on_half_of_the_images_count() -> None:
    far = AtomicModel.from_positions(
        [*PLACES, [0, 30, 0], [0, -30, 0]], [*MODEL.species] + ["Pt"] * 2
    )
    inside = plan_series(far, ANGLES, settings(), threads=1)
    assert len(inside.model) == len(PLACES)
    with pytest.raises(InputError, match="no atom on half of the images"):
        plan_series(replace(far, atoms=far.atoms[[4, 5]]), ANGLES, settings(), threads=1)


def test_what_cannot_be_planned_is_refused() -> None:
    with pytest.raises(InputError, match="dose"):
        plan_series(MODEL, ANGLES, settings(dose=0.0, background=0.0))
    with pytest.raises(InputError, match="angles"):
        plan_series(MODEL, ANGLES[:, 1], settings())
    with pytest.raises(InputError, match="engine"):
        plan_series(MODEL, ANGLES, settings().changed(engine="multislice"))
    with pytest.raises(InputError, match="tilt_range"):
        PlanSettings(tilt_range=(60.0, -60.0))


def test_table_has_every_number_of_tilts_with_every_dose() -> None:
    plan = PlanSettings(tilts=(5, 8), dose=(1e4, 3e4), per_image=True, tilt_range=(-60.0, 50.0))
    found = plan_table(MODEL, plan, settings(), threads=1)
    assert [(one.tilts, one.dose) for one in found] == [
        (5, 5e4), (5, 1.5e5), (8, 8e4), (8, 2.4e5),
    ]  # fmt: skip
    assert plan.angles(5)[:, 1].tolist() == [-60.0, -32.5, -5.0, 22.5, 50.0]
    assert plan_table(MODEL, plan.changed(per_image=False), settings(), threads=1)[3].dose == 3e4


def test_words_follow_the_figures() -> None:
    assert [PairPlan("Pd", "Pt", wrong, 0.0).verdict for wrong in (0.05, 0.2, 0.26)] == [
        "decidable", "doubtful", "not decidable",
    ]  # fmt: skip
    alloy = amorphous_alloy(100, {"Pd": 0.5, "Ag": 0.5})
    angles = PlanSettings().angles(10)
    (said,) = plan_series(alloy, angles, SimulateSettings(), threads=1).sentences
    assert "Pd beside Ag is not decidable" in said  # one electron more than Pd
    poor = SimulateSettings(acquisition=Acquisition(dose=2e3))
    assert plan_series(alloy, angles, poor, threads=1).sentences[0].endswith("will be found")


def obtained(model: AtomicModel, tilts: int, seed: int, species: tuple[str, ...]) -> float:
    """RMSD of a search relative to that planned."""
    exposed = Acquisition(dose=2e5, seed=seed)
    made = SimulateSettings(pixel_size=0.4, b_factor=5.0, acquisition=exposed)
    angles = PlanSettings().angles(tilts)
    series = simulate(model, angles, made).series
    found = detect(series, species, DetectSettings(trials=0), threads=1)
    planned = plan_series(model, angles, made, threads=1)
    return score(found.model, model).rmsd_pm / planned.position_error_pm


def test_a_search_reaches_the_planned_errors() -> None:
    """Chance of 60 atoms: 1 / sqrt(2 * 180) = 5 %; three times that."""
    assert obtained(amorphous_particle(60, "Ta", seed=4), 20, 4, ("Ta",)) == pytest.approx(
        1, abs=0.15
    )


@pytest.mark.slow
@pytest.mark.parametrize("tilts", [20, 30, 40, 60])
def test_two_species_reach_the_planned_errors(tilts: int) -> None:
    """As issue K asks, for each number of tilts."""
    model = amorphous_alloy(220, {"Cu": 0.4, "Ta": 0.6}, seed=14)
    assert obtained(model, tilts, 14, ("Cu", "Ta")) == pytest.approx(1, abs=0.15)
