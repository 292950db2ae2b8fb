"""Heights H and B' of the species: gradient descent, and a scan of B' for one species.

The gradients are the published ones: the residual is not multiplied by the form factor before the
products with the atoms' derivatives, so a descent does not follow the exact gradient of its error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.core.progress import progress_bar
from aet_port.refinement.projections import image_scale, relative_error
from aet_port.refinement.projector import Floats, Projector

SCAN_COARSE = (4.0, 0.2)  # half range and step of the film paper's scan of B', square angstrom
SCAN_FINE = (0.2, 0.01)
RISE = 1.01  # allowed rise of R1; the inexact gradient may raise it from a start at the minimum
Rule = Literal["absolute", "relative", "common", "sum"]
RULES = ("absolute", "relative", "common", "sum")


@dataclass(frozen=True)
class ThermalFit:
    """Heights and ``B'`` of the species, or heights of the atoms.

    ``heights`` are on the scale of the images, ``b_factors`` in square angstrom; ``errors`` holds
    ``R_1`` before every step of a descent, or one value for a fit; ``warnings`` are messages for
    the user.
    """

    heights: Floats
    b_factors: Floats
    errors: Floats
    warnings: tuple[str, ...] = ()


class Setting(NamedTuple):
    """Checked images, positions, the species' index of each atom, and the names of the species."""

    images: NDArray
    positions: Floats
    types: NDArray[np.intp]
    names: tuple[str, ...]


@checked
def descend_thermal(
    projector: Projector,
    images: NDArray,
    positions: ArrayLike,
    types: ArrayLike,
    heights: ArrayLike,
    b_factors: ArrayLike,
    iterations: int,
    step: float = 1.0,
    rule: Rule = "relative",
    names: Sequence[str] | None = None,
    show_progress: bool = False,
) -> ThermalFit:
    """Gradient descent on ``H`` and ``B'`` by species, all atoms of a species together.

    With ``t = step / (f_max^2 n_projections nx^2 n_atoms)``, ``f_max`` the largest form factor and
    ``n_atoms`` the number of atoms of the species, a step is ``H -= t <k P - I, dP/dH>`` and
    ``b -= t (2 half_width + 1)^-6 <k P - I, k dP/db>``, ``b = (pi pixel_size)^2 / B'``.

    Parameters
    ----------
    projector, images, positions, types, names
        As in :func:`~aet_port.refinement.thermal_fit.fit_thermal`.
    heights, b_factors
        Initial values by species.
    iterations, step
        Number of steps and their factor.
    rule
        ``"relative"``: heights relative to the first species, ``k`` by least squares;
        ``"common"``: the same with one ``b`` for all, their mean; ``"absolute"``: ``k = 1``;
        ``"sum"``: one species, of which only ``b`` changes, ``k`` the ratio of the sums.
    show_progress
        Whether to report progress on standard error.

    Returns
    -------
    Heights times the ``k`` of the last step, and a warning if the error rose or the height or width
    of a species fell to zero.

    Raises
    ------
    InputError
        For arguments of other shapes, atoms outside the images, or a step for which the error
        overflows.

    Notes
    -----
    MATLAB: 5_Position_refinement/src/gradient_{B_2type_difB,B_2type,HB,B}.m in the
    order of the rules
    """
    given = setting_of(projector, images, positions, types, names)
    n = len(given.names)
    if rule not in RULES:
        raise InputError("rule", f"{rule!r}", "one of " + ", ".join(RULES))
    if rule == "sum" and n != 1:
        raise InputError("types", f"{n} species with rule='sum'", "one species")
    check_steps(iterations, step)
    h = by_species("heights", heights, n).copy()
    b = projector.decays(by_species("b_factors", b_factors, n))
    if rule != "absolute":
        if not h[0] > 0:
            raise InputError("heights", f"{h.tolist()}", "a number above zero for the first")
        h /= h[0]
    count = np.bincount(given.types, minlength=n)
    rate = step / projector.largest_factor**2 / len(projector) / projector.shape[0] ** 2 / count
    window = 2.0 * projector.half_width + 1
    errors, k = np.zeros(iterations), 1.0
    with progress_bar("H and B'", iterations, show_progress) as report, runaway():
        for turn in range(iterations):
            atoms = given.positions, h[given.types], projector.decays(b)[given.types]
            residual = projector.images(*atoms)
            if rule != "absolute":
                k = image_scale(residual, images, "sum" if rule == "sum" else "least_squares")
                residual *= k
            errors[turn] = relative_error(residual, images)
            check_error(errors[turn], turn, step)
            residual -= images
            slopes = projector.gradients(residual, *atoms)
            by_height = np.bincount(given.types, slopes.heights, n)
            by_decay = k * np.bincount(given.types, slopes.decays, n)
            b = np.maximum(b - rate / window**6 * by_decay, 0)
            if rule != "sum":
                h = np.maximum(h - rate * by_height, 0)
            if rule == "common":
                b[:] = b.mean()
            if rule in ("relative", "common"):
                if not h[0] > 0:
                    raise InputError(
                        "step", f"{step:g}, the height of {given.names[0]} fell to zero", "less"
                    )
                h /= h[0]
            report.advance(note=f"R1 {errors[turn]:.4f}")
    notes = list(rise_of(errors, "H and B'"))
    for quantity, gone in (("height", h == 0), ("b (an infinite B')", b == 0)):
        names_gone = [given.names[i] for i in np.flatnonzero(gone)]
        if names_gone:
            notes.append(f"the {quantity} of {', '.join(names_gone)} fell to zero")
    return ThermalFit(k * h, projector.decays(b), errors, tuple(notes))


