"""Find the published data of the two papers and the golden outputs of the reference code."""

from __future__ import annotations

import os
from pathlib import Path

import pooch

from aet_port.core.errors import DataFileError
from matlab_reference.registry import GOLDEN, GOLDEN_TABLE, read_registry

REPOSITORIES = ("AET-MetallicGlass", "AET-AmorphousMaterials")
ADVICE = (
    "a folder holding AET-MetallicGlass/ and AET-AmorphousMaterials/, clones of the papers' public "
    "repositories: `aet reference fetch` downloads them, or name your own in the environment "
    "variable AET_REFERENCE"
)
GOLDEN_ADVICE = (
    "the golden outputs, which a clone of the aet-port repository holds and an installed package "
    "does not: `aet reference fetch --golden-from CLONE` copies them from a clone, from an archive "
    "of one (.zip, .tar.gz) or from the address of one"
)
_HERE = Path(__file__).resolve().parent


def candidates() -> list[Path]:
    """Folders searched, in order: AET_REFERENCE, beside the checkout, the user's cache."""
    named = os.environ.get("AET_REFERENCE")
    beside = _HERE.parent.parent / "shared" / "reference" / "data"
    return [*([Path(named)] if named else []), beside, cache()]


def cache() -> Path:
    """Default folder of ``aet reference fetch``: the user's cache."""
    return Path(pooch.os_cache("aet-port")) / "reference"


def holds_data(folder: Path) -> bool:
    """Whether a folder contains those of both repositories."""
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
                    "a complete clone of the papers' repositories; `aet reference fetch` gets "
                    "missing files",
                )
            return path
    raise DataFileError(looked[0], "no reference data", ADVICE)


def resolve_reference(name: str) -> Path:
    """The published file that ``reference:name`` means in the configuration of a run.

    Raises
    ------
    DataFileError
        If it is not available.
    """
    return locate_reference(*Path(name).parts)


def golden_folders() -> list[Path]:
    """Folders searched, in order: that of a clone, then ``golden/`` beside the published data."""
    return [_HERE / GOLDEN, *(folder / GOLDEN for folder in candidates())]


def golden_folder() -> Path | None:
    """The first of these folders that contains the golden set, if any does."""
    return next((one for one in golden_folders() if (one / "manifest.json").is_file()), None)


def golden_path(name: str) -> Path:
    """Path of one golden file, for example ``"mg__my_fft__parities.mat"``.

    Raises
    ------
    DataFileError
        If the golden set has no file of that name, or the file is in none of the folders.
    """
    for folder in golden_folders():
        path = folder / name
        if path.is_file():
            return path
    if any(one.path == name for one in read_registry(GOLDEN_TABLE)):
        raise DataFileError(cache() / GOLDEN / name, "no such file", GOLDEN_ADVICE)
    raise DataFileError(
        _HERE / GOLDEN / name, "no such golden file", f"a name listed in {GOLDEN_TABLE}"
    )
