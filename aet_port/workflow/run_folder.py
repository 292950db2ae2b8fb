"""The folder of a run: its identity, records and files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aet_port.core.errors import DataFileError, InputError, OutputError
from aet_port.core.files import make_folder, sha256, write_whole
from aet_port.core.leftovers import tidy
from aet_port.core.locks import one_at_a_time
from aet_port.core.records import read_json, write_json
from aet_port.workflow.config import RunConfig

WHOLE = 0  # stands for "the one volume" where there are no sub-areas
# Files and folders written by stages.
TRUTH = "truth.xyz"
SIMULATED, FRAMES = "simulated", "frames"
PREPROCESSED, ALIGNED, CLEANED = "preprocessed", "aligned", "cleaned"
VOLUMES, R_FACTORS = "volumes/{area}.npy", "volumes/{area}_r.npz"
PEAKS, VOLUME = "peaks/{area}.npz", "volume.npy"
MODEL, UNEDITED = "model.xyz", "unedited.xyz"
CLASSIFIED, REFINED, REFINEMENT = "classified.extxyz", "refined.extxyz", "refinement.json"
DETECTED, DETECTED_TABLE = "detected.extxyz", "detected.csv"
DETECTION, VALIDATION = "detection.json", "validation.json"
APPLIED = "applied_edits.csv"  # those of them that the model has
EDITS = "edits.csv"  # written by people, through `aet review` or by hand
REVIEWED, REVIEWED_TABLE, REVIEW = "reviewed.extxyz", "reviewed.csv", "reviewed.json"
STRUCTURE, COMPARISON = "structure.json", "comparison.json"
SET_ASIDE = "set_aside"  # earlier results of stages that were done again on request
_CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class RunFolder:
    """The folder that holds everything a run produces.

    ``run.json`` records the hashes of the data read; ``config.toml`` the settings; ``stages.json``
    what each stage depended on; ``outputs.json`` the hashes of the files that it made;
    ``timings.json`` its cost. Everything but the last is determined,
    byte for byte, by configuration and inputs alone.
    """

    root: Path

    def path(self, name: str, area: int = WHOLE) -> Path:
        """Path of a file in the folder; ``{area}`` in its name stands for a sub-area."""
        return self.root / name.replace("{area}", area_name(area))

    def area_names(self, config: RunConfig) -> list[str]:
        """Names of the sub-areas, or of the single volume."""
        return [area_name(area) for area in areas_of(config)]

    def checkpoint(self, stage: str, area: int = WHOLE) -> Path:
        """Checkpoint file of an unfinished stage; deleted once the stage is done."""
        return self.root / _CHECKPOINTS / f"{stage.replace(' ', '_')}.{area_name(area)}.npz"

    def discard_checkpoints(self, stage: str) -> None:
        """Delete the checkpoints of a stage that is done or starts again."""
        folder = self.root / _CHECKPOINTS
        if not folder.is_dir():
            return
        for path in folder.glob(f"{stage.replace(' ', '_')}.*"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()

    def stage_records(self) -> dict[str, dict[str, str]]:
        """Key and status of each stage that was started.

        Raises
        ------
        DataFileError
            If the file exists but holds something else.
        """
        path = self.root / "stages.json"
        if not path.exists():
            return {}
        found = read_json(path)
        if not isinstance(found, dict) or any(
            not isinstance(one, dict) or not {"key", "status"} <= set(one) for one in found.values()
        ):
            raise DataFileError(path, "other contents", "the record of the stages of this run")
        return found

    def write_stage_records(self, records: dict[str, dict[str, str]]) -> None:
        """Replace the record of the stages."""
        write_json(self.root / "stages.json", records)


def area_name(area: int) -> str:
    """File name of a sub-area, or of the single volume."""
    return "whole" if area == WHOLE else f"area_{area:02d}"


def areas_of(config: RunConfig) -> tuple[int, ...]:
    """Numbers of the sub-areas; :data:`WHOLE` alone if there are none."""
    return config.input.areas or (WHOLE,)


@contextmanager
def claim(
    config: RunConfig, folder: Path, resume: bool, check_data: Callable[[RunConfig], object]
) -> Iterator[RunFolder]:
    """Context in which a folder is that of a run, and no other process works in it.

    The identity of the run is written into the folder, or it is checked that it holds a run of the
    same data.

    Parameters
    ----------
    config
        Configuration of the run.
    folder
        The run folder; created if it does not exist.
    resume
        Whether the folder may hold a run already; its settings may differ, its data may not.
    check_data
        Function that reads the data of a new run.

    Raises
    ------
    InputError
        If the folder holds a run and ``resume`` is not given, a run of other data, a run that is
        going on, or other files.
    DataFileError
        If the data can't be used; no folder is left behind.
    """
    inputs = config.inputs()
    data = config.data_files()
    hashes = {role: [path.name, sha256(path)] for role, path in inputs.items()}
    known = {role: hashes[role] for role in data}
    if not _holds_run(config, folder, resume, known):
        check_data(config)  # unusable data leave no folder behind
        try:
            make_folder(folder)
        except OSError as error:
            raise OutputError(folder, str(error), "choose another place (--out)") from error
    with one_at_a_time(folder):
        _holds_run(config, folder, resume, known)  # another process may have been quicker
        write_json(folder / "run.json", {"config": config.text, "inputs": hashes})
        tidy(folder, own=True)
        # After run.json, so that the folder is always either empty or a run.
        write_whole(folder / "config.toml", lambda partial: partial.write_text(config.text))
        yield RunFolder(folder)


def _holds_run(config: RunConfig, folder: Path, resume: bool, data: dict[str, list[str]]) -> bool:
    """Whether a folder holds a run that can be resumed; False if it is empty or new."""
    manifest = folder / "run.json"
    if manifest.exists():
        if not resume:
            raise InputError(
                f"run folder {folder}", "a run", "--resume to continue it, or another --out"
            )
        before = read_json(manifest)
        _check_same(folder, before, data)
        _check_recorded(folder, before, config)
        return True
    if folder.exists() and not folder.is_dir():
        raise InputError(f"run folder {folder}", "a file", "a new folder (--out)")
    if folder.is_dir() and any(p for p in folder.iterdir() if not p.name.startswith(".")):
        raise InputError(f"run folder {folder}", "other files", "an empty or a new folder (--out)")
    return False


def _check_same(folder: Path, before: Any, data: dict[str, list[str]]) -> None:
    known = before.get("inputs") if isinstance(before, dict) else None
    if not isinstance(known, dict):
        raise DataFileError(folder / "run.json", "no record of a run", "another --out")
    changed = [role for role in data if known.get(role) != data[role]]
    if changed:
        raise InputError(
            f"run folder {folder}",
            f"a run of other data ({changed[0]})",
            "the same input files, or another --out",
        )


def _check_recorded(folder: Path, before: Any, config: RunConfig) -> None:
    """Refuse results that no record assigns to settings, if the settings are others now.

    Runs of earlier versions have no record of their stages.
    """
    if (folder / "stages.json").exists() or before.get("config") == config.text:
        return
    made = {path.name for path in folder.iterdir()} - {"run.json", "config.toml"}
    if any(not name.startswith(".") for name in made):
        raise InputError(
            f"run folder {folder}",
            "a run with other settings and no record of its stages",
            "the settings it was started with, or another --out",
        )
