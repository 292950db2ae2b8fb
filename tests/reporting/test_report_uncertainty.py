"""The section "How sure the atoms are" and the views coloured by it."""

from __future__ import annotations

from pathlib import Path

import ase
import numpy as np
import pytest

import mdb
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.uncertainty import COVARIANCES, P_EXISTS, P_SPECIES, SIGMA_HEIGHT, SIGMAS
from aet_port.reporting.bank import read_entry_report
from aet_port.reporting.build import build_report
from aet_port.reporting.content import ReportContent
from aet_port.reporting.parts import Charts, Facts, Grid, Section
from aet_port.reporting.sections import report_sections
from aet_port.reporting.uncertainty_sections import MOST, certainty_sections
from aet_port.reporting.views import atoms_view
from tests.mdb.samples import uncertainties
from tests.reporting.pages import Page

HEADING = "How sure the atoms are"


@pytest.fixture
def atoms() -> ase.Atoms:
    made = ase.Atoms("Co60Pt40", positions=np.random.default_rng(1).normal(0, 8, (100, 3)))
    for name, values in uncertainties(100).items():
        made.set_array(name, values)
    return made


def parts_of(atoms: ase.Atoms) -> tuple[dict[str, str], list[str], Grid, list[str]]:
    """Facts, warnings, the table and the captions of the charts."""
    (section,) = certainty_sections(atoms)
    assert section.heading == HEADING
    (facts,) = [part for part in section.parts if isinstance(part, Facts)]
    (table,) = [part for part in section.parts if isinstance(part, Grid)]
    charts = [part for part in section.parts if isinstance(part, Charts)]
    captions = [figure.caption for part in charts for figure in part.figures]
    warnings = [text for name, text in facts.texts if name == "warning"]
    return dict(facts.texts), warnings, table, captions


def test_all_parts_of_a_model_with_everything(atoms: ase.Atoms) -> None:
    facts, warnings, table, captions = parts_of(atoms)
    there, kinds = atoms.arrays[P_EXISTS], atoms.arrays[P_SPECIES]
    false = facts["estimated false-discovery fraction"]
    assert false.startswith(f"{100 * np.mean(1 - there):.2g} % ({np.sum(1 - there):.1f} ± ")
    # The spread is that of coins thrown with these probabilities.
    draws = np.random.default_rng(2).random((20_000, 100)) > there
    spread = float(false.split("± ")[1].split(" of 100 atoms")[0])
    assert spread == pytest.approx(
        draws.sum(axis=1).std(), rel=0.03
    )  # 4 / sqrt(2 * 20,000) and 1 %
    wrong = facts["estimated fraction of wrong species"]
    assert wrong.startswith(f"{100 * np.mean(1 - kinds):.2g} %")
    squares = sum(atoms.arrays[name] ** 2 for name in SIGMAS)
    expected = 100 * np.sqrt(squares.mean())
    assert float(facts["expected error of a position (pm)"]) == pytest.approx(expected, rel=1e-3)
    assert len(captions) == 2
    assert [text.partition(" ")[0] for text in warnings] == [
        str((there < 0.5).sum()),
        str((kinds < 0.9).sum()),
    ]
    assert list(table.columns) == [
        *("atom", "species", "x (Å)", "y (Å)", "z (Å)", "p_exists", "p_species"),
        *("sigma_x (pm)", "sigma_y (pm)", "sigma_z (pm)"),
    ]
    assert [row[0] for row in table.rows] == np.argsort(there)[:MOST].tolist()
    first = int(np.argmin(there))
    assert table.rows[0][1] == atoms.get_chemical_symbols()[first]
    assert table.rows[0][5:] == (
        there[first],
        kinds[first],
        *(100 * atoms.arrays[name][first] for name in SIGMAS),
    )


