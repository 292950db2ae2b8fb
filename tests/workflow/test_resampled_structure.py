"""The stage ``analyze`` with ``resample``: intervals are made once and read back as they were."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aet_port.core.errors import InputError
from aet_port.core.uncertainty import uncertainty_arrays
from aet_port.io import write_model
from aet_port.simulation import amorphous_particle
from aet_port.workflow import model_stages
from aet_port.workflow.config import parse_config
from aet_port.workflow.model_stages import analyze_structure, structure_of_run
from aet_port.workflow.run_folder import DETECTED, STRUCTURE, RunFolder
from aet_port.workflow.stages import Work

CONFIG = """\
[sample]
name = "p"
species = "Ta"
[input]
projections = "p.mat"
angles = "a.mat"
[analyze]
cutoff = 4.1
resample = 5
seed = 2
"""


@pytest.mark.slow
def test_intervals_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    particle = amorphous_particle(50, "Ta", seed=1)
    work = Work(parse_config(CONFIG, tmp_path / "run.toml"), RunFolder(tmp_path))
    write_model(tmp_path / DETECTED, particle)
    with pytest.raises(InputError, match="found none in the model"):
        analyze_structure(work)
    assert not (tmp_path / STRUCTURE).exists()
    for name, values in uncertainty_arrays(np.tile(0.01 * np.eye(3), (50, 1, 1))).items():
        particle.atoms.set_array(name, values)
    write_model(tmp_path / DETECTED, particle)
    analyze_structure(work)
    made = work.memo["structure"]
    assert made.intervals.samples == 5
    assert (made.parameters["resample"], made.parameters["seed"]) == (5, 2)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("drawn once more")

    monkeypatch.setattr(model_stages, "resample", never)
    again = structure_of_run(work.config, work.folder)
    assert json.dumps(again.summary()) == json.dumps(made.summary())
    # As in a run before this setting: nothing is read, nothing is drawn.
    text = CONFIG.replace("resample = 5", "resample = 0")
    without = parse_config(text, tmp_path / "run.toml")
    assert structure_of_run(without, work.folder).intervals is None
