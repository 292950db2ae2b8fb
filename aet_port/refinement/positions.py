"""Positions by the published gradient descents, with limits on the displacement of atoms.

As in :mod:`aet_port.refinement.thermal`, the residual is not multiplied by the form factor before
the products with the derivatives of the atoms, so this is not the exact gradient of the error, and
the published step is short. :mod:`aet_port.refinement.joint` is the better method.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.core.progress import progress_bar
from aet_port.refinement.projections import relative_error
from aet_port.refinement.projector import Floats, Projector
from aet_port.refinement.thermal import check_error, check_steps, rise_of, runaway

LIMIT = 1.0  # angstrom from the start, both papers
LARGEST_STEP = 0.5  # pixels along each axis, film paper
Rule = Literal["glass", "film"]
RULES = ("glass", "film")


@dataclass(frozen=True)
class PositionFit:
    """Positions (n_atoms, 3) in angstrom after a descent.

    ``errors`` holds ``R_1`` before every step; ``path`` (n_steps, n_atoms, 3) the positions after
    each step if requested; ``at_limit`` the 0-based indices of atoms that ended at the displacement
    limit; ``warnings`` are messages for the user.
    """

    positions: Floats
    errors: Floats
    at_limit: NDArray[np.intp]
    warnings: tuple[str, ...] = ()
    path: Floats | None = None


@dataclass(frozen=True, kw_only=True)
class AtomFit(PositionFit):
    """:class:`PositionFit` with the heights and ``B'`` (square angstrom) of the atoms."""

    heights: Floats
    b_factors: Floats


@checked
def descend_positions(
    projector: Projector,
    images: NDArray,
    positions: ArrayLike,
    heights: ArrayLike,
    b_factors: ArrayLike,
    iterations: int,
    step: ArrayLike = 1.0,
    rule: Rule = "glass",
    limit: float = LIMIT,
    origin: ArrayLike | None = None,
    keep_path: bool = False,
    show_progress: bool = False,
) -> PositionFit:
    """Gradient descent on positions with fixed heights and ``B'``.

    With ``g = <P - I, dP/dr> / 2`` in pixels, a step is ``r -= dt g``. For ``"glass"``
    ``dt = step / (mean(H)^2 mean(b)^2 half_width^2 n_projections nx ny)``; for ``"film"``
    ``dt = step / (4 S (nx + ny) H^2 b^2)`` for each atom, ``S`` the sum of squared distances in its
    cube of pixels, and no coordinate moves by more than half a pixel per step. Then atoms farther
    than ``limit`` from their start are put back onto that sphere.

    Parameters
    ----------
    projector, images
        Projector and images (n_projections, nx, ny) of the series.
    positions
        Shape (n_atoms, 3), angstrom.
    heights, b_factors
        Heights on the scale of the images and ``B'`` in square angstrom, one number for all atoms
        or one for each.
    iterations
        Number of steps.
    step
        Factor of all steps, or one for each step; the last one is repeated.
    rule
        Step rule of the ``"glass"`` or the ``"film"`` paper.
    limit
        Largest displacement, angstrom.
    origin
        Positions from which the limit is measured; the start unless given.
    keep_path
        Whether to keep the positions after every step.
    show_progress
        Whether to report progress on standard error.

    Raises
    ------
    InputError
        For arguments of other shapes or not above zero, atoms outside the images, or a step for
        which the error overflows.

    Notes
    -----
    MATLAB: 5_Position_refinement/src/gradient_fixHB_XYZ.m (glass), gradient_XYZ_man.m (film); the
    latter takes species of equal height for one species and ignores the limit unless told to save
    """
    projector.check_images(images)
    start = np.array(positions, dtype=np.float64)
    n = len(start)
    home = _home(start, origin, limit)
    h, b = _strengths(projector, heights, b_factors, n)
    nx, ny = projector.shape
    steps = np.asarray(step, dtype=np.float64).reshape(-1)
    if rule not in RULES:
        raise InputError("rule", f"{rule!r}", "one of " + ", ".join(RULES))
    for value in steps if len(steps) else [np.nan]:
        check_steps(iterations, value)
    if rule == "glass":
        rate = np.full(n, 1 / (h.mean() * b.mean() * projector.half_width) ** 2)
        rate /= len(projector) * nx * ny
    else:
        axis = np.arange(-projector.half_width, projector.half_width + 1.0) ** 2
        squares = 3 * len(axis) ** 2 * axis.sum()
        rate = 1 / (4 * squares * (nx + ny) * h**2 * b**2)
    current, b_factors = start, projector.decays(b)
    errors = np.zeros(iterations)
    path = np.zeros((iterations, n, 3)) if keep_path else None
    far = np.zeros(n, dtype=bool)
    with progress_bar("positions", iterations, show_progress) as report, runaway():
        for turn in range(iterations):
            factor = steps[min(turn, len(steps) - 1)]
            residual = projector.images(current, h, b_factors)
            errors[turn] = relative_error(residual, images)
            check_error(errors[turn], turn, factor)
            residual -= images
            slopes = projector.gradients(residual, current, h, b_factors).positions
            move = (0.5 * factor * rate)[:, None] * slopes
            if rule == "film":
                move = np.clip(move, -LARGEST_STEP, LARGEST_STEP)
            current, far = _limited(current - move * projector.pixel_size, home, limit)
            if path is not None:
                path[turn] = current
            report.advance(note=f"R1 {errors[turn]:.4f}")
    return PositionFit(current, errors, np.flatnonzero(far), _notes(errors, far, limit), path)


