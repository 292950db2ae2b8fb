"""Centre and elliptical distortion of the rings of a diffraction pattern."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from aet_port.core.errors import InputError

COARSE = 512  # pixels of the image on which the symmetry is searched
OVERLAP = 0.25  # of the image that must have a partner through a centre
SCALES = (6.0, 2.0, 0.0)  # pixels: smoothing of the image, coarse to fine
SLOPE = 1.0  # pixels: smoothing of the slope of the rings
ROUNDS = 8  # at each scale
CONVERGED = (0.1, 0.03, 1e-3)  # pixels of the centre, at each scale
LARGEST = 0.15  # distortion beyond which it is no ring


@dataclass(frozen=True, repr=False)
class RingGeometry(Shown):
    """Where the rings are.

    Attributes
    ----------
    centre
        x and y, pixels from 0 at the middle of the first pixel.
    distortion
        a and b: radii are stretched by ``a cos 2 phi + b sin 2 phi``, to first order; areas are
        kept.
    errors
        Standard errors of centre (2) and distortion (2); NaN where not fitted.
    """

    centre: tuple[float, float]
    distortion: tuple[float, float] = (0.0, 0.0)
    errors: tuple[float, float, float, float] = (np.nan, np.nan, np.nan, np.nan)

    @property
    def ratio(self) -> float:
        """Long over short axis of the ellipse that a ring is."""
        return float(np.exp(2 * np.hypot(*self.distortion)))

    @property
    def angle(self) -> float:
        """Direction of the long axis from x towards y, -90 to 90 degrees."""
        # Undistorted radii are longer than measured ones where the ellipse is short.
        a, b = self.distortion
        return float(np.rad2deg(np.arctan2(-b, -a) / 2))

    @property
    def significance(self) -> float:
        """Distortion over its standard error; NaN if it was not fitted."""
        error = np.hypot(*self.errors[2:]) / np.sqrt(2)
        return float(np.hypot(*self.distortion) / error)

    def _facts(self) -> dict[str, object]:
        x, y = self.centre
        return {"centre": f"{x:.2f}, {y:.2f} pixels", "axes": f"{self.ratio:.4f}"}

    def offsets(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Undistorted x and y of every pixel from the centre, shape (2, nx, ny)."""
        x = np.arange(shape[0])[:, None] - self.centre[0]
        y = np.arange(shape[1])[None, :] - self.centre[1]
        a, b = self.distortion
        size = np.hypot(a, b)
        # The exponential of the matrix ((a, b), (b, -a)).
        even, odd = np.cosh(size), np.sinh(size) / size if size else 1.0
        return np.stack([(even + odd * a) * x + odd * b * y, odd * b * x + (even - odd * a) * y])

    def radii(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Undistorted radius of every pixel, shape (nx, ny)."""
        return np.asarray(np.hypot(*self.offsets(shape)))


@checked
def find_rings(
    image: NDArray[np.float64],
    used: NDArray[np.bool_],
    start: RingGeometry | None = None,
    *,
    fit_centre: bool = True,
    fit_ellipse: bool = True,
) -> RingGeometry:
    """Centre and distortion with which all pixels of a ring are alike.

    The intensity is a function of the undistorted radius; centre and distortion minimise the
    squared deviations from it, each ring weighted by its scatter, by Gauss-Newton steps in which
    the function (the radial average) adapts. Standard errors come from the same equations.

    Parameters
    ----------
    image
        Shape (nx, ny).
    used
        Shape (nx, ny): which pixels count.
    start
        Unless given, the centre of symmetry (:func:`centre_of_symmetry`).
    fit_centre, fit_ellipse
        What to fit; the rest stays as at the start.

    Returns
    -------
    The fitted geometry with its standard errors.

    Raises
    ------
    InputError
        If the rings don't say where their centre is.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import numpy as np
    >>> from aet_port.diffraction import RingGeometry, find_rings
    >>> truth = RingGeometry((48.3, 51.6), (0.01, -0.004))
    >>> image = 100 * np.exp(-(((truth.radii((96, 100)) - 25) / 6) ** 2))
    >>> found = find_rings(image, np.ones((96, 100), bool))
    >>> [round(one, 1) for one in found.centre], [round(one, 3) for one in found.distortion]
    ([48.3, 51.6], [0.01, -0.004])
    """
    found = start
    if found is None:
        found = RingGeometry(centre_of_symmetry(image, used))
    fitted = [fit_centre, fit_centre, fit_ellipse, fit_ellipse]
    if not any(fitted):
        return found
    places = np.nonzero(used)
    reach = np.hypot(*image.shape) / 4
    for scale, close in zip(SCALES, CONVERGED, strict=True):
        values = _smoothed(image, used, scale)[places]
        for _ in range(ROUNDS):
            step, errors = _step(values, places, image.shape, found, np.array(fitted), scale)
            a, b = found.distortion[0] + step[2], found.distortion[1] + step[3]
            found = RingGeometry(
                (float(found.centre[0] + step[0]), float(found.centre[1] + step[1])),
                (float(a), float(b)),
                (float(errors[0]), float(errors[1]), float(errors[2]), float(errors[3])),
            )
            if np.hypot(a, b) > LARGEST or not np.isfinite(step).all():
                raise InputError(
                    "image",
                    f"no rings about {found.centre[0]:.4g}, {found.centre[1]:.4g}",
                    "a ring pattern; or --centre X,Y and --ellipse none",
                )
            if np.abs(step * [1, 1, reach, reach]).max() < close:
                break
    return found


def _smoothed(
    image: NDArray[np.float64], used: NDArray[np.bool_], scale: float
) -> NDArray[np.float64]:
    """The image smoothed over the pixels that count."""
    if scale == 0:
        return image
    weight = gaussian_filter(used.astype(np.float64), scale, mode="constant")
    sums = gaussian_filter(np.where(used, image, 0.0), scale, mode="constant")
    return np.asarray(sums / np.maximum(weight, 1e-6))


def without_distortion(found: RingGeometry) -> RingGeometry:
    """The same centre, with round rings."""
    return replace(found, distortion=(0.0, 0.0), errors=(*found.errors[:2], np.nan, np.nan))


def _step(
    values: NDArray[np.float64],
    places: tuple[NDArray[np.int64], ...],
    shape: tuple[int, ...],
    geometry: RingGeometry,
    fitted: NDArray[np.bool_],
    scale: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Change of the four parameters, and their standard errors; the centre's in pixels."""
    offsets = geometry.offsets(shape)
    x, y = offsets[0][places], offsets[1][places]
    r = np.maximum(np.hypot(x, y), 1e-6)
    ring = r.astype(np.int64)
    number = np.bincount(ring)
    # Derivatives of the undistorted radius by centre x, y and by a, b.
    slopes = np.stack([-x / r, -y / r, (x**2 - y**2) / r, 2 * x * y / r])[fitted]
    mean = np.bincount(ring, values) / np.maximum(number, 1)
    known = np.flatnonzero(number)
    middle = np.bincount(ring, r)[known] / number[known]
    grid = np.arange(len(number) + 1, dtype=np.float64)
    smooth = gaussian_filter1d(np.interp(grid, middle, mean[known]), SLOPE)
    rise = np.interp(r, grid, np.gradient(smooth))
    away = values - np.interp(r, middle, mean[known])

    def centred(column: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(column - (np.bincount(ring, column) / np.maximum(number, 1))[ring])

    away = centred(away)
    variance = np.bincount(ring, away**2) / np.maximum(number - 1, 1)
    variance = gaussian_filter1d(np.interp(grid, known, variance[known]), 2.0)
    floor = 1e-12 * float(variance.max()) + 1e-300
    weight = 1 / (variance[ring] + floor)
    columns = np.array([centred(rise * one) for one in slopes])
    normal = (columns * weight) @ columns.T
    change, errors = np.zeros(4), np.full(4, np.nan)
    change[fitted] = np.linalg.lstsq(normal, (columns * weight) @ away, rcond=None)[0]
    errors[fitted] = np.sqrt(np.diag(np.linalg.pinv(normal)))
    limit = 2 * max(scale, 1.0)
    size = np.hypot(change[0], change[1])
    if size > limit:
        change[:2] *= limit / size
    change[2:] = np.clip(change[2:], -0.02, 0.02)
    return change, errors


@checked
def centre_of_symmetry(image: NDArray[np.float64], used: NDArray[np.bool_]) -> tuple[float, float]:
    """Point through which the pattern is most like its inversion (Friedel's law), to a pixel or so.

    The correlation of the square root of the counts, smoothed, with its inversion, over the pixels
    that have a partner.

    Parameters
    ----------
    image
        Shape (nx, ny).
    used
        Shape (nx, ny): which pixels count.

    Returns
    -------
    x and y, pixels.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import numpy as np
    >>> from aet_port.diffraction import RingGeometry
    >>> image = np.exp(-(((RingGeometry((30.0, 34.0)).radii((64, 64)) - 15) / 4) ** 2))
    >>> centre_of_symmetry(image, np.ones((64, 64), bool))
    (30.0, 34.0)
    """
    bins = max(1, int(np.ceil(max(image.shape) / COARSE)))
    trimmed = tuple(bins * (side // bins) for side in image.shape)
    parts = (trimmed[0] // bins, bins, trimmed[1] // bins, bins)
    part = (slice(trimmed[0]), slice(trimmed[1]))
    mask = used[part].reshape(parts).mean(axis=(1, 3))
    sums = np.where(used[part], image[part], 0.0).reshape(parts).mean(axis=(1, 3))
    good = mask > 0.5
    values = np.where(good, sums / np.maximum(mask, 0.5), 0.0)
    values = np.sqrt(np.maximum(values - min(0.0, float(values.min())), 0))
    weight = gaussian_filter(good.astype(np.float64), 1.0, mode="constant")
    values = gaussian_filter(values * good, 1.0, mode="constant") / np.maximum(weight, 1e-6)
    f, m = np.where(good, values - values[good].mean(), 0.0), good.astype(np.float64)
    size = [next_fast_len(2 * side, real=True) for side in m.shape]
    a, b, c = (rfft2(one, size) for one in (f * m, m, f**2 * m))
    # Sums over pairs of pixels whose places add up to each entry.
    both, pairs, one, square = (irfft2(part, size) for part in (a * a, b * b, a * b, c * b))
    enough = pairs > OVERLAP * good.sum()
    pairs = np.maximum(pairs, 1)
    spread = square - one**2 / pairs
    likeness = (both - one**2 / pairs) / np.maximum(spread, 1e-9 * float(np.abs(spread).max()))
    # Few pairs are alike by chance: about one over the root of their number.
    score = np.where(enough, likeness * np.sqrt(pairs / pairs.max()) ** 0.5, -np.inf)
    found = np.array(np.unravel_index(int(np.argmax(score)), score.shape)) / 2
    x, y = found * bins + (bins - 1) / 2
    return float(x), float(y)
