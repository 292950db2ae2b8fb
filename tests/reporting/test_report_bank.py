"""What a report shows of a bank is what was deposited."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest

import mdb
from aet_port.core import memory
from aet_port.core.errors import InputError
from aet_port.reporting.bank import read_entry_report
from aet_port.reporting.build import build_report
from aet_port.reporting.content import structure_of
from aet_port.reporting.networks import network_view
from aet_port.structure import analyze
from mdb import Bank, BankError
from tests.mdb.samples import alloy, deposit_everything, particle
from tests.reporting.pages import Page


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bank") / "all.duckdb"
    with Bank(path) as bank:
        deposit_everything(bank)
    return path


def test_structure_of_an_entry_is_that_of_its_analysis(tmp_path: Path) -> None:
    model, _ = particle(radius=8.0)
    found = analyze(model, cutoff=4.0, rings=5, voids="centres")
    with Bank(tmp_path / "bank.duckdb") as bank:
        mdb.deposit(bank, model, kind="synthetic", analysis=found)
    content = read_entry_report(tmp_path / "bank.duckdb")
    here, there = content.structure, structure_of(found)
    assert here is not None
    for name in ("q4", "q6", "boo"):
        np.testing.assert_array_equal(getattr(here, name), getattr(there, name))
    assert here.voronoi == there.voronoi
    assert here.rings == there.rings
    assert here.voids is not None
    assert there.voids is not None
    np.testing.assert_array_equal(here.voids.radii, there.voids.radii)
    assert here.voids.free_fraction == there.voids.free_fraction
    assert here.motifs == there.motifs
    assert set(here.networks) == {fold for fold, table in there.networks.items() if len(table)}
    for fold, table in here.networks.items():
        np.testing.assert_array_equal(table, there.networks[fold])
    assert here.bipyramids is not None
    assert there.bipyramids is not None
    for name in ("caps", "ring", "network"):
        np.testing.assert_array_equal(
            getattr(here.bipyramids, name), getattr(there.bipyramids, name)
        )
    assert here.pdf is not None
    assert there.pdf is not None
    np.testing.assert_array_equal(here.pdf, there.pdf)
    assert here.partial is not None
    assert there.partial is not None
    np.testing.assert_array_equal(here.partial[0], there.partial[0])
    assert list(here.partial[1]) == list(there.partial[1])
    for name, curve in here.partial[1].items():
        np.testing.assert_array_equal(curve, there.partial[1][name])
    known = dict(there.facts)
    for name, value in here.facts:
        if name != "analysis" and value is not None and name in known:
            assert value == pytest.approx(known[name], rel=1e-12)  # stored as it is


def test_entry_with_everything(everything: Path) -> None:
    content = read_entry_report(everything, "CuTa00001")
    assert content.structure is not None
    assert content.structure.orders is not None
    assert content.convergence is not None
    read = Page(build_report(content))
    with Bank(everything, read_only=True) as bank:
        head = bank.sql("SELECT * FROM model WHERE model_id = 'CuTa00001'").to_pylist()[0]
        edits = bank.sql("SELECT reason FROM atom_edit WHERE model_id = 'CuTa00001'").to_pylist()
        files = bank.sql("SELECT sha256 FROM provenance WHERE model_id = 'CuTa00001'").to_pylist()
    assert head["content_hash"] in read.text
    assert head["doi"] is None or head["doi"] in read.text
    for row in edits:
        assert row["reason"] is None or row["reason"] in read.text
    for row in files:
        assert row["sha256"] in read.text
    assert "Not shown: a bank holds no images" in read.text
    intervals = content.structure.intervals
    assert intervals is not None
    assert (intervals.samples, intervals.seed, len(intervals)) == (8, 3, 2)
    row = intervals["motifs 5"]
    assert (row.value, row.low, row.high, row.extrapolated) == (40.0, 25.0, 35.5, 52.0)
    assert np.isnan(intervals["peak_3"].value)
    assert "intervals" in read.ids
    assert "motifs 5" in read.pieces
    assert "35.5" in read.pieces
    assert "Not shown: a bank holds no volumes" in read.text
    rings, voids = content.structure.rings, content.structure.voids
    assert rings is not None
    assert voids is not None
    assert {row[0] for row in rings} == {"king", "primitive"}
    assert {"rings", "voids"} <= set(read.ids)
    for row in rings:
        assert str(row[2]) in read.pieces
    assert voids.measured_to == "surfaces"
    assert (np.diff(voids.radii) <= 1e-5).all()
    assert f"{100 * voids.free_fraction:.2f} %" in read.text


def test_snapshot_of_molecular_dynamics(everything: Path) -> None:
    content = read_entry_report(everything, "TaXX00001")
    facts = dict(content.metadata)
    assert facts["thermostat (K)"] == 300.0
    assert facts["molecular dynamics"] == "quench"
    assert "periodic cell, lengths (Å)" in facts
    assert "orders" in content.missing
    assert content.structure is not None
    assert content.structure.bipyramids is not None
    assert network_view(content.atoms, content.structure.bipyramids) is not None


def test_entry_without_analysis(everything: Path) -> None:
    content = read_entry_report(everything, "FeXX00001")
    assert content.structure is None
    read = Page(build_report(content))
    assert "Not shown: the model has not been analysed" in read.text
    assert "atoms-view" in read.ids


def test_one_analysis_is_chosen_by_its_number(everything: Path) -> None:
    content = read_entry_report(everything, "CuTa00001", 2)
    assert content.structure is not None
    assert dict(content.structure.facts)["analysis"] == 2
    with pytest.raises(InputError, match=r"analysis of CuTa00001.*found 3.*passed: 2"):
        read_entry_report(everything, "CuTa00001", 3)


def test_a_model_must_be_named_among_several(everything: Path) -> None:
    with pytest.raises(InputError, match=r"found none; expected one of .*TaXX00001"):
        read_entry_report(everything)


def test_unknown_models_and_files_that_are_no_banks(everything: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'AuXX00001'.*one of"):
        read_entry_report(everything, "AuXX00001")
    with pytest.raises(BankError, match="no such file"):
        read_entry_report(tmp_path / "none.duckdb")
    (tmp_path / "text.txt").write_text("no bank")
    with pytest.raises(BankError, match="not a DuckDB file"):
        read_entry_report(tmp_path / "text.txt")
    with Bank(tmp_path / "empty.duckdb"):
        pass
    with pytest.raises(InputError, match="empty bank"):
        read_entry_report(tmp_path / "empty.duckdb")


def test_only_model_need_not_be_named(tmp_path: Path) -> None:
    with Bank(tmp_path / "bank.duckdb") as bank:
        mdb.deposit(bank, alloy("CuTa"), kind="experiment", sample="<b>bold</b>")
    content = read_entry_report(tmp_path / "bank.duckdb")
    assert content.title == "CuTa00001: <b>bold</b>"
    made = build_report(content)
    assert "<b>" not in made.split("<script", 1)[0]
    assert "CuTa00001: <b>bold</b>" in Page(made).text


def test_a_model_too_large_for_the_memory_is_refused(
    everything: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Bank(everything, read_only=True) as bank:
        model = bank.sql("SELECT model_id FROM model ORDER BY 1")["model_id"][0].as_py()
    monkeypatch.setattr("aet_port.reporting.memory.PER_ATOM", 1e9)
    monkeypatch.setattr(memory, "available_memory", lambda: 1e8)
    with pytest.raises(InputError, match=r"report: found a need of about .* [GT]B of memory, with"):
        read_entry_report(everything, model)
    monkeypatch.setattr(memory, "available_memory", lambda: 1e15)
    assert read_entry_report(everything, model).title.startswith(model)


@pytest.mark.parametrize("text", ["[1]", "7", "null", '"text"'])
def test_parameters_that_are_no_record_are_one_error(tmp_path: Path, text: str) -> None:
    model, found = particle(radius=8.0)
    path = tmp_path / "bank.duckdb"
    with Bank(path) as bank:
        mdb.deposit(bank, model, kind="synthetic", analysis=found)
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE analysis SET parameters = ?", [text])
    with pytest.raises(BankError, match="damaged, or changed by another program"):
        read_entry_report(path)
