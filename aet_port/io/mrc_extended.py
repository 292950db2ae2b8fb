"""Extended headers of MRC files: tilt angles, pixel size, tilt axis, voltage of each section.

Four kinds are read:

- FEI's (types ``FEI1`` and ``FEI2``): a record for each section that starts with its length; a bit
  mask tells which entries count.
- The older one of Agard and FEI: 4-byte numbers, ``nint`` integers, then ``nreal`` reals, or 32
  reals for up to 1024 sections: alpha tilt, ..., tilt axis (11th), pixel size (12th).
- SerialEM's: ``nint`` bytes for each section, of which the bits of ``nreal`` tell the contents;
  the first is the tilt angle times 100 as a 16-bit integer.

The tilt axis is given as a rotation from the vertical (y). IMOD counts it counterclockwise, this
package from y towards x, clockwise. FEI's sign is opposite to IMOD's: IMOD's command ``header``
turns it ("Corrected sign") in FEI1, and in the older kind if the first label starts with "Fei ".

References
----------
https://bio3d.colorado.edu/imod/doc/mrc_format.txt; FEI, MRC 2014 specifications of the extended
header; the field names in mrcfile (Burnley et al., Acta Cryst. D73, 469, 2017) and RosettaSciIO.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError
from aet_port.io.mrc_headers import MrcHeader
from aet_port.io.statements import Stated, half_turn, stated

SOURCE = "extended header"
_ITEM_BYTES = (2, 6, 4, 2, 2, 4, 2, 4, 2, 4, 2)  # of SerialEM's items, by bit
_TILT, _PIECES = 1, 2  # bits of SerialEM
_OLD_FIELDS, _OLD_BYTES, _OLD_SECTIONS = 12, 128, 1024
_FEI_BYTES = 172  # up to the last entry that is read
_SAME = 1e-4  # relative
# This version multiplied its angles by 180/pi once too often (IMOD corrects it too).
_TOO_LARGE = b"4.4.0.4981"


@dataclass(frozen=True, eq=False)
class ExtendedHeader:
    """What an extended header states; empty where it states nothing.

    Parameters
    ----------
    angles
        Tilt angle of each section in degrees.
    pixel_sizes
        Angstrom.
    tilt_axes
        Degrees from y towards x.
    voltage
        Kilovolt.
    pieces
        Number of different places of the pieces of a montage; 1 for whole images.
    """

    angles: list[Stated[NDArray[np.float64]]]
    pixel_sizes: list[Stated[float]]
    tilt_axes: list[Stated[float]]
    voltage: float | None = None
    pieces: int = 1


def parse_extended(path: str | Path, header: MrcHeader, block: bytes) -> ExtendedHeader:
    """What the extended header of an MRC file states, of all kinds; an unusable entry included.

    Parameters
    ----------
    path
        Named in errors.
    header
        The header.
    block
        The bytes between header and pixels.

    Notes
    -----
    MATLAB: none
    """
    if header.extended_type in (b"FEI1", b"FEI2"):
        return _of_fei(Path(path), header, block)
    if _is_serialem(header, len(block)):
        return _of_serialem(Path(path), header, block)
    start, step = _old_layout(header, len(block))
    return _of_old(Path(path), header, block, start, step) if step else _NOTHING


_NOTHING = ExtendedHeader([], [], [])


def _is_serialem(header: MrcHeader, n_bytes: int) -> bool:
    """Whether ``nint`` is a number of bytes and ``nreal`` one of bits; other programs add bytes."""
    flags, step = header.n_real, header.n_int
    if not (0 < flags < 2 ** len(_ITEM_BYTES) and step > 0 and step * header.shape[2] <= n_bytes):
        return False
    items = sum(n for bit, n in enumerate(_ITEM_BYTES) if flags >> bit & 1)
    agard = 4 * (step + flags) * header.shape[2] <= n_bytes
    return items == step or (items < step and (header.extended_type == b"SERI" or not agard))


def _of_serialem(file: Path, header: MrcHeader, block: bytes) -> ExtendedHeader:
    step, n = header.n_int, header.shape[2]
    rows = np.frombuffer(block, np.uint8, step * n).reshape(n, step)

    def column(offset: int, kind: str) -> NDArray:
        values = np.ascontiguousarray(rows[:, offset : offset + 2])
        return values.view(header.order + kind)[:, 0]

    has_tilt = bool(header.n_real & _TILT)
    pieces = 1
    if header.n_real & _PIECES:
        offset = 2 if has_tilt else 0
        places = np.stack([column(offset, "u2"), column(offset + 2, "u2")], axis=1)
        pieces = len(np.unique(places, axis=0))
    angles = column(0, "i2") / 100 if has_tilt else np.zeros(n)
    return ExtendedHeader(stated(SOURCE, lambda: _usable(file, angles)), [], [], pieces=pieces)


def _old_layout(header: MrcHeader, n_bytes: int) -> tuple[int, int]:
    """Start of the reals in a record of the older kind, and its length in bytes; 0 for none."""
    n_int, n_real, n = header.n_int, header.n_real, header.shape[2]
    if n_int >= 0 and n_real >= _OLD_FIELDS and 4 * (n_int + n_real) * n <= n_bytes:
        return 4 * n_int, 4 * (n_int + n_real)
    if n_int == n_real == 0 and n <= _OLD_SECTIONS and n_bytes == _OLD_SECTIONS * _OLD_BYTES:
        return 0, _OLD_BYTES
    return 0, 0


def _of_old(file: Path, header: MrcHeader, block: bytes, start: int, step: int) -> ExtendedHeader:
    n = header.shape[2]
    rows = np.frombuffer(block, np.uint8, step * n).reshape(n, step)
    reals = np.ascontiguousarray(rows[:, start : start + 4 * _OLD_FIELDS])
    table = reals.view(header.order + "f4").astype(np.float64)

    def size() -> float | None:
        sizes = table[:, 11]
        # In metres; programs of UCSF write angstrom.
        metres = (sizes > 0) & (sizes < 1e-6)
        return _one_size(file, np.where(metres, sizes * 1e10, sizes))

    # FEI's sign is that of this package, any other is IMOD's.
    sign = 1 if header.labels and header.labels[0].startswith("Fei") else -1
    axis = table[0, 10]
    return ExtendedHeader(
        stated(SOURCE, lambda: _usable(file, table[:, 0])),
        [] if header.size_was_set else stated(SOURCE, size),
        [Stated(SOURCE, half_turn(sign * axis))] if 0 < abs(axis) <= 360 else [],
    )


def _of_fei(file: Path, header: MrcHeader, block: bytes) -> ExtendedHeader:
    records = [block[at : at + _FEI_BYTES] for at in _fei_starts(header, block)]
    if len(records) < header.shape[2]:
        problem = DataFileError(
            file, f"an extended header of {len(records)} sections", f"{header.shape[2]} sections"
        )
        return ExtendedHeader([Stated(SOURCE, None, problem)], [], [])

    def column(offset: int, bit: int) -> NDArray[np.float64] | None:
        masks = [struct.unpack_from("<I", record, 8)[0] for record in records]
        if not all(mask >> bit & 1 for mask in masks):
            return None
        values = [struct.unpack_from(f"{header.order}d", record, offset)[0] for record in records]
        return np.array(values)

    def size() -> float | None:
        across, along = column(156, 14), column(164, 15)
        if across is None:
            return None
        both = across if along is None else np.concatenate([across, along])
        return _one_size(file, both * 1e10)

    scale = np.pi / 180 if records[0][68:84].split(b"\0")[0] == _TOO_LARGE else 1.0
    tilts, axes, volts = column(100, 7), column(140, 12), column(84, 5)
    axis = None if axes is None else float(axes[0]) * scale
    kilovolts = None if volts is None else float(volts[0]) / 1000
    return ExtendedHeader(
        [] if tilts is None else stated(SOURCE, lambda: _usable(file, tilts * scale)),
        [] if header.size_was_set else stated(SOURCE, size),
        [Stated(SOURCE, half_turn(axis))] if axis is not None and abs(axis) <= 360 else [],
        kilovolts if kilovolts and 1 < kilovolts < 5000 else None,
    )


def _fei_starts(header: MrcHeader, block: bytes) -> Iterator[int]:
    """Where the record of each section starts."""
    at = 0
    for _ in range(header.shape[2]):
        if at + _FEI_BYTES > len(block):
            return
        (length,) = struct.unpack_from(f"{header.order}i", block, at)
        if length < _FEI_BYTES:
            return
        yield at
        at += length


def _usable(file: Path, angles: NDArray) -> NDArray[np.float64] | None:
    """Angles in degrees; None if they were not set."""
    if not angles.any() and len(angles) > 1:
        return None
    if not np.isfinite(angles).all() or np.abs(angles).max() > 180:
        raise DataFileError(
            file, "tilt angles in the extended header that are no angles", "degrees up to 180"
        )
    return np.asarray(angles, dtype=np.float64)


def _one_size(file: Path, sizes: NDArray) -> float | None:
    """The one pixel size in angstrom of all sections; None if it was not set."""
    if not np.isfinite(sizes).all() or not (sizes > 0).all():
        return None
    if np.ptp(sizes) > _SAME * sizes.max():
        found = f"pixels from {sizes.min():.6g} to {sizes.max():.6g} angstrom in the {SOURCE}"
        raise DataFileError(file, found, "one size for all sections and axes")
    return float(sizes[0])
