"""Objects in MATLAB files (strings, tables, classes of users), read with mat-io.

Objects are stored apart from the variables, in a form that only mat-io knows; everything else is
read by :mod:`aet_port.io.mat_v5` and :mod:`aet_port.io.mat_hdf5`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.io.mat_values import DamagedError, Unread


def read_objects(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """Variables with the objects in them as plain values.

    An object becomes a dict of its properties, a table of its columns; strings, categorical arrays
    and members of enumerations become text. Times remain arrays of NumPy's types.

    Raises
    ------
    DamagedError
        If mat-io cannot read one of them; it may raise other errors too.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # slow to import, and warns of pandas' options
        from matio import load_from_mat

        found = load_from_mat(path, variable_names=list(names), spmatrix=False)
        values = {name: _plain(found[name], ()) for name in names}
    failed = [str(one.message) for one in caught if str(one.message).startswith(_FAILURES)]
    if failed:
        raise DamagedError(failed[0])
    return values


_FAILURES = ("Failed to parse subsystem", "Unreadable variable")


def with_objects(own: Any, theirs: Any) -> Any:
    """``own``, with what was not read taken from the same value as mat-io read it."""
    if isinstance(own, Unread):
        return theirs if own.is_object and not isinstance(theirs, Unread) else own
    if isinstance(own, dict) and isinstance(theirs, dict):
        return {
            key: with_objects(item, theirs[key]) if key in theirs else item
            for key, item in own.items()
        }
    both = isinstance(own, np.ndarray) and isinstance(theirs, np.ndarray)
    if both and own.dtype == theirs.dtype == object and own.shape == theirs.shape:
        result = np.empty(own.shape, dtype=object)
        for index in np.ndindex(own.shape):
            result[index] = with_objects(own[index], theirs[index])
        return result
    return own


def _plain(value: Any, within: tuple[int, ...]) -> Any:
    """A value of mat-io; ``within`` are the objects that it is part of."""
    from matio.utils.matclass import MatlabCanonicalEmpty, MatlabFunction, MatlabOpaque

    if id(value) in within:
        return Unread("an object within itself")
    inner = (*within, id(value))
    if isinstance(value, MatlabFunction):
        return Unread("function handle")
    if isinstance(value, MatlabCanonicalEmpty):
        return np.empty((0, 0))
    if isinstance(value, MatlabOpaque):
        if isinstance(value.properties, tuple) and 0 in value.properties:
            return np.empty(value.properties, dtype=object)
        if not isinstance(value.properties, dict):
            return Unread(str(value.classname))
        return _plain(value.properties, inner)
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Mapping):
        return {str(key): _plain(item, inner) for key, item in value.items()}
    if hasattr(value, "columns") and hasattr(value, "index"):
        return _columns(value, inner)
    if hasattr(value, "categories"):
        return _words(np.asarray(value))
    if hasattr(value, "toarray"):
        value.check_format(full_check=True)
        return Unread("sparse matrix")  # within an object; its size is not known to be affordable
    return _array(value, inner) if isinstance(value, np.ndarray) else value


def _columns(table: Any, within: tuple[int, ...]) -> dict[str, Any]:
    """Columns of a table; those of numbers are n x 1, as in MATLAB."""
    result = {}
    for name in table.columns:
        column = np.asarray(table[name])
        if column.dtype == object and all(isinstance(word, str) for word in column.flat):
            column = _words(column)
        numeric = column.ndim == 1 and column.dtype.kind in "biufc"
        result[str(name)] = column[:, np.newaxis] if numeric else _plain(column, within)
    return result


def _words(value: NDArray) -> NDArray[np.str_]:
    """Text, empty where it is missing."""
    words = [word if isinstance(word, str) else "" for word in value.reshape(-1).tolist()]
    return np.array(words, dtype=np.str_).reshape(value.shape)


def _array(value: NDArray, within: tuple[int, ...]) -> Any:
    if value.dtype.kind == "T" or (value.dtype.kind == "U" and value.size <= 1):
        words = _words(value)
        return words if words.size > 1 else "".join(words.flat)
    plain = np.asarray(value)
    if plain.dtype.names is not None and plain.dtype.hasobject:
        rows = np.empty(plain.shape, dtype=object)
        for index in np.ndindex(plain.shape):
            row = plain[index]
            rows[index] = {field: _plain(row[field], within) for field in plain.dtype.names}
        return rows.flat[0] if rows.size == 1 else rows
    if plain.dtype == object:
        cells = np.empty(plain.shape, dtype=object)
        for index in np.ndindex(plain.shape):
            cells[index] = _plain(plain[index], within)
        return cells
    return plain.astype(plain.dtype.newbyteorder("="), copy=False)
