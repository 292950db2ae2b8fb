"""The stages of a run from peaks to a refined model: files of the run folder in and out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import AtomicModel, Volume
from aet_port.io import read_model, write_model
from aet_port.tracing.edits import Edit, completed_edits, read_edits, replay_edits, retyped_atoms
from aet_port.workflow.config import RunConfig
from aet_port.workflow.frame_stages import refined_series
from aet_port.workflow.run_folder import read_json, write_json
from aet_port.workflow.sections import Refine
from aet_port.workflow.stage_functions import classify_with, refine_with, selected_model


def select_atoms(
    config: RunConfig,
    folder: Path,
    volume: Volume,
    peaks: NDArray[np.float64],
    threads: int | None,
) -> tuple[AtomicModel, tuple[Edit, ...]]:
    """The peaks that are atoms, as a model, after the manual edits; and these."""
    target, unedited = folder / "model.xyz", folder / "unedited.xyz"
    given = config.select.edits
    first = target if given is None else unedited
    if not first.exists():
        settings = config.select
        if len(config.species) > 1 and settings.rule is None:
            settings = replace(settings, rule="support")  # see Classify
        symbol = config.species[0] if len(config.species) == 1 else "X"
        model = selected_model(volume, peaks, settings, symbol, str(folder), config.file, threads)
        write_model(first, model, config.sample.name)
    edits: tuple[Edit, ...] = ()
    if given is not None:
        model = read_model(unedited)
        edits = tuple(completed_edits(model, read_edits(config.file(given))))
        if not target.exists():
            write_model(target, replay_edits(model, edits), config.sample.name)
    return _named(config, target), edits


def classify_atoms(
    config: RunConfig,
    folder: Path,
    volume: Volume,
    model: AtomicModel,
    edits: tuple[Edit, ...],
    threads: int | None,
) -> AtomicModel:
    """The model with its species, unless it is there."""
    target = folder / "classified.extxyz"
    if not target.exists():
        before = len(model) + sum((e.action == "remove") - (e.action == "add") for e in edits)
        by_hand = retyped_atoms(edits, before)
        found = classify_with(volume, model, config.species, config.classify, by_hand, threads)
        write_model(target, found)
    return _named(config, target)


def refine_atoms(
    config: RunConfig,
    settings: Refine,
    folder: Path,
    model: AtomicModel,
    threads: int | None,
    progress: bool,
) -> tuple[AtomicModel, dict[str, Any]]:
    """The refined model and its figures, unless they are there."""
    target, record = folder / "refined.extxyz", folder / "refinement.json"
    checkpoint = folder / "refined.checkpoint.npz"
    if not record.exists():
        done, facts = refine_with(
            refined_series(config, settings, folder),
            model,
            settings,
            threads=threads,
            checkpoint=None if settings.method == "published" else checkpoint,
            progress=progress,
        )
        write_model(target, done.model)
        write_json(record, facts)  # last: with it the stage is done
    checkpoint.unlink(missing_ok=True)
    return _named(config, target), read_json(record)


def _named(config: RunConfig, path: Path) -> AtomicModel:
    return replace(read_model(path), name=config.sample.name)
