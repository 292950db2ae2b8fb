"""Joint refinement of positions, heights, B factors and image shifts by a quasi-Newton method."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_model
from aet_port.core.checkpoint import INTERVAL, Checkpoint, fingerprint
from aet_port.core.data import TiltSeries
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory
from aet_port.core.scan_distortion import ScanDistortion
from aet_port.refinement.diagnostics import at_bounds, atoms_at_bound, check_seen, poor_fit
from aet_port.refinement.forward import Fitted, Forward
from aet_port.refinement.memory import LESS
from aet_port.refinement.minimisation import energy, minimise
from aet_port.refinement.parameters import Parameters
from aet_port.refinement.published import PADDING, prepare_series, refine_published
from aet_port.refinement.settings import (
    DEFAULTS,
    Method,
    Precision,
    RefineSettings,
    ScanShear,
    Schedule,
)
from aet_port.refinement.starting_point import start_values
from aet_port.refinement.variables import Variables

LARGEST_B = 50.0  # square angstrom
PUBLISHED = 24.0  # bytes of a padded pixel: measured, calculated and their difference, in double


@dataclass(frozen=True, repr=False)
class Refinement(Shown):
    """A refined model with its parameters, R factors and history.

    Attributes
    ----------
    model
        The model with refined positions; everything else as given.
    kinds
        Species in the order of ``parameters.heights`` and ``b_factors``.
    parameters
        Positions, heights, B factors, shift, scale and offset of each image, and the common shear.
    r1
        Shape (n_images,): R1 of each image for ``parameters``.
    history
        Shape (steps + 1, 3): number of gradient evaluations so far, squared residual relative to
        that without a model, and mean R1, from the start; for the published method only the first
        and last step of the atoms.
    converged
        Whether the refinement converged before the evaluations ran out.
    at_bound
        Shape (n_atoms,): atoms that ended at the largest displacement; for the published method
        those put back onto it in the last step of a round.
    warnings
        Warnings for the user: species at a bound, atoms at the largest displacement or on few
        images.

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle, simulate_tilt_series
    >>> truth = amorphous_particle(20, "Ta")
    >>> angles = [[0, theta, 0] for theta in range(-66, 67, 12)]
    >>> series = simulate_tilt_series(truth, angles, pixel_size=0.6, shape=(32, 32), dose=None)
    >>> start = aet.AtomicModel.from_positions(truth.positions + 0.1, "Ta")
    >>> refined = aet.refine(series, start, refine_shifts=False)
    >>> refined.converged, sorted(refined.b_factors)
    (True, ['Ta'])
    """

    model: AtomicModel
    kinds: list[str]
    parameters: Parameters
    r1: NDArray[np.float64]
    history: NDArray[np.float64]
    converged: bool
    at_bound: NDArray[np.bool_]
    warnings: tuple[str, ...] = ()

    plot = methods.plot_refinement
    """Plot R1 of each step: :func:`aet_port.figures.model_results.plot_refinement`."""

    def _facts(self) -> dict[str, object]:
        return {
            "atoms": len(self.model),
            "images": len(self.r1),
            "R1": f"{100 * self.r1.mean():.2f} %",
            "evaluations": self.evaluations,
            "converged": self.converged,
            "warnings": len(self.warnings),
        }

    @property
    def heights(self) -> dict[str, float]:
        """Heights ``H`` by symbol."""
        return dict(zip(self.kinds, self.parameters.heights.tolist(), strict=True))

    @property
    def b_factors(self) -> dict[str, float]:
        """B factors ``B'`` by symbol, square angstrom."""
        return dict(zip(self.kinds, self.parameters.b_factors.tolist(), strict=True))

    @property
    def distortion(self) -> ScanDistortion:
        """Scan-coil shear remaining in the images of the refinement."""
        shear_x, shear_y = self.parameters.shears.tolist()
        return ScanDistortion(shear_x, shear_y)

    @property
    def evaluations(self) -> int:
        """Number of gradient evaluations."""
        return int(self.history[-1, 0])


