"""Models in every format that users have: values as written by hand, by ASE and by OVITO."""

from __future__ import annotations

import bz2
import gzip
import inspect
import lzma
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import ase
import ase.db
import numpy as np
import pytest
import scipy.io
from ase.data import chemical_symbols
from ase.io import read as ase_read
from ase.io import write as ase_write
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import DataFileError, InputError
from aet_port.io import read_model, read_models, write_atoms, write_model
from aet_port.io.models.element_symbols import element
from aet_port.io.settings import ModelReadSettings

PLAIN = "2\nc\nCu 1 2 3\nZr 4 5 6\n"
PLACES = [[1, 2, 3], [4, 5, 6]]
DEUTERIUM = 2.01410177811  # atomic mass units, AME2020
CELL = [[10.0, 0, 0], [2, 11, 0], [-1, 0.5, 12]]


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def sample() -> ase.Atoms:
    places = np.random.default_rng(0).uniform(0, 8, (6, 3))
    return ase.Atoms(["Cu", "Zr", "Cu", "Al", "Cu", "Zr"], places, cell=CELL, pbc=True)


def same(found: ase.Atoms, wanted: ase.Atoms, tolerance: float) -> None:
    """The same atoms in any order, positions modulo the cell to within a tolerance."""
    assert len(found) == len(wanted)
    np.testing.assert_allclose(found.cell.array, wanted.cell.array, rtol=0, atol=tolerance)
    steps = found.positions[:, None] - wanted.positions[None]
    if wanted.cell.rank == 3:
        fractions = np.linalg.solve(wanted.cell.array.T, steps.reshape(-1, 3).T).T
        steps = ((fractions - np.round(fractions)) @ wanted.cell.array).reshape(steps.shape)
    near = np.linalg.norm(steps, axis=2).argmin(axis=1)
    assert sorted(near) == list(range(len(wanted)))
    assert np.abs(steps[np.arange(len(near)), near]).max() <= tolerance
    assert found.get_chemical_symbols() == [wanted.get_chemical_symbols()[k] for k in near]


def test_parameters_are_the_settings() -> None:
    for function in (read_model, read_models):
        parameters = inspect.signature(function).parameters
        for name, value in ModelReadSettings():
            assert parameters[name].default == value


@pytest.mark.parametrize(
    ("name", "symbols"),
    [
        (name, symbols)
        for name in ("a.xyz", "a.extxyz", "a.csv", "a.dump", "POSCAR", "a.pdb")
        for symbols in ("Cu Zr", "CU ZR", "cu zr", "29 40")
        # Numbers in these are the numbers of atoms, or charges.
        if symbols != "29 40" or name not in ("POSCAR", "a.pdb")
    ],
)
def test_symbols_in_any_case_and_atomic_numbers(file, name, symbols):
    one, other = symbols.split()
    if name == "a.csv":
        text = f"species,x,y,z\n{one},1,2,3\n{other},4,5,6\n"
    elif name == "a.dump":
        text = (
            "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS ff ff ff\n0 9\n0 9\n"
            f"0 9\nITEM: ATOMS id element x y z\n1 {one} 1 2 3\n2 {other} 4 5 6\n"
        )
    elif name == "POSCAR":
        text = f"t\n1\n10 0 0\n0 10 0\n0 0 10\n{one} {other}\n1 1\nCartesian\n1 2 3\n4 5 6\n"
    elif name == "a.pdb":
        text = pdb_row(1, one, PLACES[0]) + pdb_row(2, other, PLACES[1])
    else:
        text = f"2\nProperties=species:S:1:pos:R:3\n{one} 1 2 3\n{other} 4 5 6\n"
        if name == "a.xyz":
            text = f"2\nc\n{one} 1 2 3\n{other} 4 5 6\n"
    found = read_model(file(name, text))
    assert found.species == ["Cu", "Zr"]
    np.testing.assert_array_equal(found.positions, PLACES)


