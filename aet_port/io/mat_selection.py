"""Which array of a MATLAB file is meant: the one named, or the only one that fits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError
from aet_port.io.arrays import real_array
from aet_port.io.mat_files import Contents, Fault, read_contents, warn_of_faults
from aet_port.io.mat_values import INTEGERS, Unread, unread_objects

_LISTED = 12  # largest number of variables listed in an error
_INNER = ".{("  # what follows a name: a field, a cell, an element
_NUMERIC = ("double", "single", "logical", *INTEGERS)


def numeric_arrays(variables: Mapping[str, Any], stack: bool = False) -> dict[str, NDArray]:
    """Numeric arrays by name.

    Fields are named ``outer.inner``, cells ``name{k}``, elements of an array of structures
    ``name(k)``, k from 1 as in MATLAB.

    Parameters
    ----------
    variables
        As :func:`aet_port.io.mat_files.read_variables` returns them.
    stack
        Whether the arrays of equal size in a cell array become one array: images (nx, ny, n), a
        row of numbers or a number per cell a table of n rows.
    """
    result: dict[str, NDArray] = {}
    for name, value in variables.items():
        if isinstance(value, dict):
            inner = {f"{name}.{key}": item for key, item in value.items()}
            result |= numeric_arrays(inner, stack)
        elif isinstance(value, np.ndarray) and value.dtype == object:
            items = list(value.reshape(-1, order="F"))
            one = _stacked(items) if stack else None
            if one is not None:
                result[name] = one
                continue
            rows = all(isinstance(item, dict) for item in items)
            marks = ("(", ")") if rows else ("{", "}")
            inner = {f"{name}{marks[0]}{k}{marks[1]}": item for k, item in enumerate(items, 1)}
            result |= numeric_arrays(inner, stack)
        elif isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
            result[name] = value
    return result


def _is_numeric(item: Any) -> bool:
    return isinstance(item, np.ndarray) and item.dtype.kind in "biufc"


def _stacked(items: list[Any]) -> NDArray | None:
    """Cells of equally large two-dimensional arrays as one array; None for others."""
    if not items or not all(_is_numeric(item) and item.ndim == 2 for item in items):
        return None
    shape = items[0].shape
    if 0 in shape or any(item.shape != shape for item in items):
        return None
    if min(shape) > 1:
        return np.stack(items, axis=2)
    return np.stack([item.reshape(-1) for item in items])


def _different_sizes(values: Mapping[str, Any]) -> str | None:
    """In words, a cell array of images of different sizes, if there is one."""
    for name, value in values.items():
        if not isinstance(value, np.ndarray) or value.dtype != object or value.size < 2:
            continue
        cells = list(value.reshape(-1, order="F"))
        if all(_is_numeric(cell) and cell.ndim == 2 and min(cell.shape) > 1 for cell in cells):
            sizes = list(dict.fromkeys("x".join(map(str, cell.shape)) for cell in cells))
            if len(sizes) > 1:
                return f"images of different sizes ({', '.join(sizes[:3])}) in the cells of {name}"
    return None


def listing(arrays: Mapping[str, NDArray]) -> str:
    """The arrays in words, with their sizes."""
    if not arrays:
        return "no numeric variable"
    names = sorted(arrays, key=lambda name: any(mark in name for mark in "{("))
    parts = [f"{name} {'x'.join(map(str, arrays[name].shape))}" for name in names]
    more = f" and {len(parts) - _LISTED} more" if len(parts) > _LISTED else ""
    return "the variables " + ", ".join(parts[:_LISTED]) + more


def select_array(
    path: str | Path,
    name: str | None,
    fits: Callable[[NDArray], bool],
    wanted: str,
    how: str,
    favourite: str | None = None,
    stack: bool = False,
) -> NDArray:
    """The array called ``name``, or the only one that matches, as with importdata.

    If several match, one called ``favourite`` is preferred, then variables to fields of structures,
    then arrays to scalars. Objects are read only if nothing else matches.

    Parameters
    ----------
    path
        The .mat file.
    name
        Variable, ``outer.inner``, ``name{k}`` or ``name(k).inner``; None for the only one.
    fits
        Whether an array may be meant.
    wanted
        What is looked for, in words.
    how
        How the variable is named by who called, such as ``--variable NAME``.
    favourite, stack
        See above and :func:`numeric_arrays`.

    Raises
    ------
    DataFileError
        If there is no such array, or several, or it is unreadable or not real.
    """
    if name is not None:
        array = _named(path, name, fits, wanted, how, favourite, stack)
        return real_array(path, array, f"{wanted}, of real numbers")
    contents = read_contents(path, objects=False)
    chosen = _candidates(contents, fits, favourite, stack)
    objects = [key for key, value in contents.values.items() if unread_objects(value)]
    if objects and (len(chosen) != 1 or favourite not in (None, next(iter(chosen)).split(".")[-1])):
        more = read_contents(path, objects)
        contents = Contents(contents.values | more.values, contents.faults | more.faults)
        chosen = _candidates(contents, fits, favourite, stack)
    arrays = numeric_arrays(contents.values, stack)
    if len(chosen) != 1:
        found = f"{len(chosen)} that fit: {listing(chosen)}" if chosen else listing(arrays)
        if not chosen and stack:
            found = _different_sizes(contents.values) or found
        if not chosen and contents.faults:
            found += "; unreadable: " + ", ".join(map(_in_words, contents.faults.items()))
        raise DataFileError(path, found, f"{wanted}; name the variable to read: {how}")
    key = next(iter(chosen))
    if key in contents.faults:
        found = f"an unreadable variable, {_in_words((key, contents.faults[key]))}"
        raise DataFileError(path, found, f"{wanted}; or name another variable: {how}")
    warn_of_faults(path, contents.faults)
    return real_array(path, chosen[key], f"{wanted}, of real numbers")


def _in_words(fault: tuple[str, Fault]) -> str:
    return f"{fault[0]} ({fault[1].reason})"


def _candidates(
    contents: Contents, fits: Callable[[NDArray], bool], favourite: str | None, stack: bool
) -> dict[str, NDArray]:
    """Arrays that may be meant, damaged ones too, as far as one is preferred to others."""
    arrays = numeric_arrays(contents.values, stack)
    for name, fault in contents.faults.items():
        if fault.kind in _NUMERIC and fault.shape is not None:
            arrays[name] = np.broadcast_to(np.zeros(()), fault.shape)
    return _preferred({key: array for key, array in arrays.items() if fits(array)}, favourite)


def _preferred(chosen: dict[str, NDArray], favourite: str | None) -> dict[str, NDArray]:
    for better in (
        [key for key in chosen if key.split(".")[-1] == favourite],
        [key for key in chosen if not any(mark in key for mark in _INNER)],
        [key for key, array in chosen.items() if array.size > 1],
    ):
        narrower = {key: chosen[key] for key in better if key in chosen}
        if len(chosen) > 1 and narrower:
            chosen = narrower
    return chosen


def _named(
    path: str | Path,
    name: str,
    fits: Callable[[NDArray], bool],
    wanted: str,
    how: str,
    favourite: str | None,
    stack: bool,
) -> NDArray:
    base = re.split(f"[{re.escape(_INNER)}]", name)[0]
    contents = read_contents(path, [base])
    if base in contents.faults:
        found = f"an unreadable variable, {_in_words((base, contents.faults[base]))}"
        raise DataFileError(path, found, f"{wanted}; or name another variable: {how}")
    arrays = numeric_arrays(contents.values, stack)
    if name in arrays:
        return arrays[name]
    single = numeric_arrays(contents.values)
    if name in single:  # one cell of several
        return single[name]
    pool = {key: a for key, a in arrays.items() if key.startswith(tuple(name + m for m in _INNER))}
    if not pool:
        value = contents.values.get(name)
        if isinstance(value, Unread):
            found = f"variable {name}, a {value.kind},"
        elif isinstance(value, str):
            found = f"variable {name}, text,"
        else:
            found = f"no variable {name!r}"
        others = listing(numeric_arrays(read_contents(path).values, stack))
        raise DataFileError(path, f"{found} but {others}", f"{wanted}: {how}")
    chosen = _preferred({key: array for key, array in pool.items() if fits(array)}, favourite)
    if len(chosen) != 1:
        found = f"{len(chosen)} that fit: {listing(chosen)}" if chosen else listing(pool)
        if not chosen and stack:
            found = _different_sizes(contents.values) or found
        raise DataFileError(path, found, f"{wanted}; name the variable to read: {how}")
    return next(iter(chosen.values()))
