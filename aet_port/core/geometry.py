"""Rotations, centres and centre-preserving padding and cropping, shared by all stages.

The rotation centre of ``n`` pixels is always pixel ``n // 2`` (0-based), as in a centred FFT.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import InputError

Z_AXIS = (0.0, 0.0, 1.0)
Y_AXIS = (0.0, 1.0, 0.0)
X_AXIS = (1.0, 0.0, 0.0)
EULER_AXES = (Z_AXIS, Y_AXIS, X_AXIS)
Axes = tuple[ArrayLike, ArrayLike, ArrayLike]


def centre(n: int) -> int:
    """Index of the rotation centre of ``n`` pixels, ``n // 2``.

    MATLAB: ``round((n+1)/2)``, 1-based.
    """
    return n // 2


def axis_rotation(axis: ArrayLike, angle: float) -> NDArray:
    """Right-handed rotation by ``angle`` degrees about ``axis``, by its unit quaternion.

    Parameters
    ----------
    axis
        Vector of shape (3,), of any non-zero length.
    angle
        Degrees.

    Returns
    -------
    Matrix of shape (3, 3), in single precision if ``angle`` is a ``numpy.float32``, else double.

    Raises
    ------
    InputError
        If the axis has no direction.

    Notes
    -----
    MATLAB: 2_RESIRE_package/src/MatrixQuaternionRot.m::MatrixQuaternionRot (both papers)
    """
    vector = np.asarray(axis, dtype=np.float64)
    length = np.sqrt(np.sum(vector**2)) if vector.shape == (3,) else 0.0
    if not length > 0 or not np.isfinite(length):
        raise InputError("axis", f"{axis!r}", "a vector of three finite numbers, not all zero")
    dtype = np.float32 if isinstance(angle, np.float32) else np.float64
    half = dtype(angle) * dtype(np.pi) / dtype(180) / dtype(2)
    # The sign is the reference's; it keeps the products below identical to the last bit.
    # Correctly rounded: NumPy's own single-precision functions are sometimes off by one ulp.
    w, sine = dtype(np.cos(np.float64(half))), dtype(np.sin(np.float64(half)))
    x, y, z = -sine * (vector / length).astype(dtype)
    return np.array(
        [
            [1 - 2 * y**2 - 2 * z**2, 2 * x * y + 2 * w * z, 2 * x * z - 2 * w * y],
            [2 * x * y - 2 * w * z, 1 - 2 * x**2 - 2 * z**2, 2 * y * z + 2 * w * x],
            [2 * x * z + 2 * w * y, 2 * y * z - 2 * w * x, 1 - 2 * x**2 - 2 * y**2],
        ],
        dtype=dtype,
    )


def euler_rotation(phi: float, theta: float, psi: float, axes: Axes = EULER_AXES) -> NDArray:
    """Matrix from object to detector coordinates, ``R = (R_z(phi) R_y(theta) R_x(psi))^T``.

    The detector coordinates of a point ``r`` are ``(R @ r)[:2]``; the beam is along ``R[2]``.

    Parameters
    ----------
    phi, theta, psi
        Euler angles in degrees about the first, second and third of ``axes``.
    axes
        The three rotation axes; z, y, x unless given.

    Notes
    -----
    MATLAB: 2_RESIRE_package/src/@RESIRE_reconstructor/interp_pj_realspace.m
    """
    first, second, third = (
        axis_rotation(a, t) for a, t in zip(axes, (phi, theta, psi), strict=True)
    )
    return (first @ second @ third).T


def euler_rotations(angles: ArrayLike, axes: Axes = EULER_AXES) -> NDArray:
    """:func:`euler_rotation` of every row of ``angles`` (n, 3) in degrees; shape (n, 3, 3).

    Angles in single precision give matrices in single precision, as in the reference.
    """
    table = np.asarray(angles)
    table = table if table.dtype == np.float32 else table.astype(np.float64)
    if table.ndim != 2 or table.shape[1] != 3:
        raise InputError(
            "angles", f"shape {table.shape}", "shape (n, 3): phi, theta, psi in degrees"
        )
    return (
        np.stack([euler_rotation(phi, theta, psi, axes) for phi, theta, psi in table])
        if len(table)
        else np.zeros((0, 3, 3))
    )


def euler_angles(rotations: NDArray, near: NDArray) -> NDArray[np.float64]:
    """Euler angles (n, 3) in degrees of rotations (n, 3, 3), the inverse of ``euler_rotations``.

    Of the two triples that give the same rotation, and of all full turns, the nearest to ``near``
    (n, 3) is taken.
    """
    matrix = np.swapaxes(np.asarray(rotations, dtype=np.float64), 1, 2)  # R_z R_y R_x
    theta = np.arcsin(np.clip(-matrix[:, 2, 0], -1, 1))
    phi = np.arctan2(matrix[:, 1, 0], matrix[:, 0, 0])
    psi = np.arctan2(matrix[:, 2, 1], matrix[:, 2, 2])
    one = np.rad2deg(np.stack([phi, theta, psi], axis=1))
    other = np.stack([one[:, 0] + 180, 180 - one[:, 1], one[:, 2] + 180], axis=1)
    both = np.stack([one, other])
    both += 360 * np.round((near - both) / 360)
    chosen = np.argmin(np.sum((both - near) ** 2, axis=2), axis=0)
    return both[chosen, np.arange(len(near))]


def common_motion(
    angles: NDArray, shifts: NDArray, given: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotation and displacement of the object that are contained in the angles and shifts.

    The object may be rotated and moved as a whole without any change in its projections. The
    rotation ``Q`` has the smallest ``sum |R_k Q - R_k0|^2``, the displacement ``t`` the smallest
    ``sum |s_k - (R_k Q t)[:2]|^2``.

    Parameters
    ----------
    angles, given
        Shape (n, 3), degrees: refined and original.
    shifts
        Shape (n, 2), any unit of length.

    Returns
    -------
    ``Q``, shape (3, 3), and ``t``, shape (3,), in the unit of the shifts.
    """
    rotations = euler_rotations(np.asarray(angles, dtype=np.float64))
    target = euler_rotations(np.asarray(given, dtype=np.float64))
    left, _, right = np.linalg.svd(np.einsum("kji,kjl->il", rotations, target))
    turn = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
    # A single tilt, or equal tilts, leave a displacement along the beam undefined: least norm.
    rows = (rotations @ turn)[:, :2].reshape(-1, 3)
    return turn, np.linalg.lstsq(rows, shifts.reshape(-1), rcond=None)[0]


