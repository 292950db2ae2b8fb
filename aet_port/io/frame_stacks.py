"""Parts of the readers of frames in MRC and TIFF files: axes of a stack, sidecars beside it.

A section or page is an image with rows y and columns x, in the order of the file.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import AetError, DataFileError
from aet_port.io.arrays import plain_path
from aet_port.io.settings import READ, ReadSettings
from aet_port.io.sidecar import Sidecar, read_sidecar
from aet_port.io.statements import Stated, why

STACK_FILE = "frames as images of an MRC or TIFF file"


def stack_images(file: Path, array: NDArray) -> tuple[NDArray, list[int] | None]:
    """Images (n, nx, ny) of sections (..., y, x), and the frames per tilt of a fourth axis."""
    if array.ndim not in (2, 3, 4) or array.size == 0:
        raise DataFileError(file, f"an array of shape {array.shape}", STACK_FILE)
    frames = [array.shape[1]] * array.shape[0] if array.ndim == 4 else None
    stack = array.reshape(-1, *array.shape[-2:])
    return np.ascontiguousarray(stack.transpose(0, 2, 1)), frames


def beside(file: Path, read: ReadSettings = READ) -> Sidecar:
    """The sidecar of an image file: ``s.tif.json``, ``s.json`` or the same with .csv.

    Parameters
    ----------
    file
        The image file.
    read
        Unit of the angles, where the sidecar states none.

    Returns
    -------
    The first sidecar that can be read; an empty one if there is none.

    Warns
    -----
    UserWarning
        If a file of that name cannot be read, or its frames per tilt or metadata cannot be used.
    """
    name = plain_path(file)
    for suffix in (".json", ".csv"):
        for path in dict.fromkeys((name.with_name(name.name + suffix), name.with_suffix(suffix))):
            if not path.is_file():
                continue
            try:
                found = read_sidecar(path, read)
            except AetError as problem:
                _not_used(file, path.name, problem)
                continue
            if found is not None:
                for part in found.problems:
                    _not_used(file, f"a part of {path.name}", part)
                return found
    return Sidecar()


def of_sidecar(
    file: Path, notes: Sidecar
) -> tuple[list[Stated[NDArray[np.float64]]], list[Stated[float]]]:
    """Angles and pixel size of a sidecar, in lists of their own."""
    return list(notes.angles), list(notes.pixel_sizes)


def _not_used(file: Path, what: str, problem: AetError) -> None:
    text = f"{file}: {what} is not used ({why(problem)})"
    warnings.warn(text, UserWarning, stacklevel=4)
