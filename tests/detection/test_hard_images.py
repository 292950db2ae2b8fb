"""Images without noise, with too much of it, and images left out of the search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

import aet_port as aet
from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.core.uncertainty import SIGMAS
from aet_port.detection.cross_validation import cross_validate_detection, with_r_free
from aet_port.detection.loop import detect
from aet_port.detection.settings import DetectSettings
from aet_port.refinement.likelihood import Likelihood
from tests.detection.samples import electrons_per_unit, likelihood, particle, ta_series


@pytest.fixture(scope="module")
def noiseless() -> TiltSeries:
    """Hardly any noise, but errors of a tenth that no atoms explain."""
    rng = np.random.default_rng(8)
    images = ta_series(dose=8e9).images.astype(np.float64)
    errors = ndimage.gaussian_filter(rng.normal(size=images.shape), (0, 3, 3))
    images = images * (1 + 0.1 * errors / errors.std())
    images += 1e-4 * images.max() * rng.normal(size=images.shape)
    return replace(ta_series(), images=images.astype(np.float32))


def test_what_atoms_leave_unexplained_counts_as_noise(noiseless: TiltSeries) -> None:
    made = detect(noiseless, "Ta", threads=1)
    precision = aet.score(made.model, particle())
    assert precision.matching.matched == len(made.model) == 40
    assert any(text.startswith("the images have hardly any noise left") for text in made.warnings)
    first, second = precision.matching.found_index, precision.matching.truth_index
    errors = np.stack([made.model.atoms.arrays[name] for name in SIGMAS], axis=1)[first]
    pulls = (made.model.positions[first] - particle().positions[second]) / errors
    # Errors of neighbouring pixels are alike, so that the expected errors are not exact; by the
    # noise left in the images they would be a hundred times too small.
    assert 0.3 < np.sqrt(np.mean(pulls**2)) < 3


def test_dispersion_divides_cost_and_weights() -> None:
    images = np.random.default_rng(0).poisson(20.0, (3, 44, 40)).astype(np.float32)
    plain, spread = likelihood(images), likelihood(images)
    spread.dispersion = 4.0
    expected = np.full((44, 40), 18.0, np.float32)
    assert spread.cost(expected, 1) == pytest.approx(plain.cost(expected, 1) / 4)
    assert np.allclose(spread.weights(expected), plain.weights(expected) / 4)


@pytest.mark.parametrize("blur", [0.0, 1.5])
def test_misfit_of_noise(blur: float) -> None:
    """One for noise as assumed; more for the same power at the frequencies of atoms."""
    rng = np.random.default_rng(1)
    level = 400.0
    noise = rng.normal(size=(6, 44, 40))
    if blur:
        noise = ndimage.gaussian_filter(noise, (0, blur, blur))
    noise *= np.sqrt(level + 1) / noise.std()
    made: Likelihood = likelihood((level + noise).astype(np.float32))
    found = made.misfit(np.full((6, 44, 40), level, np.float32))
    if blur:
        assert found > 3
    else:
        assert found == pytest.approx(1, abs=0.05)  # 2 / sqrt(5000 frequencies) and edges


def test_faint_atoms_are_said_to_be_doubtful() -> None:
    dose = 9e3
    known = DetectSettings(
        counts_per_unit=electrons_per_unit(dose), read_noise=1.0, max_rounds=2, background=False,
        trials=0,
    )  # fmt: skip
    made = detect(ta_series(dose=dose), "Ta", known, threads=1)
    assert any("standard errors (median)" in text for text in made.warnings)


@pytest.mark.slow
def test_images_left_out_of_the_search() -> None:
    series = ta_series(20)
    images = series.images.copy()
    images[4] = np.roll(images[4], (1, 0), axis=(0, 1))
    images[7] = np.roll(images[7], (8, -7), axis=(0, 1))
    known = DetectSettings(shifts=True, max_rounds=5, folds=2)
    moved = replace(series, images=images)
    free = cross_validate_detection(moved, "Ta", known, 2, threads=1)
    assert [len(one.model) for one in free.found] == [20, 20]
    assert np.array_equal(np.bincount(free.fold), [12, 11])
    usual = np.delete(free.r_free, [4, 7]).mean()
    # An image moved by a pixel is as well explained as the others, once its shift is fitted; one
    # of something else, two shifts too far away, is not.
    assert free.r_free[4] < 1.2 * usual
    assert free.r_free[7] > 1.5 * usual
    # Half of the images, and few rounds: atoms found without an image explain it nearly as well.
    assert usual < 1.2 * free.r_work[1]
    assert free.summary()["atoms_in_folds"] == [20, 20]
    assert with_r_free(free.found[0], series, DetectSettings()) == free.found[0].summary()


@pytest.mark.parametrize("folds", [1, 12])
def test_numbers_of_folds_that_cannot_be(folds: int) -> None:
    with pytest.raises(InputError, match="2 to half of the 23 images"):
        cross_validate_detection(ta_series(), "Ta", folds=folds, threads=1)
