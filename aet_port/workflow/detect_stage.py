"""Stage that finds the atoms in the counts of the images."""

from __future__ import annotations

from typing import Any

from aet_port.core.records import write_json
from aet_port.detection.loop import carry_out
from aet_port.detection.search import Search
from aet_port.io import write_model
from aet_port.io.arrays import write_npy
from aet_port.refinement.settings import DEFAULTS
from aet_port.workflow.run_folder import (
    ALIGNED,
    CLEANED,
    DETECTED,
    DETECTION,
    MODEL,
    PREPROCESSED,
    SIMULATED,
    VOLUME,
)
from aet_port.workflow.series import refined_series
from aet_port.workflow.stages import Stage, Work


def detect_atoms(work: Work) -> dict[str, Any]:
    """Write the atoms found, what was fitted with them, and a volume in which to look at them."""
    config, folder = work.config, work.folder
    series = refined_series(config, DEFAULTS, folder)
    search = Search(series, config.species, config.detect, work.threads)
    found = carry_out(search, checkpoint=folder.checkpoint(DETECT.name), progress=work.progress)
    write_npy(folder.path(VOLUME), search.volume_map())
    write_model(folder.path(MODEL), found.model, config.sample.name)
    write_model(folder.path(DETECTED), found.model)
    write_json(folder.path(DETECTION), found.summary())
    return {"atoms": len(found.model), "rounds": len(found.rounds)}


DETECT = Stage(
    "detect",
    ("detect", "sample.name", "sample.species", "sample.pixel_size"),
    (SIMULATED, PREPROCESSED, ALIGNED, CLEANED),
    (VOLUME, MODEL, DETECTED, DETECTION),
    detect_atoms,
)
