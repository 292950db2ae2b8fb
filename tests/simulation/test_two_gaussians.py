"""A probe of two Gaussians against sums in real space, and the flat background of the noise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.geometry import euler_rotations
from aet_port.core.scattering import adf_cross_section
from aet_port.simulation.acquisition import acquire
from aet_port.simulation.linear import add_noise, project_atoms
from aet_port.simulation.settings import Acquisition, SimulateSettings, TwoGaussians
from aet_port.simulation.tilt_series import simulate

PIXEL = 0.35
ANGLES = [[0, 0, 0], [2, 35, -1]]


def atoms(n: int = 8) -> AtomicModel:
    points = np.random.default_rng(5).uniform(-7, 7, (n, 3))
    return AtomicModel.from_positions(points, ["Ta", "Cu"] * (n // 2))


def real_space_sum(
    model: AtomicModel,
    shape: tuple[int, int],
    intensities: dict[str, float],
    probe: TwoGaussians,
) -> NDArray:
    x, y = (PIXEL * (np.arange(n) - n // 2) for n in shape)
    images = np.zeros((len(ANGLES), *shape))
    for image, rotation in zip(images, euler_rotations(ANGLES), strict=True):
        for symbol, position in zip(model.species, model.positions, strict=True):
            u, v = (rotation @ position)[:2]
            square = (x[:, None] - u) ** 2 + (y - v) ** 2
            parts = (probe.probe_fraction, 1 - probe.probe_fraction)
            for part, sigma in zip(parts, probe.probe_widths, strict=True):
                gaussian = np.exp(-square / (2 * sigma**2)) / (2 * np.pi * sigma**2)
                image += intensities[symbol] * part * gaussian
    return images


@pytest.mark.parametrize(
    ("probe", "shape"),
    [
        (TwoGaussians(), (51, 48)),
        # Atoms outside the image whose wide Gaussians reach into it.
        (TwoGaussians(), (24, 27)),
        (TwoGaussians(probe_widths=(0.5, 2.5), probe_fraction=0.4), (51, 48)),
        (TwoGaussians(probe_widths=(0.5, 0.5), probe_fraction=0.0), (51, 48)),
    ],
)
def test_two_gaussians_equal_the_sum_in_real_space(
    probe: TwoGaussians, shape: tuple[int, int]
) -> None:
    intensities = {"Ta": 3.0, "Cu": 0.5}
    images = project_atoms(atoms(), ANGLES, PIXEL, shape, intensities=intensities, probe=probe)
    expected = real_space_sum(atoms(), shape, intensities, probe)
    # Left are Gaussians cut off at 1e-9 of their peaks and the tail beyond six wide ones.
    np.testing.assert_allclose(images, expected, atol=1e-6 * expected.max())


def test_defaults_are_the_widths_of_measured_images() -> None:
    assert TwoGaussians().plain() == {"probe_widths": [0.46, 1.12], "probe_fraction": 0.77}


def test_series_with_two_gaussians() -> None:
    quiet = Acquisition(dose=0.0)
    plain = SimulateSettings(pixel_size=PIXEL, shape=(60, 60), acquisition=quiet)
    settings = plain.changed(probe="two-gaussians")
    images = simulate(atoms(), ANGLES, settings).series.images
    optics = settings.microscope
    intensities = {
        symbol: adf_cross_section(symbol, optics.energy, optics.inner, optics.outer)
        for symbol in ("Ta", "Cu")
    }
    expected = real_space_sum(atoms(), (60, 60), intensities, TwoGaussians())
    # Single precision.
    np.testing.assert_allclose(images, expected, atol=2e-6 * expected.max())
    assert settings.record() == {
        "engine": "linear",
        "microscope": optics.plain(),
        "probe": "two-gaussians",
        "probe_widths": [0.46, 1.12],
        "probe_fraction": 0.77,
    }
    assert "probe" not in plain.record()


def test_unusable_probes_are_named() -> None:
    with pytest.raises(InputError, match="linear engine"):
        SimulateSettings(engine="multislice", probe="two-gaussians")
    with pytest.raises(InputError, match="narrow one first"):
        TwoGaussians(probe_widths=(1.12, 0.46))
    with pytest.raises(InputError, match=r"probe_widths: found 0\.46 angstrom; expected .* 0\.47"):
        project_atoms(atoms(), ANGLES, 0.8, (30, 30), probe=TwoGaussians())


def test_background_is_counted_and_stays() -> None:
    clean = np.zeros((4, 100, 100))
    clean[:, :50] = 0.01
    dose, background, sigma = 2e4, 3.0, 0.5
    noisy = add_noise(clean, PIXEL, dose, sigma, seed=1, background=background)
    electrons = dose / 4 * PIXEL**2
    for part in (np.s_[:, :50], np.s_[:, 50:]):
        counts = noisy[part] * electrons
        expected = electrons * clean[part].mean() + background
        variance = expected + sigma**2
        # Five standard errors; of the variance of a Poisson count they are 1 / mean larger.
        assert counts.mean() == pytest.approx(expected, abs=5 * np.sqrt(variance / counts.size))
        spread = np.sqrt((2 + 1 / expected) / counts.size)
        assert counts.var() == pytest.approx(variance, rel=5 * spread)
    same = add_noise(clean, PIXEL, dose, sigma, seed=1, background=0.0)
    np.testing.assert_array_equal(same, add_noise(clean, PIXEL, dose, sigma, seed=1))


def test_background_of_an_acquisition() -> None:
    dose, angles = 1000.0, np.zeros((5, 3))
    settings = Acquisition(dose=dose, read_noise=0.0, background=1.0, seed=3)
    series = acquire(lambda a: np.zeros((len(a), 64, 64)), angles, PIXEL, settings).series
    counts = series.images * (dose / 5 * PIXEL**2)
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-5)
    assert counts.mean() == pytest.approx(1.0, abs=5 / np.sqrt(counts.size))


def test_unusable_backgrounds_are_named() -> None:
    with pytest.raises(InputError, match=r"background: found 1; expected 0 without noise"):
        Acquisition(dose=0.0, background=1.0)
    with pytest.raises(InputError, match="background"):
        Acquisition(background=-1.0)
    with pytest.raises(InputError, match="background"):
        add_noise(np.zeros((1, 4, 4)), PIXEL, background=float("nan"))
