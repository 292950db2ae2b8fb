"""Files into a bank: every frame or none, once, with where it came from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import ase.db
import numpy as np
import pytest
from typer.testing import CliRunner

import mdb.model_import
from aet_port.cli.app import app
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError, InputError
from aet_port.io import read_models, write_model
from mdb import Bank, Details
from mdb.model_import import import_models
from mdb.parquet_export import bank_hash, export_bank
from tests.mdb.samples import alloy, assert_whole
from tests.structure.samples import close_packed


def dump(frames: int, n: int = 4, seed: int = 0) -> str:
    """A LAMMPS dump of Cu and Ta, every tenth step."""
    rng = np.random.default_rng(seed)
    text = ""
    for frame in range(frames):
        rows = "".join(
            f"{i} {1 + i % 2} {x!r} {y!r} {z!r} {x!r} 0 1\n"
            for i, (x, y, z) in enumerate(rng.uniform(0, 20, (n, 3)).tolist(), start=1)
        )
        text += (
            f"ITEM: TIMESTEP\n{10 * frame}\nITEM: NUMBER OF ATOMS\n{n}\n"
            "ITEM: BOX BOUNDS pp pp pp\n0 20\n0 20\n0 20\n"
            f"ITEM: ATOMS id type x y z vx vy vz\n{rows}"
        )
    return text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.bank"


def test_frames_of_a_dump_become_snapshots(path: Path, tmp_path: Path) -> None:
    run = tmp_path / "run.dump"
    run.write_text(dump(3))
    details = Details(temperature=300, doi="10.1/x", licence="CC0")
    (done,) = import_models(path, [run], species=["Cu", "Ta"], details=details)
    assert (done.file, done.new) == (run, 3)
    assert [one.id for one in done.models] == [f"CuTa0000{k}" for k in (1, 2, 3)]
    expected = list(read_models(run, ["Cu", "Ta"]))
    with Bank(path, read_only=True) as bank:
        rows = bank.sql(
            "SELECT model.*, sample.name AS sample FROM model JOIN sample USING (sample_id) "
            "ORDER BY model_id"
        ).to_pylist()
        for one, model, row in zip(done.models, expected, rows, strict=True):
            atoms = bank.atoms(one.id)
            np.testing.assert_array_equal(atoms.positions, model.positions)
            np.testing.assert_array_equal(atoms.get_momenta(), model.atoms.get_momenta())
            assert atoms.get_chemical_symbols() == model.species
            assert json.loads(row["info"])["timestep"] == model.metadata["timestep"]
        sources = bank.sql("FROM provenance").to_pylist()
        assert_whole(bank)
    facts = {"kind": "md_snapshot", "temperature": 300, "doi": "10.1/x", "licence": "CC0"}
    assert all(facts.items() <= row.items() for row in rows)
    assert [row["name"] for row in rows] == [f"run.dump, frame {k}" for k in (0, 1, 2)]
    assert {row["sample"] for row in rows} == {"run"}
    digest = hashlib.sha256(run.read_bytes()).hexdigest()
    assert {(row["role"], row["file_name"], row["sha256"]) for row in sources} == {
        ("model", "run.dump", digest)
    }


def test_the_same_file_twice_is_recognised(path: Path, tmp_path: Path) -> None:
    run = tmp_path / "run.dump"
    run.write_text(dump(2))
    (first,) = import_models(path, [run], species=["Cu", "Ta"])
    copy = run.rename(tmp_path / "renamed.lammpstrj")
    (again,) = import_models(path, [copy], species=["Cu", "Ta"])
    assert (first.new, again.new) == (2, 0)
    assert [one.id for one in again.models] == [one.id for one in first.models]
    with Bank(path, read_only=True) as bank:
        assert bank.sql("SELECT count(*) AS n FROM model")["n"][0].as_py() == 2


def test_files_of_every_kind(path: Path, tmp_path: Path) -> None:
    files = [write_model(tmp_path / f"m{k}{s}", alloy("Fe3Pt", 2 + k)) for k, s in enumerate(
        (".xyz", ".extxyz", ".data")
    )]  # fmt: skip
    base = tmp_path / "rows.db"
    with ase.db.connect(str(base)) as opened:
        for scale in (5, 6):
            opened.write(alloy("Pd2", scale).atoms, pressure=scale)
    done = import_models(path, [*files, base], kind="synthetic", sample="one")
    assert [[one.id for one in file.models] for file in done] == [
        ["FePt00001"], ["FePt00002"], ["FePt00003"], ["PdXX00001", "PdXX00002"],
    ]  # fmt: skip
    with Bank(path, read_only=True) as bank:
        found = bank.sql("SELECT name, kind, info->>'pressure' AS p FROM model ORDER BY model_id")
        assert bank.sql("SELECT name FROM sample")["name"].to_pylist() == ["one"]
        np.testing.assert_array_equal(
            bank.atoms("FePt00003").positions, alloy("Fe3Pt", 4).positions
        )
    assert set(found["kind"].to_pylist()) == {"synthetic"}
    assert found["name"].to_pylist()[-2:] == ["rows.db, row 1", "rows.db, row 2"]
    assert found["p"].to_pylist()[-2:] == ["5", "6"]


def test_analyses_go_with_the_models(path: Path, tmp_path: Path) -> None:
    file = write_model(tmp_path / "particle.xyz", AtomicModel(close_packed(0, radius=6.0)))
    (done,) = import_models(path, [file], with_analysis=True, cutoff=4.0)
    assert done.models[0].analysis == 1
    (again,) = import_models(path, [file], with_analysis=True, cutoff=4.0)
    assert not again.models[0].new_analysis
    with Bank(path, read_only=True) as bank:
        (row,) = bank.sql("SELECT cutoff, started <= finished AS timed FROM analysis").to_pylist()
        assert row == {"cutoff": 4.0, "timed": True}
        assert_whole(bank)


def test_a_wrong_file_stops_all_before_the_bank_is_touched(path: Path, tmp_path: Path) -> None:
    good = write_model(tmp_path / "good.data", alloy("Pd2"))
    bad = tmp_path / "bad.dump"
    bad.write_text(dump(3)[:-20])
    with pytest.raises(DataFileError, match="frame 2"):
        import_models(path, [good, bad], species=["Pd", "Ta"])
    assert not path.exists()


def test_a_file_that_fails_late_leaves_nothing_of_it(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, good = tmp_path / "run.dump", write_model(tmp_path / "good.data", alloy("Pd2"))
    run.write_text(dump(3))
    true, calls = mdb.model_import.deposit, []

    def fails_at_the_third(*words: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == 4:
            raise InputError("model", "something", "something else")
        return true(*words, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(mdb.model_import, "deposit", fails_at_the_third)
    with pytest.raises(InputError, match="something else"):
        import_models(path, [good, run], species=["Pd", "Ta"])
    with Bank(path, read_only=True) as bank:
        names = bank.sql("SELECT name FROM model")["name"].to_pylist()
        assert names == ["good.data"]
        assert_whole(bank)


def test_a_file_that_changes_meanwhile_is_not_stored(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_model(tmp_path / "m.xyz", alloy("Pd2"))
    true = mdb.model_import.deposit

    def changing(*words: object, **options: object) -> object:
        write_model(file, alloy("Pd2", 4))
        return true(*words, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(mdb.model_import, "deposit", changing)
    with pytest.raises(DataFileError, match="changed while it was read"):
        import_models(path, [file])
    with Bank(path, read_only=True) as bank:
        assert bank.sql("FROM model").num_rows == 0


def test_arguments_that_do_not_fit(path: Path, tmp_path: Path) -> None:
    file = write_model(tmp_path / "m.xyz", alloy("Pd2"))
    with pytest.raises(InputError, match="one of experiment, md_snapshot, synthetic"):
        import_models(path, [file], kind="guess")
    with pytest.raises(InputError, match="a cut-off only with an analysis"):
        import_models(path, [file], cutoff=3.0)
    with pytest.raises(InputError, match=r"m\.xyz: "):
        import_models(path, [file], with_analysis=True)
    with Bank(path, read_only=True) as bank:
        assert bank.sql("FROM model").num_rows == 0


def test_the_command(path: Path, tmp_path: Path) -> None:
    run = tmp_path / "run.dump"
    run.write_text(dump(2))
    words = [
        "mdb",
        "import",
        str(run),
        "--bank",
        str(path),
        "--species",
        "Cu,Ta",
        "--temperature",
        "300",
    ]
    told = CliRunner().invoke(app, words)
    assert (told.exit_code, "CuTa00001 to CuTa00002" in told.stdout) == (0, True)
    (facts,) = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert facts["file"] == str(run)
    assert [(one["id"], one["new"]) for one in facts["models"]] == [
        ("CuTa00001", False),
        ("CuTa00002", False),
    ]
    with Bank(path, read_only=True) as bank:
        found = bank.sql("SELECT DISTINCT temperature, kind FROM model").to_pylist()
    assert found == [{"temperature": 300.0, "kind": "md_snapshot"}]


def test_the_command_takes_an_exported_bank(path: Path, tmp_path: Path) -> None:
    import_models(path, [write_model(tmp_path / "m.xyz", alloy("Pd2"))])
    with Bank(path) as bank:
        folder = export_bank(bank, tmp_path / "exported")
        before = bank_hash(bank)
    other = tmp_path / "other.bank"
    words = ["mdb", "import", str(folder), "--bank", str(other)]
    refused = CliRunner().invoke(app, [*words, "--kind", "synthetic"])
    assert isinstance(refused.exception, InputError)
    assert "exported beside --kind" in str(refused.exception)
    assert not other.exists()
    assert CliRunner().invoke(app, [*words, "--json"]).exit_code == 0
    with Bank(other, read_only=True) as bank:
        assert bank_hash(bank) == before
