"""The benchmark of start times measures the processor time of the process that it starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.start_time import commands, user_seconds
from mdb import Bank


def test_the_time_of_the_process_counts() -> None:
    work = "import os\nwhile os.times().user < 0.3: sum(range(100_000))"
    assert user_seconds([sys.executable, "-c", work]) >= 0.3


def test_a_command_that_fails_is_no_time() -> None:
    with pytest.raises(RuntimeError, match="exit code 3 of"):
        user_seconds([sys.executable, "-c", "raise SystemExit(3)"])


def test_the_command_is_started_that_users_start(tmp_path: Path) -> None:
    assert user_seconds(commands(tmp_path / "bank.duckdb")["aet --version"]) > 0


def loaded_by(*words: str) -> set[str]:
    """Modules that a command has loaded at its end."""
    shown = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, atexit; from aet_port.cli.entry import main\n"
            "atexit.register(lambda: print('LOADED', *sorted(sys.modules)))\n"
            f"sys.argv = {['aet', *words]!r}; main()",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return {*shown.rpartition("LOADED")[2].split()}


def test_help_of_a_command_loads_no_numerical_library() -> None:
    loaded = loaded_by("analyze", "--help")
    assert "aet_port.cli.analyze" in loaded
    assert not {"numba", "scipy.ndimage", "scipy.spatial", "duckdb", "pyarrow", "h5py"} & loaded


def test_a_query_loads_no_structure_analysis(tmp_path: Path) -> None:
    with Bank(tmp_path / "bank.duckdb"):
        pass
    loaded = loaded_by("mdb", "query", "SELECT 1", "--bank", str(tmp_path / "bank.duckdb"))
    assert "duckdb" in loaded
    assert not {"numba", "scipy.signal", "scipy.stats", "aet_port.structure.analysis"} & loaded
