"""Stages of runs that simulate their data: true model, tilt series or frames, comparison."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.frame_series import FrameSeries
from aet_port.core.parallel import check_threads
from aet_port.core.records import OWN, parsing, read_record, write_json
from aet_port.core.scan_distortion import ScanDistortion
from aet_port.io import read_angles, read_model, write_angles, write_model, write_tilt_series
from aet_port.io.frames import write_frames
from aet_port.simulation.alloys import amorphous_alloy
from aet_port.simulation.linear import project_atoms, tilt_angles
from aet_port.simulation.raw_frames import RawFrames, take_frames
from aet_port.simulation.samples import amorphous_particle
from aet_port.simulation.settings import SimulateSettings
from aet_port.simulation.tilt_series import fitting_shape, simulate
from aet_port.validation.precision import Precision, score
from aet_port.validation.preprocess_errors import shear_error, step_errors
from aet_port.workflow.config import RunConfig
from aet_port.workflow.model_stages import takes_refined
from aet_port.workflow.review_stage import detection_record
from aet_port.workflow.run_folder import (
    CLASSIFIED,
    COMPARISON,
    DETECTED,
    FRAMES,
    MODEL,
    PREPROCESSED,
    REFINED,
    REFINEMENT,
    REVIEWED,
    SIMULATED,
    TRUTH,
    RunFolder,
)
from aet_port.workflow.series import (
    DENOISED,
    NOISE,
    PREPROCESS_RECORD,
    series_files,
    series_names,
)
from aet_port.workflow.series_stages import preprocessed, write_preprocessed
from aet_port.workflow.stages import Stage, Work

STEP_ERRORS = f"{PREPROCESSED}/step_errors.json"
FOUND = {"traced": MODEL, "classified": CLASSIFIED, "refined": REFINED}
REFUSED = "refused"  # the refined model, where the run does not go on with it
FOUND_IN_COUNTS = {"detected": DETECTED, "reviewed": REVIEWED}
OF_SPECIES = ("right_species", "species_fraction", "identified", "species", "confusion")


def make_sample(work: Work) -> dict[str, Any]:
    """Write the true model: that of the input, or a random amorphous particle."""
    truth = truth_of(work)
    write_model(work.folder.path(TRUTH), truth, truth.name)
    return {"atoms": len(truth)}


def true_model(config: RunConfig) -> AtomicModel:
    """The model whose images are simulated.

    Raises
    ------
    AetError
        If its file can't be read.
    """
    if config.input.model is not None:
        given = dict(config.input.model_reading)
        if given["types"] is not None:
            given["types"] = config.file(given["types"])
        only = config.species[0] if len(config.species) == 1 else None
        return read_model(config.file(config.input.model), default_species=only, **given)
    if config.synthetic is None:
        raise AssertionError("a stage of runs with [synthetic] or a model")
    symbols, asked = config.species, config.synthetic
    if len(symbols) == 1:
        return amorphous_particle(asked.atoms, symbols[0], asked.seed)
    return amorphous_alloy(asked.atoms, dict.fromkeys(symbols, 1 / len(symbols)), asked.seed)


def truth_of(work: Work) -> AtomicModel:
    """The true model, made once per process."""
    return kept_truth(work.config, work.memo)


def kept_truth(config: RunConfig, memo: dict[str, Any]) -> AtomicModel:
    """The true model, kept among the results of this process."""
    if "truth" not in memo:
        memo["truth"] = true_model(config)
    truth: AtomicModel = memo["truth"]
    return truth


def simulate_series(work: Work) -> dict[str, Any]:
    """Simulate the tilt series of the true model and write it with its true parameters."""
    config, folder, settings = work.config, work.folder, simulation_of(work.config)
    acquired = simulate(
        truth_of(work),
        nominal_angles(config),
        settings,
        workers=check_threads(work.threads),
        scheduler=work.scheduler,
        checkpoint=folder.checkpoint(SIMULATE.name).with_suffix(""),
        progress=work.progress,
    )
    write_tilt_series(*series_files(folder, SIMULATED), acquired.series)
    write_json(folder.path(f"{SIMULATED}/truth.json"), settings.record() | acquired.truth())
    return {"images": len(acquired.series)}


def simulation_of(config: RunConfig) -> SimulateSettings:
    """Section ``[simulate]`` of a run that has one."""
    if config.simulate is None:
        raise InputError("[simulate]", "no such section", "one, for a run that simulates its data")
    return config.simulate


def nominal_angles(config: RunConfig) -> Any:
    """Nominal tilt angles of the simulated series, shape (n, 3), degrees."""
    given = config.input
    if given.angles is not None:
        return read_angles(config.file(given.angles), given.angles_variable, given.angle_unit)
    return tilt_angles(simulation_of(config).tilts)


def simulate_frames(work: Work) -> dict[str, Any]:
    """Simulate raw frames of the true model."""
    raw = raw_frames(work.config, truth_of(work))
    work.memo["raw frames"] = raw
    series = FrameSeries(
        tuple(raw.frames), raw.angles[:, 1], raw.pixel_size, name=work.config.sample.name
    )
    write_frames(work.folder.path(f"{FRAMES}/frames.mrc"), series)
    write_angles(work.folder.path(f"{FRAMES}/angles.txt"), raw.angles)
    return {"frames": raw.frames.shape[0] * raw.frames.shape[1]}


def raw_frames(config: RunConfig, truth: AtomicModel) -> RawFrames:
    """Raw frames of a model with their true parameters, determined by the configuration."""
    simulation, errors = simulation_of(config), config.simulate_frames
    if errors is None:
        raise AssertionError("a stage of runs with [simulate_frames]")
    angles = nominal_angles(config)
    nx, ny = simulation.shape or fitting_shape(truth, angles, simulation.pixel_size)
    shape = (nx + 2 * errors.border, ny + 2 * errors.border)
    project = partial(
        project_atoms,
        truth,
        pixel_size=simulation.pixel_size,
        shape=shape,
        b_factor=simulation.b_factor,
        probe=simulation.linear_probe,
    )
    return take_frames(project, angles, simulation.pixel_size, errors)


def preprocess_simulated(work: Work) -> dict[str, Any]:
    """Preprocess simulated frames, and compare each step with the errors that were simulated."""
    raw = work.memo.get("raw frames") or raw_frames(work.config, truth_of(work))
    done = preprocessed(work)
    facts = write_preprocessed(work, done)
    write_json(work.folder.path(STEP_ERRORS), dict(vars(step_errors(raw, done))))
    return facts


def compare_models(work: Work) -> dict[str, Any]:
    """Compare the models found with the true one."""
    config, folder = work.config, work.folder
    found = precision_by_stage(config, folder, truth_of(work))
    figures: dict[str, Any] = {name: _figures(name, one) for name, one in found.items()}
    if config.simulate_frames is not None:
        figures["steps"] = refined_step_errors(config, folder)
    write_json(folder.path(COMPARISON), figures)
    best = [one for name, one in found.items() if name != REFUSED][-1]
    return {"recall": best.recall, "rmsd_pm": best.rmsd_pm}


def precision_by_stage(
    config: RunConfig, folder: RunFolder, truth: AtomicModel
) -> dict[str, Precision]:
    """Precision of each existing model of a run, compared with the true one.

    The refined model is called ``"refused"`` if the run does not go on with it.
    """
    made = dict(FOUND_IN_COUNTS if config.from_counts else FOUND)
    if not config.from_counts and not takes_refined(config, folder):
        made[REFUSED] = made.pop("refined")
    return {
        name: score(read_model(folder.path(file)), truth, config.compare.radius)
        for name, file in made.items()
        if folder.path(file).exists()
    }


def refined_step_errors(config: RunConfig, folder: RunFolder) -> dict[str, Any]:
    """Errors of the preprocessing, including the scan shear refined with the final model."""
    errors = read_record(folder.path(STEP_ERRORS))
    fitted = detection_record(folder) if config.from_counts else folder.path(REFINEMENT)
    known = fitted.exists() if config.from_counts else takes_refined(config, folder)
    if config.simulate_frames is not None and known:
        steps = read_record(folder.path(PREPROCESS_RECORD))
        refined = read_record(fitted)
        with parsing(folder.path(PREPROCESS_RECORD), "record", OWN):
            taken = ScanDistortion(steps["shear_x"], steps["shear_y"], steps["scale"])
        with parsing(fitted, "record", OWN):
            whole = taken.then(ScanDistortion(refined["shear_x"], refined["shear_y"]))
        matrix = config.simulate_frames.matrix
        errors["shear"] = shear_error(matrix, whole)
        errors["scale"] = float(abs(whole.scale - matrix[1, 1]))
    return errors


def _figures(stage: str, found: Precision) -> dict[str, Any]:
    """Results of one stage, without species before classification; NaN becomes None."""
    figures = json.loads(json.dumps(found.summary()), parse_constant=lambda _: None)
    untyped = OF_SPECIES if stage == "traced" else ()
    return {key: value for key, value in figures.items() if key not in untyped}


SAMPLE = Stage(
    "make the sample",
    ("synthetic", "input.model", "input.model_reading", "sample.species"),
    (),
    (TRUTH,),
    make_sample,
)
SIMULATE = Stage(
    "simulate",
    ("simulate", "input.angles"),
    (TRUTH,),
    series_names(SIMULATED),
    simulate_series,
    extras=(f"{SIMULATED}/truth.json",),
)
SIMULATE_FRAMES = Stage(
    "simulate frames",
    ("simulate", "simulate_frames", "input.angles"),
    (TRUTH,),
    (f"{FRAMES}/frames.mrc", f"{FRAMES}/angles.txt"),
    simulate_frames,
)
PREPROCESS_SIMULATED = Stage(
    "preprocess",
    ("preprocess", "refine.images"),
    (FRAMES,),
    (*series_names(PREPROCESSED), PREPROCESS_RECORD, STEP_ERRORS),
    preprocess_simulated,
    extras=(DENOISED, NOISE),
)
COMPARE = Stage(
    "compare",
    ("compare",),
    (TRUTH, MODEL, CLASSIFIED, REFINED, REFINEMENT, DETECTED, REVIEWED),
    (COMPARISON,),
    compare_models,
    optional=(CLASSIFIED, REFINED, REFINEMENT, DETECTED, REVIEWED),
)
