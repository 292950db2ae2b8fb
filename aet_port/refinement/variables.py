"""The unknowns of a refinement as one vector, and the metric that its steps are measured with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aet_port.refinement.parameters import Curvature, Parameters
from aet_port.refinement.quasi_newton import Vector

HEIGHT_RANGE = 10.0  # heights stay within this factor of where they started


class Variables:
    """What is refined as one vector; atoms move inside a ball about where they started.

    An atom's displacement is ``u / sqrt(1 + u^2 / L^2)`` of its free variable ``u``: equal to it
    for small ones, shorter than the restraint ``L`` for all, smooth in between.
    """

    def __init__(
        self,
        start: Parameters,
        movable: NDArray[np.bool_],
        shifts: bool,
        restraint: float | None,
        b_bounds: tuple[float, float],
    ) -> None:
        self.start, self.movable, self.restraint = start, movable, restraint
        kinds, images = len(start.heights), len(start.shifts)
        self.n_atoms = int(movable.sum())
        ends = np.cumsum([3 * self.n_atoms, kinds, kinds, 2 * images if shifts else 0])
        self.places, self.heights, self.b_factors, self.shifts = (
            slice(int(a), int(b)) for a, b in zip([0, *ends[:-1]], ends, strict=True)
        )
        self.x = np.concatenate(
            [
                np.zeros(3 * self.n_atoms),
                start.heights,
                start.b_factors,
                start.shifts.reshape(-1) if shifts else [],
            ]
        )
        self.lower, self.upper = np.full(len(self.x), -np.inf), np.full(len(self.x), np.inf)
        self.lower[self.heights] = start.heights / HEIGHT_RANGE
        self.upper[self.heights] = start.heights * HEIGHT_RANGE
        self.lower[self.b_factors], self.upper[self.b_factors] = b_bounds

    def moved(self, x: Vector) -> Vector:
        """Displacements (n, 3) of the movable atoms, angstrom."""
        return self._ball(x)[0]

    def movement(self, before: Vector, after: Vector) -> float:
        """The larger of the rms movements of atoms and images, angstrom."""
        atoms = np.sum((self.moved(after) - self.moved(before)) ** 2, axis=1)
        images = np.sum((after - before)[self.shifts].reshape(-1, 2) ** 2, axis=1)
        return float(
            np.sqrt(max(square.mean() for square in (atoms, images, np.zeros(1)) if square.size))
        )

    def _ball(self, x: Vector) -> tuple[Vector, Vector]:
        free = x[self.places].reshape(-1, 3)
        if self.restraint is None:
            return free, np.ones((len(free), 1))
        root = np.sqrt(1 + np.sum(free**2, axis=1, keepdims=True) / self.restraint**2)
        return free / root, root

    def parameters(self, x: Vector) -> Parameters:
        """The parameters that a vector stands for."""
        positions = self.start.positions.copy()
        positions[self.movable] += self.moved(x)
        shifts = x[self.shifts].reshape(-1, 2)
        return replace(
            self.start,
            positions=positions,
            heights=x[self.heights].copy(),
            b_factors=x[self.b_factors].copy(),
            shifts=shifts.copy() if shifts.size else self.start.shifts,
        )

    def gradient(self, x: Vector, slope: Parameters) -> Vector:
        """Derivatives by the vector from those by the parameters."""
        displaced, root = self._ball(x)
        along = slope.positions[self.movable]
        if self.restraint is not None:
            inward = np.sum(displaced * along, axis=1, keepdims=True) / self.restraint**2
            along = (along - displaced * inward) / root
        gradient = np.empty(len(x))
        gradient[self.places] = along.reshape(-1)
        gradient[self.heights], gradient[self.b_factors] = slope.heights, slope.b_factors
        if self.shifts.stop > self.shifts.start:
            gradient[self.shifts] = slope.shifts.reshape(-1)
        return gradient


class Metric:
    """Inverse of the diagonal blocks of the Gauss-Newton matrix times a vector."""

    def __init__(self, variables: Variables, curvature: Curvature) -> None:
        self.variables = variables
        atoms = curvature.positions[variables.movable]
        # An atom that few images show is not known along all directions.
        ridge = 0.01 * np.trace(atoms, axis1=1, axis2=2).max(initial=0.0) / 3
        self.atoms = np.linalg.inv(atoms + ridge * np.eye(3))
        root = np.sqrt(np.diag(curvature.species))
        scaled = curvature.species / np.outer(root, root) + 1e-6 * np.eye(len(root))
        self.species = np.linalg.inv(scaled) / np.outer(root, root)
        self.shifts = np.linalg.inv(curvature.shifts)

    def __call__(self, vector: Vector) -> Vector:
        """The product with a vector of all variables."""
        at = self.variables
        result = np.empty(len(vector))
        atoms = vector[at.places].reshape(-1, 3, 1)
        result[at.places] = (self.atoms @ atoms).reshape(-1)
        both = slice(at.heights.start, at.b_factors.stop)
        result[both] = self.species @ vector[both]
        if at.shifts.stop > at.shifts.start:
            result[at.shifts] = (self.shifts @ vector[at.shifts].reshape(-1, 2, 1)).reshape(-1)
        return result