@checked
def refine(
    series: TiltSeries,
    model: AtomicModel | ase.Atoms,
    method: Method = DEFAULTS.method,
    *,
    heights: Mapping[str, float] | None = None,
    b_factors: float | Mapping[str, float] | None = None,
    refine_shifts: bool = DEFAULTS.refine_shifts,
    refine_scales: bool = DEFAULTS.refine_scales,
    refine_offsets: bool = DEFAULTS.refine_offsets,
    scan_shear: ScanShear = DEFAULTS.scan_shear,
    movable: NDArray[np.bool_] | None = None,
    max_displacement: float = DEFAULTS.max_displacement,
    b_bounds: tuple[float, float] | None = None,
    max_evaluations: int = DEFAULTS.max_evaluations,
    tolerance: float = DEFAULTS.tolerance,
    precision: Precision = DEFAULTS.precision,
    schedule: Schedule | None = DEFAULTS.schedule,
    rounds: int | None = DEFAULTS.rounds,
    threads: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_interval: float = INTERVAL,
    progress: bool = False,
) -> Refinement:
    """Refine positions, heights, B factors, image shifts and scan shear against a tilt series.

    Minimises ``E = 1/2 sum (calculated - measured)^2`` over all pixels of all images, calculated
    by :class:`aet_port.refinement.forward.Forward`, jointly over all unknowns by L-BFGS with exact
    gradients, preconditioned by the diagonal blocks of the Gauss-Newton matrix (3 x 3 for each
    atom, one for all heights and B factors, 2 x 2 for the shift of each image).

    Parameters
    ----------
    series
        Measured images, their angles and pixel size.
    model
        Species and initial positions, origin on the rotation centre.
    method
        ``"lbfgs"``, or ``"published"``: :func:`aet_port.refinement.published.refine_published`,
        which uses only ``schedule``, ``rounds``, ``threads`` and ``progress``.
    heights, b_factors
        Initial H and B', see :func:`start_values`.
    refine_shifts
        Whether to refine a shift along x and y for each image. Shifts that are equivalent to a
        displacement of the whole model are applied to the model.
    refine_scales, refine_offsets
        Whether to refine an intensity scale and a constant for each image, set to their
        least-squares values in every evaluation.
    scan_shear
        Scan-coil shears to refine, common to all images: ``"none"``, ``"x"``, ``"y"`` or
        ``"both"``; see :class:`aet_port.refinement.variables.Variables` for their precision.
    movable
        Shape (n_atoms,): atoms to refine, all unless given; the others stay fixed but contribute to
        the images.
    max_displacement
        Largest displacement of an atom from its initial position, angstrom; 0 for no limit.
    b_bounds
        Smallest and largest B' in square angstrom; unless given, the smallest that the pixel size
        can sample, and 50.
    max_evaluations
        Largest number of gradient evaluations.
    tolerance
        Stop after three steps in a row with a smaller rms displacement, angstrom.
    precision
        Precision of the images, ``"single"`` or ``"double"``.
    schedule, rounds
        For the published method; unless given, ``"ta-film"`` for one species, ``"glass"`` for
        three, otherwise that of :func:`aet_port.refinement.published.schedule_for`.
    threads
        Number of threads; all cores unless given. Results do not depend on it.
    checkpoint
        Checkpoint file (.npz) from which an interrupted refinement resumes exactly; it holds the
        model after the last complete step.
    checkpoint_interval
        Shortest time between two saves (seconds).
    progress
        Whether to report progress on standard error.

    Returns
    -------
    The refined model, the parameters of species and images, R1 of each image, and warnings.

    Raises
    ------
    InputError
        For atoms outside all images, species without height, options out of range, a misfit that
        is not finite, or more memory than is left.
    CheckpointError
        If the checkpoint belongs to other data or options.

    Notes
    -----
    MATLAB: none; the published schedule is method="published"

    Examples
    --------
    Atoms displaced by 0.17 angstrom return to their true positions:

    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle, simulate_tilt_series
    >>> truth = amorphous_particle(20, "Ta")
    >>> angles = [[0, theta, 0] for theta in range(-66, 67, 12)]
    >>> series = simulate_tilt_series(truth, angles, pixel_size=0.6, shape=(32, 32), dose=None)
    >>> start = aet.AtomicModel.from_positions(truth.positions + 0.1, "Ta")
    >>> refined = aet.refine(series, start, refine_shifts=False)
    >>> aet.match_models(refined.model, truth, align=False).rmsd_pm < 1
    True
    """
    model = as_model(model)
    RefineSettings(
        method=method,
        scan_shear=scan_shear,
        max_displacement=max_displacement,
        max_evaluations=max_evaluations,
        tolerance=tolerance,
        precision=precision,
        schedule=schedule,
        rounds=rounds,
    )
    if method == "published":
        if scan_shear != "none":
            raise InputError("scan_shear", f"{scan_shear!r} with the published method", "'none'")
        return _published(series, model, schedule, rounds, precision, threads, progress)
    restraint = max_displacement or None
    forward = Forward(
        model.species, series.angles, series.pixel_size, series.detector, precision, threads
    )
    check_memory("refine", forward.needed_memory, LESS)
    # For a smaller B', one sample per pixel can't represent the shape of an atom.
    least = 0.7 * (np.pi * series.pixel_size) ** 2
    bounds = (least, max(LARGEST_B, 4 * least)) if b_bounds is None else b_bounds
    if not 0 < bounds[0] < bounds[1] < np.inf:
        raise InputError("b_bounds", f"{b_bounds!r}", "two numbers above zero, the smaller first")
    moving = np.ones(len(model), bool) if movable is None else np.asarray(movable, dtype=bool)
    if moving.shape != (len(model),):
        raise InputError("movable", f"shape {moving.shape}", f"{len(model)} booleans, one per atom")
    notes = check_seen(forward, model, moving)
    begin = start_values(
        forward, model.positions, series.images, heights, b_factors, refine_offsets
    )
    begin = replace(begin, b_factors=np.clip(begin.b_factors, *bounds))
    variables = Variables(begin, moving, refine_shifts, restraint, bounds, scan_shear)
    fitted: Fitted = frozenset(
        name for name, asked in (("scales", refine_scales), ("offsets", refine_offsets)) if asked
    )
    key = fingerprint(
        series.images, series.angles, series.pixel_size, model.positions, model.species,
        variables.x, moving, refine_shifts, sorted(fitted), scan_shear, restraint, bounds,
        precision,
    )  # fmt: skip
    state, misfit, rows, converged = minimise(
        forward, series, variables, fitted, max_evaluations, tolerance,
        Checkpoint(checkpoint, key, checkpoint_interval), progress,
    )  # fmt: skip
    parameters = misfit.parameters
    if refine_shifts and moving.all():
        parameters = _least_shifts(forward, parameters)
    atoms = model.atoms.copy()
    atoms.positions[:] = parameters.positions
    return Refinement(
        replace(model, atoms=atoms),
        forward.kinds,
        parameters,
        misfit.r1,
        np.array(rows),
        converged,
        atoms_at_bound(variables, state.x),
        (*notes, *at_bounds(variables, state.x, model, forward.kinds), *poor_fit(misfit, series)),
    )


