from __future__ import annotations

import numpy as np
import pytest
from scipy.io import loadmat

from aet_port.core.errors import InputError
from aet_port.structure.pairs.partial_pdf import partial_pair_distribution
from aet_port.structure.pairs.peaks import bond_length, pdf_peaks, reference_curve, smooth
from matlab_reference import golden_path
from tests.structure.samples import close_packed, moved, shaken_box


def curve(r: np.ndarray, *peaks: tuple[float, float, float]) -> np.ndarray:
    """Gaussians (height, place, width) on 1, which rises from 0 under the first."""
    rise = 1 / (1 + np.exp(-(r - 2.9) / 0.15))
    return rise + sum(h * np.exp(-(((r - c) / w) ** 2) / 2) for h, c, w in peaks)


GLASS = (
    (2.0, 2.75, 0.2),
    (-0.5, 3.85, 0.35),
    (0.4, 4.75, 0.3),
    (0.25, 5.45, 0.3),
    (-0.25, 6.2, 0.3),
    (0.2, 7.2, 0.45),
    (-0.1, 8.4, 0.4),
    (0.1, 9.6, 0.5),
)


@pytest.mark.parametrize("step", [0.02, 0.05, 0.1])
def test_peaks_of_a_known_curve(step: float) -> None:
    r = (np.arange(round(16 / step)) + 0.5) * step
    fine = np.arange(2.0, 14.0, 1e-4)
    true = curve(fine, *GLASS)

    def extremum(low: float, high: float, sign: int) -> float:
        near = (fine > low) & (fine < high)
        return float(fine[near][np.argmax(sign * true[near])])

    found = pdf_peaks(r, curve(r, *GLASS))
    # Smoothing by 0.15 moves the extrema of lopsided valleys and peaks by some hundredths.
    assert found.first_minimum == pytest.approx(extremum(3.2, 4.5, -1), abs=0.05)
    assert found.second_minimum == pytest.approx(extremum(5.7, 6.9, -1), abs=0.05)
    expected = [extremum(2.3, 3.2, 1), 4.75, 5.45, 7.2, 9.6]
    np.testing.assert_allclose(found.peaks, expected, atol=0.08)  # the parts overlap the minima
    # Smoothing moves the top of the second peak towards its shoulder.
    assert found.second_peak == pytest.approx(extremum(4.4, 5.2, 1), abs=0.1)
    assert bond_length(r, curve(r, *GLASS)) == found.peaks[0]


def test_the_step_does_not_matter() -> None:
    found = []
    for step in (0.02, 0.05, 0.1):
        r = (np.arange(round(16 / step)) + 0.5) * step
        found.append(pdf_peaks(r, curve(r, *GLASS)).peaks)
    np.testing.assert_allclose(found[1:], [found[0]] * 2, atol=0.02)  # other points are fitted


def test_a_second_peak_in_one_piece() -> None:
    r = (np.arange(160) + 0.5) * 0.1
    peaks = (GLASS[0], (0.4, 5.0, 0.45), *GLASS[5:])
    found = pdf_peaks(r, curve(r, *peaks))
    assert found.peaks[1] == found.second_peak == pytest.approx(5.0, abs=0.05)
    assert np.isnan(found.peaks[2])
    np.testing.assert_allclose(found.peaks[3:], [7.2, 9.6], atol=0.08)


def test_a_second_peak_in_two_pieces_with_a_dip() -> None:
    r = (np.arange(160) + 0.5) * 0.1
    peaks = (GLASS[0], GLASS[1], (0.5, 4.6, 0.2), (0.4, 5.5, 0.2), *GLASS[4:])
    found = pdf_peaks(r, curve(r, *peaks))
    np.testing.assert_allclose(found.peaks[1:3], [4.6, 5.5], atol=0.08)
    assert found.second_minimum == pytest.approx(6.2, abs=0.1)


