"""Progress: plain lines away from a terminal, a bar on one, nothing when it is off."""

from __future__ import annotations

import pytest
from rich.console import Console

from aet_port.core import progress as module
from aet_port.core.progress import progress_bar


def test_lines_off_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with progress_bar("Reconstructing", 50) as reporter:
        for step in range(50):
            now[0] += 1.0
            reporter.advance(note=f"R = {step / 100:.2f}")
    out, err = capsys.readouterr()
    assert out == ""
    # One line in ten seconds (more than ten have passed at the eleventh), and the last.
    assert err.splitlines() == [
        "Reconstructing: 11/50 R = 0.10",
        "Reconstructing: 22/50 R = 0.21",
        "Reconstructing: 33/50 R = 0.32",
        "Reconstructing: 44/50 R = 0.43",
        "Reconstructing: 50/50 R = 0.49",
    ]


def test_several_steps_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("tracing", 4481) as reporter:
        reporter.advance(2000)
        reporter.advance(2481)
    assert capsys.readouterr().err == "tracing: 4481/4481\n"


def test_more_steps_than_were_expected(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("finding atoms", 3) as reporter:
        reporter.advance(2)
        reporter.expect(5)
        reporter.advance(3)
    assert capsys.readouterr().err == "finding atoms: 5/5\n"


def test_off(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("tracing", 3, enabled=False) as reporter:
        reporter.advance(3, "note")
        assert reporter.done == 3
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        module, "Console", lambda stderr: Console(stderr=stderr, force_terminal=True, width=100)
    )
    with progress_bar("Reconstructing", 3) as reporter:
        reporter.advance(note="R = 0.5")
        reporter.advance(2, note="R = 0.1")
    out, err = capsys.readouterr()
    assert out == ""
    assert "Reconstructing" in err
    assert "3/3" in err
    assert "R = 0.1" in err


def test_an_error_goes_through(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), progress_bar("tracing", 2):
        raise KeyboardInterrupt
    assert capsys.readouterr().err == ""
