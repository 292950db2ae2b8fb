from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.ndimage import generate_binary_structure, grey_dilation

from aet_port.core.errors import DataFileError, InputError, OutputError
from aet_port.tracing import peaks as module
from aet_port.tracing.peaks import Peaks, local_maxima
from aet_port.tracing.upsampling import fine_grid


def slow_maxima(fine, threshold):
    """The reference's rule on the padded volume, in column-major order, then a stable sort."""
    padded = np.pad(fine, 10)
    cross = generate_binary_structure(3, 1)
    dilated = grey_dilation(padded, footprint=cross)
    where = np.argwhere(((padded == dilated) & (padded > threshold)).T)[:, ::-1]
    heights = padded[tuple(where.T)]
    order = np.argsort(-heights, kind="stable")
    return where[order] - 10, heights[order]


# Few different values make plateaus and ties.
levels = st.sampled_from([0.0, 0.5, 1.0, 3.0])


@settings(deadline=None)
@given(
    volume=arrays(
        np.float64, array_shapes(min_dims=3, max_dims=3, min_side=2, max_side=6), elements=levels
    ),
    threshold=st.sampled_from([0.0, 0.5, 0.7]),
    planes=st.integers(1, 5),
)
def test_equals_dilation(volume, threshold, planes):
    grid = fine_grid(volume)
    _, ny, nz = grid.shape
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SLAB_BYTES", 8 * ny * nz * (planes + 2))
        found, heights = local_maxima(grid, threshold)
    expected, values = slow_maxima(grid.full(), threshold)
    assert np.array_equal(found, expected)
    assert np.array_equal(heights, values)


def test_nothing_there():
    found, heights = local_maxima(fine_grid(np.zeros((4, 4, 4))))
    assert found.shape == (0, 3)
    assert heights.shape == (0,)


@pytest.mark.parametrize("threshold", [-0.1, np.nan])
def test_threshold(threshold):
    with pytest.raises(InputError, match="threshold"):
        local_maxima(fine_grid(np.zeros((4, 4, 4))), threshold)


@pytest.fixture
def peaks(rng):
    flags = np.array([0, -1, 0, -3], np.int8)
    maxima = rng.integers(0, 30, (4, 3)).astype(np.int32)
    return Peaks(
        maxima,
        rng.random((4, 3)),
        rng.random(4),
        flags,
        (12, 13, 14),
        0.3216,
        rng.random((4, 35)),
        6,
    )


def test_positions(peaks):
    np.testing.assert_allclose(peaks.positions, (peaks.maxima + peaks.shifts + 2) / 3)
    assert np.array_equal(peaks.accepted, peaks.positions[[0, 2]])
    assert len(peaks) == 4


def test_file(peaks, tmp_path):
    first, second = peaks.save(tmp_path / "a.npz"), peaks.save(tmp_path / "b.npz")
    assert first.read_bytes() == second.read_bytes()
    again = Peaks.load(first)
    for name, value in vars(peaks).items():
        assert np.array_equal(getattr(again, name), value), name
    assert again.maxima.dtype == np.int32


def test_file_without_coefficients(peaks, tmp_path):
    bare = replace(peaks, coefficients=None)
    assert Peaks.load(bare.save(tmp_path / "a.npz")).coefficients is None


def test_bad_files(peaks, tmp_path):
    with pytest.raises(DataFileError, match="no such file"):
        Peaks.load(tmp_path / "absent.npz")
    path = peaks.save(tmp_path / "a.npz")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataFileError, match=r"a\.npz"):
        Peaks.load(path)
    np.savez(tmp_path / "other.npz", maxima=peaks.maxima)
    with pytest.raises(DataFileError, match="no flags, heights, shape, shifts, voxel_size"):
        Peaks.load(tmp_path / "other.npz")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(OutputError, match="folder"):
        peaks.save(tmp_path / "folder.npz")
