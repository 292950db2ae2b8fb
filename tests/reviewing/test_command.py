"""`aet review` as a command: what it prints, what it locks, and how it ends."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from aet_port.cli.app import main
from aet_port.core.errors import InputError
from aet_port.core.locks import one_at_a_time
from aet_port.io import read_model, write_model, write_volume
from aet_port.tracing.edits import Edit, write_edits
from tests.reviewing.conftest import SPURIOUS, Sample

ENTRY = [sys.executable, "-c", "import sys; from aet_port.cli.entry import main; sys.exit(main())"]


def test_a_volume_and_a_model(sample: Sample, tmp_path: Path) -> None:
    volume = write_volume(tmp_path / "volume.mrc", sample.volume)
    model = write_model(tmp_path / "model.xyz", sample.model)
    write_edits(tmp_path / "model_edits.csv", [Edit("remove", SPURIOUS)])
    words = [str(volume), str(model), "-o", str(tmp_path / "edited.xyz"), "--no-browser", "--json"]
    process = subprocess.Popen(
        [*ENTRY, "review", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    text = ""
    while "}" not in text and process.poll() is None:
        text += process.stdout.readline()
    link = urlsplit(json.loads(text)["page"])
    assert link.hostname == "127.0.0.1"
    connection = http.client.HTTPConnection("127.0.0.1", link.port, timeout=20)
    connection.request("GET", f"/?{link.query}")
    assert connection.getresponse().status == 303
    connection.close()
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    # Its usual end, with the edited model.
    assert process.returncode == 0, error
    assert "wrote" in error
    assert "change" not in error  # it has been taken over
    assert "Traceback" not in error
    assert len(read_model(tmp_path / "edited.xyz")) == len(sample.model) - 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{volume}"], "MODEL: found none"),
        (["{volume}", "{folder}/none.xyz"], r"none\.xyz"),
        (["{folder}"], "no run"),
        (["{volume}", "{model}", "--edits", "{folder}/e.txt"], r"\.csv"),
        (["{volume}", "{model}", "-o", "{folder}/e.txt"], r"\.xyz"),
        (["{volume}", "{model}", "--angles", "{folder}/a.txt"], "--series"),
        (["{folder}/no.duckdb"], "no such file"),
    ],
)
def test_bad_input_is_one_line(
    sample: Sample,
    tmp_path: Path,
    words: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places = {
        "volume": write_volume(tmp_path / "volume.mrc", sample.volume),
        "model": write_model(tmp_path / "model.xyz", sample.model),
        "folder": tmp_path,
    }
    given = [word.format(**places) for word in words]
    monkeypatch.setattr(sys, "argv", ["aet", "review", *given, "--no-browser"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert re.search(said, error), error


def test_one_review_of_a_folder_at_a_time(tmp_path: Path) -> None:
    """A review and a run may be open together, two reviews may not."""
    words = (".review.lock", "a review that is going on", "its page, or --read-only")
    with one_at_a_time(tmp_path, *words):
        second = one_at_a_time(tmp_path, *words)
        with pytest.raises(InputError, match=r"a review that is going on \(process \d+\)"):
            second.__enter__()
        with one_at_a_time(tmp_path):
            pass
    with one_at_a_time(tmp_path, *words):
        pass
