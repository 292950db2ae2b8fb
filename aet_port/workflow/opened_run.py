"""An existing run folder, opened to read its results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import is_data_file, sha256
from aet_port.core.records import read_json
from aet_port.workflow.config import RunConfig, load_config
from aet_port.workflow.output_record import check_run
from aet_port.workflow.run_folder import RunFolder


def open_run(
    place: RunFolder, expected: str = "the folder of a run, or a bank"
) -> tuple[RunConfig, Mapping[str, Any]]:
    """Configuration and record of a run, finished or not.

    Parameters
    ----------
    place
        The run folder.
    expected
        What was asked for, for errors.

    Returns
    -------
    The copy of the configuration in the folder, and the content of ``run.json``.

    Raises
    ------
    InputError
        If the folder is not a run.
    DataFileError
        If it does not exist, something in it can't be read, or a file is not what its stage wrote.
    """
    if not place.root.is_dir():
        found = "a file" if place.root.exists() else "no such folder"
        raise DataFileError(place.root, found, expected)
    if not place.path("run.json").is_file():
        inner = [path.parent.name for path in sorted(place.root.glob("*/run.json"))]
        hint = f"; it holds the run {inner[0]}" if inner else ""
        raise InputError(
            f"run folder {place.root}", f"no run{hint}", "a folder that `aet run` made"
        )
    record = read_json(place.path("run.json"))
    if not _is_record(record):
        raise DataFileError(place.path("run.json"), "no record of a run", "the one `aet run` wrote")
    kept = load_config(place.path("config.toml"))
    if kept.text != record.get("config"):
        raise DataFileError(place.path("config.toml"), "another configuration", "that of run.json")
    check_run(place)
    return kept, record


def _is_record(record: Any) -> bool:
    inputs = record.get("inputs") if isinstance(record, dict) else None
    return isinstance(inputs, dict) and all(
        isinstance(one, list) and len(one) == 2 for one in inputs.values()
    )


def check_same(path: Path, role: str, record: Mapping[str, Any]) -> None:
    """Check that a file is the one that a run read, by its hash.

    Raises
    ------
    DataFileError
        If it is missing, or another.
    """
    if not is_data_file(path):
        raise DataFileError(path, "no such file", f"the {role} of the run")
    known = record["inputs"].get(role)
    if not known or sha256(path) != known[1]:
        raise DataFileError(path, "another file", f"the {role} that the run read, by its hash")
