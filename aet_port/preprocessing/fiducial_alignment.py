"""Alignment of a tilt series by many fiducial particles, whatever the size of its images."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.core.geometry import euler_rotations
from aet_port.core.image_shift import shift_images
from aet_port.core.shift_errors import exceed_errors
from aet_port.preprocessing.alignment import Alignment, check_series
from aet_port.preprocessing.fiducials import Fit, find_particles, follow


@checked
def align_by_particles(images: ArrayLike, angles: ArrayLike) -> Alignment:
    """Align the tilt series of a film, or of anything, by bright particles in it.

    Particles are located in every image (:func:`aet_port.preprocessing.find_particles`) and
    followed over the tilts; their places in the sample and the displacements of the images are
    fitted together to all positions, for the given angles. Particles may lie anywhere, at any
    height, and leave the field of view at some tilts. What else the images show does not count,
    and only positions are fitted, so that images of several thousand pixels take seconds. The
    origin is where the images have to be moved least.

    Parameters
    ----------
    images
        Shape (n, nx, ny), n >= 3.
    angles
        Shape (n,), tilts about y in degrees; or (n, 3): phi, theta, psi.

    Returns
    -------
    The aligned images with their shifts and standard errors.

    Raises
    ------
    InputError
        For wrong shapes, images with fewer than four particles or in which those of the least
        tilted image can't be found again.

    Warns
    -----
    UserWarning
        For saturated pixels.

    Notes
    -----
    MATLAB: none; the papers' Methods align films by markers.

    Examples
    --------
    >>> import numpy as np
    >>> from aet_port.preprocessing import align_by_particles
    >>> places = np.random.default_rng(2).uniform(-40, 40, (8, 2))
    >>> axis = np.arange(128) - 64
    >>> tilts, moved = [-30, -10, 10, 30], [0, 2, -1, 3]
    >>> images = []
    >>> for tilt, shift in zip(tilts, moved):
    ...     u = np.cos(np.radians(tilt)) * places[:, 0]
    ...     a = np.exp(-((axis - u[:, None]) ** 2) / 8)
    ...     b = np.exp(-((axis - shift - places[:, 1:]) ** 2) / 8)
    ...     images.append(a.T @ b)
    >>> found = align_by_particles(np.array(images), tilts)
    >>> (found.shifts[:, 1] - found.shifts[0, 1]).round(1) + 0.0
    array([ 0., -2.,  1., -3.])
    """
    stack = check_series(images)
    table = np.asarray(angles, dtype=np.float64)
    if table.shape == (len(stack),):
        table = np.stack([np.zeros_like(table), table, np.zeros_like(table)], axis=1)
    if table.shape != (len(stack), 3) or not np.isfinite(table).all():
        raise InputError("angles", f"shape {np.shape(angles)}", f"{len(stack)} tilts or rows of 3")
    if len(stack) < 3:
        raise InputError("images", f"{len(stack)}", "three or more tilts")
    rotations = euler_rotations(table)
    centre = np.array(stack.shape[1:]) // 2
    fit = Fit(rotations, (False, False, False))
    follow([find_particles(image) - centre for image in stack], fit)
    if fit.shifts is None:
        raise AssertionError("a fit that was made")
    shifts = -_least_moved(fit.shifts, rotations)
    shifts = np.where(exceed_errors(shifts, fit.shift_errors), shifts, 0.0)
    return Alignment(shift_images(stack, shifts), shifts, fit.shift_errors, [0.0], True)


def _least_moved(shifts: NDArray, rotations: NDArray) -> NDArray[np.float64]:
    """Displacements less those by a displacement of the whole sample."""
    rows = rotations[:, :2].reshape(-1, 3)
    whole = np.linalg.lstsq(rows, shifts.ravel(), rcond=None)[0]
    return np.asarray(shifts - (rows @ whole).reshape(-1, 2))
