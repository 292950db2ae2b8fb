"""Check, before an array is allocated, that a file holds as much as its header promises."""

from __future__ import annotations

import math
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from aet_port.core.errors import DataFileError
from aet_port.core.memory import size_text

FREE = 100_000_000  # bytes that may always be allocated
# Deflate packs no better than 1032:1; other methods do on constant data, which nobody needs.
PACKING = 1100
# Zarr leaves out chunks of one value; of a reconstruction, mostly zeros, few may be left.
SPARSE = 64


def check_size(path: str | Path, shape: tuple[int, ...], promised: float, stored: float) -> None:
    """Compare the bytes that an array needs with those that a file can hold.

    Parameters
    ----------
    path, shape
        File and shape of the array, for the error.
    promised
        Bytes of the array.
    stored
        Bytes that the file holds, multiplied by what packing can save.

    Raises
    ------
    DataFileError
        If more than stored is promised, and more than 100 MB.
    """
    if promised > FREE + stored:
        sides = " x ".join(str(side) for side in shape)
        raise DataFileError(
            path,
            f"a header that promises {sides} values ({size_text(promised)}), which the file "
            "cannot hold",
            "a complete, undamaged file; copy or export it again",
        )


def check_hdf5(path: Path) -> None:
    """Check all arrays of an HDF5 file; for its texts see :mod:`aet_port.io.hdf5_heaps`.

    Raises
    ------
    DataFileError
        If an array above 100 MB is not stored completely.
    OSError
        If the file is not HDF5.
    """
    import h5py

    def look(_: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or item.shape is None or item.nbytes <= FREE:
            return
        if item.is_virtual:
            return  # its parts are in other files
        stored = item.id.get_storage_size()
        if item.chunks is not None:
            unpacked = math.prod(item.chunks) * item.dtype.itemsize * item.id.get_num_chunks()
            filters = item.id.get_create_plist().get_nfilters()
            stored = min(unpacked, stored * (PACKING if filters else 1))
        check_size(path, item.shape, item.nbytes, stored)

    with h5py.File(path, "r") as handle:
        handle.visititems(look)


def check_blockfile(path: Path) -> None:
    """Check that a Blockfile (``.blo``) is as long as its header states.

    RosettaSciIO fills shorter files up with zeros, and plans the reading of all patterns promised.

    Raises
    ------
    DataFileError
        If it is shorter.
    """
    with open(path, "rb") as handle:
        header = handle.read(28)
    if len(header) < 28:
        raise DataFileError(path, f"{len(header)} bytes", "a Blockfile")
    notes, start, side, nx, ny = struct.unpack("<8x2I4xH2x2H", header)
    length = path.stat().st_size
    if notes > length or start + nx * ny * (6 + side * side) > length:  # 6 bytes before each
        found = f"{nx} x {ny} patterns of {side} x {side} promised in {size_text(length)}"
        raise DataFileError(path, found, "a complete, undamaged Blockfile")


def check_prz(path: Path) -> None:
    """Check that the array of a Panta Rhei file (``.prz``, a zip archive) is stored completely.

    Raises
    ------
    DataFileError
        If it is not.
    zipfile.BadZipFile, KeyError, ValueError
        If it is another file.
    """
    with zipfile.ZipFile(path) as archive, archive.open("data.npy") as data:
        version = np.lib.format.read_magic(data)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, kind = read(data)
        held = min(archive.getinfo("data.npy").file_size, PACKING * path.stat().st_size)
        check_size(path, shape, math.prod(shape) * kind.itemsize, held)


def bytes_below(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(item.stat().st_size for item in path.rglob("*") if item.is_file())


def bytes_of_name(path: Path) -> int:
    """Bytes of a file and of its further parts, whose names begin alike.

    Such are ``.raw`` of ``.rpl``, ``name_1.ser`` of ``name.emi`` and ``name_001.tvips`` of
    ``name_000.tvips``.
    """
    stem = path.stem.rstrip("0123456789")
    return sum(bytes_below(item) for item in path.parent.glob(f"{_plain(stem)}*"))


def _plain(stem: str) -> str:
    """A name without the special meaning of characters in patterns."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in stem)