def test_without_existence_the_species_decide(atoms: ase.Atoms) -> None:
    del atoms.arrays[P_EXISTS]
    facts, warnings, table, _ = parts_of(atoms)
    assert "estimated false-discovery fraction" not in facts
    assert "p_exists" not in table.columns
    assert "the probability that each atom exists is unknown" in warnings
    kinds = atoms.arrays[P_SPECIES]
    assert [row[0] for row in table.rows] == np.argsort(kinds)[:MOST].tolist()


def test_without_error_bars_there_is_no_chart(atoms: ase.Atoms) -> None:
    for name in (*SIGMAS, *COVARIANCES, SIGMA_HEIGHT):
        del atoms.arrays[name]
    facts, _, table, captions = parts_of(atoms)
    assert captions == []
    assert list(table.columns)[5:] == ["p_exists", "p_species"]
    assert "expected error of a position (pm)" not in facts


def test_atoms_without_an_error_bar_are_counted(atoms: ase.Atoms) -> None:
    atoms.arrays["sigma_y"][:7] = np.nan
    _, warnings, _, captions = parts_of(atoms)
    assert "7 atoms without an error bar" in warnings
    assert len(captions) == 2


def test_a_model_of_which_nothing_is_known_has_no_section() -> None:
    plain = ase.Atoms("Ta2", positions=np.eye(3)[:2])
    content = ReportContent("pair", "a test", [], plain, [], [])
    assert certainty_sections(plain) == certainty_sections(None) == []
    page = Page(build_report(content))
    assert HEADING not in page.text
    assert "by existence" not in page.text
    plain.set_array(P_EXISTS, np.full(2, np.nan))
    assert certainty_sections(plain) == []


def test_the_page_and_the_bank_show_it(atoms: ase.Atoms, tmp_path: Path) -> None:
    with mdb.Bank(tmp_path / "some.bank") as bank:
        stored = mdb.deposit(bank, AtomicModel(atoms))
    content = read_entry_report(tmp_path / "some.bank", stored.id)
    page = Page(build_report(content))
    assert HEADING in page.text
    assert "uncertainty" in page.ids
    assert "by existence" in page.text
    found: dict[str, Section] = {one.anchor: one for one in report_sections(content)}
    order = list(found)
    assert order.index("uncertainty") == order.index("atoms") + 1
    assert [part for part in found["uncertainty"].parts if isinstance(part, Grid)] == [
        part for part in certainty_sections(atoms)[0].parts if isinstance(part, Grid)
    ]


def test_the_view_is_coloured_by_existence(atoms: ase.Atoms) -> None:
    view = atoms_view(atoms, None)
    assert list(view.choices) == ["by species", "by existence"]
    assert view.choices["by species"][0] == [True, True, False]
    assert view.choices["by existence"][0] == [False, False, True]
    marker = view.traces[2]["marker"]
    np.testing.assert_array_equal(marker["color"], atoms.arrays[P_EXISTS].astype(np.float32))
    assert (marker["cmin"], marker["cmax"]) == (0.0, 1.0)
    assert marker["colorbar"]["title"]["text"] == "p_exists"


def test_without_existence_the_view_is_coloured_by_error(atoms: ase.Atoms) -> None:
    atoms.arrays[P_EXISTS][:] = np.nan
    atoms.arrays["sigma_x"][5] = np.nan
    view = atoms_view(atoms, None)
    assert list(view.choices) == ["by species", "by position error"]
    marker = view.traces[2]["marker"]
    squares = sum(atoms.arrays[name] ** 2 for name in SIGMAS)
    # Single precision.
    np.testing.assert_allclose(marker["color"], 100 * np.sqrt(squares), rtol=1e-6)
    assert np.nanmin(marker["color"]) < marker["cmax"] < np.nanmax(marker["color"])
    assert marker["colorbar"]["title"]["text"] == "standard error (pm)"
    for name in SIGMAS:
        del atoms.arrays[name]
    assert list(atoms_view(atoms, None).choices) == ["by species"]
