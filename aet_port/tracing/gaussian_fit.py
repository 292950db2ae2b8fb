"""A three-dimensional Gaussian with arbitrarily oriented axes, and its fit to a box of voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from aet_port.core.errors import InputError
from aet_port.core.geometry import axis_rotation

PARAMETERS = 11  # background, height, centre (3), curvatures (3), angles (3)
_AXES = ((0, 0, 1), (0, 1, 0), (0, 0, 1))


@dataclass(frozen=True)
class GaussianFit:
    """Result of :func:`fit_gaussian_3d`.

    Parameters
    ----------
    parameters
        Shape (11,), see :func:`gaussian_3d`.
    cost
        Sum of the squared residuals.
    residual
        Fit minus values, shape of the values.
    """

    parameters: NDArray[np.float64]
    cost: float
    residual: NDArray[np.float64]

    @property
    def background(self) -> float:
        """Value far from the centre."""
        return float(self.parameters[0])


def gaussian_3d(parameters: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
    """``c + h exp(-v^T R^T diag(k) R v)``, ``v`` the vector from the centre to each point.

    Parameters
    ----------
    parameters
        ``c``, ``h``, the centre (x, y, z), ``k`` (three), and the angles in degrees of ``R``, a
        rotation about z by the first, then about y by the second, then about z by the third.
    points
        Shape (3, ...), such as from :func:`aet_port.tracing.boxes.box_points`.

    Returns
    -------
    Shape of ``points[0]``.

    Raises
    ------
    InputError
        For another number of parameters or points that are not three-dimensional.

    Notes
    -----
    MATLAB: 4_Tracing_and_classification/src/calc_gauss3D_PD.m::calc_gauss3D_PD
    """
    p = np.asarray(parameters, dtype=np.float64).ravel()
    x = np.asarray(points, dtype=np.float64)
    if p.shape != (PARAMETERS,):
        raise InputError("parameters", f"{p.size} numbers", f"{PARAMETERS}")
    if x.ndim < 1 or x.shape[0] != 3:
        raise InputError("points", f"shape {x.shape}", "(3, ...), coordinates first")
    first, second, third = (
        axis_rotation(axis, angle) for axis, angle in zip(_AXES, p[8:], strict=True)
    )
    distance = x - p[2:5].reshape((3,) + (1,) * (x.ndim - 1))
    turned = np.tensordot(third @ second @ first, distance, axes=1)
    return p[0] + p[1] * np.exp(-np.tensordot(p[5:8], turned**2, axes=1))


def fit_gaussian_3d(
    start: ArrayLike,
    points: ArrayLike,
    values: ArrayLike,
    fixed: ArrayLike | None = None,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
) -> GaussianFit:
    """Least-squares fit of :func:`gaussian_3d`, with bounds and fixed parameters.

    The angles of a Gaussian with equal curvatures are undefined, and exchanging axes gives the same
    Gaussian with other angles, so compare fits by their values, not by their angles.

    Parameters
    ----------
    start
        Shape (11,).
    points, values
        Shapes (3, ...) and (...).
    fixed
        Shape (11,): true for parameters fixed at their start.
    lower, upper
        Shape (11,): bounds of the free parameters; none unless given.

    Raises
    ------
    InputError
        For shapes that do not match, values that are not finite, a start outside its bounds, or
        nothing to fit.

    Notes
    -----
    MATLAB: 4_Tracing_and_classification/src/fit_gauss3D_PD.m::fit_gauss3D_PD. Same optimum; the
    tolerances here are those of double precision.
    """
    first = np.asarray(start, dtype=np.float64).ravel()
    x, y = np.asarray(points, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if first.shape != (PARAMETERS,):
        raise InputError("start", f"{first.size} numbers", f"{PARAMETERS}")
    if x.shape != (3, *y.shape) or not np.isfinite(y).all():
        found = f"shapes {y.shape} and {x.shape}, finite: {bool(np.isfinite(y).all())}"
        raise InputError("values", found, "one finite value per point")
    held = np.zeros(PARAMETERS, bool) if fixed is None else np.asarray(fixed).ravel() != 0
    low, high = (
        np.full(PARAMETERS, side) if bound is None else np.asarray(bound, dtype=np.float64).ravel()
        for bound, side in ((lower, -np.inf), (upper, np.inf))
    )
    if not held.shape == low.shape == high.shape == (PARAMETERS,):
        raise InputError("bounds", f"{low.size} and {high.size}", f"{PARAMETERS} of each")
    free = ~held
    wrong = np.flatnonzero(free & ~((low <= first) & (first <= high)))
    if wrong.size or not free.any():
        found = f"parameter {wrong[0]} out of bounds" if wrong.size else "every parameter fixed"
        raise InputError("start", found, "a free parameter, each start within its bounds")

    def expand(part: NDArray[np.float64]) -> NDArray[np.float64]:
        full = first.copy()
        full[free] = part
        return full

    def residual(part: NDArray[np.float64]) -> NDArray[np.float64]:
        return (gaussian_3d(expand(part), x) - y).ravel()

    fit = least_squares(
        residual,
        first[free],
        jac="3-point",
        bounds=(low[free], high[free]),
        xtol=1e-14,
        ftol=1e-14,
        gtol=1e-14,
        max_nfev=1000,
    )
    return GaussianFit(expand(fit.x), 2 * float(fit.cost), fit.fun.reshape(y.shape))