def pdb_row(serial: int, symbol: str, place: list[float], name: str | None = None) -> str:
    """An ATOM record, by the columns of the format's description, version 3.3."""
    row = list(" " * 80)

    def put(first: int, text: str) -> None:
        row[first - 1 : first - 1 + len(text)] = text

    put(1, "ATOM")
    put(7, f"{serial:5d}")
    put(13, f"{symbol:>2}" if name is None else name)
    put(18, "MOL")
    put(23, "   1")
    for first, value in zip((31, 39, 47), place, strict=True):
        put(first, f"{value:8.3f}")
    put(55, "  1.00  0.00")
    put(77, f"{symbol:>2}" if name is None else "  ")
    return "".join(row) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-32"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.replace("c", "in \xc5").encode("latin-1"),
        PLAIN.replace("1 2 3", "1.0D+00 2.0d0 .3D1").encode(),
    ],
    ids=["mark", "utf-16", "utf-16-be", "utf-32", "crlf", "cr", "latin-1", "Fortran"],
)
def test_texts_of_any_system(file, text):
    found = read_model(file("a.xyz", text))
    assert found.species == ["Cu", "Zr"]
    np.testing.assert_array_equal(found.positions, PLACES)


WRITTEN: dict[str, Callable[[Path], object]] = {
    "a.xyz": lambda path: write_model(path, sample()),
    "a.extxyz": lambda path: write_model(path, sample()),
    "a.data": lambda path: write_model(path, sample()),
    "a.csv": lambda path: write_model(path, sample()),
    "a.dump": lambda path: write_atoms(path, sample()),
    "a.cif": lambda path: ase_write(path, sample(), format="cif"),
    "a.vasp": lambda path: ase_write(path, sample(), format="vasp"),
    "CONTCAR": lambda path: ase_write(path, sample(), format="vasp", direct=True),
    "a.pdb": lambda path: ase_write(path, sample(), format="proteindatabank"),
    "a.mat": lambda path: scipy.io.savemat(path, {"model": sample().positions.T}),
}
MARKED = ("a.xyz", "a.extxyz", "a.data", "a.csv", "a.dump", "a.cif", "a.vasp", "a.pdb")


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize(
    ("ending", "compress"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)],
)
def test_compressed_files_are_read_like_plain_ones(tmp_path, name, ending, compress):
    plain = tmp_path / name
    WRITTEN[name](plain)
    packed = tmp_path / f"{name}{ending}"
    packed.write_bytes(compress(plain.read_bytes()))
    species = "Ta" if name == "a.mat" else None
    one, other = read_model(plain, species), read_model(packed, species)
    assert other.name == str(packed)
    assert one.species == other.species
    np.testing.assert_array_equal(one.positions, other.positions)
    np.testing.assert_array_equal(one.atoms.cell.array, other.atoms.cell.array)
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(DataFileError, match=re.escape(str(packed))):
        read_model(packed, species)


