"""IMOD's files of image transforms, ``.xf``, ``.prexg`` and ``.prexf``, applied to a stack.

Each line has the six numbers ``A11 A12 A21 A22 DX DY``: what is at ``(x, y)`` from the middle of
an image goes to ``(A11 x + A12 y + DX, A21 x + A22 y + DY)``. In ``.xf`` and ``.prexg`` a line
brings an image to the common frame, in which the tilt axis is along y; in ``.prexf`` to the frame
of the image before it, which leaves the direction of the axis as it is.

References
----------
IMOD's manual pages of newstack, xftoxg and tiltalign, https://bio3d.colorado.edu/imod/doc/man/
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.image_transforms import transform_images
from aet_port.io.arrays import existing_file, reading
from aet_port.io.imod_files import BESIDE, transforms_beside
from aet_port.io.raw_images import RawImages
from aet_port.io.statements import Stated

_GIVEN = "--transforms FILE, transforms in [input]"
TRANSFORMS_FILE = f"lines of six numbers, A11 A12 A21 A22 DX DY, as in IMOD's .xf: {_GIVEN}"


@checked
def read_transforms(path: str | Path) -> NDArray[np.float64]:
    """Read the transforms of a stack: (n, 6), ``A11 A12 A21 A22 DX DY`` of each image.

    Transforms from image to image (``.prexf``) are multiplied up, so that the image in the middle
    of the series stays where it is.

    Raises
    ------
    DataFileError
        If the file is missing, a line does not have six finite numbers, or a matrix has no inverse.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("s.xf").write_text("   1.0  0.0  0.0  1.0  -3.25  0.5\\n")
    >>> read_transforms("s.xf").tolist()
    [[1.0, 0.0, 0.0, 1.0, -3.25, 0.5]]
    """
    file = existing_file(path, TRANSFORMS_FILE)
    with reading(file, TRANSFORMS_FILE):
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    rows: list[list[float]] = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words:
            continue
        try:
            row = [float(word) for word in words]
        except ValueError:
            row = []
        if len(row) != 6 or not np.isfinite(row).all():
            raise DataFileError(file, f"{line.strip()[:60]!r} in line {number}", TRANSFORMS_FILE)
        if not abs(row[0] * row[3] - row[1] * row[2]) > 1e-6:
            found = f"a matrix without an inverse in line {number}"
            raise DataFileError(file, found, TRANSFORMS_FILE)
        rows.append(row)
    if not rows:
        raise DataFileError(file, "no transforms", TRANSFORMS_FILE)
    table = np.array(rows)
    return _multiplied_up(table) if file.suffix.lower() == ".prexf" else table


def _multiplied_up(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Transforms to the frame of the middle image, from those to the frame of the one before."""
    whole = np.zeros((len(table), 3, 3))
    whole[:, :2, :2], whole[:, :2, 2], whole[:, 2, 2] = (
        table[:, :4].reshape(-1, 2, 2),
        table[:, 4:],
        1,
    )
    whole[0] = np.eye(3)  # there is none before it
    for index in range(1, len(whole)):
        whole[index] = whole[index - 1] @ whole[index]
    back = np.linalg.inv(whole[len(whole) // 2])
    whole = back @ whole
    return np.concatenate([whole[:, :2, :2].reshape(-1, 4), whole[:, :2, 2]], axis=1)


def transformed(file: Path, raw: RawImages, transforms: str) -> RawImages:
    """The images of a file after transforms, and what is stated about their tilt axis then.

    Parameters
    ----------
    file
        The file of the images.
    raw
        What was read from it.
    transforms
        A file of transforms, or ``"beside"`` for that beside the file of the images.

    Raises
    ------
    InputError
        If there is no such file, or it has another number of transforms than the images need.
    DataFileError
        If it cannot be read.

    Warns
    -----
    UserWarning
        If the name of the stack says that it was transformed already.
    """
    path = transforms_beside(file) if transforms == BESIDE else Path(transforms)
    if path is None:
        found = f"{BESIDE!r}, but no .xf, .prexg or .prexf beside {file}"
        raise InputError("transforms", found, f"a file: {_GIVEN}")
    table = read_transforms(path)
    n = len(raw.images)
    counts = raw.frames_per_tilt
    if len(table) != n and counts is not None and len(table) == len(counts) and sum(counts) == n:
        table = np.repeat(table, counts, axis=0)
    elif len(table) != n and n % len(table) == 0:
        table = np.repeat(table, n // len(table), axis=0)
    if len(table) != n:
        expected = f"{n}, one for each image of {file}, or one for each tilt; {_GIVEN}"
        raise DataFileError(path, f"{len(table)} transforms", expected)
    if file.suffix.lower() in (".ali", ".preali"):
        text = f"{file}: its name says that it is aligned, but {path.name} is applied as asked for"
        warnings.warn(text, UserWarning, stacklevel=3)
    images = transform_images(raw.images, table[:, :4].reshape(-1, 2, 2), table[:, 4:])
    upright = path.suffix.lower() != ".prexf"
    axes = [Stated(path.name, 0.0)] if upright else raw.tilt_axes
    metadata = raw.metadata | {"transforms": path.name}
    return replace(raw, images=images, tilt_axes=axes, metadata=metadata)
