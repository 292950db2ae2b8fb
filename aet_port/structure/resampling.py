"""Intervals of a structure analysis from models drawn from the uncertainties of the atoms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.errors import InputError
from aet_port.core.parallel import map_processes, map_tasks
from aet_port.core.progress import progress_bar
from aet_port.structure.analysis import analyze
from aet_port.structure.draws import ModelErrors, model_errors
from aet_port.structure.intervals import (
    COVERAGE,
    ERROR,
    SHIFTED,
    Interval,
    Intervals,
    Quantity,
)
from aet_port.structure.populations import CHOSEN
from aet_port.structure.quantities import quantities_of
from aet_port.structure.settings import DEFAULTS, LEAST_DRAWS
from aet_port.structure.structure_result import StructureResult

# Multiples of the covariances; 1 gives the intervals, all of them the extrapolation to -1.
LEVELS = (0.0, 0.5, 1.0, 1.5)
UNCLEAR = 0.5  # of a correction, that a parabola may differ by from the line


@dataclass(frozen=True)
class Draw:
    """The task of one drawn model: what to draw from, and how to analyse it."""

    atoms: ase.Atoms
    errors: ModelErrors
    seed: int
    number: int
    levels: tuple[float, ...]
    cutoff: float
    delta: float
    alpha: float
    order: bool
    population: str | NDArray[np.bool_] | None = None  # of all atoms that are drawn from
    template_rmsd: float | None = None
    rings: int = 0
    voids: str = "none"


@checked
def resample(
    atoms: AtomicModel | ase.Atoms,
    found: StructureResult,
    samples: int = 50,
    *,
    sigma: float | None = None,
    seed: int = 0,
    workers: int = 1,
    scheduler: str | None = None,
    progress: bool = False,
) -> StructureResult:
    """What the uncertainties of the atoms mean for the results of an analysis.

    Models are drawn from the uncertainties: each atom is kept with the probability that it exists,
    displaced by a draw from its covariance, and given a species drawn from its probabilities
    (:func:`aet_port.structure.draws.model_errors`). Each is analysed with the cut-off, ``delta``,
    ``alpha`` and population of ``found``, without medium-range order. Chosen atoms stay the same
    in all of them; which are disordered, or below the surface, each drawn model says anew.

    Displacing the atoms of a measured model adds position errors to those that it has: its variance
    is twice that of the measurement, and what noise changes systematically (fewer bipyramids, less
    order) it changes once more. Mean and interval of the drawn models show this; the value that an
    exact measurement would give lies about as far on the other side of the value of the model. The
    figure is estimated by simulation extrapolation: means ``f(lambda)`` of models displaced with
    covariances ``lambda C``, ``lambda = 0, 0.5, 1, 1.5``, extrapolated to ``lambda = -1``, where no
    errors are left, by a line through ``f(0)``. It is given where the drawn models are shifted by
    more than twice their standard deviation (below that, correcting adds more scatter than it takes
    away bias), and only if it is stable: a
    parabola through the same means agrees to within half of the correction or twice the standard
    deviation, whichever is more, and so does twice its sampling error; and it is a value that the
    quantity can have. It is less precise than the value: by up to twice the standard deviation of
    the drawn models. Existence and species are not displaced but drawn from what is known of them,
    which doubles nothing.

    Parameters
    ----------
    atoms
        The model that was analysed.
    found
        Its analysis.
    samples
        Number of drawn models, at least 5. With fewer than 40 the 2.5 % and 97.5 % quantiles are
        little more than the lowest and the highest value.
    sigma
        Standard error of each coordinate of every atom in pm, instead of those stored.
    seed
        Draw k depends on ``(seed, k)`` only, so that results are the same on any number of
        processes.
    workers
        Number of processes on this machine.
    scheduler
        Address of a Dask scheduler, whose workers are used instead.
    progress
        Whether to report progress on standard error.

    Returns
    -------
    The analysis with ``intervals``; its parameters say what they were made from.

    Raises
    ------
    InputError
        For fewer than 5 samples, another model than the one that was analysed, a model without
        uncertainties and no ``sigma``, or if none of the drawn models can be analysed.

    References
    ----------
    J. R. Cook and L. A. Stefanski, "Simulation-extrapolation estimation in parametric measurement
    error models", Journal of the American Statistical Association 89, 1314 (1994).

    Notes
    -----
    MATLAB: none; the reference states no error of a result

    Errors of atoms are drawn independently. A quantity that is at its bound in all drawn models,
    such as no crystalline atom at all, may have been destroyed by the errors: drawn models can't
    tell, and its interval of zero width says nothing.

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle
    >>> model = amorphous_particle(60, "Ta")
    >>> found = aet.analyze(model, cutoff=4.1, order=False)
    >>> found = resample(model, found, 5, sigma=10)
    >>> found.intervals["tetrahedra"].samples, found.parameters["resample"]
    (5, 5)
    """
    atoms = as_atoms(atoms)
    if samples < LEAST_DRAWS:
        raise InputError(
            "resample", f"{samples}", f"at least {LEAST_DRAWS} drawn models, or 0 for none"
        )
    if found.order is not None and len(found.order.groups) != len(atoms):
        expected = f"that of these {len(atoms)} atoms"
        raise InputError("analysis", f"one of {len(found.order.groups)} atoms", expected)
    population: str | NDArray[np.bool_] | None = None
    if found.order is not None:
        one = found.order.population
        population = one.mask if one.name == CHOSEN else one.name
    errors = model_errors(atoms, sigma)
    own = quantities_of(found)
    levels = LEVELS[1:] if errors.only_positions else LEVELS
    tasks = [
        Draw(
            *(atoms, errors, int(seed), number, levels, found.cutoff, found.delta),
            float(found.parameters["alpha"]),
            found.order is not None,
            population,
            # No strain is among the quantities.
            None if found.types is None else found.types.max_rmsd,
            0 if found.rings is None else found.rings.asked,
            "none" if found.voids is None else found.voids.measured_to,
        )
        for number in range(samples)
    ]
    tables: list[list[dict[str, Quantity]]] = []
    reasons: list[str] = []
    with progress_bar("drawn models", samples, progress) as reporter:
        for rows, why in _each(tasks, workers, scheduler):
            if rows is None:
                reasons.append(why)
            else:
                # Without draws of existence and species, nothing changes at lambda = 0.
                tables.append([own, *rows] if errors.only_positions else rows)
            reporter.advance()
    if not tables:
        raise InputError("drawn models", f"none can be analysed ({reasons[0]})", "smaller errors")
    remarks = list(errors.remarks)
    if reasons:
        remarks.append(f"{len(reasons)} of {samples} drawn models can't be analysed ({reasons[0]})")
    intervals = Intervals(
        tuple(_interval(name, own, tables) for name in _names(own, tables)),
        samples,
        int(seed),
        errors.origin,
        None if sigma is None else float(sigma),
        tuple(remarks),
    )
    return with_intervals(found, intervals)


def with_intervals(found: StructureResult, intervals: Intervals) -> StructureResult:
    """An analysis with its intervals, and their origin among its parameters.

    Parameters
    ----------
    found
        An analysis.
    intervals
        Made from it earlier, in this process or another.

    Notes
    -----
    MATLAB: none
    """
    made_from = {"resample": intervals.samples, "seed": intervals.seed}
    assumed = {} if intervals.sigma is None else {"sigma": intervals.sigma}
    return replace(found, intervals=intervals, parameters=found.parameters | made_from | assumed)


def _each(
    tasks: Sequence[Draw], workers: int, scheduler: str | None
) -> Iterator[tuple[list[dict[str, Quantity]] | None, str]]:
    """Results of the tasks in their order, as they come."""
    if scheduler is not None:
        yield from map_tasks(analyse_draw, tasks, scheduler)
    else:
        yield from map_processes(analyse_draw, tasks, workers)


def analyse_draw(task: Draw) -> tuple[list[dict[str, Quantity]] | None, str]:
    """Quantities of one drawn model at each level; None and the reason if it can't be analysed."""
    result, population = [], task.population
    if isinstance(population, np.ndarray):
        population = population[task.errors.kept(task.seed, task.number)]
    try:
        for drawn in task.errors.draw(task.atoms, task.seed, task.number, task.levels):
            found = analyze(
                drawn,
                cutoff=task.cutoff,
                delta=task.delta,
                alpha=task.alpha,
                order=task.order,
                population=population,
                templates=task.template_rmsd is not None,
                template_rmsd=task.template_rmsd or DEFAULTS.template_rmsd,
                rings=task.rings,
                voids=task.voids,
            )
            result.append(quantities_of(found))
    except InputError as error:
        return None, str(error)
    return result, ""