@checked
def descend_atoms(
    projector: Projector,
    images: NDArray,
    positions: ArrayLike,
    heights: ArrayLike,
    b_factors: ArrayLike,
    iterations: int,
    step: float = 1.0,
    limit: float = LIMIT,
    origin: ArrayLike | None = None,
    reference_quirks: bool = False,
    show_progress: bool = False,
) -> AtomFit:
    """Gradient descent on the position, the height and the ``B'`` of every atom.

    With the means over all atoms before the step, ``w = half_width`` and
    ``c = n_projections nx ny``: ``r -= g / (mean(H)^2 mean(b)^2 w^2 c)``,
    ``b -= step / (w^4 mean(H)^2 c) <P - I, dP/db>``, ``H -= step / (mean(H) c) <P - I, H dP/dH>``;
    ``g`` and the limit as in :func:`descend_positions`.

    Parameters
    ----------
    projector, images, positions, heights, b_factors, iterations, limit, origin, show_progress
        As in :func:`descend_positions`.
    step
        Factor of the steps of ``H`` and ``b``; positions have none.
    reference_quirks
        If True, update the means after each atom, so that the result depends on the atom order.

    Raises
    ------
    InputError
        As in :func:`descend_positions`.

    Notes
    -----
    MATLAB: 5_Position_refinement/src/gradient_HB_XYZ.m, there in single precision, with species
    only if there are three
    """
    check_steps(iterations, step)
    projector.check_images(images)
    current = np.array(positions, dtype=np.float64)
    home = _home(current, origin, limit)
    h, b = _strengths(projector, heights, b_factors, len(current))
    w = projector.half_width
    count = len(projector) * projector.shape[0] * projector.shape[1]
    errors, far = np.zeros(iterations), np.zeros(len(current), dtype=bool)
    with progress_bar("positions, H and B'", iterations, show_progress) as report, runaway():
        for turn in range(iterations):
            atoms = current, h, projector.decays(b)
            residual = projector.images(*atoms)
            errors[turn] = relative_error(residual, images)
            check_error(errors[turn], turn, step)
            residual -= images
            slopes = projector.gradients(residual, *atoms)
            by_height, by_decay = h * slopes.heights / count, slopes.decays / count
            if reference_quirks:
                mean_h, mean_b = _running_means(h, b, by_height, by_decay, step, w)
            else:
                mean_h, mean_b = np.full(len(h), h.mean()), np.full(len(h), b.mean())
            # Updated here in the same way as in the running means.
            b = np.maximum(b - step / w**4 / mean_h**2 * by_decay, 0)
            h = np.maximum(h - step / mean_h * by_height, 0)
            move = 0.5 / (mean_h * mean_b * w)[:, None] ** 2 / count * slopes.positions
            if not (h.any() and b.any()):
                raise InputError("step", f"{step:g}, all heights or widths fell to zero", "less")
            current, far = _limited(current - move * projector.pixel_size, home, limit)
            report.advance(note=f"R1 {errors[turn]:.4f}")
    notes = list(_notes(errors, far, limit))
    for quantity, gone in (("height", h == 0), ("b (an infinite B')", b == 0)):
        if gone.any():
            atoms_gone = np.flatnonzero(gone)[:5].tolist()
            notes.append(f"the {quantity} of {gone.sum()} atoms (0-based {atoms_gone}) is zero")
    return AtomFit(
        current,
        errors,
        np.flatnonzero(far),
        tuple(notes),
        heights=h,
        b_factors=projector.decays(b),
    )


