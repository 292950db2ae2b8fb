"""Ctrl-C and SIGTERM of a command: one line that says how to go on, and soon an end.

A signal raises ``KeyboardInterrupt`` in the main thread, so that open files are tidied up. Within a
compiled library Python doesn't get to that; a thread that hears of the signal at once asks such
libraries to stop, and ends the process if that takes too long. What a process leaves behind that
ends so is what SIGKILL leaves: nothing torn, and removed by the next one.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

GRACE = 10.0  # seconds in which a command tidies up before it is ended
_TOGETHER = 0.5  # seconds in which further signals are taken for the first: shells send it twice
_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
SHOW_CURSOR = "\x1b[?25h"  # which a progress bar hides
AGAIN = "run the same command again"

_received: int | None = None
_raised = False
_held = 0


def _again() -> str:
    return AGAIN


_advice: Callable[[], str] = _again
_requests: list[Callable[[], object]] = []


def received() -> int | None:
    """Number of the signal that is to end this process; None if there is none."""
    return _received


def advise(advice: Callable[[], str]) -> None:
    """Let the last line of what follows say how one goes on, found out when it is needed."""
    global _advice
    _advice = advice


def exit_code() -> int:
    """128 and the number of the signal, as shells have it; that of Ctrl-C if none was received."""
    return 128 + (_received or signal.SIGINT)


def last_line(said: str = "") -> str:
    """The line that ends an interrupted command."""
    word = _WORDS.get(signal.Signals(exit_code() - 128), "interrupted")
    return f"{word}; {said or _advice()}"


def show_cursor() -> None:
    """Let the terminal show its cursor again, which a progress bar may have left hidden."""
    with suppress(OSError, ValueError):
        if sys.stderr.isatty():
            os.write(sys.stderr.fileno(), SHOW_CURSOR.encode())


@contextmanager
def asked_to_stop(request: Callable[[], object]) -> Iterator[None]:
    """Context in which a signal calls ``request`` from another thread.

    For libraries that hold the main thread for long and can be told to return early.
    """
    _requests.append(request)
    try:
        yield
    finally:
        _requests.remove(request)


@contextmanager
def held_back() -> Iterator[None]:
    """Context at whose end a signal raises its exception: what is in it is done as a whole."""
    global _held
    _held += 1
    try:
        yield
    finally:
        _held -= 1
        if _received is not None and not (_held or _raised):
            _interrupt(_received, None)


def was_the_end() -> bool:
    """Whether a signal was received, which from now on counts as the usual end of the command.

    For commands that go on until they are interrupted; within :func:`held_back`.
    """
    global _received
    found, _received = _received is not None, None
    return found


def watch(numbers: list[int]) -> None:
    """Let these signals interrupt the process from now on; called once, by the main thread."""
    sys.unraisablehook = _quiet(sys.unraisablehook)
    threading.excepthook = _quiet(threading.excepthook)
    heard, told = os.pipe()
    os.set_blocking(told, False)
    threading.Thread(target=_watch, args=(heard, set(numbers)), daemon=True).start()
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, _interrupt)


def end_process(code: int) -> NoReturn:
    """End the process, after what libraries do at its end, but without taking it apart.

    A thread may still be inside a library that can't be stopped, and would be aborted with a core
    dump when it came back to an interpreter that is half gone.
    """
    with suppress(BaseException):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _received, _raised
    _received = number if _received is None else _received
    if _held or _raised:  # or it is being tidied up, and the watching thread counts
        return
    _raised = True
    logging.disable(logging.CRITICAL)  # libraries complain of being closed
    raise KeyboardInterrupt


def _watch(heard: int, numbers: set[int]) -> None:
    number = 0
    while number not in numbers:  # any other signal that Python handles is heard as well
        number = os.read(heard, 1)[0]
    global _received
    _received = number if _received is None else _received
    deadline = threading.Timer(GRACE, _end)
    deadline.daemon = True
    deadline.start()
    began = time.monotonic()
    for request in _requests:
        with suppress(Exception):
            request()
    while time.monotonic() - began < _TOGETHER or number not in numbers:
        number = os.read(heard, 1)[0]
    _end()


def _end() -> None:
    show_cursor()
    with suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), f"aet: {last_line()}\n".encode())
    os._exit(exit_code())


def _quiet(hook: Callable[[Any], object]) -> Callable[[Any], object]:
    """A hook that says nothing of what happens while the process is being interrupted."""

    def told(event: Any) -> None:
        if _received is None and event.exc_type is not KeyboardInterrupt:
            hook(event)

    return told
