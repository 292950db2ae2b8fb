import json
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mdb
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError, InputError
from aet_port.tracing.edit_replay import (
    completed_edits,
    replay_edits,
    retyped_atoms,
    standing_edits,
)
from aet_port.tracing.edits import COLUMNS, Edit, read_edits, write_edits

EDITS = [
    Edit("remove", 2, reason="ghost, at the edge", author="A. Nonymous"),
    Edit("add", species="X", position=(1.0, -2.5, 1 / 3)),
    Edit("move", 0, "Co", (0.1, 0.2, 0.3)),
    Edit("retype", 3, "Pt", reason='"bright"'),
    Edit("move", 3, position=(9.0, 9.0, 9.5)),
]


@pytest.fixture
def model():
    positions = np.arange(15.0).reshape(5, 3)
    return AtomicModel.from_positions(
        positions,
        ["Co", "Pd", "Pd", "Pd", "Pt"],
        "traced",
        intensity=np.arange(5.0),
        type=np.arange(5),
        tag=np.array(list("abcde")),
    )


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_written_and_read(tmp_path, suffix):
    path = write_edits(tmp_path / f"edits{suffix}", EDITS)
    assert read_edits(path) == EDITS


words = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1
).filter(lambda text: text.strip() == text and len(text.splitlines()) == 1)
number = st.integers(0, 2**31 - 1)
coordinate = st.floats(-1e5, 1e5)
place = st.tuples(coordinate, coordinate, coordinate)
symbol = st.sampled_from(["H", "Ta", "Lr"])
optional = {"reason": st.none() | words, "author": st.none() | words}
an_edit = st.one_of(
    st.builds(Edit, st.just("add"), st.none(), symbol, place, **optional),
    st.builds(Edit, st.just("remove"), number, st.none() | symbol, st.none() | place, **optional),
    st.builds(Edit, st.just("move"), number, st.none() | symbol, place, **optional),
    st.builds(Edit, st.just("retype"), number, symbol, st.none() | place, **optional),
    st.builds(Edit, st.just("keep"), number, st.none(), st.none() | place, **optional),
    st.builds(Edit, st.just("comment"), st.none(), st.none(), place, words, st.none() | words),
    st.builds(Edit, st.sampled_from(["undo", "redo"]), author=st.none() | words),
)


@settings(max_examples=60)
@given(edits=st.lists(an_edit, min_size=1, max_size=5), suffix=st.sampled_from([".csv", ".jsonl"]))
def test_every_edit_survives_the_file(tmp_path_factory, edits, suffix):
    path = tmp_path_factory.mktemp("edits") / f"a{suffix}"
    assert read_edits(write_edits(path, edits)) == edits


def test_hand_written_table(tmp_path):
    path = tmp_path / "edits.csv"
    path.write_text(
        "\ufeffatom, action ,x,y,z\n\n0,move,1,2.5,-3e0\n4 , remove,,,\n", encoding="utf-8"
    )
    assert read_edits(path) == [Edit("move", 0, position=(1, 2.5, -3)), Edit("remove", 4)]


def test_replayed(model):
    edited = replay_edits(model, EDITS)
    assert edited.species == ["Co", "Pd", "Pt", "Pt", "X"]
    np.testing.assert_array_equal(
        edited.positions, [[0.1, 0.2, 0.3], [3, 4, 5], [9, 9, 9.5], [12, 13, 14], [1, -2.5, 1 / 3]]
    )
    np.testing.assert_array_equal(edited.atoms.arrays["intensity"], [0, 1, 3, 4, np.nan])
    assert edited.atoms.arrays["type"].tolist() == [0, 1, 3, 4, 0]
    assert edited.atoms.arrays["tag"].tolist() == ["a", "b", "d", "e", ""]
    assert edited.name == "traced"
    # The model given is untouched.
    assert model.species == ["Co", "Pd", "Pd", "Pd", "Pt"]
    assert replay_edits(model, []).species == model.species


def test_log_of_the_bank(model):
    assert [f.name for f in fields(Edit)] == [f.name for f in fields(mdb.Edit)]
    rows = [mdb.Edit(**asdict(edit)) for edit in completed_edits(model, EDITS)]
    assert [row.species for row in rows] == ["Pd", "X", "Co", "Pt", "Pt"]
    assert [row.position for row in rows] == [
        None,
        (1, -2.5, 1 / 3),
        (0.1, 0.2, 0.3),
        (9, 10, 11),
        (9, 9, 9.5),
    ]
    assert rows[0].reason == "ghost, at the edge"
    # The completed edits make the same model.
    again = replay_edits(model, completed_edits(model, EDITS))
    assert again.species == replay_edits(model, EDITS).species


