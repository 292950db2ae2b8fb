"""A quench on several MPI ranks: processes of their own, which end when this one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aet_port.core.terminal import print_note
from md_sim.errors import SimulationError
from md_sim.lammps_loop import FAILED, LOG, main
from md_sim.runtime import mpiexec

_END_WITHIN = 5.0  # seconds in which the launcher ends its ranks


def drive_ranks(home: Path, ranks: int, show_progress: bool) -> None:
    """Run the loop of :mod:`md_sim.lammps_loop` on several ranks, passing on what they report.

    Raises
    ------
    SimulationError
        If they stop.
    """
    shown = "shown" if show_progress else "hidden"
    words = [*mpiexec(ranks), sys.executable, "-m", "md_sim.ranks", str(home), shown]
    told: list[str] = []
    last = ""
    with _ranks(words) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith(FAILED):
                told.append(line.removeprefix(FAILED).strip())
            else:
                last = line.strip()
                if show_progress:
                    print_note(line.rstrip())
    if running.returncode:
        reasons = "; ".join(sorted(set(told)) or [last])
        found = f"{ranks} ranks ended with {running.returncode}: {reasons}"
        raise SimulationError(home, found, f"see {home / LOG}")


@contextmanager
def _ranks(words: list[str]) -> Iterator[subprocess.Popen[str]]:
    """The launcher and its ranks, in a session that Ctrl-C at the terminal doesn't reach.

    They are ended when the context is left early. When this process is killed, their input ends,
    which they take for an order to end.
    """
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,  # the launcher's remarks on how they ended
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            yield running
        except BaseException:
            running.terminate()
            with suppress(subprocess.TimeoutExpired):
                running.wait(_END_WITHIN)
            if running.poll() is None:
                running.kill()
            raise
        running.wait()


def _end_with_input() -> None:
    """End this rank, and by that all others, when nobody holds its input open any more."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.environ.get("PMI_RANK", "0") == "0":  # the only one whose input is that of the launcher
        threading.Thread(target=_end_with_input, daemon=True).start()
    sys.exit(main(sys.argv[1:]))
