"""Entry point of ``aet``, which Ctrl-C ends in one line from the first moment."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from types import FrameType

INTERRUPTED = 130  # 128 and the number of the signal, as shells have it
_LINE = b"aet: interrupted\n"


def main() -> None:
    """Run the command of the command line; exit codes as of :func:`aet_port.cli.app.main`."""
    # Until the command itself runs nothing is to be tidied up, and an exception could get lost in
    # a module that is being loaded.
    before = signal.signal(signal.SIGINT, _end)
    from aet_port.cli.app import main as run

    try:
        run(partial(signal.signal, signal.SIGINT, before))
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            # A thread may still be inside a library that can't be stopped.
            os._exit(INTERRUPTED)
        raise


def _end(number: int, frame: FrameType | None) -> None:
    os.write(sys.stderr.fileno(), _LINE)
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