def test_retyped_atoms(model):
    edits = [*EDITS, Edit("retype", 4, "Co"), Edit("retype", 1, "Pd"), Edit("remove", 1)]
    edits.append(Edit("retype", 4, "Pd"))  # the last word counts
    found = retyped_atoms(edits, len(model))
    assert found == {1: "Pt", 2: "Pd"}
    edited = replay_edits(model, edits)
    assert all(edited.species[number] == symbol for number, symbol in found.items())


def test_added_atoms_are_edited_further(model):
    edits = [
        Edit("add", species="X", position=(1.0, 1.0, 1.0)),
        Edit("add", species="Co", position=(7.0, 7.0, 0.0)),
        Edit("keep", 1, author="A"),
        Edit("move", 5, position=(1.5, 1.0, 1.0)),
        Edit("retype", 5, "Pt"),
        Edit("remove", 6),
        Edit("remove", 0),
    ]
    edited = replay_edits(model, edits)
    assert edited.species == ["Pd", "Pd", "Pd", "Pt", "Pt"]
    assert edited.positions[-1].tolist() == [1.5, 1, 1]
    assert retyped_atoms(edits, len(model)) == {4: "Pt"}
    # The bank's log knows no numbers of added atoms: they stand there as they are in the end.
    assert completed_edits(model, edits) == [
        Edit("add", species="Pt", position=(1.5, 1.0, 1.0)),
        Edit("remove", 0, "Co"),
    ]
    again = replay_edits(model, completed_edits(model, edits))
    np.testing.assert_array_equal(again.positions, edited.positions)


def test_undo_and_redo_are_rows(model):
    first, second, third = Edit("remove", 2), Edit("retype", 1, "Co"), Edit("keep", 0)
    undo, redo = Edit("undo"), Edit("redo")
    assert standing_edits([first, second, undo, undo, redo]) == [first]
    assert standing_edits([first, undo, second, third, undo, redo, undo]) == [second]
    assert replay_edits(model, [first, second, undo]).species == ["Co", "Pd", "Pd", "Pt"]
    for rows in ([undo], [first, undo, undo], [first, redo], [first, undo, second, redo]):
        with pytest.raises(InputError, match="nothing to"):
            replay_edits(model, rows)


@given(st.lists(st.sampled_from(["a", "u", "r"]), max_size=30))
def test_undo_is_that_of_an_editor(steps):
    """Against a history with a cursor, which is another way to do it."""
    rows, history, cursor = [], [], 0
    for number, step in enumerate(steps):
        if step == "a":
            edit = Edit("keep", number)
            history, cursor = [*history[:cursor], edit], cursor + 1
            rows.append(edit)
        elif step == "u" and cursor > 0:
            cursor -= 1
            rows.append(Edit("undo"))
        elif step == "r" and cursor < len(history):
            cursor += 1
            rows.append(Edit("redo"))
    assert standing_edits(rows) == history[:cursor]


def test_edits_of_another_model(model):
    for edits, found in (
        ([Edit("remove", 5)], "edit 1 of traced: found atom 5, of 5 from 0"),
        (
            [Edit("remove", 1), Edit("retype", 1, "Co")],
            "edit 2 of traced: found atom 1, already removed",
        ),
        ([Edit("remove", 1, "Pt")], "found species Pt of atom 1; expected Pd"),
        ([Edit("remove", 1, position=(3, 4, 6))], "found a position 1.00 angstrom from atom 1"),
        ([Edit("remove", k) for k in range(5)], "edits of traced: found every atom removed"),
    ):
        with pytest.raises(InputError) as error:
            replay_edits(model, edits)
        assert found in str(error.value)
    assert len(replay_edits(model, [Edit("remove", 1, "Pd", (3.0, 4.05, 5.0))])) == 4


