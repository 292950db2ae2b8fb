"""The section of a report that says how sure the atoms are."""

from __future__ import annotations

from functools import partial

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.uncertainty import (
    P_EXISTS,
    P_SPECIES,
    SIGMAS,
    doubtful_order,
    position_errors,
)
from aet_port.figures.uncertainties import PM, error_bars, errors_by_distance
from aet_port.reporting.charts import chart
from aet_port.reporting.content import Fact
from aet_port.reporting.parts import Facts, Grid, Note, Part, Section, charts_with

MOST = 20  # rows of the table of doubtful atoms
ABSENT = 0.5  # existence probability below which an atom is rather not there
UNSURE = 0.9  # probability of the species below which it is called unsure


def certainty_sections(atoms: ase.Atoms | None) -> list[Section]:
    """Section "How sure the atoms are"; none for a model without error bars or probabilities.

    MATLAB: none
    """
    if atoms is None or not len(atoms):
        return []
    order = doubtful_order(atoms)
    if not len(order):
        return []
    parts: list[Part] = [Facts([*_facts(atoms), *_warnings(atoms)])]
    errors = position_errors(atoms)
    if errors is not None and np.isfinite(errors).any():
        drawings = {"error_bars": error_bars, "error_bars_by_distance": errors_by_distance}
        charts = {name: chart(name, partial(draw, atoms=atoms)) for name, draw in drawings.items()}
        captions = {
            "error_bars": "Standard errors of the positions in space, by species",
            "error_bars_by_distance": "Standard error of each position against its distance from "
            "the centre",
        }
        parts += charts_with(charts, captions)
    parts.append(_table(atoms, order[:MOST]))
    parts.append(Note(_about(atoms)))
    return [Section("uncertainty", "How sure the atoms are", parts)]


def _values(atoms: ase.Atoms, name: str) -> NDArray[np.float64]:
    """The known values of an array; empty if there are none."""
    found = np.asarray(atoms.arrays.get(name, ()), dtype=np.float64)
    return found[~np.isnan(found)]


def _facts(atoms: ase.Atoms) -> list[Fact]:
    rows: list[Fact] = []
    errors = position_errors(atoms)
    if errors is not None and np.isfinite(errors).any():
        symbols = np.array(atoms.get_chemical_symbols())
        known = np.isfinite(errors)
        medians = {
            symbol: float(PM * np.median(errors[known & (symbols == symbol)]))
            for symbol in sorted(set(symbols[known].tolist()))
        }
        rows += [
            ("expected error of a position (pm)", float(PM * np.sqrt(np.mean(errors[known] ** 2)))),
            ("median standard error of a position (pm)", medians),
        ]
    if len(_values(atoms, P_EXISTS)):
        rows.append(("estimated false-discovery fraction", _share(atoms, P_EXISTS, "p_exists")))
    if len(_values(atoms, P_SPECIES)):
        rows.append(("estimated fraction of wrong species", _share(atoms, P_SPECIES, "p_species")))
    return rows


def _share(atoms: ase.Atoms, name: str, shown: str) -> str:
    """Mean of 1 - p and its standard deviation, that of independent trials, in words."""
    probability = _values(atoms, name)
    number = len(probability)
    wrong = float(np.sum(1 - probability))
    spread = float(np.sqrt(np.sum(probability * (1 - probability))))
    return (
        f"{100 * wrong / number:.2g} % ({wrong:.1f} ± {spread:.1f} of {number:,} atoms; "
        f"mean of 1 - {shown})"
    )


def _warnings(atoms: ase.Atoms) -> list[Fact]:
    """What a reader should know before relying on single atoms."""
    texts = []
    there = _values(atoms, P_EXISTS)
    if (there < ABSENT).any():
        many = int((there < ABSENT).sum())
        texts.append(f"{_atoms(many)} more likely not there than there (p_exists below {ABSENT:g})")
    kinds = _values(atoms, P_SPECIES)
    if (kinds < UNSURE).any():
        many = int((kinds < UNSURE).sum())
        texts.append(f"{_atoms(many)} of unsure species (p_species below {UNSURE:g})")
    errors = position_errors(atoms)
    if errors is not None:
        many = int((~np.isfinite(errors)).sum())
        if many:
            texts.append(f"{_atoms(many)} without an error bar")
    if not len(there):
        texts.append("the probability that each atom exists is unknown")
    return [("warning", text) for text in texts]


def _atoms(number: int) -> str:
    return "1 atom" if number == 1 else f"{number:,} atoms"


def _table(atoms: ase.Atoms, rows: NDArray[np.int64]) -> Grid:
    symbols = atoms.get_chemical_symbols()
    columns = ["atom", "species", "x (Å)", "y (Å)", "z (Å)"]
    names = {P_EXISTS: "p_exists", P_SPECIES: "p_species"}
    names |= {name: f"{name} (pm)" for name in SIGMAS}
    shown = [name for name in names if len(_values(atoms, name))]
    columns += [names[name] for name in shown]
    scales = {name: PM if name in SIGMAS else 1 for name in shown}
    cells = [
        (
            int(k),
            symbols[k],
            *(round(float(value), 3) for value in atoms.positions[k]),
            *(float(scales[name] * atoms.arrays[name][k]) for name in shown),
        )
        for k in rows
    ]
    return Grid(columns, cells, f"The {_atoms(len(rows))} that are least sure")


def _about(atoms: ase.Atoms) -> str:
    first = [
        words
        for name, words in ((P_EXISTS, "lowest p_exists"), (P_SPECIES, "lowest p_species"))
        if len(_values(atoms, name))
    ]
    order = ", then ".join([*first, "largest error of the position"])
    return (
        f"Atoms are numbered from 0 and sorted by {order}. The standard error of a position in "
        "space is the root of the summed squares of sigma_x, sigma_y and sigma_z."
    )
