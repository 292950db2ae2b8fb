"""The map of what a model leaves unexplained in a volume, made while the page is open."""

from __future__ import annotations

import tempfile
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.atomic_model import AtomicModel
from aet_port.reviewing.grid import Grid
from aet_port.reviewing.session import FindLeftovers, Progress
from aet_port.reviewing.table import LEAST_SCORE
from aet_port.tracing.difference_parts import Leftovers, leftovers

APART = 0.6  # of the usual distance of neighbours, that a candidate is from all atoms


def of_volume(grid: Grid, model: AtomicModel) -> FindLeftovers:
    """The volume less a Gaussian at each atom, in a file that goes with the process."""

    def find(progress: Progress) -> tuple[Grid, Leftovers]:
        volume = grid.volume
        out = _scratch(volume.shape)
        found = leftovers(
            volume,
            model,
            LEAST_SCORE,
            out=out,
            minimum_distance=apart_from_atoms(model),
            progress=progress,
        )
        return Grid(replace(volume, array=out, name="difference"), signed=True), found

    return find


def apart_from_atoms(model: AtomicModel) -> float:
    """Distance in angstrom that a candidate is from all atoms, at least."""
    if len(model) < 2:
        return 1.0
    return APART * float(np.median(cKDTree(model.positions).query(model.positions, 2)[0][:, 1]))


def _scratch(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """An array in a file without a name, of which the system keeps in memory what is looked at."""
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype=np.float32, mode="w+", shape=shape)
