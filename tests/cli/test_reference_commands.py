"""``aet reference``: the published data and the table of functions, as commands."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aet_port.cli import reference as commands
from aet_port.core.errors import DataFileError
from matlab_reference import download as fetch
from matlab_reference import locate
from matlab_reference.functions import KINDS, read_functions
from tests.cli.samples import Aet, Refused
from tests.matlab_reference.published_server import CONTENTS, FILES, LARGE, NAMES, Server, serve

Asked = Callable[..., Any]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """In place of the public host and of the list of files."""
    monkeypatch.setattr(commands, "read_registry", lambda: FILES)
    with serve() as running:
        monkeypatch.setattr(fetch, "HOST", running.host)
        yield running


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's cache, empty, and the only place that is looked at."""
    cache = tmp_path / "cache"
    monkeypatch.delenv("AET_REFERENCE", raising=False)
    for module in (commands, locate):
        monkeypatch.setattr(module, "candidates", lambda: [cache])
        monkeypatch.setattr(module, "cache", lambda: cache)
    return cache


def test_functions_with_counts(aet: Aet, asked: Asked) -> None:
    found = asked("reference", "functions")
    assert len(found["rows"]) == len(read_functions()) == 294
    counts = found["counts"]
    assert set(counts) == {"mg", "am", "all"}
    assert sum(counts["all"].values()) == 294
    assert set(counts["all"]) == set(KINDS)
    out = aet("reference", "functions", "--repo", "mg").out
    assert not any(line.startswith("am/") for line in out.splitlines())
    numbers = re.findall(r"\d+", next(line for line in out.splitlines() if line.startswith("all ")))
    assert [int(number) for number in numbers] == [*counts["all"].values(), 294]


def test_functions_of_one_status(aet: Aet, asked: Asked, refused: Refused) -> None:
    rows = asked("reference", "functions", "--status", "not-needed", "--repo", "am")["rows"]
    assert rows
    assert all(row["status"].startswith("not needed: ") and row["repo"] == "am" for row in rows)
    assert "pathlib.Path.is_file" in aet("reference", "functions", "--status", "library").out
    rows = asked("reference", "functions", "--status", "ported-without-output")["rows"]
    assert rows
    assert all(row["status"].startswith("ported without output: ") for row in rows)
    refused("reference", "functions", "--status", "open", parts=("--status: found 'open'",))
    refused("reference", "functions", "--repo", "xx", parts=("--repo: found 'xx'; expected mg or",))


def test_fetch_into_the_cache(aet: Aet, asked: Asked, server: Server, nowhere: Path) -> None:
    outcome = aet("reference", "fetch")
    assert outcome.code == 0
    assert f"3 files in {nowhere}: 0 there, 3 to fetch, 0.0 MB and 1 large files" in outcome.out
    assert "3 files fetched, 0.1 MB" in outcome.out
    assert "AET_REFERENCE" not in outcome.out
    assert locate.locate_reference(*Path(LARGE).parts).read_bytes() == CONTENTS[LARGE]
    again = asked("reference", "fetch")
    assert (again["present"], again["fetched"], again["failed"]) == (3, [], {})
    with_code = asked("reference", "fetch", "--code")
    assert with_code["fetched"] == ["AET-MetallicGlass/2_Code/run.m"]


def test_fetch_elsewhere_says_how_it_is_found(
    aet: Aet, server: Server, nowhere: Path, tmp_path: Path
) -> None:
    outcome = aet("reference", "fetch", "--to", tmp_path / "own", "--only", "*angles*")
    assert outcome.code == 0
    assert f"set AET_REFERENCE={tmp_path / 'own'} to use them" in outcome.out
    assert (tmp_path / "own" / NAMES[0]).read_bytes() == CONTENTS[NAMES[0]]
    assert list(server.asked) == [NAMES[0]]


def test_dry_run_touches_nothing(aet: Aet, asked: Asked, server: Server, nowhere: Path) -> None:
    plan = asked("reference", "fetch", "--dry-run", "--small")
    assert plan == {
        "folder": str(nowhere),
        "files": 2,
        "to_fetch": 2,
        "known_bytes": sum(len(CONTENTS[name]) for name in NAMES if name != LARGE),
        "of_unknown_size": 0,
        "names": [name for name in NAMES if name != LARGE],
    }
    assert "3 would be fetched" in aet("reference", "fetch", "--dry-run").out
    assert not nowhere.exists()
    assert not server.asked


def test_fetch_that_failed_in_part(aet: Aet, server: Server, nowhere: Path) -> None:
    server.faults[LARGE] = 404
    outcome = aet("reference", "fetch")
    assert outcome.code == 1
    assert f"aet: not fetched: {LARGE} (answer 404 to http://127.0.0.1" in outcome.err
    outcome = aet("reference", "fetch", "--json")
    assert outcome.code == 1
    assert list(json.loads(outcome.out)["failed"]) == [LARGE]


def test_fetch_offline(refused: Refused, nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "HOST", "http://127.0.0.1:9")  # the discard port: nobody answers
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    parts = ("no data from http://127.0.0.1:9 (ConnectionError)", "AET_REFERENCE", "clone")
    refused("reference", "fetch", "--small", "--json", parts=parts)


def test_fetch_of_nothing(refused: Refused, nowhere: Path) -> None:
    refused("reference", "fetch", "--only", "*.tiff", "--json", parts=("--only", "'*.tiff'"))


