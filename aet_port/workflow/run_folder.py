"""The folder of a run: what it is a run of, its records, its files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import sha256, write_whole
from aet_port.core.records import read_json, write_json
from aet_port.workflow.config import RunConfig

WHOLE = 0  # stands for "the one volume" where there are no sub-areas
# Files and folders that stages make.
TRUTH = "truth.xyz"
SIMULATED, FRAMES = "simulated", "frames"
PREPROCESSED, ALIGNED, CLEANED = "preprocessed", "aligned", "cleaned"
VOLUMES, R_FACTORS = "volumes/{area}.npy", "volumes/{area}_r.npz"
PEAKS, VOLUME = "peaks/{area}.npz", "volume.npy"
MODEL, UNEDITED = "model.xyz", "unedited.xyz"
CLASSIFIED, REFINED, REFINEMENT = "classified.extxyz", "refined.extxyz", "refinement.json"
STRUCTURE, COMPARISON = "structure.json", "comparison.json"
_CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps everything it makes.

    ``run.json`` says what was read, by hash; ``config.toml`` with which settings; ``stages.json``
    what each stage was done with; ``timings.json`` what it cost. Everything but the last is a
    function of configuration and inputs alone, to the last byte.
    """

    root: Path

    def path(self, name: str, area: int = WHOLE) -> Path:
        """Of a file in the folder; ``{area}`` in its name stands for a sub-area."""
        return self.root / name.replace("{area}", area_name(area))

    def area_names(self, config: RunConfig) -> list[str]:
        """Names of the sub-areas, or of the one volume."""
        return [area_name(area) for area in areas_of(config)]

    def checkpoint(self, stage: str, area: int = WHOLE) -> Path:
        """File of an unfinished stage's state; deleted once the stage is done."""
        return self.root / _CHECKPOINTS / f"{stage.replace(' ', '_')}.{area_name(area)}.npz"

    def discard_checkpoints(self, stage: str) -> None:
        """Delete the state of a stage that is done or starts anew."""
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
        """Key and status of each stage that was begun.

        Raises
        ------
        DataFileError
            If the file is there and holds something else.
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
    """Name of the files of a sub-area, or of the one volume."""
    return "whole" if area == WHOLE else f"area_{area:02d}"


def areas_of(config: RunConfig) -> tuple[int, ...]:
    """Numbers of the sub-areas; :data:`WHOLE` alone if there are none."""
    return config.input.areas or (WHOLE,)


def claim(
    config: RunConfig, folder: Path, resume: bool, check_data: Callable[[RunConfig], object]
) -> RunFolder:
    """Write what a run is into its folder, or make sure that it is a run of the same data.

    Parameters
    ----------
    config
        Of the run.
    folder
        The run folder; made if it is not there.
    resume
        Whether a run may be there already; its settings may be others, its data not.
    check_data
        Reads the data of a new run.

    Raises
    ------
    InputError
        If a run is there without ``resume``, a run of other data, or other files.
    DataFileError
        If the data can't be used; then no folder is left behind.
    """
    inputs = config.inputs()
    data = config.data_files()
    hashes = {role: [path.name, sha256(path)] for role, path in inputs.items()}
    manifest = folder / "run.json"
    if manifest.exists():
        if not resume:
            raise InputError(
                f"run folder {folder}", "a run", "--resume to continue it, or another --out"
            )
        _check_same(folder, read_json(manifest), {role: hashes[role] for role in data})
    else:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"run folder {folder}", "a file", "a new folder (--out)")
        if folder.is_dir() and any(p for p in folder.iterdir() if not p.name.startswith(".")):
            raise InputError(
                f"run folder {folder}", "other files", "an empty or a new folder (--out)"
            )
        check_data(config)  # unusable data leave no folder behind
    write_json(manifest, {"config": config.text, "inputs": hashes})
    for leftover in folder.rglob(".*.partial-*"):  # of a process that was killed
        leftover.unlink()
    # After run.json, so that a folder is at any moment either empty or a run.
    write_whole(folder / "config.toml", lambda partial: partial.write_text(config.text))
    return RunFolder(folder)


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
