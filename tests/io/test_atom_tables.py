"""Models as tables of text: titles, separators, and what is wrong by its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aet_port.core.errors import DataFileError, InputError
from aet_port.io import read_model
from aet_port.io.models.atom_tables import read_atom_table, write_rows


def file(folder: Path, text: str) -> Path:
    path = folder / "model.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "species,x,y,z\nTa,1.5,0,-2\nPd,0,1e1,3\n",
        "element;x;y;z\nTa;1,5;0;-2\nPd;0;1e1;3\n",
        "\ufeffx (A)\ty [angstrom]\tz_angstrom\tSymbol\n\n1.5\t0\t-2\tTa\n# a remark\n0\t10\t3\tPd",
        '"X","Y","Z","Element"\n"1.5","0","-2","Ta"\r\n0, 10 ,3,Pd\r\n',
    ],
)
def test_tables_of_other_programs(tmp_path: Path, text: str) -> None:
    model = read_model(file(tmp_path, text))
    assert model.species == ["Ta", "Pd"]
    np.testing.assert_array_equal(model.positions, [[1.5, 0, -2], [0, 10, 3]])
    assert model.name == str(tmp_path / "model.csv")


def test_columns_of_numbers_become_arrays(tmp_path: Path) -> None:
    text = "species,x,y,z,sigma_x,p_exists,remark\nTa,0,0,0,0.1,0.9,good\nTa,3,0,0,nan,1,7\n"
    arrays = read_atom_table(file(tmp_path, text)).atoms.arrays
    np.testing.assert_array_equal(arrays["sigma_x"], [0.1, np.nan])
    np.testing.assert_array_equal(arrays["p_exists"], [0.9, 1])
    assert "remark" not in arrays


def test_types_and_tables_without_species(tmp_path: Path) -> None:
    types = file(tmp_path, "type,x,y,z\n2,0,0,0\n1,3,0,0\n")
    assert read_model(types, ["Co", "Pt"]).species == ["Pt", "Co"]
    with pytest.raises(InputError, match="in column type; expected a symbol for each atom type"):
        read_model(types)
    with pytest.raises(DataFileError, match="type 2 in line 2; expected 1 to 1"):
        read_model(types, "Co")
    bare = file(tmp_path, "x,y,z\n0,0,0\n")
    assert read_model(bare, "Co").species == ["Co"]
    with pytest.raises(InputError, match="no column of species"):
        read_model(bare)
    with pytest.raises(InputError, match="the file names its own"):
        read_model(file(tmp_path, "species,x,y,z\nTa,0,0,0\n"), "Ta")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "an empty file"),
        ("# nothing\n", "no line of titles"),
        ("species,x,y,z\n", "titles without atoms"),
        ("species,x,y\nTa,0,0\n", "no column z in line 1"),
        ("Ta,0,0,0\nTa,1,0,0\n", "no column x in line 1"),
        ("species,x,y,z\nTa,0,0\n", "3 entries in line 2"),
        ("# first\nspecies,x,y,z\n\nTa,0,zero,0\n", "y 'zero' in line 4"),
        ("species,x,y,z\nTa,0,0,inf\n", "z 'inf' in line 2"),
        ("species,x,y,z\nTa,0,0,0\nTantalum,0,0,0\n", "species 'Tantalum' in line 3"),
        ("species,x,x,y,z\nTa,0,0,0,0\n", "x twice in line 1"),
        ("species,element,x,y,z\nTa,Ta,0,0,0\n", "species and element in line 1"),
        ("species,x (nm),y (nm),z (nm)\nTa,0,0,0\n", "in line 1; expected x in angstrom"),
        ("species,x_pm,y,z\nTa,0,0,0\n", "'x_pm' in line 1; expected x in angstrom"),
        ("species,x,y,z\n\0", "zero byte in line 2"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataFileError, match=r"model\.csv: found ") as told:
        read_model(file(tmp_path, text))
    assert words in str(told.value)


rows_of_atoms = st.lists(
    st.tuples(st.sampled_from(["Co", "Pd", "Pt"]), *3 * [st.floats(-9e5, 9e5)]), min_size=1
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_of_atoms)
def test_what_is_written_is_read(tmp_path: Path, rows: list[tuple]) -> None:
    path = write_rows(tmp_path / "t.csv", ("species", "x", "y", "z"), rows)
    model = read_atom_table(path)
    assert model.species == [row[0] for row in rows]
    np.testing.assert_array_equal(model.positions, [row[1:] for row in rows])
