"""Alignment of the tilt series of a particle to a common origin, with the tilt axis along y.

All tilts of a sample that lies entirely in the field of view have the same profile along the tilt
axis, the sum over x (common line), and the centre of mass stays on the axis.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from aet_port.core.errors import InputError
from aet_port.core.image_shift import measure_shift, shift_images
from aet_port.preprocessing.noise import check_images, warn_of_saturation

SMOOTHING = 2.0  # pixels, before the sample is separated from its surroundings
SAMPLE = 0.1  # fraction of the highest smoothed pixel above which a pixel belongs to the sample
MARGIN = 6  # pixels around it included in the centre of mass
CUT = 0.1  # fraction of an image's highest line; brighter outer lines mean a cut-off sample
OUTER = 2  # lines of the border that are checked
FAINT = 0.1  # fraction of the median total intensity below which an image shows no sample
UNLIKE = 0.2  # correlation with the others below which an image has nothing in common with them
ZOOM = 200  # steps per pixel in which displacements are measured


@dataclass(frozen=True)
class Alignment:
    """An aligned series.

    Parameters
    ----------
    images
        Shape (n, nx, ny): the given images moved by ``shifts``, interpolated once.
    shifts
        Shape (n, 2), pixels along x and y, by which
        :func:`aet_port.core.image_shift.shift_images` moved each image.
    changes
        Largest change of a shift in each iteration, pixels.
    converged
        Whether the last change was below the tolerance.
    """

    images: NDArray[np.float64]
    shifts: NDArray[np.float64]
    changes: list[float]
    converged: bool


def align_particle(images: ArrayLike, tolerance: float = 0.01, iterations: int = 20) -> Alignment:
    """Align a sample that lies entirely inside every image by common line and centre of mass.

    Alternately, until no shift changes by more than ``tolerance``: along y the sum over x of each
    image is aligned to the mean of all others by cross-correlation; along x the centre of mass of
    the sample (pixels above a tenth of the smoothed image's peak, and six pixels around them) is
    moved to pixel ``nx // 2``. The centre of mass of the whole series along y is moved to
    ``ny // 2``. Shifts are measured on shifted images but applied to the original ones, so that
    the images are interpolated only once.

    Parameters
    ----------
    images
        Shape (n, nx, ny), two or more, background subtracted, tilt axis along y.
    tolerance
        Change of the shifts below which the iteration stops, pixels.
    iterations
        Largest number of iterations.

    Raises
    ------
    InputError
        For wrong shapes, an image without signal or with nothing in common with the others, or
        one whose border cuts the sample; the error gives its index.

    Warns
    -----
    UserWarning
        For saturated pixels, with the index of the image, or if the shifts do not converge.

    MATLAB: none; the papers' Methods describe it
    """
    check_loop(tolerance, iterations)
    stack = check_series(images)
    check_same_sample(stack)
    _check_uncut(stack)
    centre = np.array([n // 2 for n in stack.shape[1:]])
    shifts = np.zeros((len(stack), 2))
    changes: list[float] = []
    while len(changes) < iterations and not (changes and changes[-1] < tolerance):
        moved = shift_images(stack, shifts)
        masses = _centres_of_mass(moved)
        step = np.empty_like(shifts)
        step[:, 0] = centre[0] - masses[:, 0]
        step[:, 1] = -_common_line(moved)
        # Not determined by the common line: a shift of the whole series along y.
        step[:, 1] += centre[1] - np.mean(masses[:, 1] + step[:, 1])
        shifts += step
        changes.append(float(np.abs(step).max()))
    return finished(stack, shifts, changes, tolerance)


def check_series(images: ArrayLike) -> NDArray[np.float64]:
    """Two or more usable images (n, nx, ny), with a warning of saturated pixels."""
    stack = check_images(images)
    if len(stack) < 2:
        raise InputError("images", f"{len(stack)}", "two or more tilts")
    warn_of_saturation(stack)
    return stack


def check_loop(tolerance: float, iterations: int) -> None:
    """Check that the tolerance (pixels) is above zero and there is at least one iteration."""
    if not 0 < tolerance < np.inf:
        raise InputError("tolerance", f"{tolerance!r}", "pixels, above zero")
    if iterations < 1:
        raise InputError("iterations", str(iterations), "1 or more")


def check_same_sample(stack: NDArray) -> None:
    """Raise an error for images whose total intensity is far below that of the others."""
    totals = stack.sum(axis=(1, 2))
    usual = float(np.median(totals))
    if not usual > 0:
        raise InputError("images", f"a median total of {usual:.3g}", "bright samples on zero")
    faint = np.flatnonzero(totals < FAINT * usual)
    if faint.size:
        raise InputError(
            f"images: image {faint[0]}",
            f"{totals[faint[0]] / usual:.1%} of the usual total intensity, no signal",
            "the same sample in every image; leave empty ones out",
        )


def _check_uncut(stack: NDArray) -> None:
    """Raise an error for images in which the sample extends to the outer lines."""
    for axis, name in ((2, "x"), (1, "y")):
        profiles = stack.sum(axis=axis)
        highest = ndimage.gaussian_filter1d(profiles, SMOOTHING, axis=1).max(axis=1)
        outer = np.moveaxis(stack, 3 - axis, 1)
        outer = np.stack([outer[:, :OUTER], outer[:, -OUTER:]]).reshape(2, len(stack), -1)
        # Sums of noise alone vary more the longer the lines are.
        chance = 4 * outer.std(axis=2) * np.sqrt(outer.shape[2]) / OUTER
        over = (outer.sum(axis=2) / OUTER - chance).max(axis=0)
        ends = outer.sum(axis=2).max(axis=0) / OUTER
        cut = np.flatnonzero(over > CUT * highest)
        if cut.size:
            raise InputError(
                f"images: image {cut[0]}",
                f"{ends[cut[0]] / highest[cut[0]]:.0%} of the highest line at a border along "
                f"{name}: the sample is cut off and its centre of mass is undefined",
                "a sample entirely inside, on a background of zero; for a film align_film",
            )


def _centres_of_mass(images: NDArray) -> NDArray[np.float64]:
    """Pixel coordinates (n, 2) of the centre of mass of the sample in each image."""
    x, y = (np.arange(n, dtype=np.float64) for n in images.shape[1:])
    centres = np.empty((len(images), 2))
    for image, centre in zip(images, centres, strict=True):
        smooth = ndimage.gaussian_filter(image, SMOOTHING)
        sample = ndimage.binary_dilation(smooth > SAMPLE * smooth.max(), iterations=MARGIN)
        mass = np.where(sample, image, 0.0)
        along = mass.sum(axis=1)
        centre[:] = along @ x / along.sum(), mass.sum(axis=0) @ y / along.sum()
    return centres


def _common_line(images: NDArray) -> NDArray[np.float64]:
    """Displacement along y of each image's profile relative to the mean of all others."""
    profiles = images.sum(axis=1)
    total = profiles.sum(axis=0)
    away = np.empty(len(profiles))
    for number, profile in enumerate(profiles):
        others = total - profile
        away[number] = measure_shift(profile[None], others[None], ZOOM)[1]
        back = shift_images(profile[None, None], np.array([[0.0, -away[number]]]))[0, 0]
        likeness = np.corrcoef(back, others)[0, 1]
        if likeness < UNLIKE:
            raise InputError(
                f"images: image {number}",
                f"a correlation of {likeness:.2f} of its profile along y with the others",
                "the same sample in every image, its tilt axis along y",
            )
    return away


def finished(stack: NDArray, shifts: NDArray, changes: list[float], tolerance: float) -> Alignment:
    """The result of an iteration, with a warning if it has not converged."""
    settled = changes[-1] < tolerance
    if not settled:
        warnings.warn(
            f"alignment: shifts still change by {changes[-1]:.3f} pixel after {len(changes)} "
            f"iterations (tolerance {tolerance:g})",
            UserWarning,
            stacklevel=3,
        )
    return Alignment(shift_images(stack, shifts), shifts, changes, settled)
