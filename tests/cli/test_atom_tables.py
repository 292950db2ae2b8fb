"""``aet analyze -o`` and ``aet mdb export MODEL -o``: the same quantities by either way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from aet_port.io import read_model
from tests.cli.samples import Refused, Sample

NAMES = {
    *("q4", "q6", "boo", "crystalline", "nucleus", "signed_distance", "n3", "n4", "n5", "n6"),
    *("cn", "voronoi_volume", "density", "surface", "sites"),
    *(f"motifs_{fold}" for fold in range(3, 9)),
    *(f"network_{fold}" for fold in (4, 5, 6)),
    *(f"{kind}_rings_{size}" for kind in ("king", "primitive") for size in (3, 4, 5)),
    "void_radius",
}


def test_the_bank_holds_what_the_analysis_gave(sample: Sample, asked: Callable[..., Any]) -> None:
    folder = sample.folder
    bank, file = folder / "bank.duckdb", folder / "atoms.parquet"
    words = ("analyze", folder / "truth.xyz", "--bank", bank, "--kind", "synthetic", "-o", file)
    words += ("--rings", 5, "--voids", "surfaces")
    facts = asked(*words)
    assert facts["file"] == str(file)
    given = pq.read_table(file)
    assert {"species", "x", "y", "z"} | NAMES == set(given.column_names)
    again = folder / "again.parquet"
    told = asked("mdb", "export", facts["model"], "--bank", bank, "-o", again)
    assert told["atoms"] == len(sample.model)
    stored = pq.read_table(again)
    for name in NAMES:
        np.testing.assert_array_equal(
            given[name].to_numpy().astype(np.float64), stored[name].to_numpy().astype(np.float64)
        )
    assert np.count_nonzero(given["network_5"].to_numpy()) > 0
    assert np.count_nonzero(given["primitive_rings_3"].to_numpy()) > 0
    assert np.nanmax(given["void_radius"].to_numpy()) > 0
    for suffix in (".extxyz", ".csv"):
        file = folder / f"again{suffix}"
        asked("mdb", "export", facts["model"], "--bank", bank, "-o", file)
        back = read_model(file).atoms.arrays
        np.testing.assert_array_equal(back["q6"], given["q6"].to_numpy())


def test_what_is_refused(sample: Sample, refused: Refused, tmp_path: Path) -> None:
    model, file = sample.folder / "truth.xyz", tmp_path / "atoms.csv"
    words = ("analyze", model, "-o", file, "--delta", 0.2, "--delta", 0.3)
    refused(*words, parts=("--output", "2 values of --delta"))
    refused("analyze", model, "-o", tmp_path / "a.txt", parts=("a.txt", ".extxyz"))
    bank = ("--bank", tmp_path / "b.duckdb")
    refused("mdb", "export", "TaXX00001", *bank, "-o", file, parts=("no such file",))
    refused("mdb", "export", "x", *bank, "--analysis", 1, parts=("--analysis", "-o FILE"))
    assert list(tmp_path.iterdir()) == [sample.folder]


@pytest.mark.parametrize("suffix", [".dump", ".parquet"])
def test_more_formats_of_a_model(sample: Sample, asked: Callable[..., Any], suffix: str) -> None:
    bank, file = sample.folder / "bank.duckdb", sample.folder / f"model{suffix}"
    made = asked("mdb", "deposit", sample.folder / "truth.xyz", "--bank", bank)
    facts = asked("mdb", "atoms", made["model"], "--bank", bank, "-o", file)
    assert facts == {"model": str(file), "atoms": len(sample.model)}
    assert file.stat().st_size > 0
