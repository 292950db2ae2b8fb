"""MATLAB files of version 7.3: HDF5, each variable a data set or group with its class.

Arrays are stored with their axes reversed, cells and arrays of structures as references. The size
of a data set is compared with what is stored before it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from aet_port.io.mat_values import (
    INTEGERS,
    MAX_DEPTH,
    MOST_EMPTY,
    SPARE,
    DamagedError,
    StoredVariable,
    Unread,
    cell_array,
    check_empty,
    check_object_records,
    check_objects_in,
    dense_matrix,
    rows_or_one,
    text_rows,
)

_OWN = ("#refs#", "#subsystem#")
_FUNCTION, _OPAQUE = 1, 3  # MATLAB_object_decode
_LOGICAL = 1  # MATLAB_int_decode
_BEST_RATIO = 1032  # of deflate
_CLASSES = ("double", "single", *INTEGERS)


def stored_variables(path: Path) -> list[StoredVariable]:
    """The variables of a file, without their contents."""
    result = []
    with h5py.File(path, "r") as file:
        for name in file:
            if name in _OWN:
                continue
            kind, shape = "", None
            try:
                item = _member(file, name)
                kind = _class(item)
                plain = kind in (*_CLASSES, "logical") and isinstance(item, h5py.Dataset)
                if plain and not _flag(item, "MATLAB_empty"):
                    shape = item.shape[::-1]
            except Exception:  # the same when its contents are read
                shape = None
            result.append(StoredVariable(name, kind, shape, partial(_load, path, name)))
    return result


def check_objects(path: Path, names: Sequence[str]) -> None:
    """Check the sizes of all that mat-io reads in order to read these variables.

    Raises
    ------
    DamagedError
        If one of them is beyond what is stored, or there are no data of objects.
    """
    with h5py.File(path, "r") as file:
        if "#subsystem#" not in file:
            raise DamagedError("no data of objects")
        for part in (*names, *_OWN):
            if part not in file:
                continue
            item = _member(file, part)
            _check_item(part, item)
            if isinstance(item, h5py.Group):
                item.visititems(_check_item)
        table = file["#subsystem#"].get("MCOS")
        if table is not None and table.size:
            check_object_records(_array(file[_references(table).flat[0]]))


def _check_item(_: str, item: Any) -> None:
    if not isinstance(item, h5py.Dataset):
        return
    if _flag(item, "MATLAB_empty"):
        _empty(item, _class(item))
    elif item.dtype == np.uint32:
        check_objects_in(_array(item))
    else:
        _check_size(item)


def _load(path: Path, name: str) -> Any:
    with h5py.File(path, "r") as file:
        return _value(_member(file, name), 0)


def _member(group: h5py.Group, name: str) -> Any:
    """A member of a group; links to other files are not followed."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise DamagedError("a link instead of contents")
    return group[name]


def _class(item: Any) -> str:
    found = item.attrs.get("MATLAB_class", b"")
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else ""


def _flag(item: Any, name: str, default: int = 0) -> int:
    return int(item.attrs.get(name, default))


def _check_size(item: h5py.Dataset) -> None:
    """Compare the size of a data set with the bytes that are stored of it."""
    if item.is_virtual or item.external:
        raise DamagedError("contents in other files")
    check_empty(item.shape or ())
    claimed, stored = prod(item.shape or ()) * item.dtype.itemsize, item.id.get_storage_size()
    real = stored
    if item.chunks is not None:
        chunk = prod(item.chunks) * item.dtype.itemsize
        real = item.id.get_num_chunks() * chunk
        if real > SPARE + _BEST_RATIO * stored:
            raise DamagedError(f"{real:,} bytes made of {stored:,}")
    if claimed > SPARE + 2 * real:
        raise DamagedError(f"{claimed:,} bytes stated, {real:,} stored")


def _array(item: Any) -> NDArray:
    """Contents of a data set, axes not yet reversed."""
    if not isinstance(item, h5py.Dataset):
        raise DamagedError("a group in place of a data set")
    _check_size(item)
    return np.asarray(item[()])


