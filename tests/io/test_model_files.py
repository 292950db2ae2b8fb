"""Several models of one file, and the files that hold none: dumps, frames, data bases, CIF."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import ase
import ase.db
import ase.units
import numpy as np
import pytest

from aet_port.core.errors import DataFileError, InputError
from aet_port.io import read_models
from aet_port.io.text_files import LONGEST_LINE, Lines, check_text

BOX = "ITEM: BOX BOUNDS pp ff pp\n-1 9\n0 11\n2 14\n"
COLUMNS = "id type x y z"
ATOMS = "2 1 4 5 6\n1 2 1.5 2 3\n"
CELL = 'Lattice="10 0 0 0 11 0 0 0 12" Properties=species:S:1:pos:R:3'
EXTENDED = f"2\n{CELL} energy=-3.5\nTa 0 0 0\nCu 1 1 0.25\n"
DATA = (
    "title\n\n2 atoms\n1 atom types\n\n0 10 xlo xhi\n0 10 ylo yhi\n0 10 zlo zhi\n\n"
    "Masses\n\n1 180.95\n\nAtoms # atomic\n\n2 1 1 1 1\n1 1 0 0 0\n"
)
CIF = (
    "data_Ta\n_cell_length_a 3.3\n_cell_length_b 3.3\n_cell_length_c 3.3(2)\n"
    "_cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n"
    "_symmetry_space_group_name_H-M 'I m -3 m'\n_symmetry_Int_Tables_number 229\n"
    "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n"
    "_atom_site_fract_y\n_atom_site_fract_z\n{}\n"
)


def dump(
    atoms: str = ATOMS, n: object = 2, columns: str = COLUMNS, box: str = BOX, step: int = 0
) -> str:
    head = f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{n}\n"
    return f"{head}{box}ITEM: ATOMS {columns}\n{atoms}"


@pytest.fixture
def file(tmp_path):  # type: ignore[no-untyped-def]
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def test_frames_of_a_dump_come_one_by_one(file):
    path = file("run.dump", dump() + dump("1 1 0 0 0\n", 1, step=50) + "broken")
    models = read_models(path, species=["Ta", "Cu"])
    first = next(models)
    assert first.species == ["Cu", "Ta"]
    np.testing.assert_array_equal(first.positions, [[1.5, 2, 3], [4, 5, 6]])
    assert first.atoms.arrays["type"].tolist() == [2, 1]
    assert "id" not in first.atoms.arrays
    np.testing.assert_array_equal(first.atoms.cell.array, np.diag([10, 11, 12]))
    np.testing.assert_array_equal(first.atoms.get_celldisp().ravel(), [-1, 0, 2])
    assert first.atoms.pbc.tolist() == [True, False, True]
    assert first.metadata == {"timestep": 0, "frame": 0}
    assert first.name == f"{path}, frame 0"
    with pytest.raises(DataFileError, match="more than 1 atoms in frame 1: line 22"):
        next(models)


def test_columns_of_a_dump_are_kept(file):
    columns = "id element xs ys zs vx vy vz c_csp i_tag q mass"
    rows = "7 Ta 0.5 0.5 0.25 1 2 3 0.125 4 -1 180\n5 Cu 0 0 0 0 0 1 0.5 6 1 64\n"
    text = f"ITEM: UNITS\nmetal\nITEM: TIME\n0.5\n{dump(rows, columns=columns)}"
    (found,) = read_models(file("a.lammpstrj", text))
    atoms = found.atoms
    np.testing.assert_allclose(atoms.positions, [[-1, 0, 2], [4, 5.5, 5]], rtol=0, atol=1e-15)
    assert found.species == ["Cu", "Ta"]
    assert atoms.arrays["id"].tolist() == [5, 7]
    assert atoms.arrays["c_csp"].tolist() == [0.5, 0.125]
    assert atoms.arrays["i_tag"].tolist() == [6, 4]
    assert atoms.get_initial_charges().tolist() == [1, -1]
    assert atoms.get_masses().tolist() == [64, 180]
    speed = atoms.get_velocities() * 1000 * ase.units.fs  # angstrom per picosecond
    np.testing.assert_allclose(speed, [[0, 0, 1], [1, 2, 3]], rtol=1e-14)
    assert found.metadata == {"timestep": 0, "time_ps": 0.5}
    assert found.name.endswith("a.lammpstrj")
    (real,) = read_models(file("r.dump", text.replace("metal", "real")))
    assert real.metadata["time_ps"] == 0.0005
    np.testing.assert_allclose(real.atoms.get_velocities(), atoms.get_velocities() * 1000)


@pytest.mark.parametrize("tilts", [(1.0, 2.0, -1.5), (-1.0, 2.0, 0.5), (0.0, 0.0, 1.0)])
def test_tilted_boxes(file, tilts):
    xy, xz, yz = tilts
    low, lengths = np.array([1.0, -2, 3]), np.array([10.0, 11, 12])
    cell = np.array([[lengths[0], 0, 0], [xy, lengths[1], 0], [xz, yz, lengths[2]]])
    # The bounds that a dump states hold all eight corners of the box.
    corners = low + np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T @ cell
    ends = np.stack([corners.min(axis=0), corners.max(axis=0), tilts], axis=1)
    rows = "".join(" ".join(map(repr, row)) + "\n" for row in ends.tolist())
    box = f"ITEM: BOX BOUNDS xy xz yz pp pp pp\n{rows}"
    (found,) = read_models(
        file("t.dump", dump("1 Ta 0.5 0.25 0.75\n", 1, "id element xs ys zs", box))
    )
    np.testing.assert_allclose(found.atoms.cell.array, cell, rtol=0, atol=1e-14)
    np.testing.assert_allclose(found.atoms.get_celldisp().ravel(), low, rtol=0, atol=1e-14)
    np.testing.assert_allclose(found.positions[0], low + [0.5, 0.25, 0.75] @ cell, atol=1e-13)
    vectors = "".join(
        f"{a!r} {b!r} {c!r} {d!r}\n"
        for (a, b, c), d in zip(cell.tolist(), low.tolist(), strict=True)
    )
    box = f"ITEM: BOX BOUNDS abc origin pp pp ff\n{vectors}"
    (found,) = read_models(file("g.dump", dump("1 Ta 1 2 3\n", 1, "id element xu yu zu", box)))
    np.testing.assert_array_equal(found.atoms.cell.array, cell)
    np.testing.assert_array_equal(found.positions, [[1, 2, 3]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (dump("1 1 0 0 0\n"), "1 of 2 atoms stated in frame 0, which ends in line 10"),
        (dump("1 1 0 0 0\n") + dump(), "1 of 2 atoms stated in frame 0"),
        (dump() + dump()[:40], "frame 1 cut off after line 15"),
        (dump() + "ITEM: TIMESTEP\n5\n", "frame 1 cut off after line 13"),
        (dump()[:-3], "frame 0 cut off in line 11"),
        (dump("1 1 0 0\n", 1), "'1 1 0 0' in line 10"),
        (dump("1 1 0 0 0 9\n2 1 0 0 0 9\n"), "'1 1 0 0 0 9' in line 10"),
        (dump("1 1 0 zero 0\n", 1), "'1 1 0 zero 0' in line 10"),
        (dump("1 1 0 0 0\n2 1 0 0 0\n", 1), "more than 1 atoms in frame 0: line 11"),
        (dump("1 1 0 0 0\n1 1 1 1 1\n"), "atom id 1 a second time in frame 0, line 11"),
        (dump("0 1 0 0 0\n", 1), "atom id 0 below 1 in frame 0, line 10"),
        (dump("1 3 0 0 0\n", 1), "type 3 in frame 0, line 10; expected 1 to 2"),
        (dump("1 0 0\n", 1, "type x y"), "columns 'type x y' in frame 0, line 9"),
        (dump("1 0 0 0\n", 1, "id x y z"), "neither element nor type"),
        (dump("1 1 0 0 0\n", 1, "id type x y y"), "columns 'id type x y y'"),
        (dump("1 1 0 0 0 1\n", 1, COLUMNS + " momenta"), "a column 'momenta'"),
        (dump(n=10**18), "2 of 1000000000000000000 atoms stated"),
        (dump(n="9" * 5000), "in line 4; expected a number after ITEM: NUMBER OF ATOMS"),
        (dump(n=-2), "'-2' in line 4"),
        (dump(box=BOX.replace("-1 9", "9 -1")), "with non-zero volume"),
        (dump(box=BOX.replace("-1 9", "nan 9")), "three lines of 2 finite numbers"),
        (dump(box=BOX.replace("pp ff pp", "")), "flags: pp or ff"),
        (dump(box=""), "frame 0 without ITEM: BOX BOUNDS before line 5"),
        (f"ITEM: UNITS\nlj\n{dump()}", "'lj' in line 2; expected one of metal, real"),
        (f"ITEM: SOMETHING\n{dump()}", "'ITEM: SOMETHING' in line 1"),
        ("no dump\n", "'no dump' in line 1"),
    ],
)  # fmt: skip
def test_wrong_dumps_name_frame_or_line(file, text, message):
    path = file("wrong.dump", text)
    with pytest.raises(DataFileError, match=message) as caught:
        list(read_models(path, species=["Ta", "Cu"]))
    assert str(path) in str(caught.value)


def test_elements_of_a_dump(file):
    path = file("types.dump", dump())
    with pytest.raises(InputError, match="a symbol for each atom type"):
        list(read_models(path))
    with pytest.raises(InputError, match="'Qq'; expected a chemical symbol"):
        list(read_models(path, species=["Ta", "Qq"]))
    path = file("elements.dump", dump("1 Qq 0 0 0\n", 1, "id element x y z"))
    with pytest.raises(DataFileError, match="element 'Qq' in frame 0, line 10"):
        list(read_models(path))
    with pytest.raises(InputError, match="the file names its own"):
        list(read_models(path, species="Ta"))


def test_frames_of_extended_xyz(file):
    path = file("run.extxyz", EXTENDED + "\n" + EXTENDED.replace("-3.5", "-4.5") + "\n\n")
    first, second = read_models(path)
    assert [model.name for model in (first, second)] == [f"{path}, frame {k}" for k in (0, 1)]
    assert first.species == ["Ta", "Cu"]
    assert (first.atoms.info["energy"], second.atoms.info["energy"]) == (-3.5, -4.5)
    assert second.metadata == {"frame": 1}
    path = file("plain.xyz", "1\nfirst\nTa 0 0 0\n1\nsecond\nCu 1 1 1\n")
    assert [model.metadata["comment"] for model in read_models(path)] == ["first", "second"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (EXTENDED + EXTENDED[:-13], "1 lines for 2 atoms in frame 1, from line 5"),
        (EXTENDED + EXTENDED[:30], "0 lines for 2 atoms in frame 1"),
        (EXTENDED.replace("1 1 0.25", "1 1 0.25 9"), "5 words in line 4; expected 4"),
        (EXTENDED.replace("1 1 0.25", "1 1"), "3 words in line 4; expected 4"),
        (EXTENDED.replace("1 1 0.25", "1 1 z"), "extended .xyz in the frame from line 1"),
        (EXTENDED.replace("Cu", "QQ"), "'QQ' in line 4"),
        (EXTENDED.replace("species:S", "Z:I").replace("Ta", "73").replace("Cu", "129"), "'129'"),
        (EXTENDED.replace("pos:R:3", "vel:R:3"), "no column pos in the Properties of line 2"),
        (EXTENDED.replace("species:S", "name:S"), "no column species"),
        (EXTENDED.replace("R:3", "R:three"), "extended .xyz in line 2"),
        (EXTENDED.replace("2\n", "9" * 17 + "\n", 1), "2 lines for 99999999999999999 atoms"),
        (EXTENDED.replace("2\n", "9" * 30 + "\n", 1), "2 lines for 9+ atoms"),
        (EXTENDED + "and more\n", "3 lines for 2 atoms"),
        (EXTENDED.replace("-3.5", "x" * LONGEST_LINE), "more than 65,536 bytes in line 2"),
    ],
)
def test_wrong_extended_frames(file, text, message):
    path = file("wrong.extxyz", text)
    with pytest.raises(DataFileError, match=message) as caught:
        list(read_models(path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.xyz", "1\nc\nTa 0 nan 0\n", "1 NaN or infinite"),
        ("a.extxyz", EXTENDED.replace("1 1 0.25", "1 1 inf"), "first at index \\(1, 2\\)"),
        ("a.extxyz", EXTENDED.replace("10 0 0", "nan 0 0"), "cell: found .*nan"),
        ("a.extxyz", EXTENDED.replace("10 0 0", "0 0 0"), "along each periodic direction"),
        ("a.dump", dump("1 Ta 0 -inf 0\n", 1, "id element x y z"), "1 NaN or infinite"),
        ("a.dump", dump("", 0), "a.dump, frame 0: found no atoms"),
    ],
)
def test_models_that_mean_nothing(file, name, text, message):
    path = file(name, text)
    with pytest.raises(InputError, match=message) as caught:
        list(read_models(path))
    assert str(path) in str(caught.value)


def test_data_files_are_sorted_and_checked(file):
    (found,) = read_models(file("good.data", DATA))
    np.testing.assert_array_equal(found.positions, [[0, 0, 0], [1, 1, 1]])
    assert found.species == ["Ta", "Ta"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DATA.replace("2 1 1 1 1", "1 1 1 1 1"), "atom id 1, 2 times"),
        (DATA.replace("2 1 1 1 1", "0 1 1 1 1"), "atom id 0, 1 times"),
        (DATA.replace("2 atoms", "200000000000 atoms"), "2 lines of Atoms for 200000000000"),
        (DATA.replace("2 atoms", "1 atoms"), "2 lines of Atoms for 1 atoms"),
        (DATA.replace("2 atoms", ""), "0 lines 'N atoms'"),
        (DATA[:-10], "1 lines of Atoms for 2 atoms"),
        (DATA[:-4], "unreadable contents"),
        (DATA + "\nVelocities\n\n1 0 0 0\n", "1 lines of Velocities for 2 atoms"),
        (DATA.replace("2 1 1 1 1", "2 2 1 1 1"), "nothing known of atom type or id 2"),
        (DATA.replace("180.95", "500"), "a mass of 500 that no element has"),
        ("x" * (LONGEST_LINE + 1) + DATA, "more than 65,536 bytes in line 1"),
    ],
)  # fmt: skip
def test_wrong_data_files(file, text, message):
    path = file("wrong.data", text)
    with pytest.raises(DataFileError, match=message) as caught:
        list(read_models(path))
    assert str(path) in str(caught.value)


def test_labels_that_are_no_elements_need_species(file):
    text = DATA.replace("Masses\n\n1 180.95", "Atom Type Labels\n\n1 big")
    path = file("l.data", text.replace("2 1 1 1 1", "2 big 1 1 1").replace("1 1 0", "1 big 0"))
    with pytest.raises(DataFileError, match="atom types without masses"):
        list(read_models(path))
    (found,) = read_models(path, species="W")
    assert found.species == ["W", "W"]


def test_rows_of_a_data_base(tmp_path):
    path = tmp_path / "some.db"
    moving = ase.Atoms("CuTa", [[0, 0, 0.1], [1, 1, 1 / 3]], cell=[5, 6, 7], pbc=[1, 0, 1])
    moving.set_velocities([[1, 2, 3], [0, 0, 0]])
    with ase.db.connect(str(path)) as base:
        base.write(moving, temperature=300, who="x'; DROP TABLE systems; --")
        base.write(ase.Atoms("Pd", [[1, 2, 3]]), data={"note": "not taken"})
    before = path.read_bytes()
    first, second = read_models(path)
    np.testing.assert_array_equal(first.positions, moving.positions)
    np.testing.assert_array_equal(first.atoms.get_momenta(), moving.get_momenta())
    assert first.atoms.pbc.tolist() == [True, False, True]
    assert first.metadata["temperature"] == 300
    assert first.metadata["who"] == "x'; DROP TABLE systems; --"
    assert second.species == ["Pd"]
    assert second.name == f"{path}, row 2"
    with closing(sqlite3.connect(path)) as base:
        base.execute("UPDATE systems SET positions = zeroblob(8) WHERE id = 2")
        base.commit()
    models = read_models(path)
    assert next(models).species == ["Cu", "Ta"]
    with pytest.raises(DataFileError, match="row 2 a model"):
        next(models)
    path.write_bytes(before[: len(before) // 2])
    with pytest.raises(DataFileError, match=r"ase\.db"):
        list(read_models(path))


@pytest.mark.parametrize("kind", ["empty", "other", "rowless", "text"])
def test_other_files_than_data_bases_are_left_alone(tmp_path, kind):
    path = tmp_path / "other.db"
    if kind == "rowless":
        base = ase.db.connect(str(path))
        base.write(ase.Atoms("Pd"))
        base.delete([1])
    elif kind == "other":
        with closing(sqlite3.connect(path)) as base:
            base.execute("CREATE TABLE mine (a)")
            base.commit()
    else:
        path.write_text("" if kind == "empty" else "no data base at all")
    before = path.read_bytes()
    with pytest.raises(DataFileError, match=r"ase\.db"):
        list(read_models(path))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["other.db"]


def test_blocks_of_a_cif(file):
    text = CIF.format("Ta1 Ta 0 0 0") + CIF.format("Pd1 Pd 0 0.5(1) 0")
    first, second = read_models(file("two.cif", text))
    assert (first.species, set(second.species)) == (["Ta", "Ta"], {"Pd"})
    assert second.name.endswith("two.cif, frame 1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CIF.format("Ta1 Ta 0 ? 0"), "_atom_site_fract_y '\\?' of site 1 in block"),
        (CIF.format("Ta1 Ta 0 nan 0"), "_atom_site_fract_y 'nan'"),
        (CIF.format("Ta1 Ta 0 0"), "unreadable contents"),
        (CIF.format("Qq1 Qq 0 0 0"), "unreadable contents"),
        (CIF.replace("3.3\n", "0\n", 1).format("Ta1 Ta 0 0 0"), "_cell_length_a 0"),
        (CIF[:200], "unreadable contents"),
        ("data_empty\n", "no structure"),
        (
            CIF.replace("loop_\n", "loop_\n_atom_site_occupancy\n").format("0.5 Ta1 Ta 0 0 0"),
            "a site of 0.5 Ta",
        ),
    ],
)
def test_wrong_cif(file, text, message):
    path = file("wrong.cif", text)
    with pytest.raises(DataFileError, match=message):
        list(read_models(path))


@pytest.mark.parametrize("suffix", [".xyz", ".extxyz", ".dump", ".data", ".cif"])
def test_what_is_no_text(file, suffix):
    path = file(f"bad{suffix}", b"")
    with pytest.raises(DataFileError, match="an empty file"):
        list(read_models(path, None))
    path.write_bytes(b"2\n\0\x01\xff")
    with pytest.raises(DataFileError, match="a zero byte in line 2"):
        list(read_models(path))
    path.write_bytes(b"\xff\xfe\x80")
    with pytest.raises(DataFileError, match="unreadable contents"):
        list(read_models(path))


def test_the_longest_line(file):
    assert check_text(file("long.txt", "a" * LONGEST_LINE + "\nb"), "text") == (b"", "utf-8")
    for text in ("\n" + "a" * (LONGEST_LINE + 1), "\n" + "a" * 10**7 + "\n"):
        with pytest.raises(DataFileError, match="in line 2"):
            check_text(file("longer.txt", text), "text")


def test_lines_are_counted(file):
    with file("some.txt", "a\n\n\nb\nc\nd").open() as handle:
        lines = Lines(handle)
        assert (lines.next(), lines.number, lines.peek(), lines.number) == ("a", 1, "b", 3)
        assert (lines.block(2), lines.number, lines.ended) == (["b", "c"], 5, True)
        assert (lines.block(9), lines.number, lines.ended) == (["d"], 6, False)
        assert (lines.next(), lines.at_end(), lines.peek(), lines.block(0)) == (None, True, "", [])


def test_arguments_are_checked_before_the_first_model(file):
    with pytest.raises(DataFileError, match=r"type \.gro"):
        read_models(file("a.gro", "x"))
    with pytest.raises(DataFileError, match="no such file"):
        read_models("nowhere.dump")
    with pytest.raises(InputError, match="the file names its own"):
        next(read_models(file("a.extxyz", EXTENDED), species="Ta"))
