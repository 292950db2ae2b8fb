import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from aet_port.core.errors import InputError
from aet_port.tracing import boxes
from aet_port.tracing.boxes import box_offsets, box_points, box_values, fine_box_values, voxel_boxes
from aet_port.tracing.intensities import sphere_offsets, sphere_values
from aet_port.tracing.upsampling import fine_grid

GOLDEN = "mg__get_box_intensity__linear_and_spline"
EXACT = 1e-12  # relative to the largest value; double precision, measured 2e-15


def same(found: NDArray, expected: NDArray) -> None:
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=EXACT * np.nanmax(np.abs(expected)))


@pytest.mark.parametrize("size", [1, 3, 4, 5, 7])
def test_points_golden(golden, size):
    case = golden("mg__create_box__sizes_1_3_5_7_4")
    points, ball = box_points(size)
    for axis, found in zip("xyz", points, strict=True):
        expected = case[f"out_{axis}_{size}"]
        assert np.array_equal(found.reshape(expected.shape), expected)
    expected = case[f"out_sphere_{size}"] == 1
    assert np.array_equal(ball.reshape(expected.shape), expected)
    assert case[f"out_radius_{size}"].item() == points.max()


@pytest.mark.parametrize("number", range(1, 8))
def test_values_golden(golden, number):
    case = golden(GOLDEN)
    half, oversampling, sphere = case["in_cfg"][number - 1]
    found = box_values(
        case["in_rec"],
        case["in_model"].T - 1,
        round(half * oversampling),
        int(oversampling),
        bool(sphere),
    )
    same(found.T, case[f"out_{number}"])


def test_outside_is_nan_golden(golden):
    case = golden(GOLDEN)
    found = box_values(case["in_rec"], case["in_edge_model"].T - 1, 1)
    assert np.isnan(found).sum() == 21
    same(found.T, case["out_edge"])
    found = box_values(case["in_rec"], case["in_single_model"].T - 1, 2)
    same(found.T, case["out_single"])


def test_spline(golden):
    """Octave takes the table of points for a grid: only its first three values can be compared."""
    case = golden(GOLDEN)
    volume, positions = case["in_rec"], case["in_model"].T - 1
    found = box_values(volume, positions, 3, 3, method="spline")
    same(found.T[:3, 0], case["out_spline"][:3, 0])
    # At the voxels it is the volume, elsewhere the tensor product that SciPy makes its own way.
    whole = np.round(positions)
    same(
        box_values(volume, whole, 1, method="spline"),
        box_values(volume, whole, 1),
    )
    grid = RegularGridInterpolator(
        [np.arange(n) for n in volume.shape], volume, method="cubic", bounds_error=False
    )
    points = positions[:2, None, :] + box_offsets(3) / 3
    # Its coefficients come from an iterative solver; measured 3e-6 for values of about one.
    np.testing.assert_allclose(found[:2], grid(points.reshape(-1, 3)).reshape(2, -1), atol=2e-5)


def test_thirds_are_the_sphere_of_the_film_paper(blobs):
    volume = blobs(1)
    positions = np.array([[6.3, 7.2, 5.9], [4.0, 4.5, 4.9]])
    np.testing.assert_array_equal(box_offsets(4) / 3, sphere_offsets(4))
    found = box_values(volume, positions, 4, 3)
    np.testing.assert_allclose(found, sphere_values(volume, positions, 4, "linear"), atol=1e-14)


@pytest.mark.parametrize("method", ["linear", "spline"])
@pytest.mark.parametrize("sphere", [True, False])
def test_fine_boxes_equal_those_of_the_whole_upsampled_volume(blobs, rng, method, sphere):
    volume = blobs(2)
    grid = fine_grid(volume, method)
    positions = rng.uniform(2.5, 10, (20, 3))
    whole = box_values(grid.full(), 3 * positions - 2, 3, sphere=sphere)
    found = fine_box_values(grid, positions, 3, sphere)
    np.testing.assert_allclose(found, whole, rtol=0, atol=1e-14)
    if method == "linear":  # fine cells lie inside the voxels' cells
        direct = box_values(volume, positions, 3, 3, sphere)
        np.testing.assert_allclose(found, direct, rtol=0, atol=1e-14)


def test_kernels_in_plain_python(blobs, rng):
    volume = blobs(3)
    positions = rng.uniform(-0.5, 13, (6, 3))
    offsets = box_offsets(1).astype(float)
    plain = np.full((6, len(offsets)), np.nan)
    boxes._linear_values.py_func(volume, positions, offsets, plain)
    found = box_values(volume, positions, 1)
    np.testing.assert_array_equal(found, plain)
    grid = fine_grid(volume, "spline")
    plain = np.empty((6, len(offsets)))
    boxes._fine_values.py_func(*grid.tables, 3 * positions - 2, box_offsets(1), 1, plain)
    np.testing.assert_allclose(fine_box_values(grid, positions, 1), plain, rtol=0, atol=1e-15)


def test_moved_volume_moves_the_values(blobs):
    volume = blobs(4)
    positions = np.array([[6.2, 6.6, 5.1]])
    moved = np.roll(volume, (1, 0, -1), axis=(0, 1, 2))
    np.testing.assert_allclose(
        box_values(moved, positions + np.array([1, 0, -1]), 2),
        box_values(volume, positions, 2),
        atol=1e-14,
    )


@pytest.mark.parametrize(
    ("key", "steps", "sphere"), [("half1", 1, True), ("half2", 2, True), ("half1_SPHyn0", 1, False)]
)
def test_voxels_golden(golden, key, steps, sphere):
    case = golden("mg__initial_class_kmean_sub__three_species")
    expected = golden("mg__plot_class_hist__half1_half2")[f"out_intensity_{key}"]
    volume, positions = case["in_rec"].astype(float), case["in_model"].T - 1
    found = voxel_boxes(volume, positions, steps, sphere, reference_quirks=True)
    assert np.array_equal(found.T, expected)
    right = voxel_boxes(volume, positions, steps, sphere)
    assert right.shape[1] == (len(expected) if sphere else (2 * steps + 1) ** 3)
    assert np.array_equal(right[:, : found.shape[1]], found)


def test_bad_input(blobs):
    volume, inside = blobs(5), np.full((4, 3), 6.0)
    with pytest.raises(InputError, match=r"2 of 4 atoms outside: 1, 3"):
        voxel_boxes(volume, inside - [[0, 0, 0], [6, 0, 0], [0, 0, 0], [0, 0, -6]], 1)
    with pytest.raises(InputError, match=r"7 of 7 atoms outside: 0, 1, 2, 3, 4, \.\.\."):
        voxel_boxes(volume, np.zeros((7, 3)), 1)
    with pytest.raises(InputError, match="steps: found -1"):
        box_values(volume, inside, -1)
    with pytest.raises(InputError, match="oversampling: found 0"):
        box_values(volume, inside, 1, 0)
    with pytest.raises(InputError, match="method: found 'cubic'"):
        box_values(volume, inside, 1, method="cubic")
    with pytest.raises(InputError, match="at least 4 voxels"):
        box_values(volume[:3], inside, 1, method="spline")
    with pytest.raises(InputError, match="size: found 0"):
        box_points(0)
    with pytest.raises(InputError, match="positions: found shape"):
        box_values(volume, np.full((2, 3), np.nan), 1)
