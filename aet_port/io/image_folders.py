"""Folders and lists of image files: which files they are, and their order.

A folder is read in natural order (img_2 before img_10). A list is read as given, except one in the
order in which a shell expands ``*.tif`` (img_1, img_10, img_2): that is no one's choice, and with
angles from a file it would give images the angles of others, so such a list is read in natural
order too. A list in Python together with an array of angles stays as it is.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import FOLDER_SUFFIXES
from aet_port.io.arrays import TIFF_SUFFIXES, image_suffix
from aet_port.io.dm import DM_SUFFIXES
from aet_port.io.emd import EMD_SUFFIXES
from aet_port.io.file_names import natural_key
from aet_port.io.image_files import IMAGE_SUFFIXES, IMAGES_FILE
from aet_port.io.ser import EMI_SUFFIXES

_ONE_TYPE = (TIFF_SUFFIXES, DM_SUFFIXES, EMD_SUFFIXES)  # suffixes that count as one type


def files_of_series(
    path: str | Path | Sequence[str | Path], keep_order: bool = False
) -> tuple[str, list[Path]]:
    """Name and files of a series, in their order; see the notes of the module.

    Hidden files, and those that macOS adds beside others (``._name``), are left out.

    Parameters
    ----------
    path
        A file, a folder of files of one type, or a list of files.
    keep_order
        Whether a list keeps its order, whatever it is.

    Raises
    ------
    DataFileError
        If a folder holds no image file, or files of several types.
    InputError
        For an empty list, or a file listed twice.

    Warns
    -----
    UserWarning
        If a list is put into natural order, or stays in another one that looks like a shell's.
    """
    if not isinstance(path, str | Path):
        return _listed([Path(item) for item in path], keep_order)
    folder = Path(path)
    if not folder.is_dir() or image_suffix(folder) in FOLDER_SUFFIXES:
        return str(folder), [folder]
    files = sorted(
        (
            item
            for item in folder.iterdir()
            if image_suffix(item) in IMAGE_SUFFIXES
            and image_suffix(item) not in EMI_SUFFIXES
            and not item.name.startswith(".")
            and item.is_file()
        ),
        key=natural_key,
    )
    if not files:
        raise DataFileError(folder, "a folder without image files", IMAGES_FILE)
    kinds = sorted({image_suffix(item) for item in files})
    if len({_type(kind) for kind in kinds}) > 1:
        expected = "files of one type; or list those that are meant, FILE FILE ... or FOLDER/*.tif"
        raise DataFileError(folder, f"files of types {', '.join(kinds)}", expected)
    return str(folder), files


def _type(suffix: str) -> str:
    return next((group[0] for group in _ONE_TYPE if suffix in group), suffix)


def _listed(files: list[Path], keep_order: bool) -> tuple[str, list[Path]]:
    if not files:
        raise InputError("path", "an empty list", IMAGES_FILE)
    folders = [
        file for file in files if file.is_dir() and image_suffix(file) not in FOLDER_SUFFIXES
    ]
    if folders and len(files) > 1:
        raise InputError(str(folders[0]), "a folder in a list", "files, or one folder alone")
    twice = [file for index, file in enumerate(files) if file in files[:index]]
    if twice:
        raise InputError(str(twice[0]), "the same file twice in a list", "each file once")
    name = f"{files[0]} and {len(files) - 1} more" if len(files) > 1 else str(files[0])
    natural = sorted(files, key=natural_key)
    if natural == files or not _as_a_shell(files):
        return name, files
    first = next(
        i for i, (one, other) in enumerate(zip(files, natural, strict=True)) if one != other
    )
    places = f"{files[first].name} comes before {natural[first].name}"
    if keep_order:
        text = f"{name}: {places} in this list, and the angles are taken in that order"
        warnings.warn(text, UserWarning, stacklevel=4)
        return name, files
    text = f"{name}: read in the order of the numbers in their names, not as listed, where {places}"
    warnings.warn(text, UserWarning, stacklevel=4)
    return f"{natural[0]} and {len(natural) - 1} more", natural


def _as_a_shell(files: list[Path]) -> bool:
    """Whether files of one folder are in the order of their letters, as a shell lists them."""
    if len({file.parent for file in files}) > 1:
        return False
    names = [file.name for file in files]
    return names == sorted(names) or names == sorted(names, key=str.casefold)
