"""``aet reference fetch --golden-from`` in an installed package, which has no golden outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aet_port.cli import reference as commands
from matlab_reference import golden_path, locate
from matlab_reference.registry import GOLDEN_TABLE, read_registry
from tests.cli.samples import Aet, Refused

ROOT = Path(__file__).resolve().parent.parent.parent
NUMBER = len(read_registry(GOLDEN_TABLE))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's cache, empty; nothing beside the package."""
    monkeypatch.setattr(locate, "_HERE", tmp_path / "site-packages")
    monkeypatch.setattr(locate, "candidates", lambda: [tmp_path / "cache"])
    monkeypatch.setattr(commands, "cache", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def test_golden_outputs_from_a_clone(
    aet: Aet, asked: Callable[..., Any], installed: Path, tmp_path: Path
) -> None:
    assert (
        "golden outputs: not there (aet reference fetch --golden-from)"
        in aet("reference", "locate").out
    )
    outcome = aet("reference", "fetch", "--golden-from", ROOT)
    assert outcome.code == 0
    assert f"{NUMBER} files fetched, 8.1 MB" in outcome.out
    assert "AET_REFERENCE" not in outcome.out
    assert golden_path("manifest.json") == installed / "golden" / "manifest.json"
    assert f"golden outputs: {installed / 'golden'}" in aet("reference", "locate").out
    again = asked("reference", "fetch", "--golden-from", ROOT, "--only", "*my_fft*")
    assert (again["files"], again["to_fetch"], again["fetched"]) == (1, 0, [])
    elsewhere = aet("reference", "fetch", "--golden-from", ROOT, "--to", tmp_path / "own")
    assert f"set AET_REFERENCE={tmp_path / 'own'} to use them" in elsewhere.out


def test_refused_without_a_clone(refused: Refused, installed: Path, tmp_path: Path) -> None:
    refused("reference", "fetch", "--golden", parts=("--golden-from", "clone", ".tar.gz"))
    words = ("reference", "fetch", "--golden-from", tmp_path, "--json")
    refused(*words, parts=("no golden outputs", "expected a clone"))
