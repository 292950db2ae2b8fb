"""The published models in a bank: each once, with its files, and what is missing is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from aet_port.cli import bank_import
from aet_port.core.errors import DataFileError, InputError
from aet_port.io.matlab import write_mat
from aet_port.validation.published_models import published_model
from matlab_reference import golden_path, locate_reference
from matlab_reference.published import read_published
from mdb import Bank
from mdb.checks import check
from mdb.published import LICENCE, import_published
from mdb.published_files import MODELS, read_files
from tests.mdb.samples import assert_whole, failed
from tests.structure.samples import close_packed

Find = Callable[..., Path]
BY_NAME = {model.name: model for model in MODELS}
TA, TRACED = BY_NAME["Ta_film, final model"], BY_NAME["Ta_film, traced model before refinement"]
GLASS = BY_NAME["MG_particle, traced and classified model before refinement"]
RNG = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Public data of which only a small film and the traced glass are there."""
    film = close_packed(0, radius=6.0).positions.T
    glass = RNG.uniform(-20, 20, (3, 40))
    types = np.arange(40.0)[None, :] % 3 + 1
    files = {
        TA.positions: {"model": film.astype(np.float32)},
        TRACED.positions: {"model": film + 0.125},
        GLASS.positions: {"model": glass},
        GLASS.types: {"types": types},
        GLASS.copies[0].parts: {"pixels": glass / 0.347 + 151},
    }
    for parts, variables in files.items():
        assert parts is not None
        write_mat(tmp_path.joinpath("data", *parts), variables)
    return tmp_path / "data"


@pytest.fixture
def find(folder: Path) -> Find:
    def path(*parts: str) -> Path:
        found = folder.joinpath(*parts)
        if not found.exists():
            raise DataFileError(found, "no such file in the reference data", "a whole clone")
        return found

    return path


def test_what_is_there_is_imported_once(tmp_path: Path, find: Find) -> None:
    path, published = tmp_path / "some.bank", read_published()
    first = import_published(path, find, golden_path, published)
    assert [(one.name, one.deposit.id) for one in first.models] == [
        (GLASS.name, "NiPd00001"),
        (TA.name, "TaXX00001"),
        (TRACED.name, "TaXX00002"),
    ]
    assert [one.deposit.analysis for one in first.models] == [None, 1, None]
    absent = {model.name for model in MODELS} - {one.name for one in first.models}
    assert absent < set(first.missing)
    assert "no such file" in first.missing["Pd1, final model"]
    assert {"figures of Ta_film", "figures of MG_particle"} <= set(first.missing)
    assert "no known type" in first.left_out["initial_traced_model.mat"]
    again = import_published(path, find, golden_path, published)
    assert not any(one.deposit.new or one.deposit.new_analysis for one in again.models)
    assert again.validation == first.validation == 1
    with Bank(path, read_only=True) as bank:
        assert_whole(bank, hashes=True)
        rows = {row["name"]: row for row in bank.sql("FROM model").to_pylist()}
        final = rows[TA.name]
        expected = {
            "kind": "experiment",
            "r1_mean": 0.155,
            "doi": "10.1038/s41563-021-01114-z",
            "licence": LICENCE,
            "optimization_type": "experimental",
        }
        assert expected.items() <= final.items()
        assert (rows[GLASS.name]["doi"], rows[GLASS.name]["r1_mean"]) == (
            "10.1038/s41586-021-03354-0",
            None,
        )
        fit = bank.sql("SELECT species, b_factor FROM species_fit").to_pylist()
        assert fit == [{"species": "Ta", "b_factor": 22.1}]
        (made,) = bank.sql(
            "SELECT DISTINCT algorithm, parameters, r_mean FROM reconstruction JOIN model "
            "USING (reconstruction_id) WHERE starts_with(name, 'Ta')"
        ).to_pylist()
        assert (made["algorithm"], made["r_mean"]) == ("RESIRE", 0.142)
        assert json.loads(made["parameters"]) == {
            "iterations": 500, "projections": 46, "pixel_size": 0.322
        }  # fmt: skip
        roles = bank.sql("SELECT role FROM provenance WHERE model_id = 'NiPd00001'")["role"]
        assert roles.to_pylist() == ["model", "types", "traced positions, pixels"]
        assert bank.atoms("NiPd00001").arrays["type"][:4].tolist() == [1, 2, 3, 1]
        (analysis,) = bank.sql(
            "SELECT cutoff, started < finished AS timed FROM analysis"
        ).to_pylist()
        assert analysis == {"cutoff": 4.12, "timed": True}
        compared = bank.sql("SELECT status, remark FROM validation_row WHERE figure = 'ta.theta'")
        assert compared["status"].to_pylist() == ["not attempted"]
        assert "no such file" in compared["remark"][0].as_py()


