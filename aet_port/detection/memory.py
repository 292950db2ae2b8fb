"""Memory that a search for atoms needs."""

from __future__ import annotations

from math import prod

from aet_port.core.data import TiltSeries
from aet_port.core.memory import check_memory
from aet_port.detection.settings import DetectSettings

LESS = "a thinner search (--depth), binned or cropped images, or fewer of them"


def needed_memory(
    n_images: int,
    detector: tuple[int, int],
    pixel_size: float,
    settings: DetectSettings,
    volume: tuple[int, ...] | None = None,
) -> float:
    """Bytes of the arrays of a search, at least: score map, images and their filters.

    Parameters
    ----------
    n_images, detector
        Number of images, and of their pixels along x and y.
    pixel_size
        Angstrom.
    settings
        Those of the search.
    volume
        Voxels along each axis of a sample that goes on beyond its images; as wide as these unless
        given.

    Examples
    --------
    >>> from aet_port.detection.settings import DETECT
    >>> 1e9 < needed_memory(55, (500, 500), 0.35, DETECT) < 2e9
    True
    """
    nx, ny = detector
    depth = nx if settings.depth is None else settings.depth / pixel_size
    voxels = nx * ny * depth if volume is None else prod(volume)
    # In single precision: map and scores; counts, expected, residual, variance, filtered images,
    # their noise, its skewness and response; half spectra of images of 1.5 times the width.
    return 4.0 * (2 * voxels + n_images * nx * ny * (8 + 1.5**2 / 2))


def check_search(
    series: TiltSeries, settings: DetectSettings, volume: tuple[int, ...] | None = None
) -> None:
    """Refuse a search for atoms that needs more memory than is left, see :func:`needed_memory`.

    Parameters
    ----------
    series, settings
        As given to the search.
    volume
        As of :func:`needed_memory`.

    Raises
    ------
    InputError
        With both figures.
    """
    needed = needed_memory(len(series), series.detector, series.pixel_size, settings, volume)
    check_memory("detect", needed, LESS)
