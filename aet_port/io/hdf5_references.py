"""References to texts and other sequences of variable length in HDF5 files, as they are stored.

The HDF5 library reserves as much memory as a reference says before it looks for the text, and h5py
gives the text only. A reference is the length of the sequence, the address of its heap and its
index there (:mod:`aet_port.io.hdf5_heaps`); it stands in the value of an attribute, in the header
of its object, or among the values of a data set.
"""

from __future__ import annotations

import math
import mmap
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aet_port.io.hdf5_tree import walk

REFERENCE = np.dtype([("length", "<u4"), ("heap", "<u8"), ("index", "<u4")])
_LAYOUT, _ATTRIBUTE, _CONTINUATION, _ATTRIBUTE_INFO = 8, 12, 16, 21  # messages of object headers
_BLOCKS = 10_000  # parts of an object header
_PLACES = 4096  # references in one value
_DEFLATE, _SHUFFLE = 1, 2


class Sequences(NamedTuple):
    """References of one kind in a value: their array, and the type of what they refer to."""

    name: str
    references: NDArray
    kind: Any


class _Stored(NamedTuple):
    """A type as it is stored: its bytes, and where in them are references to sequences of what."""

    size: int
    places: list[tuple[int, Any]]


def stored_sequences(data: mmap.mmap, handle: Any) -> Iterator[Sequences]:
    """All references in the attributes and data sets of an open file.

    Parameters
    ----------
    data
        The bytes of the file.
    handle
        The file, opened by h5py. No text is read through it.

    Notes
    -----
    What h5py cannot open, and data sets packed otherwise than by deflate, are left out.
    """
    import h5py

    try:
        items = [handle["/"], *(found for _, found in walk(handle))]
    except Exception:  # a damaged root, of which nothing can be read
        return
    for item in items:
        try:
            yield from _of_attributes(data, handle.userblock_size, item)
            if isinstance(item, h5py.Dataset):
                yield from _of_values(data, handle.userblock_size, item)
        except Exception:  # damage, of which h5py raises every kind
            continue


def split(name: str, raw: bytes, kind: Any) -> Iterator[Sequences]:
    """References in stored values of a type that h5py describes."""
    stored = _stored(kind)
    count = len(raw) // stored.size if stored.size else 0
    if not count or not stored.places:
        return
    rows = np.frombuffer(raw, np.uint8, count * stored.size).reshape(count, stored.size)
    for at, element in stored.places:
        part = np.ascontiguousarray(rows[:, at : at + REFERENCE.itemsize])
        yield Sequences(name, part.view(REFERENCE).reshape(-1), element)


def size_in_file(kind: Any) -> int:
    """Bytes of a value of a type in the file."""
    return _stored(kind).size


