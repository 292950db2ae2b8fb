"""Data elements of MATLAB files of versions 5 to 7, each checked before it is used.

A variable is a data element that consists of elements: flags, size, name and numbers, or further
variables. No size is believed before it has been compared with the bytes there are.

References
----------
MathWorks, MAT-File Format (R2022b), chapter 1.
"""

from __future__ import annotations

import struct
from collections import Counter
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aet_port.io.mat_values import (
    MAX_DEPTH,
    MOST_EMPTY,
    DamagedError,
    Unread,
    cell_array,
    check_count,
    check_empty,
    check_object_records,
    check_objects_in,
    class_of,
    dense_matrix,
    rows_or_one,
    text_rows,
)

MATRIX, COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
_NUMBERS |= {12: "i8", 13: "u8"}
_TEXT = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4"}
_CLASSES |= {14: "i8", 15: "u8"}
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, _FUNCTION, OPAQUE = 1, 2, 3, 4, 5, 16, 17
_NAMES = {1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 16: "function_handle"}
_TABLE = "FileWrapper__"  # class of the table of all objects
_MOST_DIMENSIONS = 32


class Element(NamedTuple):
    """Type of an element, where its bytes start, how many there are, where the next one starts."""

    kind: int
    start: int
    size: int
    after: int


class Head(NamedTuple):
    """Flags, size and name of a variable; ``at`` is where its contents start."""

    kind: int
    logical: bool
    complex: bool
    shape: tuple[int, ...]
    name: str
    class_name: str
    system: str
    at: int


