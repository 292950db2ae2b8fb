"""A session without any network: what is doubtful, what is done, and what is on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError, OutputError
from aet_port.reviewing.api import answer
from aet_port.reviewing.log import Conflict, EditLog
from aet_port.reviewing.session import Session
from aet_port.tracing.edit_replay import replay_edits
from aet_port.tracing.edits import Edit, read_edits
from tests.reviewing.conftest import DISPLACED, MISLABELLED, MISSING, SPURIOUS, Sample, opened


def act(session: Session, **what: Any) -> dict[str, Any]:
    return answer(session, {"ask": "act", "version": session.log.version, **what})[0]


def test_what_is_wrong_comes_first(session: Session, sample: Sample) -> None:
    table = session.table
    assert len(table.scores) == 1
    np.testing.assert_allclose(table.places[0], sample.truth.positions[MISSING], atol=0.05)
    # A Pt atom that is none is paler than the others.
    assert set(np.argsort(-table.doubt)[:2].tolist()) == {SPURIOUS, MISLABELLED}
    assert session.progress()["of"] == int((table.doubt >= 0.2).sum()) + 1


def test_a_click_snaps_to_the_maximum(session: Session, sample: Sample) -> None:
    """The volume is known in closed form: its maximum is the atom, moved a little by the tails of
    its neighbours (below 0.01 angstrom) and by noise of 1 to 2 % (0.02 angstrom)."""
    place = sample.truth.positions[MISSING]
    assert session.grid is not None
    for way in ([0.5, 0.3, -0.4], [-0.7, 0.2, 0.1], [0.0, 0.0, 0.0]):
        found = session.grid.snapped(place + way)
        assert found is not None
        np.testing.assert_allclose(found, place, atol=0.05)
    assert session.grid.snapped([500.0, 0.0, 0.0]) is None
    assert session.grid.snapped([9.3, 9.3, 9.3]) is None  # at the edge of the volume


def test_a_slice_is_a_plane_of_the_volume(session: Session, sample: Sample) -> None:
    grid = session.grid
    assert grid is not None
    low, high = grid.limits
    array = sample.volume.array
    for plane, values in (("xy", array[:, :, 20]), ("xz", array[:, 20]), ("yz", array[20])):
        grey = grid.slice(plane, 20)
        # Row 0 is the top: the largest value of the second axis.
        wanted = np.clip((values.T[::-1] - low) * 255 / (high - low), 0, 255)
        assert np.abs(grey - wanted).max() < 1
    for plane, index in (("xy", 48), ("xy", -1), ("zz", 0)):
        with pytest.raises(InputError):
            grid.slice(plane, index)


def test_everything_one_does(session: Session, sample: Sample, tmp_path: Path) -> None:
    rough = (sample.truth.positions[MISSING] + 0.3).tolist()
    assert "error" not in act(session, action="remove", atom=SPURIOUS, author="A")
    added = act(session, action="add", position=rough, snap=True, species="Pt", author="A")["added"]
    assert added == len(sample.model)
    act(session, action="retype", atom=MISLABELLED, species="Fe", author="A")
    moved = DISPLACED - 1  # one before it is missing
    act(session, action="move", atom=moved, author="A", snap=True,
        position=sample.model.positions[moved].tolist())  # fmt: skip
    act(session, action="keep", atom=3, author="A")
    act(session, action="comment", atom=3, text="two  lines\nhere", author="A")
    act(session, action="remove", atom=3)
    act(session, action="undo")
    act(session, action="redo")
    act(session, action="undo", author="B")
    rows = read_edits(tmp_path / "edits.csv")
    assert [row.action for row in rows] == [
        *("remove", "add", "retype", "move", "keep", "comment", "remove"),
        *("undo", "redo", "undo"),
    ]
    assert rows[5].reason == "two lines here"
    edited = replay_edits(sample.model, rows)
    truth = sample.truth
    gaps = np.linalg.norm(edited.positions[:, None] - truth.positions[None], axis=2)
    assert sorted(gaps.argmin(axis=1).tolist()) == list(range(125))
    assert gaps.min(axis=1).max() < 0.05
    assert [truth.species[k] for k in gaps.argmin(axis=1)] == edited.species
    places, kinds = session.atoms()
    np.testing.assert_allclose(places, edited.positions, atol=1e-4)
    assert kinds == edited.species


REFUSED = [
    ({"action": "remove", "atom": 5000}, "5000"),
    ({"action": "remove", "atom": -1}, "-1"),
    ({"action": "remove", "atom": True}, "True"),
    ({"action": "remove", "atom": "../../etc"}, "etc"),
    ({"action": "undo"}, "nothing to undo"),
    ({"action": "redo"}, "nothing to redo"),
    ({"action": "add"}, "position"),
    ({"action": "add", "position": [1, 2]}, "three numbers"),
    ({"action": "add", "position": [1, 2, float("nan")]}, "finite"),
    ({"action": "add", "position": [1, 2, 1e300]}, "finite numbers"),
    ({"action": "retype", "atom": 1}, "species"),
    ({"action": "retype", "atom": 1, "species": "Au"}, "Fe, Pt"),
    ({"action": "comment", "atom": 1}, "comment"),
    ({"action": "comment", "atom": 1, "text": "x" * 1001}, "1001 characters"),
    ({"action": "sell", "atom": 1}, "'sell'"),
    ({"action": 7}, "action"),
]


@pytest.mark.parametrize(("what", "said"), REFUSED)
def test_what_can_not_be_done_is_not_written(
    session: Session, tmp_path: Path, what: dict[str, Any], said: str
) -> None:
    assert said in act(session, **what)["error"]
    assert not (tmp_path / "edits.csv").exists()


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)  # fmt: skip
keys = ("action", "atom", "position", "species", "text", "snap", "author", "version", "plane",
        "index", "map", "number")  # fmt: skip


@settings(max_examples=60)
@given(
    ask=st.sampled_from(["open", "state", "table", "slice", "images", "act"]) | any_json,
    rest=st.dictionaries(st.sampled_from(keys), any_json, max_size=6),
)
def test_any_question_is_answered(read_only: Session, ask: Any, rest: dict[str, Any]) -> None:
    facts, data = answer(read_only, {**rest, "ask": ask})
    assert isinstance(facts, dict)
    assert isinstance(data, bytes)


@pytest.fixture(scope="module")
def read_only(sample: Sample) -> Session:
    return opened(sample, None)


def test_read_only(read_only: Session) -> None:
    assert "read only" in act(read_only, action="remove", atom=1)["error"]
    assert answer(read_only, {"ask": "open"})[0]["readOnly"] is True


def test_second_window_is_told(session: Session, sample: Sample, tmp_path: Path) -> None:
    before = session.log.version
    act(session, action="remove", atom=1)
    told = answer(session, {"ask": "act", "action": "remove", "atom": 2, "version": before})[0]
    assert told["conflict"] is True
    assert told["version"] == session.log.version
    # By another process, or by hand.
    other = opened(sample, tmp_path / "edits.csv")
    act(other, action="keep", atom=7)
    told = act(session, action="remove", atom=2)
    assert told["conflict"] is True
    assert [row.action for row in read_edits(tmp_path / "edits.csv")] == ["remove", "keep"]
    assert "error" not in act(session, action="remove", atom=2)


def test_a_full_disk_changes_nothing(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    act(session, action="remove", atom=1)
    content, version = (tmp_path / "edits.csv").read_bytes(), session.log.version

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert "No space left" in act(session, action="remove", atom=2)["error"]
    monkeypatch.undo()
    assert (tmp_path / "edits.csv").read_bytes() == content
    assert session.log.version == version
    assert session.log.state.present[2]


@pytest.mark.parametrize("seed", [0, 1])
def test_replaying_a_hundred_edits_twice(tmp_path: Path, seed: int) -> None:
    """Random edits; the state that the log keeps step by step is that of a replay from the file,
    and a replay gives the same bytes again."""
    folder, rng = tmp_path, np.random.default_rng(seed)
    model = AtomicModel.from_positions(rng.uniform(-20, 20, (40, 3)), ["Ta", "Pd"] * 20, "m")
    log = EditLog(model, folder / "edits.csv")
    while len(log.rows) < 100:
        present = np.flatnonzero(log.state.present)
        atom, place = int(rng.choice(present)), tuple(rng.uniform(-20, 20, 3).round(4).tolist())
        symbol = str(rng.choice(["Ta", "Pd"]))
        kind = str(rng.choice(["add", "remove", "move", "retype", "keep", "undo", "redo"]))
        edit = {
            "add": Edit("add", None, symbol, place),
            "move": Edit("move", atom, None, place),
            "retype": Edit("retype", atom, symbol),
            "keep": Edit("keep", atom),
            "remove": Edit("remove", atom),
            "undo": Edit("undo"),
            "redo": Edit("redo"),
        }[kind]
        if (kind == "undo" and not log.standing) or (kind == "redo" and not log.undone):
            continue
        if kind == "remove" and len(present) == 1:
            continue
        log.append(edit, log.version)
    rows = read_edits(folder / "edits.csv")
    once, twice = replay_edits(model, rows), replay_edits(model, read_edits(folder / "edits.csv"))
    assert once.positions.tobytes() == twice.positions.tobytes()
    assert once.species == twice.species
    kept = log.state.numbers
    assert once.positions.tolist() == [list(log.state.positions[k]) for k in kept]
    assert once.species == [log.state.species[k] for k in kept]
    # A log opened anew stands where this one stands, and the file is not touched.
    again = EditLog(model, folder / "edits.csv")
    assert (again.version, again.standing) == (log.version, log.standing)


def test_log_that_nobody_may_write(sample: Sample) -> None:
    log = EditLog(sample.model, None)
    with pytest.raises(InputError, match="read only"):
        log.append(Edit("remove", 1), log.version)
    assert issubclass(Conflict, InputError)
    assert not issubclass(OutputError, InputError)
