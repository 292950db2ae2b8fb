"""Rotations, padding and cropping against the reference, and their invariants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import loadmat
from scipy.spatial.transform import Rotation

from aet_port.core import geometry
from aet_port.core.errors import InputError
from matlab_reference import golden_path

angle = st.floats(-360, 360, allow_nan=False)


def _load(name: str) -> dict:
    return {k: v for k, v in loadmat(golden_path(name + ".mat")).items() if not k.startswith("__")}


def test_axis_rotations_equal_the_reference() -> None:
    case = _load("mg__MatrixQuaternionRot__axes")
    vectors, angles, expected = case["in_vector"], case["in_theta"].ravel(), case["out_R"]
    for n, (vector, theta) in enumerate(zip(vectors, angles, strict=True)):
        np.testing.assert_allclose(
            geometry.axis_rotation(vector, theta), expected[..., n], atol=1e-15
        )


def test_euler_rotations_equal_the_reference() -> None:
    case = _load("mg__MatrixQuaternionRot__euler_ZYX_transposed")
    ours = geometry.euler_rotations(case["in_angles"].astype(float))
    np.testing.assert_allclose(np.moveaxis(ours, 0, 2), case["out_R"], atol=2e-15)


@given(phi=angle, theta=angle, psi=angle)
def test_euler_rotation_is_a_rotation(phi: float, theta: float, psi: float) -> None:
    matrix = geometry.euler_rotation(phi, theta, psi)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-14)
    expected = Rotation.from_euler("ZYX", [phi, theta, psi], degrees=True).as_matrix().T
    np.testing.assert_allclose(matrix, expected, atol=1e-14)


def test_single_precision_angles_give_single_matrices() -> None:
    matrices = geometry.euler_rotations(np.float32([[1, 2, 3]]))
    assert matrices.dtype == np.float32
    np.testing.assert_allclose(
        matrices, geometry.euler_rotations(np.array([[1.0, 2, 3]])), atol=2e-7
    )


def test_rotation_axis_without_direction_is_refused() -> None:
    with pytest.raises(InputError, match="axis"):
        geometry.axis_rotation([0, 0, 0], 10.0)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 7)), min_size=1, max_size=3))
def test_pad_and_crop_keep_the_centre(sizes: list[tuple[int, int]]) -> None:
    small = tuple(n for n, _ in sizes)
    large = tuple(n + extra for n, extra in sizes)
    array = np.zeros(small)
    array[tuple(n // 2 for n in small)] = 1
    padded = geometry.pad_centred(array, large)
    assert padded[tuple(n // 2 for n in large)] == 1
    np.testing.assert_array_equal(geometry.crop_centred(padded, small), array)


def test_crop_equals_the_reference() -> None:
    case = _load("mg__croppedOut__parities")
    numbers = [int(k.split("_")[1]) for k in case if k.startswith("out_")]
    for n in numbers:
        source = case[f"in_{case[f'in_{n}_source'].item()}"]
        shape = tuple(np.broadcast_to(case[f"in_{n}_cropSize"].ravel().astype(int), source.ndim))
        expected = case[f"out_{n}"].reshape(shape)
        np.testing.assert_array_equal(geometry.crop_centred(source, shape), expected)


def test_pad_equals_the_reference() -> None:
    for name in ("mg__My_paddzero__2_RESIRE_parities",):
        case = _load(name)
        for n in (int(k.split("_")[1]) for k in case if k.startswith("out_")):
            shape = tuple(case[f"in_{n}_size"].ravel().astype(int))
            np.testing.assert_array_equal(
                geometry.pad_centred(case[f"in_{n}_vol"], shape), case[f"out_{n}"]
            )


def test_strip_equals_the_reference() -> None:
    case = _load("am__My_stripzero__parities")
    for n in (int(k.split("_")[1]) for k in case if k.startswith("out_")):
        shape = tuple(case[f"in_{n}_size"].ravel().astype(int))
        np.testing.assert_array_equal(
            geometry.crop_centred(case[f"in_{n}_vol"], shape), case[f"out_{n}"].reshape(shape)
        )


def test_window_too_large_is_refused() -> None:
    with pytest.raises(InputError, match="window"):
        geometry.crop_centred(np.zeros((3, 3)), (4, 2))


def test_window_indices_equal_the_reference() -> None:
    case = _load("mg__My_volumn_index__parities")
    for n in range(5):
        large, small = (tuple(case[k][n].astype(int)) for k in ("in_big_size", "in_ori_size"))
        window = geometry.centred_window(large, small)
        ours = np.array([[s.start + 1, s.stop] for s in window])  # 1-based, closed
        np.testing.assert_array_equal(ours, case["out_ind"][..., n])


def test_object_sizes_equal_the_reference() -> None:
    case = _load("am__objectsize__zyx")
    axes = tuple(case[f"in_vector{i}"].ravel() for i in (1, 2, 3))
    for j in range(4):
        angles = case[f"in_angles_{j + 1}"].astype(float)
        for i, (n_x, n_y, n_z) in enumerate(case["in_dims"].astype(int)):
            ours = geometry.extended_object_shape((n_x, n_y), n_z, angles, axes)
            np.testing.assert_array_equal(ours, case["out_size"][i, :, j])


def test_a_tilt_of_90_degrees_has_no_extended_size() -> None:
    with pytest.raises(InputError, match="90 degrees in row 1"):
        geometry.extended_object_shape((8, 8), 4, [[0, 0, 0], [0, 90, 0]])


def test_rotated_origins_equal_the_reference() -> None:
    case = _load("am__scanOriginVector__zyx")
    for n in (1, 2):
        ours = geometry.rotated_origins(
            case[f"in_{n}_zeroVector"].ravel(), case["in_angles"].astype(float)
        )
        np.testing.assert_allclose(ours, case[f"out_{n}"], atol=1e-13)
