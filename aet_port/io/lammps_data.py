"""LAMMPS data files, read by ASE with additional checks."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import ase
import numpy as np
from ase.data import atomic_masses, atomic_numbers
from ase.io.lammpsdata import read_lammps_data
from numpy.typing import NDArray

from aet_port.core.data import AtomicModel
from aet_port.core.errors import DataFileError, InputError
from aet_port.io.arrays import reading
from aet_port.io.text_files import check_text

LAMMPS_SUFFIXES = (".lammps", ".data", ".lmp")
MARGIN = 10.0  # angstrom between a free particle and the box of its LAMMPS file
BOUNDARY = re.compile(r"aet-port, units metal, boundary ([pf]) ([pf]) ([pf])")
_HEADING = re.compile(r"[A-Za-z]")
_ANNOUNCED = re.compile(r"\s*(\d+)\s+atoms\b")
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


def read_data_file(file: Path, species: str | Sequence[str] | None, expected: str) -> ase.Atoms:
    """Read the atoms of a LAMMPS data file in units metal, in the order of their ids.

    Parameters
    ----------
    file
        The file.
    species
        A symbol per atom type, or a single one; needed without masses and type labels.
    expected
        Expected content, for errors.

    Raises
    ------
    DataFileError
        If it is missing, truncated, not text, has an atom id twice, more or fewer atoms than
        stated, or types of unknown element.
    InputError
        For unknown species.
    """
    symbols = [species] if isinstance(species, str) else species
    unknown = sorted(set(symbols or ()) - set(atomic_numbers))
    if unknown:
        raise InputError(f"species for {file}", repr(unknown[0]), "a chemical symbol such as 'Ta'")
    numbers = None
    if symbols is not None:
        numbers = {kind: atomic_numbers[symbol] for kind, symbol in enumerate(symbols, start=1)}
        expected = f"LAMMPS data with {len(numbers)} atom types"
    check_text(file, expected)
    with reading(file, expected):
        text = file.read_text(encoding="utf-8")
        sections = _sections(text)
        _check_counts(file, sections, expected)
        try:
            # Image flags only move atoms by whole periods, which would lose the last digits.
            atoms: ase.Atoms = read_lammps_data(
                io.StringIO(text), Z_of_type=numbers, read_image_flags=False
            )
        except KeyError as error:
            found = f"unreadable contents (nothing known of atom type or id {error.args[0]})"
            raise DataFileError(file, found, expected) from error
        ids, times = np.unique(atoms.arrays["id"], return_counts=True)
    wrong = np.flatnonzero((times > 1) | (ids < 1))
    if wrong.size:
        found = f"atom id {ids[wrong[0]]}, {times[wrong[0]]} times"
        raise DataFileError(file, found, "another id for every atom, from 1")
    if numbers is None:
        _check_elements(file, sections, atoms)
    title = BOUNDARY.match(text)
    if title:
        atoms.set_pbc([letter == "p" for letter in title.groups()])
        if not atoms.pbc.any():
            atoms.set_cell(None)
            atoms.set_celldisp(np.zeros(3))
    return atoms


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
            found[heading].append(plain)
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


def _check_elements(file: Path, sections: dict[str, list[str]], atoms: ase.Atoms) -> None:
    """Check for elements that ASE only guessed, from types or from masses of no element."""
    labels = [line.split()[-1] for line in sections.get("Atom Type Labels", ())]
    if labels and all(label in atomic_numbers for label in labels):
        return
    if "Masses" not in sections:
        advice = "masses in the file, or species: a symbol per atom type"
        raise DataFileError(file, "atom types without masses", advice)
    gaps = np.abs(atoms.get_masses() - atomic_masses[atoms.numbers])
    if (gaps > _SAME_MASS).any():
        mass = float(atoms.get_masses()[np.argmax(gaps)])
        found = f"a mass of {mass:g} that no element has"
        raise DataFileError(file, found, "masses of elements, or species: a symbol per atom type")
