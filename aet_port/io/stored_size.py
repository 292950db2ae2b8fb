"""Check, before an array is allocated, that a file holds as much as its header promises."""

from __future__ import annotations

import math
import mmap
import struct
from pathlib import Path
from typing import Any

from aet_port.core.errors import DataFileError

FREE = 100_000_000  # bytes that may always be allocated
# Deflate packs no better than 1032:1; other methods do on constant data, which nobody needs.
PACKING = 1100
# Zarr leaves out chunks of one value; of a reconstruction, mostly zeros, few may be left.
SPARSE = 64
_HEAP = b"GCOL\x01\0\0\0"  # signature, version and reserved bytes


def size_text(n_bytes: float) -> str:
    """A number of bytes for people, such as ``4.0 TB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} TB"


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
    """Check all arrays of an HDF5 file, and its collections of texts.

    The library allocates what the header of a collection ("global heap") promises before it reads
    it: 4 GB for one damaged byte.

    Raises
    ------
    DataFileError
        If an array above 100 MB is not stored completely, or a collection exceeds the file.
    OSError
        If the file is not HDF5.
    """
    import h5py

    length = path.stat().st_size
    with open(path, "rb") as handle:
        content = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) if length else b""
    place = content.find(_HEAP)
    while place >= 0:
        promised = int.from_bytes(content[place + 8 : place + 16], "little")
        if place + promised > length:
            raise DataFileError(
                path,
                f"texts of {size_text(promised)} in a file of {size_text(length)}",
                "a complete, undamaged file; copy or export it again",
            )
        place = content.find(_HEAP, place + 16)

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
    """Check that notes and patterns of a Blockfile (``.blo``) begin within the file.

    Raises
    ------
    DataFileError
        If they do not: RosettaSciIO allocates all that should come before them.
    """
    with open(path, "rb") as handle:
        starts = struct.unpack("<8x2I", handle.read(16).ljust(16, b"\0"))
    if max(starts) > path.stat().st_size:
        raise DataFileError(
            path, "a header that points beyond the end", "a complete, undamaged Blockfile"
        )


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