def _stored(kind: Any) -> _Stored:
    # h5py gives types as they are in memory, where a text is a pointer of 8 bytes.
    import h5py

    group, size = kind.get_class(), kind.get_size()
    if group == h5py.h5t.VLEN or (group == h5py.h5t.STRING and kind.is_variable_str()):
        element = kind.get_super() if group == h5py.h5t.VLEN else None
        return _Stored(REFERENCE.itemsize, [(0, element)])
    if group == h5py.h5t.ARRAY:
        count, inner = math.prod(kind.get_array_dims()), _stored(kind.get_super())
        if not inner.places:
            return _Stored(size, [])
        repeated = range(min(count, _PLACES // len(inner.places)))
        places = [(n * inner.size + at, what) for n in repeated for at, what in inner.places]
        return _Stored(count * inner.size, places)
    if group != h5py.h5t.COMPOUND:
        return _Stored(size, [])
    places, longer = [], 0
    members = range(kind.get_nmembers())
    for number in sorted(members, key=kind.get_member_offset):
        member, start = kind.get_member_type(number), kind.get_member_offset(number) + longer
        inner = _stored(member)
        places += [(start + at, what) for at, what in inner.places]
        longer += inner.size - member.get_size()
    return _Stored(size + longer, places)


def _of_attributes(data: mmap.mmap, base: int, item: Any) -> Iterator[Sequences]:
    import h5py

    header: _Header | None = None
    for number in range(h5py.h5a.get_num_attrs(item.id)):
        try:
            found = h5py.h5a.open(item.id, index=number)
            kind, count = found.get_type(), found.get_space().get_simple_extent_npoints()
            stored = _stored(kind)
            name = found.name if isinstance(found.name, bytes) else found.name.encode()
        except Exception:  # a damaged attribute, which nobody can read
            continue
        if not stored.places:
            continue
        if header is None:
            header = _Header(data, base, item)
        for place in header.places(name):
            label = f"{item.name}@{name.decode('utf-8', 'replace')}".strip("/")
            yield from split(label, data[place : place + count * stored.size], kind)


class _Header:
    """Where the attributes of an object are: names and places of values, and blocks of others."""

    def __init__(self, data: mmap.mmap, base: int, item: Any) -> None:
        self.data = data
        self.named: dict[bytes, int] = {}
        self.blocks: list[tuple[int, int]] = []
        for kind, at, size in _messages(data, base, item):
            if kind == _ATTRIBUTE and size > 8:
                name, place = _attribute(data, at)
                self.named[name] = place
            elif kind == _ATTRIBUTE_INFO:
                heap = _number(data, at + (4 if data[at + 1] & 1 else 2), 8)
                self.blocks = list(_fractal_blocks(data, base, heap))

    def places(self, name: bytes) -> list[int]:
        """Places of the value of an attribute, several if only its name was found."""
        if name in self.named:
            return [self.named[name]]
        found: list[int] = []
        for start, end in self.blocks:
            at = self.data.find(name + b"\0", start, end)
            while at >= 0:
                if self.data[at - 9] == 3 and _number(self.data, at - 7, 2) == len(name) + 1:
                    found.append(_attribute(self.data, at - 9)[1])
                at = self.data.find(name + b"\0", at + 1, end)
        return found


def _fractal_blocks(data: mmap.mmap, base: int, address: int) -> Iterator[tuple[int, int]]:
    """Begin and end of the blocks of a fractal heap, in which many attributes are stored."""
    at = base + address
    if data[at : at + 4] != b"FRHP" or _number(data, at + 7, 2):  # the latter: packed
        return
    width, first, largest = (
        _number(data, at + n, size) for n, size in ((110, 2), (112, 8), (120, 8))
    )
    bits, root, rows = (_number(data, at + n, size) for n, size in ((128, 2), (132, 8), (140, 2)))
    if rows == 0:
        yield base + root, base + root + first
        return
    entry = base + root + 13 + -(-bits // 8)
    for row in range(min(rows, 64)):
        size = first << max(row - 1, 0)
        for column in range(width if size <= largest else 0):
            block = _number(data, entry + 8 * (row * width + column), 8)
            if base + block < len(data):
                yield base + block, base + block + size


def _messages(data: mmap.mmap, base: int, item: Any) -> Iterator[tuple[int, int, int]]:
    """Type, place and size of each message in the header of an object, version 1 or 2."""
    import h5py

    at = base + int(h5py.h5o.get_info(item.id).addr)
    if data[at : at + 4] == b"OHDR":
        flags = data[at + 5]
        start = at + 6 + (16 if flags & 32 else 0) + (4 if flags & 16 else 0)
        width = 1 << (flags & 3)
        blocks = [(start + width, start + width + _number(data, start, width))]
        head = 6 if flags & 4 else 4
    else:
        blocks, head, flags = [(at + 16, at + 16 + _number(data, at + 8, 4))], 8, 0
    new = data[at : at + 4] == b"OHDR"
    for place, end in blocks:  # which grows
        while place + head <= min(end, len(data)):
            kind = data[place] if new else _number(data, place, 2)
            size = _number(data, place + (1 if new else 2), 2)
            body = place + head
            if kind == _CONTINUATION and len(blocks) < _BLOCKS:
                first, length = base + _number(data, body, 8), _number(data, body + 8, 8)
                # Blocks of version 2 have a signature and a checksum.
                blocks.append((first + 4, first + length - 4) if new else (first, first + length))
            yield kind, body, size
            place = body + size


def _attribute(data: mmap.mmap, at: int) -> tuple[bytes, int]:
    """Name of an attribute, and the place of its value."""
    version = data[at]
    lengths = [_number(data, at + n, 2) for n in (2, 4, 6)]
    start = at + (9 if version == 3 else 8)
    name = data[start : start + lengths[0]].partition(b"\0")[0]
    return name, start + sum(-(-n // 8) * 8 if version == 1 else n for n in lengths)


def _of_values(data: mmap.mmap, base: int, item: Any) -> Iterator[Sequences]:
    """References among the values of a data set."""
    kind = item.id.get_type()
    stored = _stored(kind)
    if not stored.places or not item.size:
        return
    if item.chunks is not None:
        yield from _of_chunks(len(data), item, kind, stored)
        return
    place = item.id.get_offset()
    if place is None:  # in the header of the object, or never written
        place = next((at + 4 for code, at, _ in _messages(data, base, item) if code == _LAYOUT), 0)
        if place == 0 or data[place - 4] not in (3, 4) or data[place - 3] != 0:
            return
    yield from split(item.name, data[place : place + item.size * stored.size], kind)


def _of_chunks(total: int, item: Any, kind: Any, stored: _Stored) -> Iterator[Sequences]:
    plan = item.id.get_create_plist()
    filters = [plan.get_filter(number)[0] for number in range(plan.get_nfilters())]
    size = math.prod(item.chunks) * stored.size
    if not set(filters) <= {_DEFLATE, _SHUFFLE} or size > 2**31:
        return
    chunks: list[Any] = []
    item.id.chunk_iter(chunks.append)
    for chunk in chunks:
        if chunk.size > total:
            continue
        mask, raw = item.id.read_direct_chunk(chunk.chunk_offset)
        for number, code in reversed(list(enumerate(filters))):
            if mask >> number & 1:
                continue
            if code == _DEFLATE:
                raw = zlib.decompressobj().decompress(raw, size)
            else:
                whole = len(raw) // stored.size * stored.size
                raw = np.frombuffer(raw, np.uint8, whole).reshape(stored.size, -1).T.tobytes()
        yield from split(item.name, raw, kind)


def _number(data: mmap.mmap, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "little")
