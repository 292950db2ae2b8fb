"""Parts of the readers of frames in MRC and TIFF files: axes of a stack, sidecars beside it.

A section or page is an image with rows y and columns x, in the order of the file.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import AetError, DataFileError
from aet_port.io.sidecar import Sidecar, find_sidecar, read_sidecar
from aet_port.io.statements import Stated, stated
from aet_port.io.units import degrees

STACK_FILE = "frames as images of an MRC or TIFF file"


def stack_images(file: Path, array: NDArray) -> tuple[NDArray, list[int] | None]:
    """Images (n, nx, ny) of sections (..., y, x), and the frames per tilt of a fourth axis."""
    if array.ndim not in (2, 3, 4) or array.size == 0:
        raise DataFileError(file, f"an array of shape {array.shape}", STACK_FILE)
    frames = [array.shape[1]] * array.shape[0] if array.ndim == 4 else None
    stack = array.reshape(-1, *array.shape[-2:])
    return np.ascontiguousarray(stack.transpose(0, 2, 1)), frames


def beside(file: Path) -> Sidecar:
    """The sidecar of a file; one that cannot be used is named in a warning."""
    sidecar = find_sidecar(file)
    if sidecar is None:
        return Sidecar()
    try:
        return read_sidecar(sidecar)
    except AetError as problem:
        text = f"{file}: a file beside it is not used ({problem})"
        warnings.warn(text, UserWarning, stacklevel=3)
        return Sidecar(path=sidecar)


def of_sidecar(
    file: Path, notes: Sidecar
) -> tuple[list[Stated[NDArray[np.float64]]], list[Stated[float]]]:
    """Angles and pixel size of a sidecar."""
    source = "" if notes.path is None else notes.path.name
    angles, length = notes.angles, notes.pixel_size
    of_angles: list[Stated[NDArray[np.float64]]] = []
    if angles is not None:
        where = notes.path or file
        of_angles = stated(source, lambda: degrees(where, angles, notes.angle_unit))
    return of_angles, [] if length is None else [Stated(source, length)]
