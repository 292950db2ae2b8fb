"""Errors of acquisition: each does what it says, apart from the others, and leaves a record."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.simulation import amorphous_particle, project_atoms
from aet_port.simulation.acquisition import acquire, blur_source, shift_images
from aet_port.simulation.settings import Acquisition

PIXEL, SHAPE = 0.5, (41, 36)
TILTS = np.stack([np.zeros(40), np.linspace(-60, 60, 40), np.zeros(40)], axis=1)
ALL = Acquisition(
    angle_error=1.0, shift_error=2.0, source_size=0.8, dose=8e5, read_noise=1.0, seed=5
)


@pytest.fixture(scope="module")
def particle() -> AtomicModel:
    return amorphous_particle(30, "Ta", seed=3)


def engine(model: AtomicModel) -> object:
    return lambda angles: project_atoms(model, angles, PIXEL, SHAPE)


def gaussian(shifts: NDArray, width: float = 2.0) -> NDArray:
    """Images of one Gaussian at the centre plus shift, evaluated there."""
    x, y = (np.arange(n) - n // 2 for n in SHAPE)
    across = np.exp(-((x - shifts[:, :1]) ** 2) / (2 * width**2))
    along = np.exp(-((y - shifts[:, 1:]) ** 2) / (2 * width**2))
    return across[:, :, None] * along[:, None, :]


def test_a_perfect_acquisition_is_the_engine(particle: AtomicModel) -> None:
    acquired = acquire(engine(particle), TILTS, PIXEL, Acquisition(dose=0))
    clean = project_atoms(particle, TILTS, PIXEL, SHAPE)
    assert np.array_equal(acquired.series.images, clean.astype(np.float32))
    assert np.array_equal(acquired.series.angles, TILTS)
    assert np.array_equal(acquired.angles, TILTS)
    assert not acquired.shifts.any()


def test_images_are_those_of_the_true_angles(particle: AtomicModel) -> None:
    acquired = acquire(engine(particle), TILTS, PIXEL, Acquisition(angle_error=1.0, dose=0))
    assert np.array_equal(acquired.series.angles, TILTS)
    error = acquired.angles - TILTS
    assert np.abs(error).max() <= 1
    # 120 draws: the standard deviation of a uniform distribution to 4 of its own errors.
    assert error.std() == pytest.approx(1 / np.sqrt(3), rel=0.2)
    at_true = project_atoms(particle, acquired.angles, PIXEL, SHAPE)
    assert np.array_equal(acquired.series.images, at_true.astype(np.float32))


def test_normal_errors_have_the_deviation_asked_for(particle: AtomicModel) -> None:
    settings = Acquisition(angle_error=0.5, shift_error=1.5, distribution="normal", dose=0)
    acquired = acquire(engine(particle), TILTS, PIXEL, settings)
    error = acquired.angles - TILTS
    assert error.std() == pytest.approx(0.5, rel=0.26)  # 4 errors of 120 draws
    assert acquired.shifts.std() == pytest.approx(1.5, rel=0.32)  # of 80
    assert np.abs(error).max() > 0.9


def test_shifts_are_recorded_with_their_sign() -> None:
    acquired = acquire(
        lambda angles: gaussian(np.zeros((len(angles), 2))),
        TILTS,
        PIXEL,
        Acquisition(shift_error=2.0, dose=0, seed=1),
    )
    assert 1.5 < np.abs(acquired.shifts).max() <= 2
    # A band-limited image is shifted exactly; the Gaussian's spectrum ends at 1e-9.
    assert acquired.series.images == pytest.approx(gaussian(acquired.shifts), abs=1e-6)


def test_shifting_by_whole_pixels_moves_and_drops_them() -> None:
    images = np.random.default_rng(0).uniform(1, 2, (2, *SHAPE))
    moved = shift_images(images, [[3, -2], [0, 0]])
    assert moved[1] == pytest.approx(images[1], abs=1e-12)
    assert moved[0, 3:, :-2] == pytest.approx(images[0, :-3, 2:], abs=1e-12)
    assert moved[0, :3] == pytest.approx(0, abs=1e-12)
    assert moved[0, :, -2:] == pytest.approx(0, abs=1e-12)


def test_the_source_widens_images_by_its_width() -> None:
    width = 2.0
    fwhm = 1.5  # angstrom
    blurred = blur_source(gaussian(np.zeros((1, 2)), width), PIXEL, fwhm)
    sigma = fwhm / 2.3548 / PIXEL
    wide = np.hypot(width, sigma)
    expected = gaussian(np.zeros((1, 2)), wide) * (width / wide) ** 2
    # The sampled kernel is 1.3 pixels wide and cut at 4 standard deviations.
    assert blurred == pytest.approx(expected, abs=2e-4)
    assert np.array_equal(blur_source(blurred, PIXEL, 0.0), blurred)


def test_dose_and_detector_noise_have_their_variance() -> None:
    level, dose, read = 0.2, 4e5, 3.0
    settings = Acquisition(dose=dose, read_noise=read)
    acquired = acquire(lambda angles: np.full((len(angles), *SHAPE), level), TILTS, PIXEL, settings)
    electrons = dose / len(TILTS) * PIXEL**2
    images = acquired.series.images.astype(np.float64)
    # 59040 pixels: four standard errors of mean and variance.
    deviation = np.sqrt(level * electrons + read**2) / electrons
    assert images.mean() == pytest.approx(level, abs=4 * deviation / np.sqrt(images.size))
    assert images.std() == pytest.approx(deviation, rel=4 / np.sqrt(2 * images.size))


def test_one_error_leaves_the_others_as_they_were(particle: AtomicModel) -> None:
    every = acquire(engine(particle), TILTS, PIXEL, ALL)
    again = acquire(engine(particle), TILTS, PIXEL, ALL)
    assert np.array_equal(every.series.images, again.series.images)
    for change in ({"angle_error": 0.0}, {"dose": 0.0}, {"source_size": 0.0}):
        other = acquire(engine(particle), TILTS, PIXEL, ALL.changed(**change))
        assert np.array_equal(other.shifts, every.shifts)
        assert not np.array_equal(other.series.images, every.series.images)
    still = acquire(engine(particle), TILTS, PIXEL, ALL.changed(shift_error=0.0))
    assert np.array_equal(still.angles, every.angles)
    reseeded = acquire(engine(particle), TILTS, PIXEL, ALL.changed(seed=6))
    assert not np.isin(reseeded.shifts, every.shifts).any()


def test_the_truth_is_written_in_plain_numbers(particle: AtomicModel) -> None:
    acquired = acquire(engine(particle), TILTS, PIXEL, ALL)
    record = json.loads(json.dumps(acquired.truth()))
    assert np.array_equal(record["true_angles"], acquired.angles)
    assert np.array_equal(record["shifts_in_pixels"], acquired.shifts)
    assert np.array_equal(record["nominal_angles"], TILTS)
    assert record["pixel_size"] == PIXEL
    assert Acquisition(**record["acquisition"]) == ALL


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"angle_error": -1.0},
            "angle_error: found -1.0; expected a number between 0 and 180 .degrees",
        ),
        (
            {"shift_error": np.nan},
            "shift_error: found nan; expected a number between 0 and 1000 .pixels",
        ),
        ({"source_size": np.inf}, "source_size: found inf"),
        ({"read_noise": -0.1}, "read_noise: found -0.1"),
        ({"distribution": "cauchy"}, "'uniform' or 'normal'"),
        ({"dose": -1.0}, "dose: found -1.0"),
        ({"seed": -1}, "seed: found -1"),
    ],
)
def test_bad_settings(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Acquisition(**options)


def test_bad_arrays(particle: AtomicModel) -> None:
    with pytest.raises(InputError, match=r"angles: found shape \(40,\)"):
        acquire(engine(particle), TILTS[:, 1], PIXEL)
    with pytest.raises(InputError, match=r"shifts: found shape \(3, 2\)"):
        shift_images(np.zeros((2, 4, 4)), np.zeros((3, 2)))
    with pytest.raises(InputError, match="shifts: found NaN"):
        shift_images(np.zeros((1, 4, 4)), [[np.nan, 0]])
