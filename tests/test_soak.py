"""The soak scripts damage what they are to damage, and see what they are to see."""

from __future__ import annotations

import io
import os
import signal
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aet_port.core.errors import InputError
from benchmarks.killed_commands import said_wrong
from benchmarks.mutated_files import CHANGED, FAULT, REFUSED, SAME, digest, outcome
from benchmarks.mutated_samples import Sound
from benchmarks.mutations import damaged, damaged_anywhere, misspelt, other_arrays

TEXT = b'[sample]\nname = "particle"\npixel_size = 0.35\n' * 20


def npz() -> bytes:
    target = io.BytesIO()
    np.savez(target, places=np.arange(12.0).reshape(4, 3), key=np.array("key"))
    return target.getvalue()


@pytest.mark.parametrize("damage", [damaged, damaged_anywhere, misspelt, other_arrays])
def test_damages_come_again_by_their_seed(damage: Callable[..., bytes]) -> None:
    whole = npz() if damage is other_arrays else TEXT
    made = [damage(whole, np.random.default_rng([0, k])) for k in range(60)]
    assert made == [damage(whole, np.random.default_rng([0, k])) for k in range(60)]
    assert len(set(made)) > 30  # some arrays in the place of others come twice
    assert sum(one != whole for one in made) > 50


def test_arrays_are_exchanged_in_files_that_are_sound() -> None:
    made = [other_arrays(npz(), np.random.default_rng([0, k])) for k in range(40)]
    sound = 0
    for one in made:
        try:
            with zipfile.ZipFile(io.BytesIO(one)) as archive:
                sound += archive.testzip() is None
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
            continue
    assert sound >= 20


def read(path: Path) -> object:
    word = path.read_text()
    if word == "refused":
        raise InputError("a", "b", "c")
    if word == "lines":
        raise InputError("a", "b\nb", "c")
    if word == "error":
        raise KeyError(word)
    if word == "memory":
        return np.zeros(2**31, np.uint8).sum()
    if word == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    while word == "endless":
        pass
    return word


@pytest.mark.parametrize(
    ("content", "checksum", "word", "more"),
    [
        ("whole", False, SAME, ""),
        ("other", False, CHANGED, ""),
        ("other", True, FAULT, "in spite of a checksum"),
        ("refused", True, REFUSED, ""),
        ("lines", False, FAULT, "several lines"),
        ("error", False, FAULT, "KeyError"),
        ("memory", False, FAULT, "MemoryError"),
        ("killed", False, FAULT, "SIGKILL"),
        pytest.param("endless", False, FAULT, "SIGXCPU", marks=pytest.mark.slow),  # 5 s
    ],
)
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_outcomes(tmp_path: Path, content: str, checksum: bool, word: str, more: str) -> None:
    path = tmp_path / "file"
    path.write_text(content)
    sound = Sound(path, read, allowance=2**29, checksum=checksum)
    found = outcome(sound, digest("whole"))
    assert found[0] == word, found
    assert more in found[1]


def test_what_counts_as_one_line() -> None:
    line = "aet: interrupted; run the same command again\n"
    assert said_wrong(signal.SIGINT, 130, line) == []
    assert said_wrong(signal.SIGINT, 130, f"aet: warning: a\n{line}") == []
    assert said_wrong(signal.SIGTERM, 143, line)
    assert said_wrong(signal.SIGINT, -2, line)
    assert said_wrong(signal.SIGINT, 130, f"Traceback\n{line}")
    assert said_wrong(signal.SIGINT, 130, "")