def _names(
    own: Mapping[str, Quantity], tables: Sequence[Sequence[Mapping[str, Quantity]]]
) -> list[str]:
    """All quantities, those of the model first, the others in the order in which they come."""
    drawn = (name for rows in tables for row in rows for name in row)
    return list(dict.fromkeys([*own, *drawn]))


def _interval(
    name: str,
    own: Mapping[str, Quantity],
    tables: Sequence[Sequence[Mapping[str, Quantity]]],
) -> Interval:
    """Statistics of one quantity."""
    missing = Quantity(np.nan)
    kinds = [own, *(row for rows in tables for row in rows)]
    kind = next(table[name] for table in kinds if name in table)
    values = np.array([[row.get(name, missing).value for row in rows] for rows in tables])
    value = own.get(name, missing).value
    drawn = values[:, LEVELS.index(1.0)]
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < LEAST_DRAWS:
        nothing = float("nan")
        return Interval(name, kind.unit, value, *(nothing,) * 4, len(drawn))
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    sd = float(drawn.std(ddof=1))
    return Interval(
        *(name, kind.unit, value, float(drawn.mean()), sd, float(low), float(high), len(drawn)),
        extrapolate(values[np.isfinite(values).all(axis=1)], sd, kind.least, kind.most),
    )


def extrapolate(
    values: NDArray[np.float64], sd: float, least: float = -np.inf, most: float = np.inf
) -> float:
    """Extrapolate a quantity to positions without errors; NaN if not needed or not stable.

    Parameters
    ----------
    values
        Shape (m, 4): the quantity in m drawn models at :data:`LEVELS`, with the same random numbers
        at all levels.
    sd
        Its standard deviation over the drawn models at level 1.
    least, most
        Bounds of the quantity.

    Returns
    -------
    Mean over the drawn models of the value at level -1.

    Examples
    --------
    A quantity that falls by 2 with each unit of the variance:

    >>> round(extrapolate(np.array([[10.0, 9.0, 8.0, 7.0]] * 5), sd=0.1), 6)
    12.0

    Notes
    -----
    MATLAB: none
    """
    if len(values) < LEAST_DRAWS:
        return float("nan")
    level = np.array(LEVELS[1:])
    change = values[:, 1:] - values[:, :1]
    if abs(float(change[:, LEVELS.index(1.0) - 1].mean())) <= SHIFTED * sd:
        return float("nan")
    # Least squares through the value at level 0; at level -1 a parabola b x + c x^2 is -b + c.
    line = -(change @ level) / (level @ level)
    parabola = change @ np.linalg.pinv(np.stack([level, level**2])) @ [-1.0, 1.0]
    estimates = values[:, 0] + line
    estimate = float(estimates.mean())
    error = float(estimates.std(ddof=1) / np.sqrt(len(values)))
    allowed = max(UNCLEAR * abs(float(line.mean())), ERROR * sd)
    stable = max(abs(float((parabola - line).mean())), 2 * error) <= allowed
    return estimate if stable and least <= estimate <= most else float("nan")
