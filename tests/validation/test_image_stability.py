"""Images of one view: unchanged ones differ by their noise, changed ones by more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage, stats

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.figures.image_stability import write_stability_figures
from aet_port.preprocessing import NoiseModel, simulate_noise
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.validation import StabilitySettings, compare_views

PIXEL = 0.4
QUICK = StabilitySettings(draws=20, gain=1.0)
MODEL = amorphous_particle(120, "Ta", seed=1)


def clean(model: AtomicModel = MODEL, peak: float = 40.0) -> NDArray[np.float64]:
    """Noise-free image in electrons."""
    image = simulate_tilt_series(model, [[0, 0, 0]], PIXEL, (72, 68), dose=None).images[0]
    return image * (peak / image.max())


def noisy(image: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    return simulate_noise(image, NoiseModel(1.0, 0.0), seed)


def displaced(step: float) -> tuple[AtomicModel, NDArray[np.float64]]:
    """The model with its lowest atom moved along x, and where that was."""
    places = MODEL.positions.copy()
    one = int(np.argmin(places[:, 1]))
    was = places[one].copy()
    places[one, 0] += step
    return AtomicModel.from_positions(places, "Ta"), was


def test_same_object_different_noise() -> None:
    """Not changed; chi-square is 1; probabilities are spread evenly from 0 to 1."""
    image = clean()
    chi, expected, p_values, changed = [], [], [], []
    for seed in range(10):
        (pair,) = compare_views(
            [noisy(image, 2 * seed), noisy(image, 2 * seed + 1)], PIXEL, QUICK.changed(seed=seed)
        ).pairs
        chi.append(pair.measures.chi_square)
        expected.append(pair.expected.chi_square)
        p_values += [pair.p_chi_square, pair.p_deviation]
        changed.append(pair.changed)
        # Errors of the shift are those of the simulated pairs.
        row = pair.row()
        assert np.hypot(row["shift_x"], row["shift_y"]) < 5 * row["shift_error"] + 0.02 * PIXEL
        assert row["correlation"] == pytest.approx(row["correlation_expected"], abs=0.03)
        assert row["r_factor"] == pytest.approx(row["r_factor_expected"], rel=0.1)
    assert changed == [False] * 10
    # About 900 independent frequencies each, ten times: 1.5 %. A few electrons in a pixel make the
    # weights uncertain, which the simulated pairs share.
    assert np.mean(chi) == pytest.approx(np.mean(expected), abs=0.05)
    assert np.mean(chi) == pytest.approx(1, abs=0.12)
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


@pytest.mark.parametrize("peak", [40.0, 400.0])
def test_a_moved_atom_is_seen_where_it_is(peak: float) -> None:
    moved, was = displaced(1.6)
    views = [noisy(clean(MODEL, peak), 1), noisy(clean(moved, peak), 2)]
    found = compare_views(views, PIXEL, QUICK)
    (pair,) = found.pairs
    assert found.changed is True
    assert pair.p_deviation < 1e-3
    place = np.array([pair.measures.x, pair.measures.y])
    ends = was[:2] + np.array([[0, 0], [1.6, 0]])
    assert np.linalg.norm(ends - place, axis=1).min() < 1.0
    assert "beyond noise" in pair.reason


def test_three_images_of_which_the_last_changed() -> None:
    moved, _ = displaced(2.0)
    views = [noisy(clean(MODEL, 400), 1), noisy(clean(MODEL, 400), 2), noisy(clean(moved, 400), 3)]
    found = compare_views(views, PIXEL, QUICK)
    assert {(p.first, p.second): p.changed for p in found.pairs} == {
        (0, 1): False, (0, 2): True, (1, 2): True,
    }  # fmt: skip
    assert found.summary()["changed"] is True


def test_shift_and_dose_are_no_change() -> None:
    """Half the dose, displaced by pixels and a fraction: found, and not taken for a change."""
    image = clean(MODEL, 200)
    other = 0.5 * np.maximum(ndimage.shift(image, (2.3, -1.4), order=5), 0)
    (pair,) = compare_views([noisy(image, 1), noisy(other, 2)], PIXEL, QUICK).pairs
    assert pair.changed is False
    row = pair.row()
    np.testing.assert_allclose([row["shift_x"], row["shift_y"]], [0.92, -0.56], atol=0.03)
    assert row["scale"] == pytest.approx(0.5, abs=0.01)


def test_noise_is_found_in_the_images() -> None:
    """Gain, readout noise and dose of a detector that nobody stated."""
    image = np.tile(clean(MODEL, 100) + 20, (3, 3))  # 44,000 pixels: 5 % of the slope
    detector = NoiseModel(3.0, 2.0, 100.0)
    views = [simulate_noise(3 * image + 100, detector, seed) for seed in (1, 2)]
    found = compare_views(views, PIXEL, StabilitySettings(draws=10, dark_level=100.0))
    facts = found.summary()
    assert facts["gain"] == pytest.approx(3, rel=0.15)
    assert facts["dose"] == pytest.approx(image.mean() / PIXEL**2, rel=0.15)
    assert facts["changed"] is False
    assert found.pairs[0].measures.chi_square == pytest.approx(1, abs=0.06)  # bright everywhere


def test_denoised_images_decide_nothing() -> None:
    views = [ndimage.gaussian_filter(noisy(clean(), seed), 1.0) for seed in (1, 2)]
    found = compare_views(views, PIXEL, QUICK)
    assert found.changed is None
    assert "filtered" in found.pairs[0].reason


def test_results_do_not_depend_on_anything_but_the_seed() -> None:
    views = [noisy(clean(), seed) for seed in (1, 2)]
    one, two = (compare_views(views, PIXEL, QUICK).pairs[0].row() for _ in range(2))
    assert one == two


def test_what_is_refused() -> None:
    image = noisy(clean(), 1)
    with pytest.raises(InputError, match="two or more images"):
        compare_views(image[np.newaxis], PIXEL)
    with pytest.raises(InputError, match="32 or more"):
        compare_views([image[:30], image[:30]], PIXEL)
    falling = np.outer(np.arange(72.0), np.ones(68))
    with pytest.raises(InputError, match="overlap of 16"):
        compare_views([falling, falling.max() - falling], PIXEL, QUICK)


def test_figures(tmp_path: Path) -> None:
    views = [noisy(clean(), seed) for seed in (1, 2)]
    found = compare_views(views, PIXEL, QUICK.changed(draws=10))
    (path,) = write_stability_figures(tmp_path, found)
    assert path.name == "deviations_0_1.png"
