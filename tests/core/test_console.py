"""What commands print."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from aet_port.core.console import print_facts, print_json, print_rows, print_stages


def test_json_is_valid_json(capsys: pytest.CaptureFixture[str]) -> None:
    content = {"a": float("nan"), "b": [1.5, float("inf")], 3: (Path("x"), datetime(2020, 1, 2))}
    content |= {"c": [Decimal(55), Decimal("27.5"), Decimal("nan")], "d": np.array([1, 2])}
    print_json(content)
    text = capsys.readouterr().out
    assert json.loads(text, parse_constant=pytest.fail) == {
        "a": None,
        "b": [1.5, None],
        "3": ["x", "2020-01-02 00:00:00"],
        "c": [55, 27.5, None],
        "d": [1, 2],
    }


def test_report(capsys: pytest.CaptureFixture[str]) -> None:
    facts = {"file": "/tmp/[bold]/a", "sizes": [3, 2], "share": 0.512345, "of": {"Ta": 1 / 3}}
    print_facts(True, "title", facts)
    assert json.loads(capsys.readouterr().out) == facts
    print_facts(False, "some [title]", facts)
    text = capsys.readouterr().out
    for words in ("some [title]", "/tmp/[bold]/a", "[3, 2]", "0.5123\n", "of     Ta 0.3333"):
        assert words in text


def test_long_mappings_and_lists_are_no_long_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """As the record of a search is, which has a row for each image."""
    images = [{"r1": 0.1, "shift": [0.0, 0.0]}] * 55
    found = {
        "atoms": 1658,
        "certainty": None,
        "fractions": {"Co": 0.45, "Pd": 0.55},
        "noise": {"source": "variance against mean of the images", "counts_per_unit": 1.0123456},
        "projections": images,
        "areas": {"1": {"noise": {str(k): 0.5 for k in range(20)}}},
    }
    facts = {"r1": 0.17, "detection": found, "sizes": list(range(30)), "remarks": ["one", "two"]}
    print_facts(False, "aet run", facts)
    assert capsys.readouterr().out.split("\n")[1:] == [
        "r1                   0.17",
        "detection",
        "  atoms              1658",
        "  certainty          none",
        "  fractions          Co 0.45, Pd 0.55",
        "  noise",
        "    source           variance against mean of the images",
        "    counts_per_unit  1.012",
        "  projections        55 entries",
        "  areas",
        "    1                1 entry",
        "sizes                30 entries",
        "remarks              one",
        "                     two",
        "",
        "",
    ]


def test_rows_and_stages(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("atoms", 200), ("[/]", None), ("share", 0.123456), ("x", float("nan"))]
    print_rows(("", "true"), rows, "a title")
    assert capsys.readouterr().out == (
        "a title\n         true\n-----  ------\natoms     200\n[/]\nshare  0.1235\nx\n\n"
    )
    print_stages([{"stage": "trace", "seconds": 61.25, "peak_gb": 1.5, "peaks": 3}])
    assert "61.2" in (text := capsys.readouterr().out)
    assert "1.50 GB" in text


def test_lists_beside_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """Only columns of numbers alone are aligned right: others are folded on a terminal."""
    print_rows(("", "a", "b"), [("sizes", [1, 2.00004], 3.5), ("n", 12, None)])
    assert capsys.readouterr().out == (
        "       a           b\n-----  --------  ---\nsizes  [1, 2.0]  3.5\nn      12\n\n"
    )
