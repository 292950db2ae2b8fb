"""What a quench was started with, as ``run.json`` holds it: checked when written and when read.

Every value goes into commands of LAMMPS, so that a changed file is refused before LAMMPS sees it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import model_validator

from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import write_whole
from aet_port.core.records import read_json
from aet_port.core.settings import REQUIRED, Settings, setting
from md_sim.output_journal import is_recorded, note
from md_sim.protocol import Protocol

RECORD = "run.json"
_RECORD = "the record of a quench, as `aet md quench` writes it"


class PotentialSettings(Settings):
    """The potential of a quench, and the crystal that it starts from."""

    name: str = setting(REQUIRED, "Name of the potential.")
    file: str = setting(REQUIRED, "Name of its file in the folder of the run.")
    style: Literal["eam/alloy", "eam/fs", "eam"] = setting(REQUIRED, "Pair style of LAMMPS.")
    cutoff: float = setting(REQUIRED, "Cut-off.", unit="angstrom", gt=0, le=100)
    sha256: str = setting(REQUIRED, "SHA-256 of the file.")
    doi: str | None = setting(None, "DOI of its publication.")
    lattice: Literal["bcc", "fcc"] = setting(REQUIRED, "Lattice of the crystal.")
    lattice_constant: float = setting(
        REQUIRED, "Lattice constant of the crystal.", unit="angstrom", gt=0, le=100
    )

    @model_validator(mode="after")
    def _plain_text(self) -> Self:
        if not is_plain_name(self.file):
            raise InputError(
                "file", repr(self.file), "the name of a file, without folder or quotes"
            )
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise InputError("sha256", repr(self.sha256), "64 hexadecimal digits")
        return self


class QuenchSettings(Settings):
    """Everything that a quench is started with."""

    protocol: dict[str, Any] = setting(REQUIRED, "Settings of the protocol.")
    potential: PotentialSettings = setting(REQUIRED, "The potential.")
    engine: str = setting(REQUIRED, "Program and its version.")

    @model_validator(mode="after")
    def _protocol_is_sound(self) -> Self:
        Protocol.from_plain(self.protocol)
        return self

    def write(self, folder: Path) -> None:
        """Write ``run.json``, and record its hash."""
        text = json.dumps(self.plain(), indent=1, sort_keys=True) + "\n"
        note(folder, RECORD, text.encode())
        write_whole(folder / RECORD, lambda partial: partial.write_text(text, encoding="utf-8"))


def is_plain_name(name: str) -> bool:
    """Whether a text is the name of a file that LAMMPS reads as one word between quotes."""
    printable = name.isprintable() and '"' not in name
    return printable and name not in ("", ".", "..") and Path(name).name == name


def read_quench_settings(folder: str | Path) -> QuenchSettings:
    """What a run was started with.

    Raises
    ------
    DataFileError
        If the folder holds no run, or its record can't be read, has a value that no run is started
        with, or is not what the run wrote.
    """
    path = Path(folder) / RECORD
    stored = read_json(path, _RECORD)
    if not isinstance(stored, dict) or not isinstance(stored.get("potential"), dict):
        raise DataFileError(path, "no protocol and potential", _RECORD)
    try:
        potential = PotentialSettings(**stored["potential"])
        settings = QuenchSettings(**{**stored, "potential": potential})
    except InputError as error:
        raise DataFileError(path, f"{error.subject}: {error.found}", error.expected) from error
    except (TypeError, OverflowError, RecursionError) as error:
        raise DataFileError(path, str(error), _RECORD) from error
    is_recorded(Path(folder), RECORD)  # raises for another file
    return settings
