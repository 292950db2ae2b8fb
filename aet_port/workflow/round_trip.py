"""The round trip that measures precision: simulate a model's tilt series and find it again.

A round trip is a run (:mod:`aet_port.workflow.pipeline`) that simulates the tilt series of a model
and compares what it finds with that model; its folder is a run folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from aet_port.alignment.settings import RefineAnglesSettings
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.records import read_record
from aet_port.core.settings import Settings
from aet_port.detection.settings import DetectSettings
from aet_port.io import read_model
from aet_port.io.settings import ModelReadSettings
from aet_port.refinement.settings import RefineSettings
from aet_port.resire.settings import ReconstructSettings
from aet_port.simulation.settings import SimulateSettings
from aet_port.simulation.tilt_series import odd_size
from aet_port.tracing.settings import ClassifySettings, SelectSettings, TraceSettings
from aet_port.validation.precision import Precision
from aet_port.validation.settings import CompareSettings
from aet_port.workflow.config import RunConfig, parse_config
from aet_port.workflow.pipeline import Run, run
from aet_port.workflow.run_folder import COMPARISON
from aet_port.workflow.sections import COUNTS, InputSettings, Preset, SampleSettings
from aet_port.workflow.synthetic_stages import precision_by_stage, true_model
from aet_port.workflow.toml_text import config_text

# Settings of the papers' chain that differ from those for measured images.
RECONSTRUCT = ReconstructSettings(iterations=150)
TRACE = TraceSettings(upsampling="spline")
# Closer than any metallic bond: such pairs are one atom traced twice.
SELECT = SelectSettings(support="tight", merge_distance=2.0)


@dataclass(frozen=True)
class RoundTrip:
    """A finished round trip: the run, and the precision of its models."""

    run: Run

    @cached_property
    def truth(self) -> AtomicModel:
        """The true model."""
        return true_model(self.run.config)

    @cached_property
    def precision(self) -> dict[str, Precision]:
        """Precision of the models found, by stage, compared with the true one."""
        return precision_by_stage(self.run.config, self.run.folder, self.truth)

    def summary(self) -> dict[str, Any]:
        """Results as plain numbers."""
        figures = read_record(self.run.folder.path(COMPARISON))
        return {"atoms_true": len(self.truth), "r_factor": self.run.r_mean, **figures}


def round_trip_config(
    model: str | Path,
    out: str | Path,
    *,
    reading: ModelReadSettings | None = None,
    angles: str | Path | None = None,
    simulate: SimulateSettings | None = None,
    reconstruct: ReconstructSettings = RECONSTRUCT,
    trace: TraceSettings = TRACE,
    select: SelectSettings = SELECT,
    classify: ClassifySettings | None = None,
    refine: RefineSettings | None = None,
    refine_angles: RefineAnglesSettings | None = None,
    compare: CompareSettings | None = None,
    detect: DetectSettings | None = None,
    preset: Preset = COUNTS,
) -> RunConfig:
    """Make the configuration of a round trip.

    Parameters
    ----------
    model
        File of the true model, positions in angstrom with the origin on the rotation centre.
    out
        The run folder.
    reading
        How to read it, where the file does not say everything.
    angles
        File with the nominal angles; those of ``simulate.tilts`` unless given.
    simulate, reconstruct, trace, select, classify, refine, compare
        Settings of the stages. Image shifts are refined if the simulation displaces images; the
        volume is as deep as the known model; if there are several species, all peaks inside the
        support are classified, as in the glass paper.
    refine_angles
        Settings of the angle refinement; None uses the nominal angles and unshifted images.
    detect
        Settings of the detection from counts.
    preset
        ``"counts"``, which uses ``detect``, or ``"papers"``, which uses the settings of the stages
        from ``reconstruct`` to ``refine``.

    Returns
    -------
    The configuration for :func:`run_round_trip`.

    Raises
    ------
    AetError
        If the model can't be read or settings contradict each other.
    """
    path = Path(model).absolute()
    reading = ModelReadSettings() if reading is None else reading
    if reading.types is not None:
        reading = reading.changed(types=str(Path(reading.types).absolute()))
    truth = read_model(path, **dict(reading))
    symbols = tuple(sorted(set(truth.species), key=atomic_numbers.__getitem__))
    simulate = simulate or SimulateSettings()
    shifted = simulate.acquisition.shift_error > 0
    if detect is None:
        detect = DetectSettings(shifts=shifted and refine_angles is None)
    if reconstruct.n_z is None:
        deep = float(np.abs(truth.positions[:, 2]).max())
        reconstruct = reconstruct.changed(n_z=odd_size(deep, simulate.pixel_size))
    if refine is None:
        refine = RefineSettings(refine_shifts=shifted)
    sections: dict[str, Settings | None] = {
        "sample": SampleSettings(
            name=path.stem,
            species=symbols[0] if len(symbols) == 1 else symbols,
            kind="synthetic",
            preset=preset,
        ),
        "input": InputSettings(
            model=str(path),
            model_reading=reading,
            angles=None if angles is None else str(Path(angles).absolute()),
        ),
        "simulate": simulate,
        "refine_angles": refine_angles,
        "compare": compare,
    }
    if preset == "papers":
        sections |= {
            "reconstruct": reconstruct,
            "trace": trace,
            "select": select,
            "classify": classify if len(symbols) > 1 else None,
            "refine": refine,
        }
    else:
        sections["detect"] = detect
    given = {name: one for name, one in sections.items() if one is not None}
    return parse_config(config_text(given, "A round trip."), Path(out) / "config.toml")


def run_round_trip(
    config: RunConfig,
    out: str | Path,
    *,
    resume: bool = False,
    threads: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> RoundTrip:
    """Simulate a model's tilt series, reconstruct, trace, classify, refine, and compare.

    Parameters
    ----------
    config
        Configuration from :func:`round_trip_config`.
    out
        The run folder; created if it does not exist.
    resume
        Whether to continue an existing round trip.
    threads
        Threads, or processes for multislice simulation; all cores unless given.
    scheduler
        Address of a Dask scheduler for multislice tilts.
    progress
        Whether to report progress on standard error.

    Returns
    -------
    The run and its precision. A failed stage is listed in the ``failures`` of the run.

    Raises
    ------
    InputError
        If the folder holds another run, or this one and ``resume`` is not given; or if no atoms
        were found.
    AetError
        If the first stage fails.

    Notes
    -----
    MATLAB: 10_Multislice_AET_simulations (scripts of all stages), without the manual edits.
    """
    done = run(
        config,
        out,
        resume=resume,
        threads=threads,
        scheduler=scheduler,
        progress=progress,
    )
    if not done.has_model or not done.folder.path(COMPARISON).exists():
        failed = done.failures[0]
        raise InputError(f"stage {failed.stage}", failed.reason, "other settings and --resume")
    return RoundTrip(done)
