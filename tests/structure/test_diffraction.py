"""A measured intensity made from a model, and the model's pair distribution found again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from aet_port.core.errors import InputError
from aet_port.core.scattering import scattering_factor
from aet_port.structure.pairs.debye import structure_factor
from aet_port.structure.pairs.diffraction import DiffractionPdf, pdf_from_diffraction
from aet_port.structure.pairs.pdf import PairDistribution, pair_distribution
from tests.structure.samples import shaken_box

Q = np.arange(0.8, 17.0, 0.02)
SHORTEST = 2.2


@pytest.fixture(scope="module")
def model() -> tuple[PairDistribution, np.ndarray, float]:
    """Pair distribution, structure factor and number density of a shaken close packing."""
    box = shaken_box(7, repeat=9, jitter=0.12, shear=0.0)
    s = structure_factor(box, Q, r_max=17.0, window="none").s
    return pair_distribution(box, r_max=17.0), s, len(box) / box.get_volume()


def intensity(s: np.ndarray, number: float = 3e4) -> np.ndarray:
    return number * scattering_factor(Q / (2 * np.pi), "Ta") ** 2 * s


def peaks(r: np.ndarray, g: np.ndarray) -> np.ndarray:
    found, _ = find_peaks(g, prominence=0.3)
    return r[found[r[found] < 9]]


def check(found: DiffractionPdf, distribution: PairDistribution) -> None:
    smooth = gaussian_filter1d(distribution.g, 0.1 / distribution.step)
    expected = peaks(distribution.r, smooth)
    positions = peaks(found.r, found.g)
    assert len(expected) >= 3
    # Bins of 0.02 angstrom, and neighbouring peaks broadened by 5 / q_max = 0.3 into one another.
    for position in expected[:3]:
        assert np.abs(positions - position).min() < 0.05
    assert found.r[np.argmax(found.g)] == pytest.approx(expected[0], abs=0.03)
    # No pairs below the first shell.
    low = (found.r > 0.5) & (found.r < SHORTEST - 0.2)
    assert np.abs(found.g[low]).max() < 0.25
    far = found.r > 12
    assert found.g[far].mean() == pytest.approx(1, abs=0.05)


def test_clean_intensity_gives_the_distribution(
    model: tuple[PairDistribution, np.ndarray, float],
) -> None:
    distribution, s, density = model
    found = pdf_from_diffraction(Q, intensity(s), {"Ta": 1}, density, SHORTEST)
    check(found, distribution)
    # The number of atoms put in; the low-r range fixes it to the ripples' size.
    assert found.scale == pytest.approx(3e4, rel=0.02)
    np.testing.assert_allclose(found.phi, Q * (s - 1), atol=0.05 * np.abs(Q * (s - 1)).max())
    np.testing.assert_allclose(
        found.reduced, 4 * np.pi * density * found.r * (found.g - 1), atol=1e-12
    )


def test_background_is_subtracted(model: tuple[PairDistribution, np.ndarray, float]) -> None:
    distribution, s, density = model
    clean = intensity(s)
    inelastic = clean[0] * 0.02 * (1 - 0.8 * Q / Q[-1] + 0.3 * (Q / Q[-1]) ** 2)
    support = clean[0] * 0.05 * np.exp(-Q)
    found = pdf_from_diffraction(
        Q, clean + inelastic + support, {"Ta": 1}, density, SHORTEST, background=support
    )
    check(found, distribution)
    assert found.scale == pytest.approx(3e4, rel=0.02)
    # Where the atoms scatter little the background is what is seen.
    tail = Q > 6
    rest = found.background[tail] - (inelastic + support)[tail]
    assert np.abs(rest).max() < 0.03 * clean[0]
    without = pdf_from_diffraction(Q, clean, {"Ta": 1}, density, SHORTEST, degree=-1)
    assert (without.background == 0).all()


def test_low_r_correction_removes_slow_errors(
    model: tuple[PairDistribution, np.ndarray, float],
) -> None:
    _, s, density = model
    wrong = intensity(s) * (1 + 0.04 * np.sin(Q / 3))
    errors = []
    for cycles in (0, 20):
        found = pdf_from_diffraction(
            Q, wrong, {"Ta": 1}, density, SHORTEST, cycles=cycles, degree=-1
        )
        low = (found.r > 0.3) & (found.r < SHORTEST - 0.3)
        errors.append(np.abs(found.reduced + 4 * np.pi * density * found.r)[low].max())
    assert errors[1] < 0.2 * errors[0]


def test_amounts_and_units_do_not_matter(
    model: tuple[PairDistribution, np.ndarray, float],
) -> None:
    _, s, density = model
    one = pdf_from_diffraction(Q, intensity(s), {"Ta": 1, "W": 3}, density, SHORTEST)
    two = pdf_from_diffraction(Q, 1e-6 * intensity(s), {"W": 0.6, "Ta": 0.2}, density, SHORTEST)
    # A least-squares problem of condition 1e3 or so, scaled.
    np.testing.assert_allclose(one.g, two.g, atol=1e-8)
    assert two.scale == pytest.approx(1e-6 * one.scale, rel=1e-9)


def test_window_damps_the_ripples(model: tuple[PairDistribution, np.ndarray, float]) -> None:
    _, s, density = model
    sharp, soft = (
        pdf_from_diffraction(Q, intensity(s), {"Ta": 1}, density, SHORTEST, window=w, cycles=0)
        for w in ("none", "lorch")
    )
    assert sharp.g.max() > soft.g.max()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"q": Q[::-1]}, "rising, all above zero"),
        ({"q": Q[:20], "intensity": Q[:20]}, "50 or more"),
        ({"q": Q - 0.8}, "rising, all above zero"),
        ({"q": np.where(Q > 5, np.nan, Q)}, "q: found"),
        ({"intensity": Q[1:]}, "intensity: found shape"),
        ({"intensity": np.where(Q > 5, np.nan, Q)}, "intensity: found shape .* or NaN"),
        ({"background": Q[1:]}, "background: found shape"),
        ({"composition": {"X": 1}}, "element: found 'X'"),
        ({"composition": {}}, "composition: found"),
        ({"composition": {"Ta": -1}}, "composition: found"),
        ({"density": 0.0}, "density: found 0.0"),
        ({"shortest": 0.01}, "step, shortest and r_max"),
        ({"shortest": 30.0}, "step, shortest and r_max"),
        ({"degree": 30}, "degree: found 30"),
        ({"degree": -2}, "degree: found -2"),
        ({"cycles": -1}, "cycles: found -1"),
        ({"window": "hann"}, "window: found 'hann'"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], words: str) -> None:
    good: dict[str, Any] = {
        "q": Q,
        "intensity": intensity(np.ones_like(Q)),
        "composition": {"Ta": 1},
        "density": 0.06,
        "shortest": SHORTEST,
    }
    run: Callable[..., DiffractionPdf] = pdf_from_diffraction
    with pytest.raises(InputError, match=words):
        run(**{**good, **change})


def test_an_upside_down_intensity_fits_no_number_of_atoms(
    model: tuple[PairDistribution, np.ndarray, float],
) -> None:
    _, s, density = model
    with pytest.raises(InputError, match="no positive number of atoms"):
        pdf_from_diffraction(Q, -intensity(s), {"Ta": 1}, density, SHORTEST)
