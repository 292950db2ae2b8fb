"""Folders and lists of image files: which files they are, and their order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from aet_port.core.errors import DataFileError, InputError
from aet_port.io.image_files import IMAGE_SUFFIXES, IMAGES_FILE

_NUMBER = re.compile(r"(\d+)")


def natural_key(path: Path) -> tuple[tuple[int, int | str], ...]:
    """Key that sorts names by the numbers in them: img_2 before img_10."""
    parts = _NUMBER.split(path.name.lower())
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in parts)


def image_files(path: str | Path | Sequence[str | Path]) -> tuple[str, list[Path]]:
    """Name and files of a series: of a folder in natural order, of a list as given.

    Hidden files, and those that macOS adds beside others (``._name``), are left out.

    Raises
    ------
    DataFileError
        If a folder holds no image file, or files of several types.
    InputError
        For an empty list.
    """
    if not isinstance(path, str | Path):
        files = [Path(item) for item in path]
        if not files:
            raise InputError("path", "an empty list", IMAGES_FILE)
        return (f"{files[0]} and {len(files) - 1} more" if len(files) > 1 else str(files[0])), files
    folder = Path(path)
    if not folder.is_dir():
        return str(folder), [folder]
    files = sorted(
        (
            item
            for item in folder.iterdir()
            if item.suffix.lower() in IMAGE_SUFFIXES
            and not item.name.startswith(".")
            and item.is_file()
        ),
        key=natural_key,
    )
    if not files:
        raise DataFileError(folder, "a folder without image files", IMAGES_FILE)
    kinds = sorted({item.suffix.lower() for item in files})
    if len(kinds) > 1:
        raise DataFileError(folder, f"files of types {', '.join(kinds)}", "files of one type")
    return str(folder), files
