"""Alignment of the tilt series of a film by a marker region, and template matching."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import signal

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.core.image_shift import measure_shift, shift_images
from aet_port.core.shift_errors import exceed_errors
from aet_port.core.white_noise import sixth_differences
from aet_port.preprocessing.alignment import (
    UNLIKE,
    ZOOM,
    Alignment,
    check_loop,
    check_series,
    finished,
)
from aet_port.preprocessing.noise import check_images

NEAR = 2  # tilts on either side to which an image is aligned
FARTHEST = 2.0  # largest distance of the true position from the best whole pixel, pixels
Region = tuple[tuple[int, int], tuple[int, int]]


@checked
def align_film(
    images: ArrayLike,
    marker: Region,
    start: int | None = None,
    search: int = 8,
    tolerance: float = 0.02,
    iterations: int = 20,
    measured: ArrayLike | None = None,
) -> Alignment:
    """Align a film, which extends beyond every image, by a marker region in neighbouring tilts.

    From the image ``start`` outwards, the marker region of the previously aligned neighbour is
    located in each image by normalised cross-correlation (:func:`locate`). Then each image is
    aligned to the mean of its neighbours up to two tilts away, repeatedly, until no shift changes
    by ``tolerance``: along x by cross-correlation of the marker region, along y of the sum over x
    of the whole image, which depends less on features near the marker. The image ``start``, and
    with it the origin, stays fixed. A shift that does not exceed its standard error
    (:func:`aet_port.core.shift_errors.exceed_errors`) is not applied.

    Parameters
    ----------
    images
        Shape (n, nx, ny) in the order of tilt angles, tilt axis along y.
    marker
        Half-open ranges ``((x0, x1), (y0, y1))`` of pixels in image ``start``, 8 or more along
        both: a feature visible at every tilt, such as a heavy particle.
    start
        Index of the image in which the marker is given, the middle one unless given.
    search
        Largest displacement of the marker from one tilt to the next, pixels.
    tolerance
        Change of the shifts below which the iteration stops, pixels.
    iterations
        Largest number of rounds over all images.
    measured
        Shape (n, nx, ny): the images before denoising, which tell the noise; ``images`` unless
        given.

    Raises
    ------
    InputError
        For wrong shapes, a constant image, a marker outside the image or too near its border for
        the search, or one that is not found again; the error gives the index of the image.

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
    first = len(stack) // 2 if start is None else start
    if not 0 <= first < len(stack):
        raise InputError("start", str(start), f"the index of one of {len(stack)} images")
    if search < 1:
        raise InputError("search", str(search), "1 pixel or more")
    _check_marker(marker, stack.shape[1:], search)
    region = tuple(slice(*side) for side in marker)
    wide = tuple(slice(a - search, b + search) for a, b in marker)
    outwards = [*range(first + 1, len(stack)), *range(first - 1, -1, -1)]
    shifts = np.zeros((len(stack), 2))
    moved = stack.copy()
    for number in outwards:
        neighbour = number - 1 if number > first else number + 1
        # Start from the neighbour's shift: the stage drifts on from image to image.
        guess = shift_images(stack[number : number + 1], shifts[neighbour : neighbour + 1])[0]
        place, likeness = locate(guess[wide], moved[neighbour][region])
        if likeness < UNLIKE:
            raise InputError(
                f"images: image {number}",
                f"a correlation of {likeness:.2f} with the marker of image {neighbour}",
                "the marker region; choose another one or a larger search",
            )
        shifts[number] = shifts[neighbour] + search - place
        moved[number] = _moved(stack, shifts, marker, number)
        # Done here because the rounds below correct a slow drift along y only slowly.
        shifts[number, 1] -= _displacement(moved[number], moved[neighbour], line=True)[1]
        moved[number] = _moved(stack, shifts, marker, number)
    changes: list[float] = []
    while len(changes) < iterations and not (changes and changes[-1] < tolerance):
        largest = 0.0
        for number in outwards:
            around = range(max(0, number - NEAR), min(len(stack), number + NEAR + 1))
            near = [i for i in around if i != number]
            target = np.mean([moved[i] for i in near], axis=0)
            step = np.array(
                [
                    _displacement(moved[number][region], target[region])[0],
                    _displacement(moved[number], target, line=True)[1],
                ]
            )
            shifts[number] -= step
            moved[number] = _moved(stack, shifts, marker, number)
            largest = max(largest, float(np.abs(step).max()))
        changes.append(largest)
    noisy = stack if measured is None else check_images(measured)
    errors = _standard_errors(moved, noisy, region, first)
    shifts = np.where(exceed_errors(shifts, errors), shifts, 0.0)
    return finished(stack, shifts, errors, changes, tolerance)


