"""Whatever is wrong with a file or a text: one clear error, and the bank as it was."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import ase.db
import duckdb
import numpy as np
import pytest

from aet_port.cli.app import main
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import AetError, DataFileError, InputError
from aet_port.io import write_model
from mdb import Bank, BankError, Details, Provenance, Reconstruction, deposit
from mdb.model_import import import_models
from tests.mdb.samples import alloy, assert_whole

SQL = "x'); DROP TABLE model; DELETE FROM atom; --\" $name ? {}"
LONG = "c" * 10**7
HEAD = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{}\nITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\n"
EXTENDED = 'Lattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3'
DATA = (
    "title\n\n{} atoms\n1 atom types\n\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\n"
    "Masses\n\n1 {}\n\nAtoms # atomic\n\n1 1 0 0 0\n{}\n"
)
CIF = (
    "data_x\n_cell_length_a 3\n_cell_length_b 3\n_cell_length_c 3\n_cell_angle_alpha 90\n"
    "_cell_angle_beta 90\n_cell_angle_gamma 90\n_symmetry_space_group_name_H-M 'P 1'\nloop_\n"
    "_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n"
    "_atom_site_fract_z\n{}\n"
)


def dump(rows: str, n: object = 2) -> str:
    return HEAD.format(n) + f"ITEM: ATOMS id element x y z\n{rows}"


GOOD = dump("1 Ta 0 0 0\n2 Ta 3 3 3\n")
# Name of the file: its contents, and what the error says beside the name.
FILES: dict[str, tuple[str | bytes, str]] = {
    "comment.xyz": (f"1\n{LONG}\nTa 0 0 0\n", "more than 65,536 bytes in line 2"),
    "comment.extxyz": (f'1\n{EXTENDED} note="{LONG}"\nTa 0 0 0\n', "65,536 bytes in line 2"),
    "comment.dump": (GOOD + LONG, "65,536 bytes in line 12"),
    "comment.data": (LONG + DATA.format(2, 181, "2 1 3 3 3"), "65,536 bytes in line 1"),
    "comment.cif": (f"# {LONG}\n" + CIF.format("Ta1 Ta 0 0 0"), "65,536 bytes in line 1"),
    "nan.xyz": ("1\nc\nTa 0 nan 0\n", "1 NaN or infinite values"),
    "inf.xyz": ("1\nc\nTa 0 0 -inf\n", "1 NaN or infinite values"),
    "nan.extxyz": (f"1\n{EXTENDED}\nTa nan 0 0\n", "1 NaN or infinite values"),
    "cell.extxyz": (f"1\n{EXTENDED.replace('9', 'nan')}\nTa 0 0 0\n", "cell"),
    "nan.dump": (GOOD + dump("1 Ta 0 0 nan\n", 1), "frame 1: positions"),
    "nan.data": (DATA.format(2, 181, "2 1 3 nan 3"), "1 NaN or infinite values"),
    "nan.cif": (CIF.format("Ta1 Ta nan 0 0"), "_atom_site_fract_x 'nan'"),
    "twice.dump": (dump("2 Ta 0 0 0\n2 Ta 3 3 3\n"), "atom id 2 a second time in frame 0, line 11"),
    "twice.data": (DATA.format(2, 181, "1 1 3 3 3"), "atom id 1, 2 times"),
    "symbol.xyz": ("1\nc\nQq 0 0 0\n", "'Qq 0 0 0' in line 3"),
    "sql.xyz": ("1\nc\n';DROP 0 0 0\n", "in line 3"),
    "dummy.xyz": ("1\nc\nX 0 0 0\n", "atomic number 0 of atom 0"),
    "symbol.extxyz": (f"1\n{EXTENDED}\nTT 0 0 0\n", "'TT' in line 3"),
    "symbol.dump": (dump("1 Ta 0 0 0\n2 Zz 3 3 3\n"), "element 'Zz' in frame 0, line 11"),
    "symbol.cif": (CIF.format("Qq1 Qq 0 0 0"), "unreadable contents"),
    "mass.data": (DATA.format(2, 5000, "2 1 3 3 3"), "a mass of 5000 that no element has"),
    "type.data": (DATA.format(2, 181, "2 7 3 3 3"), "atom type or id 7"),
    "cut.xyz": ("2\nc\nTa 0 0 0\n", "1 lines for 2 atoms"),
    "cut.extxyz": (f"2\n{EXTENDED}\nTa 0 0 0\n", "1 lines for 2 atoms in frame 0"),
    "cut.dump": (GOOD + GOOD[:-12], "1 of 2 atoms stated in frame 1"),
    "number.dump": (GOOD + GOOD[:-2], "frame 1 cut off in line 22"),
    "head.dump": (GOOD + GOOD[:39], "frame 1 cut off"),
    "cut.data": (DATA.format(2, 181, ""), "1 lines of Atoms for 2 atoms"),
    "cut.cif": (CIF.format("Ta1 Ta 0"), "unreadable contents"),
    "much.xyz": (f"{10**15}\nc\nTa 0 0 0\n", f"1 lines for {10**15} atoms"),
    "much.dump": (dump("1 Ta 0 0 0\n", 10**15), f"1 of {10**15} atoms stated"),
    "much.data": (DATA.format(10**15, 181, "2 1 3 3 3"), f"2 lines of Atoms for {10**15} atoms"),
    **{f"empty{suffix}": (b"", "an empty file") for suffix in (".xyz", ".dump", ".data", ".cif")},
    **{
        f"binary{suffix}": (bytes(range(256)) * 40, "a zero byte in line 1")
        for suffix in (".xyz", ".extxyz", ".dump", ".data", ".cif")
    },
    "empty.db": (b"", "no tables of ase.db"),
    "binary.db": (bytes(range(256)) * 40, "not a database"),
    "binary.mat": (bytes(range(256)) * 40, "no MATLAB header"),
    "other.gro": ("ATOM\n", "a file of type .gro"),
    "short.pdb": ("ATOM\n", "'ATOM' in line 1"),
}  # fmt: skip
TEXTS = [SQL, "'; ATTACH 'other.duckdb'; --", '"; CHECKPOINT; --', "\\'", "{}${id}", "☃ ü \n\t"]


@pytest.fixture
def bank(small: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(small, tmp_path / "some.bank"))


def rows(path: Path) -> list[dict[str, object]]:
    """Every entry with its checksum, once the bank was found whole."""
    with Bank(path, read_only=True) as bank:
        assert_whole(bank, hashes=True)
        return bank.sql("FROM checksum ORDER BY entry, id").to_pylist()  # type: ignore[no-any-return]


def refused(path: Path, error: type[AetError], act: Callable[[], object], *parts: str) -> None:
    """``act`` raises an error of one line with all ``parts``, and leaves no byte changed."""
    before, files = path.read_bytes(), sorted(path.parent.iterdir())
    with pytest.raises(error) as caught:
        act()
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 600
    for part in parts:
        assert part in text
    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == files


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_wrong(bank: Path, name: str) -> None:
    content, message = FILES[name]
    file = bank.with_name(name)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    species = "Ta" if name == "binary.mat" else None
    refused(bank, InputError, lambda: import_models(bank, [file], species=species), name, message)


def test_a_wrong_file_among_good_ones(bank: Path) -> None:
    good = write_model(bank.with_name("good.xyz"), alloy("Au3"))
    bad = bank.with_name("bad.dump")
    bad.write_text(GOOD + GOOD[:-5])
    refused(bank, DataFileError, lambda: import_models(bank, [good, bad]), "bad.dump")


def test_a_wrong_row_of_a_data_base(bank: Path) -> None:
    base = bank.with_name("rows.db")
    with ase.db.connect(str(base)) as opened:
        for scale in (3, 4):
            opened.write(alloy("Au3", scale).atoms)
    with closing(sqlite3.connect(base)) as opened:
        opened.execute("UPDATE systems SET positions = zeroblob(24) WHERE id = 2")
        opened.commit()
    refused(bank, DataFileError, lambda: import_models(bank, [base]), "rows.db", "row 2")
    base.write_bytes(base.read_bytes()[:6000])
    refused(bank, DataFileError, lambda: import_models(bank, [base]), "rows.db")


def test_sql_in_every_text_is_only_text(bank: Path) -> None:
    known = rows(bank)
    with Bank(bank) as opened:
        tables = opened.sql("SELECT count(*) AS n FROM duckdb_tables()")["n"][0].as_py()
        for k, text in enumerate(TEXTS):
            model = alloy("Au3", 3 + 0.1 * k)
            model.atoms.set_array("flag", np.array([text, "", text]))
            model.atoms.set_array(text, np.array([text, "b", "c"]))
            done = deposit(
                opened,
                replace(model, name=text, metadata={text: text}),
                sample=text,
                reconstruction=Reconstruction(text, {text: text}),
                provenance=[Provenance(text, text, "0" * 64)],
                details=Details(licence=text, doi=text, info={"remark": text}),
            )
            atoms = opened.atoms(done.id)
            assert atoms.arrays["flag"].tolist() == [text, "", text]
            assert atoms.arrays[text].tolist() == [text, "b", "c"]
            select = (
                "SELECT model.*, sample.name AS sample FROM model JOIN sample USING (sample_id) "
            )
            (row,) = opened.sql(select + "WHERE sample.name = $name", {"name": text}).to_pylist()
            assert [row[key] for key in ("name", "licence", "doi", "sample")] == [text] * 4
        assert opened.sql("SELECT count(*) AS n FROM duckdb_tables()")["n"][0].as_py() == tables
    assert len(rows(bank)) == len(known) + len(TEXTS)


def test_sql_in_the_texts_of_files(bank: Path) -> None:
    known = rows(bank)
    file = bank.with_name("'; DROP TABLE model; --.extxyz")
    note = SQL.replace('"', "")
    file.write_text(f'1\n{EXTENDED}:label:S:1 note="{note}"\nTa 0 0 0 ;DROP\n')
    (done,) = import_models(bank, [file], sample=SQL)
    with Bank(bank, read_only=True) as opened:
        select = "SELECT name, info->>'note' AS note FROM model WHERE model_id = $id"
        (row,) = opened.sql(select, {"id": done.models[0].id}).to_pylist()
        assert row == {"name": file.name, "note": note}
        assert opened.atoms(done.models[0].id).arrays["label"].tolist() == [";DROP"]
    assert len(rows(bank)) == len(known) + 1


def spoilt(change: Callable[[AtomicModel], object]) -> AtomicModel:
    """A model spoilt after it was checked."""
    model = alloy("Au3")
    change(model)
    return model


WRONG: list[tuple[Callable[[AtomicModel], object], str]] = [
    (lambda m: m.positions.__setitem__((1, 2), np.nan), "NaN"),
    (lambda m: m.positions.__setitem__((0, 0), np.inf), "infinite"),
    (lambda m: m.atoms.numbers.__setitem__(0, 0), "'X'"),
    (lambda m: m.atoms.set_array("type", np.array([1.5, 1, 1])), "a small integer per atom"),
    (lambda m: m.atoms.set_array("type", np.array([1, 1, 10**6])), "a small integer per atom"),
    (lambda m: m.atoms.set_array("wave", np.ones(3) * 1j), "numbers or texts"),
    (lambda m: m.atoms.set_array("wide", np.full(3, 2**60 + 1)), "numbers or texts"),
    (lambda m: m.atoms.set_array("mixed", np.array([1, "a", None], object)), "numbers or"),
    (lambda m: m.metadata.update(comment=LONG), "characters"),
]


def test_models_that_are_wrong(bank: Path) -> None:
    before = rows(bank)
    with Bank(bank) as opened:
        for change, message in WRONG:
            with pytest.raises(InputError, match=message):
                deposit(opened, spoilt(change), sample="other")
        for nothing in (SQL, "", "TaXX99999"):
            with pytest.raises(InputError, match="id of a model in the bank"):
                deposit(opened, alloy("Au3"), corrects=nothing)
    assert rows(bank) == before


@pytest.mark.parametrize("kind", [SQL, "", "Experiment"])
def test_kinds_that_are_none(bank: Path, kind: str) -> None:
    file = write_model(bank.with_name("m.xyz"), alloy("Au3"))
    refused(bank, InputError, lambda: import_models(bank, [file], kind=kind), "one of experiment")


def test_names_that_are_no_text(bank: Path) -> None:
    file = write_model(bank.with_name("m.xyz"), alloy("Au3"))
    refused(bank, InputError, lambda: import_models(bank, [file], sample="a\udcff"), "UTF-8")


def test_a_bank_of_a_newer_schema(bank: Path) -> None:
    with duckdb.connect(str(bank)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (9999, 'later', '2100-01-01')")
    file = write_model(bank.with_name("m.xyz"), alloy("Au3"))
    told = ("made by a newer version", "9999", "update aet-port")
    refused(bank, BankError, lambda: import_models(bank, [file]), *told)
    for read_only in (True, False):
        refused(bank, BankError, lambda ro=read_only: Bank(bank, ro).__enter__(), *told)


@pytest.mark.parametrize("name", ["nan.xyz", "cut.dump", "twice.data", "comment.xyz", "binary.db"])
def test_the_command_says_it_on_one_line(
    bank: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content, message = FILES[name]
    file = bank.with_name(name)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    before = bank.read_bytes()
    words = ["aet", "mdb", "import", str(file), "--bank", str(bank), "--json", "--sample", SQL]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (2, "")
    assert told.err.startswith("aet: error: ")
    assert told.err.count("\n") == 1
    assert name in told.err
    assert message in told.err
    assert bank.read_bytes() == before


def test_the_command_stores_sql_as_text(
    bank: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = rows(bank)
    file = write_model(bank.with_name("m.xyz"), alloy("Au3"), comment=SQL)
    words = [str(file), "--bank", str(bank), "--sample", SQL, "--licence", SQL, "--doi", SQL]
    monkeypatch.setattr(sys, "argv", ["aet", "mdb", "import", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "AuXX00001" in capsys.readouterr().out
    with Bank(bank, read_only=True) as opened:
        select = "SELECT licence, info->>'comment' AS comment FROM model WHERE doi = $doi"
        found = opened.sql(select, {"doi": SQL}).to_pylist()
    assert found == [{"licence": SQL, "comment": SQL}]
    assert len(rows(bank)) == len(known) + 1