def rotated_origins(vector: ArrayLike, angles: ArrayLike) -> NDArray[np.float64]:
    """One vector rotated by each tilt of a series: rows ``R_k @ vector``.

    Parameters
    ----------
    vector
        Shape (3,), any unit of length.
    angles
        Shape (n, 3), degrees.

    Notes
    -----
    MATLAB: 2_RESIRE_package/src/scanOriginVector.m::scanOriginVector
    """
    return euler_rotations(angles) @ np.asarray(vector, dtype=np.float64).reshape(3)


def crop_start(large: int, small: int) -> int:
    """First index of a centred window of ``small`` pixels inside ``large``."""
    return large // 2 - small // 2


def centred_window(large: tuple[int, ...], small: tuple[int, ...]) -> tuple[slice, ...]:
    """Slices that select a centred window of shape ``small`` in an array of shape ``large``.

    Raises
    ------
    InputError
        If the window is larger than the array or has another number of dimensions.

    Notes
    -----
    MATLAB: 2_RESIRE_package/src/My_volumn_index.m::My_volumn_index
    """
    if len(large) != len(small) or any(s > n or s < 0 for n, s in zip(large, small, strict=True)):
        raise InputError(
            "window shape",
            f"{tuple(small)} inside {tuple(large)}",
            "no dimension larger than the array's",
        )
    return tuple(
        slice(crop_start(n, s), crop_start(n, s) + s) for n, s in zip(large, small, strict=True)
    )


def crop_centred(array: NDArray, shape: tuple[int, ...]) -> NDArray:
    """View of the centred window of ``shape``.

    MATLAB: 2_RESIRE_package/src/croppedOut.m::croppedOut, My_stripzero.m::My_stripzero
    """
    return array[centred_window(array.shape, shape)]


def pad_centred(array: NDArray, shape: tuple[int, ...]) -> NDArray:
    """Zero-padded copy of ``shape`` with the same centre pixel.

    MATLAB: 2_RESIRE_package/src/My_paddzero.m::My_paddzero
    """
    padded = np.zeros(shape, dtype=array.dtype)
    padded[centred_window(tuple(shape), array.shape)] = array
    return padded


def centred_range(n: int) -> NDArray[np.int64]:
    """Pixel coordinates relative to the centre, ``-(n // 2) .. n - 1 - n // 2``."""
    return np.arange(n) - n // 2


def extended_object_shape(
    detector: tuple[int, int], n_z: int, angles: ArrayLike, axes: Axes = EULER_AXES
) -> tuple[int, int, int]:
    """Shape of the slab seen by a tilted detector of a given size.

    The eight corners of the untilted box are projected along each beam direction onto the two
    surfaces of the slab; the slab extends to the farthest of them.

    Parameters
    ----------
    detector
        Number of pixels of a projection along x and y.
    n_z
        Number of voxels of the object along z.
    angles
        Shape (n, 3), degrees; all tilts must be below 90 degrees.
    axes
        Euler axes.

    Returns
    -------
    (nx, ny, nz) in voxels.

    Raises
    ------
    InputError
        If a beam is parallel to the slab.

    Notes
    -----
    MATLAB: 2_RESIRE_package/src/objectsize.m::objectsize
    """
    nx, ny = detector
    sides = [(-centre(n), n - 1 - centre(n)) for n in (nx, ny, n_z)]
    corners = np.array(
        [[x, y, z] for x in sides[0] for y in sides[1] for z in sides[2]], dtype=np.float64
    ).T
    reach_x = reach_y = 0.0
    for number, rotation in enumerate(euler_rotations(angles, axes)):
        normal = rotation @ np.array([0.0, 0.0, 1.0])
        if abs(normal[2]) < 1e-6:
            raise InputError(
                "angles",
                f"a tilt of 90 degrees in row {number}",
                "tilts below 90 degrees for an extended object",
            )
        turned = rotation @ corners
        for surface in sides[2]:
            reach_x = max(
                reach_x, np.abs((surface - turned[2]) * (normal[0] / normal[2]) + turned[0]).max()
            )
            reach_y = max(
                reach_y, np.abs((surface - turned[2]) * (normal[1] / normal[2]) + turned[1]).max()
            )
    return int(np.ceil(reach_x * 2 + 1)), int(np.ceil(reach_y * 2 + 1)), n_z
