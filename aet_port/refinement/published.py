"""The refinements of the two papers as in their main scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import ArrayLike, NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.core.geometry import pad_centred
from aet_port.refinement.positions import descend_positions
from aet_port.refinement.projector import HALF_WIDTH, Floats, Projector, make_projector
from aet_port.refinement.thermal import descend_thermal, scan_b
from aet_port.refinement.thermal_fit import fit_thermal

PADDING = 50  # pixels, both sides together


@dataclass(frozen=True)
class Schedule:
    """Parameters of one main script of the papers.

    ``heights`` and ``b_factors`` are initial values by species in order of atomic number, ``lower``
    and ``upper`` the bounds of their fit (height ratios, then ``B'`` in square angstrom); without
    bounds there is one species, whose ``B'`` is scanned. ``elements`` are the atomic numbers whose
    mean scattering factor filters the images; if empty, those of the model.
    """

    rounds: int
    heights: tuple[float, ...]
    b_factors: tuple[float, ...]
    thermal_steps: int
    position_steps: int
    position_step: float = 1.0
    lower: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    upper: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    elements: tuple[int, ...] = ()


# The glass's types group neighbouring elements of the periodic table, filtered as Ni, Rh and Pt.
SCHEDULES = {
    "glass": Schedule(
        10,
        (1.0, 1.36, 2.58),
        (13.3, 13.3, 13.3),
        10,
        10,
        lower=((1.0, 1.0, 1.0), (5.0, 5.0, 5.0)),
        upper=((1.0, 2.0, 3.0), (15.0, 15.0, 15.0)),
        elements=(28, 45, 78),
    ),
    "glass-multislice": Schedule(
        10,
        (1.0, 1.88, 3.96),
        (5.68, 5.52, 5.34),
        10,
        10,
        lower=((1.0, 1.0, 1.0), (3.0, 3.0, 3.0)),
        upper=((1.0, 3.0, 5.0), (10.0, 10.0, 10.0)),
        elements=(28, 45, 78),
    ),
    "ta-film": Schedule(2, (1.0,), (6.0,), 100, 1000),
    "pd1": Schedule(2, (1.0,), (6.0,), 10, 100),
    "pd2": Schedule(3, (1.0,), (6.0,), 10, 100, 0.2),
}


@checked
def schedule_for(species: Sequence[str]) -> Schedule:
    """Schedule for other species: that of the film for one species, else like that of the glass.

    Heights start in proportion to the atomic numbers, bounded to within a factor of two, and ``B'``
    at 6 square angstrom, between 3 and 15.

    Parameters
    ----------
    species
        Chemical symbols in the order of atomic number.

    Notes
    -----
    MATLAB: none; the scripts contain the values for their samples
    """
    if len(species) == 1:
        return SCHEDULES["pd1"]
    ratios = [atomic_numbers[s] / atomic_numbers[species[0]] for s in species]
    lower, upper = ((1.0, *(f * r for r in ratios[1:])) for f in (0.5, 2.0))
    n = len(species)
    return replace(
        SCHEDULES["glass"],
        heights=tuple(ratios),
        b_factors=(6.0,) * n,
        lower=(lower, (3.0,) * n),
        upper=(upper, (15.0,) * n),
        elements=(),
    )


@dataclass(frozen=True)
class Round:
    """One round: heights and ``B'`` by species, and ``R_1`` before every step of both descents.

    ``fit_error`` is the ``R_1`` of the least-squares fit or of the scan; ``at_limit`` holds the
    0-based indices of the atoms that ended the round at the limit of their displacement.
    """

    heights: Floats
    b_factors: Floats
    fit_error: float
    thermal_errors: Floats
    position_errors: Floats
    at_limit: NDArray[np.intp]


@dataclass(frozen=True)
class PublishedRefinement:
    """Refined model, heights and ``B'`` (square angstrom) by symbol, the rounds and warnings."""

    model: AtomicModel
    heights: dict[str, float]
    b_factors: dict[str, float]
    rounds: tuple[Round, ...]
    warnings: tuple[str, ...]


@checked
def prepare_series(series: TiltSeries, padding: int = PADDING, odd: bool = False) -> TiltSeries:
    """Prepare a series as in the papers: no negative values, zero padding, double precision.

    Parameters
    ----------
    series
        The measured series.
    padding
        Pixels added to each axis, about half of them on each side; the rotation centre is kept.
    odd
        Whether to drop the first pixel of an axis with an even number of pixels, as in the glass
        paper; the rotation centre stays in the middle.

    Raises
    ------
    InputError
        For a negative padding.

    Notes
    -----
    MATLAB: 5_Position_refinement/Main_position_refinement.m,
    Main_position_refinement_{Ta_film,Pd1_nanoparticle,Pd2_nanoparticle}.m; the first drops a pixel
    of any image
    """
    if padding < 0:
        raise InputError("padding", f"{padding!r}", "pixels, zero or more")
    images = np.maximum(series.images.astype(np.float64), 0)
    if odd:
        nx, ny = series.detector
        images = images[:, 1 - nx % 2 :, 1 - ny % 2 :]
    shape = (len(images), images.shape[1] + padding, images.shape[2] + padding)
    return replace(series, images=pad_centred(images, shape))


@checked
def refine_published(
    series: TiltSeries,
    model: AtomicModel,
    schedule: str | Schedule | None = None,
    rounds: int | None = None,
    half_width: int = HALF_WIDTH,
    threads: int | None = None,
    show_progress: bool = False,
) -> PublishedRefinement:
    """Refine heights, ``B'`` and positions by the schedule of a paper.

    Each round of the glass fits height ratios and ``B'`` by least squares, descends on both, then
    on positions; each round of the film paper scans ``B'``, descends on it, then on positions.
    Positions may move 1 angstrom in each round.

    Parameters
    ----------
    series
        Series from :func:`prepare_series`, or one with all atoms at least half a window inside.
    model
        Positions in angstrom, origin on the rotation centre.
    schedule
        ``"glass"``, ``"glass-multislice"``, ``"ta-film"``, ``"pd1"``, ``"pd2"``, or another;
        that of :func:`schedule_for` unless given.
    rounds
        Number of rounds; that of the schedule unless given.
    half_width
        Half width of an atom's window, pixels.
    threads
        Number of threads; all cores unless given. Results do not depend on it.
    show_progress
        Whether to report progress on standard error.

    Returns
    -------
    The refined model with the same atoms and arrays; the one given is not changed.

    Raises
    ------
    InputError
        For an unknown schedule or one for another number of species, atoms outside the images, or
        a refinement that diverges.

    Notes
    -----
    MATLAB: 5_Position_refinement/Main_position_refinement.m (glass),
    10_Multislice_AET_simulations/3_posref/xyz_refine_MG_multislice.m,
    Main_position_refinement_{Ta_film,Pd1_nanoparticle,Pd2_nanoparticle}.m
    """
    names = sorted(set(model.species), key=lambda symbol: atomic_numbers[symbol])
    plan = schedule_for(names) if schedule is None else _schedule(schedule)
    if len(names) != len(plan.heights):
        found = f"{len(names)} species ({', '.join(names)})"
        raise InputError(f"{model.name}: species", found, f"{len(plan.heights)} for this schedule")
    number = plan.rounds if rounds is None else rounds
    if number < 1:
        raise InputError("rounds", f"{number!r}", "1 or more")
    types = np.array([names.index(symbol) for symbol in model.species])
    elements: Sequence[str | int] = plan.elements or names
    projector = make_projector(
        series.angles, series.pixel_size, series.detector, elements, half_width, threads
    )
    images = series.images.astype(np.float64, copy=False)
    positions = model.positions.copy()
    heights, b_factors = np.array(plan.heights), np.array(plan.b_factors)
    done: list[Round] = []
    notes: list[str] = []
    for turn in range(number):
        found_round, positions, remarks = _round(
            projector, images, positions, types, heights, b_factors, plan, names, show_progress
        )
        heights, b_factors = found_round.heights, found_round.b_factors
        done.append(found_round)
        notes += [f"round {turn + 1}: {remark}" for remark in remarks]
    atoms = model.atoms.copy()
    atoms.positions[:] = positions
    return PublishedRefinement(
        AtomicModel(atoms, model.name, dict(model.metadata)),
        dict(zip(names, heights.tolist(), strict=True)),
        dict(zip(names, b_factors.tolist(), strict=True)),
        tuple(done),
        tuple(notes),
    )


def _round(
    projector: Projector,
    images: Floats,
    positions: Floats,
    types: ArrayLike,
    heights: Floats,
    b_factors: Floats,
    plan: Schedule,
    names: Sequence[str],
    show_progress: bool,
) -> tuple[Round, Floats, tuple[str, ...]]:
    index = np.asarray(types)
    notes: tuple[str, ...] = ()
    if plan.lower is None or plan.upper is None:
        scan = scan_b(
            projector, images, positions, float(b_factors[0]), show_progress=show_progress
        )
        heights, b_factors = np.array([scan.height]), np.array([scan.b_factor])
        error = scan.error
    else:
        fit = fit_thermal(
            projector,
            images,
            positions,
            index,
            heights,
            b_factors,
            plan.lower,
            plan.upper,
            names,
            show_progress=show_progress,
        )
        heights, b_factors, error = fit.heights, fit.b_factors, float(fit.errors[0])
        notes += fit.warnings
    thermal = descend_thermal(
        projector,
        images,
        positions,
        index,
        heights,
        b_factors,
        plan.thermal_steps,
        rule="sum" if plan.lower is None else "relative",
        names=names,
        show_progress=show_progress,
    )
    moved = descend_positions(
        projector,
        images,
        positions,
        thermal.heights[index],
        thermal.b_factors[index],
        plan.position_steps,
        plan.position_step,
        rule="film" if plan.lower is None else "glass",
        show_progress=show_progress,
    )
    notes += thermal.warnings + moved.warnings
    result = Round(
        thermal.heights, thermal.b_factors, error, thermal.errors, moved.errors, moved.at_limit
    )
    return result, moved.positions, notes


def _schedule(schedule: str | Schedule) -> Schedule:
    if isinstance(schedule, Schedule):
        return schedule
    if schedule not in SCHEDULES:
        raise InputError("schedule", f"{schedule!r}", "one of " + ", ".join(SCHEDULES))
    return SCHEDULES[schedule]
