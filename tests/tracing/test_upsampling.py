import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline
from scipy.ndimage import map_coordinates

from aet_port.core.errors import InputError
from aet_port.tracing.upsampling import fine_box, fine_grid, fine_size, to_voxels

METHODS = ("linear", "spline")


def points(n):
    return to_voxels(np.arange(fine_size(n)))


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("am__Main_atom_tracing_Ta_film.upsample__linear_8x7x9", "linear"),
        ("mg__Main_polynomial_tracing.upsample__spline_8x7x9", "spline"),
        ("mg__Main_polynomial_tracing.upsample__spline_9x8x10", "spline"),
    ],
)
def test_golden(golden, name, method):
    case = golden(name)
    fine = fine_grid(case["in_Dsetvol"], method)
    # Rounding of another order of sums, on values of up to 6.
    np.testing.assert_allclose(fine.full(), case["out_upsampled"], rtol=0, atol=2e-14)
    assert tuple(n + 20 for n in fine.shape) == tuple(case["out_FinalVol_size"].ravel())


def test_golden_axes(golden):
    case = golden("mg__Main_polynomial_tracing.upsample__spline_8x7x9")
    for axis, n in zip("xyz", (8, 7, 9), strict=True):
        # The reference counts from the centre, voxel n // 2.
        np.testing.assert_allclose(points(n) - n // 2, case[f"out_{axis * 2}i"].ravel(), atol=1e-15)


def test_linear_equals_scipy(rng):
    volume = rng.random((6, 5, 7))
    where = np.stack(np.meshgrid(*map(points, volume.shape), indexing="ij"))
    expected = map_coordinates(volume, where, order=1)
    np.testing.assert_allclose(fine_grid(volume).full(), expected, rtol=0, atol=1e-15)


def test_spline_equals_scipy(rng):
    volume = rng.random((6, 4, 7))
    expected = volume
    for axis, n in enumerate(volume.shape):
        expected = CubicSpline(np.arange(n), expected, axis=axis, bc_type="not-a-knot")(points(n))
    np.testing.assert_allclose(fine_grid(volume, "spline").full(), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("method", METHODS)
def test_flat_stays_exactly_flat(method):
    full = fine_grid(np.full((5, 6, 7), 0.1), method).full()
    if method == "linear":
        assert np.unique(full).tolist() == [0.1]
    else:
        # The spline's coefficients come from a solver and are flat to its rounding.
        np.testing.assert_allclose(full, 0.1, rtol=1e-14)


@given(first=st.integers(-3, 20), count=st.integers(1, 9), method=st.sampled_from(METHODS))
def test_planes_are_the_full_volume(first, count, method):
    grid = fine_grid(np.random.default_rng(1).random((7, 5, 6)), method)
    padded = np.pad(grid.full(), ((3, 12), (0, 0), (0, 0)))
    part = grid.planes(first, np.full((count, *grid.shape[1:]), np.nan))
    assert np.array_equal(part, padded[first + 3 : first + 3 + count])


@given(corner=st.tuples(*[st.integers(-9, 22)] * 3), method=st.sampled_from(METHODS))
def test_box_is_the_full_volume(corner, method):
    grid = fine_grid(np.random.default_rng(2).random((7, 5, 6)).astype(np.float32), method)
    padded = np.pad(grid.full(), 40)
    box = np.full((7, 7, 7), np.nan)
    fine_box(*grid.tables, *corner, box)
    assert np.array_equal(box, padded[tuple(slice(c + 40, c + 47) for c in corner)])


def test_linear_keeps_the_array():
    volume = np.zeros((5, 5, 5), np.float32)
    assert fine_grid(volume).coefficients is volume


@pytest.mark.parametrize(
    ("shape", "method", "words"),
    [
        ((5, 5), "linear", "volume"),
        ((5, 1, 5), "linear", "at least 2"),
        ((5, 3, 5), "spline", "at least 4"),
        ((5, 5, 5), "cubic", "'linear' or 'spline'"),
    ],
)
def test_bad_input(shape, method, words):
    with pytest.raises(InputError, match=words):
        fine_grid(np.zeros(shape), method)
