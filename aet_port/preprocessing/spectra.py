"""Signal and noise of the frames of a series at each frequency, and the filter that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, ndimage, signal

from aet_port.core.errors import InputError
from aet_port.preprocessing.noise import check_images

BACKGROUND = 8  # what varies over more than this part of a side is background, which stands still
TAPER = 0.25  # part of the area that its edges fade out over
ATOMS_END = 0.4  # cycles per pixel: beyond, frames hold noise alone
RING = 64  # rings of the spectrum from zero to half a cycle per pixel
DETECTED = 2.0  # standard errors below which a ring has no signal
LEAST_NOISE = 1e-6  # of the strongest ring: noise-free frames have some too
WHITE = 0.01  # of the strongest ring: what is whitened at most
RUN = 2.0  # rings: standard deviation of the mean of neighbours
SHARED = 2.0  # tilts that see the same atoms' frequencies: their noise is averaged once more
EDGE = 24  # pixels of mirrored edge, against the step from one side of an image to the other


@dataclass(frozen=True)
class FrameSpectrum:
    """Power of what frames show and of their white noise, per pixel.

    Parameters
    ----------
    signal
        Shape (rings,), of rings of equal width from zero to half a cycle per pixel and beyond.
    noise
        Variance of a pixel.
    """

    signal: NDArray[np.float64]
    noise: float

    def power(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """The signal at the frequencies of ``fft.rfft2`` of an image of that shape."""
        return self.signal[_rings(shape)]

    def weight(self, shape: tuple[int, int], frames: int) -> NDArray[np.float64]:
        """``S / (N (m S + N))``: what a frequency adds to the log likelihood of displacements.

        ``S`` is the power of the signal, ``N`` of the noise, ``m`` the number of frames. For two
        frames it is that of Hannan and Thomson, IEEE Trans. Audio Electroacoust. 21 (1973).
        """
        power = self.power(shape)
        return power / (self.noise * (frames * power + self.noise))

    def whitening(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """``S / (S + N)^2``: every frequency as much as it is seen, not as much as it is strong.

        ``N`` is the noise, or a hundredth of the strongest ring if that is more: what is weaker
        than that is also what the edges of an image make.
        """
        power = self.power(shape)
        floor = max(self.noise, WHITE * float(self.signal.max()))
        return power / (power + floor) ** 2


def frame_spectrum(tilts: Sequence[NDArray]) -> FrameSpectrum:
    """Signal and noise of frames: their mean power less the white noise beyond the atoms.

    Parameters
    ----------
    tilts
        Shape (m, nx, ny) each, of one size: the frames of each tilt. Many tell weak signals from
        the chance of few pixels.

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
    # A ring of so many frequencies, half of them independent, in so many frames.
    error = noise / np.sqrt(np.maximum(count, 1) * number / 2)
    found = power - noise
    seen = (found > DETECTED * error) & ~beyond
    # What single rings hide, a run of weak ones may show.
    certain = np.where(seen | beyond, 0.0, 1 / error**2)
    total_weight = np.maximum(_among(certain), 1e-300)
    run = _among(certain * found) / total_weight
    chance = np.sqrt(_among(certain, squared=True)) / total_weight
    weak = (run > DETECTED * chance) & ~seen & ~beyond
    return FrameSpectrum(np.where(seen, found, np.where(weak, run, 0.0)), noise)


def wiener_filter(
    images: ArrayLike, spectrum: FrameSpectrum, frames: int, strength: float = 1.0
) -> NDArray[np.float64]:
    """Averages of frames with each frequency reduced to the part of it that is signal.

    ``S / (S + strength^2 N / (2 m))`` with ``m`` frames in an average (Wiener). The two is for the
    reconstruction, in which neighbouring tilts share the frequencies of the atoms and average
    their noise once more: images filtered for the eye are too smooth for it. What varies more
    slowly than the strongest ring of the signal, the background among it, is kept. Unlike BM3D,
    which looks for structure in one image alone, the spectrum is that of all tilts: at doses where
    one image hardly shows an atom it still knows how wide atoms are.

    Parameters
    ----------
    images
        Shape (n, nx, ny).
    spectrum
        Of the frames, all tilts together.
    frames
        In each average.
    strength
        More than one smooths more.

    Raises
    ------
    InputError
        For a wrong shape, an image without signal, or numbers not above zero.

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
    """One inside, fading to zero at the edges."""
    return np.outer(*(signal.windows.tukey(n, TAPER) for n in shape))


def flattened(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """The image without slow background."""
    return image - ndimage.gaussian_filter(image, min(image.shape) / BACKGROUND)


def _rings(shape: tuple[int, ...]) -> NDArray[np.int_]:
    """The ring of each frequency of ``fft.rfft2``."""
    away = np.hypot(fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1]))
    return np.minimum(np.round(away * 2 * RING).astype(int), 2 * RING)


def both_halves(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """How many frequencies of the whole plane each of ``fft.rfft2`` stands for."""
    number = np.full((shape[0], shape[1] // 2 + 1), 2.0)
    number[:, 0] = 1
    if shape[1] % 2 == 0:
        number[:, -1] = 1
    return number


def _among(values: NDArray[np.float64], squared: bool = False) -> NDArray[np.float64]:
    """Sums over neighbouring rings, by a Gaussian; or by its square, as variances add up."""
    away = np.arange(-8, 9)
    weights = np.exp(-(away**2) / (2 * RUN**2))
    return np.convolve(values, weights**2 if squared else weights, mode="same")
