"""Files of tilt angles: text tables, ``.mdoc`` of SerialEM, MATLAB and NumPy arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import write_whole
from aet_port.io import matlab
from aet_port.io.arrays import read_npy, write_npy
from aet_port.io.mdoc import mdoc_angles, read_mdoc
from aet_port.io.npy_images import NPZ_SUFFIX, read_npz
from aet_port.io.number_tables import read_number_table
from aet_port.io.settings import AngleUnit
from aet_port.io.units import degrees

TEXT_SUFFIXES = (".txt", ".csv", ".tlt", ".rawtlt")
WRITABLE_ANGLES = (".mat", ".npy", *TEXT_SUFFIXES)
ANGLES_FILE = "angles as .mat, .npy, .npz, .txt, .csv, .tlt, .rawtlt or .mdoc"


@checked
def read_angles(
    path: str | Path, name: str | None = None, unit: AngleUnit | None = None
) -> NDArray:
    """Read Euler angles phi, theta, psi (n, 3) in degrees; a list of single numbers is theta.

    Parameters
    ----------
    path
        .mat, .npy, .npz (single precision is kept), .txt, .csv, .tlt, .rawtlt, or .mdoc of
        SerialEM.
    name
        Variable of a .mat or .npz file; needed only if several fit.
    unit
        Unit of the numbers; degrees unless given, but numbers that look like radians are refused.

    Raises
    ------
    DataFileError
        If the file is missing, unreadable, truncated, not finite, or the table is transposed.
    InputError
        For three or more different angles that are all within 1.6 degrees, which look like radians.

    Notes
    -----
    MATLAB: @RESIRE_reconstructor/RESIRE_reconstructor.m::readFiles
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix == ".mat":
        table = matlab.read_angles(file, name)
    elif suffix == ".npy":
        table = matlab.euler_table(file, read_npy(file, ANGLES_FILE))
    elif suffix == NPZ_SUFFIX:
        table = matlab.euler_table(file, read_npz(file, ANGLES_FILE, name))
    elif suffix == ".mdoc":
        theta = mdoc_angles(file, read_mdoc(file))
        if theta is None:
            raise DataFileError(file, "no TiltAngle", "one in every section [ZValue = n]")
        table = matlab.euler_table(file, theta)
    elif suffix in TEXT_SUFFIXES:
        expected = "lines of one number (theta) or three (phi, theta, psi), in degrees"
        table = matlab.euler_table(file, read_number_table(file, expected, columns=(1, 3)))
    else:
        raise DataFileError(file, f"a file of type {suffix or 'unknown'}", ANGLES_FILE)
    several_axes = table[:, [0, 2]].any()
    if unit is None and several_axes and len(np.unique(table, axis=0)) < 3:
        return table  # three angles of one orientation tell nothing
    degrees(file, table.reshape(-1) if several_axes else table[:, 1], unit)  # refuses radians
    return np.rad2deg(table) if unit == "radian" else table


def one_axis_angles(
    path: str | Path, name: str | None = None, unit: AngleUnit | None = None
) -> NDArray[np.float64]:
    """Read the tilt angles (n,) in degrees of a file of angles about one axis.

    Raises
    ------
    AetError
        As in :func:`read_angles`, or if its angles are about several axes.
    """
    table = np.asarray(read_angles(path, name, unit), dtype=np.float64)
    if table[:, [0, 2]].any():
        raise DataFileError(path, "phi or psi other than zero", "tilt angles about one axis")
    return table[:, 1]


@checked
def write_angles(path: str | Path, angles: NDArray) -> Path:
    """Write Euler angles (n, 3): .mat and .npy in their precision, text with all digits.

    Raises
    ------
    InputError
        For another suffix or shape.
    OutputError
        If the file cannot be written.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    table = np.asarray(angles)
    if table.ndim != 2 or table.shape[1] != 3:
        raise InputError("angles", f"shape {table.shape}", "shape (n, 3)")
    if suffix == ".mat":
        return matlab.write_mat(file, {"angles": table})
    if suffix == ".npy":
        return write_npy(file, table)
    if suffix in TEXT_SUFFIXES:
        mark = "," if suffix == ".csv" else " "
        text = "".join(mark.join(repr(float(value)) for value in row) + "\n" for row in table)
        return write_whole(file, lambda partial: _write_text(partial, text))
    raise InputError(str(file), f"a file of type {suffix or 'unknown'}", ANGLES_FILE)


def _write_text(partial: Path, text: str) -> None:
    partial.write_text(text, encoding="utf-8", newline="\n")