@pytest.mark.parametrize("name", MARKED)
def test_a_byte_order_mark_changes_nothing(tmp_path, name):
    path = tmp_path / name
    WRITTEN[name](path)
    plain = read_model(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    np.testing.assert_array_equal(read_model(path).positions, plain.positions)


@pytest.mark.parametrize("name", ["a.data", "a.dump", "a.extxyz", "a.csv", "a.vasp"])
def test_exponents_of_fortran(tmp_path, name):
    path = tmp_path / name
    WRITTEN[name](path)
    plain = read_model(path)
    text = path.read_text()
    # Every number with a point gets an exponent of zero, as a Fortran program would write it.
    path.write_text(re.sub(r"(?<![\w.])(-?\d+\.\d+)(?![\w.])", r"\1D+00", text))
    assert "D+00" in path.read_text()
    np.testing.assert_array_equal(read_model(path).positions, plain.positions)


@settings(max_examples=200)
@given(st.text("acdeouCDTXZrt0129 -\u00b2\u0663", max_size=3))
def test_what_no_element_is(word: str) -> None:
    """Only symbols, isotopes of hydrogen and numbers 1 to 118 are elements."""
    symbols = {symbol.lower() for symbol in ase.data.chemical_symbols} | {"d", "t"}
    number = word.isascii() and word.isdecimal() and 1 <= int(word) <= 118
    assert (element(word) is not None) == (number or word.lower() in symbols)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.xyz", "2\nc\nD 0 0 0\nO 0 0 1\n"),
        ("a.extxyz", "2\nProperties=species:S:1:pos:R:3\nD 0 0 0\nO 0 0 1\n"),
        ("a.csv", "element,x,y,z\nD,0,0,0\nO,0,0,1\n"),
        ("POSCAR", "t\n1\n9 0 0\n0 9 0\n0 0 9\nD O\n1 1\nC\n0 0 0\n0 0 1\n"),
        ("a.pdb", pdb_row(1, "D", [0, 0, 0]) + pdb_row(2, "O", [0, 0, 1])),
        (
            "a.data",
            "t\n\n2 atoms\n2 atom types\n\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\nMasses\n\n"
            "1 2.014\n2 15.999\n\nAtoms # atomic\n\n1 1 0 0 0\n2 2 0 0 1\n",
        ),
        (
            "a.cif",
            "data_a\n_cell_length_a 9\n_cell_length_b 9\n_cell_length_c 9\n_cell_angle_alpha 90\n"
            "_cell_angle_beta 90\n_cell_angle_gamma 90\nloop_\n_atom_site_label\n"
            "_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
            "D1 D 0 0 0\nO1 O 0 0 0.1111111\n",
        ),
    ],
)
def test_deuterium_is_hydrogen_of_its_mass(file, name, text):
    found = read_model(file(name, text)).atoms
    assert found.get_chemical_symbols() == ["H", "O"]
    # LAMMPS masses are those of the file.
    np.testing.assert_allclose(found.get_masses(), [DEUTERIUM, 15.999], rtol=0, atol=2e-4)


def test_further_columns_of_plain_xyz_are_not_read(file):
    text = PLAIN.replace("1 2 3", "1 2 3 0.5 words").replace("4 5 6", "4 5 6 0.25")
    np.testing.assert_array_equal(read_model(file("a.xyz", text)).positions, PLACES)
    with pytest.raises(DataFileError, match="running numbers 1 to 3 from line 3"):
        read_model(file("b.xyz", "3\nc\n1 29 0 0 0\n2 29 1 1 1\n3 29 2 2 2\n"))


def test_numbers_in_place_of_symbols_are_types_if_symbols_are_given(file):
    path = file("a.xyz", "3\nc\n2 0 0 0\n1 0 0 2\n2 0 2 2\n")
    found = read_model(path, "Cu,Zr")
    assert found.species == ["Zr", "Cu", "Zr"]
    assert found.atoms.arrays["type"].tolist() == [2, 1, 2]
    with pytest.raises(InputError, match=r"type numbers \(1 to 2\) in place .* --species Cu,Zr"):
        read_model(path)
    assert read_model(file("h.xyz", "2\nc\n1 0 0 0\n1 0 0 2\n"), "H").species == ["H", "H"]
    with pytest.raises(DataFileError, match="type 2 in line 3; expected 1 to 1"):
        read_model(path, "Cu")
    text = "2\nProperties=pos:R:3:type:I:1\n0 0 0 2\n0 0 2 1\n"
    path = file("t.extxyz", text)
    assert read_model(path, "Cu,Zr").species == ["Zr", "Cu"]
    with pytest.raises(InputError, match=r"types but no species .* --species Cu,Zr"):
        read_model(path)


@given(
    numbers=st.lists(st.integers(1, 8), min_size=1, max_size=12),
    n_symbols=st.integers(0, 5),
    asked=st.sampled_from(["species", "default_species"]),
)
def test_numbers_are_types_or_elements_but_never_guessed(numbers, n_symbols, asked):
    """By the words of the rule: given symbols or no gap from 1 make types of them."""
    rows = "".join(f"{number} {k} 0 0\n" for k, number in enumerate(numbers))
    symbols = ["Cu", "Zr", "Ta", "Pd", "Pt"][:n_symbols]
    gapless = set(numbers) == set(range(1, max(numbers) + 1))
    if len(numbers) > 2 and numbers == list(range(1, len(numbers) + 1)):
        return  # running numbers, refused as such
    fits = max(numbers) <= n_symbols
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.xyz"
        path.write_text(f"{len(numbers)}\nc\n{rows}")
        options = {asked: symbols} if symbols else {}
        if not fits and (gapless or (symbols and asked == "species")):
            with pytest.raises((InputError, DataFileError), match="--species"):
                read_model(path, **options)
            return
        found = read_model(path, **options).species
    if fits:
        assert found == [symbols[k - 1] for k in numbers]
    else:
        assert found == [chemical_symbols[k] for k in numbers]


