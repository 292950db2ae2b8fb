"""``aet doctor``: what it names is there, and nothing personal is."""

from __future__ import annotations

import json
import os
import platform
from importlib import metadata
from pathlib import Path

import pytest

import aet_port
from aet_port.cli import doctor
from tests.cli.samples import Aet


def test_it_names_versions_and_what_is_missing(aet: Aet, monkeypatch: pytest.MonkeyPatch) -> None:
    present = metadata.version

    def version(name: str) -> str:
        if name == "bm3d":
            raise metadata.PackageNotFoundError(name)
        return present(name)

    monkeypatch.setattr(metadata, "version", version)
    found = json.loads(aet("doctor", "--json").out)
    assert found["aet-port"]["version"] == aet_port.__version__
    assert found["aet-port"]["python"].startswith(platform.python_version())
    assert found["libraries"]["numpy"] == present("numpy")
    assert found["extras"]["denoise"] == "bm3d not installed: pip install 'aet-port[denoise]'"
    assert {"denoise", "ovito", "md", "multislice", "formats", "cluster"} <= set(found["extras"])
    assert not {"dev", "docs", "bench"} & set(found["extras"])


@pytest.mark.parametrize(
    ("version", "older"),
    [("0.9.12", True), ("2.2.1", True), ("2.2.2", False), ("2.10", False), ("3.0.0rc1", False)],
)
def test_it_names_a_library_that_is_too_old(
    version: str, older: bool, aet: Aet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "requires", lambda _: ["numpy>=2.2.2", "h5py>=3.13"])
    monkeypatch.setattr(metadata, "version", {"numpy": version, "h5py": "3.13.0"}.__getitem__)
    found = json.loads(aet("doctor", "--json").out)["libraries"]
    told = f"{version}, older than 2.2.2: pip install 'numpy>=2.2.2'" if older else version
    assert found == {"numpy": told, "h5py": "3.13.0"}


def test_text_is_the_same_without_the_name_of_the_user(
    aet: Aet, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path(aet_port.__file__).resolve().parents[2]
    monkeypatch.setenv("HOME", str(home))
    text = aet("doctor").out
    for title in ("aet-port", "machine", "libraries", "extras", "data"):
        assert f"{title}\n" in text
    assert str(Path(aet_port.__file__).resolve().parents[1]) not in text
    assert "~/" in text


def test_missing_data_and_how_to_get_them(
    aet: Aet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("matlab_reference.locate.candidates", lambda: [tmp_path])
    data = json.loads(aet("doctor", "--json").out)["data"]
    assert data[str(tmp_path)] == "no reference data: aet reference fetch"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux only")
def test_cores_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3})
    assert doctor._cores() == "2 of 16"


@pytest.mark.parametrize(
    ("words", "answers"),
    [
        ("recon", ["reconstruct"]),
        ("mdb que", ["queries", "query"]),
        ("reconstruct --ite", ["--iterations"]),
    ],
)
def test_shells_complete_commands_and_options(
    words: str, answers: list[str], aet: Aet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_AET_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"aet {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    assert aet().out.split() == answers
