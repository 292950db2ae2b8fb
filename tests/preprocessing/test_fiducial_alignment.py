"""A film put back in line by the particles on it, at sizes and places of real images."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.core.geometry import euler_rotations
from aet_port.preprocessing import align_by_particles
from aet_port.preprocessing.settings import PreprocessSettings

TILTS = np.linspace(-45, 45, 7)
ANGLES = np.stack([0 * TILTS, TILTS, 0 * TILTS], axis=1)


def film(size: int, seed: int, count: int = 40) -> tuple[NDArray, NDArray]:
    """Noisy images of particles on both sides of a film, some of which leave, and their drift."""
    rng = np.random.default_rng(seed)
    places = np.column_stack(
        [rng.uniform(-0.6, 0.6, (count, 2)) * size, rng.uniform(-20, 20, count)]
    )
    widths, heights = rng.uniform(4, 7, count), rng.uniform(4, 8, count)
    drift = np.cumsum(rng.normal(0, 1.5, (len(TILTS), 2)), axis=0)
    axis = np.arange(size) - size // 2
    images = np.empty((len(TILTS), size, size))
    for image, rotation, move, tilt in zip(
        images, euler_rotations(ANGLES), drift, TILTS, strict=True
    ):
        at = places @ rotation[:2].T + move
        lines = np.exp(-((axis - at[..., None]) ** 2) / (2 * widths[:, None, None] ** 2))
        image[:] = (heights * lines[:, 0].T) @ lines[:, 1] + 20 / np.cos(np.radians(tilt))
        image += rng.normal(0, 1, image.shape)
    return images, drift


def left_over(shifts: NDArray, drift: NDArray) -> NDArray[np.float64]:
    """Errors of shifts, but for a displacement of the whole sample, which is free."""
    rows = euler_rotations(ANGLES)[:, :2].reshape(-1, 3)
    wrong = (shifts + drift).ravel()
    whole = np.linalg.lstsq(rows, wrong, rcond=None)[0]
    return (wrong - rows @ whole).reshape(-1, 2)


@pytest.mark.parametrize("seed", [31, 32])
def test_the_drift_of_a_film_is_taken_out(seed: int) -> None:
    images, drift = film(512, seed)
    found = align_by_particles(images, TILTS)
    wrong = left_over(found.shifts, drift)
    # Positions of ten to twenty particles, each to about a tenth of a pixel; 14 numbers.
    assert np.abs(wrong).max() < 4 * found.errors.mean()
    assert np.sqrt(np.mean(wrong**2)) < 2 * found.errors.mean()
    assert found.errors.max() < 0.1
    assert np.abs(drift - drift[0]).max() > 2


@pytest.mark.slow
def test_images_of_two_thousand_pixels() -> None:
    images, drift = film(2048, 33, 60)
    found = align_by_particles(images.astype(np.float32), ANGLES)
    assert np.abs(left_over(found.shifts, drift)).max() < 0.15


def test_images_without_particles_are_named() -> None:
    images, _ = film(256, 35, 60)
    images[4] = np.random.default_rng(0).normal(0, 1, images[4].shape)
    with pytest.raises(InputError, match=r"image 4.*particles"):
        align_by_particles(images, TILTS)
    with pytest.raises(InputError, match="angles"):
        align_by_particles(images, TILTS[:4])
    with pytest.raises(InputError, match="three or more"):
        align_by_particles(images[:2], TILTS[:2])


def test_the_setting_takes_particles() -> None:
    chosen = PreprocessSettings(film_particles=True)
    assert chosen.region is None
    assert not chosen.with_background
    with pytest.raises(InputError, match="film_particles"):
        PreprocessSettings(film_particles=True, film_marker=(1, 20, 1, 20))
    with pytest.raises(InputError, match="align"):
        PreprocessSettings(film_particles=True, align=False)
