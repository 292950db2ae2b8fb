"""The unknowns of a refinement as one vector, and the preconditioner of its steps."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.core.scan_distortion import LARGEST
from aet_port.refinement.parameters import Curvature, Parameters
from aet_port.refinement.quasi_newton import Vector
from aet_port.refinement.settings import ScanShear

HEIGHT_RANGE = 10.0  # heights stay within this factor of their initial values


class Variables:
    """The refined parameters as one vector; atoms move inside a ball about their start.

    An atom's displacement is ``u / sqrt(1 + u^2 / L^2)`` for its free variable ``u``: equal to
    ``u`` if that is small, always shorter than the limit ``L``, smooth in between.

    A scan-coil shear common to all images can be determined because the model cannot absorb it.
    With tilts ``theta`` about y, ``shear_y`` displaces an atom at ``(X, Y, Z)`` along y by
    ``shear_y (X cos theta + Z sin theta)``. Atoms moved to ``Y + a X + b Z`` absorb only the mean
    of both terms over the tilts: for a ball of atoms and tilts of -70 to 70 degrees 0.64 of the
    displacement, root mean square, remains. ``shear_x Y`` along x is partly absorbed as
    ``(a cos theta + b sin theta) Y`` by atoms at ``X + a Y`` and ``Z + b Y``; 0.25 remains, so this
    shear is determined 2.5 times less precisely. Image shifts absorb no more of either than the
    displacement of the model's centre. For 1000 Ta atoms at 8e5 electrons per square angstrom over
    46 tilts, counting noise gives a standard error of 0.022 % for ``shear_y`` and 0.055 % for
    ``shear_x``; the Cramer-Rao bounds, with all atoms and shifts unknown, are 0.022 and 0.053 %.
    The two together also describe a tilt axis at an angle ``e`` to y, as ``shear_y = e,
    shear_x = -e``. A scale along y can't be determined: a model stretched along y gives the same
    images at all tilts.

    Parameters
    ----------
    start
        Initial parameters; those not refined keep these values.
    movable
        Shape (n_atoms,): atoms that are refined.
    shifts
        Whether the image shifts are refined.
    restraint
        ``L`` in angstrom, or None.
    b_bounds
        Smallest and largest B' in square angstrom.
    scan_shear
        Shears that are refined: ``"none"``, ``"x"``, ``"y"`` or ``"both"``.

    Raises
    ------
    InputError
        For another ``scan_shear``.
    """

    def __init__(
        self,
        start: Parameters,
        movable: NDArray[np.bool_],
        shifts: bool,
        restraint: float | None,
        b_bounds: tuple[float, float],
        scan_shear: ScanShear = "none",
    ) -> None:
        if scan_shear not in get_args(ScanShear):
            raise InputError("scan_shear", f"{scan_shear!r}", "none, x, y or both")
        self.start, self.movable, self.restraint = start, movable, restraint
        both = scan_shear == "both"
        self.sheared = np.array([both or scan_shear == "x", both or scan_shear == "y"])
        # A shear moves an atom in proportion to its distance from the centre.
        self.reach = float(np.linalg.norm(start.positions, axis=1).max())
        kinds, images = len(start.heights), len(start.shifts)
        self.n_atoms = int(movable.sum())
        sizes = [3 * self.n_atoms, kinds, kinds, 2 * images if shifts else 0, self.sheared.sum()]
        ends = np.cumsum(sizes)
        self.places, self.heights, self.b_factors, self.shifts, self.shears = (
            slice(int(a), int(b)) for a, b in zip([0, *ends[:-1]], ends, strict=True)
        )
        self.x = np.concatenate(
            [
                np.zeros(3 * self.n_atoms),
                start.heights,
                start.b_factors,
                start.shifts.reshape(-1) if shifts else [],
                start.shears[self.sheared],
            ]
        )
        self.lower, self.upper = np.full(len(self.x), -np.inf), np.full(len(self.x), np.inf)
        self.lower[self.heights] = start.heights / HEIGHT_RANGE
        self.upper[self.heights] = start.heights * HEIGHT_RANGE
        self.lower[self.b_factors], self.upper[self.b_factors] = b_bounds
        self.lower[self.shears], self.upper[self.shears] = -LARGEST, LARGEST

    def moved(self, x: Vector) -> Vector:
        """Displacements (n, 3) of the movable atoms, angstrom."""
        return self._ball(x)[0]

    def movement(self, before: Vector, after: Vector) -> float:
        """Largest of the rms displacements of atoms, of images, and of an atom by the shear."""
        atoms = np.sum((self.moved(after) - self.moved(before)) ** 2, axis=1)
        images = np.sum((after - before)[self.shifts].reshape(-1, 2) ** 2, axis=1)
        shear = np.max((self.reach * (after - before)[self.shears]) ** 2, initial=0.0)
        means = [part.mean() for part in (atoms, images) if part.size]
        return float(np.sqrt(max([shear, *means])))

    def _ball(self, x: Vector) -> tuple[Vector, Vector]:
        free = x[self.places].reshape(-1, 3)
        if self.restraint is None:
            return free, np.ones((len(free), 1))
        root = np.sqrt(1 + np.sum(free**2, axis=1, keepdims=True) / self.restraint**2)
        return free / root, root

    def parameters(self, x: Vector) -> Parameters:
        """The parameters represented by a vector."""
        positions = self.start.positions.copy()
        positions[self.movable] += self.moved(x)
        shifts = x[self.shifts].reshape(-1, 2)
        shears = self.start.shears.copy()
        shears[self.sheared] = x[self.shears]
        return replace(
            self.start,
            positions=positions,
            heights=x[self.heights].copy(),
            b_factors=x[self.b_factors].copy(),
            shifts=shifts.copy() if shifts.size else self.start.shifts,
            shears=shears,
        )

    def gradient(self, x: Vector, slope: Parameters) -> Vector:
        """Derivatives with respect to the vector from those with respect to the parameters."""
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
        gradient[self.shears] = slope.shears[self.sheared]
        return gradient


class Metric:
    """Inverse of the diagonal blocks of the Gauss-Newton matrix times a vector.

    The shears form one block with all atoms: the model absorbs most of a shear, so on its own its
    curvature would be far too large.
    """

    def __init__(self, variables: Variables, curvature: Curvature) -> None:
        self.variables = variables
        atoms = curvature.positions[variables.movable]
        # The position of an atom on few images is not determined along all directions.
        ridge = 0.01 * np.trace(atoms, axis1=1, axis2=2).max(initial=0.0) / 3
        self.atoms = np.linalg.inv(atoms + ridge * np.eye(3))
        root = np.sqrt(np.diag(curvature.species))
        scaled = curvature.species / np.outer(root, root) + 1e-6 * np.eye(len(root))
        self.species = np.linalg.inv(scaled) / np.outer(root, root)
        self.shifts = np.linalg.inv(curvature.shifts)
        coupling = curvature.coupling[variables.movable][:, :, variables.sheared]
        self.follow = self.atoms @ coupling  # displacement of the atoms per shear
        block = curvature.shears[np.ix_(variables.sheared, variables.sheared)]
        left = block - np.einsum("akb,akc->bc", coupling, self.follow)
        self.shears = np.linalg.inv(left + 1e-6 * np.diag(np.diag(block)))

    def __call__(self, vector: Vector) -> Vector:
        """The product with a vector of all variables."""
        at = self.variables
        result = np.empty(len(vector))
        atoms = vector[at.places].reshape(-1, 3)
        shears = self.shears @ (vector[at.shears] - np.einsum("akb,ak->b", self.follow, atoms))
        moved = (self.atoms @ atoms[:, :, None])[:, :, 0] - self.follow @ shears
        result[at.places], result[at.shears] = moved.reshape(-1), shears
        both = slice(at.heights.start, at.b_factors.stop)
        result[both] = self.species @ vector[both]
        if at.shifts.stop > at.shifts.start:
            result[at.shifts] = (self.shifts @ vector[at.shifts].reshape(-1, 2, 1)).reshape(-1)
        return result
