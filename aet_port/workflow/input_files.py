"""Files that a run reads beside those named in its TOML file."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from aet_port.io.emi import emi_of, ser_files
from aet_port.io.imod_files import BESIDE, named_alike, transforms_beside
from aet_port.io.ser import EMI_SUFFIXES, SER_SUFFIXES

_ALONE = (".mat", ".npy", ".npz")  # files beside which no metadata are looked for
_METADATA = (".mdoc", ".rawtlt", ".tlt", ".emi", ".json", ".csv")


def with_neighbours(
    role: str, path: Path, transforms: str | None, others: Collection[Path] = ()
) -> dict[str, Path]:
    """A file of images and the files beside it that state angles or pixel size, by role.

    Parameters
    ----------
    role
        Role of the file.
    path
        The file.
    transforms
        ``transforms`` in ``[input]``.
    others
        Files that have a role already.
    """
    found = {role: path}
    if transforms == BESIDE and (file := transforms_beside(path)) is not None:
        found[f"{role} transforms"] = file
    if path.suffix.lower() in _ALONE:
        return found
    if path.suffix.lower() in SER_SUFFIXES and (emi := emi_of(path)) is not None:
        found[f"{role} .emi"] = emi
    if path.suffix.lower() in EMI_SUFFIXES and path.is_file():
        found |= {f"{role} .ser {number}": file for number, file in enumerate(ser_files(path))}
    for suffix in _METADATA:
        for number, file in enumerate(named_alike(path, suffix)):
            if file not in others:
                found[f"{role} {suffix}" + (f" {number}" if number else "")] = file
    return found
