"""Pixel size of a diffraction pattern from the rings of a known crystal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, minimum_filter1d
from scipy.signal import find_peaks

from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.diffraction.materials import crystal_rings
from aet_port.diffraction.radial import RadialProfile

FEWEST = 3  # rings that fit, of which one alone fixes the size
MOST = 12  # peaks and rings that are matched
TOLERANCE = 0.01  # relative deviation of a ring from its place
WIDTH = 15  # rings on either side, over which a peak sticks out of its background
PROMINENT = 0.01  # of the highest peak
SURE = 5.0  # standard errors of the average by which a peak stands out
FAINT = 0.02  # strength of a ring, of the strongest, that a pattern need not show
Q_MAX = 14.0  # 1/angstrom


@dataclass(frozen=True, repr=False)
class RingCalibration(Shown):
    """A pixel size, and the rings that it rests on.

    Attributes
    ----------
    pixel
        1/angstrom, as 1/d.
    error
        Its standard error, from the scatter of the rings.
    radii, q
        Shape (n,): measured radii in pixels, and the scattering vectors of the crystal's rings.
    """

    pixel: float
    error: float
    radii: NDArray[np.float64]
    q: NDArray[np.float64]

    def _facts(self) -> dict[str, object]:
        return {"pixel": f"{self.pixel:.5g} 1/angstrom", "rings": len(self.q)}


@checked
def calibrate_by_rings(
    profile: RadialProfile, element: str, lattice: float | None = None
) -> RingCalibration:
    """Pixel size with which the maxima of a radial average are the rings of a crystal.

    Of all ways to take a maximum for a ring, the one with which most maxima and strong rings have a
    partner within 1 %; then least squares over these.

    Parameters
    ----------
    profile
        Radial average of the pattern of a fine-grained crystal.
    element
        Chemical symbol of the crystal, such as Au.
    lattice
        Its lattice constant, angstrom; that of the element unless given.

    Returns
    -------
    The pixel size, and the rings that it rests on.

    Raises
    ------
    InputError
        For fewer than three rings that fit.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import numpy as np
    >>> from aet_port.diffraction import RadialProfile, calibrate_by_rings, crystal_rings
    >>> r, (q, strength) = np.arange(400.0), crystal_rings("Au", 9.0)
    >>> rings = np.exp(-(((r[:, None] - q / 0.03) / 2) ** 2)) @ strength
    >>> counts = np.full(400, 1000)
    >>> made = RadialProfile(r, rings, np.full(400, 0.01), counts, np.ones(400))
    >>> round(calibrate_by_rings(made, "Au").pixel * 2 * np.pi, 4)
    0.03
    """
    radii, heights = _maxima(profile)
    q, strength = crystal_rings(element, Q_MAX, lattice)
    seen = strength > FAINT
    q, strength = q[seen][:MOST], strength[seen][:MOST]
    best: tuple[float, NDArray[np.int64], NDArray[np.int64]] | None = None
    for radius in radii:
        for ring in q:
            peak, partner, merit = _partners(radii, heights, q, strength, ring / radius)
            if best is None or merit > best[0] + 1e-12:
                best = (merit, peak, partner)
    if best is None or len(best[1]) < FEWEST:
        found = f"{len(radii)} rings, of which {0 if best is None else len(best[1])} fit {element}"
        raise InputError("crystal", found, f"{FEWEST} rings of it; or --reciprocal-pixel")
    r, ring = radii[best[1]], q[best[2]]
    slope = float(r @ ring / (r @ r))
    scatter = float(np.sqrt(np.sum((ring - slope * r) ** 2) / (len(r) - 1) / (r @ r)))
    return RingCalibration(slope / (2 * np.pi), scatter / (2 * np.pi), r, ring)


def _maxima(profile: RadialProfile) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Radii of the maxima, to a fraction of a pixel, and their heights over the background."""
    smooth = gaussian_filter1d(profile.intensity, 1.0)
    lowest = minimum_filter1d(smooth, 2 * WIDTH + 1, mode="nearest")
    above = smooth - gaussian_filter1d(lowest, WIDTH)
    places, facts = find_peaks(above, prominence=0.0)
    height = facts["prominences"]
    clear = height > SURE * profile.error[places]
    clear &= height > PROMINENT * height[clear].max(initial=0.0)
    places = places[clear]
    radii = []
    for k in places:
        # The vertex of the parabola through the logarithms: of a Gaussian, exactly its centre.
        part = np.log(np.maximum(above[k - 1 : k + 2], 1e-12 * above[k]))
        curve = part[0] - 2 * part[1] + part[2]
        shift = 0.5 * (part[0] - part[2]) / curve if curve < 0 else 0.0
        spacing = (profile.radius[k + 1] - profile.radius[k - 1]) / 2
        radii.append(profile.radius[k] + np.clip(shift, -1, 1) * spacing)
    return np.array(radii[:MOST]), above[places][:MOST]


def _partners(
    radii: NDArray[np.float64],
    heights: NDArray[np.float64],
    q: NDArray[np.float64],
    strength: NDArray[np.float64],
    scale: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64], float]:
    """Maxima and rings within the tolerance of each other, and how well all of them fit."""
    away = np.abs(radii[:, None] * scale / q - 1)
    partner = away.argmin(axis=1)
    mutual = away.argmin(axis=0)[partner] == np.arange(len(radii))
    fits = mutual & (away[np.arange(len(radii)), partner] < TOLERANCE)
    peak = np.flatnonzero(fits)
    inside = (q > 0.9 * radii[0] * scale) & (q < 1.02 * radii[-1] * scale)
    if not inside.any():
        return peak, partner[peak], -1.0
    near = 1 - away[peak, partner[peak]] / TOLERANCE
    explained = np.sqrt(heights[peak]) @ near / np.sqrt(heights).sum()
    shown = np.sqrt(strength[partner[peak]]).sum() / np.sqrt(strength[inside]).sum()
    # Each ring beyond the first few makes a chance fit less likely.
    return peak, partner[peak], float(explained + min(shown, 1.0) + 0.05 * len(peak))
