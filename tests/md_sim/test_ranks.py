"""MPI ranks of a quench end with the process that started them, whatever ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from md_sim.runtime import installed

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not installed(), reason="needs LAMMPS")]


def ranks(folder: Path) -> list[str]:
    """Command lines of the processes that work in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:  # gone
            continue
        if b"md_sim.ranks" in words and os.fsencode(folder) in words:
            found.append(path.parent.name)
    return found


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (signal.SIGINT, "aet: interrupted; --resume continues it\n"),
        (signal.SIGTERM, "aet: terminated; --resume continues it\n"),
        (signal.SIGKILL, ""),
    ],
)
def test_ranks_end_with_their_starter(tmp_path: Path, number: int, line: str) -> None:
    out = tmp_path / "quench"
    words = ["md", "quench", "--preset", "ta-quick", "--ranks", "2", "--out", str(out), "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "aet_port.cli.entry", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 120
        while not (out / "restart.bin").exists():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        assert ranks(out)
        if number == signal.SIGINT:  # as a terminal does, to all processes in front of it
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        said, errors = process.communicate(timeout=60)
    assert (said, errors) == ("", line)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    deadline = time.monotonic() + 60
    while ranks(out):
        assert time.monotonic() < deadline, "ranks go on"
        time.sleep(0.05)
