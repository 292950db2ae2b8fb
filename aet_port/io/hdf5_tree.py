"""Contents of HDF5 files: what can be read of them, although other parts cannot.

Broken links, types that NumPy does not have, and damaged attributes are left out of what nobody
asked for. Pixels are read only if the file is large enough to hold them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError
from aet_port.io.arrays import real_array

_DEEPEST = 64  # largest depth of groups
_MOST = 100_000  # objects of a file that are looked at
_KEPT = 65_536  # bytes of the largest data set that is kept as metadata
_RATIO = 1032  # largest ratio of deflate, the filter of nearly all compressed files
_SLACK = 2**25  # bytes that may be read of parts never written, such as of an aborted series


def walk(group: Any, depth: int = 0, seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """Paths and objects below a group, in the order of their names, each object once.

    Links to other places and other files are not followed; what cannot be opened is left out.
    """
    import h5py

    known: set[int] = set() if seen is None else seen
    if depth > _DEEPEST:
        return
    try:
        names = sorted(group)
    except Exception:  # a damaged list of members
        return
    for name in names:
        try:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            item = group[name]
            address = int(h5py.h5o.get_info(item.id).addr)
            path = item.name.strip("/")
        except Exception:  # h5py raises every kind
            continue
        if address in known or len(known) > _MOST:
            continue
        known.add(address)
        yield path, item
        if isinstance(item, h5py.Group):
            yield from walk(item, depth + 1, known)


def member(group: Any, *names: str) -> Any:
    """The data set or group at a path below a group; None if it is missing or cannot be opened."""
    item = group
    for name in names:
        try:
            item = item.get(name)
        except Exception:  # a damaged object
            return None
        if item is None:
            return None
    return item


def attribute(item: Any, key: str) -> Any:
    """An attribute in the types of JSON; None if it is missing or cannot be read."""
    try:
        return plain_value(item.attrs[key]) if key in item.attrs else None
    except Exception:  # a type that NumPy does not have, or damage
        return None


def attributes(item: Any) -> dict[str, Any]:
    """All attributes that can be read, in the types of JSON."""
    try:
        keys = list(item.attrs)
    except Exception:  # damage
        return {}
    found = {key: attribute(item, key) for key in keys}
    return {key: value for key, value in found.items() if value is not None}


def small_value(item: Any) -> Any:
    """A data set of metadata in the types of JSON; None if it is large or cannot be read."""
    try:
        return plain_value(item[()]) if item.ndim < 2 and item.nbytes <= _KEPT else None
    except Exception:  # a type that NumPy does not have, or damage
        return None


def plain_value(value: Any) -> Any:
    """A value of an attribute or data set in the types of JSON; others as text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray):
        if value.ndim:
            return [plain_value(item) for item in value.tolist()]
        return plain_value(value.item())
    if isinstance(value, np.generic):
        return plain_value(value.item())
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    return str(value)


def as_text(value: Any) -> str:
    """A value as text, of an array the first entry."""
    if isinstance(value, list):
        value = value[0] if value else ""
    return "" if value is None else str(value)


def stored_array(file: Path, item: Any, expected: str) -> NDArray:
    """All real numbers of a data set.

    Raises
    ------
    DataFileError
        If its type is another one, or its dimensions promise more than the file can hold.
    """
    if item.dtype.kind not in "biuf":
        raise DataFileError(file, f"an array of type {item.dtype}", expected)
    check_size(file, item, expected)
    return real_array(file, item[()], expected)


def check_size(file: Path, item: Any, expected: str) -> None:
    """Refuse a data set that promises more than the file can hold.

    Raises
    ------
    DataFileError
        If it is larger than what is stored, or, compressed, larger than that can expand to.
    """
    stored = int(item.id.get_storage_size())
    total = file.stat().st_size
    promised = item.dtype.itemsize
    for side in item.shape:  # Python's numbers, which do not overflow
        promised *= side
    chunk = item.dtype.itemsize
    for side in item.chunks or (0,):
        chunk *= side
    filters = item.id.get_create_plist().get_nfilters()
    most = min(stored, total) * (_RATIO if filters else 1) + _SLACK
    if item.chunks is None:
        most = min(stored, total)
    if promised > most or chunk > most:
        shape = " x ".join(str(side) for side in item.shape)
        found = f"{shape} values of {item.dtype} at {item.name.strip('/')}, {stored} bytes stored"
        raise DataFileError(file, found, f"{expected}, complete")
