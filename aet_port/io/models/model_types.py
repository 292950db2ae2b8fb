"""Which format a file of models has: by its name, and by its beginning where that says more."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aet_port.core.errors import DataFileError
from aet_port.io.arrays import reading
from aet_port.io.text_files import OPENERS, open_bytes

SUFFIXES = {
    ".xyz": "xyz",
    ".extxyz": "xyz",
    ".dump": "dump",
    ".lammpstrj": "dump",
    ".lammps": "lammps",
    ".data": "lammps",
    ".lmp": "lammps",
    ".csv": "table",
    ".mat": "mat",
    ".cif": "cif",
    ".vasp": "poscar",
    ".poscar": "poscar",
    ".contcar": "poscar",
    ".xdatcar": "xdatcar",
    ".pdb": "pdb",
    ".ent": "pdb",
    ".db": "rows",
}
MODEL_FILE = (
    "an atomic model as .xyz, .extxyz, LAMMPS .dump, .lammpstrj or .data, .cif, POSCAR, XDATCAR, "
    ".vasp, .pdb, .csv, .mat or ASE's .db (all but .db also as .gz)"
)
_POSCAR = re.compile(r"(POSCAR|CONTCAR)", re.IGNORECASE)
_XDATCAR = re.compile(r"XDATCAR", re.IGNORECASE)
_DATA = re.compile(rb"^\s*\d+\s+atoms\b", re.MULTILINE)
_DUMP = b"ITEM: "
_BINARY = (b"DUMPATOM", b"DUMPCUSTOM")  # of dumps since 2020; the older begin with numbers
_AS_TEXT = "a text dump: LAMMPS's tool binary2txt makes one of it, as does a name without .bin"
_BEGINNING = 4096  # bytes


def model_type(file: Path) -> str:
    """Format of an existing file of models.

    Parameters
    ----------
    file
        LAMMPS users name files as they like: ``dump.10000``, ``data.glass``. These are recognised
        by their beginning, and so is a dump whose suffix is that of LAMMPS data.

    Raises
    ------
    DataFileError
        If it is none of those that are read.
    """
    inner = Path(file.name)
    if inner.suffix.lower() in OPENERS:
        inner = inner.with_suffix("")
    suffix = inner.suffix.lower()
    if suffix not in SUFFIXES and _POSCAR.match(inner.name):
        return "poscar"
    if suffix not in SUFFIXES and _XDATCAR.match(inner.name):
        return "xdatcar"
    kind = SUFFIXES.get(suffix)
    if kind not in (None, "lammps", "dump"):
        return kind
    with reading(file, MODEL_FILE), open_bytes(file) as handle:
        beginning = handle.read(_BEGINNING)
        if suffix == ".bin" or any(word in beginning[:64] for word in _BINARY):
            raise DataFileError(file, "a binary LAMMPS dump", _AS_TEXT)
        beginning = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()
    if beginning.startswith(_DUMP):
        return "dump"
    if kind is None and _DATA.search(beginning):
        return "lammps"
    if kind is None:
        raise DataFileError(file, f"a file of type {suffix or 'unknown'}", MODEL_FILE)
    return kind


def model_name(file: Path, frame: int | None) -> tuple[str, dict[str, Any]]:
    """Name and metadata of a model: those of its frame, from 0, if the file has several."""
    if frame is None:
        return str(file), {}
    return f"{file}, frame {frame}", {"frame": frame}


@contextmanager
def unpacked(file: Path, expected: str) -> Iterator[Path]:
    """Context with the file itself, or with a decompressed copy that has the same suffix.

    Errors of the copy name the file.
    """
    if file.suffix.lower() not in OPENERS:
        yield file
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / file.with_suffix("").name
        with reading(file, expected), open_bytes(file) as packed, copy.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
        try:
            yield copy
        except DataFileError as error:
            raise DataFileError(file, error.found, error.expected) from error
