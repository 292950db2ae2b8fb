"""Downloads of the published data, from a server of this machine."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pooch
import pytest

from aet_port.core.errors import DataFileError, InputError, OutputError
from matlab_reference import download as fetching
from matlab_reference.download import HOST, address, fetch, missing, select
from matlab_reference.locate import holds_data
from matlab_reference.registry import PublishedFile, read_registry
from tests.matlab_reference.published_server import (
    CONTENTS,
    FILES,
    LARGE,
    NAMES,
    Server,
    published,
    serve,
)

ROOT = Path(__file__).resolve().parent.parent.parent
ANGLES = "AET-MetallicGlass/1_Data/angles.mat"


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        yield running


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, whatever its name."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_addresses() -> None:
    one = PublishedFile("AET-MetallicGlass", "9_Figures/Supplementary Figures.pdf", 1, "", "")
    assert address(one) == (
        f"{HOST}/AET-MetallicGlass/Supplementary-Data-Codes/"
        "f1aadc316338c822c0728c655f7da5334a4eb2bc/9_Figures/Supplementary%20Figures.pdf"
    )


def test_what_is_selected() -> None:
    files = read_registry()
    data = select(files)
    assert len(data) == 595 - sum(one.is_code for one in files)
    assert len(select(files, code=True)) == 595
    assert len(data) - len(select(files, small=True)) == 54
    film = select(files, ["AET-Am*Ta_film*", "*README.md"], small=True)
    assert {one.repository for one in film if "README" not in one.path} == {
        "AET-AmorphousMaterials"
    }
    assert all("Ta_film" in one.path or one.path.endswith("README.md") for one in film)
    assert 0 < len(film) < len(data)
    with pytest.raises(InputError, match=r"--only: found '\*\.tiff'"):
        select(files, ["*README.md", "*.tiff"])


def test_files_come_whole_and_into_the_layout(server: Server, tmp_path: Path) -> None:
    done = fetch(FILES, tmp_path / "new", host=server.host, retries=0)
    assert contents(tmp_path / "new") == CONTENTS
    assert (done.fetched, done.present, done.failed) == (FILES, [], {})
    assert done.size == sum(map(len, CONTENTS.values()))
    assert missing(FILES, tmp_path / "new") == []
    assert (tmp_path / "new" / ANGLES).stat().st_mode & 0o444 == 0o444


def test_both_repositories_have_a_folder(server: Server, tmp_path: Path) -> None:
    """Also after a fetch from one alone, so that the data are found."""
    fetch([published(ANGLES)], tmp_path, host=server.host, retries=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "AET-AmorphousMaterials",
        "AET-MetallicGlass",
    ]


def test_a_second_fetch_asks_for_nothing(server: Server, tmp_path: Path) -> None:
    fetch(FILES, tmp_path, host=server.host, retries=0)
    server.asked.clear()
    done = fetch(FILES, tmp_path, host=server.host, retries=0)
    assert not server.asked
    assert (done.fetched, done.present, done.size) == ([], FILES, 0)


@pytest.mark.parametrize("name", [ANGLES, LARGE])
def test_damaged_files_are_fetched_again(server: Server, tmp_path: Path, name: str) -> None:
    fetch(FILES, tmp_path, host=server.host, retries=0)
    (tmp_path / name).write_bytes(CONTENTS[name][:100])
    assert missing(FILES, tmp_path) == [published(name)]
    done = fetch(FILES, tmp_path, host=server.host, retries=0)
    assert done.fetched == [published(name)]
    assert contents(tmp_path) == CONTENTS


@pytest.mark.parametrize("name", [ANGLES, LARGE])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [("wrong", "is "), ("short", "was interrupted"), (404, "answer 404 to http://127.0.0.1")],
)
def test_a_file_that_comes_wrong_is_left_out(
    server: Server, tmp_path: Path, name: str, fault: int | str, reason: str
) -> None:
    server.faults[name] = fault
    done = fetch(FILES, tmp_path, host=server.host, retries=0)
    assert list(done.failed) == [name]
    assert reason in done.failed[name]
    # The others came, and nothing is left of this one under any name.
    assert contents(tmp_path) == {key: value for key, value in CONTENTS.items() if key != name}
    server.faults.clear()
    assert fetch(FILES, tmp_path, host=server.host, retries=0).fetched == [published(name)]
    assert contents(tmp_path) == CONTENTS


@pytest.mark.parametrize("fault", ["wrong", "short", 503, 429])
def test_a_passing_fault_is_tried_again(
    server: Server, tmp_path: Path, fault: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    server.faults, server.times = {ANGLES: fault}, 2
    done = fetch(FILES, tmp_path, host=server.host, retries=2)
    assert (done.failed, server.asked[ANGLES]) == ({}, 3)
    assert contents(tmp_path) == CONTENTS


def test_a_missing_file_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    server.faults[ANGLES] = 404
    fetch(FILES, tmp_path, host=server.host)
    assert server.asked[ANGLES] == 1


@pytest.mark.parametrize("answer", [403, 429, 500])
def test_a_host_that_refuses_ends_the_fetch(server: Server, tmp_path: Path, answer: int) -> None:
    server.faults[NAMES[1]] = answer
    with pytest.raises(DataFileError, match=rf"\(answer {answer}\) after 1 files"):
        fetch(FILES, tmp_path, host=server.host, retries=0)
    assert list(contents(tmp_path)) == NAMES[:1]


def test_offline_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as unused:  # a port where nobody answers
        unused.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(DataFileError) as caught:
            fetch(FILES, tmp_path, host=host, retries=0, timeout=5)
    text = str(caught.value)
    for part in (
        f"{tmp_path}: found no data from {host} (ConnectionError) after 0 files",
        "the same command then resumes",
        "https://github.com/AET-MetallicGlass/Supplementary-Data-Codes at f1aadc3",
        "https://github.com/AET-AmorphousMaterials/Supplementary-Data-Codes at 42e77d2",
        "AET_REFERENCE",
    ):
        assert part in text
    assert not holds_data(tmp_path)  # no empty folders that would pass for data


def test_an_address_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"no data from mirror \(MissingSchema\)"):
        fetch(FILES, tmp_path, host="mirror", retries=0)


def test_an_interrupted_fetch_goes_on(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the middle of the second file: the first stays, the second leaves nothing."""
    download = pooch.HTTPDownloader.__call__

    def stopped(self: pooch.HTTPDownloader, url: str, output: str, caller: object) -> None:
        download(self, url, output, caller)
        if "space" in url:
            Path(output).write_bytes(b"half")
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pooch.HTTPDownloader, "__call__", stopped)
        with pytest.raises(KeyboardInterrupt):
            fetch(FILES, tmp_path, host=server.host, retries=0)
    assert list(contents(tmp_path)) == [ANGLES]
    done = fetch(FILES, tmp_path, host=server.host, retries=0)
    assert done.present == FILES[:1]
    assert done.fetched == FILES[1:]
    assert contents(tmp_path) == CONTENTS


def test_a_killed_fetch_goes_on(server: Server, tmp_path: Path) -> None:
    """A process ended by SIGKILL with half of the second file: it has no name yet."""
    server.faults, server.times = {NAMES[1]: "stall"}, 1
    code = (
        "from matlab_reference.download import fetch\n"
        "from tests.matlab_reference.published_server import FILES\n"
        f"fetch(FILES, {str(tmp_path)!r}, host={server.host!r}, retries=0)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as process:
        assert server.stalled.wait(60)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert [name for name in CONTENTS if (tmp_path / name).exists()] == [ANGLES]
    done = fetch(FILES, tmp_path, host=server.host, retries=0)
    assert (done.present, done.fetched) == (FILES[:1], FILES[1:])
    assert missing(FILES, tmp_path) == []
    assert contents(tmp_path) == CONTENTS  # and nothing of the killed process


def test_a_place_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file: could not be written .* another place with --to"):
        fetch(FILES, tmp_path / "file", host=server.host, retries=0)
    assert not server.asked


def test_the_host_is_that_of_the_papers() -> None:
    assert fetching.HOST == "https://raw.githubusercontent.com"