@checked
def descend_heights(
    projector: Projector,
    images: NDArray,
    positions: ArrayLike,
    heights: ArrayLike,
    b_factors: ArrayLike,
    iterations: int,
    step: float = 1.0,
    show_progress: bool = False,
) -> ThermalFit:
    """Gradient descent on the height of every atom.

    A step is ``H -= step / (n_projections nx^2) <P - I, dP/dH>``.

    Parameters
    ----------
    projector, images, positions, show_progress
        As in :func:`descend_thermal`.
    heights, b_factors
        Initial values, one number for each atom; ``B'`` is fixed.
    iterations, step
        Number of steps and their factor.

    Returns
    -------
    Heights of the atoms; a warning names atoms whose height fell to zero.

    Raises
    ------
    InputError
        As in :func:`descend_thermal`.

    Notes
    -----
    MATLAB: 5_Position_refinement/src/gradient_H_all.m, gradient_HB_all.m (the same: its step of
    ``B'`` is commented out), there in single precision
    """
    check_steps(iterations, step)
    projector.check_images(images)
    h = np.array(np.broadcast_to(heights, np.shape(positions)[:1]), dtype=np.float64)
    b = np.array(np.broadcast_to(b_factors, h.shape), dtype=np.float64)
    rate = step / (projector.shape[0] ** 2 * len(projector))
    errors = np.zeros(iterations)
    with progress_bar("heights", iterations, show_progress) as report, runaway():
        for turn in range(iterations):
            residual = projector.images(positions, h, b)
            errors[turn] = relative_error(residual, images)
            check_error(errors[turn], turn, step)
            residual -= images
            h = np.maximum(h - rate * projector.gradients(residual, positions, h, b).heights, 0)
            report.advance(note=f"R1 {errors[turn]:.4f}")
    notes = list(rise_of(errors, "heights"))
    gone = np.flatnonzero(h == 0)
    if gone.size:
        notes.append(f"{gone.size} atoms lost their height (0-based {gone[:5].tolist()})")
    return ThermalFit(h, b, errors, tuple(notes))


class BScan(NamedTuple):
    """Best ``b_factor``, its ``height`` and ``R_1``, and the ``R_1`` of both scans by ``B'``."""

    height: float
    b_factor: float
    error: float
    coarse: Floats
    fine: Floats


