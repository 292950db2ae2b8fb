"""Warnings about a refinement: atoms outside the images, values at bounds, a poor fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.core.plausibility import result_warnings, series_warnings
from aet_port.core.scan_distortion import LARGEST
from aet_port.refinement.forward import Forward
from aet_port.refinement.parameters import Misfit, Parameters
from aet_port.refinement.quasi_newton import Vector
from aet_port.refinement.variables import Variables


def check_seen(forward: Forward, model: AtomicModel, moving: NDArray[np.bool_]) -> list[str]:
    """Raise an error for atoms outside all images; warn about those that few images show."""
    begin = Parameters.start(
        model.positions, np.ones(len(forward.kinds)), np.ones(len(forward.kinds)), len(forward)
    )
    seen = forward.seen(begin)
    lost = np.flatnonzero(moving & (seen == 0))
    if lost.size:
        raise InputError(
            f"{model.name}: positions",
            f"{lost.size} atoms outside all images, the first {_atom(model, lost[0])}",
            "atoms inside the images, origin on the rotation centre; or leave these out",
        )
    few = np.flatnonzero(moving & (2 * seen < len(forward)))
    if not few.size:
        return []
    return [
        f"{few.size} atoms lie on fewer than half of the images, the first {_atom(model, few[0])}"
    ]


def _atom(model: AtomicModel, index: int) -> str:
    place = ", ".join(f"{x:.2f}" for x in model.positions[index])
    return f"{model.species[index]} atom {index} at ({place})"


def atoms_at_bound(variables: Variables, x: Vector) -> NDArray[np.bool_]:
    """The atoms at the largest displacement, shape (n_atoms,); none without such a limit.

    The limit itself is out of reach, see :class:`aet_port.refinement.variables.Variables`: at 95 %
    of it, an atom's free variable is three times the limit.
    """
    far = np.zeros(len(variables.movable), dtype=bool)
    if variables.restraint is not None:
        distance = np.linalg.norm(variables.moved(x), axis=1) / variables.restraint
        far[variables.movable] = distance > 0.95
    return far


def at_bounds(variables: Variables, x: Vector, model: AtomicModel, kinds: list[str]) -> list[str]:
    """Warnings for heights, B' and shears at a bound and atoms at the largest displacement."""
    far_skewed = [value for value in x[variables.shears] if not abs(value) < LARGEST]
    notes = [f"the scan shear ended at its bound of {value:g}" for value in far_skewed]
    for name, part, unit in (("H", variables.heights, ""), ("B'", variables.b_factors, " A^2")):
        for kind, value, low, high in zip(
            kinds, x[part], variables.lower[part], variables.upper[part], strict=True
        ):
            if not low < value < high:
                notes.append(f"{name} of {kind} ended at its bound of {value:.4g}{unit}")
    far = np.flatnonzero(atoms_at_bound(variables, x))
    if far.size:
        notes.append(
            f"{far.size} atoms ended at the largest displacement of {variables.restraint:g} "
            f"angstrom, the first {_atom(model, far[0])}: possibly spurious, or displaced by more"
        )
    return notes


def poor_fit(misfit: Misfit, series: TiltSeries) -> list[str]:
    """Warnings if model and images, or single images, hardly agree."""
    causes = "check angles, origin, pixel size and missing atoms"
    return [
        *series_warnings(series.images, series.angles, positivity=False),
        *result_warnings(misfit.r1, series.images, result="the model", causes=causes),
    ]