HEADER = ",".join(COLUMNS)
WRONG_TABLES = {
    "drop,0,,,,,,": "line 2: action 'drop'",
    ",0,,,,,,": "line 2: action ''",
    "remove,,,,,,,": "line 2: atom to remove None",
    "remove,-1,,,,,,": "line 2: atom to remove -1",
    "remove,1.0,,,,,,": "line 2: atom '1.0'; expected a whole number",
    "remove,1_0,,,,,,": "line 2: atom '1_0'",
    "remove,9999999999,,,,,,": "line 2: atom to remove 9999999999",
    "add,3,Ta,1,2,3,,": "line 2: atom to add 3",
    "add,,,1,2,3,,": "line 2: species to add none",
    "add,,Tz,1,2,3,,": "line 2: species to add 'Tz'",
    "add,,Ta,,,,,": "line 2: position to add none",
    "add,,Ta,1,2,,,": "line 2: 2 of x, y, z",
    "add,,Ta,1,2,nan,,": "line 2: position (1.0, 2.0, nan)",
    "add,,Ta,1,2,inf,,": "line 2: position (1.0, 2.0, inf)",
    "add,,Ta,1,2,1e9,,": "line 2: position",
    "add,,Ta,1,2,x,,": "line 2: z 'x'; expected a number",
    "move,1,,,,,,": "line 2: position to move none",
    "retype,1,,,,,,": "line 2: species to retype none",
    "retype,1,X,,,,,": "line 2: species to retype 'X'",
    "remove,1": "line 2: 2 values; expected 8",
    'remove,1,,,,,"open,': "line 2",
}


@pytest.mark.parametrize("line", WRONG_TABLES)
def test_wrong_line_of_a_table(tmp_path, line):
    path = tmp_path / "edits.csv"
    path.write_text(f"{HEADER}\n{line}\n")
    with pytest.raises(DataFileError) as error:
        read_edits(path)
    assert str(error.value).startswith(f"{path}: found {WRONG_TABLES[line]}")


WRONG_OBJECTS = {
    "[1]": "line 2: '[1]",
    '{"atom": 1}': "line 2: ",
    '{"action": "remove", "atom": 1, "atoms": 2}': "line 2: ",
    '{"action": "remove", "atom": 1, "atom": 2}': "line 2: ",
    '{"action": "remove"': "line 2: ",
    '{"action": ["remove"], "atom": 1}': "line 2: action ['remove']",
    '{"action": "remove", "atom": true}': "line 2: atom to remove True",
    '{"action": "remove", "atom": 1.5}': "line 2: atom to remove 1.5",
    '{"action": "retype", "atom": 1, "species": ["Ta"]}': "line 2: species to retype ['Ta']",
    '{"action": "move", "atom": 1, "position": {"x": 1}}': "line 2: position {'x': 1}",
    '{"action": "move", "atom": 1, "position": [1, 2]}': "line 2: position (1, 2)",
    '{"action": "move", "atom": 1, "position": [1, 2, "3"]}': "line 2: position (1, 2, '3')",
    '{"action": "move", "atom": 1, "position": [1, 2, NaN]}': "line 2: position (1, 2, nan)",
    '{"action": "remove", "atom": 1, "reason": 5}': "line 2: reason 5",
    '{"action": "remove", "atom": 1, "author": " "}': "line 2: author ' '",
    "[" * 20000: "line 2: ",
}


@pytest.mark.parametrize("line", WRONG_OBJECTS)
def test_wrong_line_of_objects(tmp_path, line):
    path = tmp_path / "edits.jsonl"
    path.write_text(f"{json.dumps({'action': 'remove', 'atom': 0})}\n{line}\n")
    with pytest.raises(DataFileError) as error:
        read_edits(path)
    assert str(error.value).startswith(f"{path}: found {WRONG_OBJECTS[line]}")


def test_wrong_files(tmp_path):
    def refused(name: str, content: bytes | None, part: str) -> None:
        path = Path(tmp_path) / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(DataFileError, match=part):
            read_edits(path)

    refused("a.txt", b"", "a file of type .txt")
    refused("a.csv", None, "no such file")
    refused("b.csv", b"", "an empty file")
    refused("c.csv", b"action,atom\n\0", "a zero byte in line 2")
    refused("d.csv", b"action,atom,colour\n", "line 1: columns 'action,atom,colour'")
    refused("e.csv", b"action,atom,atom\n", "line 1: columns")
    refused("f.csv", b"atom\n1\n", "line 1: columns 'atom'")
    refused("g.jsonl", b"\xff\xfe\xfa", "unreadable contents")
    with pytest.raises(InputError, match=r"output: found .*edits\.txt"):
        write_edits(tmp_path / "edits.txt", EDITS)
    with pytest.raises(InputError, match="one line"):
        write_edits(tmp_path / "edits.csv", [Edit("remove", 1, reason="a\nb")])
    assert not (tmp_path / "edits.csv").exists()