def test_what_is_not_there_is_nan() -> None:
    r = (np.arange(200) + 0.5) * 0.1
    for g in (np.minimum(r, 1.0), np.zeros(200), np.full(200, np.nan)):
        found = pdf_peaks(r, g)
        assert np.isnan(
            [found.first_minimum, found.second_minimum, found.second_peak, *found.peaks]
        ).all()
        assert np.isnan(bond_length(r, g))
    one = pdf_peaks(r, curve(r, GLASS[0]))
    assert one.peaks[0] == pytest.approx(2.75, abs=0.1)  # on the slope of the rise
    assert np.isnan([one.first_minimum, one.second_minimum, *one.peaks[1:]]).all()
    short = curve(r, *GLASS)
    short[55:] = np.nan
    found = pdf_peaks(r, short)
    assert np.isfinite(found.peaks[:2]).all()
    assert np.isfinite(found.first_minimum)
    assert np.isnan([found.second_minimum, *found.peaks[2:]]).all()


def test_the_first_peak_may_be_the_lower() -> None:
    r = (np.arange(160) + 0.5) * 0.1
    g = curve(r, (0.8, 2.9, 0.2), (-0.6, 3.8, 0.3), (1.0, 4.8, 0.3), *GLASS[4:])
    assert bond_length(r, g) == pytest.approx(2.95, abs=0.1)
    assert pdf_peaks(r, g).second_peak == pytest.approx(4.8, abs=0.05)


@pytest.mark.parametrize("seed", [1, 2])
def test_turned_shifted_and_reordered_atoms_give_the_same(seed: int) -> None:
    # Wide shells, as in a liquid.
    for atoms, r_max in (
        (close_packed(seed, radius=14), 14.0),
        (shaken_box(seed, repeat=7, shear=0.05), 12.0),
    ):
        one, two = (
            partial_pair_distribution(a, r_max=r_max, directions=42)
            for a in (atoms, moved(atoms, seed))
        )
        one_found, two_found = pdf_peaks(one.r, one.g["*", "*"]), pdf_peaks(two.r, two.g["*", "*"])
        assert np.isfinite(one_found.peaks[[0, 1, 3]]).all()
        np.testing.assert_allclose(two_found.peaks, one_found.peaks, rtol=1e-9)
        assert two_found.first_minimum == pytest.approx(one_found.first_minimum, rel=1e-9)
        assert two_found.second_minimum == pytest.approx(one_found.second_minimum, rel=1e-9)


def test_golden_smoothing() -> None:
    golden = loadmat(golden_path("mg__imgaussfilt__column_sigma2.mat"))
    before, after = (
        next(golden[k] for k in sorted(golden) if k.startswith(start)).ravel()
        for start in ("in_", "out_")
    )
    # Sums of nine terms.
    np.testing.assert_allclose(smooth(before, 2.0, reference_quirks=True), after, rtol=1e-13)


def test_smoothing_keeps_a_constant_and_spreads_a_point() -> None:
    np.testing.assert_allclose(smooth(np.full(30, 2.5), 1.5), 2.5, rtol=1e-14)
    point = np.zeros(101)
    point[50] = 1
    x = np.arange(-50, 51)
    gauss = np.exp(-(x**2) / 18)
    # The Gaussian is cut off at five standard deviations.
    np.testing.assert_allclose(smooth(point, 3.0), gauss / gauss.sum(), atol=1e-6)


def test_bad_input_is_named() -> None:
    r = (np.arange(100) + 0.5) * 0.1
    for bad in (r[::-1], np.sqrt(r), r[:, None], r[:1]):
        with pytest.raises(InputError, match="r: found"):
            pdf_peaks(bad, np.ones_like(bad))
    with pytest.raises(InputError, match="g: found"):
        bond_length(r, np.ones(99))
    with pytest.raises(InputError, match="g: found"):
        bond_length(r, np.full(100, np.inf))
    with pytest.raises(InputError, match="curve"):
        smooth(np.array([1.0, np.nan]), 1.0)
    with pytest.raises(InputError, match="width"):
        smooth(np.ones(5), 0.0)
    with pytest.raises(InputError, match="g: found"):
        reference_curve(np.ones(1))
