"""Noise of an electron detector: estimation from images, variance stabilisation, simulation.

A pixel with ``p`` electrons on average has the value ``gain * Poisson(p) + Normal(offset, sigma)``,
so its variance increases with its mean ``m``: ``gain (m - offset) + sigma^2``.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, stats

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.core.white_noise import DIFFERENCES, sixth_differences
from aet_port.preprocessing.bad_pixels import BadPixelWarning, saturated_mask

REWEIGHTINGS = 20
SIGNIFICANT = 4.0  # standard errors by which the variance must increase with the signal
TABLE_END = 400.0  # electrons; beyond, the asymptotic inverse is accurate to 1e-6 electrons


@dataclass(frozen=True)
class NoiseModel:
    """Poisson-Gaussian noise of a pixel.

    Parameters
    ----------
    gain
        Contribution of one electron to a pixel, in units of the images.
    read_noise
        Standard deviation of the detector's readout noise, in units of the images.
    offset
        Dark level of the detector, in units of the images.
    """

    gain: float
    read_noise: float
    offset: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.gain < np.inf:
            raise InputError("gain", f"{self.gain!r}", "a number above zero")
        if not 0 <= self.read_noise < np.inf:
            raise InputError("read_noise", f"{self.read_noise!r}", "zero or more")
        if not np.isfinite(self.offset):
            raise InputError("offset", f"{self.offset!r}", "a finite number")

    def variance(self, signal: ArrayLike) -> NDArray[np.float64]:
        """Variance of pixels whose noise-free values are ``signal``."""
        electrons = np.maximum(np.asarray(signal, dtype=np.float64) - self.offset, 0)
        return self.gain * electrons + self.read_noise**2


def check_images(images: ArrayLike, name: str = "images") -> NDArray[np.float64]:
    """Check images and return them as a finite array (n, nx, ny) in double precision.

    Raises
    ------
    InputError
        For another shape, numbers that are not finite, or a constant image, with its index.
    """
    stack = np.asarray(images, dtype=np.float64)
    if stack.ndim != 3 or stack.size == 0:
        raise InputError(name, f"shape {stack.shape}", "shape (n, nx, ny), no axis empty")
    for wrong, found, expected in (
        (~np.isfinite(stack).all(axis=(1, 2)), "NaN or infinite values", "finite numbers"),
        (np.ptp(stack, axis=(1, 2)) == 0, "one value in all pixels, no signal", "a signal"),
    ):
        if wrong.any():
            raise InputError(f"{name}: image {int(np.argmax(wrong))}", found, expected)
    return stack


def warn_of_saturation(images: NDArray) -> NDArray[np.bool_]:
    """Clipped pixels (n, nx, ny), with a :class:`BadPixelWarning` that names the images."""
    masks = np.stack([saturated_mask(image) for image in images])
    numbers = masks.sum(axis=(1, 2))
    if numbers.any():
        found = ", ".join(f"{i} ({numbers[i]} pixels)" for i in np.flatnonzero(numbers))
        warnings.warn(f"images: saturated pixels in image {found}", BadPixelWarning, stacklevel=3)
    return masks


@checked
def estimate_noise(images: ArrayLike, offset: float = 0.0) -> NoiseModel:
    """Estimate gain and readout noise of a series from the variance around each pixel.

    Sixth differences ``d = sum_ab h_a h_b z_ab`` along both axes, ``sum h^2 = 1``, contain only the
    noise of images in which atoms are several pixels wide. Then
    ``E[d^2] = gain sum (h_a h_b)^2 E[z_ab] + sigma^2 - gain offset``, a straight line whose slope
    and intercept are fitted with the mean of the surrounding pixels as instrumental variable: these
    are not in ``d``, so that the noise of the level itself does not bias the slope.

    Parameters
    ----------
    images
        Shape (n, nx, ny), at least 15 pixels along both axes; neither denoised nor interpolated,
        both of which correlate the noise of neighbours. All have the same noise.
    offset
        Dark level of the detector, in units of the images.

    Raises
    ------
    InputError
        For images too small, without signal, or whose variance does not increase with the signal.

    Warns
    -----
    BadPixelWarning
        For saturated pixels, which are left out, with the index of the image.

    Notes
    -----
    MATLAB: none; the papers describe the noise as Poisson-Gaussian without code
    """
    stack = check_images(images)
    _check_size(stack)
    clipped = warn_of_saturation(stack)
    squares = DIFFERENCES**2
    columns = []
    inner = (slice(7, -7), slice(7, -7))
    for image, bad in zip(stack, clipped, strict=True):
        detail, level = sixth_differences(image), image
        for axis in (0, 1):
            level = ndimage.correlate1d(level, squares, axis, mode="mirror")
        around = (
            13**2 * ndimage.uniform_filter(image, 13) - 7**2 * ndimage.uniform_filter(image, 7)
        ) / (13**2 - 7**2)
        good = ~ndimage.binary_dilation(bad, np.ones((13, 13)))[inner]
        columns.append(np.stack([a[inner][good] for a in (detail**2, level, around)]))
    return noise_of_line(np.concatenate(columns, axis=1), offset)


@checked
def estimate_noise_from_frames(
    frames: NDArray | Sequence[NDArray], offset: float = 0.0
) -> NoiseModel:
    """Estimate gain and readout noise from the variance of each pixel over frames of a tilt.

    ``E[s^2] = gain E[mean] + sigma^2 - gain offset`` over the frames of a tilt, fitted as in
    :func:`estimate_noise`, with the surrounding pixels as instrumental variable.

    Parameters
    ----------
    frames
        Shape (n_frames, nx, ny) of one tilt, or one such array for each tilt; two frames or more,
        at least 15 pixels, shifted only by whole pixels: interpolation reduces noise, and remaining
        drift counts as noise.
    offset
        Dark level of the detector, in units of the frames.

    Returns
    -------
    NoiseModel
        Gain and readout noise in units of the frames, and the offset given.

    Raises
    ------
    InputError
        For fewer than two frames, frames too small, without signal, or whose variance does not
        increase with the signal.

    Warns
    -----
    BadPixelWarning
        For saturated pixels, which are left out, with the index of the tilt.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import numpy as np
    >>> view = np.tile(20 + 15 * np.sin(np.arange(64) / 5), (64, 1))
    >>> detector = NoiseModel(gain=3.0, read_noise=1.0)
    >>> frames = simulate_noise(np.stack([view] * 8), detector, seed=1)
    >>> round(estimate_noise_from_frames(frames).gain)
    3
    """
    given = [frames] if np.ndim(frames[0]) == 2 else frames
    columns, saturated = [], []
    for tilt, frames_of_tilt in enumerate(given):
        view = check_images(frames_of_tilt, f"frames of tilt {tilt}")
        if len(view) < 2:
            raise InputError(f"frames of tilt {tilt}", f"{len(view)}", "two frames or more")
        _check_size(view)
        clipped = np.logical_or.reduce([saturated_mask(frame) for frame in view])
        if clipped.any():
            saturated.append(f"{tilt} ({clipped.sum()} pixels)")
        mean = view.mean(axis=0)
        around = (25 * ndimage.uniform_filter(mean, 5) - mean) / 24
        good = ~ndimage.binary_dilation(clipped, np.ones((5, 5)))[3:-3, 3:-3]
        table = (view.var(axis=0, ddof=1), mean, around)
        columns.append(np.stack([a[3:-3, 3:-3][good] for a in table]))
    if saturated:
        found = ", ".join(saturated)
        warnings.warn(f"frames: saturated pixels in tilt {found}", BadPixelWarning, stacklevel=3)
    return noise_of_line(np.concatenate(columns, axis=1), offset)


def _check_size(stack: NDArray) -> None:
    if min(stack.shape[1:]) < 15:
        raise InputError("images", f"shape {stack.shape}", "15 pixels or more along x and y")


def noise_of_line(table: NDArray[np.float64], offset: float) -> NoiseModel:
    """Line ``spread = gain level + intercept`` by instrumental variables, reweighted."""
    spread, level, around = table
    if spread.size < 100:
        raise InputError("images", f"{spread.size} usable pixels", "100 or more, not saturated")
    weights = np.ones_like(spread)
    floor = 0.1 * spread.mean()
    gain = intercept = error = 0.0
    for _ in range(REWEIGHTINGS):
        total = weights.sum()
        means = [np.sum(weights * a) / total for a in table]
        lever = weights * (around - means[2])
        slope = np.sum(lever * (level - means[1]))
        if not slope > 0:
            break
        gain = np.sum(lever * (spread - means[0])) / slope
        intercept = means[0] - gain * means[1]
        error = np.sqrt(np.sum((lever * (spread - gain * level - intercept)) ** 2)) / slope
        # The variance of a squared deviation is proportional to the square of its expectation.
        weights = 1 / np.maximum(gain * around + intercept, floor) ** 2
    if not gain > SIGNIFICANT * error:
        raise InputError(
            "images",
            f"a variance that does not increase with the signal (gain {gain:.3g} +- {error:.2g})",
            "raw images with counting noise and contrast",
        )
    return NoiseModel(float(gain), float(np.sqrt(max(intercept + gain * offset, 0.0))), offset)


def stabilise(images: ArrayLike, noise: NoiseModel) -> NDArray[np.float64]:
    """Generalised Anscombe transform: noise of standard deviation one at every level.

    ``f(z) = 2 sqrt(max(0, z' + 3/8 + s^2))`` with ``z' = (z - offset) / gain`` and ``s =
    read_noise / gain``, both in electrons (Murtagh, Starck and Bijaoui, Astron. Astrophys. Suppl.
    112, 179 (1995)).

    MATLAB: none
    """
    electrons = (np.asarray(images, dtype=np.float64) - noise.offset) / noise.gain
    return 2 * np.sqrt(np.maximum(electrons + 0.375 + (noise.read_noise / noise.gain) ** 2, 0))


def unstabilise(stabilised: ArrayLike, noise: NoiseModel) -> NDArray[np.float64]:
    """Exact unbiased inverse of :func:`stabilise` for denoised values.

    Returns the signal whose noisy pixels have the given mean after the transform: ``E[f(z)]`` is
    summed over the Poisson and integrated over the normal distribution, and inverted (Makitalo and
    Foi, IEEE Trans. Image Process. 22, 91 (2013)). Deviation: below the mean at zero electrons the
    inverse continues as a straight line, so that an empty background keeps its average.

    MATLAB: none
    """
    values = np.asarray(stabilised, dtype=np.float64)
    spread = noise.read_noise / noise.gain
    means, excess, slope = _inverse_table(spread)
    # For many electrons E[f]^2 / 4 = p + 1/8 + s^2; the table holds the difference.
    tail = np.minimum(1, means[-1] / np.maximum(values, means[-1])) ** 2
    electrons = values**2 / 4 - 0.125 - spread**2 + np.interp(values, means, excess) * tail
    electrons = np.where(values < means[0], (values - means[0]) * slope, electrons)
    return electrons * noise.gain + noise.offset


@lru_cache(maxsize=16)
def _inverse_table(
    spread: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Means of the transform, error of the asymptotic inverse there, and slope at zero."""
    counts = np.arange(int(TABLE_END + 12 * np.sqrt(TABLE_END)))
    # A fine grid, because the square root starts with a kink.
    nodes = np.linspace(-8, 8, 4001) if spread > 0 else np.zeros(1)
    normal = np.exp(-(nodes**2) / 2)
    normal /= normal.sum()
    roots = np.zeros(len(counts))
    for node, part in zip(nodes, normal, strict=True):
        roots += part * 2 * np.sqrt(np.maximum(counts + spread * node + 0.375 + spread**2, 0))
    levels = np.concatenate([[0.0], np.geomspace(1e-3, TABLE_END, 800)])
    means = stats.poisson.pmf(counts, levels[:, None]) @ roots
    slope = 1 / (roots[1] - roots[0])  # d E / d p at p = 0
    return means, levels - (means**2 / 4 - 0.125 - spread**2), float(slope)


@checked
def simulate_noise(
    signal: ArrayLike, noise: NoiseModel, seed: int | np.random.Generator = 0
) -> NDArray[np.float64]:
    """Add noise to a ``signal``: ``gain Poisson((signal - offset) / gain) + Normal``.

    Parameters
    ----------
    signal
        Noise-free signal of any shape, in units of the images; no electrons below the offset.
    noise
        Noise of the detector.
    seed
        Seed or generator of the random numbers.

    Notes
    -----
    MATLAB: none
    """
    clean = np.asarray(signal, dtype=np.float64)
    if not np.isfinite(clean).all():
        raise InputError("signal", "NaN or infinite values", "finite numbers")
    rng = np.random.default_rng(seed)
    counts = rng.poisson(np.maximum(clean - noise.offset, 0) / noise.gain)
    return noise.gain * counts + rng.normal(noise.offset, noise.read_noise, clean.shape)
