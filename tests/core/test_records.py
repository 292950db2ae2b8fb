"""Damaged records of every kind become the named error, in one line."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aet_port.core.checkpoint import Checkpoint
from aet_port.core.errors import AetError, CheckpointError, DataFileError, InputError
from aet_port.core.records import read_json, read_npz, read_record, write_json
from aet_port.simulation.multislice import _stored
from aet_port.tracing import Peaks
from aet_port.tracing.peak_search import _resume
from aet_port.workflow.config import load_config
from aet_port.workflow.run_folder import RunFolder

DEEP = 100_000 * "["
SHAPES = ["", "null", "3", '"text"', "[]", "[1, 2]", "{}", '{"a": ', DEEP, 99_999 * '{"a":', "NaN"]


@pytest.mark.parametrize("text", SHAPES, ids=range(len(SHAPES)))
def test_json_of_another_shape(tmp_path: Path, text: str) -> None:
    file = tmp_path / "record.json"
    file.write_text(text)
    with pytest.raises(DataFileError) as caught:
        read_record(file, "atoms")
    line = str(caught.value)
    assert line.startswith(f"{file}: found ")
    assert "\n" not in line
    assert len(line) < 600


def test_a_good_record(tmp_path: Path) -> None:
    write_json(tmp_path / "record.json", {"atoms": 3, "r1": float("nan")})
    assert read_record(tmp_path / "record.json", "atoms", "r1") == {"atoms": 3, "r1": None}


@pytest.mark.parametrize("name", ["x\0y", 5000 * "x", "missing"])
def test_paths_that_are_none(tmp_path: Path, name: str) -> None:
    for read in (read_json, read_npz, Peaks.load, load_config):
        with pytest.raises(InputError) as caught:
            read(tmp_path / name)  # type: ignore[operator]
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 1200


def _archive(change: Callable[[bytearray], None] | None = None, **members: Any) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    data = bytearray(made.getvalue())
    if change is not None:
        change(data)
    return bytes(data)


def _npy(array: Any, *, pickled: bool = False) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=pickled)
    return out.getvalue()


def _header(shape: str, descr: str = "'<f8'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (64 - (len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def _flag(bits: int) -> Callable[[bytearray], None]:
    """Set flags of the first member, in its own and in the central header."""

    def change(data: bytearray) -> None:
        data[6] |= bits
        data[data.index(b"PK\x01\x02") + 8] |= bits

    return change


def _method(number: int) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        data[8] = number
        data[data.index(b"PK\x01\x02") + 10] = number

    return change


GOOD = _npy(np.arange(4.0))
DAMAGED = {
    "empty": b"",
    "no archive": b"PK\x03\x04" + 100 * b"x",
    "a .npy file": GOOD,
    "no array": _archive(key=b"text"),
    "encrypted": _archive(_flag(1), key=GOOD),
    "patched data": _archive(_flag(32), key=GOOD),
    "LZMA that is none": _archive(_method(14), key=GOOD),
    "an unknown method": _archive(_method(99), key=GOOD),
    "objects": _archive(key=_npy(np.array([{"a": 1}, None]), pickled=True)),
    "a length of 1e12": _archive(key=_header("(1000000000000,)")),
    "a length of 2**70": _archive(key=_header(f"({2**70},)")),
    "a negative length": _archive(key=_header("(-1, -8)") + 64 * b"x"),
    "lengths that are words": _archive(key=_header("('a',)")),
    "a nested header": _archive(key=_header("(" * 3000 + ")" * 3000)),
    "an unknown type": _archive(key=_header("(1,)", "'<q99'") + 8 * b"x"),
    "a cut array": _archive(key=GOOD[:-9]),
    "version 3": _archive(key=b"\x93NUMPY\x03\x00" + GOOD[8:]),
    "a bomb": _archive(key=_header("(10000000000,)") + 10_000_000 * b"\0"),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_damaged_arrays(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "arrays.npz"
    file.write_bytes(data)
    readers: list[tuple[Callable[[], object], type[AetError]]] = [
        (lambda: read_npz(file, "key"), DataFileError),
        (lambda: Peaks.load(file), DataFileError),
        (lambda: Checkpoint(file, "abc").load(), CheckpointError),
        (lambda: _resume(file, "abc", 3), CheckpointError),
        (lambda: _stored(file, "abc"), CheckpointError),
    ]
    for read, kind in readers:
        with pytest.raises(kind) as caught:
            read()
        assert str(caught.value).startswith(f"{file}: found ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", range(3))
def test_bytes_changed_at_random(tmp_path: Path, seed: int) -> None:
    """200 changes of up to four bytes: the arrays as they were, or the named error."""
    rng = np.random.default_rng(seed)
    good = _archive(key=_npy("abc"), table=_npy(rng.random((5, 3))), done=_npy(7))
    expected = np.load(io.BytesIO(good))["table"]
    file = tmp_path / "checkpoint.npz"
    outcomes: set[object] = set()  # lines broken in an error, or that the array was read
    for _ in range(200):
        data = bytearray(good)
        for place in rng.integers(0, len(data), rng.integers(1, 5)):
            data[place] = rng.integers(0, 256)
        file.write_bytes(data[: len(data) if rng.random() < 0.8 else rng.integers(0, len(data))])
        try:
            found = read_npz(file, "table")["table"]
        except DataFileError as error:
            outcomes.add(str(error).count("\n"))
        else:
            outcomes.add("read")
            np.testing.assert_array_equal(found, expected)
    assert outcomes == {0, "read"}


def test_a_state_that_does_not_fit(tmp_path: Path) -> None:
    saved = Checkpoint(tmp_path / "c.npz", "abc")
    saved.save(done=np.zeros(3))
    stored = saved.load()
    assert stored is not None
    with pytest.raises(CheckpointError, match="delete it to start again"), saved.restoring():
        int(stored["done"])
    with pytest.raises(CheckpointError, match="volume"), saved.restoring():
        stored["volume"]


@pytest.mark.parametrize("text", ["3", "[]", '{"a": 3}', '{"trace": {"key": 1}}', DEEP])
def test_the_record_of_the_stages(tmp_path: Path, text: str) -> None:
    (tmp_path / "stages.json").write_text(text)
    with pytest.raises(DataFileError, match=r"stages\.json"):
        RunFolder(tmp_path).stage_records()


@pytest.mark.parametrize(
    "text",
    [
        "a = " + DEEP,
        f"[sample]\nname = 'x'\nspecies = 'Ta'\npixel_size = {5000 * '9'}\n",
        "[sample]\nname = 'x'\nspecies = 'Ta'\n[input]\nprojections = \"a\\u0000b\"\n",
        f"[sample]\nname = 'x'\nspecies = 'Ta'\n[detect]\ntrials = {400 * '9'}\n",
        f"[sample]\nname = 'x'\nspecies = 'Ta'\n[detect]\ndepth = {400 * '9'}\n",
        "[sample]\nname = 'x'\nspecies = 'Ta'\n[detect]\ndepth = inf\n",
        "[sample]\nname = 'x'\nspecies = 'Ta'\n[detect]\ndepth = nan\n",
        "\ud800",
    ],
    ids=range(8),
)
def test_configurations(tmp_path: Path, text: str) -> None:
    file = tmp_path / "run.toml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(DataFileError) as caught:
        load_config(file)
    assert str(caught.value).startswith(f"{file}: found ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1500
