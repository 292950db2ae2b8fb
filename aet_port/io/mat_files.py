"""MATLAB files: reading of variables, structures and saved objects, writing of variables.

Axes are not reordered here; :mod:`aet_port.io.matlab` knows the meaning of the dimensions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import write_whole
from aet_port.io.arrays import existing_file, reading

MAT_FILE = "a MATLAB file of version 5 to 7.3; save it again, in MATLAB: save(name, '-v7')"
V7_LIMIT = 2**31 - 1  # bytes of one variable; larger ones need version 7.3
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}\Z")
_TYPES = "numbers, text, cells or structures"


def read_variables(path: str | Path, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Read variables of a .mat file in MATLAB's orientation.

    A scalar structure, an object and a containers.Map become a dict of their fields, a cell array
    or an array of structures an object array, text a str; numbers remain arrays of two or more
    dimensions in the precision stored.

    Parameters
    ----------
    path
        File of version 5, 6, 7 or 7.3.
    names
        Variables to read, if the file has them; all unless given.

    Raises
    ------
    DataFileError
        If the file is missing, truncated, of another format, or the variables cannot be read
        completely.

    MATLAB: load, importdata
    """
    found = existing_file(path, MAT_FILE)
    with reading(found, MAT_FILE):
        with open(found, "rb") as handle:
            head = handle.read(128)
        if len(head) < 128 or head[126:] not in (b"IM", b"MI"):
            raise DataFileError(found, "no MATLAB header", MAT_FILE)
        from matio import load_from_mat  # slow to import, and only needed here

        variables = load_from_mat(found, variable_names=None if names is None else list(names))
        return {
            name: _plain(value) for name, value in variables.items() if not name.startswith("__")
        }


def _plain(value: Any) -> Any:
    """Convert the reader's own types to dicts, lists of dicts, text and plain arrays."""
    from matio.utils.matclass import MatlabContainerMap, MatlabOpaque

    if isinstance(value, MatlabOpaque):
        return _plain(value.properties)
    if isinstance(value, (dict, MatlabContainerMap)):
        return {key: _plain(item) for key, item in value.items()}
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.names is not None:
        rows = np.empty(value.shape, dtype=object)
        for index in np.ndindex(value.shape):
            rows[index] = {field: _plain(value[index][field]) for field in value.dtype.names}
        return rows.flat[0] if rows.size == 1 else rows
    if value.dtype == object:
        cells = np.empty(value.shape, dtype=object)
        for index in np.ndindex(value.shape):
            cells[index] = _plain(value[index])
        return cells
    if value.dtype.kind == "U" and value.size <= 1:
        return str(value.reshape(-1)[0]) if value.size else ""
    plain = np.asarray(value)
    return plain.astype(plain.dtype.newbyteorder("="), copy=False)


def write_mat(path: str | Path, variables: Mapping[str, Any]) -> Path:
    """Write variables, oriented as given, to a .mat file; equal data give identical files.

    The file is of version 7, or 7.3 if a variable exceeds the 2 GB of version 7. A vector becomes a
    row.

    Raises
    ------
    InputError
        For a name that MATLAB does not allow, or a value that it has no type for.
    OutputError
        If the file cannot be written.

    MATLAB: save
    """
    for name, value in variables.items():
        if not _NAME.match(name):
            raise InputError(
                "variable name", repr(name), "a letter, then letters, digits and _, 63 at most"
            )
        if isinstance(value, np.ndarray) and value.dtype.kind not in "biufcUSO":
            raise InputError(f"variable {name}", f"type {value.dtype}", _TYPES)
        if value is None:
            raise InputError(f"variable {name}", "None", _TYPES)
    sizes = [value.nbytes for value in variables.values() if isinstance(value, np.ndarray)]
    version = "7.3" if max(sizes, default=0) > V7_LIMIT else "5.0"

    def write(partial: Path) -> None:
        try:
            if version == "7.3":
                from matio import save_to_mat

                save_to_mat(partial, dict(variables), version="v7.3", oned_as="row")
            else:
                from scipy.io import savemat

                savemat(
                    partial,
                    dict(variables),
                    do_compression=True,
                    long_field_names=True,
                    oned_as="row",
                )
        except (TypeError, ValueError, NotImplementedError) as error:
            raise InputError(
                "variables", f"a value that MATLAB has no type for ({error})", _TYPES
            ) from error
        # Both libraries would write the time here.
        with open(partial, "r+b") as handle:
            handle.write(f"MATLAB {version} MAT-file, written by aet-port".encode().ljust(116))

    return write_whole(path, write)
