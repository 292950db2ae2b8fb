"""The images of a run that exists, for commands that look at them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.workflow.config import RunConfig, load_config
from aet_port.workflow.opened_run import check_same, open_run
from aet_port.workflow.run_folder import WHOLE, RunFolder, areas_of
from aet_port.workflow.series import used_series


def located_run(
    place: RunFolder, config: str | Path | None = None, resolve: Callable[[str], Path] = Path
) -> tuple[RunConfig, Mapping[str, Any]]:
    """Configuration of a run with the paths of its images, and its record.

    Parameters
    ----------
    place
        The run folder.
    config
        The file with which the run was started, to locate its images; searched beside the folder
        unless given.
    resolve
        Turns the part after ``reference:`` into a path.

    Raises
    ------
    InputError
        For a folder without a run, or another configuration.
    """
    kept, record = open_run(place, "the folder of a run")
    given = None if config is None else load_config(config, resolve)
    if given is not None and given.text != kept.text:
        raise InputError(f"configuration {config}", "another one", f"that of the run {place.root}")
    # Paths in the copy are relative to the original place of the configuration.
    beside = place.root.resolve().parent / "config.toml"
    return given or replace(kept, resolve=resolve, path=beside), record


def check_images(config: RunConfig, record: Mapping[str, Any], area: int = WHOLE) -> None:
    """Check that images and angles are those that the run read, by their hashes.

    Raises
    ------
    DataFileError
        If a file is missing, or another.
    """
    if config.simulated or config.preprocess is not None or config.refine_angles is not None:
        return  # the run wrote its images itself, and its record of outputs was checked
    own = config.projections(area)
    roles = {path: role for role, path in config.data_files().items() if role != "angles"}
    check_same(own, roles[own], record)
    if config.input.angles is not None:
        check_same(config.file(config.input.angles), "angles", record)


def images_of_run(
    folder: str | Path,
    config: str | Path | None = None,
    area: int | None = None,
    resolve: Callable[[str], Path] = Path,
) -> tuple[RunConfig, TiltSeries]:
    """Configuration and reconstructed tilt series of a run, or of one of its sub-areas.

    Parameters
    ----------
    folder
        The run folder.
    config, resolve
        As in :func:`located_run`.
    area
        Number of the sub-area; the first unless given.

    Raises
    ------
    InputError
        As in :func:`located_run`, and for a sub-area that the run does not have.
    DataFileError
        If the images are not where they were, or have changed.
    """
    place = RunFolder(Path(folder))
    found, record = located_run(place, config, resolve)
    areas = areas_of(found)
    chosen = areas[0] if area is None else area
    if chosen not in areas:
        known = "a run without sub-areas" if areas == (WHOLE,) else ", ".join(map(str, areas))
        raise InputError("--area", str(area), known)
    check_images(found, record, chosen)
    return found, used_series(found, place, chosen)
