"""LAMMPS data files, read by ASE with additional checks."""

from __future__ import annotations

import io
import re
from pathlib import Path

import ase
import numpy as np
from ase.data import atomic_masses
from ase.io.lammpsdata import read_lammps_data
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError, InputError
from aet_port.io.arrays import reading
from aet_port.io.models.element_symbols import (
    ISOTOPES,
    element,
    real_number,
    usual_exponents,
)
from aet_port.io.models.lammps_units import TIME_UNITS, stated_units, without_units
from aet_port.io.models.model_types import MODEL_FILE
from aet_port.io.models.species_choice import PER_TYPE, UNKNOWN, SpeciesChoice
from aet_port.io.text_files import quoted, whole_text

LAMMPS_SUFFIXES = (".lammps", ".data", ".lmp")
MARGIN = 10.0  # angstrom between a free particle and the box of its LAMMPS file
BOUNDARY = re.compile(r"aet-port, units metal, boundary ([pf]) ([pf]) ([pf])")
_HEADING = re.compile(r"[A-Za-z]")
_ANNOUNCED = re.compile(r"\s*(\d+)\s+atoms\b")
_TYPES = re.compile(r"\s*(\d{1,6})\s+atom\s+types\b")
_SAME_ISOTOPE = 0.01  # atomic mass units; deuterium is 2.014
_SAME_MASS = 0.6  # atomic mass units; isotopes and rounded masses stay well below


