"""Power spectra: known power, known halos, none where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.figures.power_spectra import write_spectrum_figures
from aet_port.preprocessing import SpectrumSettings, power_spectra
from aet_port.preprocessing.spectra import taper
from matlab_reference import resolve_reference

PIXEL = 0.35  # angstrom


def images(
    place: float, height: float, number: int = 6, shape: tuple[int, int] = (128, 120), seed: int = 0
) -> NDArray[np.float64]:
    """Noise with a background that falls off, and a halo in its power."""
    q = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, PIXEL) for n in shape), indexing="ij"))
    power = (1 + 50 * np.exp(-q / 0.06)) * (1 + height * np.exp(-0.5 * ((q - place) / 0.05) ** 2))
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(number, *shape))
    return np.fft.ifft2(np.sqrt(power) * np.fft.fft2(noise)).real


@pytest.mark.parametrize(("place", "height"), [(0.43, 2.0), (0.31, 1.0), (0.55, 1.0)])
def test_a_known_halo_is_found(place: float, height: float) -> None:
    found = power_spectra(images(place, height), PIXEL)
    assert found.halo is not None, found.reason
    assert abs(found.halo.frequency - place) < 3 * found.halo.error
    assert found.halo.error < 0.015
    assert found.halo.contrast == pytest.approx(np.log(1 + height), abs=0.35)
    assert found.halo.period == pytest.approx(1 / found.halo.frequency)
    summary = found.summary()
    assert summary["halo"]["frequency"] == found.halo.frequency


def test_errors_are_those_of_repetitions() -> None:
    """Twelve series of one halo: the spread of its position is the stated error, within chance."""
    found = [power_spectra(images(0.43, 2.0, seed=seed), PIXEL).halo for seed in range(12)]
    values = [one.frequency for one in found if one is not None]
    errors = [one.error for one in found if one is not None]
    assert len(values) == 12
    # A standard deviation of 12 values is known to 21 %; the window correlates neighbouring rings.
    assert 0.4 < np.std(values, ddof=1) / np.mean(errors) < 2.0
    assert np.mean(values) == pytest.approx(0.43, abs=0.004)


def test_no_halo_in_noise() -> None:
    for seed in range(20):
        white = np.random.default_rng(seed).normal(size=(2, 96, 96))
        assert power_spectra(white, PIXEL).halo is None
    falling = power_spectra(images(0.43, 0.0), PIXEL)
    assert falling.halo is None
    assert falling.reason == falling.summary()["reason"] != ""


def test_power_by_the_plain_definition() -> None:
    stack = np.random.default_rng(1).normal(3, 2, (2, 24, 31))
    found = power_spectra(stack, PIXEL, SpectrumSettings(lowest=0.1, highest=1.4))
    window = taper((24, 31))
    expected = []
    for image in stack:
        seen = (image - np.average(image, weights=window)) * window
        expected.append(np.abs(np.fft.fft2(seen)) ** 2 / np.sum(window**2))
    whole = np.fft.fftshift(np.mean(expected, axis=0))
    np.testing.assert_allclose(found.average, whole, rtol=1e-9, atol=1e-20)
    away = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, PIXEL) for n in (24, 31)), indexing="ij"))
    ring = np.rint(away * 31 * PIXEL).astype(int)
    for k, q in enumerate(found.frequency):
        assert q == pytest.approx(k / (31 * PIXEL))
        assert found.samples[k] == (ring == k).sum()
        means = [p[ring == k].mean() for p in expected]
        np.testing.assert_allclose(found.profiles[:, k], means, atol=1e-20)
    np.testing.assert_allclose(found.profile, found.profiles.mean(axis=0))


def test_white_noise_has_the_power_of_its_variance() -> None:
    found = power_spectra(np.random.default_rng(2).normal(5, 3, (4, 128, 128)), PIXEL)
    mean = np.average(found.profile[1:], weights=found.samples[1:])
    assert mean == pytest.approx(9, rel=0.03)  # 1 / sqrt(32,000 independent pixels), 5 errors


def test_a_sharp_ring_and_a_rise_are_no_halo() -> None:
    rng = np.random.default_rng(3)
    q = np.hypot(*np.meshgrid(*(np.fft.fftfreq(128, PIXEL),) * 2, indexing="ij"))
    ring = 1 + 30.0 * (np.abs(q - 0.45) < 0.6 / (128 * PIXEL))
    rise = 1 + 20 / (1 + np.exp(-(q - 0.85) / 0.03))
    for power, word in ((ring, "sharp"), (rise, "r")):
        stack = np.fft.ifft2(np.sqrt(power) * np.fft.fft2(rng.normal(size=(6, 128, 128)))).real
        found = power_spectra(stack, PIXEL)
        assert found.halo is None
        assert word in found.reason


def test_figures(tmp_path: Path) -> None:
    stack = images(0.43, 2.0, number=2)
    found = power_spectra(stack, PIXEL)
    paths = write_spectrum_figures(tmp_path, found, stack)
    names = ["image_with_spectrum.png", "power_spectrum.png", "power_profile.png"]
    assert [path.name for path in paths] == names
    with pytest.raises(InputError, match="--shown: found 2; expected a number from 0 to 1"):
        write_spectrum_figures(tmp_path, found, stack, shown=2)


def test_what_is_refused() -> None:
    stack = images(0.43, 2.0, number=1)
    with pytest.raises(InputError, match="16 or more"):
        power_spectra(stack[:, :15], PIXEL)
    with pytest.raises(InputError, match=r"less than the highest frequency, 0\.3"):
        power_spectra(stack, PIXEL, SpectrumSettings(lowest=0.5, highest=0.3))
    with pytest.raises(InputError, match="--lowest"):
        power_spectra(stack[:, :20, :20], PIXEL)


@pytest.mark.reference
def test_halo_of_the_ta_film() -> None:
    """Two separate sub-areas of the published film have their halo at one place."""
    from aet_port.io import read_images

    halos = []
    for area in (1, 18):
        name = f"Sub_area_projections_for_sAET/Projections_area{area}.mat"
        path = resolve_reference(f"AET-AmorphousMaterials/1_Measured_data/Ta_film/{name}")
        found = power_spectra(read_images(path), 0.3216)
        assert found.halo is not None
        halos.append(found.halo)
    first, second = halos
    assert abs(first.frequency - second.frequency) < 3 * np.hypot(first.error, second.error)
    # Amorphous metals: q = 1.23 / r for the first-neighbour distance r (A. Guinier), 2.91 here.
    assert first.frequency == pytest.approx(1.23 / 2.91, rel=0.08)
