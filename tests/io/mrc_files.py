"""MRC files of other programs, written byte by byte."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODES = {"i1": 0, "u1": 0, "i2": 1, "f4": 2, "u2": 6, "f2": 12, "c8": 4}
IMOD_STAMP = 1146047817


def mrc_bytes(
    sections: NDArray,
    *,
    pixel: float = 0.5,
    order: str = "<",
    mode: int | None = None,
    extended: bytes = b"",
    kind: bytes = b"\0\0\0\0",
    numbers: tuple[int, int] = (0, 0),
    imod: int | None = None,
    extremes: tuple[float, float] | None = None,
    stamp: bytes | None = None,
    name: bytes = b"MAP ",
    space_group: int = 0,
    depth: int | None = None,
    cell: tuple[float, float, float] | None = None,
    labels: tuple[bytes, ...] = (b"made by hand",),
) -> bytes:
    """An MRC file of sections (section, row, column); offsets are those of MRC2014 and IMOD."""
    nz, ny, nx = sections.shape
    grid = (nx, ny, nz if depth is None else depth)
    head = bytearray(1024)

    def put(offset: int, form: str, *values: Any) -> None:
        struct.pack_into(order + form, head, offset, *values)

    put(0, "4i", nx, ny, nz, MODES[sections.dtype.str[1:]] if mode is None else mode)
    put(28, "3i", *grid)
    put(40, "3f", *(cell or [n * pixel for n in grid]))
    put(64, "3i", 1, 2, 3)
    real = np.abs(sections) if sections.dtype.kind == "c" else sections
    put(76, "2f", *(extremes or (real.min(), real.max())))
    put(88, "2i", space_group, len(extended))
    head[104:108] = kind
    put(128, "2h", *numbers)
    if imod is not None:
        put(152, "2i", IMOD_STAMP, imod)
    head[208:212] = name
    head[212:216] = stamp if stamp is not None else {"<": b"DD\0\0", ">": b"\x11\x11\0\0"}[order]
    put(220, "i", len(labels))
    for index, label in enumerate(labels):
        head[224 + 80 * index : 304 + 80 * index] = label.ljust(80)
    stored = sections.astype(sections.dtype.newbyteorder(order))
    return bytes(head) + extended + stored.tobytes()


def write_mrc_bytes(path: Path, sections: NDArray, **facts: Any) -> Path:
    """Write :func:`mrc_bytes` to a file."""
    path.write_bytes(mrc_bytes(sections, **facts))
    return path


def sections_of(n: int, nx: int, ny: int, kind: str = "i2") -> NDArray:
    """Sections (n, ny, nx) in which every pixel has another value, as far as the type allows."""
    return (1 + np.arange(n * nx * ny).reshape(n, ny, nx) % 250).astype(kind)
