import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import loadmat

from aet_port.core.errors import InputError
from aet_port.core.geometry import crop_centred
from aet_port.core.sub_areas import SubAreas, patch_volumes
from matlab_reference import golden_path


@pytest.fixture
def nine():
    case = loadmat(golden_path("am__Main_RESIRE_Ta_film_sAET.patch__3x3_areas.mat"))
    areas = SubAreas.from_published(case["in_cropcen"], case["in_crophalf"])
    volumes = {n: case[f"in_rec_{n + 1}"] for n in range(9)}
    return areas, volumes, case["out_Recon"]


def test_patch_golden(nine):
    areas, volumes, expected = nine
    found = patch_volumes(areas, volumes, expected.shape)
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)
    assert np.array_equal(patch_volumes(areas, volumes.get, expected.shape), expected)


def test_missing_areas_stay_empty(nine):
    areas, volumes, whole = nine
    found = patch_volumes(areas, {4: volumes[4]}, whole.shape)
    window = areas.windows()[4]
    cropped = crop_centred(volumes[4], areas.shape_of(4))
    assert np.array_equal(found[window.full], cropped[window.area])
    found[window.full] = 0
    assert not found.any()


def test_order_of_the_list_does_not_matter(nine):
    areas, volumes, expected = nine
    shuffled = np.random.default_rng(3).permutation(9)
    other = SubAreas(areas.centres[shuffled], areas.half_sizes[shuffled])
    volumes = {n: volumes[int(old)] for n, old in enumerate(shuffled)}
    assert np.array_equal(patch_volumes(other, volumes, expected.shape), expected)


@given(
    columns=st.integers(1, 5), rows=st.integers(1, 4), spacing=st.integers(4, 12),
    step=st.integers(9, 16), trim=st.integers(0, 3),
)  # fmt: skip
def test_windows_cover_everything(columns, rows, spacing, step, trim):
    """Regular areas leave no gap and keep their outer sides."""
    half = (spacing + 3, step // 2 + 4, 5)
    x, y = np.meshgrid(np.arange(columns) * spacing + half[0], np.arange(rows) * step + half[1])
    centres = np.stack([x.ravel(), y.ravel(), np.full(x.size, half[2])], axis=1)
    areas = SubAreas(centres, np.tile(half, (len(centres), 1)))
    shape = tuple(int(n) for n in centres.max(axis=0) + np.array(half) + 1)
    covered = patch_volumes(areas, lambda n: np.ones(areas.shape_of(n)), shape, trim)
    assert covered.all()
    for n, window in enumerate(areas.windows(trim)):
        first = np.array([s.start for s in window.full])
        assert np.array_equal(first - [s.start for s in window.area], window.shift)
        assert np.array_equal(window.shift, areas.centres[n] - areas.half_sizes[n])


def test_published_numbers_are_one_based():
    areas = SubAreas.from_published(
        np.array([[66, 31, 155]], np.uint16), np.array([[65, 30, 65]], np.uint8)
    )
    assert areas.centres.tolist() == [[65, 30, 154]]
    assert areas.shape_of(0) == (131, 61, 131)
    # A single area is kept whole.
    assert areas.windows()[0].full == (slice(0, 131), slice(0, 61), slice(89, 220))


@pytest.mark.parametrize(
    ("centres", "halves", "words"),
    [
        (np.zeros((2, 2)), np.ones((2, 3)), "centres"),
        (np.zeros((0, 3)), np.ones((0, 3)), "centres"),
        ([[1, 2, 3.5]], [[1, 1, 1]], "fractions"),
        ([[1, 2, 3]], [[1, 1, 1], [1, 1, 1]], "one per centre"),
        ([[1, 2, 3]], [[1, -1, 1]], "negative"),
        ([[1, 2, 3], [1, 2, 4]], [[1, 1, 1]] * 2, "two areas at x = 1, y = 2"),
        ([["a", "b", "c"]], [[1, 1, 1]], "whole"),
    ],
)
def test_bad_areas(centres, halves, words):
    with pytest.raises(InputError, match=words):
        SubAreas(np.asarray(centres), np.asarray(halves))


def test_areas_too_far_apart():
    areas = SubAreas([[5, 5, 5], [25, 5, 5]], [[5, 5, 5]] * 2)
    with pytest.raises(InputError, match="a half width of 5 voxels with neighbours 20 apart"):
        areas.windows()


def test_nothing_left():
    areas = SubAreas([[5, 5, 5], [5, 9, 5]], [[5, 1, 5]] * 2)
    with pytest.raises(InputError, match="nothing left"):
        areas.windows()


def test_bad_volumes(nine):
    areas, volumes, whole = nine
    with pytest.raises(InputError, match=r"volume of area 0.*\(13, 11, 12\)"):
        patch_volumes(areas, {0: np.zeros((13, 11, 12))}, whole.shape)
    with pytest.raises(InputError, match="area 9"):
        patch_volumes(areas, {9: volumes[0]}, whole.shape)
    with pytest.raises(InputError, match="holds every area"):
        patch_volumes(areas, volumes, (20, 28, 14))


def test_distance_from_the_border_is_that_to_the_nearest_voxel_outside():
    # A step, on which nearest points of the border are corners too.
    areas = SubAreas([[5, 4, 0], [8, 12, 0]], [[5, 4, 3], [8, 3, 3]])
    columns = {(x, y) for x in range(11) for y in range(9)}
    columns |= {(x, y) for x in range(17) for y in range(9, 16)}
    outside = [(x, y) for x in range(-2, 20) for y in range(-2, 20) if (x, y) not in columns]
    points = np.random.default_rng(0).uniform(-1, 18, (200, 2))
    found = areas.border_distance(points)
    for point, distance in zip(points, found, strict=True):
        gap = np.maximum(np.abs(np.array(outside) - point) - 0.5, 0)
        assert distance == pytest.approx(np.hypot(*gap.T).min())
    assert (found > 0).sum() > 80
    alone = areas.border_distance(np.column_stack([points, points[:, 0]]), [0])
    assert (alone <= found).all()
    for wrong in ([], [2], [-1]):
        with pytest.raises(InputError, match="0 to 1"):
            areas.border_distance(points, wrong)
