"""``aet analyze``: structure types, strain, local chemical order and its map."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from ase.build import bulk

from aet_port.io import read_volume, write_model
from tests.cli.samples import Aet, Refused


@pytest.fixture(scope="module")
def alloy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """B2 in a box, a little shaken, stretched by 1 % along x."""
    atoms = bulk("CuZn", "cesiumchloride", a=3.0, cubic=True).repeat(5)
    atoms.set_cell(atoms.cell.array * [1.01, 1, 1], scale_atoms=True)
    atoms.rattle(0.01, seed=1)
    return write_model(tmp_path_factory.mktemp("alloy") / "alloy.extxyz", atoms)


def test_everything_of_every_atom(
    alloy: Path, tmp_path: Path, aet: Aet, asked: Callable[..., Any]
) -> None:
    pytest.importorskip("ovito.modifiers", exc_type=ImportError)
    bank, table = tmp_path / "bank.duckdb", tmp_path / "atoms.parquet"
    spacing = 3.0 * np.sqrt(3) / 2
    options = ("--templates", "--lattice-spacing", spacing, "--chemical-radius", 2.8)
    grid = ("--chemical-map", tmp_path / "map.mrc", "--map-voxel", 2.5, "--map-sigma", 3)
    found = asked("analyze", alloy, *options, *grid, "-o", table, "--bank", bank)
    (analysis,) = found["analyses"]
    types = analysis["structure_types"]
    assert types["ptm"]["bcc"] == 1
    exact = (1.01**2 - 1) / 2
    # Noise of 0.01 angstrom changes the strain of an atom by some 0.2 %, of 250 by far less; its
    # square adds to that of Green and Lagrange.
    assert types["strain"]["bcc"]["strain_volume"] == pytest.approx(exact / 3, abs=2e-4)
    order = analysis["local_chemical_order"]
    assert (order["Cu-Zn"]["mean"], order["Cu-Cu"]["mean"]) == (-1, 1)
    columns = pq.read_table(table)
    assert set(columns["ptm"].to_pylist()) == {3}
    assert set(columns["warren_cowley_Cu"].to_pylist()) == {1, -1}
    files = [Path(name) for name in found["chemical_map"]]
    assert [file.name for file in files[:2]] == ["map_Cu-Cu.mrc", "map_Cu-Zn.mrc"]
    volume = read_volume(files[1])
    assert volume.voxel_size == 2.5
    np.testing.assert_allclose(volume.array, -1, atol=1e-6)
    rows = asked("mdb", "query", "structure-types", "--bank", bank)
    assert rows[0]["method"] == "ptm"
    assert (rows[0]["structure"], rows[0]["atoms"]) == ("bcc", 250)
    assert rows[0]["strain_volume"] == pytest.approx(
        types["strain"]["bcc"]["strain_volume"], abs=1e-6
    )
    back = tmp_path / "back.parquet"
    assert aet("mdb", "export", found["model"], "-o", back, "--bank", bank).code == 0
    again = pq.read_table(back)
    for name in ("ptm", "ptm_rmsd", "cna", "strain_shear", "warren_cowley_Zn", "orientation_x"):
        assert again[name].to_pylist() == columns[name].to_pylist()
    assert asked("mdb", "check", "--bank", bank)["failed"] == 0


def test_tables_for_people(alloy: Path, aet: Aet) -> None:
    pytest.importorskip("ovito.modifiers", exc_type=ImportError)
    printed = aet("analyze", alloy, "--templates", "--cutoff", 2.85).out
    for words in ("template matching", "common neighbours", "mean strain", "sd if random"):
        assert words in printed


def test_what_is_not_installed_is_said(
    alloy: Path, aet: Aet, asked: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ovito.modifiers", None)
    (analysis,) = asked("analyze", alloy, "--templates", "--cutoff", 2.85)["analyses"]
    assert "aet-port[ovito]" in analysis["templates_reason"]
    assert analysis["structure_types"] is None
    (plain,) = asked("analyze", alloy, "--cutoff", 2.85)["analyses"]
    assert plain["structure_types"] is None
    assert "--templates" in plain["templates_reason"]
    printed = " ".join(aet("analyze", alloy, "--templates", "--cutoff", 2.85).out.split())
    assert "not determined" in printed
    assert "aet-port[ovito]" in printed


def test_files_and_radii_that_cannot_be(alloy: Path, tmp_path: Path, refused: Refused) -> None:
    refused("analyze", alloy, "--chemical-map", tmp_path / "map.txt", parts=("map.txt", ".mrc"))
    parts = ("chemical_radius", "7.5 angstrom", "more than twice")
    refused("analyze", alloy, "--chemical-radius", 7.5, parts=parts)
