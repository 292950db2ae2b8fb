from __future__ import annotations

import numpy as np
import pytest
from scipy.io import loadmat

from aet_port.core.errors import InputError
from aet_port.structure.pairs.baselines import baseline, strip_peaks
from matlab_reference import golden_path


@pytest.mark.parametrize("case", [1, 2])
def test_golden_baseline(case: int) -> None:
    golden = loadmat(golden_path("mg__baseline_normal__pdf_like.mat"))
    curve = golden[f"in_{case}"].ravel()
    found = baseline(curve)
    # Sums of up to some hundred values of order one, in another order.
    np.testing.assert_allclose(found, golden[f"out_{case}_base"].ravel(), atol=1e-12)
    np.testing.assert_allclose(curve - found, golden[f"out_{case}_corrected"].ravel(), atol=1e-12)


@pytest.mark.parametrize(
    ("before", "after", "window"),
    [
        ("in_spectrum", "out_base_w3", 3),
        ("in_spectrum", "out_base_w9", 9),
        ("in_2_spectrum", "out_2_base_w15", 15),
    ],
)
def test_golden_stripping(before: str, after: str, window: int) -> None:
    golden = loadmat(golden_path("mg__peak_stripping__windows_3_9_15.mat"))
    curve = golden[before].ravel()
    found = strip_peaks(curve, window)
    np.testing.assert_allclose(found, golden[after].ravel(), atol=1e-13)  # sums of 15 values
    flag = golden[after.replace("base", "strip")].item()
    assert (found < curve).any() == bool(flag)


def test_a_window_of_one_strips_nothing() -> None:
    curve = np.sin(np.arange(20.0))
    np.testing.assert_allclose(strip_peaks(curve, 1), curve, atol=1e-15)


def test_a_baseline_lies_under_the_peaks_on_a_slope() -> None:
    x = np.arange(300.0)
    slope = 1 + x / 300
    peaks = sum(np.exp(-(((x - c) / 3) ** 2)) for c in (60, 110, 170, 230))
    found = baseline(slope + peaks)
    assert (found <= slope + peaks).all()
    # The smoothing spreads a little of each peak; nothing near its height of 1 is left.
    assert np.abs(found - slope)[30:270].max() < 0.35
    np.testing.assert_allclose(baseline((slope + peaks)[::-1])[::-1], found, atol=1e-12)


@pytest.mark.parametrize("window", [0, 2, 21, -3])
def test_a_window_must_fit(window: int) -> None:
    with pytest.raises(InputError, match="window"):
        strip_peaks(np.arange(20.0), window)


@pytest.mark.parametrize("curve", [np.zeros((3, 3)), np.empty(0), np.array([1.0, np.nan, 2.0])])
def test_a_curve_is_finite_numbers(curve: np.ndarray) -> None:
    with pytest.raises(InputError, match="curve"):
        baseline(curve)
    with pytest.raises(InputError, match="curve"):
        strip_peaks(curve, 3)


def test_a_curve_without_an_answer_is_said() -> None:
    with pytest.raises(InputError, match="no window strips off"):
        baseline(np.zeros(30))
