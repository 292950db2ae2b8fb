"""Reconstructions that can't be are told, good ones at any dose are not."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.core.image_shift import shift_images
from aet_port.resire.reconstruction import Reconstruction, reconstruct
from aet_port.simulation import amorphous_particle, simulate_tilt_series

PIXEL, SIDE = 0.6, 36
THETA = np.arange(-66, 67, 6.0)
ANGLES = np.stack([0 * THETA, THETA, 0 * THETA], axis=1)


def series_of(dose: float | None, seed: int = 0) -> TiltSeries:
    truth = amorphous_particle(40, "Ta", seed=17)
    return simulate_tilt_series(truth, ANGLES, PIXEL, (SIDE, SIDE), dose=dose, seed=seed)


@pytest.fixture(scope="module")
def clean() -> NDArray:
    return series_of(None).images


def made(images: NDArray, angles: NDArray = ANGLES, **settings: float) -> Reconstruction:
    return reconstruct(
        TiltSeries(images, angles, PIXEL, "series"),
        iterations=int(settings.pop("iterations", 20)),
        oversampling=2,
        threads=1,
        **settings,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("dose", [None, 8e5, 1e5, 2e4])
def test_good_series_say_nothing_at_any_dose(dose: float | None) -> None:
    found = made(series_of(dose).images)  # warnings are errors
    assert found.warnings == ()
    if dose == 2e4:
        assert found.r_factor > 0.5  # far above that of bad series without noise


def test_bad_geometry_is_said(clean: NDArray) -> None:
    moved = np.random.default_rng(5).normal(0, 5, (len(THETA), 2))
    for images, angles in (
        (clean, np.deg2rad(ANGLES)),
        (shift_images(clean, moved), ANGLES),
        (series_of(2e5).images, np.deg2rad(ANGLES)),
    ):
        with pytest.warns(UserWarning, match="the volume and the images hardly agree"):
            found = made(images, angles)
        assert len(found.warnings) == 1
        assert found.r_factor > 0.4


def test_single_images_are_named(clean: NDArray) -> None:
    scrambled, constant, dark = clean.copy(), clean.copy(), clean.copy()
    scrambled[4] = np.random.default_rng(2).permutation(clean[4].ravel()).reshape(clean[4].shape)
    constant[4] = clean[4].mean()
    dark[4] *= 0.3
    for images, said in (
        (scrambled, "image 4: R1 is"),
        (constant, "image 4: one value in all pixels"),
        (dark, "image 4: more than 2 times darker"),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = made(images)
        assert any(text.startswith(said) for text in found.warnings)
        assert [str(one.message) for one in caught] == [f"series: {t}" for t in found.warnings]
        assert len(found.volume.array.nonzero()[0])  # the volume is there all the same


def test_one_direction_needs_a_smaller_step(clean: NDArray) -> None:
    for number in (1, 2):  # also the same direction twice
        images, angles = clean[[11] * number], ANGLES[[11] * number]
        with pytest.raises(InputError, match=r"series: angles: .*single direction.*--step 1"):
            made(images, angles)
        assert made(images, angles, step=1.0).r_factor < 0.01


def test_a_step_that_is_too_large_is_said(clean: NDArray) -> None:
    with pytest.warns(UserWarning, match="R1 does not fall: use a smaller --step than 6"):
        made(clean, step=6.0)
    with (
        np.errstate(over="ignore", invalid="ignore"),
        pytest.raises(InputError, match="with which the volume diverges"),
    ):
        made(clean, step=100.0, positivity=False, iterations=60)


def test_dark_images_are_refused_unless_negative_voxels_are_allowed(clean: NDArray) -> None:
    with pytest.raises(InputError, match="invert dark-on-bright images"):
        made(-clean)
    found = made(-clean, positivity=False)
    assert found.volume.array.min() < -np.abs(found.volume.array.max())


def test_a_few_iterations_are_not_judged(clean: NDArray) -> None:
    assert made(clean, np.deg2rad(ANGLES), iterations=9).warnings == ()


def test_checks_can_be_left_out(clean: NDArray) -> None:
    found = reconstruct(
        TiltSeries(clean, np.deg2rad(ANGLES), PIXEL), iterations=20, oversampling=2, check=False
    )
    assert found.warnings == ()
