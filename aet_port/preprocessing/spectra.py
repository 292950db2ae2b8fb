"""Signal and noise of the frames of a series at each frequency, and the resulting Wiener filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, ndimage, signal

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.preprocessing.noise import check_images

BACKGROUND = 8  # variations longer than 1/8 of a side are background, which does not move
TAPER = 0.25  # fraction of the area over which edges are tapered
ATOMS_END = 0.4  # cycles per pixel: beyond, frames contain only noise
RING = 64  # number of rings of the spectrum from zero to half a cycle per pixel
DETECTED = 2.0  # standard errors below which a ring has no signal
LEAST_NOISE = 1e-6  # smallest noise, as a fraction of the strongest ring
WHITE = 0.01  # fraction of the strongest ring below which the spectrum is not whitened further
RUN = 2.0  # rings: standard deviation of the average over neighbours
SHARED = 2.0  # tilts that share the atoms' frequencies, whose noise is averaged again
EDGE = 24  # pixels of mirrored edge, to avoid the step from one side of an image to the other


@dataclass(frozen=True)
class FrameSpectrum:
    """Power of the signal and of the white noise of frames, per pixel.

    Parameters
    ----------
    signal
        Shape (rings,), for rings of equal width from zero to half a cycle per pixel and beyond.
    noise
        Variance of a pixel.
    """

    signal: NDArray[np.float64]
    noise: float

    def power(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """The signal at the frequencies of ``fft.rfft2`` of an image of that shape."""
        return self.signal[_rings(shape)]

    def weight(self, shape: tuple[int, int], frames: int) -> NDArray[np.float64]:
        """``S / (N (m S + N))``: weight of a frequency in the log likelihood of displacements.

        ``S`` is the power of the signal, ``N`` of the noise, ``m`` the number of frames. For two
        frames it is that of Hannan and Thomson, IEEE Trans. Audio Electroacoust. 21 (1973).
        """
        power = self.power(shape)
        return power / (self.noise * (frames * power + self.noise))

    def whitening(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """``S / (S + N)^2``: weights frequencies by signal-to-noise ratio, not by strength.

        ``N`` is the noise, or a hundredth of the strongest ring if that is more, because weaker
        frequencies are affected by the edges of the image.
        """
        power = self.power(shape)
        floor = max(self.noise, WHITE * float(self.signal.max()))
        return power / (power + floor) ** 2


@checked
def frame_spectrum(tilts: Sequence[NDArray]) -> FrameSpectrum:
    """Signal and noise of frames: mean power minus the white noise at high frequencies.

    Parameters
    ----------
    tilts
        Frames of each tilt, shape (m, nx, ny) each, of one size. With many tilts, weak signals are
        distinguished from statistical fluctuations.

    Notes
    -----
    MATLAB: none
    """
    shape = tilts[0].shape[1:]
    window = taper(shape)
    total, number = np.zeros((shape[0], shape[1] // 2 + 1)), 0
    for frames in tilts:
        for frame in frames:
            spectrum = fft.rfft2(flattened(np.asarray(frame, dtype=np.float64)) * window)
            total += np.abs(spectrum) ** 2
            number += 1
    total /= number * np.sum(window**2)
    rings, both = _rings(shape), both_halves(shape)
    count = np.bincount(rings.ravel(), both.ravel(), 2 * RING + 1)
    power = np.bincount(rings.ravel(), (both * total).ravel(), 2 * RING + 1) / np.maximum(count, 1)
    middles = np.arange(len(power)) / (2 * RING)
    beyond = middles > ATOMS_END
    noise = float(np.sum(power[beyond] * count[beyond]) / np.sum(count[beyond]))
    noise = max(noise, LEAST_NOISE * float(power.max()))
    # Number of frequencies in a ring, half of them independent, times the number of frames.
    error = noise / np.sqrt(np.maximum(count, 1) * number / 2)
    found = power - noise
    seen = (found > DETECTED * error) & ~beyond
    # A signal too weak in single rings may be significant over several.
    certain = np.where(seen | beyond, 0.0, 1 / error**2)
    total_weight = np.maximum(_among(certain), 1e-300)
    run = _among(certain * found) / total_weight
    chance = np.sqrt(_among(certain, squared=True)) / total_weight
    weak = (run > DETECTED * chance) & ~seen & ~beyond
    return FrameSpectrum(np.where(seen, found, np.where(weak, run, 0.0)), noise)


@checked
def wiener_filter(
    images: ArrayLike, spectrum: FrameSpectrum, frames: int, strength: float = 1.0
) -> NDArray[np.float64]:
    """Filter averages of frames by the signal fraction of each frequency (Wiener filter).

    The filter is ``S / (S + strength^2 N / (2 m))`` with ``m`` frames in an average. The factor 2
    accounts for the reconstruction, in which neighbouring tilts share the frequencies of the atoms
    and their noise is averaged again: images filtered for viewing are too smooth for it.
    Frequencies below the strongest ring of the signal, including the background, are kept. Unlike
    BM3D, which uses the structure of a single image, the spectrum is that of all tilts, so the
    width of atoms is known even at doses where atoms are hardly visible in one image.

    Parameters
    ----------
    images
        Shape (n, nx, ny).
    spectrum
        Spectrum of the frames, all tilts together.
    frames
        Number of frames in each average.
    strength
        Strength of the filter; values above one smooth more.

    Raises
    ------
    InputError
        For a wrong shape, an image without signal, or numbers not above zero.

    Notes
    -----
    MATLAB: none; the papers used BM3D
    """
    stack = check_images(images)
    if frames < 1:
        raise InputError("frames", str(frames), "1 or more")
    if not 0 < strength < np.inf:
        raise InputError("strength", f"{strength!r}", "a number above zero")
    noise = strength**2 * spectrum.noise / (SHARED * frames)
    gain = spectrum.signal / (spectrum.signal + noise)
    gain[: int(np.argmax(spectrum.signal))] = 1
    result = np.empty_like(stack)
    for image, out in zip(stack, result, strict=True):
        wide = np.pad(image, EDGE, mode="symmetric")
        of_ring = gain[_rings(wide.shape)]
        out[:] = fft.irfft2(fft.rfft2(wide) * of_ring, s=wide.shape)[EDGE:-EDGE, EDGE:-EDGE]
    return result


def taper(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Window that is one inside and tapers to zero at the edges."""
    return np.outer(*(signal.windows.tukey(n, TAPER) for n in shape))


def flattened(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """The image without slow background."""
    return image - ndimage.gaussian_filter(image, min(image.shape) / BACKGROUND)


def _rings(shape: tuple[int, ...]) -> NDArray[np.int_]:
    """The ring of each frequency of ``fft.rfft2``."""
    away = np.hypot(fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1]))
    return np.minimum(np.round(away * 2 * RING).astype(int), 2 * RING)


def both_halves(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Number of frequencies of the whole plane that each of ``fft.rfft2`` represents."""
    number = np.full((shape[0], shape[1] // 2 + 1), 2.0)
    number[:, 0] = 1
    if shape[1] % 2 == 0:
        number[:, -1] = 1
    return number


def _among(values: NDArray[np.float64], squared: bool = False) -> NDArray[np.float64]:
    """Sums over neighbouring rings weighted by a Gaussian, or by its square for variances."""
    away = np.arange(-8, 9)
    weights = np.exp(-(away**2) / (2 * RUN**2))
    return np.convolve(values, weights**2 if squared else weights, mode="same")
