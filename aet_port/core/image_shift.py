"""Sub-pixel measurement of the displacement between images, and sub-pixel shifts of images."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from aet_port.core.errors import InputError

FIRST_ZOOM = 10  # the search uses tenths of a pixel before the finest step
REACH = 1.5  # pixels around the highest whole pixel within which the true peak lies
MARGIN = 8  # pixels of mirrored edge beyond the largest shift


def fourier_shift(image: NDArray, shift: ArrayLike) -> NDArray[np.float64]:
    """Shift a periodic image by a sub-pixel amount, ``F^-1[ exp(-2 pi i k.s) F image ]``.

    Exact for band-limited images: a shift by whole pixels rolls the image, and shifts add up.

    Parameters
    ----------
    image
        Shape (nx, ny).
    shift
        Shape (2,): pixels along x and y.

    Notes
    -----
    MATLAB: 2_RESIRE_package/src/My_FourierShift.m::My_FourierShift. Deviation: the image is real;
    if both sides are even, the coefficient at both highest frequencies is multiplied by a product
    of cosines
    """
    along, across = (
        _phases(n, float(s)) for n, s in zip(image.shape, np.asarray(shift), strict=True)
    )
    half = across[: image.shape[1] // 2 + 1]
    spectrum = fft.rfft2(np.asarray(image, dtype=np.float64))
    return fft.irfft2(spectrum * along[:, None] * half, s=image.shape)


def _phases(n: int, shift: float) -> NDArray[np.complex128]:
    phases = np.exp(-2j * np.pi * shift * fft.fftfreq(n))
    if n % 2 == 0:
        # The only frequency without a conjugate: its real part keeps the image real.
        phases[n // 2] = phases[n // 2].real
    return phases


def shift_images(images: NDArray, shifts: ArrayLike) -> NDArray:
    """Shift images by :func:`fourier_shift` with mirrored edges, so that nothing wraps around.

    Parameters
    ----------
    images
        Shape (n, nx, ny).
    shifts
        Shape (n, 2): pixels along x and y.

    Returns
    -------
    Shape and precision of ``images``; images with a shift of zero are unchanged.

    Raises
    ------
    InputError
        For a different number of shifts, or one that is not finite or as large as an image.
    """
    table = np.asarray(shifts, dtype=np.float64)
    if table.shape != (len(images), 2):
        raise InputError("shifts", f"shape {table.shape}", f"shape ({len(images)}, 2), in pixels")
    nx, ny = images.shape[1:]
    far = ~(np.abs(table) < (nx, ny)).all(axis=1)
    if far.any():
        worst = int(np.flatnonzero(far)[0])
        raise InputError(
            f"shift of image {worst}", f"{table[worst]}", f"fewer pixels than {nx} and {ny}"
        )
    moved = np.empty_like(images)
    for image, shift, out in zip(images, table, moved, strict=True):
        if not shift.any():
            out[:] = image
            continue
        # np.pad mirrors again if the edge is wider than the image.
        edge = [(width, width) for width in np.ceil(np.abs(shift)).astype(int) + MARGIN]
        wide = fourier_shift(np.pad(image, edge, mode="symmetric"), shift)
        out[:] = wide[edge[0][0] : edge[0][0] + nx, edge[1][0] : edge[1][0] + ny]
    return moved


def measure_shift(image: NDArray, reference: NDArray, zoom: int = 100) -> NDArray[np.float64]:
    """Measure the displacement of an image relative to another by cross-correlation.

    First the highest whole pixel of ``F^-1[ F(image) conj F(reference) ]`` is found; around it the
    same sum is evaluated on successively finer points without transforming the whole image again
    (Guizar-Sicairos, Thurman and Fienup, Opt. Lett. 33, 156 (2008)).

    Parameters
    ----------
    image, reference
        Shape (nx, ny) both; their scale and constant background do not matter.
    zoom
        Steps per pixel of the last search.

    Returns
    -------
    Shape (2,), pixels: ``fourier_shift(reference, result)`` matches ``image``; at most half the
    size of the image.

    Raises
    ------
    InputError
        For images of different or wrong shape, or a zoom below 1.

    Notes
    -----
    MATLAB: none; 2_RESIRE_package/src/alignByNormXCorrSubpixel.m (film paper) has the same purpose
    but does not reach errors below 0.05 pixel, see QUIRKS
    """
    if image.shape != reference.shape or image.ndim != 2:
        raise InputError("images", f"shapes {image.shape}, {reference.shape}", "the same (nx, ny)")
    if zoom < 1:
        raise InputError("zoom", str(zoom), "1 or more")
    product = fft.fft2(image) * np.conj(fft.fft2(reference))
    correlation = fft.ifft2(product).real
    top = np.unravel_index(int(np.argmax(correlation)), correlation.shape)
    # Positions beyond the middle are negative shifts.
    best = np.array(
        [p - n if p > n // 2 else p for p, n in zip(top, image.shape, strict=True)], dtype=float
    )
    reach, frequencies = REACH, [2j * np.pi * fft.fftfreq(n) for n in image.shape]
    for steps in (min(FIRST_ZOOM, zoom), zoom):
        if steps == 1:
            break
        side = np.arange(-round(reach * steps), round(reach * steps) + 1) / steps
        along, across = (
            np.exp(np.outer(centre + side, k)) for centre, k in zip(best, frequencies, strict=True)
        )
        fine = (along @ product @ across.T).real
        row, column = np.unravel_index(int(np.argmax(fine)), fine.shape)
        best += side[row], side[column]
        reach = 1.0 / steps
    return best
