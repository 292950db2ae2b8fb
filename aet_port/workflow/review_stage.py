"""The stage that applies ``edits.csv`` of a run to the atoms found in the counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aet_port.core.records import read_record, write_json
from aet_port.detection.cross_validation import with_r_free
from aet_port.detection.edited import fit_edited
from aet_port.io import write_model, write_model_table
from aet_port.preprocessing.series_background import background_facts
from aet_port.refinement.settings import DEFAULTS
from aet_port.tracing.edit_replay import replay_edits, retyped_atoms
from aet_port.workflow.edit_log import changes_of, fingerprint_of, unedited_model, write_applied
from aet_port.workflow.run_folder import (
    APPLIED,
    DETECTED,
    DETECTION,
    REVIEW,
    REVIEWED,
    REVIEWED_TABLE,
    RunFolder,
)
from aet_port.workflow.series import refined_series
from aet_port.workflow.stages import Stage, Work

NOT_FITTED = (
    "edited by hand and not fitted again: the images of sub-areas are fitted one by one, before "
    "they are put together"
)


def detection_record(folder: RunFolder) -> Path:
    """The record of the atoms that a run from counts goes on with."""
    reviewed = folder.path(REVIEW)
    return reviewed if reviewed.exists() else folder.path(DETECTION)


def apply_edits(work: Work) -> dict[str, Any]:
    """Replay the edits and fit the atoms again; the numbers of atoms before and after."""
    config, folder = work.config, work.folder
    given, changes = unedited_model(config, folder), changes_of(config, folder)
    model = replay_edits(given, changes)
    if config.input.areas:
        record = read_record(folder.path(DETECTION), "warnings")
        record |= {"atoms": len(model), "warnings": [*record["warnings"], NOT_FITTED]}
    else:
        series = refined_series(config, DEFAULTS, folder)
        found = fit_edited(
            series, model, config.species, retyped_atoms(changes, len(given)), config.detect,
            threads=work.threads, progress=work.progress,
        )  # fmt: skip
        record = with_r_free(
            found, series, config.detect, threads=work.threads, progress=work.progress
        ) | background_facts(series)
        model = found.model
    write_model(folder.path(REVIEWED), model)
    write_model_table(folder.path(REVIEWED_TABLE), model)
    write_applied(folder, changes)
    write_json(folder.path(REVIEW), record | {"edits": len(changes)})
    return {"edits": len(changes), "before": len(given), "atoms": len(model)}


def _asked(work: Work) -> str:
    return fingerprint_of(work.config, work.folder)


APPLY = Stage(
    "apply edits",
    ("detect", "input.background", "sample.name", "sample.species", "sample.pixel_size"),
    (DETECTED, DETECTION),
    (REVIEWED, REVIEWED_TABLE, APPLIED, REVIEW),
    apply_edits,
    follows=_asked,
    on_request=True,
)
