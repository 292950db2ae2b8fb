"""Subtraction of the smooth background under a sample, interpolated across a mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.preprocessing.settings import DEFAULTS

BINS = 256
# The rim of a round sample is thin and stays below a threshold halfway between two classes; once
# the background is flat, a lower threshold does not include background.
FLANK, FLAT_FLANK = 3, 8
LEAST_BORDER = 0.01  # smallest fraction of an image outside the mask


@dataclass(frozen=True)
class BackgroundRemoval:
    """Images without their background.

    Parameters
    ----------
    images
        Shape (n, nx, ny), background subtracted inside and outside the mask; outside, only noise
        about zero remains.
    backgrounds
        Shape (n, nx, ny).
    masks
        Shape (n, nx, ny), true where the sample is.
    thresholds
        Shape (n,), thresholds above the background; NaN if the mask was given.
    """

    images: NDArray[np.float64]
    backgrounds: NDArray[np.float64]
    masks: NDArray[np.bool_]
    thresholds: NDArray[np.float64]


@checked
def remove_background(
    images: ArrayLike,
    masks: ArrayLike | None = None,
    margin: float = DEFAULTS.margin,
    blur: float = 2.0,
    smoothing: float = DEFAULTS.smoothing,
    passes: int = 3,
) -> BackgroundRemoval:
    """Interpolate the background of each image across the sample and subtract it.

    Outside the mask the background is the image smoothed over ``smoothing`` pixels (only pixels
    outside count); inside it solves Laplace's equation with these boundary values.

    Parameters
    ----------
    images
        Shape (n, nx, ny).
    masks
        Shape (n, nx, ny) or (nx, ny): true where the sample is. Unless given, :func:`sample_mask`
        of each image. Once the angles are refined, the projected outline of the reconstruction is a
        better mask than one from the noisy image, and this function is called again.
    margin, blur
        Parameters of :func:`sample_mask`, pixels.
    smoothing
        Standard deviation in pixels; zero uses the border without smoothing, including its noise.
    passes
        Number of times a mask is made: from the second time on, from the image minus the background
        found so far, with a lower threshold.

    Raises
    ------
    InputError
        For wrong shapes or NaN, or a mask that is empty or covers the image, naming the image.

    Notes
    -----
    MATLAB: none; the repositories start from images without background
    """
    stack = np.asarray(images, dtype=np.float64)
    if stack.ndim != 3 or stack.size == 0:
        raise InputError("images", f"shape {stack.shape}", "shape (n, nx, ny), no axis empty")
    if passes < 1:
        raise InputError("passes", f"{passes!r}", "1 or more")
    if not (np.isfinite(smoothing) and smoothing >= 0):
        raise InputError("smoothing", f"{smoothing!r}", "pixels, zero or more")
    given = None
    if masks is not None:
        flags = np.asarray(masks)
        if flags.shape not in (stack.shape, stack.shape[1:]):
            raise InputError("masks", f"shape {flags.shape}", f"{stack.shape} or {stack.shape[1:]}")
        given = np.broadcast_to(flags.astype(bool), stack.shape)
    outside = np.empty_like(stack)
    used = np.empty(stack.shape, dtype=bool)
    thresholds = np.full(len(stack), np.nan)
    for i, image in enumerate(stack):
        if not np.isfinite(image).all():
            raise InputError(f"image {i}", "NaN or infinite values", "finite numbers only")
        if given is not None:
            used[i] = given[i]
            _check_mask(used[i], i)
            outside[i] = laplace_fill(_smooth_outside(image, used[i], smoothing), used[i])
            continue
        outside[i] = 0
        for turn in range(passes):
            flank = FLAT_FLANK if turn else FLANK
            used[i], thresholds[i] = sample_mask(image - outside[i], margin, blur, i, flank)
            outside[i] = laplace_fill(_smooth_outside(image, used[i], smoothing), used[i])
    return BackgroundRemoval(stack - outside, outside, used, thresholds)


def sample_mask(
    image: NDArray,
    margin: float = DEFAULTS.margin,
    blur: float = 2.0,
    index: int = 0,
    flank: float = FLANK,
) -> tuple[NDArray[np.bool_], float]:
    """Mask of the sample: pixels above a threshold, holes filled, and ``margin`` pixels around.

    The threshold is at 1 / ``flank`` of the way from the median of the dark class to Otsu's
    threshold (IEEE Trans. Syst. Man Cybern. 9, 62 (1979)) of the blurred image, because the thin
    rim of a round particle is dark but belongs to the sample. It is at least three times the
    scatter of the dark class above its median.

    Parameters
    ----------
    image
        Shape (nx, ny).
    margin
        Radius in pixels of the disk by which the mask is dilated.
    blur
        Standard deviation in pixels of a Gaussian filter applied first to reduce noise.
    index
        Index of the image, for errors.
    flank
        Divisor of the threshold; 1 gives Otsu's, larger values a lower one.

    Returns
    -------
    Mask of shape (nx, ny), and the threshold.

    Raises
    ------
    InputError
        For an image without contrast, or a mask that is empty or covers the image.

    Notes
    -----
    MATLAB: none
    """
    for name, value in (("margin", margin), ("blur", blur), ("flank", flank - 1)):
        if not (np.isfinite(value) and value >= 0):
            raise InputError(name, f"{value!r}", "pixels, zero or more")
    smooth = ndimage.gaussian_filter(np.asarray(image, dtype=np.float64), blur)
    if not np.ptp(smooth) > 1e-12 * np.abs(smooth).max():
        raise InputError(
            f"image {index}", "the same value everywhere, so an empty mask", "a sample"
        )
    split = otsu_split(smooth)
    dark = smooth[smooth <= split]
    middle = float(np.median(dark))
    # The lower half of the dark class is background only; its spread is that of noise.
    below = dark[dark <= middle]
    scatter = float(np.sqrt(np.mean((below - middle) ** 2)))
    threshold = min(split, max(middle + (split - middle) / flank, middle + 3 * scatter))
    core = ndimage.binary_fill_holes(smooth > threshold)
    labels, count = ndimage.label(core)
    if count:
        sizes = ndimage.sum_labels(core, labels, np.arange(1, count + 1))
        # Remove specks of noise, which the blur makes about this large.
        keep = sizes >= min(sizes.max(), 4 * np.pi * max(blur, 0.5) ** 2)
        core = np.isin(labels, np.flatnonzero(keep) + 1)
    _check_mask(core, index)
    mask = ndimage.distance_transform_edt(~core) <= margin
    _check_mask(mask, index)
    return mask, threshold


def otsu_split(values: ArrayLike) -> float:
    """The value that divides a histogram into two classes with the largest variance between them.

    ``w_0 w_1 (m_0 - m_1)^2`` with weights ``w`` and means ``m`` of the classes, over 256 bins.

    Parameters
    ----------
    values
        Any shape, not all equal.

    Notes
    -----
    MATLAB: none
    """
    counts, edges = np.histogram(np.asarray(values), BINS)
    middles = (edges[:-1] + edges[1:]) / 2
    low = np.cumsum(counts)[:-1].astype(np.float64)
    high = counts.sum() - low
    total = np.cumsum(counts * middles)
    gap = total[:-1] / np.maximum(low, 1) - (total[-1] - total[:-1]) / np.maximum(high, 1)
    between = low * high * gap**2
    # Empty bins between the classes all give the same split: take the middle one.
    best = np.flatnonzero(between >= between.max() * (1 - 1e-12))
    return float(edges[1:-1][best].mean())


def laplace_fill(image: NDArray, mask: NDArray) -> NDArray[np.float64]:
    """Replace the masked pixels of an image by the solution of Laplace's equation.

    Each masked pixel equals the mean of those of its four neighbours that lie inside the image
    (zero flux at the image edge); pixels outside the mask are kept. Needs one sparse
    factorisation.

    Parameters
    ----------
    image
        Shape (nx, ny).
    mask
        Shape (nx, ny), true where values are replaced.

    Raises
    ------
    InputError
        For different shapes, or a mask that covers the image.

    Notes
    -----
    MATLAB: none; Image Processing Toolbox's ``regionfill`` has the same equation
    """
    known, inside = np.asarray(image, dtype=np.float64), np.asarray(mask, dtype=bool)
    if known.ndim != 2 or known.shape != inside.shape:
        raise InputError("mask", f"shape {inside.shape}", f"the image's, {known.shape}")
    if inside.all():
        raise InputError("mask", "every pixel of the image", "pixels outside to interpolate from")
    filled = known.copy()
    n = int(inside.sum())
    if n == 0:
        return filled
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(n)
    rows, columns, entries = [], [], []
    right, degree = np.zeros(n), np.zeros(n)
    for axis in (0, 1):
        first = tuple(slice(None, -1) if a == axis else slice(None) for a in (0, 1))
        second = tuple(slice(1, None) if a == axis else slice(None) for a in (0, 1))
        for here, there in ((first, second), (second, first)):
            at = inside[here]
            own, other = number[here][at], number[there][at]
            # Each pixel has one neighbour per direction, so no index occurs twice.
            degree[own] += 1
            free = other >= 0
            rows.append(own[free])
            columns.append(other[free])
            entries.append(np.full(int(free.sum()), -1.0))
            right[own[~free]] += known[there][at][~free]
    everyone = np.arange(n)
    matrix = sparse.csc_matrix(
        (
            np.concatenate([*entries, degree]),
            (np.concatenate([*rows, everyone]), np.concatenate([*columns, everyone])),
        ),
        shape=(n, n),
    )
    factors = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    filled[inside] = factors.solve(right)
    return filled


def _smooth_outside(image: NDArray, mask: NDArray[np.bool_], sigma: float) -> NDArray[np.float64]:
    """Weighted mean of pixels outside the mask; values inside are meaningless."""
    if sigma == 0:
        return np.asarray(image, dtype=np.float64)
    weight = ndimage.gaussian_filter((~mask).astype(np.float64), sigma, mode="constant")
    total = ndimage.gaussian_filter(np.where(mask, 0.0, image), sigma, mode="constant")
    return np.where(mask, image, total / np.where(mask, 1, weight))


def _check_mask(mask: NDArray[np.bool_], index: int) -> None:
    if not mask.any():
        raise InputError(f"mask of image {index}", "no pixel", "the sample; or give a mask")
    border = int((~mask).sum())
    if border < max(LEAST_BORDER * mask.size, 1):
        raise InputError(
            f"mask of image {index}",
            f"{border} of {mask.size} pixels outside it: it covers the image",
            "background around the sample; a smaller --margin, a given mask, or --no-background",
        )
