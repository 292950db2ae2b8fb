"""Ctrl-C and SIGTERM at any moment: one line that says how to go on, 130 or 143, no traceback."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BOTH = pytest.mark.parametrize(
    ("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")]
)
# A command that runs what is put in, after what is put before it.
COMMAND = """
import hashlib, os, signal, sys, threading, time
from aet_port.cli.entry import main
def press(number, after=0.0):
    threading.Timer(after, os.kill, (os.getpid(), number)).start()
def blocked():  # compiled code that looks at no signal, but lets other threads run
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)
def command():
{body}
import aet_port.cli.bank_query as module
from aet_port.core import interruption
module.named_queries = lambda: command() or {{}}
{before}
sys.argv = ["aet", "mdb", "queries"]
main()
"""


def ended(code: str, **options: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", code]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, **options)


def command(body: str, before: str = "") -> str:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return COMMAND.format(body=lines, before=before)


def said(word: str, how: str = "run the same command again") -> str:
    return f"aet: {word}; {how}\n"


@BOTH
@pytest.mark.parametrize("module", ["aet_port.cli.app", "typer", "duckdb"])
def test_while_modules_are_loaded(number: int, word: str, module: str) -> None:
    code = f"""
import builtins, os, sys
from aet_port.cli.entry import main
known = builtins.__import__
def loaded(name, *rest):
    if name == {module!r}:
        os.kill(os.getpid(), {int(number)})
    return known(name, *rest)
builtins.__import__ = loaded
sys.argv = ["aet", "mdb", "list", "--bank", "missing"]
main()
"""
    done = ended(code)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", said(word))


def test_nothing_is_imported_before_signals_are_taken_care_of() -> None:
    code = "import sys; before = set(sys.modules); import aet_port.cli.entry; print(*sys.modules)"
    plain = ended("import sys; print(*sys.modules)").stdout.split()
    own = {"aet_port", "aet_port.cli", "aet_port.cli.entry"}
    assert set(ended(code).stdout.split()) - set(plain) == own


@BOTH
@pytest.mark.parametrize(
    "body",
    [
        "press(NUMBER); time.sleep(50)",
        "try:\n    press(NUMBER); time.sleep(50)\nexcept BaseException:\n    pass",
        "try:\n    press(NUMBER); time.sleep(50)\nexcept BaseException:\n    raise OSError('odd')",
        "from aet_port.core.errors import InputError\n"
        "try:\n    press(NUMBER); time.sleep(50)\nfinally:\n    raise InputError('a', 'b', 'c')",
        "from aet_port.core.interruption import held_back\n"
        "with held_back():\n    press(NUMBER); time.sleep(0.5); print('whole', flush=True)",
    ],
    ids=["raised", "swallowed", "changed", "taken for bad input", "held back"],
)
def test_whatever_a_library_makes_of_it(number: int, word: str, body: str) -> None:
    done = ended(command(body.replace("NUMBER", str(int(number)))))
    assert (done.returncode, done.stderr) == (128 + number, said(word))
    assert done.stdout == ("whole\n" if "held_back" in body else "")


@BOTH
def test_compiled_code_is_given_some_time(number: int, word: str) -> None:
    began = time.monotonic()
    done = ended(command(f"press({int(number)}, 0.3); blocked()", "interruption.GRACE = 0.2"))
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", said(word))
    assert time.monotonic() - began < 30  # the function takes minutes


def test_the_second_time_it_ends_at_once() -> None:
    """Not the time that is given for tidying up counts, but the second signal."""
    body = "press(2, 0.3); press(15, 0.4); press(15, 1.3); blocked()"
    done = ended(command(body, "interruption.GRACE = 600.0"))
    assert (done.returncode, done.stdout, done.stderr) == (130, "", said("interrupted"))


def test_an_exception_that_gets_lost() -> None:
    """Python can't raise it in a destructor, prints a traceback and goes on."""
    body = (
        "class Lost:\n    def __del__(self): os.kill(os.getpid(), 2); time.sleep(0.1)\n"
        "Lost()\nblocked()"
    )
    done = ended(command(body, "interruption.GRACE = 0.2"))
    assert (done.returncode, done.stdout, done.stderr) == (130, "", said("interrupted"))


def test_a_library_is_asked_to_stop() -> None:
    body = (
        "from aet_port.core.interruption import asked_to_stop\n"
        "with asked_to_stop(lambda: print('asked', flush=True)):\n    press(2, 0.3); blocked()"
    )
    done = ended(command(body, "interruption.GRACE = 0.2"))
    assert (done.returncode, done.stdout, done.stderr) == (130, "asked\n", said("interrupted"))


def test_an_ignored_signal_stays_ignored() -> None:
    """As under nohup, or of a job that a script started in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        done = ended(command("os.kill(os.getpid(), 2); time.sleep(0.1)"))
    finally:
        signal.signal(signal.SIGINT, before)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("stuck", [False, True])
def test_the_cursor_comes_back(stuck: bool) -> None:
    """A progress bar hides it; also if the bar itself can't end."""
    body = (
        "from aet_port.core.progress import progress_bar\n"
        "with progress_bar('work', 3) as bar:\n    bar.advance()\n    press(2)\n"
        f"    {'blocked()' if stuck else 'time.sleep(50)'}"
    )
    master, slave = pty.openpty()
    words = [sys.executable, "-c", command(body, "interruption.GRACE = 0.2")]
    environment = os.environ | {"TERM": "xterm"}
    with subprocess.Popen(words, cwd=ROOT, stderr=slave, env=environment) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                more = os.read(master, 4096)
            except OSError:  # the other end is closed
                break
            if not more:
                break
            shown += more
    os.close(master)
    assert process.returncode == 130
    assert b"\x1b[?25l" in shown
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l")
    assert shown.rstrip().endswith(b"run the same command again")
    assert b"Traceback" not in shown


@pytest.mark.parametrize(
    ("options", "how"),
    [
        ({}, "run the same command again"),
        ({"resume": False, "out": "new"}, "run the same command again"),
        ({"resume": False, "out": "run"}, "--resume continues it"),
        ({"resume": True, "out": "series"}, "--resume continues it"),
        ({"checkpoint": "file"}, "the same command continues it"),
        ({"checkpoint": None}, "run the same command again, with --checkpoint FILE one that can"),
    ],
)
def test_how_to_go_on(tmp_path: Path, options: dict[str, object], how: str) -> None:
    from aet_port.cli.app import _how_to_go_on

    for place in ("run", "series/dose_1"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "run.json").touch()
    given = {k: tmp_path / str(v) if k == "out" else v for k, v in options.items()}
    assert _how_to_go_on(given).startswith(how)
