"""Unfinished files of killed processes are removed, those of living ones never."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aet_port.core import files, leftovers
from aet_port.core.errors import OutputError
from aet_port.core.files import partial_folder, write_whole, write_whole_folder
from aet_port.core.leftovers import partial_path, replaced_path, tidy
from tests.killed_processes import ROOT, left_by_killed


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_tidied", set())


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    "name",
    ["a.npz", "bank.duckdb", ".hidden", "no suffix", "\u539f" * 80, f"{'a' * 250}.npz"],
    ids=["file", "bank", "hidden", "no suffix", "wide", "long"],
)
def test_names(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    one, other = partial_path(target), partial_path(target)
    assert one != other
    assert one.suffix == target.suffix or not target.suffix
    assert one.parent == tmp_path
    one.write_bytes(b"")  # short enough for the file system
    assert leftovers._NAME.fullmatch(one.name)
    tidy(tmp_path, own=True)
    assert names(tmp_path) == {one.name}  # ours, and we are alive


def test_what_the_dead_left_is_removed_at_the_next_write(tmp_path: Path) -> None:
    file, folder, _ = left_by_killed(tmp_path / "a.npz")
    file.write_bytes(b"half")
    file.with_name(f"{folder.name}.wal").write_bytes(b"of DuckDB")
    (folder / "in it").mkdir(parents=True)
    for other in (".partial-note", "a.partial-1.npz", ".a.old-1.zarr"):  # of somebody else
        (tmp_path / other).write_bytes(b"kept")
    write_whole(tmp_path / "b.txt", lambda path: path.write_text("b"))
    assert names(tmp_path) == {"b.txt", ".partial-note", "a.partial-1.npz", ".a.old-1.zarr"}


def test_a_living_process_keeps_its_own(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from aet_port.core.leftovers import partial_path;"
        "print(partial_path(Path(sys.argv[1])), flush=True); input()"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "a.npz")]
    with subprocess.Popen(
        words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        path = Path(process.stdout.readline().strip())
        path.write_bytes(b"half")
        tidy(tmp_path, own=True)
        assert path.exists()
        process.send_signal(signal.SIGKILL)
        process.wait()
        tidy(tmp_path, own=True)
        assert not path.exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(("part", "kept"), [("start", False), ("boot", False), ("host", True)])
def test_numbers_of_processes_come_again(tmp_path: Path, part: str, kept: bool) -> None:
    """The number of a process that began at another time, before a restart, or elsewhere."""
    path = partial_path(tmp_path / "a.npz")
    named = leftovers._NAME.fullmatch(path.name)
    assert named is not None
    boot, ticks = named["start"].split("-")
    old, new = {
        "start": (f"-{ticks}-", f"-{int(ticks) + 1}-"),
        "boot": (f"-{boot}-", f"-{int(boot, 16) ^ 1:04x}-"),
        "host": (f"-{named['host']}-", f"-{int(named['host'], 16) ^ 1:08x}-"),
    }[part]
    left = path.with_name(path.name.replace(old, new))
    left.write_bytes(b"half")
    tidy(tmp_path)
    assert left.exists() is kept
    if kept:  # until nothing has happened for so long that nobody writes it
        long_ago = left.stat().st_mtime - leftovers.FORGOTTEN - 1
        os.utime(left, (long_ago, long_ago))
        tidy(tmp_path)
        assert not left.exists()


def test_names_of_earlier_versions(tmp_path: Path) -> None:
    """They don't tell who writes them: in a folder of our own they go when they are old."""
    (tmp_path / "deep").mkdir()
    left = [tmp_path / ".parquet.partial-abcd", tmp_path / "deep" / ".a.partial-12.npz"]
    left[0].mkdir()
    left[1].write_bytes(b"half")
    tidy(tmp_path, own=True)
    assert all(path.exists() for path in left)
    for path in left:
        os.utime(path, (0, 0))
    tidy(tmp_path)
    assert all(path.exists() for path in left)
    tidy(tmp_path, own=True)
    assert names(tmp_path) == {"deep"}
    assert not names(tmp_path / "deep")


def zarr(content: str, at: Path) -> None:
    at.mkdir()
    (at / ".zgroup").write_text(content)


@pytest.mark.parametrize("can_swap", [True, False])
def test_a_folder_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_swap: bool
) -> None:
    if not can_swap:
        monkeypatch.setattr(files, "_exchanged", lambda one, other: False)
    target = tmp_path / "a.zarr"
    for content in ("first", "second"):
        write_whole_folder(target, lambda at, content=content: zarr(content, at), ".zgroup")
        assert (target / ".zgroup").read_text() == content
        assert names(tmp_path) == {"a.zarr"}


def test_a_kill_between_two_renames_loses_nothing(tmp_path: Path) -> None:
    target = tmp_path / "a.zarr"
    partial, _, old = left_by_killed(target)
    zarr("new", partial)
    zarr("old", old)
    tidy(tmp_path)
    assert (target / ".zgroup").read_text() == "old"
    assert names(tmp_path) == {"a.zarr"}
    zarr("older", replaced_path(target))  # of a living process: ours
    tidy(tmp_path)
    assert len(names(tmp_path)) == 2


def test_a_folder_of_parts_goes_whatever_happens(tmp_path: Path) -> None:
    def stop() -> None:
        with partial_folder(tmp_path / "new" / "export") as room:
            (room / "part").write_bytes(b"half")
            assert room.parent == tmp_path / "new"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert not names(tmp_path / "new")


def test_file_then_name_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content before the rename, the folder after it, and new folders above it too."""
    done: list[str] = []
    sync, rename = os.fsync, os.replace

    def synced(handle: int) -> None:
        done.append(f"sync {os.path.basename(os.readlink(f'/proc/self/fd/{handle}'))[:2]}")
        sync(handle)

    def renamed(one: Path, other: Path) -> None:
        done.append("rename")
        rename(one, other)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    (tmp_path / "up").mkdir()
    write_whole(tmp_path / "up" / "in" / "a.txt", lambda path: path.write_text("a"))
    assert done == ["sync up", "sync .a", "rename", "sync in"]


def test_a_folder_that_does_not_reach_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def fail(number: int) -> None:
        def of_folders(handle: int) -> None:
            if os.path.isdir(f"/proc/self/fd/{handle}"):
                raise OSError(number, os.strerror(number))
            sync(handle)

        monkeypatch.setattr(os, "fsync", of_folders)

    fail(22)  # EINVAL: a file system that can't
    write_whole(tmp_path / "a.txt", lambda path: path.write_text("a"))
    fail(5)  # EIO
    with pytest.raises(OutputError, match="Input/output error"):
        write_whole(tmp_path / "b.txt", lambda path: path.write_text("b"))
