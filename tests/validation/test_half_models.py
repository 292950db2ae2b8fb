"""Halves of the data are independent, and their models agree as their errors say."""

from __future__ import annotations

import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.detection.loop import detect
from aet_port.detection.noise import ImageNoise
from aet_port.detection.settings import DetectSettings
from aet_port.simulation import amorphous_particle
from aet_port.validation.half_models import (
    _of_halved_counts,
    search_halves,
    split_counts,
    turned_onto,
)
from aet_port.validation.precision import score
from tests.detection.samples import particle, ta_series

PIXELS = (12, 200, 200)


def noise(counting: bool, read: float) -> ImageNoise:
    return ImageNoise(2.0, read, counting, np.zeros(PIXELS[0]), False, "given", 0.5)


@pytest.mark.parametrize(("counting", "read"), [(True, 0.0), (True, 1.5), (False, 1.0)])
def test_halves_of_counts_are_independent(counting: bool, read: float) -> None:
    """480,000 pixels: a variance is known to 0.2 %, a covariance to 0.15 % of it; four times."""
    rng = np.random.default_rng(7)
    electrons = rng.normal(20.0, read, PIXELS)
    if counting:
        electrons += rng.poisson(20.0, PIXELS) - 20.0
    series = TiltSeries((2.0 * electrons + 0.5).astype(np.float32), np.zeros((PIXELS[0], 3)), 0.4)
    one, other = (half.images.astype(float) for half in split_counts(series, noise(counting, read)))
    np.testing.assert_allclose(one + other, electrons, atol=1e-4)  # single precision
    variance = (20.0 if counting else 0.0) + read**2
    assert one.mean() == pytest.approx(10.0, abs=0.02)
    assert one.var() == pytest.approx(variance / 2, rel=0.01)
    covariance = np.mean((one - one.mean()) * (other - other.mean()))
    assert covariance == pytest.approx(0.0, abs=0.006 * variance)


def test_halves_of_counts_are_searched_with_half_the_noise() -> None:
    """In electrons, whatever the unit of the series; constant noise is estimated anew."""
    changed = _of_halved_counts(DetectSettings(fdr=0.02), noise(True, 1.5))
    assert (changed.counts_per_unit, changed.extended, changed.fdr) == (1.0, False, 0.02)
    assert changed.read_noise == pytest.approx(1.5 / np.sqrt(2))
    assert _of_halved_counts(DetectSettings(), noise(False, 1.0)).counts_per_unit is None


@pytest.mark.slow
@pytest.mark.parametrize("split", ["tilts", "counts"])
def test_models_of_halves_agree_as_their_errors_say(split: str) -> None:
    series, truth = ta_series(40, 2e5), particle(40)
    full = detect(series, "Ta", threads=1).model
    halves = search_halves(series, full, ("Ta",), split=split, threads=1)  # type: ignore[arg-type]
    assert halves.matching.matched == 40
    assert halves.counts_in_halves() == {"none": 0, "one": 0, "both": 40}
    assert halves.recall.recall == pytest.approx(1.0, abs=0.005)
    # Two rms values of 120 coordinates, 6.5 % each; three times that.
    expected = halves.common_error_pm
    assert expected == pytest.approx(score(full, truth).rmsd_pm, rel=0.28)
    assert halves.error_ratio == pytest.approx(1.0, abs=0.2)
    assert halves.expected_error_pm == pytest.approx(expected, rel=0.2)
    assert halves.same_species == 1.0
    facts = halves.summary()
    assert facts["r_free"] > np.mean(facts["r_work"])
    assert len(facts["r_free_images"]) == len(series)
    assert facts["resolution_0.143"] < facts["resolution_0.5"] < 1.5


def test_few_images_are_refused() -> None:
    series = ta_series(40)
    few = TiltSeries(series.images[:3], series.angles[:3], series.pixel_size)
    with pytest.raises(InputError, match="3 images"):
        search_halves(few, particle(40), ("Ta",), DetectSettings())


def test_a_turned_model_is_turned_back() -> None:
    onto = amorphous_particle(100, "Ta", seed=3)
    angle = np.radians(1.5)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    turned = AtomicModel.from_positions(onto.positions[::-1] @ turn.T, "Ta")
    back = turned_onto(turned, onto, 1.5)
    np.testing.assert_allclose(back.positions[::-1], onto.positions, atol=1e-6)
