"""Are commands that are interrupted at any moment taken up where they were, with nothing lost?

``python -m benchmarks.killed_commands [--number 300] [--signals 50] [--seed 0]`` ends runs,
deposits, imports, exports, melt-quenches and searches for atoms by SIGKILL at random moments,
drawn evenly from the time that each takes when it is left alone, and as many as ``--signals`` by
SIGINT and by SIGTERM, of which the line and the exit code are looked at. After each, files and
banks are looked through; after some, the command is run to its end, which is compared with that of
one that was left alone.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.interrupted_tasks import TASKS, Task, TwoRuns
from benchmarks.start_time import CONSOLE

ROOT = Path(__file__).resolve().parents[1]
WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
COLUMNS = ("ended before", "killed", "SIGINT", "SIGTERM", "at start", "finished", "faults")
LONGEST = 120.0  # seconds that a command may take on a machine with other work
FINISHED = 0.4  # share of interruptions after which the command is run to its end


def started(task: Task) -> subprocess.Popen[str]:
    """The command of a task, as users start it."""
    return subprocess.Popen(
        [sys.executable, "-c", CONSOLE, *map(str, task.words())],
        cwd=task.folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def takes_care(pid: int) -> bool:
    """Whether a process has come to the first line of ``aet``, where signals are taken care of."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return True
    found = re.search(r"^SigCgt:\s*([0-9a-f]+)", status, re.MULTILINE)
    return found is None or bool(int(found[1], 16) >> (signal.SIGTERM - 1) & 1)


class Soak:
    """Interruptions and what came of them."""

    def __init__(self, folder: Path, seed: int, only: str | None = None) -> None:
        self.rng = np.random.default_rng(seed)
        chosen = [kind for kind in TASKS if only in (None, kind.name)]
        self.tasks = [kind(folder / str(k)) for k, kind in enumerate(chosen)]
        self.seconds: dict[str, float] = {}
        self.counts: Counter[tuple[str, str]] = Counter()
        self.faults: list[str] = []

    def note(self, task: Task, what: str, problems: list[str]) -> None:
        """Remember what is wrong."""
        self.counts[task.name, "faults"] += len(problems)
        self.faults += [f"{task.name}, {what}: {problem}" for problem in problems]

    def left_alone(self, task: Task, what: str) -> None:
        """Run a command to its end."""
        process = started(task)
        output, errors = process.communicate(timeout=LONGEST)
        if process.returncode:
            self.note(task, what, [f"exit code {process.returncode}: {errors[-500:].strip()}"])
            task.fresh()
            return
        self.ended(task, what, output)

    def ended(self, task: Task, what: str, output: str) -> None:
        """What a command that came to its end leaves."""
        task.reported(output)
        self.counts[task.name, "finished"] += 1
        self.note(task, what, self.looked(task.judge))
        if self.rng.random() < 0.5:
            task.fresh()

    def looked(self, look: object) -> list[str]:
        """Problems; what can't be read is one."""
        try:
            return list(look())  # type: ignore[operator]
        except Exception as error:
            return [f"{type(error).__name__}: {error}"]

    def measure(self) -> None:
        """How long each command takes, and what it makes."""
        for task in self.tasks:
            task.fresh()
            self.left_alone(task, "left alone")  # fills caches
            task.fresh()
            began = time.monotonic()
            self.left_alone(task, "left alone")
            self.seconds[task.name] = time.monotonic() - began
            task.fresh()

    def interrupt(self, task: Task, number: int) -> bool:
        """Whether a command was interrupted by a signal at a random moment, and not ended."""
        delay = float(self.rng.uniform(0, self.seconds[task.name]))
        what = f"{signal.Signals(number).name} after {delay:.2f} s"
        process = started(task)
        other = started(task) if isinstance(task, TwoRuns) else None
        time.sleep(delay)
        early = not takes_care(process.pid)
        process.send_signal(number)
        output, errors = process.communicate(timeout=LONGEST)
        if other is not None:
            self.second(task, other, what)
        if process.returncode == 0:
            self.counts[task.name, "ended before"] += 1
            self.ended(task, what, output)
            return False
        if other is not None and process.returncode == 2 and "going on" in errors:
            self.counts[task.name, "ended before"] += 1
            return False
        if early and number != signal.SIGKILL:
            self.counts[task.name, "at start"] += 1
            return False
        kind = "killed" if number == signal.SIGKILL else signal.Signals(number).name
        self.counts[task.name, kind] += 1
        task.reported(output)
        wrong = [] if number == signal.SIGKILL else said_wrong(number, process.returncode, errors)
        self.note(task, what, [*wrong, *self.looked(task.look)])
        if self.rng.random() < FINISHED:
            self.left_alone(task, f"gone on with after {what}")
        return True

    def second(self, task: Task, other: subprocess.Popen[str], what: str) -> None:
        """A run that was started at the same time did all of it, or was refused."""
        _, errors = other.communicate(timeout=LONGEST)
        refused = other.returncode == 2 and "going on" in errors and errors.count("\n") == 1
        if other.returncode and not refused:
            self.note(task, what, [f"the second run: {other.returncode}, {errors[-300:].strip()}"])


def said_wrong(number: int, code: int, errors: str) -> list[str]:
    """What is wrong with how a command ended after a signal."""
    lines = [one for one in errors.splitlines() if not one.startswith("aet: warning: ")]
    line = f"aet: {WORDS[signal.Signals(number)]}; "
    good = code == 128 + number and len(lines) == 1 and lines[0].startswith(line)
    return [] if good else [f"exit code {code}, {errors[-600:]!r}"]


def main() -> int:
    """Interrupt commands; the exit code is 1 if anything is wrong."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--number", type=int, default=300, help="SIGKILLs")
    options.add_argument("--signals", type=int, help="SIGINTs, and SIGTERMs: a sixth of --number")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", help="Name of one task.")
    given = options.parse_args()
    signals = given.number // 6 if given.signals is None else given.signals
    # A shell lets what it starts in the background ignore it, and so would the commands.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="aet-soak-") as name:
        soak = Soak(Path(name), given.seed, given.only)
        soak.measure()
        print(f"seed {given.seed}: {given.number} SIGKILL, {signals} SIGINT, {signals} SIGTERM")
        wanted = {signal.SIGKILL: given.number, signal.SIGINT: signals, signal.SIGTERM: signals}
        for number, times in wanted.items():
            done = place = 0
            while done < times:
                done += soak.interrupt(soak.tasks[place % len(soak.tasks)], number)
                place += 1
                if place % 20 == 0:  # on standard output stands the table alone
                    told = f"{done} of {times}, {len(soak.faults)} faults"
                    print(f"{signal.Signals(number).name}: {told}", file=sys.stderr, flush=True)
        for task in soak.tasks:
            soak.left_alone(task, "gone on with in the end")
        print(f"{'':22}" + "".join(f"{column:>14}" for column in ("seconds", *COLUMNS)))
        for task in soak.tasks:
            cells = [f"{soak.seconds[task.name]:.1f}"]
            cells += [str(soak.counts[task.name, column]) for column in COLUMNS]
            print(f"{task.name:22}" + "".join(f"{cell:>14}" for cell in cells))
    for fault in soak.faults:
        print(fault)
    print(f"{len(soak.faults)} faults")
    return 1 if soak.faults else 0


if __name__ == "__main__":
    sys.exit(main())
