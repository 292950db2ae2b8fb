"""Damaged .mat, .npy and .npz files: read or refused in one line, without large allocations."""

from __future__ import annotations

import random
import tracemalloc
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse

from aet_port.core.errors import AetError, DataFileError
from aet_port.io import mat_files, matlab, read_images
from aet_port.io.arrays import read_npy
from aet_port.io.mat_values import DamagedError, check_object_records
from aet_port.io.npy_images import read_npz
from tests.io.mat_elements_written import (
    CELL,
    DOUBLE,
    SPARSE,
    STRUCT,
    double,
    element,
    matrix,
    numbers,
    write_v5,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # mat-io sets options of pandas
    import matio
    from matio.utils.matclass import MatlabOpaque

SPARE = 100e6  # bytes that a reader may allocate besides twice the contents
KINDS = ["4.mat", "5.mat", "7.mat", "7.3.mat", "objects5.mat", ".npy", ".npz", "packed.npz"]
# Bytes that are sizes or types somewhere: large, zero, a variable, compressed, short, big-endian.
WORDS = (b"\xff" * 4, bytes(4), b"\xff\xff\xff\x7f", b"\x0e\0\0\0", b"\x0f\0\0\0", b"\1\0\4\0")


@contextmanager
def little_memory(contents: int = 0) -> Iterator[None]:
    """Fails if more than twice the contents and what is spare are allocated at a time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 2 * contents + SPARE
    finally:
        tracemalloc.stop()


def written(path: Path, kind: str) -> Path:
    """A small file of a kind, with something of everything that it may hold."""
    rng = np.random.default_rng(0)
    cells = np.empty((1, 2), dtype=object)
    cells[0, 0], cells[0, 1] = np.arange(3.0), "b"
    variables: dict[str, Any] = {
        "projections": rng.normal(size=(6, 7, 5)).astype(np.float32),
        "angles": np.arange(5.0)[:, None],
        "sparse": scipy.sparse.csc_matrix(np.eye(4)),
        "complex": np.eye(2) * 1j,
    }
    more = {"s": {"inner": {"x": np.eye(2)}, "w": "text"}, "c": cells, "l": np.eye(2) > 0}
    path = path.with_name(f"file{kind}")
    if kind == "4.mat":
        del variables["projections"]
        scipy.io.savemat(path, variables, format="4")
    elif kind in ("5.mat", "7.mat"):
        scipy.io.savemat(path, variables | more, do_compression=kind == "7.mat")
    elif kind == "7.3.mat":
        matio.save_to_mat(path, variables | more, version="v7.3")
    elif kind == "objects5.mat":
        note = np.array(["grid 3", "b"], dtype=np.dtypes.StringDType())
        more |= {"note": note, "user": MatlabOpaque({"reconstruction": np.eye(3)}, "RESIRE")}
        matio.save_to_mat(path, variables | more, version="v7", do_compression=False)
    elif kind == ".npy":
        np.save(path, variables["projections"])
    else:
        save = np.savez_compressed if kind == "packed.npz" else np.savez
        save(path, images=variables["projections"])
    return path


def mutated(whole: bytes, choice: random.Random) -> bytes:
    """Bits flipped, the end cut off, two tags exchanged, or a size replaced."""
    data = bytearray(whole)
    kind = choice.randrange(4)
    if kind == 0:
        zone = len(data) if choice.random() < 0.5 else min(len(data), 600)
        for _ in range(choice.choice([1, 1, 1, 2, 5])):
            data[choice.randrange(zone)] ^= 1 << choice.randrange(8)
    elif kind == 1:
        data = data[: choice.randrange(len(data))]
    elif kind == 2:
        one, other = (8 * choice.randrange(len(data) // 8) for _ in range(2))
        data[one : one + 8], data[other : other + 8] = data[other : other + 8], data[one : one + 8]
    else:
        at = 4 * choice.randrange(len(data) // 4)
        data[at : at + 4] = choice.choice(WORDS)
    return bytes(data)


@pytest.mark.filterwarnings("ignore:.*(unreadable variables left out|complex numbers without)")
@pytest.mark.parametrize("kind", KINDS)
def test_mutated_files_are_read_or_refused_in_one_line(tmp_path, kind):
    path = written(tmp_path / "file", kind)
    whole = path.read_bytes()
    reader = {".npy": read_npy, ".npz": read_npz}.get(path.suffix, mat_files.read_variables)
    words = () if reader is mat_files.read_variables else ("an array",)
    reader(path, *words)
    choice, refusals = random.Random(7), []
    with little_memory(len(whole)):
        for _ in range(25 if kind in ("7.3.mat", "objects5.mat") else 60):
            path.write_bytes(mutated(whole, choice))
            try:
                reader(path, *words)
            except AetError as error:
                refusals.append(str(error))
    assert len(refusals) > 3
    assert all(str(path) in text and "\n" not in text for text in refusals)


@pytest.mark.parametrize("which", [0, -1])
def test_damaged_data_of_objects_leave_the_arrays(tmp_path, which):
    """mat-io takes a type of numbers as an index without looking; it is checked before."""
    path = written(tmp_path / "file", "objects5.mat")
    assert mat_files.read_variables(path)["note"].ravel().tolist() == ["grid 3", "b"]
    data = bytearray(path.read_bytes())
    start = int.from_bytes(data[116:124], "little")  # of the data of objects
    words = np.frombuffer(data[start : len(data) - len(data) % 4], "<u4")
    tags = np.flatnonzero((words[:-1] == 6) & (words[1:] != 8) & (words[1:] > 4))
    at = start + 4 * int(tags[which])  # numbers that are no flags
    data[at : at + 4] = (200).to_bytes(4, "little")
    path.write_bytes(data)
    found = mat_files.read_variables(path)
    assert found["projections"].shape == (6, 7, 5)
    assert found["note"].kind == "string"


@pytest.mark.filterwarnings("ignore:.*unreadable variables left out")
@pytest.mark.parametrize("version", ["v7", "v7.3"])
def test_objects_that_state_many_objects(tmp_path, version):
    """mat-io would allocate an array of as many."""
    path = tmp_path / "a.mat"
    user = MatlabOpaque({"x": np.eye(3)}, "RESIRE")
    matio.save_to_mat(path, {"user": user, "y": np.eye(2)}, version=version, do_compression=False)
    # Mark, two dimensions, 1 x 1, the object, its class.
    one, many = (np.array([0xDD000000, 2, n, n, 1, 1], "<u4").tobytes() for n in (1, 2**17))
    assert path.read_bytes().count(one) == 1
    path.write_bytes(path.read_bytes().replace(one, many))
    with little_memory():
        found = mat_files.read_variables(path)
    assert not isinstance(found.get("user"), dict)
    np.testing.assert_array_equal(found["y"], np.eye(2))


@pytest.mark.parametrize("kind", [0, 8, 10, 11, 15, 19, 200, 2**15])
def test_types_of_numbers_that_do_not_exist(tmp_path, kind):
    bad = matrix(DOUBLE, (1, 1), element(kind, bytes(8)), name="a")
    with pytest.raises(DataFileError, match=f"numbers of type {kind}"):
        matlab.read_array(write_v5(tmp_path / "a.mat", bad), "a")


@pytest.mark.parametrize(
    ("rows", "starts", "message"),
    [
        ([0, 5], [0, 1, 2], "outside a sparse matrix"),
        ([0, -1], [0, 1, 2], "outside a sparse matrix"),
        ([0, 1], [0, 9, 2], "out of order"),
        ([0, 1], [0, 1, 9], "2 of 9 elements"),
        ([0, 1], [0, 1], "out of order"),
    ],
)
def test_sparse_matrices_with_wrong_indices(tmp_path, rows, starts, message):
    parts = (numbers(rows, "i4"), numbers(starts, "i4"), numbers([1, 2], "f8"))
    path = write_v5(tmp_path / "a.mat", matrix(SPARSE, (2, 2), *parts, name="a"))
    with pytest.raises(DataFileError, match=message):
        matlab.read_array(path, "a")


def test_claims_beyond_the_file_are_refused_before_allocating(tmp_path):
    path = tmp_path / "a.mat"
    huge = matrix(DOUBLE, (10**6, 10**6), numbers(np.ones(4), "f8"), name="a")
    stated = numbers([DOUBLE, 0], "u4") + numbers([4, 4], "i4") + element(1, b"a")
    packed = zlib.compress(np.array([14, 2**32 - 16], "<u4").tobytes() + stated)
    with little_memory():
        with pytest.raises(DataFileError, match="4 numbers for an array of 1000000 x 1000000"):
            matlab.read_array(write_v5(path, huge), "a")
        with pytest.raises(DataFileError, match="an element of 4294967280 bytes"):
            matlab.read_array(write_v5(path, element(15, packed)[: 8 + len(packed)]), "a")
        path.write_bytes(np.array([0, 2**30, 1000, 0, 2], "<i4").tobytes() + b"a\0" + bytes(64))
        with pytest.raises(DataFileError, match="bytes too early"):
            matlab.read_array(path)


@pytest.mark.parametrize("count", [0, 3, -1, -(2**30)])
def test_the_table_of_all_objects(count):
    """mat-io steps by these counts, without end where one is negative."""
    offsets = [40, 40, 48, 48, 64, 72, 72, 72]
    parts = [4, 0, *offsets, *(0, 0), *(0, 0, count, 0), *(0, 0)]
    table = np.frombuffer(np.array(parts, "<i4").tobytes(), np.uint8)
    if count >= 0:
        check_object_records(table, "<")
    else:
        with pytest.raises(DamagedError, match="negative count"):
            check_object_records(table, "<")
    for wrong in (-8, 2**30):
        parts[6] = wrong
        table = np.frombuffer(np.array(parts, "<i4").tobytes(), np.uint8)
        with pytest.raises(DamagedError, match="outside the file"):
            check_object_records(table, "<")


def test_empty_arrays_of_absurd_sizes(tmp_path):
    """NumPy's iteration over 0 x 10**9 counts to 10**9; nothing is there to be read anyway."""
    sound = double(np.eye(2), "x")
    path = write_v5(tmp_path / "a.mat", matrix(CELL, (0, 10**9), name="c"), sound)
    with little_memory(), pytest.raises(DataFileError, match="empty array of 0 x 1000000000"):
        mat_files.read_variables(path, ["c"])
    write_v5(path, matrix(CELL, (10**4, 10**6), name="c"), sound)
    with little_memory(), pytest.raises(DataFileError, match="10000000000 cells"):
        mat_files.read_variables(path, ["c"])
    fieldless = matrix(STRUCT, (10**4, 10**6), numbers([32], "i4"), element(1, b""), name="c")
    write_v5(path, fieldless, sound)
    with little_memory(), pytest.raises(DataFileError, match="10000000000 cells"):
        mat_files.read_variables(path, ["c"])
    assert matlab.read_array(path, "x").shape == (2, 2)


def test_what_expands_beyond_its_statement_is_not_expanded(tmp_path):
    """120 MB of zeros in 120 kB, called a variable of one number."""
    small = matrix(DOUBLE, (1, 1), numbers([1.0], "f8"), name="a")
    stream = zlib.compressobj()
    parts = [stream.compress(small)]
    parts += [stream.compress(bytes(10**7)) for _ in range(12)]
    packed = b"".join((*parts, stream.flush()))
    path = write_v5(tmp_path / "a.mat", element(15, packed)[: 8 + len(packed)])
    with little_memory(), pytest.raises(DataFileError, match="more bytes in a variable"):
        matlab.read_array(path, "a")


def test_claims_of_a_v73_file(tmp_path):
    path = tmp_path / "a.mat"
    matio.save_to_mat(path, {"x": np.eye(2)}, version="v7.3")
    with h5py.File(path, "r+") as file:
        shape = (10**4,) * 3
        data = {
            "none": file.create_dataset("none", shape, "f8", chunks=(100, 100, 100)),
            "plain": file.create_dataset("plain", shape, "f8"),
            "one": file.create_dataset("one", shape, "f8", chunks=(10, 10, 10), compression=4),
            # Zeros that are not stored, and few enough.
            "few": file.create_dataset("few", (100, 100, 10), "f8"),
            # A cell that holds more cells than are stored.
            "cells": file.create_dataset("cells", (10**9, 1), h5py.ref_dtype, chunks=(1000, 1)),
        }
        data["one"][0, 0, 0] = 1
        for name, one in data.items():
            one.attrs["MATLAB_class"] = np.bytes_("cell" if name == "cells" else "double")
    with little_memory(path.stat().st_size):
        for name in ("none", "plain", "one", "cells"):
            with pytest.raises(
                DataFileError, match=rf"{name} \([\d,]+ bytes stated, [\d,]+ stored"
            ):
                matlab.read_array(path, name)
        assert not matlab.read_array(path, "few").any()


def npy(header: str, contents: bytes) -> bytes:
    """A .npy file with this header."""
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + contents


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "unreadable contents"),
        (b"\x93NUMPX\x01\x00" + bytes(100), "unreadable contents"),
        (b"\x93NUMPY\x03\x00" + bytes(100), "version 3.0"),
        (
            npy("{'descr': '<f8', 'fortran_order': False, 'shape': (10000, 10000, 10000)}", b""),
            "0 of 8,000,000,000,000 by",
        ),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 2)}", bytes(16)), "-1 x 2"),
        (
            npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2)}", bytes(40)),
            "40 of 48 bytes of",
        ),
        (npy("{'descr': '|O', 'fortran_order': False, 'shape': (3,)}", bytes(40)), "type object"),
        (npy("{'descr': '<U4', 'fortran_order': False, 'shape': (1,)}", bytes(40)), "type <U4"),
        (
            npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", bytes(8)),
            "columns a",
        ),
        (
            npy("{'descr': '<f8', 'fortran_order': False, 'shape': __import__('os')}", b""),
            "unreadable",
        ),
    ],
)
def test_damaged_npy_files(tmp_path, data, message):
    path = tmp_path / "a.npy"
    path.write_bytes(data)
    with little_memory(), pytest.raises(DataFileError, match=message) as caught:
        read_images(path)
    assert "\n" not in str(caught.value)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", data)
    with little_memory(), pytest.raises(DataFileError, match=message):
        read_npz(tmp_path / "a.npz", "an array")
