"""Headers of MRC files: the standard's 1024 bytes, with what IMOD adds to them.

References
----------
Cheng et al., J. Struct. Biol. 192, 146 (2015), MRC2014; the MRC format of IMOD,
https://bio3d.colorado.edu/imod/doc/mrc_format.txt, for ``imodStamp``, ``imodFlags``, mode 101 and
``nint``, ``nreal``. Files from before 2000 have neither map identifier nor machine stamp.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError

HEADER_BYTES = 1024
OUR_LABEL = "aet-port"
TYPES = {0: "u1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
FOUR_BIT = 101
_REFUSED = {
    3: "complex numbers (mode 3), a Fourier transform",
    4: "complex numbers (mode 4), a Fourier transform",
    16: "colours (mode 16)",
}
_MODES = {*TYPES, *_REFUSED, FOUR_BIT}
_IMOD_STAMP = 1146047817
_SIGNED, _SIZE_IS_SET, _HALF_BYTES = 1, 2, 16  # bits of imodFlags
_VOLUME_STACK = 401
_STAMPS = {0x44: "<", 0x11: ">"}


@dataclass(frozen=True)
class MrcHeader:
    """Header of an MRC file.

    Parameters
    ----------
    order
        Byte order, ``<`` or ``>``.
    shape
        Columns, rows, sections.
    mode
        Type of the pixels.
    grid, cell
        Intervals and length in angstrom of the cell along x, y, z.
    axes
        Axis (1, 2, 3) of columns, rows and sections.
    extremes
        Lowest and highest pixel as stated.
    space_group
        0 for images, 1 for a volume, from 401 for a stack of volumes.
    n_extended, extended_type
        Bytes of the extended header, and the four letters of its type.
    n_int, n_real
        Structure of the extended header, see :mod:`aet_port.io.mrc_extended`.
    imod_flags
        IMOD's flags; None without its stamp.
    origin
        As stored, in angstrom.
    labels
        Texts.
    """

    order: str
    shape: tuple[int, int, int]
    mode: int
    grid: tuple[int, int, int]
    cell: tuple[float, float, float]
    axes: tuple[int, int, int]
    extremes: tuple[float, float]
    space_group: int
    n_extended: int
    extended_type: bytes
    n_int: int
    n_real: int
    imod_flags: int | None
    origin: NDArray[np.float64]
    labels: tuple[str, ...]

    @property
    def size(self) -> tuple[float, float, float]:
        """Length of a pixel along x, y, z in angstrom; 0 if not stated."""
        pairs = zip(self.cell, self.grid, strict=True)
        x, y, z = (length / n if n > 0 and np.isfinite(length) else 0.0 for length, n in pairs)
        return x, y, z

    @property
    def ours(self) -> bool:
        """Whether this package wrote the file."""
        return any(label.startswith(OUR_LABEL) for label in self.labels)

    @property
    def size_is_known(self) -> bool:
        """Whether the length of a pixel is believed: 1 angstrom often stands for an unknown one."""
        fixed = bool((self.imod_flags or 0) & _SIZE_IS_SET)
        return self.ours or fixed or 1.0 not in self.size[:2]

    @property
    def size_was_set(self) -> bool:
        """Whether IMOD has put the pixel size of the extended header into the header."""
        return bool((self.imod_flags or 0) & _SIZE_IS_SET)

    @property
    def signed_bytes(self) -> bool | None:
        """Whether bytes are signed, from IMOD's flags; None without them."""
        return None if self.imod_flags is None else bool(self.imod_flags & _SIGNED)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of pixels."""
        if self.mode == FOUR_BIT:
            return (self.shape[0] + 1) // 2
        return self.shape[0] * np.dtype(TYPES[self.mode]).itemsize

    @property
    def data_bytes(self) -> int:
        """Bytes of all pixels."""
        return self.row_bytes * self.shape[1] * self.shape[2]

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Shape of the array: (section, y, x); (y, x) for one image, 4-D for several volumes."""
        nx, ny, nz = self.shape
        depth = self.grid[2]
        if self.space_group >= _VOLUME_STACK and 0 < depth < nz and nz % depth == 0:
            return nz // depth, depth, ny, nx
        return (ny, nx) if nz == 1 and self.space_group == 0 else (nz, ny, nx)


