"""Structures of CIF files, read by ASE with additional checks."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ase
import numpy as np
from ase.io.cif import CIFBlock, parse_cif

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError
from aet_port.io.arrays import reading
from aet_port.io.models.element_symbols import ISOTOPES, element
from aet_port.io.models.model_types import model_name
from aet_port.io.text_files import quoted, whole_text

WANTED = "a CIF with the cell and the sites of every atom"
_ELEMENTS = ("_atom_site_type_symbol", "_atom_site_label")  # the first counts
_LETTERS = re.compile(r"[A-Za-z]+")
_DEUTERON = 2.01355  # mass that ASE takes for deuterium, without its electron
_COORDINATE = re.compile(r"_atom_site_(fract|cartn)_[xyz]")


def read_cif_blocks(file: Path) -> Iterator[AtomicModel]:
    """Read the models of the data blocks of a CIF.

    Parameters
    ----------
    file
        The file, after which the models are named.

    Raises
    ------
    DataFileError
        If it is missing, not a CIF, or has sites not fully occupied by one element, of which ASE
        would keep the most frequent.
    InputError
        For unknown coordinates.
    """
    text = whole_text(file, WANTED)
    with reading(file, WANTED):
        blocks = [_structure(file, block) for block in parse_cif(io.StringIO(text))]
        models = [atoms for atoms in blocks if atoms is not None]
        if not models:
            raise DataFileError(file, "no structure", WANTED)
    for number, atoms in enumerate(models):
        yield AtomicModel(atoms, *model_name(file, None if len(models) == 1 else number))


def _structure(file: Path, block: CIFBlock) -> ase.Atoms | None:
    """The atoms of a block; None if it has none."""
    _check_sites(file, block)
    tags: dict[str, Any] = dict(block)
    for name in _ELEMENTS:
        if isinstance(tags.get(name), list):
            tags[name] = _symbols(file, [str(word) for word in tags[name]], name, block.name)
            break
    block = CIFBlock(block.name, tags)
    if not block.has_structure():
        return None
    atoms: ase.Atoms = block.get_atoms()
    for site in atoms.info.get("occupancy", {}).values():
        if len(site) != 1 or abs(sum(site.values()) - 1) > 1e-6:
            shares = ", ".join(f"{share:g} {symbol}" for symbol, share in site.items())
            raise DataFileError(file, f"a site of {shares}", "sites of one atom each")
    masses = atoms.arrays.get("masses")
    if masses is not None:
        masses[np.isclose(masses, _DEUTERON)] = ISOTOPES["D"]
    return atoms


def _symbols(file: Path, words: list[str], name: str, block: str) -> list[str]:
    """Symbols in the case that ASE expects; it would take the C of CU for carbon."""
    if any(re.match(r"[A-Z][a-z]", word) for word in words):
        return words
    found = []
    for place, word in enumerate(words, start=1):
        letters = (_LETTERS.match(word) or [""])[0]
        pairs = [letters] if name == _ELEMENTS[0] else [letters[:2], letters[:1]]
        symbol = next((one.capitalize() for one in pairs if one and element(one)), None)
        if symbol is None and word not in (".", "?"):
            found_there = f"{name} {quoted(word)} of site {place} in block {block!r}"
            raise DataFileError(file, found_there, "a chemical symbol such as 'Ta'")
        found.append(word if symbol is None else symbol)
    return found


def _check_sites(file: Path, block: CIFBlock) -> None:
    """Check that lengths and coordinates are numbers; ASE would fail on them later."""
    where = f"block {block.name!r}"
    for letter in "abc":
        length = block.get(f"_cell_length_{letter}", 1.0)
        if not (isinstance(length, int | float) and 0 < length < np.inf):
            found = f"_cell_length_{letter} {length!r} in {where}"
            raise DataFileError(file, found, "a length in angstrom")
    for name in [name for name in block if _COORDINATE.fullmatch(name)]:
        column = block[name]
        values = column if isinstance(column, list) else [column]
        for place, value in enumerate(values, start=1):
            if not (isinstance(value, int | float) and np.isfinite(value)):
                found = f"{name} {quoted(str(value))} of site {place} in {where}"
                raise DataFileError(file, found, "a finite number")
