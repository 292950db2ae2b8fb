"""Raw frames to atoms: a small particle at two doses, and the errors of the steps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aet_port.core.errors import InputError
from aet_port.core.frame_series import FrameSeries
from aet_port.core.scan_distortion import ScanDistortion
from aet_port.detection.settings import DetectSettings
from aet_port.preprocessing.chain import preprocess
from aet_port.preprocessing.placement import crop_images
from aet_port.preprocessing.settings import PreprocessSettings
from aet_port.resire.settings import ReconstructSettings
from aet_port.simulation.samples import amorphous_particle
from aet_port.simulation.settings import RawFrameSettings, SimulateSettings
from aet_port.validation.preprocess_errors import step_errors
from aet_port.workflow.dose_series import (
    dose_config,
    run_dose_series,
    score_rows,
)
from aet_port.workflow.dose_settings import DoseSeriesSettings
from aet_port.workflow.sections import Preset
from aet_port.workflow.synthetic_stages import raw_frames
from tests.cli.samples import contents

SMALL = DoseSeriesSettings(
    atoms=60,
    doses=(8e5,),
    simulate=SimulateSettings(pixel_size=0.5),
    simulate_frames=RawFrameSettings(n_frames=2),
    preprocess=PreprocessSettings(denoise="nlm"),
    reconstruct=ReconstructSettings(iterations=20, oversampling=2),
    detect=DetectSettings(shifts=True, trials=0),
)


@pytest.mark.parametrize("preset", ["counts", pytest.param("papers", marks=pytest.mark.slow)])
def test_every_atom_of_a_small_particle_is_found(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, preset: Preset
) -> None:
    settings = SMALL.changed(preset=preset)
    (found,) = run_dose_series(settings, tmp_path, threads=1, progress=True)
    assert "dose 1/1: 800000 electrons" in capsys.readouterr().err
    assert found.failure is None
    figures = json.loads(json.dumps(found.summary()))
    if preset == "counts":
        # Measured: all 60 at 3 to 4 pm, the Cramer-Rao bound of these images.
        assert figures["detected"]["recall"] == 1
        assert figures["detected"]["spurious"] == 0
        assert figures["detected"]["rmsd_pm"] < 8
    else:
        traced, refined = figures["traced"], figures["refined"]
        # What 1000 atoms reach.
        assert refined["recall"] >= 0.95
        assert refined["spurious"] <= 0.05
        assert refined["rmsd_pm"] < 35
        assert refined["rmsd_pm"] < traced["rmsd_pm"]
    assert figures["steps"]["alignment"] < 0.2
    assert figures["steps"]["shear"] < figures["steps"]["preprocessed_shear"]
    if preset == "papers":
        # Noise leaves 0.18 % with so few atoms, ten times that of 1000; 0.35 % of 1.7 %.
        assert figures["steps"]["shear"] < 0.006
        assert figures["steps"]["shear"] < 0.5 * figures["steps"]["preprocessed_shear"]
    (row,) = score_rows([found])
    assert row[0] == "800000"
    assert row[1].endswith(" %")
    # Once more with nothing to do, and after the comparison was lost.
    folder = tmp_path / "dose_800000"
    before = contents(folder)
    (folder / "comparison.json").unlink()
    (again,) = run_dose_series(settings, tmp_path, resume=True, threads=1)
    assert again.summary() == found.summary()
    after = contents(folder)
    before.pop("timings.json"), after.pop("timings.json")
    assert after == before
    with pytest.raises(InputError, match="--resume"):
        run_dose_series(settings, tmp_path, threads=1)


def test_a_dose_that_shows_nothing_is_told(tmp_path: Path) -> None:
    (found,) = run_dose_series(SMALL.changed(doses=(1e-3,)), tmp_path, threads=1)
    assert found.failure
    assert found.failure.startswith("preprocess: ")
    assert found.summary()["detected"] is None
    assert found.summary()["r_factor"] is None
    (row,) = score_rows([found])
    assert row[3] == found.failure


# Images stretched by 2 % need not settle against each other.
@pytest.mark.filterwarnings("ignore:alignment")
def test_wrong_shear_shows_in_its_error() -> None:
    truth = amorphous_particle(60, "Ta", 1)
    config = dose_config(SMALL, 8e5, Path("dose"), truth)
    whole = raw_frames(config, truth)
    each = ("frames", "angles", "clean", "backgrounds", "shifts", "frame_shifts", "rates", "jitter")
    raw = replace(whole, **{name: getattr(whole, name)[::5] for name in each})
    series = FrameSeries(tuple(raw.frames), raw.angles[:, 1], raw.pixel_size)
    wrong = PreprocessSettings(denoise="none", shear_x=0.001, scale=1.02)
    done = preprocess(series, wrong, threads=1)
    errors = step_errors(raw, done)
    assert errors.shear == errors.preprocessed_shear == pytest.approx(0.005)
    assert errors.scale == pytest.approx(0.02)
    assert np.isnan(errors.gain)
    assert errors.drift < 0.1
    # What a refinement found besides: 0.001 along x too much, all but 0.0005 of that along y.
    both = step_errors(raw, done, ScanDistortion(-0.001, 0.0045 / 1.02))
    assert both.preprocessed_shear == errors.shear
    # A product of shears is left out of the sum.
    assert both.shear == pytest.approx(0.0005, abs=1e-5)


@pytest.mark.parametrize("shape", [(5, 4), (4, 5), (9, 2), (20, 3)])
def test_cropping_keeps_the_rotation_centre(shape: tuple[int, int]) -> None:
    images = np.zeros((2, 9, 8))
    images[:, 4, 4] = 1
    images[:, 0, 0] = 0.5
    small = crop_images(images, shape)
    nx, ny = small.shape[1:]
    assert (nx, ny) == (min(9, shape[0]), min(8, shape[1]))
    assert (small[:, nx // 2, ny // 2] == 1).all()


def test_calibrated_frames_are_corrected_by_what_is_known() -> None:
    truth = amorphous_particle(60, "Ta", 1)
    config = dose_config(SMALL.changed(calibrated=True), 8e5, Path("dose"), truth)
    assert config.preprocess is not None
    assert config.preprocess.distortion == ScanDistortion(0.0, 0.005, 1.0)
    assert config.detect.scan_shear == "none"
    papers = dose_config(SMALL.changed(calibrated=True, preset="papers"), 8e5, Path("dose"), truth)
    assert papers.refine is not None
    assert papers.refine.scan_shear == "none"


def test_unknown_shears_are_fitted_with_the_atoms() -> None:
    truth = amorphous_particle(60, "Ta", 1)
    config = dose_config(SMALL, 8e5, Path("dose"), truth)
    assert config.from_counts
    assert config.detect.scan_shear in ("x", "y")
    papers = dose_config(SMALL.changed(preset="papers"), 8e5, Path("dose"), truth)
    assert not papers.from_counts
    assert papers.refine is not None
    assert papers.refine.scan_shear == config.detect.scan_shear


@pytest.mark.parametrize("wrong", [{"doses": (1e5, -1.0)}, {"atoms": 0}, {"seed": -1}])
def test_settings_are_checked(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        DoseSeriesSettings(**wrong)
