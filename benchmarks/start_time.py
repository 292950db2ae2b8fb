"""Time of `import aet_port` and of commands that do almost nothing, relative to `import numpy`.

Each is a separate process, of which the least user time of several runs counts, so that reading
files and other work on the machine matter little.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.timing import Row
from mdb import Bank

ROUNDS = 7
CONSOLE = "import sys; from aet_port.cli.entry import main; sys.exit(main())"


def user_seconds(command: Sequence[str]) -> float:
    """User time of a process and its children, which must end without an error."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode} of {' '.join(command)}")
    return usage.ru_utime


def commands(bank: Path) -> dict[str, list[str]]:
    """The commands to time, `import numpy` first."""
    python = [sys.executable, "-c"]
    aet = [*python, CONSOLE]
    return {
        "import numpy": [*python, "import numpy"],
        "import numpy, scipy, numba": [*python, "import numpy, scipy, numba"],
        "import aet_port": [*python, "import aet_port"],
        "aet --version": [*aet, "--version"],
        "aet --help": [*aet, "--help"],
        "aet analyze --help": [*aet, "analyze", "--help"],
        'aet mdb query "SELECT 1"': [*aet, "mdb", "query", "SELECT 1", "--bank", str(bank)],
    }


def run() -> list[Row]:
    """Rows of the table; the ratio is to `import numpy` in the same run."""
    with tempfile.TemporaryDirectory() as folder:
        bank = Path(folder) / "bank.duckdb"
        with Bank(bank):
            pass
        rivals = commands(bank)
        for command in rivals.values():
            user_seconds(command)  # files into the memory of the system, .pyc files written
        best = dict.fromkeys(rivals, float("inf"))
        for _ in range(ROUNDS):
            for name, command in rivals.items():
                best[name] = min(best[name], user_seconds(command))
    numpy = best["import numpy"]
    return [
        Row(
            f"start of `{name}`, user time",
            f"{seconds:.2f} s",
            f"`import numpy` {numpy:.2f} s",
            f"{seconds / numpy:.1f}x",
        )
        for name, seconds in best.items()
        if name != "import numpy"
    ]