@pytest.mark.filterwarnings("ignore:.*species by atom type as given")
@pytest.mark.parametrize("name", ["a.extxyz", "a.csv", "a.dump", "b.dump"])
def test_numbers_in_columns_of_species_are_types_without_a_gap(file, name):
    columns = "id element x y z" if name == "a.dump" else "id type element x y z"
    kind = "" if name == "a.dump" else "1"
    texts = {
        "a.extxyz": "2\nProperties=species:S:1:pos:R:3\n1 1 2 3\n2 4 5 6\n",
        "a.csv": "element,x,y,z\n1,1,2,3\n2,4,5,6\n",
    }
    rows = f"1 {kind} 1 1 2 3\n2 {kind.replace('1', '2')} 2 4 5 6\n"
    path = file(name, texts.get(name) or dump(columns, rows))
    with pytest.raises(InputError, match="expected a symbol for each atom type"):
        read_model(path)
    assert read_model(path, "Cu,Zr").species == ["Cu", "Zr"]
    unknown = read_model(path, default_species="X")
    assert unknown.species == ["X", "X"]
    assert unknown.atoms.arrays["type"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("style", "told"),
    [("lj", "--scale takes the length sigma"), ("nano", "--scale 10 "), ("electron", "0.529177")],
)
def test_units_without_angstrom_in_lammps_files_are_refused(file, style, told):
    head = f"LAMMPS data file via write_data, version 2 Aug 2023, timestep = 0, units = {style}"
    body = "\n\n1 atoms\n1 atom types\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\nAtoms # atomic\n\n"
    with pytest.raises(DataFileError, match=f"units {style}; expected units metal or real") as one:
        read_model(file("a.data", f"{head}{body}1 1 1 2 3\n"), "Cu")
    assert told in str(one.value)
    for fine in ("metal", "real"):
        title = head.replace(f"= {style}", f"= {fine}")
        found = read_model(file(f"{fine}.data", f"{title}{body}1 1 1 2 3\n"), "Cu")
        assert found.positions.tolist() == [[1, 2, 3]]
    text = f"ITEM: UNITS\n{style}\n" + dump("id type x y z", "1 1 1 2 3\n")
    with pytest.raises(DataFileError, match="expected one of metal, real") as other:
        read_model(file("a.dump", text), "Cu")
    assert told in str(other.value)


def dump(columns: str, *frames: str) -> str:
    """A LAMMPS dump of a box of 9 angstrom."""
    parts = []
    for step, rows in enumerate(frames):
        n = rows.count("\n")
        head = f"ITEM: TIMESTEP\n{100 * step}\nITEM: NUMBER OF ATOMS\n{n}\n"
        box = "ITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\n"
        parts.append(f"{head}{box}ITEM: ATOMS {columns}\n{rows}")
    return "".join(parts)


def test_dumps_as_lammps_users_name_them(file):
    text = dump("id type x y z", "2 2 4 5 6\n1 1 1 2 3\n")
    for name in ("m.dump", "m.lammpstrj", "dump.melt.1000", "m.lammps", "dump"):
        found = read_model(file(name, text), "Cu,Zr")
        assert found.species == ["Cu", "Zr"]
        np.testing.assert_array_equal(found.positions, PLACES)
        assert found.atoms.cell.lengths().tolist() == [9, 9, 9]
    written = write_model(file("a.data", ""), sample()).read_text()
    assert len(read_model(file("data.glass", written))) == 6
    with pytest.raises(DataFileError, match=r"a file of type \.glass; expected an atomic model"):
        read_model(file("poem.glass", "no atoms here\n"))
    with pytest.raises(InputError, match=r"atom types only; .* --species Cu,Zr"):
        read_model(file("m.dump", text))


