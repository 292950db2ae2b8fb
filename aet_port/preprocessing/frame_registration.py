"""Registration of the frames of one tilt as noise allows: each frame, constant drift, or none."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, optimize

from aet_port.core.errors import InputError
from aet_port.preprocessing.spectra import FrameSpectrum, both_halves, flattened, taper

MIN_OVERLAP = 0.25  # smallest overlap of two frames, as a fraction of an image
SIGNIFICANT = 5.0  # significance limit, in standard deviations for unrelated frames
EXPECTED = 3.0  # times that: frames expected to correlate so well but don't are unrelated
LIKELY = 3.0  # log likelihood that a drift must gain beyond chance: one in twenty is wrong
EDGE = 16  # pixels of mirrored edge, to avoid the step from one side of an image to the other
COARSE = 0.5  # step between the speeds tried first, pixels per frame


def prepared(
    image: NDArray[np.float64], spectrum: FrameSpectrum, frames: int
) -> NDArray[np.float64]:
    """The image without slow background, edges tapered, multiplied by the root of the weight.

    The correlation of two such images is their contribution to the log likelihood.
    """
    window = taper(image.shape)
    flat = flattened(image)
    flat = (flat - np.average(flat, weights=window)) * window
    root = np.sqrt(spectrum.weight((image.shape[0], image.shape[1]), frames))
    return fft.irfft2(fft.rfft2(flat) * root, s=image.shape)


def whole_shift(
    image: NDArray[np.float64],
    reference: NDArray[np.float64],
    spectrum: FrameSpectrum,
    limit: float,
    name: tuple[int, int],
) -> NDArray[np.float64] | None:
    """Displacement by whole pixels at the highest normalized correlation of the overlap.

    Padfield, IEEE Trans. Image Process. 21, 2706 (2012), with two full rectangles as masks, for
    images whose spectrum is whitened where the signal exceeds the noise.

    Returns
    -------
    None if the correlation is not significant and would not be even for identical frames, because
    of the noise.

    Raises
    ------
    InputError
        If it should be significant but is not, or for a displacement at the limit; ``name`` is that
        of image and frame.
    """
    shape = [fft.next_fast_len(2 * n, real=True) for n in image.shape]

    def transform(values: NDArray) -> NDArray[np.complex128]:
        return fft.rfft2(values, s=shape)

    def correlate(a: NDArray, b: NDArray) -> NDArray[np.float64]:
        return fft.irfft2(a * np.conj(b), s=shape)

    size = (image.shape[0], image.shape[1])
    both = both_halves(size)
    gain = spectrum.whitening(size)
    power = spectrum.power(size)
    independent = expected = 0.0
    if gain.any():
        after = gain * (power + spectrum.noise)
        independent = float(np.sum(both * after) ** 2 / np.sum(both * after**2))
        expected = float(np.sum(both * gain * power) / np.sum(both * after))
    if expected * np.sqrt(independent) < SIGNIFICANT:
        return None
    first, second = (_whitened(a, spectrum) for a in (image, reference))
    scale = max(float(first.std()), float(second.std()))
    first, second = first / scale, second / scale
    ones = transform(np.ones(image.shape))
    f, g = transform(first), transform(second)
    count = np.maximum(np.round(correlate(ones, ones)), 1)
    mean_f, mean_g = correlate(f, ones) / count, correlate(ones, g) / count
    var_f = correlate(transform(first**2), ones) / count - mean_f**2
    var_g = correlate(ones, transform(second**2)) / count - mean_g**2
    level = np.sqrt(np.maximum(var_f, 1e-6) * np.maximum(var_g, 1e-6))
    value = (correlate(f, g) / count - mean_f * mean_g) / level
    away = [np.round(fft.fftfreq(n, 1 / n)) for n in shape]
    reach = int(np.floor(limit))
    allowed = (np.abs(away[0]) <= reach)[:, None] & (np.abs(away[1]) <= reach)
    allowed &= count >= MIN_OVERLAP * image.size
    value[~allowed] = -np.inf
    row, column = np.unravel_index(int(np.argmax(value)), value.shape)
    best = np.array([away[0][row], away[1][column]])
    series, frame = name
    chance = 1 / np.sqrt(independent * count[row, column] / image.size)
    if value[row, column] < SIGNIFICANT * chance:
        if expected < EXPECTED * SIGNIFICANT * chance:
            return None
        raise InputError(
            f"image {series}, frame {frame}",
            f"a correlation of at most {value[row, column]:.2g} with another frame, where"
            f" {expected:.2g} is expected at this noise",
            f"frames of the same area; the drift is larger than {limit:g} pixels, or they show"
            " different things",
        )
    if np.abs(best).max() >= reach:
        raise InputError(
            f"image {series}, frame {frame}",
            f"a drift of {limit:g} pixels or more",
            "less; give a larger max_drift or crop less",
        )
    return best


def line_speed(
    frames: Sequence[NDArray[np.float64]],
    times: NDArray[np.float64],
    spectrum: FrameSpectrum,
    limit: float,
    start: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], float]:
    """The most likely constant drift speed and its significance.

    Maximises ``L(v) = sum over pairs a < b of C_ab(v (t_b - t_a))``, where ``C_ab`` is the
    correlation of two :func:`prepared` frames: first over speeds half a pixel per frame apart, then
    by gradient.

    Parameters
    ----------
    frames
        All frames of a tilt, of one shape (nx, ny).
    times
        Shape (m,), time at which each was recorded.
    spectrum
        Spectrum of the frames.
    limit
        Largest displacement between the first and the last frame along either axis, pixels.
    start
        Shape (2,): if given, search only around this speed.

    Returns
    -------
    Speed in pixels per unit of time, shape (2,), and ``L(v) - L(0) - ln(n)``, where ``ln(n)`` is
    the gain by chance of the best of ``n`` positions, the number of independent speeds in the
    search range. Below :data:`LIKELY` the drift is not significant.

    Notes
    -----
    MATLAB: none
    """
    nx, ny = frames[0].shape
    along, across = fft.fftfreq(nx), fft.rfftfreq(ny)
    both = both_halves((nx, ny)) / (nx * ny)
    spectra = [fft.rfft2(prepared(frame, spectrum, len(frames))) for frame in frames]
    pairs = [
        (float(times[b] - times[a]), both * np.conj(spectra[b]) * spectra[a])
        for a, b in combinations(range(len(frames)), 2)
    ]

    def minus(speed: NDArray) -> tuple[float, NDArray[np.float64]]:
        value, slope = 0.0, np.zeros(2)
        for lag, product in pairs:
            turn = -2j * np.pi * lag
            left, right = np.exp(turn * along * speed[0]), np.exp(turn * across * speed[1])
            value += float(np.real(left @ product @ right))
            slope[0] += np.real((turn * along * left) @ product @ right)
            slope[1] += np.real(left @ product @ (turn * across * right))
        return -value, -slope

    fastest = limit / float(np.ptp(times))
    if start is None:
        steps = max(int(np.ceil(fastest / COARSE)), 1)
        speeds = np.linspace(-fastest, fastest, 2 * steps + 1)
        values = np.zeros((len(speeds), len(speeds)))
        for lag, product in pairs:
            turn = -2j * np.pi * lag
            left = np.exp(turn * np.outer(speeds, along))
            right = np.exp(turn * np.outer(across, speeds))
            values += np.real(left @ product @ right)
        row, column = np.unravel_index(int(np.argmax(values)), values.shape)
        start = np.array([speeds[row], speeds[column]])
    bounds = [(-fastest, fastest)] * 2
    found = optimize.minimize(minus, start, jac=True, method="L-BFGS-B", bounds=bounds, tol=1e-12).x
    gain = minus(np.zeros(2))[0] - minus(found)[0]
    known = (
        spectrum.weight((nx, ny), len(frames)) * spectrum.power((nx, ny)) * both_halves((nx, ny))
    )
    lags = sum(lag**2 for lag, _ in pairs)
    places = 1.0
    for wave in (along[:, None], across[None, :]):
        certain = lags * float(np.sum(known * (2 * np.pi * wave) ** 2))
        places *= max(2 * fastest * np.sqrt(certain / (2 * np.pi)), 1.0)
    return found, float(gain - np.log(places))


def _whitened(image: NDArray[np.float64], spectrum: FrameSpectrum) -> NDArray[np.float64]:
    """The image without slow background, multiplied by the root of the whitening weight."""
    wide = np.pad(flattened(image), EDGE, mode="symmetric")
    root = np.sqrt(spectrum.whitening((wide.shape[0], wide.shape[1])))
    return fft.irfft2(fft.rfft2(wide) * root, s=wide.shape)[EDGE:-EDGE, EDGE:-EDGE]
