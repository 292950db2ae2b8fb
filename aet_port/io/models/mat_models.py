"""Models in MATLAB files: coordinates 3 x N, the types of the atoms in a file of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.geometry import centre
from aet_port.io import matlab
from aet_port.io.models.element_symbols import numbers_and_masses
from aet_port.io.models.model_types import unpacked
from aet_port.io.models.species_choice import SpeciesChoice

MAT_FILE = "a MATLAB file with coordinates 3 x N"
TYPES = "; with --types FILE.mat a symbol per type"


def read_mat_model(
    file: Path,
    choice: SpeciesChoice,
    *,
    variable: str | None = None,
    types: str | Path | None = None,
    types_variable: str | None = None,
    pixel_size: float | None = None,
    shape: tuple[int, int, int] | None = None,
) -> AtomicModel:
    """Read the model of a .mat file; for the parameters see :func:`aet_port.io.read_model`.

    Raises
    ------
    DataFileError
        If a file is missing, damaged, or has no such array or several.
    InputError
        Without species; for a pixel size without a shape.
    """
    with unpacked(file, MAT_FILE) as plain:
        positions = matlab.read_positions(plain, variable).astype(np.float64)
    positions = _in_angstrom(file, positions, pixel_size, shape)
    kinds = None
    if types is None:
        if types_variable is not None:
            raise InputError("--types-variable", f"{types_variable!r}", "--types FILE.mat as well")
        symbols = choice.of_all(len(positions), "none", TYPES)
    else:
        kinds = matlab.read_per_atom(types, types_variable, matlab.TYPES_VARIABLE)
        if len(kinds) != len(positions):
            expected = f"one for each of {len(positions)} atoms"
            raise DataFileError(types, f"{len(kinds)} types", expected)
        symbols = choice.of_types(kinds, f"types in {types}", source=Path(types))
    numbers, masses = numbers_and_masses(symbols)
    model = AtomicModel.from_positions(positions, "X", name=str(file))
    model.atoms.numbers = numbers
    if masses is not None:
        model.atoms.set_masses(masses)
    if kinds is not None and not numbers.any():
        model.atoms.set_array("type", kinds.astype(np.int64))  # all that is known of the species
    return model


def _in_angstrom(
    file: Path,
    positions: NDArray[np.float64],
    pixel_size: float | None,
    shape: tuple[int, int, int] | None,
) -> NDArray[np.float64]:
    """MATLAB's pixel coordinates in angstrom from the rotation centre; others as they are."""
    if pixel_size is None and shape is None:
        return positions
    if pixel_size is None or shape is None or len(shape) != 3:
        found = f"pixel_size = {pixel_size}, shape = {shape}"
        raise InputError(f"pixel coordinates of {file}", found, "both, the shape as (nx, ny, nz)")
    middle = np.array([centre(n) for n in shape])
    return (positions - 1 - middle) * pixel_size