def lammps_box(
    model: AtomicModel,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper corner of the box of a LAMMPS file, and its tilts xy, xz, yz; angstrom.

    A free particle gets a box around it.

    Raises
    ------
    InputError
        For a cell that LAMMPS doesn't accept.
    """
    atoms = model.atoms
    if not atoms.pbc.any():
        low, high = atoms.positions.min(axis=0) - MARGIN, atoms.positions.max(axis=0) + MARGIN
        return low, high, np.zeros(3)
    cell = atoms.cell.array
    if np.any(np.triu(cell, 1)) or not np.all(np.diag(cell) > 0):
        expected = "a cell with the first vector along x and the second in the xy plane"
        raise InputError(f"{model.name}: cell", f"{cell.tolist()}", expected)
    low = np.asarray(atoms.get_celldisp(), dtype=np.float64).reshape(3)
    return low, low + np.diag(cell), cell[[1, 2, 2], [0, 0, 1]]


def read_data_file(file: Path, choice: SpeciesChoice) -> AtomicModel:
    """Read the atoms of a LAMMPS data file in units metal or real, in the order of their ids.

    The element of an atom type is that of its label, or that of its mass; where elements have
    nearly the same mass, the comment behind it decides. Symbols given by the caller count more.

    Parameters
    ----------
    file
        The file.
    choice
        A symbol per atom type, or a single one; needed without masses and type labels.

    Raises
    ------
    DataFileError
        If it is missing, truncated, not text, states other units in its first line, has an atom id
        twice, more or fewer atoms than stated, or types of unknown element.
    InputError
        For unknown species.
    """
    expected = MODEL_FILE
    if choice.given is not None:
        expected = f"LAMMPS data with {len(choice.given)} atom types, a symbol for each: --species"
    text = whole_text(file, expected)
    units = stated_units(text.partition("\n")[0])
    if units is not None and units not in TIME_UNITS:
        words = "these words in its first line"
        wanted = f"units metal or real{without_units(units, words)}"
        raise DataFileError(file, f"units {units}", wanted)
    with reading(file, expected):
        sections = _sections(text)
        _check_counts(file, sections, expected)
        elements = _elements(file, sections, choice)
        try:
            # Image flags only move atoms by whole periods, which would lose the last digits.
            atoms: ase.Atoms = read_lammps_data(
                io.StringIO(_plain_numbers(text)),
                Z_of_type={kind: number for kind, (number, _) in elements.items()},
                read_image_flags=False,
                units=units or "metal",
            )
        except KeyError as error:
            found = f"unreadable contents (nothing known of atom type or id {error.args[0]})"
            raise DataFileError(file, found, expected) from error
        ids, times = np.unique(atoms.arrays["id"], return_counts=True)
    wrong = np.flatnonzero((times > 1) | (ids < 1))
    if wrong.size:
        found = f"atom id {ids[wrong[0]]}, {times[wrong[0]]} times"
        raise DataFileError(file, found, "another id for every atom, from 1")
    if "Masses" not in sections and any(mass is not None for _, mass in elements.values()):
        masses = [elements[kind][1] for kind in atoms.arrays["type"].tolist()]
        usual = atomic_masses[atoms.numbers]
        atoms.set_masses([u if m is None else m for m, u in zip(masses, usual, strict=True)])
    title = BOUNDARY.match(text)
    if title:
        atoms.set_pbc([letter == "p" for letter in title.groups()])
        if not atoms.pbc.any():
            atoms.set_cell(None)
            atoms.set_celldisp(np.zeros(3))
    return AtomicModel(atoms, name=str(file))


def _plain_numbers(text: str) -> str:
    """The text with usual exponents in all but comments."""
    if usual_exponents(text) == text:
        return text
    return "".join(
        usual_exponents(plain) + mark + comment
        for plain, mark, comment in (line.partition("#") for line in text.splitlines(keepends=True))
    )


def _sections(text: str) -> dict[str, list[str]]:
    """Lines of each section by heading, those of the header under an empty one."""
    found: dict[str, list[str]] = {"": []}
    heading = ""
    for line in text.splitlines()[1:]:
        plain = line.partition("#")[0].strip()
        if _HEADING.match(plain):
            heading = plain
            found[heading] = []
        elif plain:
            found[heading].append(line.strip() if heading == "Masses" else plain)
    return found


def _check_counts(file: Path, sections: dict[str, list[str]], expected: str) -> None:
    """Check the stated number of atoms before ASE allocates memory for it."""
    announced = [match[1] for line in sections[""] if (match := _ANNOUNCED.match(line))]
    if len(announced) != 1:
        raise DataFileError(
            file, f"unreadable contents ({len(announced)} lines 'N atoms')", expected
        )
    for heading in ("Atoms", "Velocities"):
        listed = len(sections.get(heading, ()))
        if (heading == "Atoms" or heading in sections) and listed != int(announced[0]):
            found = f"{listed} lines of {heading} for {announced[0]} atoms"
            raise DataFileError(file, f"unreadable contents ({found})", expected)


def _elements(
    file: Path, sections: dict[str, list[str]], choice: SpeciesChoice
) -> dict[int, tuple[int, float | None]]:
    """Atomic number of each type, and the mass of an isotope."""
    pairs: list[tuple[int, float | None]]
    if choice.given is not None:
        pairs = [element(symbol) or (0, None) for symbol in choice.given]
        return dict(enumerate(pairs, start=1))
    labels = dict(line.split()[:2] for line in sections.get("Atom Type Labels", ()))
    if labels and all(label.isalpha() and element(label) for label in labels.values()):
        return {int(kind): element(label) or (0, None) for kind, label in labels.items()}
    if "Masses" in sections:
        types = {label: kind for kind, label in labels.items()}
        found = {}
        for line in sections["Masses"]:
            words = line.partition("#")[0].split()
            if len(words) != 2:
                raise DataFileError(file, f"{quoted(line)} under Masses", "a type and its mass")
            kind = int(types.get(words[0], words[0]))
            found[kind] = _element_of_mass(file, real_number(words[1]), line.partition("#")[2])
        if not found:
            raise DataFileError(file, "no masses under Masses", f"them, or {PER_TYPE}")
        return found
    if choice.default is None:
        raise DataFileError(file, "atom types without masses", f"masses in the file, or {PER_TYPE}")
    n_types = max((int(m[1]) for line in sections[""] if (m := _TYPES.match(line))), default=1)
    if choice.default == (UNKNOWN,):
        return dict.fromkeys(range(1, n_types + 1), (0, None))
    return dict(enumerate([element(one) or (0, None) for one in choice.default], start=1))


def _element_of_mass(file: Path, mass: float, comment: str) -> tuple[int, float | None]:
    """The element of a mass, or that of the comment if it may have this mass."""
    for symbol, heavy in ISOTOPES.items():
        if abs(mass - heavy) < _SAME_ISOTOPE:
            return element(symbol) or (0, None)
    words = comment.split()
    stated = element(words[0]) if words and words[0].isalpha() else None
    if stated is not None and stated[0] and abs(atomic_masses[stated[0]] - mass) <= _SAME_MASS:
        return stated
    nearest = int(np.argmin(np.abs(atomic_masses[1:] - mass))) + 1
    if not abs(atomic_masses[nearest] - mass) <= _SAME_MASS:
        found = f"a mass of {mass:g} that no element has"
        raise DataFileError(file, found, f"masses of elements, or {PER_TYPE}")
    return nearest, None
