"""The frame of fitted atoms and views: that nearest to the nominal angles."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aet_port.core.geometry import common_motion, euler_angles, euler_rotations
from aet_port.refinement.likelihood import Atoms, Views


class Framed(NamedTuple):
    """Atoms and views, and the rotation that was applied to the atoms, shape (3, 3)."""

    atoms: Atoms
    views: Views
    turn: NDArray[np.float64]

    def turned(self, covariances: NDArray) -> NDArray[np.float64]:
        """Covariances of positions, shape (n, 3, 3), as those of the atoms in this frame."""
        return np.asarray(np.einsum("ij,njk,lk->nil", self.turn, covariances, self.turn))


def nearest_to_nominal(atoms: Atoms, views: Views, nominal: NDArray) -> Framed:
    """Equivalent fit with the least turn and shift from the nominal views.

    Fitted angles and shifts leave the frame open: the sample may turn and move as a whole.

    Parameters
    ----------
    atoms, views
        The fit.
    nominal
        Shape (n_images, 3): nominal angles, degrees.

    Returns
    -------
    The same fit in the frame nearest to the nominal angles.
    """
    turn, step = common_motion(views.angles, views.shifts, nominal)
    if np.array_equal(views.angles, nominal):
        turn = np.eye(3)
    else:
        rotations = euler_rotations(views.angles) @ turn
        views = replace(views, angles=euler_angles(rotations, nominal))
        atoms = replace(atoms, positions=np.ascontiguousarray(atoms.positions @ turn))
    if np.any(views.shifts):
        rows = euler_rotations(views.angles)[:, :2]
        views = replace(views, shifts=views.shifts - rows @ step)
        atoms = replace(atoms, positions=atoms.positions + step)
    return Framed(atoms, views, turn.T)