def _strengths(
    projector: Projector, heights: ArrayLike, b_factors: ArrayLike, n: int
) -> tuple[Floats, Floats]:
    """Heights and ``b`` of the atoms, checked because the steps divide by both."""
    h, b = (np.asarray(v, dtype=np.float64) for v in (heights, projector.decays(b_factors)))
    for name, table in (("heights", h), ("b_factors", b)):
        if table.shape not in ((), (n,)):
            raise InputError(name, f"shape {table.shape}", f"one number, or one for each of {n}")
        bad = np.flatnonzero(~((table > 0) & np.isfinite(table)))
        if bad.size:
            raise InputError(name, f"zero or not usable for atoms {bad[:5].tolist()}", "above zero")
    return np.broadcast_to(h, (n,)).copy(), np.broadcast_to(b, (n,)).copy()


def _home(start: Floats, origin: ArrayLike | None, limit: float) -> Floats:
    if not limit > 0:
        raise InputError("limit", f"{limit!r}", "a length above zero, in angstrom")
    home = start.copy() if origin is None else np.array(origin, dtype=np.float64)
    if home.shape != start.shape:
        raise InputError("origin", f"shape {home.shape}", f"shape {start.shape}")
    return home


def _limited(positions: Floats, home: Floats, limit: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Positions within ``limit`` of ``home``, and which atoms had to be put back."""
    away = positions - home
    distance = np.sqrt(np.sum(away**2, axis=1))
    far = distance > limit
    positions[far] = home[far] + limit * away[far] / distance[far, None]
    return positions, far


def _notes(errors: Floats, far: NDArray[np.bool_], limit: float) -> tuple[str, ...]:
    notes = rise_of(errors, "positions")
    if far.any():
        atoms = np.flatnonzero(far)
        notes += (
            f"{len(atoms)} atoms (0-based {atoms[:5].tolist()}) are at the limit of {limit:g} "
            "angstrom from their initial positions",
        )
    return notes


@njit(cache=True)
def _running_means(heights, decays, by_height, by_decay, step, w):  # type: ignore[no-untyped-def]
    """Means of ``H`` and ``b`` for each atom when atoms are updated one after the other."""
    n = heights.shape[0]
    mean_h, mean_b = np.empty(n), np.empty(n)
    sum_h, sum_b = heights.sum(), decays.sum()
    for k in range(n):
        mean_h[k], mean_b[k] = sum_h / n, sum_b / n
        sum_b -= step / w**4 / mean_h[k] ** 2 * by_decay[k]
        sum_h -= step / mean_h[k] * by_height[k]
    return mean_h, mean_b
