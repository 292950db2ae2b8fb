"""Orientation and displacement of single projections relative to calculated ones.

There are two methods. One is the scan of the papers: one Euler angle after the other, with the
measured image aligned by cross-correlation at each trial. The other is a Gauss-Newton step on all
three angles and both shifts at once, from the derivatives of the calculated image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from aet_port.core.errors import InputError
from aet_port.core.geometry import common_motion, euler_angles, euler_rotations
from aet_port.core.image_shift import fourier_shift, measure_shift
from aet_port.core.parallel import map_threads
from aet_port.core.white_noise import sixth_differences

# Calculated images (n, nx, ny) of Euler angles (n, 3), in any units.
Projector = Callable[[NDArray[np.float64]], NDArray]

DIFFERENCE = 0.3  # degrees of the central differences: moves the rim by less than half a pixel
MOST_TURN, MOST_SHIFT = 0.5, 1.0  # degrees and pixels per step, for which the model is linear


@dataclass(frozen=True)
class Step:
    """Changes made by one step.

    Attributes
    ----------
    turns
        Shape (n, 3), degrees to add to phi, theta, psi.
    shifts
        Shape (n, 2), remaining displacement of the measured images, pixels.
    r1
        Shape (n,): ``sum |c P - b| / sum |b|`` with the best scale ``c`` of each image; before
        the change in a Gauss-Newton step, after it in a scan.
    errors
        Shape (n, 2): standard errors of the shifts, pixels, by the noise of the images or, if that
        is larger, by what the calculated ones leave unexplained; with the other parameters of the
        step free.
    """

    turns: NDArray[np.float64]
    shifts: NDArray[np.float64]
    r1: NDArray[np.float64]
    errors: NDArray[np.float64]


def scaled_r1(calculated: NDArray, measured: NDArray) -> tuple[float, float]:
    """R1 of an image and the least-squares scale of the calculated one."""
    power = float(np.vdot(calculated, calculated))
    scale = float(np.vdot(calculated, measured)) / power if power > 0 else 0.0
    return float(np.abs(scale * calculated - measured).sum() / np.abs(measured).sum()), scale


def align(project: Projector, measured: NDArray, angles: NDArray, threads: int = 1) -> Step:
    """Measure only the shifts, by cross-correlation with the calculated images.

    Parameters
    ----------
    project
        Function from angles to calculated images.
    measured
        Shape (n, nx, ny).
    angles
        Shape (n, 3), degrees.
    threads
        Number of threads, over projections.
    """
    pairs = list(zip(measured, project(angles), strict=True))
    found = map_threads(lambda pair: _aligned(*pair), pairs, threads)
    shifts, r1, errors = zip(*found, strict=True)
    return Step(np.zeros((len(angles), 3)), np.array(shifts), np.array(r1), np.array(errors))


def _aligned(
    image: NDArray, calculated: NDArray
) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    shift = measure_shift(image, calculated)
    moved = fourier_shift(calculated, shift)
    r1, scale = scaled_r1(moved, image)
    table = scale * np.stack([slope.ravel() for slope in _slopes(moved)], axis=1)
    return shift, r1, _errors(table, scale * moved, image)


def _errors(table: NDArray, calculated: NDArray, image: NDArray) -> NDArray[np.float64]:
    """Standard errors of the parameters whose derivatives are the columns (pixels, m) of a table.

    ``N^-1 T^T diag(v) T N^-1`` with ``N = T^T T`` and the variance ``v`` of each pixel, which
    counts make larger on atoms. A volume follows the noise, so that less than it may be left.
    """
    image = image.astype(np.float64)
    noise, rest = sixth_differences(image) ** 2, (image - calculated) ** 2
    variance = (noise if noise.mean() > rest.mean() else rest).ravel()
    inverse = np.linalg.pinv(table.T @ table)
    covariance = inverse @ (table.T * variance) @ table @ inverse
    # Of a shift that an image does not determine, nothing is known.
    known = np.diag(inverse) > 0
    return np.where(known, np.sqrt(np.maximum(np.diag(covariance), 0)), np.inf)


def scan(
    project: Projector,
    measured: NDArray,
    angles: NDArray,
    offsets: NDArray[np.float64],
    threads: int = 1,
) -> Step:
    """The papers' scan: one Euler angle after the other, with each trial aligned by shifts.

    For each angle in turn, each projection keeps the trial with the lowest R1 after its measured
    image was aligned along x and y.

    Parameters
    ----------
    offsets
        Trial changes of an angle, degrees.
    project, measured, angles, threads
        As in :func:`align`.

    Notes
    -----
    MATLAB: none; in neither repository (Methods, angular refinement and spatial alignment)
    """
    turns = np.zeros((len(angles), 3))
    best = align(project, measured, angles, threads)
    shifts, r1, errors = best.shifts, best.r1, best.errors
    for axis in range(3):
        here = turns.copy()
        for offset in offsets[offsets != 0]:
            trial = here.copy()
            trial[:, axis] += offset
            found = align(project, measured, angles + trial, threads)
            better = found.r1 < r1
            turns[better], shifts[better], r1[better] = (
                trial[better],
                found.shifts[better],
                found.r1[better],
            )
    return Step(turns, shifts, r1, errors)


def gauss_newton(project: Projector, measured: NDArray, angles: NDArray, threads: int = 1) -> Step:
    """One Gauss-Newton step of every projection on its three angles, two shifts and its scale.

    Minimises ``|c P(angles)(u - s) - b|^2`` of each image, linearised at the current values:
    derivatives with respect to angles from central differences of calculated images, those with
    respect to shifts exact. Steps are limited to half a degree and one pixel.

    Parameters as in :func:`align`.

    MATLAB: none
    """
    central = np.asarray(project(angles))
    columns = []
    for axis in range(3):
        turn = np.zeros(3)
        turn[axis] = DIFFERENCE
        columns.append((project(angles + turn) - project(angles - turn)) / (2 * DIFFERENCE))

    def solve(k: int) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
        image, calculated = measured[k].astype(np.float64), central[k].astype(np.float64)
        r1, scale = scaled_r1(calculated, image)
        if scale <= 0:
            raise InputError(
                f"image {k}", "no likeness to its calculated image", "angles near the true ones"
            )
        parts = [column[k].ravel() for column in columns]
        parts += [-slope.ravel() for slope in _slopes(calculated)]
        table = scale * np.stack([*parts, calculated.ravel()], axis=1)
        rest = (image - scale * calculated).ravel()
        errors = _errors(table, scale * calculated, image)[3:5]
        return np.linalg.lstsq(table, rest, rcond=None)[0][:5], r1, errors

    solved = map_threads(solve, range(len(angles)), threads)
    changes = np.array([change for change, _, _ in solved])
    return Step(
        np.clip(changes[:, :3], -MOST_TURN, MOST_TURN),
        np.clip(changes[:, 3:], -MOST_SHIFT, MOST_SHIFT),
        np.array([r1 for _, r1, _ in solved]),
        np.array([errors for _, _, errors in solved]),
    )


def _slopes(image: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Derivatives of a periodic image along x and y, per pixel."""
    nx, ny = image.shape
    spectrum = fft.rfft2(image)
    along, across = fft.fftfreq(nx), fft.rfftfreq(ny)
    # The highest frequency of an even size has no defined sign.
    along[np.abs(along) == 0.5] = across[across == 0.5] = 0
    return [
        fft.irfft2(2j * np.pi * k * spectrum, s=image.shape) for k in (along[:, None], across[None])
    ]


def fix_gauge(
    angles: NDArray, shifts: NDArray, given: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Remove the rotation and displacement common to all projections from angles and shifts.

    The object may be rotated and moved as a whole without any change in its projections. The
    rotation ``Q`` with the smallest ``sum |R_k Q - R_k0|^2`` and the displacement ``t`` with the
    smallest ``sum |s_k - (R_k t)[:2]|^2`` are removed, so that the mean change of the angles is
    zero and the shifts contain no displacement of the object.

    Parameters
    ----------
    angles, given
        Shape (n, 3), degrees: refined and original.
    shifts
        Shape (n, 2), pixels.
    """
    turn, displacement = common_motion(angles, shifts, given)
    turned = euler_rotations(np.asarray(angles, dtype=np.float64)) @ turn
    return euler_angles(turned, given), shifts - turned[:, :2] @ displacement
