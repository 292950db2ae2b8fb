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

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.core.image_shift import measure_shift, shift_images
from aet_port.core.shift_errors import exceed_errors
from aet_port.core.white_noise import sixth_differences
from aet_port.preprocessing.noise import check_images, warn_of_saturation

SMOOTHING = 2.0  # pixels, before the sample is separated from its surroundings
SAMPLE = 0.1  # fraction of the highest smoothed pixel above which a pixel belongs to the sample
MARGIN = 6  # pixels around it included in the centre of mass
CUT = 0.1  # fraction of an image's highest line; brighter outer lines mean a cut-off sample
OUTER = 2  # lines of the border that are checked
FAINT = 0.1  # fraction of the median total intensity below which an image shows no sample
UNLIKE = 0.2  # correlation with the others below which an image has nothing in common with them
ZOOM = 200  # steps per pixel in which displacements are measured
EXACT = 0.02  # pixels, error of a centre of mass without noise, whose mask cuts the faintest tails
MOST_FREE = 6  # images below which a displacement of the object is not told from shifts


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
    errors
        Shape (n, 2): standard errors of the shifts by the noise of the images, pixels.
    changes
        Largest change of a shift in each iteration, pixels.
    converged
        Whether the last change was below the tolerance.
    """

    images: NDArray[np.float64]
    shifts: NDArray[np.float64]
    errors: NDArray[np.float64]
    changes: list[float]
    converged: bool


@checked
def align_particle(
    images: ArrayLike,
    tolerance: float = 0.01,
    iterations: int = 20,
    theta: ArrayLike | None = None,
    measured: ArrayLike | None = None,
) -> Alignment:
    """Align a sample that lies entirely inside every image by common line and centre of mass.

    Alternately, until no shift changes by more than ``tolerance``: along y the sum over x of each
    image is aligned to the mean of all others by cross-correlation; along x the centre of mass of
    the sample (pixels above a tenth of the smoothed image's peak, and six pixels around them) is
    moved to pixel ``nx // 2``. The centre of mass of the whole series along y is moved to
    ``ny // 2``. Shifts are measured on shifted images but applied to the original ones, so that
    the images are interpolated only once.

    A shift that does not exceed its standard error is not applied
    (:func:`aet_port.core.shift_errors.exceed_errors`). A displacement of the object,
    ``x cos(theta) + z sin(theta)`` along x and ``y``, is no misalignment: if the shifts are this
    and noise, the series is aligned already and stays as it is.

    Parameters
    ----------
    images
        Shape (n, nx, ny), two or more, background subtracted, tilt axis along y.
    tolerance
        Change of the shifts below which the iteration stops, pixels.
    iterations
        Largest number of iterations.
    theta
        Shape (n,): tilt angles in degrees, to tell misaligned images from an object that is not in
        the centre; unless given, and for fewer than six images, every shift along x counts as
        misalignment.
    measured
        Shape (n, nx, ny): the images before denoising, which tell the noise; ``images`` unless
        given.

    Raises
    ------
    InputError
        For wrong shapes, an image without signal or with nothing in common with the others, or
        one whose border cuts the sample; the error gives its index.

    Warns
    -----
    UserWarning
        For saturated pixels, with the index of the image, or if the shifts do not converge.

    Notes
    -----
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
    noise = stack if measured is None else check_images(measured)
    errors = _standard_errors(stack, noise, shifts)
    angles = None if theta is None else np.asarray(theta, dtype=np.float64)
    return finished(stack, _needed(shifts, errors, angles), errors, changes, tolerance)


def _standard_errors(stack: NDArray, noisy: NDArray, shifts: NDArray) -> NDArray[np.float64]:
    """Errors (n, 2) by the noise: along x of the centre of mass, along y of the common line."""
    errors = np.empty((len(stack), 2))
    x = np.arange(stack.shape[1], dtype=np.float64)
    profiles = shift_images(stack.sum(axis=1)[:, None], shifts * (0, 1))[:, 0]
    slope = np.gradient(profiles.mean(axis=0))
    for image, raw, shift, error in zip(stack, noisy, shifts, errors, strict=True):
        variance = sixth_differences(raw) ** 2
        sample = _sample(image)
        mass = np.where(sample, image, 0.0).sum(axis=1)
        lever = x - mass @ x / mass.sum()
        error[0] = np.sqrt(lever**2 @ np.where(sample, variance, 0.0).sum(axis=1)) / mass.sum()
        own = np.interp(np.arange(len(slope)) + shift[1], np.arange(len(slope)), slope)
        error[1] = np.sqrt(own**2 @ variance.sum(axis=0)) / np.sum(own**2)
    return np.asarray(np.hypot(errors, EXACT))


def _needed(
    shifts: NDArray, errors: NDArray, theta: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """The shifts that are applied; none if the images are aligned already."""
    common = np.zeros_like(shifts)
    weights = 1 / errors
    common[:, 1] = np.average(shifts[:, 1], weights=weights[:, 1] ** 2)
    if theta is not None and len(theta) >= MOST_FREE:
        radians = np.deg2rad(theta)
        table = np.stack([np.cos(radians), np.sin(radians)], axis=1)
        weighted = weights[:, :1] * table, weights[:, 0] * shifts[:, 0]
        common[:, 0] = table @ np.linalg.lstsq(*weighted, rcond=None)[0]
    real = exceed_errors(shifts - common, errors)
    return np.where(real, shifts, common) if real.any() else np.zeros_like(shifts)


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
        mass = np.where(_sample(image), image, 0.0)
        along = mass.sum(axis=1)
        centre[:] = along @ x / along.sum(), mass.sum(axis=0) @ y / along.sum()
    return centres


def _sample(image: NDArray) -> NDArray[np.bool_]:
    """Pixels of the sample, and some around it."""
    smooth = ndimage.gaussian_filter(image, SMOOTHING)
    return np.asarray(
        ndimage.binary_dilation(smooth > SAMPLE * smooth.max(), iterations=MARGIN), dtype=bool
    )


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


def finished(
    stack: NDArray,
    shifts: NDArray,
    errors: NDArray[np.float64],
    changes: list[float],
    tolerance: float,
) -> Alignment:
    """The result of an iteration, with a warning if it has not converged."""
    settled = changes[-1] < tolerance
    if not settled:
        warnings.warn(
            f"alignment: shifts still change by {changes[-1]:.3f} pixel after {len(changes)} "
            f"iterations (tolerance {tolerance:g})",
            UserWarning,
            stacklevel=3,
        )
    return Alignment(shift_images(stack, shifts), shifts, errors, changes, settled)
