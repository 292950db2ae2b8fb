"""Damaged MRC, .mdoc, .tlt, .xf and sidecar files: read, or refused on one line.

Bits are flipped, files cut off, fields of headers exchanged or set to huge numbers; nothing may
crash, hang, or take memory for what is not in the file.
"""

from __future__ import annotations

import gzip
import json
import struct
import time
import tracemalloc
import warnings
from pathlib import Path

import mrcfile.dtypes
import numpy as np
import pytest

from aet_port.core.errors import AetError
from aet_port.io import read_angles, read_tilt_series
from aet_port.io.frames import read_frames
from aet_port.io.settings import ReadSettings
from aet_port.io.volumes import read_volume
from tests.io.mrc_files import mrc_bytes, sections_of

N = 6
ANGLES = np.array([-60.0, -36, -12, 12, 36, 60])
TURNS = 40  # of 9 sets of files
WORDS = (0, 1, -1, 2**15 - 1, 2**15, 2**31 - 1, -(2**31), 10**6, 401)


def originals() -> dict[str, dict[str, bytes]]:
    """Sets of files that can be read, by name; the first is the stack."""
    stack = sections_of(N, 12, 10)
    old = np.zeros((1024, 32), "<f4")
    old[:N, 0], old[:N, 11] = ANGLES, 0.5e-10
    fei = np.zeros(N, mrcfile.dtypes.get_ext_header_dtype(b"FEI1", "<"))
    fei["Metadata size"], fei["Bitmask 1"] = fei.dtype.itemsize, 0xFFFFFFFF
    fei["Alpha tilt"], fei["Pixel size X"], fei["Pixel size Y"] = ANGLES, 5e-11, 5e-11
    serial = np.zeros((N, 7), "<i2")
    serial[:, 0] = ANGLES * 100
    titles = "[T = Tilt axis angle = -84.5, binning = 1]\n"
    doc = "PixelSpacing = 0.5\n" + titles
    doc += "".join(f"[ZValue = {i}]\nTiltAngle = {a}\n" for i, a in enumerate(ANGLES))
    notes = {"angles": ANGLES.tolist(), "pixel_size": 0.5, "frames_per_tilt": [1] * N}
    table = "angle_deg,frames,pixel_size\n" + "".join(f"{a},1,0.5\n" for a in ANGLES)
    lines = "\n".join(map(str, ANGLES)).encode()
    turns = b"0.99 -0.1 0.1 0.99 1.5 -2\n" * N
    return {
        "old": {"s.mrc": mrc_bytes(stack, pixel=1.0, extended=old.tobytes())},
        "fei": {"s.mrc": mrc_bytes(stack, pixel=1.0, extended=fei.tobytes(), kind=b"FEI1")},
        "serialem": {"s.st": mrc_bytes(stack, extended=serial.tobytes(), numbers=(14, 1))},
        "bytes": {"s.mrc": mrc_bytes(stack.astype("u1"), imod=0), "s.tlt": lines},
        "packed": {"s.mrc.gz": gzip.compress(mrc_bytes(stack), 1, mtime=0), "s.rawtlt": lines},
        "mdoc": {"s.mrc": mrc_bytes(stack), "s.mrc.mdoc": doc.encode()},
        "json": {"s.mrc": mrc_bytes(stack), "s.json": json.dumps(notes).encode()},
        "csv": {"s.mrc": mrc_bytes(stack), "s.csv": table.encode()},
        "xf": {"s.mrc": mrc_bytes(stack), "s.xf": turns, "s.tlt": lines},
    }


def mutated(data: bytes, rng: np.random.Generator, binary: bool) -> bytes:
    """One damage of a kind drawn at random."""
    kind = rng.choice(["flip", "cut", "swap", "word", "repeat"])
    whole = bytearray(data)
    # In a binary file all that matters is at the start.
    end = min(len(whole), 2300) if binary else len(whole)
    if kind == "flip":
        for at in rng.integers(0, end, rng.integers(1, 9)):
            whole[at] ^= 1 << rng.integers(8)
    elif kind == "cut":
        del whole[rng.integers(0, len(whole)) :]
    elif kind == "swap":
        one, other = (4 * int(at) for at in rng.integers(0, (end - 4) // 4, 2))
        whole[one : one + 4], whole[other : other + 4] = (
            whole[other : other + 4],
            whole[one : one + 4],
        )
    elif kind == "word" and binary:
        fields = rng.choice([0, 4, 8, 12, 28, 32, 36, 40, 88, 92, 128, 152, 156, 220, 1024])
        form = "<f" if rng.random() < 0.2 else "<I"
        value = float(rng.choice([np.nan, np.inf, -1, 1e30])) if form == "<f" else None
        number = int(rng.choice(WORDS)) & 0xFFFFFFFF
        struct.pack_into(form, whole, int(fields), number if value is None else value)
    else:
        at, to = sorted(int(at) for at in rng.integers(0, end, 2))
        whole[at:at] = whole[at:to] * int(rng.integers(1, 4))
    return bytes(whole)


def damaged(name: str, data: bytes, rng: np.random.Generator) -> bytes:
    """A damaged file; of a compressed one half the time what it holds."""
    if name.endswith(".gz") and rng.random() < 0.5:
        return gzip.compress(mutated(gzip.decompress(data), rng, binary=True), 1, mtime=0)
    return mutated(data, rng, binary=name.endswith((".mrc", ".st")))


@pytest.mark.parametrize("name", originals())
def test_originals_can_be_read(tmp_path, name):
    files = originals()[name]
    for file, data in files.items():
        (tmp_path / file).write_bytes(data)
    read = ReadSettings(transforms="beside" if name == "xf" else None)
    series = read_frames(tmp_path / next(iter(files)), read=read)
    np.testing.assert_allclose(series.tilt_angles(), ANGLES)
    assert series.pixel_size == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("name", originals())
def test_damaged_files_are_read_or_refused_on_one_line(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(len(name) + ord(name[0]))
    files = originals()[name]
    read = ReadSettings(transforms="beside" if name == "xf" else None)
    outcomes = []
    tracemalloc.start()
    try:
        for turn in range(TURNS):
            victim = list(files)[-1] if turn % 2 else next(iter(files))
            for file, data in files.items():
                kept = data if file != victim else damaged(file, data, rng)
                (tmp_path / file).write_bytes(kept)
            outcomes.append(_outcome(tmp_path, next(iter(files)), read))
    finally:
        tracemalloc.stop()
    # The damages are neither harmless nor so great that all is refused.
    assert 0 < sum(outcomes) < len(outcomes)


def _outcome(folder: Path, name: str, read: ReadSettings) -> bool:
    """Whether a series was read, by any road; errors are of one line."""
    size = sum(file.stat().st_size for file in folder.iterdir())
    read_something = False
    roads = [
        lambda: read_frames(folder / name, read=read),
        lambda: read_tilt_series(folder / name, read=read),
        lambda: read_volume(folder / name, 0.5),
        *(
            lambda file=file: read_angles(file)
            for file in folder.iterdir()
            if file.suffix in (".mdoc", ".tlt", ".rawtlt", ".csv")
        ),
    ]
    for number, road in enumerate(roads):
        started = time.process_time()
        tracemalloc.reset_peak()
        problem = ""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                road()
            read_something |= number == 0
        except AetError as error:
            problem = str(error)
        assert "\n" not in problem
        assert len(problem) < 1000
        assert tracemalloc.get_traced_memory()[1] < 2 * size + 100e6
        assert time.process_time() - started < 5
    return read_something
