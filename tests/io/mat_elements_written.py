"""Data elements of MATLAB files of version 5, written byte by byte for tests."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

NUMBERS = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 9}
CELL, STRUCT, CHAR, SPARSE, DOUBLE, FUNCTION, OPAQUE = 1, 2, 4, 5, 6, 16, 17
MATRIX = 14


def element(kind: int, raw: bytes) -> bytes:
    """One data element with its tag, padded to 8 bytes."""
    return struct.pack("<II", kind, len(raw)) + raw + bytes(-len(raw) % 8)


def numbers(values: object, dtype: str) -> bytes:
    """An element of numbers."""
    return element(NUMBERS[dtype], np.asarray(values, dtype=f"<{dtype}").tobytes(order="F"))


def matrix(kind: int, shape: tuple[int, ...], *parts: bytes, name: str = "") -> bytes:
    """A variable, cell or field: flags, size, name, and the parts of its class."""
    head = numbers([kind, 0], "u4") + numbers(shape, "i4") + element(1, name.encode())
    return element(MATRIX, head + b"".join(parts))


def double(values: object, name: str = "") -> bytes:
    """A matrix of doubles."""
    array = np.asarray(values, dtype=float)
    return matrix(DOUBLE, array.shape, numbers(array, "f8"), name=name)


def structure(fields: dict[str, bytes], name: str = "") -> bytes:
    """A structure of one element."""
    names = b"".join(key.encode().ljust(32, b"\0") for key in fields)
    parts = (numbers([32], "i4"), element(1, names), *fields.values())
    return matrix(STRUCT, (1, 1), *parts, name=name)


def handle(inner: bytes, name: str = "") -> bytes:
    """A function handle, which holds a structure."""
    return matrix(FUNCTION, (1, 1), inner, name=name)


def opaque(system: str, class_name: str, inner: bytes, name: str) -> bytes:
    """An object: Java, COM or MATLAB's own (MCOS)."""
    words = b"".join(element(1, word.encode()) for word in (name, system, class_name))
    return element(MATRIX, numbers([OPAQUE, 0], "u4") + words + inner)


def write_v5(path: Path, *variables: bytes) -> Path:
    """A file of these variables, without data of objects."""
    header = b"MATLAB 5.0 MAT-file, by hand".ljust(116) + bytes(8) + b"\x00\x01IM"
    path.write_bytes(header + b"".join(variables))
    return path
