"""A limited-memory quasi-Newton minimiser (L-BFGS) with a preconditioner and simple bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

MEMORY = 10  # pairs of steps and changes of gradient
SUFFICIENT = 1e-4  # fraction of the decrease predicted by the gradient (Armijo)
HALVINGS = 12  # halvings of a step before the search gives up


@dataclass
class State:
    """State of a minimisation, with all that is needed to continue it.

    Attributes
    ----------
    x, value, gradient
        The best point, its function value and gradient.
    steps, changes
        The last steps and the changes of the gradient along them, oldest first.
    evaluations, iterations
        Number of evaluations of the function with its gradient, and of steps.
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
        State of the minimisation.
    metric
        Product of an approximate inverse Hessian, symmetric and positive, with a vector.
    free
        Variables that may change, shape of ``x``.
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
    """Take one step, its length found by interpolation; None if none lowers the function.

    Parameters
    ----------
    state
        State to start from; it is not changed.
    function
        Value and gradient at a point.
    metric
        See :func:`direction`.
    lower, upper
        Bounds of the variables; trial points are clipped to them, and a variable at a bound that a
        step would push beyond it stays fixed.
    most_evaluations
        Largest total number of function evaluations, at which the search ends.
    """
    low, high = state.x <= lower, state.x >= upper
    g = state.gradient
    free = ~((low & (g > 0)) | (high & (g < 0)))
    way = direction(state, metric, free)
    blocked = (low & (way < 0)) | (high & (way > 0))
    way[blocked] = 0.0
    steps, changes = state.steps, state.changes
    if not g @ way < 0:
        steps, changes = [], []  # the stored curvature no longer applies
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
            # Without positive curvature along the step, the pair would make H indefinite.
            if moved @ change > 1e-10 * np.linalg.norm(moved) * np.linalg.norm(change):
                steps, changes = [*steps, moved][-MEMORY:], [*changes, change][-MEMORY:]
            return State(trial, value, gradient, steps, changes, evaluations, state.iterations + 1)
        # Minimum of the parabola through both values with the slope at the start.
        bend = value - state.value - slope
        best = -slope / (2 * bend) if np.isfinite(bend) and bend > 0 else 0.5
        length *= min(max(best, 0.1), 0.5)
    return None
