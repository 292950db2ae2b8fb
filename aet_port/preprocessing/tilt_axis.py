"""Direction of the tilt axis in the images of a series."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.preprocessing.alignment import check_same_sample, check_series
from aet_port.preprocessing.denoising import golden_section


@dataclass(frozen=True)
class TiltAxis:
    """Direction of the tilt axis in the images.

    Parameters
    ----------
    angle
        Degrees from y towards x.
    agreement
        Agreement of the profiles along that direction, between 0 and 1.
    angles, agreements
        All that were tried, sorted by angle.
    """

    angle: float
    agreement: float
    angles: NDArray[np.float64]
    agreements: NDArray[np.float64]


@checked
def find_tilt_axis(
    images: ArrayLike, reach: float = 15.0, step: float = 1.0, tolerance: float = 0.02
) -> TiltAxis:
    """Find the direction in the images along which all tilts of a particle have the same profile.

    The spectrum of the profile along a direction is the slice of the image's Fourier transform in
    that direction. For each direction the slices are aligned to each other (a shift is a phase);
    the agreement is ``sum_k |sum_j S_jk|^2 / (n sum_jk |S_jk|^2)`` over non-zero frequencies up to
    half the highest. Directions ``step`` apart are tried first, then a golden-section search.

    Parameters
    ----------
    images
        Shape (n, nx, ny), two or more tilts, background subtracted; they need not be aligned.
    reach
        Search range on both sides of y, degrees.
    step, tolerance
        Step of the first search and tolerance of the result, degrees.

    Raises
    ------
    InputError
        For wrong shapes, an image without signal (with its index), or numbers not above zero.

    Warns
    -----
    UserWarning
        If the best direction lies at the end of the search range.

    Notes
    -----
    MATLAB: none
    """
    stack = check_series(images)
    for name, value in (("reach", reach), ("step", step), ("tolerance", tolerance)):
        if not 0 < value < 90:
            raise InputError(name, f"{value!r}", "degrees, above zero and below 90")
    check_same_sample(stack)
    tried: dict[float, float] = {}

    def score(angle: float) -> float:
        if angle not in tried:
            tried[angle] = _agreement(_slices(stack, angle))
        return tried[angle]

    steps = max(1, int(np.ceil(reach / step)))
    scan = [float(a) for a in np.linspace(-reach, reach, 2 * steps + 1)]
    best = max(range(len(scan)), key=lambda i: score(scan[i]))
    golden_section(score, scan[max(best - 1, 0)], scan[min(best + 1, len(scan) - 1)], tolerance, 60)
    top = max(tried, key=lambda a: tried[a])
    if best in (0, len(scan) - 1):
        warnings.warn(
            f"reach: the best direction, {top:.2f} degrees, lies at its end; search further",
            UserWarning,
            stacklevel=3,
        )
    order = sorted(tried)
    return TiltAxis(top, tried[top], np.array(order), np.array([tried[a] for a in order]))


def _slices(stack: NDArray, angle: float) -> NDArray[np.complex128]:
    """Spectra (n, frequencies) of the profiles along a direction, without mean and highest half.

    Computed as sums, not by interpolation, and so exact for every direction.
    """
    nx, ny = stack.shape[1:]
    size = max(nx, ny)
    frequencies = np.arange(1, size // 4 + 1) / size
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    along_x = np.exp(-2j * np.pi * s * np.outer(frequencies, np.arange(nx) - nx // 2))
    along_y = np.exp(-2j * np.pi * c * np.outer(np.arange(ny) - ny // 2, frequencies))
    return np.einsum("nxk,kx->nk", stack @ along_y, along_x)


def _agreement(spectra: NDArray[np.complex128]) -> float:
    """Fraction of the power that the spectra share after each is shifted onto the others."""
    k = spectra.shape[1]
    frequencies = np.arange(1, k + 1) / (4 * k)
    aligned = spectra
    for _ in range(3):
        others = aligned.sum(axis=0) - aligned
        product = aligned * others.conj()
        best = np.zeros(len(spectra))
        for half, step in ((2.0 * k, 0.5), (0.5, 0.05)):
            side = np.arange(-round(half / step), round(half / step) + 1) * step
            places = best[:, None] + side
            if step == 0.5:
                values = (product @ np.exp(2j * np.pi * np.outer(frequencies, side))).real
            else:
                waves = np.exp(2j * np.pi * places[:, :, None] * frequencies)
                values = np.einsum("nk,nsk->ns", product, waves).real
            best = places[np.arange(len(best)), np.argmax(values, axis=1)]
        aligned = aligned * np.exp(2j * np.pi * best[:, None] * frequencies)
    shared = np.sum(np.abs(aligned.sum(axis=0)) ** 2)
    return float(shared / (len(spectra) * np.sum(np.abs(spectra) ** 2)))
