"""Radial average of a diffraction pattern, with standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.diffraction.ring_geometry import RingGeometry

FEWEST = 8  # pixels of a ring, for an error from their scatter
OUTLIER = 8.0  # standard deviations of a ring: hits of X-rays and hot pixels


@dataclass(frozen=True, repr=False)
class RadialProfile(Shown):
    """Mean intensity of each ring.

    Attributes
    ----------
    radius
        Shape (n,): mean radius of the pixels of a ring, in pixels, rising.
    intensity, error
        Shape (n,): mean of the pixels and its standard error, from their scatter, in the unit of
        the image.
    pixels
        Shape (n,): number of pixels used.
    covered
        Shape (n,): part of the ring that was used; the rest is masked or off the image.
    """

    radius: NDArray[np.float64]
    intensity: NDArray[np.float64]
    error: NDArray[np.float64]
    pixels: NDArray[np.int64]
    covered: NDArray[np.float64]

    def _facts(self) -> dict[str, object]:
        return {
            "rings": len(self.radius),
            "radius": f"{self.radius.min():.4g} to {self.radius.max():.4g} pixels",
            "pixels": int(self.pixels.sum()),
        }


@checked
def radial_average(
    image: NDArray[np.float64], used: NDArray[np.bool_], geometry: RingGeometry, step: float = 1.0
) -> RadialProfile:
    """Average a pattern over its rings.

    Single pixels that stick out of their ring and of their neighbours by 8 standard deviations
    (hits of X-rays, hot pixels) are left out.

    Parameters
    ----------
    image
        Shape (nx, ny).
    used
        Shape (nx, ny): which pixels count.
    geometry
        Centre and distortion of the rings.
    step
        Width of a ring, pixels.

    Returns
    -------
    The rings that have 8 pixels or more.

    Raises
    ------
    InputError
        If the shapes differ, or no ring has 8 pixels.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import numpy as np
    >>> from aet_port.diffraction import RingGeometry, radial_average
    >>> geometry = RingGeometry((32.0, 32.0))
    >>> image = 1000 - geometry.radii((65, 65)) ** 2
    >>> found = radial_average(image, np.ones((65, 65), bool), geometry)
    >>> bool(abs(found.intensity - (1000 - found.radius**2)).max() < 0.2)
    True
    """
    if image.shape != used.shape:
        raise InputError("used", f"shape {used.shape}", f"that of the image, {image.shape}")
    radii = geometry.radii(image.shape)
    ring = (radii / step).astype(np.int64)
    kept = used & ~_outliers(image, used, ring)
    place, values, r = ring[kept], image[kept], radii[kept]
    number = np.bincount(place)
    area = np.pi * step**2 * (2 * np.arange(len(number)) + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(place, values) / number
        radius = np.bincount(place, r) / number
        variance = np.bincount(place, (values - mean[place]) ** 2) / (number - 1.0)
    enough = number >= FEWEST
    if not enough.any():
        raise InputError("used", f"{int(used.sum())} pixels", f"rings of at least {FEWEST} pixels")
    return RadialProfile(
        radius[enough],
        mean[enough],
        np.sqrt(variance / np.maximum(number, 1))[enough],
        number[enough],
        np.minimum(number / area, 1)[enough],
    )


def _outliers(
    image: NDArray[np.float64], used: NDArray[np.bool_], ring: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Single pixels far from their neighbours, in terms of the scatter of their ring."""
    number = np.bincount(ring[used], minlength=ring.max() + 1)
    mean = np.bincount(ring[used], image[used], minlength=len(number)) / np.maximum(number, 1)
    # What is masked has the mean of its ring, so that its neighbours don't stick out.
    filled = np.where(used, image, mean[ring])
    away = np.where(used, image - median_filter(filled, size=3), 0.0)
    square = np.bincount(ring[used], away[used] ** 2, minlength=ring.max() + 1)
    # One hit in a ring of few pixels is most of its scatter: leave out the largest of each ring.
    largest = np.zeros(len(square))
    np.maximum.at(largest, ring[used], away[used] ** 2)
    sigma = np.sqrt((square - largest) / np.maximum(number - 1, 1))
    return np.asarray(used & (away > OUTLIER * sigma[ring]) & (sigma[ring] > 0))
