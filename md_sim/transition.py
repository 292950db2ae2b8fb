"""The glass transition of a quench, where the volume's slope against temperature changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from aet_port.core.errors import InputError

GLASS_WINDOW = (300.0, 1000.0)  # kelvin
_LEAST = 3  # points of a line with an uncertainty


@dataclass(frozen=True, repr=False)
class GlassTransition(Shown):
    """Where the lines of glass and liquid cross.

    Attributes
    ----------
    temperature
        Glass transition temperature, kelvin.
    uncertainty
        Standard error from those of the two lines, kelvin.
    glass, liquid
        Slope (angstrom^3 per kelvin) and intercept (angstrom^3) of the volume per atom.
    glass_window, liquid_window
        Temperatures that each line was fitted to, kelvin.

    Examples
    --------
    >>> import numpy as np
    >>> import md_sim
    >>> t = np.linspace(300, 3000, 28)
    >>> volume = 18 + 4e-4 * t + 4e-4 * np.maximum(t - 1500, 0)
    >>> round(md_sim.glass_transition(t, volume).liquid[0], 6)  # angstrom^3 per kelvin
    0.0008
    """

    temperature: float
    uncertainty: float
    glass: tuple[float, float]
    liquid: tuple[float, float]
    glass_window: tuple[float, float]
    liquid_window: tuple[float, float]

    def _facts(self) -> dict[str, object]:
        return {
            "temperature": f"{self.temperature:.1f} K",
            "uncertainty": f"{self.uncertainty:.1f} K",
            "glass window": f"{self.glass_window[0]:g} to {self.glass_window[1]:g} K",
            "liquid window": f"{self.liquid_window[0]:g} to {self.liquid_window[1]:g} K",
        }


@checked
def glass_transition(
    temperature: ArrayLike,
    volume: ArrayLike,
    glass_window: tuple[float, float] = GLASS_WINDOW,
    liquid_window: tuple[float, float] | None = None,
) -> GlassTransition:
    """Two-line fit of the volume per atom against temperature.

    T_g is where a_g + b_g T = a_l + b_l T, each line fitted by least squares in its window; its
    standard error follows from their covariances. It moves with the windows, by some 250 K for Ta
    at 1e13 K/s: state them with it.

    Parameters
    ----------
    temperature
        Shape (n,), kelvin, in any order.
    volume
        Shape (n,), angstrom^3 per atom.
    glass_window, liquid_window
        Lowest and highest temperature of each line, kelvin; of the liquid the highest third of
        all temperatures unless given.

    Returns
    -------
    The crossing of the two lines, its standard error, and the lines.

    Raises
    ------
    InputError
        For unequal lengths, NaN, less than three points in a window, or lines that don't cross
        between the windows, so that nothing froze.

    Notes
    -----
    MATLAB: none; the simulations of the papers are not public (Supp. Fig. 19 of the film paper)

    Examples
    --------
    >>> import numpy as np
    >>> import md_sim
    >>> t = np.linspace(300, 3000, 28)
    >>> volume = 18 + 4e-4 * t + 4e-4 * np.maximum(t - 1500, 0)
    >>> round(md_sim.glass_transition(t, volume).temperature, 3)
    1500.0
    """
    t, v = np.asarray(temperature, dtype=np.float64), np.asarray(volume, dtype=np.float64)
    if (
        t.ndim != 1
        or not t.size
        or t.shape != v.shape
        or not (np.isfinite(t).all() and np.isfinite(v).all())
    ):
        found = f"shapes {t.shape} and {v.shape}, or NaN"
        raise InputError("temperature and volume", found, "two finite rows of equal length")
    if liquid_window is None:
        low, top = float(t.min(initial=np.inf)), float(t.max(initial=-np.inf))
        liquid_window = (top - (top - low) / 3, top)
    glass, glass_covariance = _line(t, v, "glass_window", glass_window)
    liquid, liquid_covariance = _line(t, v, "liquid_window", liquid_window)
    turn = liquid[0] - glass[0]
    bends = turn > 1e-6 * abs(liquid[0])  # more than rounding
    crossing = (glass[1] - liquid[1]) / turn if bends else np.nan
    if not glass_window[0] <= crossing <= liquid_window[1]:
        found = f"slopes {glass[0]:.3g} and {liquid[0]:.3g}, lines that cross at {crossing:.4g} K"
        expected = f"a crossing between {glass_window[0]:g} and {liquid_window[1]:g} K"
        raise InputError("glass transition", found, expected)
    # dT/d(slope) = T/turn and dT/d(intercept) = 1/turn, of opposite signs for the two lines.
    gradient = np.array([crossing, 1.0]) / turn
    variance = gradient @ (glass_covariance + liquid_covariance) @ gradient
    return GlassTransition(
        float(crossing),
        float(np.sqrt(variance)),
        (float(glass[0]), float(glass[1])),
        (float(liquid[0]), float(liquid[1])),
        glass_window,
        liquid_window,
    )


def _line(
    t: NDArray[np.float64], v: NDArray[np.float64], name: str, window: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slope and intercept of a least-squares line in a window, and their covariance."""
    inside = (t >= window[0]) & (t <= window[1])
    if inside.sum() < _LEAST or np.ptp(t[inside]) == 0:
        found = f"{inside.sum()} points between {window[0]:g} and {window[1]:g} K"
        raise InputError(name, found, f"at least {_LEAST} different temperatures")
    design = np.stack([t[inside], np.ones(inside.sum())], axis=1)
    line, *_ = np.linalg.lstsq(design, v[inside], rcond=None)
    residual = v[inside] - design @ line
    spread = residual @ residual / (len(residual) - 2)
    return line, spread * np.linalg.inv(design.T @ design)
