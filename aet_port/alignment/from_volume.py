"""Angular refinement and spatial alignment of a tilt series (Methods of both papers).

A volume is reconstructed from the projections, calculated images of it say how each projection
is turned and displaced, the volume is reconstructed again, and so on until R1 falls no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.alignment.calculated_images import FollowingVolume, StandingModel
from aet_port.alignment.orientation import Projector, Step, align, fix_gauge, gauss_newton, scan
from aet_port.alignment.settings import DEFAULTS, Method, RefineAnglesSettings
from aet_port.core.data import TiltSeries
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.image_shift import shift_images
from aet_port.core.parallel import check_threads
from aet_port.core.progress import progress_bar as report_progress
from aet_port.resire.settings import DEFAULTS as RESIRE

ALIGN_ROUNDS = 4  # shifts come first: angles mean little while the images lie on different places
MOMENTUM = 0.97
MOST_DISPLACED = 0.25  # of the width of an image
# Rounds without gain: with momentum R1 may stand still for some and fall again.
PATIENCE, PATIENCE_HASTY = 6, 2
SCAN_STEPS = (0.5, 0.25, 0.1, 0.05)  # degrees
SCAN_REACH = 2  # steps to either side


@dataclass(frozen=True, repr=False)
class AngleRefinement(Shown):
    """A tilt series with refined angles and aligned images, and how it came about.

    Attributes
    ----------
    series
        The images moved back by ``shifts``, with the new angles.
    shifts
        Shape (n, 2), pixels along x and y by which the given images were found displaced.
    turns
        Shape (n, 3), degrees: new minus given angles.
    r1
        Shape (rounds, n): R1 of each image in each round, at its best scale.
    best_round
        The round whose angles and shifts these are.
    converged
        Whether R1 stopped falling before the rounds were used up.
    """

    series: TiltSeries
    shifts: NDArray[np.float64]
    turns: NDArray[np.float64]
    r1: NDArray[np.float64]
    best_round: int
    converged: bool

    def _facts(self) -> dict[str, object]:
        turns = np.sqrt(np.mean(self.turns**2, axis=0))
        return {
            "images": len(self.series),
            "rounds": len(self.r1),
            "R1": f"{100 * self.r_factor:.2f} %",
            "rms turn": " ".join(f"{turn:.3g}" for turn in turns) + " degrees",
            "converged": self.converged,
        }

    @property
    def r_factor(self) -> float:
        """Mean R1 of the best round."""
        return float(self.r1[self.best_round].mean())

    def summary(self) -> dict[str, Any]:
        """Figures for a table or JSON."""
        return {
            "images": len(self.series),
            "rounds": len(self.r1),
            "converged": self.converged,
            "r_factor_first": float(self.r1[0].mean()),
            "r_factor": self.r_factor,
            "rms_turn": np.sqrt(np.mean(self.turns**2, axis=0)).tolist(),
            "rms_shift": np.sqrt(np.mean(self.shifts**2, axis=0)).tolist(),
        }


def refine_angles(
    series: TiltSeries,
    *,
    project: Projector | None = None,
    method: Method = DEFAULTS.method,
    max_rounds: int = DEFAULTS.max_rounds,
    iterations: int = DEFAULTS.iterations,
    oversampling: float | Sequence[float] = RESIRE.oversampling,
    step: float = RESIRE.step,
    extended: bool = RESIRE.extended,
    n_z: int | None = RESIRE.n_z,
    support: NDArray | None = None,
    tolerance: float = DEFAULTS.tolerance,
    max_correction: float = DEFAULTS.max_correction,
    threads: int | None = None,
    progress: bool = False,
) -> AngleRefinement:
    """Refine the three Euler angles and the shift of every projection.

    Without ``project`` the calculated images are those of a volume, reconstructed again in every
    round by RESIRE from where it was. In the first rounds only shifts are measured, by
    cross-correlation. Then, with ``"gauss-newton"``, all five numbers of each image take a
    Gauss-Newton step a round. A volume adapts to wrong angles, above all to a smooth error along
    the series that looks like a slightly stretched object, so that plain alternation crawls;
    volume, angles and shifts therefore go on together with Nesterov's momentum, which starts
    anew whenever R1 rises. ``"scan"`` is the papers' procedure: trial angles, each with an
    alignment by cross-correlation, in steps of 0.5 to 0.05 degree, finer when R1 stops falling.

    With ``project`` the calculated images come from it (a refined atomic model, say) and stay.

    Simulated particles of 150 atoms, 40 tilts to 66 degrees of 48 x 48 pixels of 0.6 angstrom,
    errors of up to one degree and two pixels: from the volume rms errors of 0.02, 0.08 to 0.14
    and 0.02 degree in phi, theta, psi and 0.003 pixel are left; a smooth error of theta is what
    remains, less with a wider range of tilts. The search gets to 0.3 degree in 80 rounds. With the
    noise of the Ta film 0.15, 0.31, 0.23 degree are left from the volume and 0.08, 0.12, 0.14
    from the atoms: a volume also follows the noise, so refine noisy series against atoms in the
    end.

    What no projection can tell: a rotation and a displacement of the whole object. From a volume
    the mean rotation against the given angles is held at none, and so is the displacement of the
    object (``fix_gauge``); from a model the frame is the model's.

    Parameters
    ----------
    series
        Projections and angles, some degrees and pixels off at most.
    project
        Takes angles (n, 3) in degrees to images of the detector's size, in any units.
    method
        ``"gauss-newton"`` or ``"scan"``.
    max_rounds
        Largest number of rounds.
    iterations
        Of RESIRE in each round.
    oversampling, step, extended, n_z, support
        As of :func:`aet_port.resire.reconstruct`.
    tolerance
        The work ends when R1 fell by less than this part of itself in six rounds (with a model or
        in a search in two; the steps of the search become finer then).
    max_correction
        Largest allowed angle correction in degrees; a larger one, or a shift of a quarter of the
        image's width, is an error.
    threads
        All cores unless given. Projections are independent; the result is the same for any
        number.
    progress
        Whether to report rounds.

    Returns
    -------
    The series with the refined angles and shifted images, and R1 in each round.

    Raises
    ------
    InputError
        For an unknown method, numbers out of range, calculated images of another shape or without
        likeness, or an image that moves beyond ``max_correction``; it is named.

    Notes
    -----
    MATLAB: none; in neither repository (Methods, "Angular refinement and spatial alignment")

    Examples
    --------
    One angle is wrong by 2 degrees:

    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle, simulate_tilt_series
    >>> truth = amorphous_particle(20, "Ta")
    >>> angles = [[0, theta, 0] for theta in range(-66, 67, 12)]
    >>> angles[5][1] += 2
    >>> series = simulate_tilt_series(truth, angles, pixel_size=0.6, shape=(32, 32), dose=None)
    >>> angles[5][1] -= 2
    >>> start = aet.TiltSeries(series.images, angles, pixel_size=0.6)
    >>> found = aet.refine_angles(start, max_rounds=10, iterations=5, oversampling=2)
    >>> bool(found.r_factor < found.r1[0].mean())
    True
    >>> bool(found.turns[5, 1] > 1)  # degrees
    True
    """
    RefineAnglesSettings(
        method=method,
        max_rounds=max_rounds,
        iterations=iterations,
        tolerance=tolerance,
        max_correction=max_correction,
    )
    threads = check_threads(threads)
    options = {
        "oversampling": oversampling,
        "step": step,
        "extended": extended,
        "n_z": n_z,
        "support": support,
        "threads": threads,
    }
    given = series.angles.astype(np.float64)
    source = (
        FollowingVolume(series, iterations, options)
        if project is None
        else StandingModel(series, project)
    )
    path = _Path(len(series))
    history: list[NDArray[np.float64]] = []
    best, kept = 0, path.place
    level, turned_at, converged = 0, 0, False
    hasty = project is not None or method == "scan"
    free_from = ALIGN_ROUNDS if project is None else 1
    patience = PATIENCE_HASTY if hasty else PATIENCE
    with report_progress("Refining angles", max_rounds, progress) as reporter:
        for number in range(max_rounds):
            free = number >= free_from
            weight = path.momentum() if free and source.adapts and method == "gauss-newton" else 0.0
            here = path.ahead(weight)
            angles = given + here[:, :3]
            measured = shift_images(series.images, -here[:, 3:])
            calculated = source.update(measured, angles, weight, settle=number == free_from)
            if not free:
                change = align(calculated, measured, angles, threads)
            elif method == "scan":
                reach = SCAN_STEPS[level] * np.arange(-SCAN_REACH, SCAN_REACH + 1.0)
                change = scan(calculated, measured, angles, reach, threads)
            else:
                change = gauss_newton(calculated, measured, angles, threads)
            path.move(here, change, restart=bool(history) and change.r1.mean() > history[-1].mean())
            _check_limit(series, path.place, max_correction)
            history.append(change.r1)
            mean = np.mean(history, axis=1)
            reporter.advance(note=f"R = {mean[-1]:.4f}")
            # Rounds of shifts alone don't compete: their R1 is taken in another way.
            if number <= free_from or mean[-1] < mean[best]:
                best, kept = number, path.place
            since = number - max(free_from, turned_at)
            if since < patience or mean[best] <= (1 - tolerance) * mean[free_from:-patience].min():
                continue
            if method == "gauss-newton" or level + 1 == len(SCAN_STEPS):
                converged = True
                reporter.advance(max_rounds - number - 1, note=f"R = {mean[best]:.4f}")
                break
            level, turned_at = level + 1, number
    angles, shifts = given + kept[:, :3], kept[:, 3:]
    if project is None:
        angles, shifts = fix_gauge(angles, shifts, given)
    facts = {"angles_refined": method, "rounds": len(history)}
    refined = replace(
        series,
        images=shift_images(series.images, -shifts),
        angles=angles,
        metadata=series.metadata | facts,
    )
    return AngleRefinement(refined, shifts, angles - given, np.array(history), best, converged)


class _Path:
    """Turns and shifts (n, 5) of all images, with Nesterov's look ahead."""

    def __init__(self, n: int) -> None:
        self.place = self.before = np.zeros((n, 5))
        self.steps = 0

    def momentum(self) -> float:
        weight = min(MOMENTUM, self.steps / (self.steps + 3))
        self.steps += 1
        return weight

    def ahead(self, weight: float) -> NDArray[np.float64]:
        return self.place + weight * (self.place - self.before)

    def move(self, here: NDArray[np.float64], change: Step, restart: bool) -> None:
        self.before = self.place
        self.place = here + np.concatenate([change.turns, change.shifts], axis=1)
        if restart:
            self.steps = 0


def _check_limit(series: TiltSeries, place: NDArray[np.float64], limit: float) -> None:
    turned = np.abs(place[:, :3]).max(axis=1) > limit
    moved = (np.abs(place[:, 3:]) > MOST_DISPLACED * np.array(series.detector)).any(axis=1)
    lost = np.flatnonzero(turned | moved)
    if len(lost):
        k = int(lost[0])
        turns, shifts = np.round(place[k, :3], 2).tolist(), np.round(place[k, 3:], 1).tolist()
        raise InputError(
            f"{series.name}: image {k}",
            f"a fit {turns} degrees and {shifts} pixels from where it was given",
            f"images and angles that agree; leave it out, or raise max_correction above {limit:g}",
        )
