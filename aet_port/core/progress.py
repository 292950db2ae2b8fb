"""Progress reports of long tasks: a bar on a terminal, occasional log lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from aet_port.core.terminal import print_note, printable

LOG_EVERY = 10.0  # seconds between plain log lines


class Reporter:
    """Counter of the steps of one task; made by :func:`progress_bar`."""

    def __init__(self, title: str, total: int, bar: Progress | None) -> None:
        self.title, self.total, self.done = title, total, 0
        self._bar = bar
        self._task = bar.add_task(printable(title), total=total, note="") if bar else None
        self._last = time.monotonic()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Record ``steps`` more; ``note`` (an R factor, a count) is shown beside the bar."""
        self.done += steps
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=steps, note=printable(note))
        elif time.monotonic() - self._last > LOG_EVERY or self.done == self.total:
            self._last = time.monotonic()
            print_note(f"{self.title}: {self.done}/{self.total} {note}".rstrip())

    def expect(self, total: int) -> None:
        """Change the number of steps of the task."""
        self.total = total
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=total)


class _Silent(Reporter):
    def __init__(self) -> None:
        self.done = 0

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.done += steps

    def expect(self, total: int) -> None:
        pass


@contextmanager
def progress_bar(title: str, total: int, enabled: bool = True) -> Iterator[Reporter]:
    """Context in which ``total`` steps of a task named ``title`` are reported on standard error."""
    console = Console(stderr=True)
    if not enabled:
        yield _Silent()
    elif console.is_terminal:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        with Progress(*columns, console=console) as bar:
            yield Reporter(title, total, bar)
    else:
        yield Reporter(title, total, None)
