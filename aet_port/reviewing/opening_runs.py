"""A run, or an entry of a bank, opened for review."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mdb
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import AetError, InputError
from aet_port.core.records import parsing, read_record
from aet_port.io import read_model
from aet_port.reviewing.counts_leftovers import of_counts
from aet_port.reviewing.grid import open_volume
from aet_port.reviewing.images import ImagesOfAtoms
from aet_port.reviewing.leftovers import of_volume
from aet_port.reviewing.log import EditLog
from aet_port.reviewing.opening import open_files
from aet_port.reviewing.session import FindLeftovers, Session
from aet_port.tracing.edit_replay import replayed
from aet_port.tracing.edits import Edit
from aet_port.workflow.config import RunConfig
from aet_port.workflow.edit_log import applied_edits, given_edits, unedited_model
from aet_port.workflow.model_stages import final_model, takes_refined
from aet_port.workflow.opened_run import check_same
from aet_port.workflow.run_folder import (
    CLASSIFIED,
    DETECTED,
    EDITS,
    MODEL,
    REFINED,
    REFINEMENT,
    REVIEWED,
    VOLUME,
    RunFolder,
)
from aet_port.workflow.run_images import located_run
from aet_port.workflow.series import read_pixel_size, used_series


def open_run_folder(
    folder: str | Path, *, read_only: bool = False, author: str = "", at: int | None = None
) -> Session:
    """The model of a run with its volume, its images where they are at hand, and its edits.

    Parameters
    ----------
    folder
        Run folder of :func:`aet_port.workflow.pipeline.run` in which atoms were found.
    read_only
        Whether nothing may be changed.
    author
        Who looks.
    at
        Number of the atom to begin with.

    Raises
    ------
    AetError
        If it is no run, has no model, or something in it can't be read.
    """
    place = RunFolder(Path(folder))
    config, record = located_run(place)
    shown, given = final_model(config, place), unedited_model(config, place)
    before = given_edits(config, place)
    applied = replayed(given, applied_edits(config, place))
    log = EditLog(given, None if read_only else place.path(EDITS), before)
    if read_only and place.path(EDITS).exists():
        log = _as_it_is(given, place.path(EDITS), before)
    grid = None
    if place.path(VOLUME).exists():
        try:
            grid = open_volume(place.path(VOLUME), read_pixel_size(config, place))
        except AetError:  # the pixel size is in images that are not here
            grid = None
    images = _images(config, place, record)
    traced = None
    if not config.from_counts and place.path(MODEL).exists():
        start = read_model(place.path(MODEL)).positions
        traced = start if len(start) == len(shown) else None
    find: FindLeftovers | None = None
    if grid is not None:
        find = of_volume(grid, shown)
        if config.from_counts and not config.input.areas and images is not None:
            find = of_counts(config, place, images.series, shown, grid)
    # The copy of the configuration in the folder finds no files that lie beside the original.
    started = "CONFIG.toml" if (config.given & {"input"}) else str(place.path("config.toml"))
    names = (REVIEWED, DETECTED, REFINED, CLASSIFIED, MODEL, "stages.json")
    return Session(
        config.sample.name, shown, log, applied, config.species, traced, grid, images, find,
        f"aet run {started} --out {place.root} --resume", author, at,
        tuple(place.path(name) for name in names),
    )  # fmt: skip


def _as_it_is(given: AtomicModel, path: Path, before: list[Edit]) -> EditLog:
    """The edits of a file that nobody may change."""
    log = EditLog(given, path, before)
    log.path = None
    return log


def _images(config: RunConfig, place: RunFolder, record: Any) -> ImagesOfAtoms | None:
    """The images of a run; None where they are not at hand any more, or cut into sub-areas."""
    if config.input.areas:
        return None
    own = config.simulated or config.preprocess is not None or config.refine_angles is not None
    try:
        if not own:
            for role in ("projections", "angles"):
                if role in config.data_files():
                    check_same(config.data_files()[role], role, record)
        series = used_series(config, place)
        heights: dict[str, float] = {}
        widths: dict[str, float] = {}
        if takes_refined(config, place):
            path = place.path(REFINEMENT)
            found = read_record(path, "heights", "b_factors")
            with parsing(path, "record", "the record that the run wrote"):
                heights = {str(k): float(v) for k, v in found["heights"].items()}
                widths = {str(k): float(v) for k, v in found["b_factors"].items()}
    except AetError:
        return None
    return ImagesOfAtoms(series, heights, widths)


def open_bank_entry(bank: str | Path, model: str | None = None, at: int | None = None) -> Session:
    """A model of a bank, read only: its atoms and what is known of each of them.

    Raises
    ------
    AetError
        If there is no such bank or model; without ``model``, if the bank holds several.
    """
    with mdb.Bank(bank, read_only=True) as opened, opened.held():
        known = opened.sql("SELECT model_id FROM current_model ORDER BY 1")["model_id"].to_pylist()
        if model is None and len(known) != 1:
            some = ", ".join(known[:10]) or "a bank with models"
            raise InputError(f"model of bank {bank}", "none", f"one of {some}")
        chosen = known[0] if model is None else model
        atoms = opened.atoms(chosen, None)
    entry = AtomicModel(atoms, name=f"{chosen} of {Path(bank).name}")
    return open_files(None, entry, at=at)