def test_dumps_without_ids_and_with_wrong_elements(file):
    path = file("m.dump", dump("type x y z", "2 4 5 6\n1 1 2 3\n"))
    assert read_model(path, "Cu,Zr").species == ["Zr", "Cu"]
    # LAMMPS calls every element C unless dump_modify names them.
    path = file("c.dump", dump("id type element x y z", "1 1 C 1 2 3\n2 2 C 4 5 6\n"))
    assert read_model(path).species == ["C", "C"]
    with pytest.warns(UserWarning, match="its column element is not used"):
        assert read_model(path, "Cu,Zr").species == ["Cu", "Zr"]


FRAMES = {
    "a.xyz": "1\nc\nCu {} 0 0\n",
    "a.extxyz": "1\nProperties=species:S:1:pos:R:3\nCu {} 0 0\n",
    "a.dump": "ITEM: TIMESTEP\n5\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS ff ff ff\n0 9\n0 9\n"
    "0 9\nITEM: ATOMS id element x y z\n1 Cu {} 0 0\n",
    "a.pdb": f"MODEL\n{pdb_row(1, 'Cu', [0, 0, 0]).replace('   0.000', '{:8.3f}', 1)}ENDMDL\n",
    "a.cif": "data_b\n_cell_length_a 9\n_cell_length_b 9\n_cell_length_c 9\n_cell_angle_alpha 90\n"
    "_cell_angle_beta 90\n_cell_angle_gamma 90\nloop_\n_atom_site_type_symbol\n_atom_site_cartn_x\n"
    "_atom_site_cartn_y\n_atom_site_cartn_z\nCu {} 0 0\n",
}


@pytest.mark.parametrize("name", [*FRAMES, "a.db"])
def test_frames_are_chosen_by_number(tmp_path, name):
    path = tmp_path / name
    if name == "a.db":
        with ase.db.connect(str(path)) as base:
            for k in range(4):
                base.write(ase.Atoms("Cu", [[k, 0, 0]]))
    else:
        path.write_text("".join(FRAMES[name].format(float(k)) for k in range(4)))

    def place(**choice: object) -> float:
        return round(float(read_model(path, **choice).positions[0, 0]), 9)

    assert [place(frame=k) for k in range(4)] == [0, 1, 2, 3]
    assert [place(frame=k) for k in (-1, -2, -3, -4)] == [3, 2, 1, 0]
    with pytest.warns(UserWarning, match="the last of 4 frames is read; --frame N chooses"):
        assert place() == 3
    assert [round(one.positions[0, 0], 9) for one in read_models(path)] == [0, 1, 2, 3]
    assert [one.positions[0, 0] for one in read_models(path, frame=2)] == pytest.approx([2])
    for wrong in (4, -5):
        with pytest.raises(
            InputError, match=f"--frame: found {wrong}; .*4 frames; expected 0 to 3"
        ):
            place(frame=wrong)
    with pytest.raises(InputError, match=r"--frame: found 'all'.* --frame N"):
        place(frame="all")
    if name != "a.db":
        assert read_model(path, frame=1).name == f"{path}, frame 1"
        assert read_model(path, frame=1).metadata["frame"] == 1


def test_a_single_frame_has_no_number(file):
    path = file("a.xyz", PLAIN)
    assert read_model(path, frame=-1).name == str(path)
    with pytest.raises(InputError, match="has one frame; expected 0 or -1"):
        read_model(path, frame=1)


def test_damage_behind_the_frame_that_is_read_does_not_matter(file):
    path = file("a.xyz", PLAIN + "2\nc\nCu 0 0 0\n")
    assert len(read_model(path, frame=0)) == 2
    with pytest.raises(DataFileError, match="1 lines for 2 atoms"):
        read_model(path)


