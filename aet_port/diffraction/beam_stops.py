"""Mask of the beam stop: the shadow that is darker than its rings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_opening, gaussian_filter, label

from aet_port.core.arguments import checked
from aet_port.diffraction.ring_geometry import RingGeometry

SMOOTHING = 2.0  # pixels
NOISE = 0.141  # of a pixel after this smoothing, 1 / (2 sqrt(pi) SMOOTHING)
RING = 2.0  # pixels
BRIGHT = 80  # percentile that stands for a ring: up to that part of it may be covered
BRIGHTEST = 95  # percentile by which the bright part varies
DARK = 0.5  # of that
SURE = 6.0  # standard deviations of the smoothed image
SMALLEST = 30  # pixels of a shadow
MARGIN = 4  # pixels that its blurred edge reaches beyond
UNEVEN = 2.0  # times the difference of these two percentiles
SECTORS = 12  # of a ring
ASKEW = 0.3  # of the rise at the edge of a shadow, by which sectors must differ
DROP = np.log(2.0)  # rise of the logarithm of the bright part over three rings: an edge


@checked
def beam_stop(image: NDArray[np.float64], geometry: RingGeometry) -> NDArray[np.bool_]:
    """Pixels in the shadow of a beam stop (or of anything else that is dark).

    Shadows are connected pixels with less than half of the bright part of their ring, beyond the
    noise and beyond what the rest of the ring varies by, as rings of grains do. Where a shadow
    covers whole rings about the centre, its edge is the first radius at which the rings double
    their intensity within four pixels, with nothing brighter inside. That may also be the inner
    side of the first ring in a pattern without a stop, which is the same all around: an edge counts
    if a holder's shadow reaches it or if it isn't centred. A disc without a visible holder, centred
    on the beam within a pixel, needs a mask.

    Parameters
    ----------
    image
        Shape (nx, ny), counts or anything in proportion to them.
    geometry
        Centre and distortion of the rings, roughly.

    Returns
    -------
    Shape (nx, ny), True in the shadow and a few pixels around it.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import numpy as np
    >>> from aet_port.diffraction import RingGeometry, beam_stop
    >>> geometry = RingGeometry((40.0, 40.0))
    >>> image = np.full((80, 80), 100.0)
    >>> image[38:43, :40] = 2.0
    >>> shadow = beam_stop(image, geometry)
    >>> bool(shadow[40, 10]), bool(shadow[60, 60])
    (True, False)
    """
    finite = np.isfinite(image)
    filled = np.where(finite, image, 0.0)
    smooth = gaussian_filter(filled, SMOOTHING, mode="nearest")
    ring = (geometry.radii(image.shape) / RING).astype(np.int64)
    bright, noise, uneven = _ring_values(smooth, filled - smooth, ring)
    least = np.maximum(SURE * NOISE * noise, UNEVEN * uneven)
    dark = (smooth < DARK * bright[ring]) & (bright[ring] - smooth > least[ring])
    dark = binary_opening(dark, iterations=2)
    parts, count = label(dark)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    large = sizes >= SMALLEST
    large[0] = False
    shadow = large[parts]
    disc = ring < _edge(bright, noise)
    if disc.any() and (
        (binary_dilation(disc, iterations=MARGIN) & shadow).any()
        or _is_askew(smooth, geometry, ring, bright, int(ring[disc].max()))
    ):
        shadow |= disc
    if shadow.any():
        shadow = binary_dilation(shadow, iterations=MARGIN)
    return np.asarray(shadow | ~finite)


def _ring_values(
    smooth: NDArray[np.float64], rest: NDArray[np.float64], ring: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Bright part of each ring, standard deviation of its noise, and its unevenness."""
    order = np.argsort(ring, axis=None, kind="stable")
    ends = np.cumsum(np.bincount(ring.ravel()))
    values, noises = smooth.ravel()[order], np.abs(rest.ravel()[order])
    bright, noise, uneven = np.zeros((3, len(ends)))
    first = 0
    for k, last in enumerate(ends):
        if last > first:
            bright[k], brightest = np.percentile(values[first:last], (BRIGHT, BRIGHTEST))
            uneven[k] = brightest - bright[k]
            noise[k] = 1.4826 * np.percentile(noises[first:last], 60)
        first = last
    return bright, noise, uneven


def _is_askew(
    smooth: NDArray[np.float64],
    geometry: RingGeometry,
    ring: NDArray[np.int64],
    bright: NDArray[np.float64],
    edge: int,
) -> bool:
    """Whether the rings at the edge of a shadow are not the same all around."""
    x, y = geometry.offsets(smooth.shape)
    sector = ((np.arctan2(y, x) / (2 * np.pi) + 0.5) * SECTORS).astype(np.int64) % SECTORS
    inner, outer = max(edge - 2, 0), min(edge + 2, len(bright) - 1)
    near = (ring >= inner) & (ring <= outer)
    number = np.bincount(sector[near], minlength=SECTORS)
    means = np.bincount(sector[near], smooth[near], SECTORS)[number > 0] / number[number > 0]
    return bool(np.ptp(means) > ASKEW * (bright[outer] - bright[inner]))


def _edge(bright: NDArray[np.float64], noise: NDArray[np.float64]) -> int:
    """Number of the rings about the centre that are all in the shadow."""
    floor = np.maximum(bright, 1e-3 * bright.max())
    for k in range(1, len(bright) - 1):
        # Without a stop it is brightest in the middle.
        if bright[:k].max() > DARK * bright[k + 1]:
            continue
        rise = bright[k + 1] - bright[k - 1]
        if np.log(floor[k + 1] / floor[k - 1]) > DROP and rise > SURE * NOISE * noise[k + 1]:
            # To the foot of the edge, which smoothing has widened.
            return next((n for n in range(k, k + 3) if floor[n + 1] < 1.1 * floor[n]), k + 2) + 1
    return 0
