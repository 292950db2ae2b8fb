"""Sections of MRC files of all makers: bytes with and without sign, 4 bits, compressed files.

The size of a file is checked against its header before anything is allocated.
"""

from __future__ import annotations

import bz2
import gzip
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError
from aet_port.io.arrays import COMPRESSED, Sections, existing_file, reading, real_array
from aet_port.io.mrc_headers import FOUR_BIT, HEADER_BYTES, TYPES, MrcHeader, parse_header

_BLOCK = 2**22  # bytes read at a time from a compressed file


def read_mrc(path: str | Path, expected: str) -> Sections:
    """Read the sections of an MRC file, with axes in the order (section z, row y, column x).

    Raises
    ------
    DataFileError
        If it is missing, truncated, not MRC, or holds complex numbers or colours.

    Warns
    -----
    UserWarning
        If the file is longer than its header states, or the sign of its bytes is not certain.
    """
    return read_mrc_parts(path, expected)[0]


def read_mrc_parts(path: str | Path, expected: str) -> tuple[Sections, MrcHeader, bytes]:
    """The sections of an MRC file as in :func:`read_mrc`, its header, and its extended header.

    Raises
    ------
    DataFileError
        As for :func:`read_mrc`.
    """
    file = existing_file(path, expected)
    with reading(file, expected):
        if file.suffix.lower() in COMPRESSED:
            header, extended, stored, more = _of_compressed(file, expected)
        else:
            header, extended, stored, more = _of_plain(file, expected)
    if more:
        text = f"{file}: {more} bytes more than its header states, which are not read"
        warnings.warn(text, UserWarning, stacklevel=3)
    array = _pixels(file, header, stored).reshape(header.array_shape)
    axes = list(header.axes)
    if array.ndim == 3 and sorted(axes) == [1, 2, 3]:
        array = array.transpose([2 - axes.index(axis) for axis in (3, 2, 1)])
    # Most programs write a zero origin without meaning the corner.
    known = header.origin if header.ours or header.origin.any() else None
    sections = Sections(
        real_array(file, array, expected), header.size, known, header.ours, header.size_is_known
    )
    return sections, header, extended


def _of_plain(file: Path, expected: str) -> tuple[MrcHeader, bytes, NDArray[np.uint8], int]:
    """Header, extended header, bytes of the pixels, and the number of bytes beyond them."""
    with open(file, "rb") as handle:
        header = parse_header(file, handle.read(HEADER_BYTES), expected)
        n_bytes, wanted = file.stat().st_size, _file_bytes(header)
        if n_bytes < wanted:
            raise _too_short(file, header, n_bytes)
        extended = handle.read(header.n_extended)
        stored = np.fromfile(handle, np.uint8, header.data_bytes)
    return header, extended, stored, n_bytes - wanted


def _of_compressed(file: Path, expected: str) -> tuple[MrcHeader, bytes, NDArray[np.uint8], int]:
    """The same of a compressed file, of which no more is unpacked than the header states."""
    unpack: Any = gzip.open if file.suffix.lower() == ".gz" else bz2.open
    with unpack(file, "rb") as handle:
        header = parse_header(file, handle.read(HEADER_BYTES), expected)
        parts = bytearray()
        wanted = header.n_extended + header.data_bytes
        while len(parts) < wanted:
            block = handle.read(min(_BLOCK, wanted - len(parts)))
            if not block:
                raise _too_short(file, header, HEADER_BYTES + len(parts))
            parts += block
        more = len(handle.read(_BLOCK))
    stored = np.frombuffer(parts, np.uint8)
    return header, bytes(parts[: header.n_extended]), stored[header.n_extended :], more


def _file_bytes(header: MrcHeader) -> int:
    return HEADER_BYTES + header.n_extended + header.data_bytes


def _too_short(file: Path, header: MrcHeader, n_bytes: int) -> DataFileError:
    nx, ny, nz = header.shape
    found = f"{n_bytes} bytes, a truncated file"
    expected = f"{_file_bytes(header)} for {nx} x {ny} x {nz} pixels of mode {header.mode}"
    return DataFileError(file, found, expected)


def _pixels(file: Path, header: MrcHeader, stored: NDArray[np.uint8]) -> NDArray:
    """Pixels, flat, in the type and byte order of the file."""
    if header.mode == FOUR_BIT:
        # The first of two pixels is in the lower half of the byte; rows start with a new byte.
        rows = stored.reshape(-1, header.row_bytes)
        pairs = np.stack([rows & 15, rows >> 4], axis=2).reshape(len(rows), -1)
        return np.ascontiguousarray(pairs[:, : header.shape[0]])
    if header.mode == 0:
        return stored.view(np.int8) if _are_signed(file, header, stored) else stored
    return stored.view(f"{header.order}{TYPES[header.mode]}")


def _are_signed(file: Path, header: MrcHeader, stored: NDArray[np.uint8]) -> bool:
    """Whether bytes are signed: by IMOD's flags, else by the lowest and highest pixel stated.

    MRC2014 says that they are; before IMOD 4.2.23 and in many other programs they are not.
    """
    lowest, highest = header.extremes
    says_signed, says_unsigned = lowest < 0, highest > 127
    stated = header.signed_bytes
    if stated is None and stored.max(initial=0) < 128:
        return True  # the same numbers in both types
    if stated is not None:
        if says_signed != says_unsigned and stated != says_signed:
            kind = "signed" if stated else "unsigned"
            text = (
                f"{file}: bytes are {kind} by IMOD's flags, though the header has pixels from "
                f"{lowest:g} to {highest:g}; read as {kind}"
            )
            warnings.warn(text, UserWarning, stacklevel=5)
        return stated
    if says_signed != says_unsigned:
        return says_signed
    text = (
        f"{file}: whether bytes above 127 are negative is not stated (no IMOD flags, pixels from "
        f"{lowest:g} to {highest:g} in the header); read as signed, as MRC2014 says. If they "
        "are not, write the file with 16 bits (IMOD: newstack -mode 1)"
    )
    warnings.warn(text, UserWarning, stacklevel=5)
    return True
