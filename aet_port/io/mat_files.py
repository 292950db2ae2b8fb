"""MATLAB files: reading of variables, structures and saved objects, writing of variables.

Axes are not reordered here; :mod:`aet_port.io.matlab` knows the meaning of the dimensions.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aet_port.core.errors import DataFileError, InputError, reason
from aet_port.core.files import write_whole
from aet_port.io.arrays import existing_file, reading
from aet_port.io.mat_values import StoredVariable, unread_objects

MAT_FILE = "a MATLAB file of version 4 to 7.3, whole; save it again, in MATLAB: save(name, '-v7')"
V7_LIMIT = 2**31 - 1  # bytes of one variable; larger ones need version 7.3
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}\Z")
_TYPES = "numbers, text, cells or structures"


class Fault(NamedTuple):
    """Why a variable could not be read, and its class and size as far as the file states them."""

    reason: str
    kind: str
    shape: tuple[int, ...] | None


class Contents(NamedTuple):
    """Variables of a file: values of those that could be read, faults of the others."""

    values: dict[str, Any]
    faults: dict[str, Fault]


def read_variables(path: str | Path, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Read variables of a .mat file in MATLAB's orientation.

    A scalar structure, an object and a containers.Map become a dict of their fields, a table a dict
    of its columns, a cell array or an array of structures an object array, text a str; numbers
    remain arrays of two or more dimensions in the precision stored, sparse matrices become full.
    What is none of these, such as a function handle, becomes
    :class:`aet_port.io.mat_values.Unread`.

    Parameters
    ----------
    path
        File of version 4, 5, 6, 7 or 7.3.
    names
        Variables to read, if the file has them; all unless given. Of all, damaged ones are left
        out, with a warning.

    Raises
    ------
    DataFileError
        If the file is missing, truncated or of another format, or a variable named in ``names`` is
        damaged.

    Notes
    -----
    MATLAB: load, importdata
    """
    contents = read_contents(path, names)
    for name, fault in contents.faults.items():
        if names is not None:
            raise DataFileError(path, f"an unreadable variable, {name} ({fault.reason})", MAT_FILE)
    warn_of_faults(path, contents.faults)
    return contents.values


def read_contents(
    path: str | Path, names: Collection[str] | None = None, objects: bool = True
) -> Contents:
    """Read variables one by one, so that a damaged one does not affect the others.

    Parameters
    ----------
    path, names
        As for :func:`read_variables`.
    objects
        Whether objects are read; otherwise they become :class:`aet_port.io.mat_values.Unread`.

    Raises
    ------
    DataFileError
        If the file is missing, truncated or of another format.
    """
    file = existing_file(path, MAT_FILE)
    contents = Contents({}, {})
    with reading(file, MAT_FILE):
        variables, check = _stored(file)
        counts = Counter(one.name for one in variables)
        for one in variables:
            if names is not None and one.name not in names:
                continue
            if counts[one.name] > 1:
                fault = Fault(f"stored {counts[one.name]} times", one.kind, one.shape)
                contents.faults[one.name] = fault
                continue
            try:
                value = one.load()
            except Exception as error:  # every kind; other variables are not affected
                contents.faults[one.name] = Fault(reason(error), one.kind, one.shape)
                continue
            contents.values[one.name] = value
        if objects:
            _add_objects(file, contents.values, check)
    return contents


def warn_of_faults(path: str | Path, faults: Mapping[str, Fault]) -> None:
    """Warn of unreadable variables that were left out, once for each file."""
    parts = [f"{name} ({fault.reason})" for name, fault in faults.items()]
    text = f"{path}: unreadable variables left out: {', '.join(parts)}"
    if faults and text not in _warned:
        _warned.add(text)
        warnings.warn(text, stacklevel=3)


_warned: set[str] = set()


def _stored(file: Path) -> tuple[list[StoredVariable], Callable[[Sequence[str]], None]]:
    """The variables of a file, and a check of what belongs to the objects in one of them."""
    with open(file, "rb") as handle:
        head = handle.read(128)
    order = {b"IM": "<", b"MI": ">"}.get(head[126:128])
    if order is None:
        from aet_port.io import mat_v4

        found = mat_v4.stored_variables(file)
        if not found:
            is_hdf5 = head.startswith(b"\x89HDF")
            raise DataFileError(
                file, f"no MATLAB header{' but plain HDF5' if is_hdf5 else ''}", MAT_FILE
            )
        return found, lambda _: None
    version = head[125] if order == "<" else head[124]
    if version == 1:
        from aet_port.io import mat_v5

        return mat_v5.stored_variables(file, order), lambda _: mat_v5.check_objects(file, order)
    if version == 2:
        from aet_port.io import mat_hdf5

        return mat_hdf5.stored_variables(file), lambda names: mat_hdf5.check_objects(file, names)
    raise DataFileError(file, f"version {version} of MATLAB's files", MAT_FILE)


def _add_objects(
    file: Path, values: dict[str, Any], check: Callable[[Sequence[str]], None]
) -> None:
    """Put the objects that mat-io can read into the values where they are missing."""
    names = [name for name, value in values.items() if unread_objects(value)]
    if not names:
        return
    from aet_port.io.mat_objects import read_objects, with_objects

    # All at once; where that fails, without those that cannot be read.
    for group in (names, *([name] for name in names)):
        try:
            check(group)
            found = read_objects(file, group)
        except Exception:  # of any kind; what is no object has been read
            continue
        for name, value in found.items():
            values[name] = with_objects(values[name], value)
        if group is names:
            return


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

    Notes
    -----
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
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of pandas, when it is imported
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
