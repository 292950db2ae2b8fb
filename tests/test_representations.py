"""Every noun and result shows itself in one line, and in notebooks as a small table."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

import numpy as np

import aet_port as aet
import mdb
from aet_port.core.display import Shown
from tests.gallery import alloy, comparison, frames, gallery, series

PACKAGES = (
    "aet_port",
    "aet_port.structure",
    "aet_port.tracing",
    "aet_port.validation",
    "aet_port.alignment",
    "mdb",
    "md_sim",
)
LONGEST = 240  # characters; two lines of a wide console


def assert_short(value: object) -> None:
    text = repr(value)
    assert len(text.splitlines()) == 1
    assert text.isprintable()
    assert len(text) <= LONGEST
    assert type(value).__name__ in text
    assert " at 0x" not in text


def test_every_public_class_is_in_the_gallery() -> None:
    shown = {type(one) for one in gallery().values()}
    classes = {
        value
        for package in PACKAGES
        for name in import_module(package).__all__
        if inspect.isclass(value := getattr(import_module(package), name))
        and not issubclass(value, Exception)
    }
    assert {one.__name__ for one in classes - shown} == {"Comparison"}  # see below


def test_one_line_without_arrays() -> None:
    for value in gallery().values():
        assert_short(value)
        if isinstance(value, Shown):
            page = value._repr_html_()
            assert page.startswith("<table>")
            assert page.count("<tr>") == page.count("</tr>") == len(re.findall("<th", page)) > 0


def test_comparison_is_shown_in_one_line(tmp_path: Path) -> None:
    found = comparison(tmp_path)
    assert_short(found)
    assert repr(found).startswith("<Comparison: experiment TaXX00001, run 1 (run), snapshots 2,")
    assert_short(found.points[0])
    assert_short(found.experiment)


def test_line_of_the_nouns() -> None:
    assert repr(series()) == (
        "<TiltSeries 'simulated series of alloy': images 12, pixels 32 x 32, "
        "pixel size 0.6 angstrom, tilt -66 to 66 degrees>"
    )
    assert repr(frames()) == (
        "<FrameSeries 'frames': tilts 4, frames 8, pixels 32 x 32, pixel size 0.6 angstrom>"
    )
    assert repr(alloy()).startswith("<AtomicModel 'alloy': atoms 20, species Cu 10 Ta 10, extent ")
    box = aet.AtomicModel(alloy().atoms.copy(), name="box")
    box.atoms.set_cell([10.0, 11.0, 12.5])
    box.atoms.pbc = (True, True, False)
    assert repr(box) == (
        "<AtomicModel 'box': atoms 20, species Cu 10 Ta 10, cell 10 x 11 x 12.5 angstrom, "
        "periodic xy>"
    )
    volume = aet.Volume(np.zeros((4, 5, 6)), 0.25, name="a\nname")
    assert repr(volume) == "<Volume 'a name': voxels 4 x 5 x 6, voxel size 0.25 angstrom>"


def test_line_of_results() -> None:
    found = aet.match_models(alloy(), alloy().positions[:15] + 0.3)
    assert repr(found) == (
        "<Matching: pairs 15, missed 0, spurious 5, RMSD 0.00 pm, radius 1.5 angstrom>"
    )
    peaks = aet.Peaks(
        np.zeros((3, 3), np.int32), np.zeros((3, 3)), np.ones(3), np.array([0, 0, -1], np.int8),
        (9, 9, 7), 0.5,
    )  # fmt: skip
    assert repr(peaks) == "<Peaks: peaks 3, accepted 2, voxels 9 x 9 x 7, voxel size 0.5 angstrom>"


def test_table_escapes_what_a_file_may_be_called() -> None:
    volume = aet.Volume(np.zeros((2, 2, 2)), 1.0, name="<script>alert('x')</script>")
    page = volume._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in page
    assert "<caption>Volume</caption>" in page
    assert ">2 x 2 x 2</td>" in page


def test_bank_tells_whether_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / "bank.duckdb"
    with mdb.Bank(path) as bank:
        assert repr(bank).endswith("bank.duckdb': access read and write, open yes>")
    assert repr(bank).endswith(": access read and write, open no>")
    assert repr(mdb.Bank(path, read_only=True)).endswith(": access read only, open no>")
