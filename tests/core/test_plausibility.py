"""Signs that a series or a result can't be right: each said when it is there, and only then."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aet_port.core.errors import AetError, EmptyResultError, InputError
from aet_port.core.plausibility import (
    check_result,
    check_series,
    noise_part,
    result_warnings,
    series_warnings,
)
from aet_port.core.white_noise import sixth_differences

N = 13
THETA = np.linspace(-60, 60, N)
ANGLES = np.stack([0 * THETA, THETA, 0 * THETA], axis=1)


def discs(level: float = 0.0) -> NDArray:
    """Smooth bright discs, one of each tilt, as a particle far from atomic resolution."""
    x = np.arange(40) - 20.0
    disc = np.exp(-(np.hypot(x[:, None], x[None]) ** 2) / 60)
    return np.stack([100 * disc + level] * N)


def noisy(seed: int, peak: float) -> NDArray:
    return np.random.default_rng(seed).poisson(discs() * peak / 100).astype(float)


@pytest.mark.parametrize("spread", [0.5, 7.0])
def test_white_noise_keeps_its_spread_and_smooth_images_vanish(spread: float) -> None:
    noise = np.random.default_rng(4).normal(0, spread, (2, 200, 200))
    found = sixth_differences(noise + discs()[0, :1, :1])[:, 7:-7, 7:-7]
    # 7e4 correlated pixels determine a standard deviation to about 1 %.
    assert found.std() == pytest.approx(spread, rel=0.03)
    assert np.abs(sixth_differences(discs())).max() < 1e-3


def test_the_noise_part_is_that_of_the_noise_added() -> None:
    clean, images = discs(20.0), noisy(5, 100.0) + 20.0
    true = np.abs(images - clean).sum(axis=(1, 2)) / np.abs(images).sum(axis=(1, 2))
    # Differences share pixels: an image has few independent ones (8 % each, 4 % their mean).
    np.testing.assert_allclose(noise_part(images), true, rtol=0.3)
    assert noise_part(images).mean() == pytest.approx(true.mean(), rel=0.1)
    assert noise_part(clean).max() < 1e-3
    assert (noise_part(np.full((2, 9, 9), 3.0)) == 0).all()


@given(st.floats(0, 0.39), st.integers(0, N - 1))
@settings(max_examples=20, deadline=None)
def test_r_factors_of_good_series_say_nothing(r1: float, other: int) -> None:
    values = np.full(N, r1)
    values[other] = min(2 * r1, 0.4)  # images at the highest tilts have up to twice the R1
    assert result_warnings(values, discs()) == []


def test_a_high_r_factor_is_told_unless_it_is_noise() -> None:
    (said,) = result_warnings(np.full(N, 0.6), discs(), result="the volume")
    assert said.startswith("R1 is 0.60: the volume and the images hardly agree; check the angles")
    images = noisy(6, 6.0)
    noise = noise_part(images)
    assert 0.5 < noise.mean() < 0.9
    assert result_warnings(noise, images) == []
    worse = np.sqrt(noise**2 + 0.45**2)
    (said,) = result_warnings(worse, images)
    assert f"of which the noise accounts for {noise.mean():.2f}" in said
    (said,) = result_warnings(np.full(N, 0.95), noisy(6, 0.3))
    assert "nearly all noise" in said


def test_an_image_unlike_the_others_is_named() -> None:
    values = np.full(N, 0.1)
    values[[3, 7]] = 0.9, 1.2
    (said,) = result_warnings(values, discs())
    assert said.startswith("images 3, 7: R1 is 1.20, that of the others 0.10")


def test_a_good_particle_and_a_good_film_say_nothing() -> None:
    film = (discs(50.0)) / np.cos(np.deg2rad(THETA))[:, None, None]
    uneven = noisy(8, 30.0) * np.random.default_rng(1).uniform(0.8, 1.2, (N, 1, 1))
    for images in (discs(), film, noisy(7, 30.0), noisy(7, 0.05), uneven):
        check_series(images, "series")
        assert series_warnings(images, ANGLES) == []


@pytest.mark.parametrize(("factor", "number"), [(0.3, 5), (3.0, 0), (0.4, N - 1), (2.5, 6)])
def test_an_image_much_darker_or_brighter_is_named(factor: float, number: int) -> None:
    images = noisy(9, 30.0)
    images[number] *= factor
    (said,) = series_warnings(images, ANGLES)
    assert said.startswith(f"image {number}: more than 2 times darker or brighter")
    order = np.random.default_rng(2).permutation(N)
    (said,) = series_warnings(images[order], ANGLES[order])
    assert said.startswith(f"image {int(np.flatnonzero(order == number)[0])}:")


def test_constant_and_negative_images_are_named() -> None:
    images = discs()
    images[2], images[4] = 7.0, -images[4]
    constant, negative = series_warnings(images, ANGLES)
    assert constant.startswith("image 2: one value in all pixels")
    assert negative.startswith("image 4: negative on the whole")
    assert series_warnings(images, ANGLES, positivity=False)[0] == constant


def test_series_of_which_nothing_can_come_are_refused() -> None:
    with pytest.raises(InputError, match=r"dark: images: .*negative.*--no-positivity"):
        check_series(-discs(), "dark")
    check_series(-discs(), "dark", positivity=False)
    # Noise about zero is not negative on the whole.
    check_series(np.random.default_rng(0).normal(0, 1, (N, 20, 20)), "noise")
    with pytest.raises(InputError, match="one value in all pixels of every image"):
        check_series(np.ones((3, 8, 8)), "flat")


def test_an_empty_volume_is_an_error_of_its_own() -> None:
    check_result(np.array([0.0, 1e-9]), "volume")
    for values, said in ((np.zeros(5), "zero everywhere"), (np.full(5, 2.0), "the same value 2")):
        with pytest.raises(EmptyResultError, match=said) as caught:
            check_result(values, "volume")
        assert isinstance(caught.value, AetError)
        assert not isinstance(caught.value, InputError)
