"""Noise of simulated images, and images in which it can't be known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.detection.noise import image_noise
from aet_port.detection.settings import DetectSettings
from aet_port.simulation.linear import project_atoms
from tests.detection.samples import ANGLES, PIXEL, particle

SHAPE = (64, 60)
AUTO = DetectSettings()


def electrons(level: float = 10.0, height: float = 400.0) -> NDArray[np.float64]:
    """Expected electrons: a particle in vacuum on a flat background."""
    clean = project_atoms(particle(), ANGLES, PIXEL, SHAPE, 6.0, {"Ta": height * PIXEL**2})
    return np.maximum(clean, 0) + level


def film() -> NDArray[np.float64]:
    """Atoms far beyond the images on all sides."""
    places = np.random.default_rng(1).uniform([-40, -40, -8], [40, 40, 8], (1500, 3))
    model = AtomicModel.from_positions(places, ["Ta"] * len(places))
    tilts = ANGLES[(np.abs(ANGLES[:, 1]) < 50)]
    return np.maximum(project_atoms(model, tilts, PIXEL, SHAPE, 6.0, {"Ta": 20.0}), 0) + 4


def counted(expected: NDArray, read_noise: float = 2.0, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(expected).astype(np.float64)
    return counts + rng.normal(0, read_noise, expected.shape) if read_noise else counts


@pytest.mark.parametrize("unit", [1.0, 0.003, 40.0])
def test_counts_and_read_noise_of_counted_images(unit: float) -> None:
    found = image_noise(unit * counted(electrons()), AUTO)
    assert found.counting
    # Variance against mean of 88000 pixels, most of them background: 4 per cent from seed to seed.
    assert found.unit == pytest.approx(unit, rel=0.1)
    # The intercept of that line, 0.25 from seed to seed.
    assert found.read_noise == pytest.approx(2.0, abs=0.6)
    # As uncertain as the unit.
    assert found.levels.mean() == pytest.approx(10, rel=0.1)
    assert not found.extended
    assert found.source == "variance against mean of the images"
    assert found.electrons(np.array([unit * 3])).dtype == np.float32


def test_vacuum_tells_the_counts_of_weak_images() -> None:
    # One electron of background and weak atoms: mean and variance of the corners are equal.
    wide = np.pad(electrons(1.0, 60.0), ((0, 0), (40, 40), (40, 40)), constant_values=1.0)
    for seed in range(3):
        found = image_noise(counted(wide, read_noise=0.0, seed=seed), AUTO)
        assert found.counting
        # Variance of the 3,300 pixels of a corner in all images: 3 per cent, three times.
        variance = found.unit**2 * (found.read_noise**2 + found.levels.mean())
        assert variance == pytest.approx(1, abs=0.1)
        # Variance against mean: 5 per cent from seed to seed, three times.
        assert found.unit == pytest.approx(1, abs=0.15)


def test_denoised_images_are_taken_if_they_are_said_to_be() -> None:
    smooth = ndimage.gaussian_filter(counted(electrons()), (0, 2, 2))
    with pytest.raises(InputError, match="denoised = true"):
        image_noise(smooth, AUTO)
    found = image_noise(smooth, DetectSettings(denoised=True))
    assert not found.counting
    assert found.source == "residuals"
    # So little noise that the search takes the residuals instead.
    assert np.std(found.electrons(smooth)) == pytest.approx(1000, rel=1e-3)
    with pytest.raises(InputError, match="only one of them"):
        image_noise(smooth, DetectSettings(denoised=True, counts_per_unit=1.0))
    with pytest.raises(InputError, match="the same value everywhere"):
        image_noise(np.ones((3, 40, 40)), DetectSettings(denoised=True))


@pytest.mark.parametrize("unit", [1.0, 30.0])
def test_a_dark_level_is_no_electrons(unit: float) -> None:
    wide = np.pad(electrons(2.0), ((0, 0), (30, 30), (30, 30)), constant_values=2.0)
    found = image_noise(unit * (counted(wide, 0.0) + 100.0), AUTO)
    assert found.counting
    # As uncertain as the line of variance against mean: 5 per cent from seed to seed, three times.
    assert found.unit == pytest.approx(unit, rel=0.15)
    # Mean and variance of the vacuum are two electrons.
    assert found.offset == pytest.approx(100 * unit, abs=0.5 * unit)
    assert found.electrons(np.array([102.0 * unit]))[0] == pytest.approx(2, abs=0.5)
    assert found.levels.mean() == pytest.approx(2, abs=0.5)
    assert found.summary()["dark_level"] == found.offset
    # Without one nothing is taken off.
    assert image_noise(unit * counted(wide, 0.0), AUTO).offset == 0


@pytest.mark.parametrize("wider", [0, 30])
def test_cleared_surroundings_have_no_noise(wider: int) -> None:
    """A background of 30 electrons subtracted, and all beyond the sample set to zero."""
    shape = (SHAPE[0] + wider, SHAPE[1] + wider)
    sample = project_atoms(particle(150), ANGLES, PIXEL, shape, 6.0, {"Ta": 400 * PIXEL**2})
    images = counted(np.maximum(sample, 0) + 30, 0.0) - 30
    near = ndimage.maximum_filter(sample > 1, (1, 17, 17))
    found = image_noise(np.where(near, images, 0.0), AUTO)
    assert found.cleared
    assert found.counting
    # 5 per cent from seed to seed, three times, however much of the images is zero.
    assert found.unit == pytest.approx(1.0, abs=0.15)
    # The root of the electrons taken off, which still are in the noise; 0.3 from seed to seed.
    assert found.read_noise * found.unit == pytest.approx(5.5, abs=0.9)
    assert not image_noise(images, AUTO).cleared
    assert not image_noise(counted(electrons(0.0), 0.0), AUTO).cleared


def test_what_interpolation_leaves_of_cleared_surroundings_is_no_noise() -> None:
    """As `aet preprocess --denoise none` writes them: cleared, then shifted in Fourier space."""
    wide = tuple(side + 30 for side in SHAPE)
    sample = project_atoms(particle(400), ANGLES, PIXEL, wide, 6.0, {"Ta": 400 * PIXEL**2})
    images = counted(np.maximum(sample, 0) + 30, 0.0) - 30
    near = ndimage.maximum_filter(sample > 1, (1, 17, 17))
    kept = np.where(near, images, 0.0)
    shift = np.random.default_rng(1).uniform(-2, 2, (len(kept), 2))
    moved = np.stack([_moved(*one) for one in zip(kept, shift, strict=True)])
    assert (moved != 0).all()
    found, still = image_noise(moved, AUTO), image_noise(kept, AUTO)
    assert found.cleared
    # As where nothing was moved: 5 per cent, and 0.3, from seed to seed, three times.
    assert found.unit == pytest.approx(still.unit, abs=0.15)
    assert found.read_noise * found.unit == pytest.approx(still.read_noise * still.unit, abs=0.9)
    # The same pixels count as vacuum, and as measured; electrons are in single precision.
    electrons = found.electrons(moved)
    assert not electrons[:, :5, :5].any()
    within = ndimage.minimum_filter(near, (1, 9, 9))
    np.testing.assert_allclose(electrons[within] * found.unit, moved[within], rtol=1e-6)
    # Vacuum with little noise, the same everywhere, is not cleared.
    quiet = np.random.default_rng(2).normal(0, 0.05, sample.shape)
    assert not image_noise(counted(np.maximum(sample, 0), 0.0) + quiet, AUTO).cleared


def _moved(image: NDArray, shift: NDArray) -> NDArray:
    return np.fft.ifft2(ndimage.fourier_shift(np.fft.fft2(image), shift)).real


def test_given_counts_are_taken() -> None:
    images = counted(electrons(), 1.0) / 7
    found = image_noise(images, DetectSettings(counts_per_unit=7.0, read_noise=0.5))
    assert (found.unit, found.read_noise, found.counting) == (1 / 7, 0.5, True)
    assert found.source == "given"
    # Four standard errors of 600 pixels, 23 images.
    error = np.sqrt(11 / (600 * len(images)))
    assert found.levels.mean() == pytest.approx(10, abs=4 * error + 0.02)
    assert image_noise(images, DetectSettings(counts_per_unit=7.0)).read_noise == 1
    np.testing.assert_allclose(found.electrons(images), 7 * images, rtol=1e-6)


def test_constant_noise_is_recognised() -> None:
    rng = np.random.default_rng(2)
    clean = electrons()
    found = image_noise(clean + rng.normal(0, 8, clean.shape), AUTO)
    assert not found.counting
    # Median of 70000 correlated differences, one per cent from seed to seed.
    assert found.unit == pytest.approx(8, rel=0.03)
    assert found.read_noise == 1
    assert found.source == "noise of the images"
    assert found.summary()["counts_per_unit"] is None
    assert found.summary()["noise_in_units"] == pytest.approx(found.unit)


def test_denoised_images_are_refused() -> None:
    smooth = ndimage.gaussian_filter(counted(electrons()), (0, 1.0, 1.0))
    with pytest.raises(InputError, match="denoised or smoothed images") as caught:
        image_noise(smooth, AUTO, "a series")
    assert caught.value.subject == "a series"
    assert "preset = 'papers'" in caught.value.expected
    # Whoever knows the counts may use them.
    assert image_noise(smooth, DetectSettings(counts_per_unit=1.0)).counting


def test_read_noise_needs_counts() -> None:
    with pytest.raises(InputError, match="without counts_per_unit"):
        image_noise(counted(electrons()), DetectSettings(read_noise=1.0))


def test_images_without_noise_are_refused() -> None:
    with pytest.raises(InputError):
        image_noise(np.ones((3, 40, 40)), AUTO)


def test_film_and_particle() -> None:
    particles, films = counted(electrons()), counted(film())
    assert not image_noise(particles, AUTO).extended
    wide = image_noise(films, AUTO)
    assert wide.extended
    assert not wide.levels.any()
    # As the user says.
    assert image_noise(particles, DetectSettings(extended=True)).extended
    narrow = image_noise(films, DetectSettings(extended=False))
    assert not narrow.extended
    assert (narrow.levels > 0).all()
