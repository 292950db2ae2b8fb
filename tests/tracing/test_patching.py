import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from aet_port.core.sub_areas import SubAreas
from aet_port.tracing.patching import merge_close, patch_peaks


@pytest.fixture
def nine(golden):
    case = golden("am__Main_atom_tracing_Ta_film.patch__3x3_areas")
    areas = SubAreas.from_published(case["in_cropcen"], case["in_crophalf"])
    peaks = {}
    for n in range(9):
        good = case[f"in_exitFlagArr_{n + 1}"].ravel() == 0
        peaks[n] = case[f"in_TotPosArr_{n + 1}"][good] / 3 - 3  # fine, padded, 1-based to voxels
    return areas, peaks, case["out_Allatom_pos"].T - 1


def test_patch_golden(nine):
    areas, peaks, expected = nine
    # Rounding of / 3 and of the shift of an origin.
    np.testing.assert_allclose(patch_peaks(areas, peaks), expected, rtol=0, atol=2e-14)


def test_some_areas(nine):
    areas, peaks, _ = nine
    parts = [patch_peaks(areas, {n: peaks[n]}) for n in (1, 7)]
    both = patch_peaks(areas, {7: peaks[7], 1: peaks[1]})
    assert np.array_equal(both, np.concatenate(parts))
    assert patch_peaks(areas, {}).shape == (0, 3)


def test_windows_bound_the_peaks(nine):
    areas, peaks, _ = nine
    for n, window in enumerate(areas.windows()):
        found = patch_peaks(areas, {n: peaks[n]})
        for axis in (0, 1):
            assert found[:, axis].min() >= window.full[axis].start
            assert found[:, axis].max() <= window.full[axis].stop - 1


def test_bad_peaks(nine):
    areas, peaks, _ = nine
    with pytest.raises(InputError, match="area 9"):
        patch_peaks(areas, {9: peaks[0]})
    with pytest.raises(InputError, match=r"peaks of area 2.*\(3, 5\)"):
        patch_peaks(areas, {2: np.zeros((3, 5))})


def slow_merge(points, distance, quirks):
    """The loop on a list that is cut and grown."""
    points, i = [tuple(p) for p in points], 0
    while i < len(points):
        gaps = np.linalg.norm(np.array(points) - points[i], axis=1)
        near = np.flatnonzero(gaps < distance)
        if len(near) < 2:
            i += 1
            continue
        mean = np.array([points[n] for n in near]).sum(axis=0) / len(near)
        earlier = int((near < i).sum())
        points = [p for n, p in enumerate(points) if n not in near] + [tuple(mean)]
        i -= 0 if quirks else earlier
    return np.array(points)


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), size=st.floats(4, 40), quirks=st.booleans())
def test_merge_equals_slow_loop(seed, size, quirks):
    points = np.random.default_rng(seed).random((50, 3)) * [size, size / 2, size]
    found, expected = merge_close(points, 3.0, quirks), slow_merge(points, 3.0, quirks)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@given(seed=st.integers(0, 2**32))
def test_merged_points_are_apart(seed):
    """By default none stay closer than the distance; the reference may pass over some."""
    points = merge_close(np.random.default_rng(seed).random((40, 3)) * 9, 3.0)
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2) + 9 * np.eye(len(points))
    assert gaps.min() >= 3


def test_merge_golden(golden):
    case = golden("am__Main_remove_non_atom_peak_Ta.merge__close_atoms")
    found = merge_close(case["in_atom_pos"].T, 3.0, reference_quirks=True)
    np.testing.assert_allclose(found, case["out_curr_model0"].T, rtol=1e-15)
    assert len(case["in_atom_pos"].T) - len(found) == case["out_count"].item()


def test_merge_bad_input():
    assert merge_close(np.zeros((0, 3))).shape == (0, 3)
    with pytest.raises(InputError, match="distance"):
        merge_close(np.zeros((2, 3)), 0)
    with pytest.raises(InputError, match="positions"):
        merge_close(np.zeros((3, 2)))
