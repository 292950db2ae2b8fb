"""Heaps of texts in HDF5 files, checked before the HDF5 library uses them.

The library (1.14) searches a damaged heap without end, and reserves as much memory as a reference
to a text says. A heap is ``GCOL``, version, its size, and a row of objects: index, references,
size, text; free space has index 0 and a size that contains its header. A reference, in the
attribute, is the length of the text, the address of the heap and the index.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from aet_port.core.errors import DataFileError

_HEAP = b"GCOL\x01\0\0\0"
_SCANNED = 2**31  # bytes that are looked at; of larger files, those at both ends
_SOUND = "a sound HDF5 file"


def check_heaps(file: Path) -> None:
    """Refuse a file with a damaged heap of texts, or a reference to more text than there is.

    Raises
    ------
    DataFileError
        If an object of a heap has no size or ends beyond the heap, or a text is longer than its
        object.
    """
    if file.stat().st_size == 0:
        return
    with file.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
        # The number of bytes of addresses and sizes stands in the header, by its version.
        at = 13 if data[8:9] in (b"\0", b"\1") else 9
        if data[:8] != b"\x89HDF\r\n\x1a\n" or data[at : at + 2] != b"\x08\x08":
            return
        heaps: dict[int, dict[int, int]] = {}
        for start in _places(data, _HEAP, _SCANNED):
            objects = _objects(data, start)
            if objects is None:
                raise DataFileError(file, f"a damaged heap of texts at byte {start}", _SOUND)
            heaps[start] = objects
        for start, objects in heaps.items():
            address = start.to_bytes(8, "little")
            for place in _places(data, address, _SCANNED // len(heaps)):
                length = int.from_bytes(data[max(place - 4, 0) : place], "little")
                index = int.from_bytes(data[place + 8 : place + 12], "little")
                if length > objects.get(index, length):
                    found = f"a text of {length} bytes, of which {objects[index]} are stored"
                    raise DataFileError(file, found, _SOUND)


def _places(data: mmap.mmap, wanted: bytes, scanned: int) -> Iterator[int]:
    """Places of some bytes in a file, or in as much of its two ends."""
    total = len(data)
    ends = [(0, total)] if total <= scanned else [(0, scanned // 2), (total - scanned // 2, total)]
    for first, last in ends:
        at = data.find(wanted, first, last)
        while at >= 0:
            yield at
            at = data.find(wanted, at + 1, last)


def _objects(data: mmap.mmap, start: int) -> dict[int, int] | None:
    """Sizes of the objects of a heap by their indices; None if it is damaged."""
    size = int.from_bytes(data[start + 8 : start + 16], "little")
    at, end = start + 16, start + size
    found: dict[int, int] = {}
    while at + 16 <= min(end, len(data)):
        index = int.from_bytes(data[at : at + 2], "little")
        length = int.from_bytes(data[at + 8 : at + 16], "little")
        needed = length if index == 0 else 16 + -(-length // 8) * 8
        if needed == 0 or at + needed > end:
            return None
        if index:
            found[index] = length
        at += needed
    return found
