"""One process at a time works in a run folder; whoever is gone blocks nobody."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aet_port.core import locks
from aet_port.core.errors import InputError
from aet_port.core.locks import LOCK, lock_file, one_at_a_time, unlock_file
from tests.killed_processes import ROOT

CODE = """
import sys
from pathlib import Path
from aet_port.core.locks import one_at_a_time
with one_at_a_time(Path(sys.argv[1])):
    print("here", flush=True)
    input()
"""


@contextmanager
def working_in(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that works in a folder."""
    with subprocess.Popen(
        [sys.executable, "-c", CODE, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "here\n"
            yield process
        finally:
            process.kill()


def enter(folder: Path) -> bool:
    with one_at_a_time(folder):
        return (folder / LOCK).exists()


def test_the_second_is_told_who_is_there(tmp_path: Path) -> None:
    with working_in(tmp_path) as process:
        with pytest.raises(InputError, match=rf"a run that is going on \(process {process.pid}\)"):
            enter(tmp_path)
        process.kill()
        process.wait()
        assert (tmp_path / LOCK).exists()  # left behind, and in nobody's way
        assert enter(tmp_path)
    assert not (tmp_path / LOCK).exists()


def test_an_error_gives_the_folder_back(tmp_path: Path) -> None:
    def fail() -> None:
        with one_at_a_time(tmp_path):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not (tmp_path / LOCK).exists()
    assert enter(tmp_path)


def test_where_nothing_can_be_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not enter_missing(tmp_path / "missing")
    monkeypatch.setattr(locks, "fcntl", None)
    assert not enter(tmp_path)


def enter_missing(folder: Path) -> bool:
    with one_at_a_time(folder):
        return folder.exists()


def test_shared_locks_go_together(tmp_path: Path) -> None:
    path = tmp_path / "turn"
    assert lock_file(path, 0.0, exclusive=False) is None  # nobody made it
    path.touch()
    shared = [lock_file(path, 0.0, exclusive=False) for _ in range(2)]
    assert None not in shared
    began = time.monotonic()
    assert lock_file(path, began + 0.1) is None
    assert time.monotonic() - began >= 0.1
    for handle in shared:
        assert handle is not None
        unlock_file(handle, path)
    alone = lock_file(path, 0.0)
    assert alone is not None
    unlock_file(alone, path)
    assert not path.exists()
