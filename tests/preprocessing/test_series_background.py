"""Backgrounds of clean series: seen on particles, left alone on films, subtracted exactly."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.preprocessing.series_background import (
    background_facts,
    dark_on_bright,
    fills_images,
    find_background,
    subtract_background,
)
from aet_port.preprocessing.settings import SeriesBackground
from aet_port.simulation import amorphous_particle
from aet_port.simulation.linear import project_atoms

SIDE, PIXEL = 44, 0.6
THETA = np.arange(-60, 61, 12.0)
ANGLES = np.stack([0 * THETA, THETA, 0 * THETA], axis=1)
X = np.linspace(-1, 1, SIDE)[:, None] * np.ones(SIDE)
SLOPE = 0.2 * (1 + 0.5 * X)


def view(model: AtomicModel) -> NDArray:
    images = np.maximum(project_atoms(model, ANGLES, PIXEL, (SIDE, SIDE)), 0)
    return images / images.max()


@pytest.fixture(scope="module")
def particle() -> NDArray:
    """Images with a peak of one."""
    return view(amorphous_particle(70, "Ta", seed=23))


@pytest.fixture(scope="module")
def film() -> NDArray:
    """Images that atoms fill."""
    places = np.random.default_rng(3).uniform(-30, 30, (2500, 3)) * (1, 1, 0.15)
    return view(AtomicModel.from_positions(places, "Ta"))


def counts(expected: NDArray, peak: float, seed: int = 1) -> NDArray:
    return np.random.default_rng(seed).poisson(expected * peak).astype(float)


def series(images: NDArray) -> TiltSeries:
    return TiltSeries(images, ANGLES, PIXEL, "series")


@pytest.mark.parametrize("peak", [3.0, 30.0, 1000.0])
def test_a_series_without_background_keeps_every_bit(particle: NDArray, peak: float) -> None:
    for images in (counts(particle, peak), particle + np.random.default_rng(2).normal(0, 0.05)):
        given = series(images - np.median(images[:, :3]))
        assert subtract_background(given, "auto") is given  # warnings are errors


@pytest.mark.parametrize("peak", [3.0, 30.0, 1000.0])
@pytest.mark.parametrize("level", [0.05, 0.2, 1.0])
def test_a_level_is_seen_and_measured(particle: NDArray, peak: float, level: float) -> None:
    images = counts(particle + level, peak)
    found = find_background(images, "auto")
    assert found.kind == "constant"
    assert found.backgrounds.shape == (len(THETA), 1, 1)
    # A third of the 1936 pixels at least is vacuum: errors of one image below 1 / sqrt(600).
    error = np.sqrt(level * peak / 600)
    assert np.abs(found.backgrounds / 1 - level * peak).max() < 4 * error


def test_a_negative_level_and_one_of_each_image(particle: NDArray) -> None:
    levels = np.linspace(-30, -10, len(THETA))[:, None, None]
    found = find_background(counts(particle, 100) + levels, "auto")
    np.testing.assert_allclose(found.backgrounds, levels, atol=0.2)  # counts of the atoms' tails


@pytest.mark.parametrize("peak", [30.0, 1000.0])
def test_a_sloping_background_is_interpolated(particle: NDArray, peak: float) -> None:
    images = counts(particle + SLOPE, peak)
    found = find_background(images, "auto")
    assert found.kind == "smooth"
    wrong = found.backgrounds / peak - SLOPE
    assert np.sqrt(np.mean(wrong**2)) < 0.35 / np.sqrt(peak) / 5
    # As constants it would leave a tenth of the peak.
    constant = find_background(images, "constant").backgrounds / peak - SLOPE
    assert np.sqrt(np.mean(constant**2)) > 0.05


def test_a_film_is_left_alone(film: NDArray) -> None:
    assert fills_images(film)
    for images in (film, film + 0.5, counts(film + 0.3, 20)):
        given = series(images)
        assert subtract_background(given, "auto") is given


def test_a_dark_sample_is_told(particle: NDArray, film: NDArray) -> None:
    dark = counts(2 - particle, 100)
    assert dark_on_bright(dark)
    assert not dark_on_bright(counts(2 - film, 100))
    assert not dark_on_bright(counts(particle + SLOPE, 100))
    with pytest.warns(UserWarning, match="darker than its surroundings"):
        assert subtract_background(series(dark), "auto").metadata == {}


def test_what_is_subtracted_is_said_and_recorded(particle: NDArray) -> None:
    given = series(counts(particle + 0.2, 100))
    with pytest.warns(UserWarning, match="series: a constant background .*--background none"):
        done = subtract_background(given, "auto")
    assert background_facts(given) == {}
    assert background_facts(done)["background_subtracted"]["kind"] == "constant"
    assert abs(np.median(done.images[:, :3])) < 1.5  # of 20, in single counts
    asked: tuple[SeriesBackground, ...] = ("constant", "none")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quiet = [subtract_background(given, how) for how in asked]
    np.testing.assert_array_equal(quiet[0].images, done.images)
    assert quiet[1] is given


def test_counts_keep_their_level_and_lose_only_its_variation(particle: NDArray) -> None:
    flat = series(counts(particle + 0.2, 100))
    assert subtract_background(flat, "auto", keep_level=True) is flat
    sloped = series(counts(particle + SLOPE, 1000))
    with pytest.warns(UserWarning, match="smooth"):
        done = subtract_background(sloped, "auto", keep_level=True)
    before, after = sloped.images, done.images
    np.testing.assert_allclose(after.mean(axis=(1, 2)), before.mean(axis=(1, 2)), rtol=1e-5)
    for images, slope in ((before, 100), (after, 0)):
        rise = images[:, -4:].mean() - images[:, :4].mean()
        assert rise == pytest.approx(2 * slope * 0.93, abs=6)
    asked = subtract_background(flat, "constant", keep_level=True)  # what is asked for is done
    assert abs(np.median(asked.images[:, :3])) < 1.5


def test_a_sample_near_the_border_still_shows_its_background(particle: NDArray) -> None:
    for width in range(1, 11):
        cut = particle[:, width:-width, width:-width]
        assert find_background(counts(cut, 100), "auto").kind == "none"
    for width in range(1, 8):  # until it reaches into the corners
        images = counts(particle[:, width:-width, width:-width] + 0.2, 100)
        found = find_background(images, "auto")
        assert found.kind == "constant"
        assert abs(float(np.median(found.backgrounds)) - 20) < 1


def test_a_sample_known_to_be_a_film_is_left_alone(particle: NDArray) -> None:
    given = series(counts(particle + 0.2, 100))
    assert subtract_background(given, "auto", film=True) is given
    assert subtract_background(given, "constant", film=True) is not given
