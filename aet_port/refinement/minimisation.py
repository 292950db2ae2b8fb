"""Steps of the joint refinement until convergence, saved so that a stopped one can go on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.checkpoint import Checkpoint
from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.core.progress import progress_bar as show_progress
from aet_port.refinement.forward import Fitted, Forward
from aet_port.refinement.parameters import Misfit
from aet_port.refinement.quasi_newton import State, Vector, take_step
from aet_port.refinement.variables import Metric, Variables

QUIET = 3  # steps in a row below the tolerance that end the refinement


def minimise(
    forward: Forward,
    series: TiltSeries,
    variables: Variables,
    fitted: Fitted,
    evaluations: int,
    tolerance: float,
    saved: Checkpoint,
    show: bool,
) -> tuple[State, Misfit, list[list[float]], bool]:
    """Take steps until convergence or until the evaluations are used up.

    Parameters
    ----------
    forward, series, fitted
        Model of the images, the images, and which parameters are fitted.
    variables
        Where to start.
    evaluations
        Largest number of evaluations of the misfit.
    tolerance
        Of :meth:`aet_port.refinement.variables.Variables.movement`; three steps in a row below it
        end the refinement.
    saved
        Checkpoint, from which it goes on, and which the last state is saved to.
    show
        Whether to report progress.

    Returns
    -------
    The last state, its misfit, a row of evaluations, relative misfit and mean R1 for each step, and
    whether it converged.

    Raises
    ------
    InputError
        For a misfit that is not finite at the start.
    """
    total = energy(series)
    last: list[Misfit] = []

    def function(x: Vector) -> tuple[float, Vector]:
        misfit = forward.misfit(variables.parameters(x), series.images, fitted)
        last[:] = [misfit]
        reporter.advance(note=f"R1 {100 * misfit.r1.mean():.2f} %")
        return misfit.value, variables.gradient(x, misfit.gradient)

    def row(state: State, misfit: Misfit) -> list[float]:
        return [state.evaluations, state.value / total, float(misfit.r1.mean())]

    with show_progress("refining", evaluations, show) as reporter:
        value, gradient = function(variables.x)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            raise InputError(f"{series.name}: misfit", f"{value}", "a finite value at the start")
        best, state = last[0], State(variables.x, value, gradient)
        metric = Metric(variables, forward.curvature(best.parameters))
        rows, quiet = [row(state, best)], 0
        stored = saved.load()

        def save() -> None:
            here = variables.parameters(state.x).positions
            saved.save(**_stored(state, rows, quiet), positions=here)

        if stored is not None:
            with saved.restoring():
                state, rows, quiet = _restored(stored)
            best = forward.misfit(variables.parameters(state.x), series.images, fitted)
            reporter.advance(state.evaluations - 1)
        while quiet < QUIET and state.evaluations < evaluations:
            new = take_step(state, function, metric, variables.lower, variables.upper, evaluations)
            if new is None:
                # Either the evaluations were used up, or this is a minimum to within rounding.
                quiet = QUIET if reporter.done < evaluations else 0
                break
            quiet = quiet + 1 if variables.movement(state.x, new.x) < tolerance else 0
            state, best = new, last[0]
            rows.append(row(state, best))
            if saved.due():
                save()
        save()
    return state, best, rows, quiet >= QUIET


def energy(series: TiltSeries) -> float:
    """Half the sum of squares of all pixels."""
    return 0.5 * sum(float(np.sum(np.square(i, dtype=np.float64))) for i in series.images)


def _stored(state: State, rows: list[list[float]], quiet: int) -> dict[str, Any]:
    counts = np.array([state.evaluations, state.iterations, quiet])
    return {
        "x": state.x,
        "value": state.value,
        "gradient": state.gradient,
        "steps": np.array(state.steps).reshape(-1, len(state.x)),
        "changes": np.array(state.changes).reshape(-1, len(state.x)),
        "counts": counts,
        "rows": np.array(rows),
    }


def _restored(stored: dict[str, NDArray]) -> tuple[State, list[list[float]], int]:
    evaluations, iterations, quiet = (int(n) for n in stored["counts"])
    state = State(
        stored["x"],
        float(stored["value"]),
        stored["gradient"],
        list(stored["steps"]),
        list(stored["changes"]),
        evaluations,
        iterations,
    )
    return state, stored["rows"].tolist(), quiet
