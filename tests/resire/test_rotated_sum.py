"""Projections in real space."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import loadmat

from aet_port.core.errors import InputError
from aet_port.core.geometry import EULER_AXES, pad_centred
from aet_port.resire import fourier_slice, rotated_sum
from aet_port.resire.grid import make_grid
from aet_port.resire.rotated_sum import project_rotated
from matlab_reference import golden_path


def test_golden() -> None:
    case = loadmat(golden_path("am__calculate3Dprojection_R__shapes_angles.mat"))
    np.testing.assert_array_equal([case[f"in_vec{i}"].ravel() for i in (1, 2, 3)], EULER_AXES)
    for n in (1, 2, 3, 4):
        volume = case[f"in_{n}_vol"]
        detector = tuple(case[f"in_{n}_imxy"].ravel().astype(int))
        images = project_rotated(volume, case["in_angles"], detector, reference_quirks=True)
        expected = np.moveaxis(case[f"out_{n}"], 2, 0)
        assert images.shape == expected.shape
        # Double precision; sums of up to 13 samples in another order.
        np.testing.assert_allclose(images, expected, rtol=0, atol=1e-13 * np.abs(expected).max())


def blob(shape: tuple[int, int, int]) -> NDArray:
    """A wide Gaussian away from the centre, so that turns and mirror images show."""
    x, y, z = np.meshgrid(*(np.arange(n) - n // 2 for n in shape), indexing="ij")
    return np.exp(-((x - 3) ** 2 + (y + 2) ** 2 + (z - 1) ** 2) / (2 * 2.0**2))


def test_right_angles_only_turn_the_axes() -> None:
    # A border of zeros: rounding may put samples on a face outside.
    volume = pad_centred(np.random.default_rng(3).normal(size=(9, 9, 9)), (11, 11, 11))
    images = project_rotated(volume, [[0, 0, 0], [90, 0, 0], [0, 90, 0], [0, 0, 90]])
    expected = (
        volume.sum(axis=2),  # pixel (x, y)
        volume.sum(axis=2).T[:, ::-1],  # about z: x is the object's y, y its -x
        volume.sum(axis=0).T[::-1],  # about y: x is the object's -z
        volume.sum(axis=1),  # about x: y is the object's z
    )
    # Sums of nine numbers of order one; cosine and sine of 90 degrees are exact to 1e-16.
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-12)


def test_agrees_with_the_fourier_slice() -> None:
    """Two ways that share no step but the rotation: padded transform, and sums of samples."""
    volume = blob((33, 33, 33))
    angles = np.array([[0.0, 0, 0], [0, 40, 0], [25, -35, 10], [70, 55, -20]])
    # Four times the size, so that neither copies of the object nor the coarse Fourier grid show.
    grid = make_grid((33, 33), angles, 4, False, 33, EULER_AXES)
    sliced = fourier_slice.project(np.ascontiguousarray(np.moveaxis(volume, 1, 2)), grid)
    summed = project_rotated(volume, angles)
    # Linear interpolation of a Gaussian of width 2 voxels lowers its top by about 1/12 of its
    # curvature in each direction, some 3 %; in Fourier space it is less.
    assert np.abs(summed - sliced).max() < 0.06 * sliced.max()
    wrong = project_rotated(volume, -angles)
    assert np.abs(wrong[1:] - sliced[1:]).max() > 0.3 * sliced.max()


def test_a_tilted_slab_keeps_its_ends() -> None:
    """All of a thin slab is seen at any tilt; the reference loses what lies above nz samples."""
    slab = pad_centred(np.ones((19, 19, 5)), (21, 21, 7))
    whole = pad_centred(slab, (41, 41, 41))
    tilt = [[0.0, 75.0, 0.0]]
    # Sums of samples on a turned grid keep the volume to a few per cent.
    assert project_rotated(slab, tilt).sum() == pytest.approx(slab.sum(), rel=0.05)
    # The same samples, and zeros in another number; rounding of sums of 19 ones.
    np.testing.assert_allclose(
        project_rotated(slab, tilt), project_rotated(whole, tilt, (21, 21)), rtol=0, atol=1e-12
    )
    assert project_rotated(slab, tilt, reference_quirks=True).sum() < 0.5 * slab.sum()


@pytest.mark.parametrize(
    ("volume", "detector", "words"),
    [
        (np.zeros((3, 3)), None, r"volume: found shape \(3, 3\)"),
        (np.zeros((3, 0, 3)), None, r"volume: found shape \(3, 0, 3\)"),
        (np.zeros((3, 4, 5)), (3, 5), "window shape"),
    ],
)
def test_bad_input(volume: NDArray, detector: tuple[int, int] | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        project_rotated(volume, [[0, 0, 0]], detector)


def test_no_angles() -> None:
    assert project_rotated(np.ones((4, 5, 6)), np.zeros((0, 3))).shape == (0, 4, 5)


def test_parts_of_the_beam_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    volume, angles = blob((12, 9, 7)), [[20.0, -50.0, 5.0]]
    whole = project_rotated(volume, angles)
    monkeypatch.setattr(rotated_sum, "SAMPLES", 250)
    # The same samples in another order of summing.
    np.testing.assert_allclose(project_rotated(volume, angles), whole, rtol=0, atol=1e-13)
