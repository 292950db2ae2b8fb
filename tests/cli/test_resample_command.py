"""``aet analyze --resample``: intervals in the table, in JSON and in the bank."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aet_port.core.uncertainty import uncertainty_arrays
from aet_port.io import write_model
from aet_port.simulation import amorphous_particle
from tests.cli.samples import Aet, Refused


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small particle without uncertainties."""
    return write_model(tmp_path / "small.extxyz", amorphous_particle(50, "Ta", seed=1))


def test_intervals_are_printed_and_stored(model: Path, aet: Aet) -> None:
    bank = model.parent / "bank.duckdb"
    command = ("analyze", model, "--cutoff", 4.1, "--resample", 5, "--workers", 1)
    done = aet(*command, "--sigma", 10, "--seed", 3, "--bank", bank)
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    assert "5 models drawn from the uncertainties of the atoms" in text
    assert "10 pm assumed for each coordinate of every atom" in text
    assert "as good as undetermined by these positions" in text
    assert " at 0.2 " not in text  # points of curves are for JSON and the bank
    assert "drawn models: 5/5" in done.err
    words = ("mdb", "query", "intervals", "--set", "quantity=motifs 5", "--bank", bank, "--json")
    (row,) = json.loads(aet(*words).out)
    assert row["low"] < row["high"]
    assert (row["drawn"], row["seed"]) == (5, 3)
    sql = "SELECT count(*) AS n, any_value(parameters) AS used FROM motif JOIN analysis "
    sql += "USING (analysis_id) WHERE fold = 5"
    (found,) = json.loads(aet("mdb", "query", sql, "--bank", bank, "--json").out)
    assert row["value"] == found["n"]
    used = json.loads(found["used"])
    assert (used["resample"], used["sigma"], used["seed"]) == (5, 10.0, 3)


@pytest.mark.slow
def test_errors_of_the_model_are_used(tmp_path: Path, aet: Aet) -> None:
    particle = amorphous_particle(60, "Ta", seed=1)
    for name, values in uncertainty_arrays(np.tile(0.01 * np.eye(3), (60, 1, 1))).items():
        particle.atoms.set_array(name, values)
    file = write_model(tmp_path / "with_errors.extxyz", particle)
    command = ("analyze", file, "--cutoff", 4.1, "--resample", 5, "--workers", 1, "--json")
    found = json.loads(aet(*command).out)["analyses"][0]
    assert found["intervals"]["errors"] == "those stored with the model"
    assert "sigma" not in found
    row = found["intervals"]["quantities"]["tetrahedra"]
    assert row["low"] < row["high"]


def test_what_is_missing_is_said_at_once(model: Path, refused: Refused) -> None:
    command = ("analyze", model, "--cutoff", 4.1)
    refused(*command, "--resample", 5, parts=("none in the model", "aet detect", "--sigma PM"))
    refused(*command, "--sigma", 10, parts=("--sigma", "10 without --resample", "--resample N"))
    refused(*command, "--resample", 3, "--sigma", 1, parts=("resample", "3", "at least 5"))
    refused(
        *command,
        "--resample",
        5,
        "--sigma",
        -1,
        parts=("--sigma", "above zero and at most", "(pm)"),
    )
