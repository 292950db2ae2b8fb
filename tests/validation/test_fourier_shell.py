"""Fourier shell correlation: known spectra, noise of known strength, halves of a series."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import fft

from aet_port.core.data import TiltSeries, Volume
from aet_port.core.errors import InputError
from aet_port.figures import precision as precision_figures
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.validation.fourier_shell import (
    FourierShells,
    fourier_shell_correlation,
    half_set_correlation,
    half_sets,
)


def noise(seed: int, shape: tuple[int, int, int] = (20, 18, 22)) -> NDArray:
    return np.random.default_rng(seed).normal(size=shape)


def test_equal_volumes_agree_everywhere() -> None:
    volume = Volume(noise(0), 0.5)
    shells = fourier_shell_correlation(volume, Volume(3 * volume.array, 0.5))
    np.testing.assert_allclose(shells.correlation, 1, atol=1e-12)
    opposite = fourier_shell_correlation(volume, Volume(-volume.array, 0.5))
    np.testing.assert_allclose(opposite.correlation, -1, atol=1e-12)
    # The shortest axis ends first, at one over two voxels; shells as fine as the longest one's.
    np.testing.assert_allclose(shells.frequency, np.arange(12) / (22 * 0.5))
    assert shells.resolution() == pytest.approx(1.0)
    assert shells.summary() == {"resolution_0.5": 1.0, "resolution_0.143": 1.0}


def test_shells_by_the_plain_definition() -> None:
    one, other = noise(1), noise(1) + noise(2)
    shells = fourier_shell_correlation(Volume(one, 0.7), Volume(other, 0.7))
    f, g = fft.fftn(one), fft.fftn(other)
    sums = np.zeros((len(shells.frequency), 4))
    for index in np.ndindex(one.shape):
        k = [fft.fftfreq(n, 0.7)[i] for n, i in zip(one.shape, index, strict=True)]
        shell = round(float(np.linalg.norm(k)) * 22 * 0.7)
        if shell < len(sums):
            a, b = f[index], g[index]
            sums[shell] += ((a * b.conjugate()).real, abs(a) ** 2, abs(b) ** 2, 1)
    expected = sums[:, 0] / np.sqrt(sums[:, 1] * sums[:, 2])
    np.testing.assert_allclose(shells.correlation, expected, atol=1e-12)
    np.testing.assert_array_equal(shells.samples, sums[:, 3])


def test_noise_of_known_strength() -> None:
    signal = noise(3, (40, 40, 40))
    first, second = (Volume(signal + noise(seed, signal.shape), 1.0) for seed in (4, 5))
    shells = fourier_shell_correlation(first, second)
    # Signal and noise of one strength: 1 / (1 + 1); a shell of n coefficients, half of them
    # mirror images, spreads by sqrt(2 / n).
    full = shells.samples > 200
    spread = np.sqrt(2 / shells.samples[full])
    assert (np.abs(shells.correlation[full] - 0.5) < 4 * spread).all()


def test_a_mask_takes_the_noise_outside_away() -> None:
    signal = np.zeros((24, 24, 24))
    signal[8:16, 8:16, 8:16] = noise(6, (8, 8, 8))
    inside = signal != 0
    first, second = (Volume(signal + noise(s, signal.shape), 1.0) for s in (7, 8))
    plain = fourier_shell_correlation(first, second)
    masked = fourier_shell_correlation(first, second, inside)
    assert np.mean(masked.correlation[3:]) > np.mean(plain.correlation[3:]) + 0.2
    moved = Volume(np.where(inside, first.array, 99.0), 1.0)
    again = fourier_shell_correlation(moved, second, inside)
    np.testing.assert_allclose(again.correlation, masked.correlation, atol=1e-12)


def shells_of(correlation: list[float]) -> FourierShells:
    n = len(correlation)
    return FourierShells(0.1 * np.arange(float(n)), np.array(correlation), np.ones(n, np.int64))


@pytest.mark.parametrize(
    ("correlation", "half", "gold"),
    [
        ([1, 1, 0.8, 0.2, 0.1], 1 / 0.25, 1 / (0.3 + 0.1 * 0.057 / 0.1)),
        ([1, 0.9, 0.9, 0.9, 0.9], 1 / 0.4, 1 / 0.4),
        ([1, 0.1, 0.9, 0.9, 0.9], np.inf, np.inf),
        ([1, 1, 0.6, np.nan, 0.6], 1 / 0.2, 1 / 0.2),
        ([0.2, 1, 0.3, 0.9, 0.0], 1 / (0.1 + 0.1 * 0.5 / 0.7), 1 / (0.3 + 0.1 * 0.757 / 0.9)),
    ],
)
def test_resolution_is_where_the_curve_first_falls(
    correlation: list[float], half: float, gold: float
) -> None:
    shells = shells_of(correlation)
    assert shells.resolution(0.5) == pytest.approx(half)
    assert shells.resolution(0.143) == pytest.approx(gold)


@pytest.fixture(scope="module")
def series() -> TiltSeries:
    angles = np.zeros((21, 3))
    angles[:, 1] = np.linspace(-70, 70, 21)
    model = amorphous_particle(60, "Ta", seed=0)
    return simulate_tilt_series(model, angles, 0.7, (30, 32), dose=None)


def test_half_sets_take_turns(series: TiltSeries) -> None:
    even, odd = half_sets(series)
    assert (len(even), len(odd)) == (11, 10)
    np.testing.assert_array_equal(even.angles, series.angles[::2])
    np.testing.assert_array_equal(odd.images, series.images[1::2])
    assert odd.name != even.name
    with pytest.raises(InputError, match="one projection"):
        half_sets(replace(series, images=series.images[:1], angles=series.angles[:1]))


def test_noise_costs_resolution(series: TiltSeries) -> None:
    options = {"iterations": 15, "oversampling": 2.0, "threads": 1}
    clean = half_set_correlation(series, **options)
    rng = np.random.default_rng(0)
    strength = 0.3 * series.images.std()
    noisy = replace(series, images=series.images + strength * rng.normal(size=series.images.shape))
    spoilt = half_set_correlation(noisy, **options)
    assert clean.correlation[1] > 0.99
    assert clean.resolution(0.5) < 1.05 * spoilt.resolution(0.5)
    assert np.mean(clean.correlation) > np.mean(spoilt.correlation) + 0.05
    film = half_set_correlation(series, extended=True, **options)
    assert film.frequency[-1] == pytest.approx(1 / 1.4)


def test_figure(tmp_path: Path) -> None:
    shells = shells_of([1, 1, 0.8, 0.2, 0.1])
    axes = Figure().add_subplot()
    precision_figures.shell_correlation(axes, shells)
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), shells.correlation)
    assert [text.get_text() for text in axes.texts] == [
        "0.5: 4.00 angstrom",
        f"0.143: {shells.resolution():.2f} angstrom",
    ]
    one, two = (
        precision_figures.write_precision_figures(tmp_path / name, shells=shells)
        for name in ("one", "two")
    )
    assert [path.name for path in one] == ["fourier_shells.png"]
    assert one[0].read_bytes() == two[0].read_bytes()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"second": Volume(np.ones((8, 8, 9)), 0.5)}, "8, 8, 9"),
        ({"second": Volume(np.ones((8, 8, 8)), 0.6)}, "0.6 angstrom"),
        ({"mask": np.ones((3, 3, 3))}, "mask"),
        ({"mask": np.zeros((8, 8, 8))}, "nothing inside the mask"),
        ({"mask": np.full((8, 8, 8), np.nan)}, "mask"),
        (
            {"first": Volume(np.ones((3, 8, 8)), 0.5), "second": Volume(np.ones((3, 8, 8)), 0.5)},
            "at least 4",
        ),
    ],
)
def test_bad_arguments_are_named(change: dict, named: str) -> None:
    arguments = {
        "first": Volume(np.ones((8, 8, 8)), 0.5),
        "second": Volume(np.ones((8, 8, 8)), 0.5),
    }
    with pytest.raises(InputError, match=named):
        fourier_shell_correlation(**(arguments | change))


def coloured(seed: int, shape: tuple[int, int, int], gain: NDArray) -> NDArray:
    """White noise whose spectrum is multiplied by a gain of each frequency."""
    return fft.ifftn(gain * fft.fftn(noise(seed, shape))).real


def test_correlation_is_the_signal_fraction_of_each_shell() -> None:
    """Two volumes with signal of known strength ``R(q)`` above white noise: R / (1 + R)."""
    shape = (36, 40, 34)
    axes = np.meshgrid(*(fft.fftfreq(n, 0.5) for n in shape), indexing="ij")
    ratio = 4 * np.exp(-(sum(q**2 for q in axes)) / 0.3)
    signal = coloured(9, shape, np.sqrt(ratio))
    pair = [Volume(signal + noise(seed, shape), 0.5) for seed in (10, 11)]
    shells = fourier_shell_correlation(*pair)
    expected = 4 * np.exp(-(shells.frequency**2) / 0.3)
    expected = expected / (1 + expected)
    full = shells.samples > 200
    # Coefficients are independent but for Friedel's symmetry: 4 sqrt(2 / n). Across a shell the
    # ratio changes by up to a tenth, but not its mean to first order.
    error = np.abs(shells.correlation - expected)[full]
    assert (error < 4 * np.sqrt(2 / shells.samples[full])).all()
    assert full.sum() > 10
    # Where the expected curve crosses: R = 1 for 0.5, R = 1/6 for 0.143.
    for threshold, strength in ((0.5, 1), (1 / 7, 1 / 6)):
        q = np.sqrt(0.3 * np.log(4 / strength))
        assert 1 / shells.resolution(threshold) == pytest.approx(q, abs=0.1)


def test_half_bit_is_that_of_van_heel_and_schatz() -> None:
    """Large shells: 0.2071 / 1.2071; four independent coefficients by hand; one: 1."""
    shells = FourierShells(np.arange(3.0), np.ones(3), np.array([2, 8, 10**15]))
    expected = [(0.2071 + 1.9102) / (1.2071 + 0.9102), (0.2071 + 0.9551) / (1.2071 + 0.4551)]
    np.testing.assert_allclose(shells.half_bit(), [*expected, 0.2071 / 1.2071], rtol=2e-6)
    # A mask that leaves a quarter has a quarter of the independent coefficients.
    quarter = replace(shells, samples=4 * shells.samples, filling=0.25)
    np.testing.assert_allclose(quarter.half_bit(), shells.half_bit())


def test_filling_of_a_mask() -> None:
    mask = np.zeros((12, 12, 12))
    mask[:6] = 1
    one = Volume(noise(0, mask.shape), 1.0)
    assert fourier_shell_correlation(one, one, mask).filling == pytest.approx(0.5)
    assert fourier_shell_correlation(one, one, 3 * mask).filling == pytest.approx(0.5)


def test_resolutions_say_what_they_are() -> None:
    rows = shells_of([1, 1, 0.8, 0.2, 0.2]).resolutions()
    assert [one["criterion"] for one in rows] == ["0.143", "0.5", "half bit"]
    assert rows[0]["resolution"] == pytest.approx(2.5)
    assert rows[0]["remark"].startswith("not reached")
    assert rows[1]["resolution"] == pytest.approx(4.0)
    assert rows[1]["remark"] == ""
    bad = shells_of([1, 0.1, 0.9, 0.9, 0.9]).resolutions()
    assert (bad[0]["resolution"], bad[0]["remark"][:5]) == (None, "below")


def test_single_precision_needs_no_double(series: TiltSeries) -> None:
    """Volumes of images are single; their correlation is that of double ones to 1e-5."""
    one, other = noise(1), noise(1) + noise(2)
    double = fourier_shell_correlation(Volume(one, 0.7), Volume(other, 0.7))
    single = fourier_shell_correlation(
        *(Volume(array.astype(np.float32), 0.7) for array in (one, other))
    )
    np.testing.assert_allclose(single.correlation, double.correlation, atol=1e-5)


def test_too_large_volumes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aet_port.core.memory.ALWAYS", 0)
    monkeypatch.setattr("aet_port.core.memory.available_memory", lambda: 1000.0)
    one = Volume(noise(0), 1.0)
    with pytest.raises(InputError, match="crop or bin"):
        fourier_shell_correlation(one, one)
