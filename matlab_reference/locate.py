"""Find the published data of the two papers and the golden outputs of the reference code."""

from __future__ import annotations

import os
from pathlib import Path

import pooch

from aet_port.core.errors import DataFileError
from matlab_reference.registry import GOLDEN, GOLDEN_TABLE, read_registry

REPOSITORIES = ("AET-MetallicGlass", "AET-AmorphousMaterials")
ADVICE = (
    "folders holding AET-MetallicGlass/, AET-AmorphousMaterials/ or both, whole or partial clones "
    "of the papers' public repositories: `aet reference fetch` downloads them, or name your own in "
    f"the environment variable AET_REFERENCE, separated by {os.pathsep!r}"
)
GOLDEN_ADVICE = (
    "the golden outputs, which a clone of the aet-port repository holds and an installed package "
    "does not: `aet reference fetch --golden-from CLONE` copies them from a clone, from an archive "
    "of one (.zip, .tar.gz) or from the address of one"
)
_HERE = Path(__file__).resolve().parent
# Beside the checkout; the second particle of the film paper stands apart.
BESIDE = ("data", "pd2")


def candidates() -> list[Path]:
    """Folders searched, in order: those of AET_REFERENCE, by default those beside the checkout,
    then the user's cache.
    """
    named = [Path(part) for part in os.environ.get("AET_REFERENCE", "").split(os.pathsep) if part]
    shared = _HERE.parent.parent / "shared" / "reference"
    folders = [*(named or [shared / name for name in BESIDE]), cache()]
    return list(dict.fromkeys(folders))


def cache() -> Path:
    """Default folder of ``aet reference fetch``: the user's cache."""
    return Path(pooch.os_cache("aet-port")) / "reference"


def holds_data(folder: Path) -> bool:
    """Whether a folder contains that of a repository with at least one file in it.

    An interrupted download may leave empty folders.
    """
    return any(path.is_file() for name in REPOSITORIES for path in (folder / name).rglob("*"))


def data_folders() -> list[Path]:
    """The candidate folders that hold data, in order; their files add up."""
    return [folder for folder in candidates() if holds_data(folder)]


def locate_reference(*parts: str) -> Path:
    """Path of the published data, or of the file ``parts`` inside it.

    Each file is taken from the first of :func:`data_folders` that has it, so that partial clones
    add up. Without ``parts``, the first of these folders.

    Raises
    ------
    DataFileError
        If no candidate folder holds data, or the file is in none of them.
    """
    folders = data_folders()
    if not folders:
        raise DataFileError(candidates()[0], "no reference data", ADVICE)
    for folder in folders:
        path = folder.joinpath(*parts)
        if path.exists():
            return path
    others = "".join(f", nor in {folder}" for folder in folders[1:])
    raise DataFileError(
        folders[0].joinpath(*parts),
        f"no such file in the reference data{others}",
        "complete clones of the papers' repositories: `aet reference fetch` gets missing files, or "
        f"name further folders in AET_REFERENCE, separated by {os.pathsep!r}",
    )


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