def test_locate_counts_what_is_missing(
    aet: Aet, asked: Asked, server: Server, nowhere: Path
) -> None:
    aet("reference", "fetch", "--small")
    found = asked("reference", "locate")
    assert found["looked"] == [{"folder": str(nowhere), "found": True}]
    assert found["found"] == [str(nowhere)]
    glass, film = found["repositories"]
    assert (glass["repository"], glass["files"], glass["there"]) == ("AET-MetallicGlass", 2, 2)
    assert (film["files"], film["there"], film["missing"]) == (1, 0, [LARGE])
    assert film["missing_large"] == 1
    out = aet("reference", "locate").out
    assert f"looked in {nowhere}: found" in out
    assert f"aet reference fetch --to {nowhere}" in out


def test_locate_checks_what_is_there(aet: Aet, server: Server, nowhere: Path) -> None:
    aet("reference", "fetch")
    assert aet("reference", "locate", "--check").code == 0
    (nowhere / NAMES[1]).write_bytes(b"other")
    assert aet("reference", "locate").code == 0
    outcome = aet("reference", "locate", "--check", "--json")
    assert outcome.code == 1
    assert f"aet: not as published: {NAMES[1]}" in outcome.err
    assert json.loads(outcome.out)["repositories"][0]["damaged"] == [NAMES[1]]


def test_locate_without_data(aet: Aet, nowhere: Path) -> None:
    outcome = aet("reference", "locate")
    assert outcome.code == 2
    golden = locate.golden_folder()
    assert outcome.out == f"looked in {nowhere}: not there\ngolden outputs: {golden}\n"
    assert "`aet reference fetch` downloads them" in outcome.err
    outcome = aet("reference", "locate", "--json")
    assert outcome.code == 2
    assert json.loads(outcome.out) == {
        "looked": [{"folder": str(nowhere), "found": False}],
        "found": [],
        "repositories": [],
        "golden": str(golden),
    }


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, Path]:
    """Two partial clones of the user, of which neither is whole, and the variable names both."""
    folders = (tmp_path / "one", tmp_path / "two")
    for folder, name in zip(folders, NAMES, strict=False):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(CONTENTS[name])
    monkeypatch.setattr(commands, "read_registry", lambda: FILES)
    monkeypatch.setattr(locate, "cache", lambda: tmp_path / "cache")
    monkeypatch.setenv("AET_REFERENCE", os.pathsep.join(map(str, folders)))
    return folders


def test_partial_clones_add_up(aet: Aet, asked: Asked, two: tuple[Path, Path]) -> None:
    one, other = two
    assert locate.locate_reference(*Path(NAMES[0]).parts) == one / NAMES[0]
    assert locate.locate_reference(*Path(NAMES[1]).parts) == other / NAMES[1]
    found = asked("reference", "locate")
    assert [place["found"] for place in found["looked"]] == [True, True, False]
    assert found["found"] == [str(one), str(other)]
    assert sum(state["there"] for state in found["repositories"]) == 2
    assert f"found in {one} and {other}" in aet("reference", "locate").out
    with pytest.raises(DataFileError) as caught:
        locate.locate_reference(*Path(LARGE).parts)
    assert caught.value.path == one / LARGE
    for part in (f"nor in {other}", "aet reference fetch", "AET_REFERENCE", repr(os.pathsep)):
        assert part in str(caught.value)


def test_the_first_of_two_copies_is_taken(aet: Aet, two: tuple[Path, Path]) -> None:
    one, other = two
    (other / NAMES[0]).parent.mkdir(parents=True, exist_ok=True)
    (other / NAMES[0]).write_bytes(b"other")
    assert locate.locate_reference(*Path(NAMES[0]).parts) == one / NAMES[0]
    assert aet("reference", "locate", "--check").code == 0
    (one / NAMES[0]).write_bytes(b"other")
    assert aet("reference", "locate", "--check").code == 1


def test_a_fetch_beside_other_folders_names_all(
    aet: Aet, two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = two
    with serve() as running:
        monkeypatch.setattr(fetch, "HOST", running.host)
        outcome = aet("reference", "fetch", "--to", tmp_path / "own", "--only", LARGE)
        again = aet("reference", "fetch", "--to", one, "--only", LARGE)
    named = os.pathsep.join(map(str, (tmp_path / "own", one, other)))
    assert f"set AET_REFERENCE={named} to use them" in re.sub(r"\s+", " ", outcome.out)
    assert "AET_REFERENCE" not in again.out


def test_folders_that_are_searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those named and no others, but for the cache; without a name both beside the checkout."""
    monkeypatch.setattr(locate, "_HERE", tmp_path / "clone" / "matlab_reference")
    monkeypatch.setattr(locate, "cache", lambda: tmp_path / "cache")
    monkeypatch.setenv("AET_REFERENCE", os.pathsep.join(["a", "", "b", "a"]))
    assert locate.candidates() == [Path("a"), Path("b"), tmp_path / "cache"]
    for value in ("", None):
        if value is None:
            monkeypatch.delenv("AET_REFERENCE")
        else:
            monkeypatch.setenv("AET_REFERENCE", value)
        beside = tmp_path / "shared" / "reference"
        assert locate.candidates() == [beside / "data", beside / "pd2", tmp_path / "cache"]
