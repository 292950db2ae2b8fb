"""What is known of each atom, and how doubtful that makes it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.uncertainty import existence, position_errors
from aet_port.tracing.difference_parts import Leftovers

DOUBTFUL = 0.2  # doubt from which on an atom or a place ought to be looked at
NORMAL = 1.4826  # standard deviation of normal deviates by their median absolute deviation
# Where a doubt begins and where it is complete: heights below the species' median, in spreads
# and as a fraction; nearest neighbours, as a fraction of the usual distance; errors, in units of
# the usual one; angstrom moved since tracing.
LOW, LOWEST = 3.5, 10.0
PALE, PALEST = 0.75, 0.35
NEAR, NEAREST = 0.82, 0.55
VAGUE, VAGUEST = 3.0, 12.0
MOVED, MOVED_FAR = 0.6, 1.5
LEAST_SCORE = 0.35  # of the lightest species' height, from which on a maximum is a candidate


@dataclass(frozen=True)
class AtomTable:
    """Figures of each atom, NaN where not known, and of places that may lack an atom.

    Attributes
    ----------
    positions
        Shape (n, 3), angstrom.
    exists, error, height, nearest, moved
        Shape (n,): probability; standard error of the position (angstrom); height, in the unit
        named ``height_unit``; distances to the nearest neighbour, and from where the atom was
        traced (angstrom).
    doubt
        Shape (n,), 0 to 1: see :func:`doubts`.
    height_unit
        Of ``height``.
    places, scores
        Shapes (m, 3), (m,): candidates, angstrom, and their height relative to an atom's.
    """

    positions: NDArray[np.float64]
    exists: NDArray[np.float64]
    error: NDArray[np.float64]
    height: NDArray[np.float64]
    nearest: NDArray[np.float64]
    moved: NDArray[np.float64]
    doubt: NDArray[np.float64]
    height_unit: str
    places: NDArray[np.float64]
    scores: NDArray[np.float64]


def table_of(
    model: AtomicModel, traced: NDArray[np.float64] | None, grey: NDArray[np.float64] | None
) -> AtomTable:
    """Figures of the atoms of a model.

    Parameters
    ----------
    model
        The model, with whatever arrays it has.
    traced
        Shape (n, 3): where the atoms were traced; NaN for none.
    grey
        Shape (n,): the volume at the atoms, which stands for heights that the model lacks.
    """
    n = len(model)
    unknown = np.full(n, np.nan)
    arrays, error = model.atoms.arrays, position_errors(model.atoms)
    exists = existence(model.atoms)
    height = arrays.get("height")
    unit = "units of the images, Å²" if height is not None else "volume at the atom"
    if height is None or np.shape(height) != (n,):
        height = unknown if grey is None else grey
    nearest = cKDTree(model.positions).query(model.positions, 2)[0][:, 1] if n > 1 else unknown
    moved = unknown
    if traced is not None:
        moved = np.linalg.norm(model.positions - traced, axis=1)
    given = AtomTable(
        model.positions.copy(), unknown if exists is None else exists,
        unknown if error is None else error, np.asarray(height, np.float64), nearest, moved,
        np.zeros(n), unit, np.empty((0, 3)), np.empty(0),
    )  # fmt: skip
    return replace(given, doubt=doubts(given, np.array(model.species), None))


def with_leftovers(table: AtomTable, species: list[str], found: Leftovers) -> AtomTable:
    """The table with candidates, and doubts that know what the volume shows of each atom."""
    return replace(
        table,
        doubt=doubts(table, np.array(species), found.heights),
        places=found.places,
        scores=found.scores,
    )


def doubts(
    table: AtomTable, species: NDArray, fitted: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """How doubtful each atom is: ``1 - prod (1 - d)`` over its single doubts.

    Parameters
    ----------
    table
        The figures.
    species
        Shape (n,): chemical symbols.
    fitted
        Shape (n,): heights fitted to the volume relative to the species', if known.

    Returns
    -------
    Shape (n,): 0 to 1. Single doubts are one less the probability that the atom exists, and ramps
    from 0 to 1 over a height too low for its species, a neighbour too near, an error larger than
    usual (counts half), and a way since tracing.
    """
    sure = np.ones(len(species))
    with np.errstate(invalid="ignore", divide="ignore"):
        _less(sure, 1 - table.exists)
        for symbol in np.unique(species):
            own = species == symbol
            _lower(sure, own, table.height)
            if fitted is not None:
                _lower(sure, own, fitted)
        usual = np.nanmedian(table.nearest) if np.isfinite(table.nearest).any() else np.nan
        _less(sure, _ramp(table.nearest / usual, NEAR, NEAREST))
        if np.isfinite(table.error).any():
            _less(sure, 0.5 * _ramp(table.error / np.nanmedian(table.error), VAGUE, VAGUEST))
        _less(sure, _ramp(table.moved, MOVED, MOVED_FAR))
    return 1 - sure


def _lower(sure: NDArray, own: NDArray[np.bool_], heights: NDArray[np.float64]) -> None:
    """Doubt heights below those of their species: by the spread and as a fraction of the median."""
    known = heights[own]
    if np.isfinite(known).sum() < 5:
        return
    middle = float(np.nanmedian(known))
    spread = NORMAL * float(np.nanmedian(np.abs(known - middle)))
    low = np.zeros(len(heights))
    if spread > 0 and middle > 0:
        by_spread = _ramp((middle - known) / spread, LOW, LOWEST)
        low[own] = np.fmin(by_spread, _ramp(known / middle, 1.0, PALE))
        low[own] = np.fmax(low[own], _ramp(known / middle, PALE, PALEST))
    _less(sure, low)


def _ramp(values: NDArray, begin: float, end: float) -> NDArray[np.float64]:
    return np.asarray(np.clip((values - begin) / (end - begin), 0, 1))


def _less(sure: NDArray, doubt: NDArray) -> None:
    sure *= 1 - np.nan_to_num(np.clip(doubt, 0, 1))