def _value(item: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise DamagedError(f"more than {MAX_DEPTH} structures within each other")
    kind, decode = _class(item), _flag(item, "MATLAB_object_decode")
    if "MATLAB_sparse" in item.attrs:
        return _sparse(item, kind)
    if decode == _OPAQUE:
        foreign = kind.lower().startswith(("java.", "com."))
        return Unread(kind or "object", not foreign)
    if decode == _FUNCTION or kind == "function_handle":
        return Unread("function handle")
    if isinstance(item, h5py.Group):
        return _structure(item, depth)
    if _flag(item, "MATLAB_empty") or kind == "canonical empty":
        return _empty(item, kind)
    if kind == "char":
        codes = np.atleast_2d(_array(item).T).astype("<u2")
        return text_rows([row.tobytes().decode("utf-16-le", "replace") for row in codes])
    if kind == "cell":
        references = _references(item).T
        cells = references.reshape(-1, order="F")
        return cell_array(references.shape, [_referred(item, one, depth) for one in cells])
    if kind in (*_CLASSES, "logical"):
        return _numbers(item, kind)
    return Unread(kind or "a data set without MATLAB class")


def _numbers(item: h5py.Dataset, kind: str) -> NDArray:
    array = _array(item)
    if array.dtype.names == ("real", "imag"):
        pairs, single = array, array.dtype["real"].itemsize == 4
        array = pairs["real"].astype(np.complex64 if single else np.complex128)
        array.imag = pairs["imag"]
    elif array.dtype.kind not in "biuf":
        raise DamagedError(f"numbers of type {array.dtype}")
    elif kind == "logical" or _flag(item, "MATLAB_int_decode") == _LOGICAL:
        array = array.astype(bool)
    else:
        array = array.astype(kind, copy=False)
    # MATLAB knows no array of fewer than two dimensions.
    return np.atleast_2d(array.T)


def _empty(item: h5py.Dataset, kind: str) -> Any:
    """An empty value; the data set holds its size."""
    if kind == "canonical empty":
        return np.empty((0, 0))
    found = _array(item).reshape(-1)
    sizes: list[int] = found.tolist() if found.dtype.kind in "iu" else []
    count = prod(sizes, start=1)
    # Only structures without fields may be several.
    if (
        not 2 <= len(sizes) <= 32
        or min(sizes) < 0
        or count > (MOST_EMPTY if kind == "struct" else 0)
    ):
        raise DamagedError("an empty array of another size")
    check_empty(tuple(sizes))
    if kind == "char":
        return ""
    if count:
        return rows_or_one(tuple(sizes), [{} for _ in range(count)])
    known = kind in _CLASSES
    return np.empty(sizes, dtype=kind if known else bool if kind == "logical" else object)


def _sparse(item: Any, kind: str) -> Any:
    if not isinstance(item, h5py.Group):
        raise DamagedError("a sparse matrix without its parts")
    starts = _array(_member(item, "jc")).reshape(-1)
    rows = values = np.empty(0)
    if "data" in item:
        rows = _array(_member(item, "ir")).reshape(-1)
        values = _numbers(_member(item, "data"), kind).reshape(-1)
    return dense_matrix(rows, starts, values, (_flag(item, "MATLAB_sparse"), len(starts) - 1))


def _structure(item: h5py.Group, depth: int) -> Any:
    """Fields as a dict; an array of structures has references in each field."""
    members = {name: _member(item, name) for name in item}
    if members and all(
        isinstance(one, h5py.Dataset) and "MATLAB_class" not in one.attrs
        for one in members.values()
    ):
        columns = {name: _references(one).T for name, one in members.items()}
        shape = next(iter(columns.values())).shape
        if any(column.shape != shape for column in columns.values()):
            raise DamagedError("fields of different lengths")
        flat = {name: column.reshape(-1, order="F") for name, column in columns.items()}
        return rows_or_one(
            shape,
            [
                {name: _referred(item, column[k], depth) for name, column in flat.items()}
                for k in range(prod(shape))
            ],
        )
    return {name: _value(one, depth + 1) for name, one in members.items()}


def _references(item: Any) -> NDArray:
    if not isinstance(item, h5py.Dataset) or h5py.check_ref_dtype(item.dtype) is not h5py.Reference:
        raise DamagedError("cells that are no references")
    return np.atleast_2d(_array(item))


def _referred(item: Any, reference: Any, depth: int) -> Any:
    if not reference:
        raise DamagedError("a reference to nothing")
    return _value(item.file[reference], depth + 1)
