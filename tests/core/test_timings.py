"""Seconds and peak memory of stages."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from aet_port.core import timings as measure
from aet_port.core.errors import DataFileError
from aet_port.core.timings import Timings, peak_memory, reset_peak


def test_seconds_and_facts(tmp_path: Path) -> None:
    timings = Timings(tmp_path / "timings.json")
    with timings.stage("sleep") as entry:
        time.sleep(0.05)
        entry["atoms"] = 7
    with timings.stage("nothing"):
        pass
    first, second = timings.stages
    assert (first["stage"], first["atoms"], second["stage"]) == ("sleep", 7, "nothing")
    assert 0.05 <= first["seconds"] < 5
    assert second["seconds"] < 0.05
    assert json.loads((tmp_path / "timings.json").read_text()) == timings.stages
    assert [path.name for path in tmp_path.iterdir()] == ["timings.json"]


def test_figures_go_on_after_a_stop(tmp_path: Path) -> None:
    path = tmp_path / "timings.json"
    with Timings.resumed(path).stage("first"):
        pass
    again = Timings.resumed(path)
    with pytest.raises(KeyboardInterrupt), again.stage("stopped"):
        raise KeyboardInterrupt
    with again.stage("second"):
        pass
    assert [entry["stage"] for entry in json.loads(path.read_text())] == ["first", "second"]


@pytest.mark.parametrize("text", ["", "{", "{}", "[1]", '[{"stage": "trace"}]'])
def test_other_contents(tmp_path: Path, text: str) -> None:
    path = tmp_path / "timings.json"
    path.write_text(text)
    with pytest.raises(DataFileError, match=rf"{re.escape(str(path))}.*delete it to continue"):
        Timings.resumed(path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is reset on Linux only")
def test_the_peak_is_that_of_the_stage() -> None:
    timings = Timings()
    with timings.stage("large"):
        block = np.ones(40_000_000)  # 0.32 GB, touched
        del block
    with timings.stage("small"):
        pass
    large, small = (entry["peak_gb"] for entry in timings.stages)
    assert large - small > 0.25
    assert 0.02 < small < large < 50


def test_without_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Systems without /proc tell the peak of the whole process."""
    counted = peak_memory()
    monkeypatch.setattr(measure, "_STATUS", tmp_path / "absent")
    monkeypatch.setattr(measure, "_RESET", tmp_path / "absent" / "absent")
    reset_peak()
    assert peak_memory() >= 0.9 * counted
    assert peak_memory() < 50
