"""Files that a run reads beside those named in its TOML file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aet_port.core.data import TiltSeries
from aet_port.core.errors import DataFileError
from aet_port.io import write_tilt_series
from aet_port.workflow.config import load_config
from aet_port.workflow.input_files import with_neighbours
from aet_port.workflow.run_folder import SIMULATED, RunFolder
from aet_port.workflow.series import frames_reading, measured_series, read_series, series_files
from tests.io.mrc_files import sections_of, write_mrc_bytes

TOML = """\
[sample]
name = "particle"
species = "Ta"

[input]
projections = "s.mrc"
"""
SECTIONS = sections_of(3, 6, 4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stack with a list of angles and transforms, which shift by a column."""
    write_mrc_bytes(tmp_path / "s.mrc", SECTIONS)
    (tmp_path / "s.rawtlt").write_text("-9\n0\n9\n")
    (tmp_path / "s.xf").write_text("1 0 0 1 1 0\n" * 3)
    return tmp_path


def test_roles(folder: Path) -> None:
    file = folder / "s.mrc"
    found = with_neighbours("projections", file, None)
    assert found == {"projections": file, "projections .rawtlt": folder / "s.rawtlt"}
    found = with_neighbours("projections", file, "beside", [folder / "s.rawtlt"])
    assert found == {"projections": file, "projections transforms": folder / "s.xf"}
    (folder / "a.npy").touch()
    (folder / "a.tlt").touch()
    assert list(with_neighbours("projections", folder / "a.npy", None)) == ["projections"]


@pytest.mark.parametrize("name", ["s.xf", "beside"])
def test_transforms_of_a_run(
    folder: Path,
    name: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their path is that from the TOML file, wherever the command runs."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    (folder / "run.toml").write_text(f"{TOML}transforms = {name!r}\n")
    config = load_config(folder / "run.toml")
    assert folder / "s.xf" in config.inputs().values()
    images = read_series(config).images
    # Exact shift; rounding of the spline.
    np.testing.assert_allclose(images[:, 1:], SECTIONS.transpose(0, 2, 1)[:, :-1], atol=1e-9)
    assert frames_reading(config).transforms == (
        "beside" if name == "beside" else str(folder / name)
    )


def test_files_that_a_run_wrote_are_in_degrees(tmp_path: Path) -> None:
    """A narrow series of its own does not look like radians."""
    simulated = TOML.replace("[input]", "[synthetic]\n\n[simulate]\npixel_size = 0.5")
    (tmp_path / "run.toml").write_text(simulated.replace('projections = "s.mrc"\n', ""))
    config = load_config(tmp_path / "run.toml")
    folder = RunFolder(tmp_path)
    angles = np.array([-1.5, 0, 1.5])
    made = TiltSeries(SECTIONS.astype(np.float32), angles, 0.5)
    write_tilt_series(*series_files(folder, SIMULATED), made)
    np.testing.assert_array_equal(measured_series(config, folder).angles[:, 1], angles)


def test_transforms_that_are_not_there(folder: Path) -> None:
    (folder / "run.toml").write_text(TOML + "transforms = 'other.xf'\n")
    with pytest.raises(DataFileError, match=r"other\.xf: found no such file.*transforms named in"):
        load_config(folder / "run.toml").inputs()
