"""MATLAB files of versions 5, 6 and 7: one data element per variable, compressed in version 7.

References
----------
MathWorks, MAT-File Format (R2022b), chapter 1.
"""

from __future__ import annotations

import struct
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from aet_port.io.mat_elements import COMPRESSED, MATRIX, OPAQUE, Element, ElementReader
from aet_port.io.mat_values import DamagedError, StoredVariable

HEADER = 128  # bytes
_HEAD = 1024  # bytes that hold flags, size and name of a variable
_HEAD_STEP = 64
_BLOCK = 2**20


def stored_variables(path: Path, order: str) -> list[StoredVariable]:
    """The variables of a file, without their contents.

    Parameters
    ----------
    path
        The file.
    order
        Byte order, ``<`` or ``>``.

    Raises
    ------
    DamagedError
        If the file ends within a variable.
    """
    result = []
    for where in _top_level(path, order):
        try:
            data = _contents(path, where, order, head=True)
            head = ElementReader(data, order).head(8, len(data))
        except (DamagedError, zlib.error) as error:
            name = f"at byte {where.start - 8}"
            result.append(StoredVariable(name, "", None, partial(_fail, error)))
            continue
        if head.name:  # without name: what belongs to objects
            shape = None if head.kind == OPAQUE else head.shape
            load = partial(_load, path, where, order)
            result.append(StoredVariable(head.name, head.class_name, shape, load))
    return result


def check_objects(path: Path, order: str) -> None:
    """Check all that mat-io reads besides the variable itself in order to read an object.

    Raises
    ------
    DamagedError
        If it is damaged, or there is none. mat-io would crash on some damaged files.
    """
    if any(one.shape is None and not one.kind for one in stored_variables(path, order)):
        raise DamagedError("a damaged variable beside the objects")
    with open(path, "rb") as handle:
        offset = struct.unpack(f"{order}Q", handle.read(HEADER)[116:124])[0]
    place = [where for where in _top_level(path, order) if where.start - 8 == offset]
    if not place:
        raise DamagedError("no data of objects")
    inner = _load(path, place[0], order)
    if not isinstance(inner, np.ndarray) or inner.dtype != np.uint8 or inner.size < 16:
        raise DamagedError("data of objects of another type")
    data = inner.tobytes(order="F")
    marks = {b"IM": "<", b"MI": ">"}
    if data[2:4] not in marks:
        raise DamagedError("data of objects without byte order")
    reader = ElementReader(data, marks[data[2:4]])
    reader.inner(8, len(data), 0)


def _fail(error: Exception) -> Any:
    raise error


def _top_level(path: Path, order: str) -> list[Element]:
    """The elements of a file, one per variable."""
    tag, found = struct.Struct(f"{order}II"), []
    end = path.stat().st_size
    with open(path, "rb") as handle:
        at = HEADER
        while at < end:
            handle.seek(at)
            raw = handle.read(8)
            if len(raw) < 8:
                raise DamagedError("the file ends within a variable")
            kind, size = tag.unpack(raw)
            if size > end - at - 8:
                raise DamagedError(f"the file ends {size - (end - at - 8)} bytes too early")
            if kind or size:  # some copies are padded with zeros
                found.append(Element(kind, at + 8, size, at + 8 + size))
            at += 8 + size
    return found


def _contents(path: Path, where: Element, order: str, head: bool = False) -> bytearray:
    """The element of a variable with its tag, expanded; only its first bytes for the head."""
    if where.kind not in (MATRIX, COMPRESSED):
        raise DamagedError(f"an element of type {where.kind} in place of a variable")
    with open(path, "rb") as handle:
        if where.kind == MATRIX:
            handle.seek(where.start - 8)
            wanted = min(_HEAD, where.size + 8) if head else where.size + 8
            data = bytearray(wanted)
            if handle.readinto(data) != wanted:
                raise DamagedError("the file ends within a variable")
            return data
        handle.seek(where.start)
        return _expanded(handle, where.size, order, head)


def _expanded(handle: Any, size: int, order: str, head: bool) -> bytearray:
    """Expand ``size`` bytes, to no more than the variable states; the checksum must be right."""
    stream, data, left = zlib.decompressobj(), bytearray(), size
    most, step = _HEAD, _HEAD_STEP if head else _BLOCK
    while left and len(data) < most:
        block = handle.read(min(_HEAD if head else _BLOCK, left))
        left -= len(block)
        if not block:
            raise DamagedError("the file ends within a variable")
        while block and len(data) < most:
            try:
                data += stream.decompress(block, min(most - len(data), step))
            except zlib.error:
                if head and data:
                    return data  # the damage follows
                raise
            block = stream.unconsumed_tail
            if not head and len(data) >= 8:
                # Beyond the end, so that what should not be there is seen.
                most = struct.unpack_from(f"{order}II", data)[1] + 24
    return data


def _load(path: Path, where: Element, order: str) -> Any:
    data = _contents(path, where, order)
    reader = ElementReader(data, order)
    found = reader.element(0, len(data))
    if found.kind != MATRIX:
        raise DamagedError(f"an element of type {found.kind} in place of a variable")
    end = found.start + found.size
    if len(data) - end >= 8:
        raise DamagedError("more bytes in a variable than it states")
    return reader.value(reader.head(found.start, end), end)[0]