@checked
def scan_b(
    projector: Projector,
    images: NDArray,
    positions: ArrayLike,
    start: float,
    coarse: tuple[float, float] = SCAN_COARSE,
    fine: tuple[float, float] = SCAN_FINE,
    show_progress: bool = False,
) -> BScan:
    """Find the ``B'`` of one species with the smallest ``R_1`` by a coarse and a fine scan.

    Parameters
    ----------
    projector, images, positions
        As in :func:`~aet_port.refinement.thermal_fit.fit_thermal`.
    start
        Middle of the coarse scan, square angstrom.
    coarse, fine
        Half range and step, square angstrom; values of zero or less are left out.
    show_progress
        Whether to report progress on standard error.

    Returns
    -------
    The optimum, and (n, 2) tables of ``B'`` and ``R_1``; projections are scaled to the sum of the
    images.

    Raises
    ------
    InputError
        For a start or a step not above zero, or atoms outside the images.

    Notes
    -----
    MATLAB: Main_position_refinement_{Ta_film,Pd1_nanoparticle,Pd2_nanoparticle}.m (their scan, with
    Cal_Bproj.m)
    """
    if not (np.isfinite(start) and start > 0):
        raise InputError("start", f"{start!r}", "a B' above zero, in square angstrom")
    projector.check_images(images)
    best, height, tables = start, 1.0, []
    lengths = [1 + 2 * round(reach / spacing) for reach, spacing in (coarse, fine)]
    with progress_bar("scan of B'", sum(lengths), show_progress) as report:
        for (_, spacing), length in zip((coarse, fine), lengths, strict=True):
            values = best + spacing * (np.arange(length) - length // 2)
            values = values[values > 0]
            rows = []
            for value in values:
                projections = projector.images(positions, 1.0, value)
                factor = image_scale(projections, images, "sum")
                projections *= factor
                rows.append((value, relative_error(projections, images), factor))
                report.advance()
            table = np.array(rows)
            best, _, height = table[np.argmin(table[:, 1])]
            tables.append(table[:, :2])
    return BScan(float(height), float(best), float(tables[1][:, 1].min()), *tables)


def check_steps(iterations: int, step: float) -> None:
    """Raise an InputError unless number and factor of the steps are above zero."""
    if iterations < 1:
        raise InputError("iterations", f"{iterations!r}", "1 or more")
    if not (np.isfinite(step) and step > 0):
        raise InputError("step", f"{step!r}", "a number above zero")


def runaway() -> np.errstate:
    """Context in which a step may overflow; the next step then raises an InputError."""
    return np.errstate(over="ignore", invalid="ignore")


def check_error(error: float, turn: int, step: float) -> None:
    """Raise an InputError if the error of a descent is not finite."""
    if not np.isfinite(error):
        raise InputError("step", f"{step:g}, with which step {turn} gives no finite error", "less")


def rise_of(errors: Floats, what: str) -> tuple[str, ...]:
    """A warning if the error of a descent rose by more than one per cent."""
    if errors[-1] <= RISE * errors[0]:
        return ()
    return (f"the descent on {what} diverges: R1 rose from {errors[0]:.4f} to {errors[-1]:.4f}",)


def by_species(name: str, values: ArrayLike, n: int) -> Floats:
    """Array with a finite number for each of ``n`` species; otherwise an InputError."""
    table = np.asarray(values, dtype=np.float64)
    if table.shape != (n,) or not np.isfinite(table).all():
        raise InputError(name, f"{table.tolist()}", f"a number for each of {n} species")
    return table


def setting_of(
    projector: Projector,
    images: NDArray,
    positions: ArrayLike,
    types: ArrayLike,
    names: Sequence[str] | None,
) -> Setting:
    """Check the arguments that the fits have in common; InputError if they do not match."""
    table, index = np.asarray(positions, dtype=np.float64), np.asarray(types, dtype=np.intp)
    projector.check_images(images)
    if len(table) == 0 or index.shape != (len(table),):
        found = f"shape {index.shape} for {len(table)} atoms"
        raise InputError("types", found, "the index of its species for each atom")
    n = int(index.max()) + 1 if names is None else len(names)
    if index.min() < 0 or index.max() >= n:
        found = f"indices {index.min()} to {index.max()}"
        raise InputError("types", found, f"0-based indices of {n} species")
    called = tuple(names) if names is not None else tuple(f"species {k}" for k in range(n))
    empty = [name for k, name in enumerate(called) if k not in index]
    if empty:
        raise InputError("types", f"no atoms of {', '.join(empty)}", "at least one of each species")
    return Setting(images, table, index, called)
