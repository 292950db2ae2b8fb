import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from aet_port.core.errors import InputError
from aet_port.tracing.support import (
    ball,
    dilate,
    erode,
    otsu_threshold,
    remove_small,
    smooth_box,
    tight_support,
)


def test_ball_golden(golden):
    case = golden("mg__strel3d__sizes")
    sizes = [int(name.rsplit("_", 1)[1]) for name in case if name.startswith("out_")]
    assert len(sizes) == 13
    for size in sizes:
        assert np.array_equal(ball(size), case[f"out_nhood_{size}"].reshape((size,) * 3)), size


def test_smooth_golden(golden):
    case = golden("mg__smooth3__box9_replicate")
    for width in (3, 9):
        # Running sums round otherwise than the sum over a cube, for values of up to 100.
        expected = case[f"out_b{width}"]
        np.testing.assert_allclose(smooth_box(case["in_vol"], width), expected, rtol=0, atol=2e-12)


def test_otsu_golden(golden):
    case = golden("mg__otsu_thresh_3D__bimodal_uniform_quantised")
    for n in (1, 2, 3):
        threshold = otsu_threshold(case[f"in_{n}"])
        assert threshold == case[f"out_{n}_ot"].item()
        assert np.array_equal(case[f"in_{n}"] > threshold, case[f"out_{n}_x"])


def test_otsu_of_one_value():
    # No variance between classes anywhere: the first bin, as MATLAB's max of NaN and zeros.
    assert otsu_threshold(np.full(5, 7.5)) == 1


@pytest.mark.parametrize("call", [1, 2, 3])
def test_tight_support_golden(golden, call):
    case = golden("mg__obtain_tight_support__three_parameter_sets")
    threshold, dilation, erosion, smallest = case[f"in_{call}_params"].ravel()
    found = tight_support(
        case["in_RECvol"],
        threshold=threshold,
        dilation=int(dilation),
        erosion=int(erosion),
        smallest=int(smallest),
    )
    assert np.array_equal(found, case[f"out_{call}"])


def test_stages_golden(golden):
    case = golden("mg__obtain_tight_support__three_parameter_sets")
    grown = dilate(case["out_1_stage_above"], 3)
    assert np.array_equal(grown, case["out_1_stage_dilate3"])
    grown = dilate(grown, 7)
    assert np.array_equal(grown, case["out_1_stage_dilate7"])
    assert np.array_equal(remove_small(grown, 1500), case["out_1_stage_areaopen1500"])


def test_film_support_golden(golden):
    case = golden("am__My_obtain_tight_support_ver1__cluster54x52x50")
    found = tight_support(case["in_RECvol"], dilation=18, erosion=18, margin=0)
    assert np.array_equal(found, case["out_support"])


def test_erosion_golden(golden):
    case = golden("am__Main_remove_non_atom_peak_Ta.kmean__cluster115")
    assert np.array_equal(erode(case["in_tight_support"], 10), case["out_tight_support_eroded"])


@settings(max_examples=30)
@given(
    size=st.integers(1, 18),
    seed=st.integers(0, 2**32),
    density=st.sampled_from([0.0005, 0.01, 0.2]),
)
def test_balls_equal_the_structuring_element(size, seed, density):
    mask = np.random.default_rng(seed).random((17, 12, 21)) < density
    element = ball(size)
    if size % 2 == 0:
        element = np.pad(element, ((1, 0),) * 3)  # its origin is voxel size / 2, 1-based
    assert np.array_equal(dilate(mask, size), ndimage.binary_dilation(mask, element))
    eroded = ndimage.binary_erosion(~mask, element, border_value=1)
    assert np.array_equal(erode(~mask, size), eroded)


def test_remove_small_joins_corners():
    mask = np.zeros((6, 6, 6), bool)
    mask[0, 0, 0] = mask[1, 1, 1] = mask[5, 5, 5] = True
    assert np.array_equal(np.argwhere(remove_small(mask, 2)), [[0, 0, 0], [1, 1, 1]])


def test_input_is_left_alone(rng):
    mask = rng.random((6, 6, 6)) > 0.5
    before = mask.copy()
    dilate(mask, 3)
    erode(mask, 4)
    assert np.array_equal(mask, before)


def test_bad_input():
    with pytest.raises(InputError, match="size"):
        ball(0)
    with pytest.raises(InputError, match="width"):
        smooth_box(np.ones((3, 3, 3)), 4)
    with pytest.raises(InputError, match="mask"):
        dilate(np.ones((3, 3)), 3)
    with pytest.raises(InputError, match="above zero"):
        tight_support(np.zeros((10, 10, 10)))
    with pytest.raises(InputError, match="grey"):
        otsu_threshold(np.zeros(0))
