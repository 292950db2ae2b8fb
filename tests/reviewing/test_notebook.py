"""The widget of notebooks answers the same questions as the server, by messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aet_port as aet
from aet_port.core.errors import DataFileError, InputError
from aet_port.reviewing.api import answer
from aet_port.tracing.edits import read_edits
from tests.reviewing.conftest import SPURIOUS, Sample


def test_questions_by_messages(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("anywidget")
    path = tmp_path / "edits.csv"
    widget = aet.review(sample.volume, sample.model, edits=path, author="A")
    sent: list[tuple[dict[str, Any], list[bytes]]] = []
    monkeypatch.setattr(widget, "send", lambda content, buffers: sent.append((content, buffers)))

    def ask(**request: Any) -> tuple[dict[str, Any], bytes]:
        # As the kernel hands on what comes from the notebook.
        widget._handle_custom_msg({"id": "q-1", "request": request}, [])
        content, buffers = sent.pop()
        assert content["id"] == "q-1"
        return content["answer"], buffers[0]

    wanted, grey = answer(widget.session, {"ask": "slice", "plane": "xz", "index": 9})
    assert ask(ask="slice", plane="xz", index=9) == (wanted, grey)
    assert len(grey) == 48 * 48
    version = ask(ask="open")[0]["version"]
    facts, _ = ask(ask="act", action="remove", atom=SPURIOUS, version=version, author="A")
    assert facts["changes"] == 1
    assert [row.atom for row in read_edits(path)] == [SPURIOUS]
    assert len(widget.session.atoms()[1]) == len(sample.model) - 1
    assert "error" in ask(ask="nonsense")[0]
    widget._handle_custom_msg("nonsense", [])
    assert "error" in sent.pop()[0]["answer"]


def test_what_is_no_model_is_refused(sample: Sample, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="model"):
        aet.review(sample.volume)
    far = aet.AtomicModel.from_positions(np.array([[900.0, 0, 0], [903.0, 0, 0]]), "Ta")
    with pytest.raises(InputError, match="frame"):
        aet.review(sample.volume, far)
    with pytest.raises((InputError, DataFileError)):
        aet.review(tmp_path / "none", None)