def test_a_scale_turns_lengths_into_angstrom(file):
    text = 'Lattice="1 0 0 0 1 0 0 0 1" Properties=species:S:1:pos:R:3:sigma_x:R:1 pbc="T T T"'
    path = file("nm.extxyz", f"1\n{text}\nCu 0.1 0.2 0.3 0.01\n")
    found = read_model(path, scale=10).atoms
    np.testing.assert_allclose(found.positions, [[1, 2, 3]], rtol=1e-15)
    assert found.cell.lengths().tolist() == [10, 10, 10]
    assert found.arrays["sigma_x"].tolist() == [0.1]
    with pytest.raises(InputError, match="--scale"):
        read_model(path, scale=-1.0)
    with pytest.raises(DataFileError, match="no unit in the titles, and --scale 10 for nm"):
        read_model(file("nm.csv", "species,x (nm),y (nm),z (nm)\nCu,0.1,0.2,0.3\n"))
    path = file("plain.csv", "species,x,y,z\nCu,0.1,0.2,0.3\n")
    np.testing.assert_allclose(read_model(path, scale=10).positions, [[1, 2, 3]], rtol=1e-15)


@pytest.mark.parametrize(
    ("scale", "mode", "rows"),
    [
        ("1.0", "Direct", "0.1 0.2 0.3\n0.5 0.5 0.5\n0.9 0.1 0.7\n"),
        ("2.5", "Direct", "0.1 0.2 0.3\n0.5 0.5 0.5\n0.9 0.1 0.7\n"),
        ("2.5", "Cartesian", "0.1 0.2 0.3\n0.5 0.5 0.5\n0.9 0.1 0.7\n"),
        ("-1000.0", "kartesisch", "0.1 0.2 0.3\n0.5 0.5 0.5\n0.9 0.1 0.7\n"),
        (
            "1.5",
            "Selective dynamics\nDirect",
            "0.1 0.2 0.3 T T F\n0.5 0.5 0.5 F F F\n0 0 0 T T T\n",
        ),
    ],
)
@pytest.mark.parametrize("names", ["Cu Zr", ""])
def test_poscar_as_ase_reads_it(file, scale, mode, rows, names):
    cell = "4 0.1 0\n0.2 5 0\n0 0.3 6\n"
    title = "Cu Zr" if not names else "some title"
    line = f"{names}\n" if names else ""
    path = file("POSCAR", f"{title}\n{scale}\n{cell}{line}2 1\n{mode}\n{rows}")
    wanted, found = ase_read(path, format="vasp"), read_model(path).atoms
    assert found.get_chemical_symbols() == wanted.get_chemical_symbols() == ["Cu", "Cu", "Zr"]
    np.testing.assert_allclose(found.cell.array, wanted.cell.array, rtol=1e-13)
    np.testing.assert_allclose(found.positions, wanted.positions, rtol=1e-12, atol=1e-14)
    assert found.pbc.all()


def test_poscar_with_names_of_potentials_or_none(file):
    body = "1\n4 0 0\n0 4 0\n0 0 4\n{}1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"
    path = file("a.poscar", "t\n" + body.format("Cu_pv Zr_sv/0a1b\n"))
    assert read_model(path).species == ["Cu", "Zr"]
    path = file("b.poscar", "no symbols here\n" + body.format(""))
    assert read_model(path, "Cu,Zr").species == ["Cu", "Zr"]
    with pytest.raises(InputError, match=r"no symbols in line 6 or the title; .*--species Cu,Zr"):
        read_model(path)
    with pytest.raises(InputError, match="leave out --species"):
        read_model(file("a.poscar", "t\n" + body.format("Cu Zr\n")), "Cu")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1\n4 0 0", "zero\n4 0 0", "'zero' in line 2"),
        ("0 4 0", "0 4", "'0 4' in line 4"),
        ("0 0 4", "0 4 0", "in lines 3 to 5; expected a cell with a volume"),
        ("Cu Zr", "Cu Qq", "'Qq' in line 6"),
        ("1 1\n", "1 -1\n", "'1 -1' in line 7"),
        ("1 1\n", "1 1 1\n", "2 symbols in line 6 for 3 numbers"),
        ("1 1\n", "1 2\n", "2 lines for 3 atoms, from line 9"),
        ("Direct", "0 0 0", "'0 0 0' in line 8; expected Direct or Cartesian"),
        ("0.5 0.5 0.5", "0.5 0.5", "'0.5 0.5' in line 10"),
    ],
)
def test_wrong_poscars_name_the_line(file, old, new, message):
    text = "t\n1\n4 0 0\n0 4 0\n0 0 4\nCu Zr\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"
    with pytest.raises(DataFileError, match=message):
        read_model(file("POSCAR", text.replace(old, new, 1)))


