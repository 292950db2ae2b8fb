"""Heaps of texts in HDF5 files, checked before the HDF5 library uses them.

The library (1.14) searches a damaged heap without end, and reserves as much memory as a reference
to a text, or the header of a heap, says. A heap is ``GCOL``, version, its size, and a row of
objects: index, references, size, text; free space has index 0 and a size that contains its header.
Only heaps to which a reference of an attribute or data set leads are looked at: equal bytes occur
among pixels, and remains of heaps in unused space.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from aet_port.core.errors import DataFileError
from aet_port.core.memory import size_text
from aet_port.io.hdf5_references import Sequences, size_in_file, split, stored_sequences
from aet_port.io.stored_size import FREE

_HEAP = b"GCOL\x01\0\0\0"
_SOUND = "a complete, undamaged file; copy or export it again"
_NESTED = 100_000  # sequences whose contents are looked at for further references


def check_heaps(file: Path) -> None:
    """Refuse a file with a damaged heap of texts, or references to more text than it can hold.

    A small fault, which costs only the text concerned, is left to the library. Files that are not
    HDF5 are left to the reader.

    Raises
    ------
    DataFileError
        If an object of a heap has no size or ends beyond the heap, a heap exceeds the file by more
        than 100 MB, or the texts of an attribute or data set do.
    """
    import h5py

    if file.stat().st_size == 0:
        return
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            handle = h5py.File(file, "r")
        except Exception:  # h5py raises every kind; the reader says what is wrong
            return
        with handle:
            if handle.id.get_create_plist().get_sizes() != (8, 8):
                return  # addresses of another width, which no microscope's program writes
            heaps = _Heaps(file, data, handle.userblock_size)
            heaps.check(stored_sequences(data, handle))


class _Heaps:
    """The heaps of a file by their addresses, each read once."""

    def __init__(self, file: Path, data: mmap.mmap, base: int) -> None:
        self.file, self.data, self.base = file, data, base
        self.known: dict[int, dict[int, tuple[int, int]]] = {}

    def check(self, sequences: Iterable[Sequences], depth: int = 0) -> None:
        """Check the heaps and lengths of references; also those within what they refer to."""
        for name, references, kind in sequences:
            used = references[references["heap"] != 0]
            for address in np.unique(used["heap"]).tolist():
                self.objects(address)
            element = 1 if kind is None else max(size_in_file(kind), kind.get_size())
            lengths = used["length"].astype(np.int64) * element
            if lengths.sum(dtype=np.float64) > len(self.data) + FREE:
                worst = used[int(lengths.argmax())]
                _, stored = self.objects(int(worst["heap"])).get(int(worst["index"]), (0, 0))
                found = f"a text of {lengths.max()} bytes, of which {stored} are stored, at {name}"
                raise DataFileError(self.file, found, _SOUND)
            if kind is None or depth > 8:
                continue
            for _, address, index in used[:_NESTED].tolist():
                place, size = self.objects(address).get(index, (0, 0))
                self.check(split(name, self.data[place : place + size], kind), depth + 1)

    def objects(self, address: int) -> dict[int, tuple[int, int]]:
        """Places and sizes of the objects of a heap by their indices; none if there is no heap.

        Raises
        ------
        DataFileError
            If it is damaged.
        """
        if address not in self.known:
            self.known[address] = self._objects(address + self.base)
        return self.known[address]

    def _objects(self, start: int) -> dict[int, tuple[int, int]]:
        data = self.data
        if data[start : start + 8] != _HEAP:
            return {}  # which the library notices
        size = int.from_bytes(data[start + 8 : start + 16], "little")
        at, end = start + 16, start + size
        if end > len(data) + FREE:
            found = f"texts of {size_text(size)} in a file of {size_text(len(data))}"
            raise DataFileError(self.file, found, _SOUND)
        found_objects: dict[int, tuple[int, int]] = {}
        while at + 16 <= min(end, len(data)):
            index = int.from_bytes(data[at : at + 2], "little")
            length = int.from_bytes(data[at + 8 : at + 16], "little")
            needed = length if index == 0 else 16 + -(-length // 8) * 8
            if needed == 0 or at + needed > end:
                raise DataFileError(self.file, f"a damaged heap of texts at byte {start}", _SOUND)
            if index:
                found_objects[index] = (at + 16, length)
            at += needed
        return found_objects
