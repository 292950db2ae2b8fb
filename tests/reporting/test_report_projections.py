"""Calculated projections of a run's report are those that the run had."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.errors import DataFileError
from aet_port.io.arrays import write_npy
from aet_port.refinement import refine
from aet_port.refinement.record import refinement_record
from aet_port.reporting.projections import compare_projections
from aet_port.resire import reconstruct
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.workflow.config import RunConfig, load_config

ANGLES = np.stack([np.zeros(9), np.linspace(-60, 60, 9), np.zeros(9)], axis=1)
TEXT = """\
[sample]
name = "ball"
species = "Ta"
pixel_size = 0.7

[input]
projections = "projections.npy"
angles = "angles.txt"

[reconstruct]
iterations = 5
oversampling = 2
"""


@pytest.fixture(scope="module")
def model() -> AtomicModel:
    return amorphous_particle(60, "Ta", seed=3)


@pytest.fixture(scope="module")
def series(model: AtomicModel) -> TiltSeries:
    return simulate_tilt_series(model, ANGLES, 0.7, (31, 30), 1e6, 2)


def _config(folder: Path, more: str = "") -> RunConfig:
    (folder / "config.toml").write_text(TEXT + more)
    return load_config(folder / "config.toml")


@pytest.mark.parametrize("tilted", [False, True])
def test_projections_of_the_volume(model: AtomicModel, tmp_path: Path, tilted: bool) -> None:
    angles = ANGLES + ([2.0, 0.0, -1.0] if tilted else [0.0, 0.0, 0.0])
    series = simulate_tilt_series(model, angles, 0.7, (31, 30))
    options = {"oversampling": 2, "threads": 1}
    before = reconstruct(series, iterations=5, **options)
    write_npy(tmp_path / "whole.npy", before.cropped().array)
    found = compare_projections(
        _config(tmp_path), tmp_path / "whole.npy", series, model, None, threads=1
    )
    # R1 is that of the volume before a step, so the sixth step has that of the stored volume.
    expected = reconstruct(series, iterations=6, **options).r1[-1]
    assert found.r1 is not None
    np.testing.assert_allclose(found.r1, expected, rtol=1e-5)  # single precision
    np.testing.assert_array_equal(found.shown.tilt, angles[:, 1])


@pytest.mark.parametrize(
    "fits", ["", "refine_shifts = true\n", "refine_scales = true\nrefine_offsets = true\n"]
)
def test_projections_of_the_refined_model(
    model: AtomicModel, series: TiltSeries, tmp_path: Path, fits: str
) -> None:
    config = _config(tmp_path, f"\n[refine]\nmax_evaluations = 15\n{fits}")
    assert config.refine is not None
    names = ("refine_shifts", "refine_scales", "refine_offsets")
    chosen = {name: getattr(config.refine, name) for name in names}
    done = refine(series, model, max_evaluations=15, threads=1, **chosen)
    record = refinement_record(series, done)
    found = compare_projections(
        config, tmp_path / "none.npy", series, done.model, record, threads=1
    )
    assert found.name == "refined model"
    assert found.r1 is not None
    # Shifts, scales and offsets are not stored but fitted again, to where they had not quite come.
    np.testing.assert_allclose(found.r1.mean(), record["r1"], rtol=1e-4 if not fits else 5e-3)


def test_an_extended_film_has_none(model: AtomicModel, series: TiltSeries, tmp_path: Path) -> None:
    config = _config(tmp_path, "extended = true\n")
    found = compare_projections(config, tmp_path / "none.npy", series, model, None, threads=1)
    assert found.shown.calculated is None
    assert found.r1 is None
    assert "extended film" in found.shown.note


def test_refuses_a_volume_of_another_shape(
    model: AtomicModel, series: TiltSeries, tmp_path: Path
) -> None:
    write_npy(tmp_path / "whole.npy", np.ones((5, 5, 5), dtype=np.float32))
    with pytest.raises(DataFileError, match=r"shape \(5, 5, 5\)"):
        compare_projections(
            _config(tmp_path), tmp_path / "whole.npy", series, model, None, threads=1
        )
