"""References to texts in HDF5 files: found as they are stored, and checked before they are read."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from aet_port.core.errors import DataFileError
from aet_port.io.hdf5_heaps import check_heaps
from aet_port.io.hdf5_references import stored_sequences
from aet_port.io.velox import read_velox

TEXT = h5py.string_dtype()
WORDS = ["tilt", "", "Ångström", "a longer text " * 9]
MIXED = np.dtype([("n", "i4"), ("first", TEXT), ("second", TEXT), ("x", "f8")])


def texts_of(path: Path) -> dict[str, list[bytes]]:
    """All texts by the names of their attributes and data sets, through the references."""
    found: dict[str, list[bytes]] = {}
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
        h5py.File(path) as handle,
    ):
        base = handle.userblock_size
        for name, references, _ in stored_sequences(data, handle):
            for length, heap, index in references.tolist():
                found.setdefault(name, []).append(
                    _object(data, base + heap, index)[:length] if heap else b""
                )
    return {name: sorted(entries) for name, entries in found.items()}


def _object(data: Any, heap: int, wanted: int) -> bytes:
    at = heap + 16
    while True:
        index, size = (
            int.from_bytes(data[at : at + 2], "little"),
            int.from_bytes(data[at + 8 : at + 16], "little"),
        )
        if index == wanted:
            return data[at + 16 : at + 16 + size]
        assert index, "no such object"
        at += 16 + -(-size // 8) * 8


def encoded(words: list[str]) -> list[bytes]:
    return sorted(word.encode() for word in words)


def fill(file: h5py.File) -> dict[str, list[bytes]]:
    """A file with texts at every kind of place; what should be found."""
    expected = {}
    file.attrs["title"] = "root"
    expected["@title"] = [b"root"]
    group = file.create_group("a")
    group.attrs.create("words", WORDS, dtype=TEXT)
    expected["a@words"] = encoded(WORDS)
    for number in range(20):  # more than eight are not in the header in new files
        group.attrs[f"key{number}"] = f"value {number}"
        expected[f"a@key{number}"] = [f"value {number}".encode()]
    much = file.create_group("much")
    for number in range(300):  # in many blocks of new files
        much.attrs[f"long name of a key {number}"] = f"value {number}"
        expected[f"much@long name of a key {number}"] = [f"value {number}".encode()]
    many = [f"word {number}" for number in range(40)]
    for name, options in (
        ("plain", {}),
        ("chunked", {"chunks": (7,)}),
        ("packed", {"chunks": (7,), "compression": "gzip", "shuffle": True}),
    ):
        group.create_dataset(name, data=many, dtype=TEXT, **options)
        expected[f"/a/{name}"] = encoded(many + [""] * (2 if options else 0))  # of whole chunks
    rows = np.array([(n, word, word + "!", 0.5) for n, word in enumerate(WORDS)], MIXED)
    group["rows"] = rows
    expected["/a/rows"] = encoded(WORDS + [word + "!" for word in WORDS])
    group.attrs.create("pair", np.array((1, "p", "q", 2.0), MIXED))
    expected["a@pair"] = [b"p", b"q"]
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.COMPACT)
    space, kind = h5py.h5s.create_simple((4,)), h5py.h5t.py_create(TEXT, logical=True)
    compact = h5py.Dataset(h5py.h5d.create(group.id, b"compact", kind, space, plan))
    compact[:] = WORDS
    expected["/a/compact"] = encoded(WORDS)
    numbers = group.create_dataset("numbers", 2, h5py.vlen_dtype(np.dtype("i2")))
    numbers[0] = [1, 2, 3]
    return expected


@pytest.mark.parametrize("libver", ["earliest", "v110", "latest"])
@pytest.mark.parametrize("options", [{}, {"track_order": True}, {"userblock_size": 512}])
def test_every_reference_is_found(tmp_path: Path, libver: str, options: dict[str, Any]) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver=libver, **options) as file:
        expected = fill(file)
    found = texts_of(path)
    # Lengths of numbers count the numbers, three here.
    assert len(found.pop("/a/numbers")) == 2
    assert found == expected
    check_heaps(path)


def places(path: Path, name: str) -> list[int]:
    """Places of the references of an attribute or data set, found by their bytes."""
    data = path.read_bytes()
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        h5py.File(path) as handle,
    ):
        wanted = [item for item in stored_sequences(mapped, handle) if item.name == name]
    return [data.index(one.tobytes()) for item in wanted for one in item.references if one["heap"]]


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize(
    "name", ["@title", "a@words", "a@key17", "/a/plain", "/a/chunked", "/a/compact", "/a/rows"]
)
def test_references_to_more_text_than_there_is(tmp_path: Path, libver: str, name: str) -> None:
    """Only what would cost memory is refused; a slightly wrong length costs this text.

    New headers have a checksum, so that the library reads nothing of a damaged one.
    """
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver=libver) as file:
        fill(file)
    data = bytearray(path.read_bytes())
    at = places(path, name)[-1]
    for length in (5, 2**31):
        data[at : at + 4] = length.to_bytes(4, "little")
        path.write_bytes(data)
        if length == 5:
            check_heaps(path)
            continue
        if libver == "latest" and ("@" in name or "compact" in name):
            owner, _, key = name.partition("@")
            with (
                h5py.File(path) as file,
                pytest.raises((KeyError, OSError, RuntimeError), match="checksum"),
            ):
                assert file[owner or "/"].attrs[key] if key else file[name][()]
            continue
        with pytest.raises(DataFileError, match=f"a text of {length} bytes, of which .*{name}"):
            check_heaps(path)


def test_packed_references_are_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        whole = file.create_dataset("t", data=["abc"] * 8, dtype=TEXT, chunks=(8,), compression=4)
        import zlib

        raw = bytearray(zlib.decompress(whole.id.read_direct_chunk((0,))[1]))
        raw[3 * 16 : 3 * 16 + 4] = b"\xff\xff\xff\xff"
        whole.id.write_direct_chunk((0,), zlib.compress(bytes(raw)))
    with pytest.raises(DataFileError, match="a text of 4294967295 bytes, of which 3 are stored"):
        check_heaps(path)


def test_texts_within_sequences(tmp_path: Path) -> None:
    """References to references: the inner ones are in the heap."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        nested = file.create_dataset("t", 1, dtype=h5py.vlen_dtype(TEXT))
        nested[0] = np.array(["one", "three"], dtype=TEXT)
    check_heaps(path)
    data = bytearray(path.read_bytes())
    heap = data.index(b"GCOL").to_bytes(8, "little")
    at = data.index(b"\x05\0\0\0" + heap)
    data[at : at + 4] = b"\xff\xff\xff\x7f"
    path.write_bytes(data)
    with pytest.raises(DataFileError, match="a text of 2147483647 bytes, of which 5 are stored"):
        check_heaps(path)


