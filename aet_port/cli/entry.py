"""Entry point of ``aet``, which a signal ends in one line from the first moment.

Nothing is imported before the signals are taken care of, not even what :mod:`signal` imports; the
start of the interpreter itself, some milliseconds, is the only time in which Ctrl-C gives a
traceback.
"""

import _signal as signals  # type: ignore[import-not-found]
import os

_WORDS = {signals.SIGINT: "interrupted", signals.SIGTERM: "terminated"}


def main() -> None:
    """Run the command of the command line; exit codes as of :func:`aet_port.cli.app.main`."""
    # Until the command itself runs nothing is to be tidied up, and an exception could get lost in
    # a module that is being loaded. A signal that is ignored, as under nohup, stays so.
    heeded = [one for one in _WORDS if signals.getsignal(one) != signals.SIG_IGN]
    _end_at_once(heeded)
    from aet_port.cli.app import main as run
    from aet_port.core import interruption

    try:
        try:
            run(lambda: interruption.watch(heeded))
        finally:
            _end_at_once(heeded)
    except KeyboardInterrupt:  # after the command itself
        code = interruption.exit_code()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    interruption.end_process(code)


def _end_at_once(numbers: list[int]) -> None:
    for number in numbers:
        signals.signal(number, _end)


def _end(number: int, frame: object) -> None:
    line = f"aet: {_WORDS[number]}; run the same command again\n"
    os.write(2, line.encode())
    os._exit(128 + number)


if __name__ == "__main__":
    main()
