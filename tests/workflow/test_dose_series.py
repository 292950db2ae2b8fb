"""Raw frames to atoms: a small particle at two doses, and the errors of the steps."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.core.frame_series import FrameSeries
from aet_port.core.scan_distortion import ScanDistortion
from aet_port.preprocessing.chain import preprocess
from aet_port.preprocessing.settings import PreprocessSettings
from aet_port.simulation.raw_frames import RawSettings
from aet_port.simulation.samples import amorphous_particle
from aet_port.validation.preprocess_errors import step_errors
from aet_port.workflow.dose_series import (
    Score,
    ScoreSettings,
    cropped,
    raw_frames,
    score,
    score_rows,
)
from aet_port.workflow.sections import Reconstruct

SMALL = ScoreSettings(
    atoms=60,
    doses=(8e5,),
    pixel_size=0.5,
    raw=RawSettings(n_frames=2),
    preprocess=PreprocessSettings(denoise="nlm"),
    reconstruct=Reconstruct(iterations=20, oversampling=2),
)


def test_every_atom_of_a_small_particle_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = score(SMALL, threads=1, progress=True)
    assert "dose 1/1: 800000 electrons" in capsys.readouterr().err
    assert found.failure is None
    assert found.refined is not None
    assert found.traced is not None
    # The bar of 1000 atoms.
    assert found.refined.recall >= 0.95
    assert found.refined.precision >= 0.95
    assert found.refined.rmsd_pm < 35
    assert found.refined.rmsd_pm < found.traced.rmsd_pm
    figures = json.loads(json.dumps(found.summary()))
    assert figures["refined"]["recall"] == found.refined.recall
    assert figures["steps"]["alignment"] < 0.2
    # Noise leaves 0.18 % with so few atoms, ten times that of 1000; 0.35 % of 1.7 %.
    assert figures["steps"]["shear"] < 0.006
    assert figures["steps"]["shear"] < 0.5 * figures["steps"]["preprocessed_shear"]
    (row,) = score_rows([found])
    assert row[0] == "800000"
    assert row[1].endswith(" %")


def test_a_dose_that_shows_nothing_is_told() -> None:
    (found,) = score(replace(SMALL, doses=(1e-3,)), threads=1)
    assert found.failure
    assert found.refined is None
    assert found.summary()["refined"] is None
    (row,) = score_rows([found])
    assert row[3] == found.failure


# Images stretched by 2 % need not settle against each other.
@pytest.mark.filterwarnings("ignore:alignment")
def test_wrong_shear_shows_in_its_error() -> None:
    truth = amorphous_particle(60, "Ta", 1)
    whole = raw_frames(truth, 8e5, SMALL)
    each = ("frames", "angles", "clean", "backgrounds", "shifts", "frame_shifts", "rates", "jitter")
    raw = replace(whole, **{name: getattr(whole, name)[::5] for name in each})
    series = FrameSeries(tuple(raw.frames), raw.angles[:, 1], raw.pixel_size)
    wrong = PreprocessSettings(denoise="none", distortion=ScanDistortion(0.001, 0.0, 1.02))
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
    small = cropped(TiltSeries(images, np.array([0.0, 10.0]), 0.5), shape)
    nx, ny = small.detector
    assert (nx, ny) == (min(9, shape[0]), min(8, shape[1]))
    assert (small.images[:, nx // 2, ny // 2] == 1).all()


def test_settings_are_checked() -> None:
    with pytest.raises(InputError, match="doses"):
        ScoreSettings(doses=())
    with pytest.raises(InputError, match="doses"):
        ScoreSettings(doses=(1e5, -1))
    with pytest.raises(InputError, match="atoms"):
        ScoreSettings(atoms=0)
    assert Score(1e4).summary()["steps"] is None
