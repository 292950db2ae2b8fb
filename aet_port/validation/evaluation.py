"""A model judged by the truth: found, species, errors, uncertainties, and random packings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_model
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.uncertainty import P_EXISTS, P_SPECIES
from aet_port.validation.calibration import UNKNOWN, Calibration, assess_calibration
from aet_port.validation.frame_search import Frame, find_frame
from aet_port.validation.matching import match_models
from aet_port.validation.precision import Precision, score
from aet_port.validation.random_packings import NullComparison, compare_with_packings
from aet_port.validation.settings import SCORE, ScoreSettings

TOO_WIDE = 0.75  # of the smallest distance of true atoms: one beyond is another atom's place
LEAST_ATOMS = 20  # of the model, below which random packings say nothing
ATOM_COLUMNS = ("atom", "species", "x", "y", "z", "partner", "true_species", "deviation")


@dataclass(frozen=True, repr=False)
class Evaluation(Shown):
    """The comparison of a model with the truth.

    Attributes
    ----------
    precision
        Pairs, recall, precision, species and RMSD.
    calibration
        Agreement of stated uncertainties with the truth.
    frame
        The frame that was found; None if it was not searched.
    null
        Random packings beside the model; None if there were none.
    found, truth
        The atoms that were compared, in the frame of the model.
    found_index, truth_index
        Their numbers in the models given, which may have atoms outside the field.
    warnings
        What the reader must know.
    """

    precision: Precision
    calibration: Calibration
    frame: Frame | None
    null: NullComparison | None
    found: AtomicModel
    truth: AtomicModel
    found_index: NDArray[np.int64]
    truth_index: NDArray[np.int64]
    warnings: tuple[str, ...]

    def _facts(self) -> dict[str, object]:
        return {**self.precision._facts(), "warnings": len(self.warnings)}

    @property
    def has_species(self) -> bool:
        """Whether both models say what their atoms are."""
        return UNKNOWN not in self.precision.species

    def plain(self) -> dict[str, Any]:
        """Results for JSON."""
        facts = self.precision.summary()
        if not self.has_species:
            for key in ("right_species", "species_fraction", "identified", "species", "confusion"):
                facts.pop(key)
        facts |= {"atoms": len(self.found), "true_atoms": len(self.truth)}
        if self.frame is not None:
            facts["frame"] = {
                "axes": list(self.frame.axes),
                "mirrored": self.frame.mirrored,
                "rotation_degrees": self.frame.angle,
                "matrix": self.frame.matrix.tolist(),
                "shift": self.frame.shift.tolist(),
                "ambiguous": self.frame.ambiguous,
            }
        facts["calibration"] = self.calibration.plain()
        facts["random_packings"] = None if self.null is None else self.null.plain()
        return facts | {"warnings": list(self.warnings)}

    def atom_rows(self) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """A row for each atom of the model that was compared: column names and values.

        Atoms are numbered from 0. ``partner`` and ``deviation`` (angstrom) are empty for a spurious
        atom; ``z_x, z_y, z_z`` for all but ordinary pairs with a covariance.
        """
        arrays = self.found.atoms.arrays
        extra = [name for name in (P_EXISTS, P_SPECIES) if name in arrays]
        scores = self.calibration.positions
        columns = (*ATOM_COLUMNS, *extra, *(() if scores is None else ("z_x", "z_y", "z_z")))
        matching, deviations = self.precision.matching, self.precision.deviations
        pairs = {int(k): n for n, k in enumerate(matching.found_index)}
        ordinary = {} if scores is None else {int(k): n for n, k in enumerate(scores.index)}
        rows: list[tuple[Any, ...]] = []
        for k, (symbol, place) in enumerate(
            zip(self.found.species, self.found.positions.tolist(), strict=True)
        ):
            row: list[Any] = [int(self.found_index[k]), symbol, *place]
            if k in pairs:
                partner = int(matching.truth_index[pairs[k]])
                row += [int(self.truth_index[partner]), self.truth.species[partner]]
                row.append(float(deviations[pairs[k]]))
            else:
                row += ["", "", ""]
            row += [float(arrays[name][k]) for name in extra]
            if scores is not None:
                row += scores.z[ordinary[k]].tolist() if k in ordinary else ["", "", ""]
            rows.append(tuple(row))
        return columns, rows


@checked
def evaluate(
    found: AtomicModel | ase.Atoms,
    truth: AtomicModel | ase.Atoms,
    settings: ScoreSettings = SCORE,
) -> Evaluation:
    """Compare a model with the truth, its uncertainties and random packings included.

    Parameters
    ----------
    found
        The model, with the arrays of :mod:`aet_port.core.uncertainty` or without.
    truth
        The true model.
    settings
        See :class:`aet_port.validation.settings.ScoreSettings`. Outside ``field``, true atoms and
        atoms without partner don't count; an atom counts where its partner does.

    Returns
    -------
    Recall, precision, species, RMSD, calibration, random packings, frame and warnings.

    Raises
    ------
    InputError
        If no pair is within the radius, or no true atom is in the field.

    Notes
    -----
    MATLAB: none; the papers compare positions and species of one simulated particle

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle
    >>> from aet_port.validation import ScoreSettings, evaluate
    >>> truth = amorphous_particle(60, "Ta", seed=1)
    >>> mirrored = aet.AtomicModel.from_positions(truth.positions * [1, 1, -1], "Ta")
    >>> found = evaluate(mirrored, truth, ScoreSettings(any_frame=True, packings=0))
    >>> found.precision.recall, found.frame.axes
    (1.0, ('x', 'y', '-z'))
    >>> found.warnings[0][:28]
    'the model is mirrored: its x'
    """
    found, truth = as_model(found, "found"), as_model(truth, "truth")
    warnings: list[str] = []
    frame = None
    if settings.any_frame:
        frame = find_frame(found, truth, settings.radius)
        warnings += _frame_warnings(frame)
    there = truth if frame is None else frame.moved(truth)
    mine, its = np.arange(len(found)), np.arange(len(truth))
    if settings.field is not None:
        mine, its = _in_field(found, truth, there, frame, settings)
        found, there = _part(found, mine), _part(there, its)
    precision = score(found, there, settings.radius)
    null = None
    if settings.packings and len(found) < LEAST_ATOMS:
        warnings.append(
            f"{len(found)} atoms are not compared with random packings: at least {LEAST_ATOMS}"
            " are needed"
        )
    elif settings.packings:
        null = compare_with_packings(
            found.positions,
            there.positions - precision.matching.shift,
            precision.recall,
            settings.radius,
            settings.packings,
            settings.seed,
            settings.any_frame,
        )
        warnings += _null_warnings(null, settings)
    if len(there) > 1:
        closest = float(np.median(cKDTree(there.positions).query(there.positions, k=2)[0][:, 1]))
        if settings.radius > TOO_WIDE * closest:
            warnings.append(
                f"pairs may be {settings.radius:g} angstrom apart, but neighbours are"
                f" {closest:.2f} apart: use a smaller radius"
            )
    calibration = assess_calibration(found, there, precision.matching, settings.bins)
    return Evaluation(precision, calibration, frame, null, found, there, mine, its, tuple(warnings))


def atoms_in_field(truth: AtomicModel, field: tuple[float, float] | None) -> int:
    """Number of true atoms that count."""
    return len(truth) if field is None else int(_inside(truth.positions, field).sum())


def _inside(positions: NDArray, field: tuple[float, float] | None) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = np.all(np.abs(positions[:, :2]) <= np.array(field) / 2, axis=1)
    return inside


def _part(model: AtomicModel, index: NDArray) -> AtomicModel:
    return replace(model, atoms=model.atoms[index])


def _in_field(
    found: AtomicModel,
    truth: AtomicModel,
    there: AtomicModel,
    frame: Frame | None,
    settings: ScoreSettings,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Atoms of both models that count."""
    inside = _inside(truth.positions, settings.field)
    if not inside.any():
        raise InputError("field", f"{settings.field}, without a true atom", "a larger one")
    matching = match_models(found, there, settings.radius)
    places = found.positions + matching.shift
    places = places if frame is None else frame.back(places)
    mine = _inside(places, settings.field)
    mine[matching.found_index] = inside[matching.truth_index]
    if not mine.any():
        raise InputError("field", f"{settings.field}, without an atom of the model", "a larger one")
    return np.flatnonzero(mine), np.flatnonzero(inside)


def _frame_warnings(frame: Frame) -> list[str]:
    x, y, z = frame.axes
    where = f"its x, y, z are {x}, {y}, {z} of the truth"
    told = []
    if frame.mirrored:
        told.append(
            f"the model is mirrored: {where}. Its atoms are compared after a reflection;"
            " check the sign of the tilt angles or the axes of the images"
        )
    elif frame.reordered:
        told.append(f"the axes of the model are others: {where}")
    if frame.ambiguous:
        told.append(
            f"another frame has {frame.runner_up} pairs where this one has {frame.pairs}:"
            " the frame is ambiguous"
        )
    return told


def _null_warnings(null: NullComparison, settings: ScoreSettings) -> list[str]:
    if not null.random:
        return []
    text = (
        f"a random packing would score as well: recall {100 * null.recall:.1f} %, of"
        f" {len(null.packings)} random packings {100 * null.packings.mean():.1f} % on average,"
        f" {null.as_good} of them as good"
    )
    advice = "" if settings.any_frame else "; if axes or origin may differ, search for the frame"
    return [text + advice]
