"""Memory that a joint refinement needs."""

from __future__ import annotations

import math

from scipy import fft

MARGIN = 6.0  # angstrom around the detector, wider than the tail of any element
PER_ATOM = 1000  # bytes: gradients, curvature, and the steps that L-BFGS remembers
LESS = "fewer --threads, binned or cropped images, or --precision single"


def canvas_of(shape: tuple[int, int], pixel_size: float) -> tuple[tuple[int, ...], int]:
    """Number of pixels of an image with its margin, fast to transform, and of the margin.

    Parameters
    ----------
    shape
        Number of pixels of the detector.
    pixel_size
        Angstrom.

    Examples
    --------
    >>> canvas_of((100, 80), 0.5)
    ((125, 108), 12)
    """
    margin = math.ceil(MARGIN / pixel_size)
    return tuple(fft.next_fast_len(n + 2 * margin, real=True) for n in shape), margin


def needed_memory(
    canvas: tuple[int, ...], n_kinds: int, n_atoms: int, threads: int, item: int
) -> float:
    """Bytes of filters, of the images that each thread works on, and of the unknowns.

    Measured for 6 tilts of 1024 pixels, one to three species and one to four threads, the growth of
    the process is 1.03 to 1.18 of it.

    Parameters
    ----------
    canvas
        Number of pixels of an image with its margin.
    n_kinds, n_atoms
        Number of species and of atoms.
    threads
        Number of threads.
    item
        Bytes of a real number.

    Examples
    --------
    >>> needed_memory((1064, 1064), 1, 1, 1, 4) < needed_memory((1064, 1064), 3, 1, 1, 4)
    True
    """
    spectrum = canvas[0] * (canvas[1] // 2 + 1)
    shared = 8 * (4 + 2 * n_kinds) + item * n_kinds
    each = item * (4 + 12 * n_kinds)
    return float(spectrum * (shared + threads * each) + PER_ATOM * n_atoms)