def heap_of(data: bytes) -> int:
    return data.index(b"GCOL")


def test_damaged_heaps(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["title"] = "some text"
    sound = path.read_bytes()
    heap = heap_of(sound)
    for at, new, message in (
        (heap + 8, (4 * 10**9).to_bytes(8, "little"), r"texts of 4 GB in a file of \d"),
        (heap + 16, bytes(16), "a damaged heap of texts"),  # at which the library stays
        (heap + 24, (10**6).to_bytes(8, "little"), "a damaged heap of texts"),
    ):
        path.write_bytes(sound[:at] + new + sound[at + len(new) :])
        with pytest.raises(DataFileError, match=message):
            check_heaps(path)
    for content in (b"", b"GCOL\x01\0\0\0" * 9, sound[: len(sound) // 2]):
        path.write_bytes(content)
        check_heaps(path)  # left to the reader


def test_bytes_that_only_look_like_references_or_heaps(tmp_path: Path) -> None:
    """Pixels that hold the address of a heap between numbers, and a heap of nonsense."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["title"] = "some text"
        file["pixels"] = np.zeros(600, np.int64)
    heap = heap_of(path.read_bytes())
    with h5py.File(path, "a") as file:
        file["pixels"][:] = np.tile([-1, heap, 1], 200)
        file["pixels"][9:15] = np.frombuffer(b"GCOL\x01\0\0\0" + bytes(40), np.int64)
        file["pixels"][21:23] = np.frombuffer(b"GCOL\x01\0\0\0" + b"\xff" * 8, np.int64)
    check_heaps(path)
    assert texts_of(path) == {"@title": [b"some text"]}


def test_remains_of_removed_texts(tmp_path: Path) -> None:
    """The space of a removed heap may be used for anything else."""
    path = tmp_path / "a.h5"
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for number in range(200):
            group = file.require_group(f"g{rng.integers(5)}")
            name = f"k{rng.integers(9)}"
            if name in group.attrs and rng.random() < 0.6:
                del group.attrs[name]
            else:
                group.attrs[name] = "x" * int(rng.integers(0, 9000))
            group.attrs[f"n{number % 7}"] = rng.random(50)
            if number % 50 == 0:
                check_heaps_while_open(file, path)
    check_heaps(path)


def check_heaps_while_open(file: h5py.File, path: Path) -> None:
    file.flush()
    copy = path.with_name("copy.h5")
    copy.write_bytes(path.read_bytes())
    check_heaps(copy)


def test_velox_files_are_checked(tmp_path: Path) -> None:
    from tests.io.test_velox import record
    from tests.io.test_velox import write as write_velox

    path = tmp_path / "a.emd"
    images = np.ones((2, 4, 3), np.uint16)
    write_velox(path, images, [record(0.1, width="5e-11", height="5e-11")])
    with h5py.File(path, "a") as file:
        file.attrs["version"] = "text"
    data = bytearray(path.read_bytes())
    at = places(path, "@version")[0]
    data[at : at + 4] = b"\xff\xff\xff\x7f"
    path.write_bytes(data)
    with pytest.raises(DataFileError, match="a text of 2147483647 bytes"):
        read_velox(path)
