"""Structures of CIF files, read by ASE with additional checks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import ase.io
import numpy as np
from ase.io.cif import CIFBlock, parse_cif

from aet_port.core.data import AtomicModel
from aet_port.core.errors import DataFileError
from aet_port.io.arrays import reading
from aet_port.io.text_files import check_text, quoted

WANTED = "a CIF with the cell and the sites of every atom"
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
    check_text(file, WANTED)
    with reading(file, WANTED):
        for block in parse_cif(str(file)):
            _check_sites(file, block)
        blocks = ase.io.read(file, index=":", format="cif")
        if not blocks:
            raise DataFileError(file, "no structure", WANTED)
    for number, atoms in enumerate(blocks, start=1):
        for site in atoms.info.get("occupancy", {}).values():
            if len(site) != 1 or abs(sum(site.values()) - 1) > 1e-6:
                shares = ", ".join(f"{share:g} {symbol}" for symbol, share in site.items())
                raise DataFileError(file, f"a site of {shares}", "sites of one atom each")
        if len(blocks) == 1:
            yield AtomicModel(atoms, str(file))
        else:
            yield AtomicModel(atoms, f"{file}, block {number}", {"frame": number})


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
