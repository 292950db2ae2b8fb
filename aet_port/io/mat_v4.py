"""MATLAB files of version 4: one header of five numbers per variable, then the numbers.

References
----------
MathWorks, MAT-File Format (R2022b), appendix A.
"""

from __future__ import annotations

import re
import struct
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aet_port.io.mat_values import (
    DamagedError,
    StoredVariable,
    class_of,
    dense_matrix,
    text_rows,
)

_TYPES = ("f8", "f4", "i4", "i2", "u2", "u1")
_FULL, _TEXT, _SPARSE = 0, 1, 2
_LONGEST_NAME = 256
_NAME = re.compile(r"[A-Za-z]\w*\Z", re.ASCII)


class _Head(NamedTuple):
    type: np.dtype
    kind: int
    shape: tuple[int, int]
    complex: bool
    name: str
    start: int
    size: int


def stored_variables(path: Path) -> list[StoredVariable]:
    """The variables of a file, without their contents; an empty list if it is no such file.

    Raises
    ------
    DamagedError
        If the file ends within a variable.
    """
    with open(path, "rb") as handle:
        orders = [order for order in "<>" if _head(handle, 0, order) is not None]
        if not orders:
            return []
        heads, at, end = [], 0, path.stat().st_size
        while at < end:
            head = _head(handle, at, orders[0])
            if head is None:
                raise DamagedError(f"no variable at byte {at}")
            at = head.start + head.size
            if at > end:
                raise DamagedError(f"the file ends {at - end} bytes too early")
            heads.append(head)
    names = {_TEXT: "char", _SPARSE: "sparse"}
    return [
        StoredVariable(
            head.name,
            names.get(head.kind, class_of(head.type)),
            None if head.kind == _SPARSE else head.shape,
            partial(_load, path, head),
        )
        for head in heads
    ]


def _head(handle: Any, at: int, order: str) -> _Head | None:
    """The header at a position; None if there is none."""
    handle.seek(at)
    raw = handle.read(20)
    if len(raw) < 20:
        return None
    mark, rows, columns, imaginary, length = struct.unpack(f"{order}5i", raw)
    # Thousands: the byte order; VAX and Cray numbers have others.
    thousands, rest = divmod(mark, 1000)
    hundreds, rest = divmod(rest, 100)
    type_index, kind = divmod(rest, 10)
    if thousands != "<>".index(order) or hundreds or type_index >= len(_TYPES) or kind > _SPARSE:
        return None
    if min(rows, columns) < 0 or imaginary not in (0, 1) or not 1 < length <= _LONGEST_NAME:
        return None
    name = handle.read(length).rstrip(b"\0").decode("ascii", "replace")
    if not _NAME.match(name):
        return None
    type_ = np.dtype(order + _TYPES[type_index])
    size = rows * columns * type_.itemsize * (1 + imaginary)
    return _Head(type_, kind, (rows, columns), bool(imaginary), name, at + 20 + length, size)


def _load(path: Path, head: _Head) -> Any:
    parts = []
    count = head.shape[0] * head.shape[1]
    with open(path, "rb") as handle:
        handle.seek(head.start)
        for _ in range(1 + head.complex):
            raw = bytearray(handle.read(count * head.type.itemsize))
            part = np.frombuffer(raw, head.type) if count else np.empty(0, head.type)
            parts.append(part.astype(head.type.newbyteorder("="), copy=False))
    values = parts[0] if not head.complex else parts[0] + 1j * parts[1]
    array = values.reshape(head.shape, order="F")
    if head.kind == _TEXT:
        rows = array.real.astype(np.uint8)
        return text_rows([row.tobytes().decode("latin-1") for row in rows])
    return _dense(array) if head.kind == _SPARSE else array


def _dense(table: NDArray) -> Any:
    """The matrix of a table of rows, columns (from 1) and values; the last row is its size."""
    if table.shape[0] < 1 or table.shape[1] not in (3, 4) or not np.isfinite(table).all():
        raise DamagedError(f"a sparse matrix as a table of {table.shape}")
    whole = table.real.astype(np.int64)
    rows, columns = whole[:-1, 0] - 1, whole[:-1, 1] - 1
    shape = (int(whole[-1, 0]), int(whole[-1, 1]))
    values = table[:-1, 2] + (1j * table[:-1, 3] if table.shape[1] == 4 else 0)
    if len(columns) and (columns.min() < 0 or columns.max() >= shape[1]):
        raise DamagedError("an element outside a sparse matrix")
    order = np.argsort(columns, kind="stable")
    starts = np.searchsorted(columns[order], np.arange(shape[1] + 1))
    return dense_matrix(rows[order], starts, values[order], shape)