def _least_shifts(forward: Forward, parameters: Parameters) -> Parameters:
    """Equivalent parameters with minimal shifts: the model takes any common displacement."""
    rows = forward.axes(parameters).reshape(-1, 3)
    step = np.linalg.lstsq(rows, parameters.shifts.reshape(-1), rcond=None)[0]
    return replace(
        parameters,
        positions=parameters.positions + step,
        shifts=parameters.shifts - (rows @ step).reshape(-1, 2),
    )


def _published(
    series: TiltSeries,
    model: AtomicModel,
    schedule: str | None,
    rounds: int | None,
    precision: Precision,
    threads: int | None,
    progress: bool,
) -> Refinement:
    """The papers' schedule, with R factors as in the L-BFGS method, heights fitted to images."""
    kinds = len(set(model.species))
    plan = schedule or {1: "ta-film", 3: "glass"}.get(kinds)
    wide = [n + PADDING for n in series.detector]
    check_memory("refine", PUBLISHED * len(series) * math.prod(wide), "binned or cropped images")
    prepared = prepare_series(series, odd=kinds > 1 if plan is None else plan.startswith("glass"))
    found = refine_published(prepared, model, plan, rounds, threads=threads, show_progress=progress)
    forward = Forward(
        model.species, series.angles, series.pixel_size, series.detector, precision, threads
    )
    total = energy(series)
    steps, rows = 0, []
    for positions in (model.positions, found.model.positions):
        begin = start_values(forward, positions, series.images, b_factors=found.b_factors)
        misfit = forward.misfit(begin, series.images)
        rows.append([steps, misfit.value / total, float(misfit.r1.mean())])
        steps = sum(len(turn.position_errors) for turn in found.rounds)
    at_bound = np.zeros(len(model), dtype=bool)
    for turn in found.rounds:
        at_bound[turn.at_limit] = True
    return Refinement(
        found.model,
        forward.kinds,
        misfit.parameters,
        misfit.r1,
        np.array(rows),
        False,
        at_bound,
        (*found.warnings, *poor_fit(misfit, series)),
    )