class ElementReader:
    """Values of the data elements in a buffer."""

    def __init__(self, data: bytes | bytearray, order: str) -> None:
        self.data, self.order = data, order
        self._tag = struct.Struct(f"{order}II")

    def element(self, at: int, end: int) -> Element:
        """The element at a position, which must end before ``end``."""
        if at + 8 > end:
            raise DamagedError("an element is missing")
        kind, size = self._tag.unpack_from(self.data, at)
        if kind >> 16:  # up to four bytes in the tag itself
            kind, size = kind & 0xFFFF, kind >> 16
            if size > 4:
                raise DamagedError(f"{size} bytes in an element of 4")
            return Element(kind, at + 4, size, at + 8)
        if size > end - at - 8:
            raise DamagedError(f"an element of {size} bytes where {end - at - 8} are left")
        return Element(kind, at + 8, size, min(at + 8 + size + -size % 8, end))

    def numbers(self, at: int, end: int) -> tuple[NDArray, int]:
        """Numbers of the element at a position, and where the next one starts."""
        found = self.element(at, end)
        if found.kind not in _NUMBERS:
            raise DamagedError(f"numbers of type {found.kind}")
        kind = np.dtype(self.order + _NUMBERS[found.kind])
        if found.size % kind.itemsize:
            raise DamagedError(f"{found.size} bytes of numbers of {kind.itemsize} bytes each")
        if found.size == 0:
            return np.empty(0, dtype=kind), found.after
        count = found.size // kind.itemsize
        return np.frombuffer(self.data, kind, count, found.start), found.after

    def word(self, at: int, end: int) -> tuple[str, int]:
        """A name, and where the next element starts."""
        found = self.element(at, end)
        if found.kind not in (1, 2, 16):
            raise DamagedError(f"a name of type {found.kind}")
        raw = bytes(self.data[found.start : found.start + found.size])
        return raw.rstrip(b"\0").decode("utf-8", "replace"), found.after

    def head(self, at: int, end: int) -> Head:
        """Flags, size and name of the variable whose elements start at a position."""
        flags, at = self.numbers(at, end)
        if flags.nbytes != 8:
            raise DamagedError("flags of another size")
        bits = int(flags.view(f"{self.order}u4")[0])
        kind = bits & 0xFF
        logical, is_complex = bool(bits >> 9 & 1), bool(bits >> 11 & 1)
        if kind == OPAQUE:
            name, at = self.word(at, end)
            system, at = self.word(at, end)
            class_name, at = self.word(at, end)
            return Head(kind, False, False, (), name, class_name, system, at)
        if kind not in _CLASSES and kind not in _NAMES:
            raise DamagedError(f"class {kind}")
        sizes, at = self.numbers(at, end)
        if sizes.dtype.kind not in "iu" or sizes.dtype.itemsize != 4:
            raise DamagedError(f"a size of type {sizes.dtype}")
        if not 2 <= sizes.size <= _MOST_DIMENSIONS or sizes.min() < 0:
            raise DamagedError(f"an array of {sizes.size} dimensions")
        name, at = self.word(at, end)
        class_name = _NAMES.get(kind, "") or class_of(np.dtype(_CLASSES[kind]))
        if kind == _OBJECT:
            class_name, at = self.word(at, end)
        if logical:
            class_name = class_of(np.dtype(bool))
        shape = tuple(map(int, sizes))
        return Head(kind, logical, is_complex, shape, name, class_name, "", at)

    def value(self, head: Head, end: int, depth: int = 0) -> tuple[Any, int]:
        """Value of a variable, and where its last element ends."""
        if depth > MAX_DEPTH:
            raise DamagedError(f"more than {MAX_DEPTH} structures within each other")
        at = head.at
        if head.kind in _CLASSES:
            return self._array(head, at, end)
        if head.kind == _SPARSE:
            return self._sparse(head, at, end)
        count = prod(head.shape)
        if count > max(MOST_EMPTY, end - at):
            raise DamagedError(f"{count} cells, structures or letters in {end - at} bytes")
        check_empty(head.shape)
        if head.kind == _CHAR:
            return self._text(head, at, end)
        if head.kind == _FUNCTION:
            return Unread("function handle"), self.inner(at, end, depth)[1] if at < end else at
        if head.kind == OPAQUE:
            inner, at = self.inner(at, end, depth)
            check_objects_in(inner)
            if head.class_name == _TABLE and isinstance(inner, np.ndarray) and inner.size:
                check_object_records(inner.flat[0], self.order)
            return Unread(head.class_name or "object", head.system == "MCOS"), at
        fields = [""]
        if head.kind in (_STRUCT, _OBJECT):
            fields, at = self._fields(at, end)
        if count * len(fields) * 8 > end - at:
            raise DamagedError(f"{count} cells or structures in {end - at} bytes")
        items: list[Any] = []
        for _ in range(count if fields else 0):
            row = {}
            for field in fields:
                row[field], at = self.inner(at, end, depth)
            items.append(row if head.kind != _CELL else row[""])
        if head.kind == _CELL:
            return cell_array(head.shape, items), at
        return (rows_or_one(head.shape, items) if fields else {}), at

    def inner(self, at: int, end: int, depth: int) -> tuple[Any, int]:
        """Value of a variable within another one."""
        found = self.element(at, end)
        if found.kind != MATRIX:
            raise DamagedError(f"an element of type {found.kind} in place of a variable")
        if found.size == 0:
            return np.empty((0, 0)), found.after
        stop = found.start + found.size
        value, last = self.value(self.head(found.start, stop), stop, depth + 1)
        if stop - last >= 8:
            raise DamagedError(f"{stop - last} bytes too many in a cell or field")
        return value, found.after

    def _array(self, head: Head, at: int, end: int) -> tuple[NDArray, int]:
        real, at = self.numbers(at, end)
        check_count(real.size, head.shape)
        kind = np.dtype(bool if head.logical else _CLASSES[head.kind])
        with np.errstate(invalid="ignore"):
            # Numbers are stored in the smallest type that holds them.
            values = real.astype(kind, copy=not real.flags.aligned)
        if head.complex:
            imaginary, at = self.numbers(at, end)
            check_count(imaginary.size, head.shape)
            single = kind == np.float32
            values = values.astype(np.complex64 if single else np.complex128)
            values.imag = imaginary
        return values.reshape(head.shape, order="F"), at

    def _text(self, head: Head, at: int, end: int) -> tuple[Any, int]:
        found = self.element(at, end)
        if found.kind not in _TEXT:
            raise DamagedError(f"text of type {found.kind}")
        codec = _TEXT[found.kind]
        if codec in ("utf-16", "utf-32"):
            codec += "-le" if self.order == "<" else "-be"
        raw = bytes(self.data[found.start : found.start + found.size])
        text = raw.decode(codec, "replace")
        count = head.shape[0]
        if count <= 1 or len(text) != prod(head.shape):
            return text, found.after
        return text_rows([text[row::count] for row in range(count)]), found.after

    def _sparse(self, head: Head, at: int, end: int) -> tuple[Any, int]:
        rows, at = self.numbers(at, end)
        starts, at = self.numbers(at, end)
        stored = self.element(at, end)
        if len(head.shape) != 2 or not starts.size:
            raise DamagedError(f"a sparse array of {len(head.shape)} dimensions")
        if head.logical and stored.size == starts[-1]:
            # MATLAB stores bytes that it calls doubles.
            raw = self.data[stored.start : stored.start + stored.size]
            values: NDArray = np.frombuffer(raw, np.int8)
            at = stored.after
        else:
            values, at = self.numbers(at, end)
        kind = np.dtype(bool if head.logical else values.dtype.newbyteorder("="))
        values = values.astype(kind)
        if head.complex:
            imaginary, at = self.numbers(at, end)
            check_count(imaginary.size, values.shape)
            values = values + 1j * imaginary
        return dense_matrix(rows, starts, values, (head.shape[0], head.shape[1])), at

    def _fields(self, at: int, end: int) -> tuple[list[str], int]:
        lengths, at = self.numbers(at, end)
        found = self.element(at, end)
        length = int(lengths[0]) if lengths.size == 1 and lengths.dtype.itemsize == 4 else 0
        if length <= 0 or found.size % length or found.kind not in (1, 2, 16):
            raise DamagedError("names of fields of another size")
        raw = bytes(self.data[found.start : found.start + found.size])
        parts = [raw[k : k + length].split(b"\0")[0] for k in range(0, len(raw), length)]
        names, seen = [], Counter[str]()
        for name in (part.decode("utf-8", "replace") for part in parts):
            names.append(f"_{seen[name]}_{name}" if seen[name] else name)
            seen[name] += 1
        return names, found.after