def test_one_sample_and_no_figures(tmp_path: Path, find: Find) -> None:
    path = tmp_path / "some.bank"
    result = import_published(
        path, find, golden_path, read_published(), ["MG_particle"], validate=False
    )
    assert [one.name for one in result.models] == [GLASS.name]
    assert list(result.missing) == ["MG_particle, final model"]
    assert list(result.left_out) == ["initial_traced_model.mat"]
    assert result.validation is None
    with Bank(path, read_only=True) as bank:
        assert bank.sql("FROM validation").num_rows == 0


def test_nothing_at_all_makes_no_bank(tmp_path: Path, find: Find) -> None:
    path = tmp_path / "some.bank"
    with pytest.raises(DataFileError, match="no such file"):
        import_published(path, find, golden_path, read_published(), ["Pd1", "Pd2"])
    with pytest.raises(InputError, match=r"'Pd3'; expected one of MG_particle, MG_multislice"):
        import_published(path, find, golden_path, read_published(), ["Pd3"])
    assert not path.exists()


def test_a_copy_that_is_another_model_is_told(tmp_path: Path, find: Find, folder: Path) -> None:
    write_mat(folder.joinpath(*GLASS.copies[0].parts), {"pixels": RNG.uniform(0, 300, (3, 40))})
    path = tmp_path / "some.bank"
    result = import_published(path, find, golden_path, read_published(), validate=False)
    assert "found another model" in result.missing[GLASS.name]
    assert [one.name for one in result.models] == [TA.name, TRACED.name]


def test_the_command(tmp_path: Path, find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bank_import, "locate_reference", find)
    app = Typer()
    app.command()(bank_import.published_command)
    words = ["--bank", str(tmp_path / "some.bank"), "--sample", "MG_particle", "--no-validate"]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0
    assert "NiPd00001" in told.output
    assert "not imported: MG_particle, final model: " in told.output
    facts = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert facts["models"][0]["deposit"] == {
        "id": "NiPd00001", "new": False, "analysis": None, "new_analysis": False
    }  # fmt: skip


@pytest.mark.reference
def test_the_published_files_are_these_models(reference: Find) -> None:
    found = {}
    for wanted in MODELS:
        found[wanted.name] = model, sources = read_files(reference, wanted)
        assert len(sources) == 1 + (wanted.types is not None) + len(wanted.copies)
    assert {name: len(model) for name, (model, _) in found.items()} == {
        "MG_particle, final model": 18356,
        "MG_particle, traced and classified model before refinement": 18356,
        "MG_particle, traced again from its simulated multislice images": 18481,
        "Ta_film, final model": 8284,
        "Ta_film, traced model before refinement": 8284,
        "Pd1, final model": 52308,
        "Pd1, traced model before refinement": 52308,
        "Pd2, final model": 76238,
        "Pd2, traced model before refinement": 76238,
    }
    for sample in ("MG_particle", "Ta_film", "Pd1", "Pd2"):
        expected = published_model(reference, sample)
        model, _ = found[f"{sample}, final model"]
        assert model.atoms == expected
        np.testing.assert_array_equal(
            model.atoms.arrays.get("type", 0), expected.arrays.get("type", 0)
        )
        # Refinement moved no atom by an angstrom: all are in one frame.
        name = next(n for n in found if n.startswith(f"{sample}, traced") and "simul" not in n)
        gaps = np.linalg.norm(found[name][0].positions - expected.positions, axis=1)
        assert 0.1 < np.sqrt((gaps**2).mean()) < 0.3
        assert gaps.max() < 1
    assert np.array_equal(model.atoms.get_atomic_numbers(), [46] * 76238)


@pytest.mark.slow
@pytest.mark.reference
def test_all_of_it_twice(reference: Find, tmp_path: Path) -> None:
    """Minutes: every published model with all analyses, and every figure."""
    reference()
    path, published = tmp_path / "some.bank", read_published()
    # What is not in the data at hand is said in the result, not skipped as `reference` does.
    first = import_published(path, locate_reference, golden_path, published)
    assert len(first.models) == len(MODELS)
    assert all(one.deposit.new for one in first.models)
    again = import_published(path, locate_reference, golden_path, published)
    assert not any(one.deposit.new or one.deposit.new_analysis for one in again.models)
    assert again.validation == first.validation
    with Bank(path, read_only=True) as bank:
        assert failed(check(bank)) == []
        (film,) = (one.deposit.analysis for one in first.models if one.name == TA.name)
        folds = bank.sql(
            "SELECT count(*) AS n FROM motif WHERE analysis_id = $film GROUP BY fold ORDER BY fold",
            {"film": film},
        )
        assert folds["n"].to_pylist() == [1336, 1800, 2053, 1180, 95, 5]
        lattices = bank.sql(
            "SELECT lattice, count(*) AS n FROM mro WHERE size >= 5 GROUP BY lattice ORDER BY n"
        ).to_pylist()
        assert {row["lattice"] for row in lattices} == {"fcc", "hcp", "bcc", "sc"}
        assert bank.sql("FROM validation_row WHERE status = 'reproduced'").num_rows >= 90
        assert bank.sql("FROM validation_row WHERE remark LIKE 'computed: %'").num_rows >= 40
