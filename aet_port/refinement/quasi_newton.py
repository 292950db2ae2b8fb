"""A limited-memory quasi-Newton minimiser (L-BFGS) with a metric of its own and simple bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

MEMORY = 10  # pairs of steps and changes of gradient
SUFFICIENT = 1e-4  # of the decrease that the gradient promises (Armijo)
HALVINGS = 12  # of a step before the search gives up


@dataclass
class State:
    """Where a minimisation stands; all that is needed to go on.

    Attributes
    ----------
    x, value, gradient
        The best point, its function value and gradient.
    steps, changes
        The last steps and the changes of the gradient along them, oldest first.
    evaluations, iterations
        Of the function with its gradient, and steps taken.
    """

    x: Vector
    value: float
    gradient: Vector
    steps: list[Vector] = field(default_factory=list)
    changes: list[Vector] = field(default_factory=list)
    evaluations: int = 1
    iterations: int = 0


def direction(state: State, metric: Callable[[Vector], Vector], free: NDArray[np.bool_]) -> Vector:
    """Descent direction ``-H g`` by the two-loop recursion, zero where a variable is not free.

    J. Nocedal, S. J. Wright, Numerical Optimization, 2nd ed. (2006), Algorithm 7.4, with
    ``H_0 = gamma M``, ``M`` the metric and ``gamma = s.y / y.M y`` of the last step.

    Parameters
    ----------
    state
        Of the minimisation.
    metric
        Approximate inverse of the Hessian times a vector; symmetric, positive.
    free
        Variables that may change, of the shape of ``x``.
    """
    g = np.where(free, state.gradient, 0.0)
    if not state.steps:
        return -np.where(free, metric(g), 0.0)
    q, weights = g.copy(), []
    pairs = list(zip(state.steps, state.changes, strict=True))
    for s, y in reversed(pairs):
        weights.append((s @ q) / (s @ y))
        q -= weights[-1] * y
    s, y = pairs[-1]
    r = metric(q) * ((s @ y) / (y @ metric(y)))
    for (s, y), weight in zip(pairs, reversed(weights), strict=True):
        r += s * (weight - (y @ r) / (s @ y))
    return -np.where(free, r, 0.0)


def take_step(
    state: State,
    function: Callable[[Vector], tuple[float, Vector]],
    metric: Callable[[Vector], Vector],
    lower: Vector,
    upper: Vector,
    most_evaluations: int,
) -> State | None:
    """One step down, its length found by interpolation; None if none lowers the function.

    Parameters
    ----------
    state
        Where to start; it is not changed.
    function
        Value and gradient at a point.
    metric
        See :func:`direction`.
    lower, upper
        Bounds of the variables; a trial point is clipped to them, and a variable that a step
        would push out of them stands still.
    most_evaluations
        Of the function, in all; the search ends there.
    """
    low, high = state.x <= lower, state.x >= upper
    g = state.gradient
    free = ~((low & (g > 0)) | (high & (g < 0)))
    way = direction(state, metric, free)
    blocked = (low & (way < 0)) | (high & (way > 0))
    way[blocked] = 0.0
    steps, changes = state.steps, state.changes
    if not g @ way < 0:
        steps, changes = [], []  # what was learnt no longer holds
        way = -np.where(free, metric(np.where(free, g, 0.0)), 0.0)
        if not g @ way < 0:
            return None
    length, evaluations = 1.0, state.evaluations
    for _ in range(HALVINGS):
        if evaluations >= most_evaluations:
            return None
        trial = np.clip(state.x + length * way, lower, upper)
        moved = trial - state.x
        slope = float(g @ moved)
        value, gradient = function(trial)
        evaluations += 1
        if np.isfinite(value) and value <= state.value + SUFFICIENT * min(slope, 0.0):
            change = gradient - g
            # Without positive curvature along the step the pair would spoil the metric.
            if moved @ change > 1e-10 * np.linalg.norm(moved) * np.linalg.norm(change):
                steps, changes = [*steps, moved][-MEMORY:], [*changes, change][-MEMORY:]
            return State(trial, value, gradient, steps, changes, evaluations, state.iterations + 1)
        # The minimum of the parabola through both values and the slope at the start.
        bend = value - state.value - slope
        best = -slope / (2 * bend) if np.isfinite(bend) and bend > 0 else 0.5
        length *= min(max(best, 0.1), 0.5)
    return None
