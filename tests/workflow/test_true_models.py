"""The true model of a round trip is read as the command read it, each time the run needs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from aet_port.core.errors import InputError
from aet_port.io.settings import ModelReadSettings
from aet_port.workflow.config import parse_config
from aet_port.workflow.round_trip import round_trip_config
from aet_port.workflow.sections import InputSettings
from aet_port.workflow.synthetic_stages import true_model
from aet_port.workflow.toml_text import config_text

PLACES = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]


def test_a_dump_of_types_in_nm(tmp_path: Path) -> None:
    path = tmp_path / "m.dump"
    rows = "1 1 0.1 0.2 0.3\n2 2 0.4 0.5 0.6\n"
    head = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS ff ff ff\n"
    frame = f"{head}0 9\n0 9\n0 9\nITEM: ATOMS id type x y z\n{rows}"
    path.write_text(frame + frame.replace("0.1", "0.7"))
    # Zirconium is type 1, copper type 2: not in the order of the run's species.
    reading = ModelReadSettings(species=("Zr", "Cu"), frame=0, scale=10.0)
    config = round_trip_config(path, tmp_path / "run", reading=reading)
    assert config.species == ("Cu", "Zr")
    for one in (config, parse_config(config.text, tmp_path / "run" / "run.toml")):
        found = true_model(one)
        assert found.species == ["Zr", "Cu"]
        np.testing.assert_allclose(found.positions, np.array(PLACES) * 10, rtol=1e-15)


def test_types_beside_a_mat_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scipy.io.savemat("m.mat", {"a": np.array(PLACES).T, "b": np.zeros((3, 2))})
    scipy.io.savemat("t.mat", {"types": [[2, 1]]})
    reading = ModelReadSettings(species=("Cu", "Zr"), types="t.mat", model_variable="a")
    config = round_trip_config("m.mat", "run", reading=reading)
    monkeypatch.chdir("/")  # the paths are whole
    found = true_model(config)
    assert found.species == ["Zr", "Cu"]
    np.testing.assert_array_equal(found.positions, PLACES)


def test_the_section_of_a_run(tmp_path: Path) -> None:
    path = tmp_path / "particle.toml"
    (tmp_path / "m.csv").write_text("type,x,y,z\n2,0,0,0\n1,3,0,0\n")
    reading = ModelReadSettings(species=("Zr", "Cu"))
    text = config_text({"input": InputSettings(model="m.csv", model_reading=reading)})
    sample = '[sample]\nname = "s"\nspecies = ["Cu", "Zr"]\nkind = "synthetic"\npixel_size = 0.5\n'
    found = true_model(parse_config(f"{sample}{text}\n[simulate]\n", path))
    assert found.species == ["Cu", "Zr"]
    wrong = text.replace("species", "spcies")
    with pytest.raises(
        InputError, match=r"unknown key 'spcies' in \[input\.model_reading\]; expected 'species'"
    ):
        parse_config(f"{sample}{wrong}\n[simulate]\n", path)
