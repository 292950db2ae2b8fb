"""Find the published data of the two papers and the golden outputs of the reference code."""

from __future__ import annotations

import os
from pathlib import Path

import pooch

from aet_port.core.errors import DataFileError

REPOSITORIES = ("AET-MetallicGlass", "AET-AmorphousMaterials")
ADVICE = (
    "a folder holding AET-MetallicGlass/ and AET-AmorphousMaterials/, clones of the papers' public "
    "repositories: `aet reference fetch` downloads them, or name your own in the environment "
    "variable AET_REFERENCE"
)
_HERE = Path(__file__).resolve().parent


def candidates() -> list[Path]:
    """Folders looked at, in order: AET_REFERENCE, beside the checkout, the user's cache."""
    named = os.environ.get("AET_REFERENCE")
    beside = _HERE.parent.parent / "shared" / "reference" / "data"
    return [*([Path(named)] if named else []), beside, cache()]


def cache() -> Path:
    """Where ``aet reference fetch`` puts the data unless told otherwise: the user's cache."""
    return Path(pooch.os_cache("aet-port")) / "reference"


def holds_data(folder: Path) -> bool:
    """Whether both repositories have a folder there."""
    return all((folder / name).is_dir() for name in REPOSITORIES)


def locate_reference(*parts: str) -> Path:
    """Path of the published data, or of the file ``parts`` inside it.

    Raises
    ------
    DataFileError
        If no candidate folder holds the two repositories, or the file is not in it.
    """
    looked = candidates()
    for folder in looked:
        if holds_data(folder):
            path = folder.joinpath(*parts)
            if not path.exists():
                raise DataFileError(
                    path,
                    "no such file in the reference data",
                    "a complete clone of the papers' repositories; `aet reference fetch` gets what "
                    "is missing",
                )
            return path
    raise DataFileError(looked[0], "no reference data", ADVICE)


def golden_path(name: str) -> Path:
    """Path of one golden file, for example ``"mg__my_fft__parities.mat"``.

    Raises
    ------
    DataFileError
        If there is no golden file of that name.
    """
    path = _HERE / "golden" / name
    if not path.exists():
        raise DataFileError(
            path, "no such golden file", "a name listed in matlab_reference/golden/manifest.json"
        )
    return path
