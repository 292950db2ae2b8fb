"""``aet analyze`` with its figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aet_port.io import matlab
from tests.cli.samples import Aet, Refused, Sample


def test_analyze_prints_and_draws_the_short_range_order(sample: Sample, aet: Aet) -> None:
    folder, command = sample.folder / "figures", ("analyze", sample.folder / "truth.xyz")
    done = aet(*command, "--cutoff", 4)
    assert done.code == 0, done.err
    for words in ("tetrahedra", "short-range order", "first_minimum", "coordination_number"):
        assert words in done.out
    more = ("--figures", folder, "--figure-format", "svg", "--json")
    facts = json.loads(aet(*command, "--cutoff", 4, *more).out)
    assert {"boo_map.svg", "pdf.svg", "bond_angles.svg"} <= {p.name for p in folder.iterdir()}
    assert all(Path(name).read_text().startswith("<?xml") for name in facts["figures"])
    (analysis,) = facts["analyses"]
    assert analysis["short_range_order"]["inner_atoms"] > 0


def test_the_order_can_be_asked_for_in_sql(sample: Sample, aet: Aet) -> None:
    bank = sample.folder / "bank.duckdb"
    options = ("--cutoff", 4, "--bank", bank, "--kind", "synthetic", "--json")
    facts = json.loads(aet("analyze", sample.folder / "truth.xyz", *options).out)
    sql = (
        "SELECT count(*) AS n, avg(cn) AS cn FROM voronoi JOIN atom_order USING (analysis_id, atom)"
        " WHERE NOT surface AND NOT crystalline AND cn IS NOT NULL"
    )
    (row,) = json.loads(aet("mdb", "query", sql, "--bank", bank, "--json").out)
    order = facts["analyses"][0]["short_range_order"]
    assert row["n"] == order["inner_atoms"] > 0
    # The summary has six digits.
    assert row["cn"] == pytest.approx(order["coordination_number"], abs=1e-6)
    sql = "SELECT value FROM measure WHERE name = 'coordination_number'"
    (row,) = json.loads(aet("mdb", "query", sql, "--bank", bank, "--json").out)
    assert row["value"] == pytest.approx(order["coordination_number"], abs=1e-6)


@pytest.mark.slow
def test_types_of_a_mat_file_become_species(sample: Sample, aet: Aet, refused: Refused) -> None:
    model, types = sample.folder / "model.mat", sample.folder / "types.mat"
    matlab.write_positions(model, sample.model.positions)
    kinds = 1 + (np.arange(len(sample.model)) % 6 == 0)
    matlab.write_mat(types, {"types": kinds[None].astype(float)})
    options = ("--types", types, "--cutoff", 4)
    figures = sample.folder / "figures"
    more = ("--solute", "Pt", "--figures", figures)
    done = aet("analyze", model, "--species", "Ni,Pt", *options, *more)
    assert done.code == 0, done.err
    assert "medium-range order" in done.out
    warren_cowley = done.out.partition("warren_cowley")[2]
    for pair in ("Ni-Ni", "Ni-Pt", "Pt-Ni", "Pt-Pt"):
        assert f'"{pair}": ' in warren_cowley
    names = {path.name for path in figures.iterdir()}
    assert {"shared_atoms.png", "boo_map.png", "pdf.png", "bond_angles.png"} <= names
    refused("analyze", model, "--species", "Ni", *options, parts=(types, "type 2", "1 to 1"))
    refused("analyze", sample.folder / "truth.xyz", *options, parts=("--types", "only .mat"))


def test_figures_that_cannot_be_written(sample: Sample, refused: Refused) -> None:
    truth, file = sample.folder / "truth.xyz", sample.folder / "angles.txt"
    refused("analyze", truth, "--figures", file, parts=(file, "not a folder"))
    options = ("--figures", sample.folder / "f", "--figure-format", "gif")
    refused("analyze", truth, *options, parts=("--figure-format: found 'gif'", "'png', 'svg'"))
    assert not (sample.folder / "f").exists()


def test_view_draws_the_largest_networks(sample: Sample, aet: Aet, refused: Refused) -> None:
    truth, picture = sample.folder / "truth.xyz", sample.folder / "networks.png"
    options = ("--cutoff", 4, "--pixels", 300, "--networks", 2, "--json")
    done = aet("view", truth, "-o", picture, *options)
    assert done.code == 0, done.err
    facts = json.loads(done.out)
    assert len(facts["sizes"]) == 2
    assert picture.read_bytes().startswith(b"\x89PNG")
    refused("view", truth, "-o", sample.folder / "a.gif", parts=("a.gif", ".png"))
    refused("view", truth, "-o", picture, "--fold", 7, parts=("fold", "between 4 and 6"))
