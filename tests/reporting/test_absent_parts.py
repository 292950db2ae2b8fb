"""A report of whatever there is: each absent part is left out, or the page says why."""

from __future__ import annotations

from dataclasses import replace

import ase
import numpy as np
import pytest

from aet_port.core.data import Volume
from aet_port.reporting.build import build_report
from aet_port.reporting.content import Convergence, ReportContent, Structure, Table
from aet_port.reporting.sections import report_sections
from aet_port.structure.bonds.templates import NOT_ASKED
from tests.reporting.pages import Page, full_content

# Parts of the content in the order in which the stages of a run make them.
STAGES = ("projections", "convergence", "volume", "atoms", "agreement", "structure")
EMPTY = ReportContent("particle", "a test", [], None, [], [])


def _until(stage: str | None) -> ReportContent:
    """The content of a run that ended after a stage, with a reason for each later part."""
    whole = full_content()
    done = STAGES[: STAGES.index(stage) + 1] if stage else ()
    keys = {"agreement": "refinement"}  # a table of facts, which has a reason of its own
    lacking = [keys.get(name, name) for name in STAGES if name not in done]
    missing = {name: f"no {name}: stopped" for name in lacking}
    parts = {name: getattr(whole, name) for name in done}
    return replace(EMPTY, settings="[sample]", missing=missing, **parts)


def _sections(read: Page) -> list[str]:
    return [name for name in read.ids if not name.endswith("-view")]


@pytest.mark.parametrize("stage", [None, *STAGES])
def test_report_after_each_stage(stage: str | None) -> None:
    content = _until(stage)
    read = Page(build_report(content))
    done = STAGES[: STAGES.index(stage) + 1] if stage else ()
    for reason in content.missing.values():
        assert read.pieces.count(f"Not shown: {reason}") == 1
    assert ("atoms-view" in read.ids) == ("atoms" in done)
    assert ("network-view" in read.ids) == ("structure" in done)
    assert ("measured, 0.0°" in read.text) == ("projections" in done)
    assert ("xy plane at z = " in read.text) == ("volume" in done)
    assert ("R1 of each projection against its tilt angle" in read.text) == ("convergence" in done)
    assert ("Pair distribution function of all atoms" in read.text) == ("structure" in done)
    expected = ["agreement", "projections", "slices", "atoms"]
    assert _sections(read)[:4] == expected
    assert ("structure" in read.ids) != ("pdf" in read.ids)
    assert _sections(read)[-1] == "provenance"


def test_nothing_at_all() -> None:
    read = Page(build_report(EMPTY))
    assert _sections(read) == ["agreement", "projections", "slices", "atoms", "structure"]
    assert [text for text in read.pieces if text.startswith("Not shown")] == [
        f"Not shown: no {name}"
        for name in ("R factors", "projections", "volume", "atomic model", "structure analysis")
    ]
    assert "script" not in read.tags  # no view, hence no plotly.js


def test_a_model_without_atoms() -> None:
    read = Page(build_report(replace(EMPTY, atoms=ase.Atoms())))
    assert "Not shown: the model has no atoms" in read.text


def test_one_atom() -> None:
    read = Page(build_report(replace(EMPTY, atoms=ase.Atoms("Pd", positions=[[1.0, 2.0, 3.0]]))))
    assert "atoms-view" in read.ids
    assert "1 atoms." not in read.text
    assert "1 atom. " in read.text


def test_a_stage_that_no_section_shows_is_named_with_the_provenance() -> None:
    why = "the stage 'deposit' failed: disk full"
    read = Page(build_report(replace(EMPTY, missing={"deposit": why})))
    assert read.pieces.count(why) == 1
    assert _sections(read)[-1] == "provenance"


@pytest.mark.parametrize("what", ["metadata", "agreement", "provenance"])
def test_tables_without_rows_are_left_out(what: str) -> None:
    given = {
        "metadata": [("sample", "ball")],
        "agreement": [("R1", "12.00 %")],
        "provenance": [Table("files", ("role", "file"), [("angles", "a.txt")])],
    }
    assert "<table" in build_report(replace(EMPTY, **{what: given[what]}))
    assert "<table" not in build_report(replace(EMPTY, **{what: []}))


def test_an_analysis_that_holds_nothing() -> None:
    atoms = full_content().atoms
    read = Page(build_report(replace(EMPTY, atoms=atoms, structure=Structure([]))))
    reasons = [text for text in read.pieces if text.startswith("Not shown")]
    assert reasons[-8:] == [
        "Not shown: no pair distribution function",
        "Not shown: the analysis holds no short-range order",
        "Not shown: the analysis holds no short-range order",
        "Not shown: the analysis holds no short-range order",
        f"Not shown: {NOT_ASKED}",
        "Not shown: no motif was found",
        "Not shown: no pentagonal bipyramids, hence no network of them",
        "Not shown: the analysis did not search for medium-range order",
    ]
    assert "figures" not in read.ids


def test_convergence_without_projections_keeps_the_history() -> None:
    only = Convergence(np.linspace(0.5, 0.1, 9), np.zeros(0), {})
    why = {"convergence": "the projections are not here"}
    read = Page(build_report(replace(EMPTY, convergence=only, missing=why)))
    assert sum(one.startswith("data:image/svg") for one in read.addresses) == 1
    assert "Not shown: the projections are not here" in read.text


def test_slices_without_a_model_follow_the_intensity() -> None:
    array = np.zeros((41, 41, 41), dtype=np.float32)
    array[8:13, 20:25, 30:35] = 1.0  # away from the centre
    content = replace(EMPTY, volume=Volume(array, 0.5))
    read = Page(build_report(content))
    heights = [piece for piece in read.pieces if " plane at " in piece]
    origin = Volume(array, 0.5).origin
    start = np.zeros(3) if origin is None else np.asarray(origin)
    places = start + 0.5 * np.array([10, 22, 32])
    for axis, height in zip("xyz", places, strict=True):
        assert any(f"plane at {axis} = {height:.1f} Å" in text for text in heights), (axis, heights)


def test_slices_of_an_empty_volume() -> None:
    content = replace(EMPTY, volume=Volume(np.zeros((9, 9, 9), dtype=np.float32), 1.0))
    slices = next(one for one in report_sections(content) if one.anchor == "slices")
    assert len(slices.parts) == 2
    assert len(slices.parts[0].figures) == 5
