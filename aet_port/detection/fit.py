"""Joint maximum-likelihood fit of positions, heights and image parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.geometry import euler_rotations
from aet_port.detection.mixture import Species
from aet_port.refinement.likelihood import Atoms, Likelihood, Slopes, Views
from aet_port.refinement.quasi_newton import State, Vector, take_step

LONGEST_STEP = 0.3  # angstrom that an atom moves in one step at most
REPULSION = 0.2  # angstrom, standard deviation of the smallest distance between atoms
ANGLE_STEP = 1e-4  # degrees, for the derivative of rotations


@dataclass(frozen=True)
class Freed:
    """What is fitted besides the atoms."""

    angles: bool = False
    shifts: bool = False
    background: bool = True
    shears: tuple[bool, bool] = (False, False)


@dataclass(frozen=True)
class Fit:
    """A fit: atoms, views, cost, and whether it converged."""

    atoms: Atoms
    views: Views
    cost: float
    steps: int
    converged: bool


def fit_atoms(
    likelihood: Likelihood,
    atoms: Atoms,
    views: Views,
    covariances: NDArray,
    *,
    freed: Freed = Freed(),
    least_distance: float = 0.0,
    species: Species | None = None,
    max_steps: int = 15,
    settled: float = 5.0,
    highest: float = np.inf,
) -> Fit:
    """Minimise the cost of the images plus a repulsion of atoms that are too close.

    L-BFGS, preconditioned by the covariance of each atom. The background of each image, if it is
    fitted, has its best value throughout: as variables of their own, background and the common
    height of many atoms would hinder each other. Heights stay above zero, atoms move by at
    most 0.3 angstrom in a step.

    Parameters
    ----------
    likelihood
        Images and noise.
    atoms, views
        Start.
    covariances
        Shape (n_atoms, 4, 4): height and position.
    freed
        What is fitted besides the atoms.
    least_distance
        Atoms closer than this repel each other, angstrom: ``1/2 (distance - d)^2 / (0.2)^2``.
    species
        Mixture of heights, if these are to follow it: minus the logarithm of its density is added.
    max_steps
        Largest number of steps.
    settled
        Converged if the cost falls by less than this in a step.
    highest
        Largest height, electrons: atoms that hardly any image shows are bound by nothing else.

    Returns
    -------
    The fit.
    """
    variables = _Variables(atoms, views, freed, covariances, likelihood, highest)

    def function(x: Vector) -> tuple[float, Vector]:
        a, v = variables.unpack(x)
        slopes = likelihood.slopes(a, v, freed.background)
        value, push = repulsion(a.positions, least_distance)
        value += float(slopes.cost.sum())
        gradient = variables.gradient(slopes, push, v)
        if species is not None:
            improbable, pull = species.improbability(a.heights)
            value += improbable
            gradient[variables.of_atoms].reshape(-1, 4)[:, 0] += pull
        return value, gradient

    x = variables.start()
    value, gradient = function(x)
    state = State(x, value, gradient)
    converged = False
    steps = 0
    while steps < max_steps:
        lower, upper = variables.bounds(state.x)
        new = take_step(state, function, variables.metric, lower, upper, 10**9)
        if new is None:
            converged = True
            break
        fallen = state.value - new.value
        state, steps = new, steps + 1
        if fallen < settled:
            converged = True
            break
    a, v = variables.unpack(state.x)
    if freed.background:
        v = replace(v, background=likelihood.best_background(a, v))
    return Fit(a, v, state.value, steps, converged)


def repulsion(positions: NDArray, least_distance: float) -> tuple[float, NDArray[np.float64]]:
    """Energy of pairs closer than ``d``, ``1/2 sum [(d - r) / 0.2]^2``, and its gradient (n, 3).

    Positions (n, 3) and distances in angstrom.
    """
    push = np.zeros_like(positions)
    if least_distance <= 0 or len(positions) < 2:
        return 0.0, push
    pairs = cKDTree(positions).query_pairs(least_distance, output_type="ndarray")
    if not len(pairs):
        return 0.0, push
    apart = positions[pairs[:, 0]] - positions[pairs[:, 1]]
    distance = np.linalg.norm(apart, axis=1) + 1e-9
    lack = (least_distance - distance) / REPULSION
    force = -(lack / REPULSION / distance)[:, None] * apart
    for axis in range(3):
        push[:, axis] += np.bincount(pairs[:, 0], force[:, axis], len(positions))
        push[:, axis] -= np.bincount(pairs[:, 1], force[:, axis], len(positions))
    return float(0.5 * np.sum(lack**2)), push


class _Variables:
    """All unknowns as one vector."""

    def __init__(
        self,
        atoms: Atoms,
        views: Views,
        freed: Freed,
        covariances: NDArray,
        likelihood: Likelihood,
        highest: float,
    ) -> None:
        atoms = replace(atoms, heights=np.minimum(atoms.heights, highest))
        self.highest = highest
        self.atoms, self.views, self.freed = atoms, views, freed
        self.covariances = covariances
        n, m = len(atoms), len(likelihood)
        self.of_atoms = slice(0, 4 * n)
        parts = [("angles", freed.angles, 3 * m), ("shifts", freed.shifts, 2 * m)]
        parts += [("shears", any(freed.shears), 2)]
        self.at: dict[str, slice] = {}
        end = 4 * n
        for name, free, size in parts:
            if free:
                self.at[name] = slice(end, end + size)
                end += size
        self.size = end
        self.scales = np.empty(end - 4 * n)
        information = 1 / np.maximum(covariances[:, 1:, 1:].trace(axis1=1, axis2=2) / 3, 1e-9)
        radius = (atoms.positions**2).sum(axis=1)
        for name, where in self.at.items():
            here = slice(where.start - 4 * n, where.stop - 4 * n)
            if name == "angles":
                stiff = np.sum(information * radius) / m * np.radians(1) ** 2
                self.scales[here] = 1 / max(stiff, 1e-12)
            elif name == "shears":
                stiff = np.sum(information * radius) / 3
                self.scales[here] = np.array(freed.shears) / max(stiff, 1e-12)
            else:
                self.scales[here] = m / max(np.sum(information), 1e-12)

    def start(self) -> Vector:
        x = np.empty(self.size)
        x[self.of_atoms] = np.column_stack([self.atoms.heights, self.atoms.positions]).ravel()
        for name, where in self.at.items():
            x[where] = getattr(self.views, name).ravel()
        return x

    def unpack(self, x: Vector) -> tuple[Atoms, Views]:
        table = x[self.of_atoms].reshape(-1, 4)
        atoms = replace(
            self.atoms,
            heights=np.ascontiguousarray(table[:, 0]),
            positions=np.ascontiguousarray(table[:, 1:]),
        )
        changed = {
            name: x[where].reshape(getattr(self.views, name).shape)
            for name, where in self.at.items()
        }
        return atoms, replace(self.views, **changed)

    def gradient(self, slopes: Slopes, push: NDArray, views: Views) -> Vector:
        g = np.empty(self.size)
        g[self.of_atoms] = np.column_stack([slopes.heights, slopes.positions + push]).ravel()
        for name, where in self.at.items():
            if name == "angles":
                g[where] = angle_slopes(views.angles, slopes.rotations).ravel()
            elif name == "shears":
                g[where] = slopes.shears * np.array(self.freed.shears)
            else:
                g[where] = getattr(slopes, name).ravel()
        return g

    def metric(self, vector: Vector) -> Vector:
        table = vector[self.of_atoms].reshape(-1, 4, 1)
        result = np.empty_like(vector)
        result[self.of_atoms] = (self.covariances @ table).ravel()
        rest = slice(self.of_atoms.stop, None)
        result[rest] = self.scales * vector[rest]
        return result

    def bounds(self, x: Vector) -> tuple[Vector, Vector]:
        lower, upper = np.full(self.size, -np.inf), np.full(self.size, np.inf)
        low, high = lower[self.of_atoms].reshape(-1, 4), upper[self.of_atoms].reshape(-1, 4)
        table = x[self.of_atoms].reshape(-1, 4)
        low[:, 0], high[:, 0] = 0, self.highest
        low[:, 1:], high[:, 1:] = table[:, 1:] - LONGEST_STEP, table[:, 1:] + LONGEST_STEP
        return lower, upper


def angle_slopes(angles: NDArray, by_rotation: NDArray) -> NDArray[np.float64]:
    """Derivative (n, 3) of the cost by the Euler angles (n, 3), per degree.

    From that by the first two rows of the rotations, ``by_rotation`` (n, 2, 3).
    """
    result = np.empty_like(angles)
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = ANGLE_STEP
        change = euler_rotations(angles + step) - euler_rotations(angles - step)
        result[:, axis] = np.sum(change[:, :2] * by_rotation, axis=(1, 2)) / (2 * ANGLE_STEP)
    return result
