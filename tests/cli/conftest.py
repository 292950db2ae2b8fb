"""A small synthetic sample, and ``aet`` called inside this process."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aet_port.cli.app import main
from aet_port.io import write_model, write_tilt_series
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.workflow.config import load_config
from aet_port.workflow.pipeline import run
from tests.cli.samples import CONFIG, PIXEL, Aet, Outcome, Refused, Sample


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = tmp_path_factory.mktemp("sample")
    model = amorphous_particle(200, "Ta", seed=1)
    angles = np.zeros((20, 3))
    angles[:, 1] = np.linspace(-66, 66, 20)
    # Unequal sides: a swap of axes anywhere would show.
    series = simulate_tilt_series(model, angles, PIXEL, (41, 40))
    write_tilt_series(folder / "projections.mat", folder / "angles.mat", series)
    write_tilt_series(folder / "projections.npy", folder / "angles.txt", series)
    write_model(folder / "truth.xyz", model)
    (folder / "particle.toml").write_text(CONFIG)
    return Sample(model, series, folder)


@pytest.fixture
def sample(original: Sample, tmp_path: Path) -> Sample:
    """The sample in a folder of the test's own."""
    folder = tmp_path / "sample"
    shutil.copytree(original.folder, folder)
    return original._replace(folder=folder)


@pytest.fixture(scope="session")
def finished_original(original: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished run of the sample; to be read only."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    run(load_config(original.config), folder)
    return folder


@pytest.fixture
def finished(sample: Sample, finished_original: Path) -> Path:
    """A finished run in the test's own folder."""
    return Path(shutil.copytree(finished_original, sample.folder / "run"))


@pytest.fixture
def aet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Aet:
    def call(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["aet", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        code = ended.value.code
        return Outcome(code if isinstance(code, int) else 0, out, err)

    return call


@pytest.fixture
def refused(aet: Aet) -> Refused:
    """Call ``aet``, expect a refusal on one line that holds all ``parts``, and return the line."""

    def call(*words: object, parts: tuple[object, ...]) -> str:
        outcome = aet(*words)
        assert outcome.code == 2, outcome
        assert outcome.out == ""
        assert outcome.err.count("\n") == 1, outcome.err
        assert outcome.err.startswith("aet: error: ")
        for part in parts:
            assert str(part) in outcome.err, outcome.err
        return outcome.err

    return call


@pytest.fixture
def asked(aet: Aet) -> Callable[..., Any]:
    """Call ``aet ... --json`` and return what it printed."""

    def call(*words: object) -> Any:
        outcome = aet(*words, "--json")
        assert outcome.code == 0, outcome.err
        assert outcome.err == ""
        return json.loads(outcome.out)

    return call