def parse_header(path: str | Path, block: bytes, expected: str) -> MrcHeader:
    """Read the first 1024 bytes of an MRC file; its pixels are of a type that can be read.

    Parameters
    ----------
    path
        Named in errors.
    block
        The bytes.
    expected
        What the file should hold, for errors.

    Raises
    ------
    DataFileError
        If they are no MRC header, or state complex or coloured pixels.

    Notes
    -----
    MATLAB: none; the byte order is that of the machine stamp if size and mode are possible in it,
    else the other one. Without a stamp the smaller size counts, as a swapped one is huge.

    Examples
    --------
    >>> import struct
    >>> from aet_port.io.mrc_headers import parse_header
    >>> header = parse_header("a.mrc", struct.pack("<4i", 64, 48, 3, 2).ljust(1024, b"\\0"), "MRC")
    >>> header.array_shape, header.data_bytes
    ((3, 48, 64), 36864)
    """
    if len(block) < HEADER_BYTES:
        raise DataFileError(path, f"{len(block)} bytes", f"the 1024 of an MRC header; {expected}")
    possible = [order for order in "<>" if _is_possible(block, order)]
    if not possible:
        nx, ny, nz, mode = struct.unpack_from("<4i", block, 0)
        found = f"a header of {nx} x {ny} x {nz} pixels of mode {mode}: no MRC file"
        raise DataFileError(path, found, expected)
    stamped = _STAMPS.get(block[212])
    possible.sort(
        key=lambda order: (order != stamped, prod(struct.unpack_from(f"{order}3i", block)))
    )
    header = _unpacked(block, possible[0])
    if header.mode in _REFUSED:
        raise DataFileError(
            path, _REFUSED[header.mode], f"images or volumes of real numbers; {expected}"
        )
    if header.mode == 0 and (header.imod_flags or 0) & _HALF_BYTES:
        found = "bytes of two pixels each (IMOD's flag 16)"
        raise DataFileError(
            path, found, "a pixel a byte or more; IMOD's newstack -mode 1 writes it"
        )
    return header


def _is_possible(block: bytes, order: str) -> bool:
    """Whether size and mode may be meant in a byte order."""
    nx, ny, nz, mode = struct.unpack_from(f"{order}4i", block, 0)
    (n_extended,) = struct.unpack_from(f"{order}i", block, 92)
    return min(nx, ny, nz) > 0 and mode in _MODES and n_extended >= 0


def _unpacked(block: bytes, order: str) -> MrcHeader:
    """The header in a byte order."""

    def ints(offset: int, n: int) -> tuple[int, ...]:
        return struct.unpack_from(f"{order}{n}i", block, offset)

    def floats(offset: int, n: int) -> tuple[float, ...]:
        return struct.unpack_from(f"{order}{n}f", block, offset)

    nx, ny, nz, mode = ints(0, 4)
    n_int, n_real = struct.unpack_from(f"{order}2h", block, 128)
    stamp, flags = ints(152, 2)
    n_labels = min(max(ints(220, 1)[0], 0), 10)
    texts = [block[at : at + 80] for at in range(224, 224 + 80 * n_labels, 80)]
    labels = [text.split(b"\0")[0].decode("latin-1").strip() for text in texts]
    return MrcHeader(
        order,
        (nx, ny, nz),
        mode,
        ints(28, 3),  # type: ignore[arg-type]
        floats(40, 3),  # type: ignore[arg-type]
        ints(64, 3),  # type: ignore[arg-type]
        floats(76, 2),  # type: ignore[arg-type]
        ints(88, 1)[0],
        ints(92, 1)[0],
        block[104:108],
        n_int,
        n_real,
        flags if stamp == _IMOD_STAMP else None,
        np.array(floats(196, 3), dtype=np.float64),
        tuple(labels),
    )
