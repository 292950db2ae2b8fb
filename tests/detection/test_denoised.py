"""Denoised images are told from measured ones by how their noise scatters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
from ase.cluster import Octahedron
from numpy.typing import NDArray
from scipy import ndimage

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.detection.denoised import patchiness, refuse_denoised
from aet_port.detection.noise import image_noise
from aet_port.detection.settings import DetectSettings
from aet_port.preprocessing.denoising import denoise
from aet_port.preprocessing.noise import NoiseModel
from aet_port.simulation.linear import project_atoms
from tests.detection.samples import ANGLES, PIXEL, particle

SHAPE = (120, 120)
NOISE = NoiseModel(1.0, 1.0)


def counted(height: float = 200.0, level: float = 1.0, read: float = 1.0) -> NDArray[np.float64]:
    clean = project_atoms(particle(500), ANGLES, PIXEL, SHAPE, 6.0, {"Ta": height * PIXEL**2})
    return noisy(np.maximum(clean, 0) + level, read)


def noisy(expected: NDArray, read: float = 1.0) -> NDArray[np.float64]:
    rng = np.random.default_rng(5)
    return rng.poisson(expected) + read * rng.normal(size=expected.shape)


def shifted(order: int) -> NDArray[np.float64]:
    """Images aligned by interpolation."""
    images, rng = counted(), np.random.default_rng(4)
    steps = rng.uniform(-1, 1, (len(images), 2))
    return np.stack(
        [
            ndimage.shift(image, step, order=order, mode="reflect")
            for image, step in zip(images, steps, strict=True)
        ]
    )


def crystal() -> NDArray[np.float64]:
    """Columns of atoms, which shine at the highest frequencies."""
    model = AtomicModel(Octahedron("Au", 9, 2))
    clean = project_atoms(model, ANGLES, 0.5, SHAPE, 3.0, {"Au": 500.0})
    return noisy(np.maximum(clean, 0))


def with_events() -> NDArray[np.float64]:
    """Bad pixels and X-rays, some of them several pixels wide."""
    images, rng = counted(), np.random.default_rng(6)
    for image in images:
        for x, y in rng.integers(0, 118, (12, 2)):
            image[x : x + 2, y : y + 2] += 300
    return images


@pytest.mark.parametrize(
    "make",
    [
        counted,
        lambda: counted(30.0, 0.02, 0.0),  # next to nothing but zeros
        lambda: np.maximum(counted(level=0.0), 0),  # clipped
        lambda: np.round(counted() * 0.3),  # few grey levels
        lambda: shifted(1),
        lambda: shifted(3),
        crystal,
        with_events,
    ],
)
def test_measured_images_pass(make: Callable[[], NDArray]) -> None:
    images = make()
    scatter, patches = patchiness(images)
    assert patches > 30
    # As documented beside the limit, of which chance is 2 to 5 per cent.
    assert scatter < 1.15
    assert refuse_denoised("series", images) > 0


def test_independent_noise_scatters_by_one() -> None:
    images = np.random.default_rng(1).normal(size=(60, 150, 150))
    scatter, patches = patchiness(images)
    assert 60 * 16 * 16 / 8 < patches < 60 * 16 * 16 / 3
    # A third of the deviation of as many independent patches, four times.
    assert scatter == pytest.approx(1, abs=4 / 3 * np.sqrt(2 / patches))


@pytest.mark.parametrize("height", [30.0, 300.0])
@pytest.mark.parametrize("method", ["nlm", "bm3d"])
def test_denoised_images_are_refused(method: Literal["nlm", "bm3d"], height: float) -> None:
    if method == "bm3d":
        pytest.importorskip("bm3d")
    images = denoise(counted(height)[::2], NOISE, method=method)
    with pytest.raises(InputError, match="denoised") as caught:
        image_noise(images, DetectSettings(), "series 7")
    assert caught.value.subject == "series 7"
    assert "counts_per_unit" in caught.value.expected
    # Each advice works.
    assert image_noise(images, DetectSettings(denoised=True)).source == "residuals"
    assert image_noise(images, DetectSettings(counts_per_unit=1.0)).counting


def test_zeros_of_cleared_surroundings_are_no_noise() -> None:
    images = counted()
    near = np.hypot(*np.meshgrid(*[np.arange(120) - 60] * 2)) < 45
    cleared = np.where(near, images, 0.0)
    # As for images that were not cleared.
    assert patchiness(cleared, cleared=True)[0] < 1.15
    assert patchiness(np.zeros((4, 40, 40)), cleared=True) == (1.0, 0)


@pytest.mark.parametrize("radius", [30, 40, 50])
def test_interpolated_remains_of_a_background_are_no_sign(radius: float) -> None:
    """A background taken off, the vacuum set to zero, then shifted in Fourier space."""
    near = np.hypot(*np.meshgrid(*[np.arange(120) - 60] * 2)) < radius
    images = np.where(near, counted(level=20.0) - 20, 0.0)
    moved = np.fft.ifft2([ndimage.fourier_shift(np.fft.fft2(one), 0.4) for one in images]).real
    assert (moved != 0).all()
    # As for images measured; 1.4 to 2 if the vacuum alone were looked at.
    assert patchiness(moved)[0] < 1.15
