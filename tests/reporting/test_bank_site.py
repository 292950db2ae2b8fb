"""A bank as pages: an index of all entries, their pages, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import mdb
from aet_port.core.errors import DataFileError, InputError
from aet_port.reporting import bank_site
from aet_port.reporting.bank_site import COLUMNS, MARK, PLOTLY, index_page, write_bank_site
from aet_port.structure import analyze
from mdb import Bank
from tests.mdb.samples import alloy, deposit_everything, particle
from tests.reporting.pages import HOSTILE, Page


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bank") / "some.duckdb"
    with Bank(path) as opened:
        model, _ = particle(radius=7.0)
        found = analyze(model, cutoff=4.0)
        mdb.deposit(opened, model, kind="experiment", analysis=found, sample=HOSTILE)
        mdb.deposit(opened, alloy("CuTa"), kind="synthetic")
    return path


@pytest.fixture(scope="module")
def site(bank: Path) -> Path:
    return write_bank_site(bank, bank.parent / "site").parent


def test_an_index_and_a_page_for_each_entry(bank: Path, site: Path) -> None:
    assert {path.name for path in site.iterdir()} == {
        *("index.html", PLOTLY, "TaXX00001.html", "CuTa00001.html")
    }
    text = (site / "index.html").read_text(encoding="utf-8")
    index = Page(text)
    assert MARK in text
    assert index.addresses == ["CuTa00001.html", "TaXX00001.html"]
    assert HOSTILE in index.text
    assert "<img" not in text.split("<script", 1)[0]
    for name in ("CuTa00001", "TaXX00001"):
        page = Page((site / f"{name}.html").read_text(encoding="utf-8"))
        assert page.addresses[0] == "index.html"
        assert name in page.text
        assert page.addresses.count(PLOTLY) == 1  # of the 3D view of the atoms
    # Without plotly.js in each page, which has 4.8 MB.
    assert max(path.stat().st_size for path in site.glob("*.html")) < 3e6
    assert (site / PLOTLY).stat().st_size > 4e6


def test_figures_of_the_index_are_those_of_the_analyses(tmp_path: Path) -> None:
    path = tmp_path / "all.duckdb"
    with Bank(path) as opened:
        deposit_everything(opened)
        rows = opened.sql(bank_site._ENTRIES).to_pylist()
        current = opened.sql("SELECT model_id FROM current_model ORDER BY 1").to_pylist()
        for row in rows:
            model = row["model_id"]
            analyses = opened.sql(
                "SELECT analysis_id FROM analysis WHERE model_id = $m AND status = 'passed'",
                {"m": model},
            )["analysis_id"].to_pylist()
            if not analyses:
                assert row["motifs"] is None
                continue
            number = max(analyses)
            motifs = opened.query("motif-fractions", analysis=number).to_pylist()
            assert (row["motifs"] or 0) == sum(one["motifs"] for one in motifs)
            largest = opened.query("largest-networks", analysis=number, n=1).to_pylist()
            assert row["largest"] == (largest[0]["size"] if largest else None)
    assert [row["model_id"] for row in rows] == [row["model_id"] for row in current]
    assert any(row["motifs"] for row in rows)
    assert list(rows[0]) == list(COLUMNS)


def test_cells_hold_the_value_they_are_sorted_by() -> None:
    row = dict.fromkeys(COLUMNS) | {"model_id": "TaXX00001", "kind": "experiment"}
    some = row | {"n_atoms": 12_345, "r1_global": 0.123456, "sample": 'a "b" <c>'}
    text = index_page("some.duckdb", [some, row])
    assert 'data-value="12345" class="number">12,345<' in text
    assert f'data-value="{100 * 0.123456!r}" class="number">12.35<' in text
    assert 'data-value="a &#34;b&#34; &lt;c&gt;"' in text
    assert '<td data-value="" class="number"></td>' in text
    assert "theta" not in Page(text).text  # no entry has one


def test_what_stands_in_the_folder(bank: Path, site: Path, tmp_path: Path) -> None:
    index = (site / "index.html").read_bytes()
    assert write_bank_site(bank, site).read_bytes() == index  # again, over the same pages
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.html").write_text("years of work")
    with pytest.raises(InputError, match=r"mine with thesis\.html; expected a new"):
        write_bank_site(bank, mine)
    (mine / "thesis.html").rename(mine / "index.html")
    with pytest.raises(InputError, match=r"index\.html of something else"):
        write_bank_site(bank, mine)
    assert (mine / "index.html").read_text() == "years of work"
    with pytest.raises(InputError, match="found the file"):
        write_bank_site(bank, mine / "index.html")
    with Bank(tmp_path / "empty.duckdb"):
        pass
    with pytest.raises(InputError, match="found no models"):
        write_bank_site(tmp_path / "empty.duckdb", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_an_index_never_names_a_missing_page(
    bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def build(*_: object, **__: object) -> str:
        if made:
            raise KeyboardInterrupt
        made.append("a page")
        return "a page"

    with monkeypatch.context() as patch:
        patch.setattr(bank_site, "build_report", build)
        with pytest.raises(KeyboardInterrupt):
            write_bank_site(bank, tmp_path / "site")
    assert {path.name for path in (tmp_path / "site").iterdir()} == {PLOTLY, "CuTa00001.html"}
    monkeypatch.setattr(bank_site, "build_report", lambda *_, **__: "a page")
    assert write_bank_site(bank, tmp_path / "site").exists()  # goes on from there


def test_ids_that_are_no_names_of_files(bank: Path, tmp_path: Path) -> None:
    rows = [dict.fromkeys(COLUMNS) | {"model_id": "../../TaXX00001"}]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bank_site, "_ENTRIES", f"SELECT '{rows[0]['model_id']}' AS model_id")
        with pytest.raises(DataFileError, match=r"a model '\.\./\.\./TaXX00001'"):
            write_bank_site(bank, tmp_path / "site")
    assert not (tmp_path / "site").exists()