def test_pdb_elements_of_names(file):
    """Without columns 77 and 78 the first two columns of the name are the element."""
    names = [" CA ", "CA  ", "CU  ", " O1 ", "HG11", "1HB ", "ZR12", " D1 "]
    text = "".join(pdb_row(k, "", [k, 0, 0], name) for k, name in enumerate(names))
    found = read_model(file("a.pdb", text))
    assert found.species == ["C", "Ca", "Cu", "O", "H", "H", "Zr", "H"]
    assert not found.atoms.pbc.any()


def test_pdb_cells_and_what_is_refused(file):
    row = pdb_row(1, "CU", [1, 2, 3])
    unit = "CRYST1    1.000    1.000    1.000  90.00  90.00  90.00 P 1           1\n"
    assert not read_model(file("a.pdb", unit + row)).atoms.pbc.any()
    cell = "CRYST1   10.000   11.000   12.000  90.00  90.00 120.00 P 1           1\n"
    path = file("a.pdb", cell + row)
    found = read_model(path).atoms
    np.testing.assert_allclose(found.cell.cellpar(), [10, 11, 12, 90, 90, 120], atol=1e-12)
    same(found, ase_read(path), 1e-12)
    second = row[:16] + "B" + row[17:]
    for text, message in [
        (row + second, "alternative place B in line 2"),
        (row[:50], "in line 1; expected a PDB file"),
        ("REMARK nothing\n", "no ATOM or HETATM record"),
        (cell.replace("10.000", "ten   ") + row, "in line 1; expected three lengths"),
        (pdb_row(1, "", [0, 0, 0], " ?? "), "no element in"),
    ]:
        with pytest.raises(DataFileError, match=re.escape(message)):
            read_model(file("b.pdb", text))


def test_cif_of_upper_case_is_not_carbon(file):
    """ASE takes the first letter: CU1 would be carbon."""
    head = (
        "data_a\n_cell_length_a 9\n_cell_length_b 9\n_cell_length_c 9\n_cell_angle_alpha 90\n"
        "_cell_angle_beta 90\n_cell_angle_gamma 90\nloop_\n"
    )
    places = "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    typed = f"{head}_atom_site_label\n_atom_site_type_symbol\n{places}"
    both = "{} {} 0 0 0\n{} {} 0.5 0.5 0.5\n"
    for one, other in [("CU2+", "O2-"), ("cu", "o"), ("Cu", "O"), ("Cu2+", "O2-")]:
        path = file("a.cif", typed + both.format("A1", one, "A2", other))
        assert read_model(path).species == ["Cu", "O"]
    path = file("b.cif", f"{head}_atom_site_label\n{places}CU1 0 0 0\nOW 0.5 0.5 0.5\n")
    assert read_model(path).species == ["Cu", "O"]
    with pytest.raises(DataFileError, match="_atom_site_type_symbol 'QQ' of site 1 in block 'a'"):
        read_model(file("c.cif", typed + both.format("A1", "QQ", "A2", "CU")))


def data(masses: str, types: str = "2 atom types") -> str:
    box = "0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n"
    rows = "1 1 1 2 3\n2 2 4 5 6\n"
    return f"t\n\n2 atoms\n{types}\n\n{box}\n{masses}Atoms # atomic\n\n{rows}"


