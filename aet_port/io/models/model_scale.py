"""Models whose lengths are not in angstrom."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError

LENGTHS = ("sigma_x", "sigma_y", "sigma_z", "position_error")


@checked
def scaled_model(model: AtomicModel, scale: float | None) -> AtomicModel:
    """The model with all its lengths multiplied by a scale.

    Parameters
    ----------
    model
        A model whose coordinates are not in angstrom.
    scale
        Angstrom per unit of its lengths: the pixel size of coordinates in voxels, 10 for nm. None
        or 1 leaves the model as it is.

    Raises
    ------
    InputError
        If the scale is no number above zero.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> model = AtomicModel.from_positions([[0, 0, 0], [8, 0, 0]], "Pd")
    >>> scaled_model(model, 0.344).positions[1].tolist()
    [2.752, 0.0, 0.0]
    """
    if scale is None or scale == 1:
        return model
    if not (np.isfinite(scale) and scale > 0):
        raise InputError("--scale", f"{scale:g}", "angstrom per unit of length, above zero")
    atoms = model.atoms.copy()
    atoms.set_cell(np.asarray(atoms.cell) * scale)
    atoms.set_celldisp(np.asarray(atoms.get_celldisp()) * scale)
    atoms.positions *= scale
    for name, values in atoms.arrays.items():
        if name in LENGTHS:
            atoms.arrays[name] = values * scale
        elif name.startswith("covariance_"):
            atoms.arrays[name] = values * scale**2
    return replace(model, atoms=atoms)