def locate(image: NDArray, template: NDArray) -> tuple[NDArray[np.float64], float]:
    """Locate a template in an image by normalised cross-correlation with sub-pixel refinement.

    At each whole-pixel position the correlation coefficient of template and covered pixels is
    computed; from the best position the image is shifted by fractions of a pixel until template
    and covered pixels, both tapered to their edges, coincide.

    Parameters
    ----------
    image
        Shape (nx, ny).
    template
        Shape (mx, my), no larger than the image.

    Returns
    -------
    Position (x, y) in the image of the template's pixel (0, 0), and the correlation coefficient at
    the whole-pixel position.

    Raises
    ------
    InputError
        For a template larger than the image or without contrast.

    Notes
    -----
    MATLAB: 2_RESIRE_package/src/alignByNormXCorr.m::alignByNormXCorr,
    alignByNormXCorrSubpixel.m::alignByNormXCorrSubpixel (film paper). Deviations: the reference
    returns the template's centre, 1-based, ``position + round((m + 1) / 2)``; only positions with
    the template entirely inside the image are tried; the reference's sub-pixel search counts its
    offset twice and has an error of 0.05 pixel
    """
    if (
        template.ndim != 2
        or image.ndim != 2
        or any(m > n for m, n in zip(template.shape, image.shape, strict=True))
    ):
        raise InputError("template", f"shape {template.shape}", f"2D, at most {image.shape}")
    pattern = template - template.mean()
    power = np.sum(pattern**2)
    if not power > 0:
        raise InputError("template", "one value in all pixels", "some contrast")
    level = image - image.mean()
    ones = np.ones(template.shape)
    sums = signal.fftconvolve(level, ones, mode="valid")
    squares = signal.fftconvolve(level**2, ones, mode="valid") - sums**2 / pattern.size
    # Where the image is constant, only rounding errors remain.
    usable = squares > 1e-10 * np.max(squares)
    products = signal.fftconvolve(level, pattern[::-1, ::-1], mode="valid")
    coefficients = np.where(
        usable, products / np.sqrt(np.where(usable, squares, 1.0) * power), -1.0
    )
    top = np.unravel_index(int(np.argmax(coefficients)), coefficients.shape)
    part = np.zeros(2)
    for _ in range(10):
        moved = shift_images(image[None], -part[None])[0]
        covered = moved[tuple(slice(a, a + m) for a, m in zip(top, template.shape, strict=True))]
        step = np.clip(_displacement(covered, template), -1, 1)
        part += step
        if np.abs(step).max() < 1 / ZOOM or np.abs(part).max() > FARTHEST:
            break
    # A marker at the end of its search range may have no better sub-pixel position.
    part = part if np.abs(part).max() <= FARTHEST else np.zeros(2)
    return np.array(top, dtype=np.float64) + part, float(coefficients[top])


def _displacement(image: NDArray, reference: NDArray, line: bool = False) -> NDArray[np.float64]:
    """:func:`measure_shift` of two windows tapered to their edges, or of their sums over x."""
    inner, outer = _tapered(image), _tapered(reference)
    if line:
        inner, outer = inner.sum(axis=0)[None], outer.sum(axis=0)[None]
    return measure_shift(inner, outer, ZOOM)


def _standard_errors(
    moved: NDArray, noisy: NDArray, region: tuple[slice, ...], first: int
) -> NDArray[np.float64]:
    """Errors (n, 2) of the shifts by the noise, which adds up from neighbour to neighbour."""
    errors = np.empty((len(moved), 2))
    for image, raw, error in zip(moved, noisy, errors, strict=True):
        variance = sixth_differences(raw) ** 2
        # As the displacements are measured: windows tapered, along y their sums over x.
        slope = np.gradient(_tapered(image[region]), axis=0)
        line = np.gradient(_tapered(image).sum(axis=0))
        near = variance[region] * _fade(slope.shape) ** 2
        error[0] = np.sqrt(np.sum(slope**2 * near)) / np.sum(slope**2)
        lines = np.sum(variance * _fade(image.shape) ** 2, axis=0)
        error[1] = np.sqrt(line**2 @ lines) / np.sum(line**2)
    steps = np.abs(np.arange(len(moved)) - first)[:, None]
    return np.asarray(errors * np.sqrt(2 * np.maximum(steps, 1)))


def _fade(shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.outer(*(signal.windows.hann(n + 2)[1:-1] for n in shape))


def _tapered(window: NDArray) -> NDArray[np.float64]:
    return np.asarray(_fade(window.shape) * (window - window.mean()))


def _check_marker(marker: Region, shape: tuple[int, ...], search: int) -> None:
    for (low, high), n in zip(marker, shape, strict=True):
        if high - low < 8 or low - search < 0 or high + search > n:
            raise InputError(
                "marker",
                f"{marker} in images of {shape[0]} x {shape[1]} pixels, search {search}",
                "ranges of 8 pixels or more, the search away from the border",
            )


def _moved(stack: NDArray, shifts: NDArray, marker: Region, number: int) -> NDArray[np.float64]:
    """Shift image ``number``; error if its marker region then extends beyond the field of view."""
    for moved, (low, high), n in zip(shifts[number], marker, stack.shape[1:], strict=True):
        if low - moved < 0 or high - moved > n:
            raise InputError(
                f"images: image {number}",
                f"a marker cut by the border (shift {np.round(shifts[number], 1)})",
                "the marker region inside every image",
            )
    return shift_images(stack[number : number + 1], shifts[number : number + 1])[0]