def test_elements_of_lammps_types(file):
    def species(masses: str) -> list[str]:
        return read_model(file("a.data", data(masses))).species

    assert species("Masses\n\n1 63.546\n2 91.224\n\n") == ["Cu", "Zr"]
    assert species("Masses\n\n2 9.1224D+01\n1 6.3546D+01\n\n") == ["Cu", "Zr"]
    # 58.8 is nearer to nickel's 58.69 than to cobalt's 58.93, but the comment says cobalt.
    assert species("Masses\n\n1 58.8\n2 58.8 # Co\n\n") == ["Ni", "Co"]
    assert species("Masses\n\n1 63.546 # Zr\n2 91.224 # big\n\n") == ["Cu", "Zr"]
    assert species("Atom Type Labels\n\n1 CU\n2 ZR\n\n") == ["Cu", "Zr"]
    path = file("a.data", data(""))
    with pytest.raises(DataFileError, match=r"atom types without masses; .* --species Cu,Zr"):
        read_model(path)
    assert read_model(path, "Cu,Zr").species == ["Cu", "Zr"]
    assert read_model(path, default_species="X").species == ["X", "X"]
    with pytest.raises(DataFileError, match="no masses under Masses"):
        read_model(file("a.data", data("Masses\n\n")))


def test_models_of_mat_files_with_several_arrays(tmp_path):
    path, types = tmp_path / "m.mat", tmp_path / "t.mat"
    scipy.io.savemat(path, {"first": np.ones((3, 4)), "second": np.zeros((3, 4))})
    scipy.io.savemat(types, {"a": [[1, 1, 2, 2]], "b": [[2, 2, 1, 1]]})
    with pytest.raises(DataFileError, match="--model-variable NAME"):
        read_model(path, "Ta")
    found = read_model(path, "Ta", model_variable="second")
    np.testing.assert_array_equal(found.positions, np.zeros((4, 3)))
    with pytest.raises(DataFileError, match="--types-variable NAME"):
        read_model(path, "Cu,Zr", types=types, model_variable="first")
    both = {"types": types, "model_variable": "first", "types_variable": "b"}
    assert read_model(path, "Cu,Zr", **both).species == ["Zr", "Zr", "Cu", "Cu"]
    with pytest.raises(
        InputError, match=r"--types-variable: found 'b'; expected --types FILE\.mat"
    ):
        read_model(path, "Ta", model_variable="first", types_variable="b")


@pytest.mark.parametrize(
    ("name", "form", "options", "tolerance"),
    [
        ("a.extxyz", "extxyz", {}, 1e-8),  # ASE writes eight decimals
        ("a.data", "lammps-data", {"masses": True}, 1e-12),
        ("a.vasp", "vasp", {}, 1e-12),
        ("POSCAR", "vasp", {"direct": True}, 1e-12),
        ("a.cif", "cif", {}, 2e-5),  # ten decimals of angles and six of fractions, times 12
        ("a.pdb", "proteindatabank", {}, 1.5e-3),  # three decimals of lengths, two of angles
        ("a.db", "db", {}, 0.0),
    ],
)
def test_what_ase_writes_is_read_back(tmp_path, name, form, options, tolerance):
    atoms = sample()
    path = tmp_path / name
    ase_write(path, atoms, format=form, **options)
    found = read_model(path).atoms
    same(found, atoms, tolerance)
    assert found.pbc.all()


@pytest.mark.parametrize(
    ("name", "form", "species"),
    [
        ("a.xyz", "xyz", None),
        ("a.dump", "lammps/dump", "Cu,Zr,Al"),
        ("a.data", "lammps/data", None),
        ("a.vasp", "vasp", None),
    ],
)
def test_what_ovito_writes_is_read_back(tmp_path, name, form, species):
    ovito_io = pytest.importorskip("ovito.io")
    from ovito.io.ase import ase_to_ovito
    from ovito.pipeline import Pipeline, StaticSource

    atoms = sample()
    line = Pipeline(source=StaticSource(data=ase_to_ovito(atoms)))
    columns = ["Particle Identifier", "Particle Type", *(f"Position.{axis}" for axis in "XYZ")]
    own = {"columns": columns} if form in ("xyz", "lammps/dump") else {}
    path = tmp_path / name
    ovito_io.export_file(line, str(path), form, **own)
    # OVITO writes ten digits.
    same(read_model(path, species).atoms, atoms, 1e-9)
