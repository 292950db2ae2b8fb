"""Angular refinement and spatial alignment of a tilt series (Methods of both papers).

A volume is reconstructed from the projections, calculated images of it show how each projection
is rotated and displaced, the volume is reconstructed again, and so on until R1 stops decreasing.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.alignment.calculated_images import FollowingVolume, StandingModel
from aet_port.alignment.orientation import Projector, Step, align, fix_gauge, gauss_newton, scan
from aet_port.alignment.settings import DEFAULTS, Method, RefineAnglesSettings
from aet_port.core.arguments import checked
from aet_port.core.data import TiltSeries
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.image_shift import shift_images
from aet_port.core.parallel import check_threads
from aet_port.core.plausibility import (
    ENOUGH,
    SCALED,
    check_series,
    result_warnings,
    series_warnings,
)
from aet_port.core.progress import progress_bar as report_progress
from aet_port.core.shift_errors import exceed_errors
from aet_port.resire.judgement import check_step
from aet_port.resire.settings import DEFAULTS as RESIRE

ALIGN_ROUNDS = 4  # shifts come first: angles are meaningless while images are misaligned
# Errors of shifts against a volume, which follows the noise, relative to those against the truth:
# 1.0 to 1.6 for particles of 50 and 60 atoms with 2 to 25 % noise.
FOLLOWING = 1.5
MOMENTUM = 0.97
MOST_DISPLACED = 0.25  # largest shift as a fraction of the image width
# Rounds without gain: with momentum R1 may stagnate for some rounds and decrease again.
PATIENCE, PATIENCE_HASTY = 6, 2
SCAN_STEPS = (0.5, 0.25, 0.1, 0.05)  # degrees
SCAN_REACH = 2  # steps on either side


@dataclass(frozen=True, repr=False)
class AngleRefinement(Shown):
    """A tilt series with refined angles and aligned images, and its R1 in each round.

    Attributes
    ----------
    series
        The images moved back by ``shifts``, with the new angles.
    shifts
        Shape (n, 2), displacement of the given images along x and y, pixels; zero where it does not
        exceed its error.
    errors
        Shape (n, 2), standard errors of the shifts, pixels.
    turns
        Shape (n, 3), new minus given angles, degrees.
    r1
        Shape (rounds, n): R1 of each image in each round, at its best scale.
    best_round
        The round from which angles and shifts are taken.
    converged
        Whether R1 stopped decreasing before the rounds were used up.
    warnings
        What speaks against the series or the result.
    """

    series: TiltSeries
    shifts: NDArray[np.float64]
    errors: NDArray[np.float64]
    turns: NDArray[np.float64]
    r1: NDArray[np.float64]
    best_round: int
    converged: bool
    warnings: tuple[str, ...] = ()

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
        """Results for a table or JSON."""
        return {
            "images": len(self.series),
            "rounds": len(self.r1),
            "converged": self.converged,
            "r_factor_first": float(self.r1[0].mean()),
            "r_factor": self.r_factor,
            "rms_turn": np.sqrt(np.mean(self.turns**2, axis=0)).tolist(),
            "rms_shift": np.sqrt(np.mean(self.shifts**2, axis=0)).tolist(),
            "shift_error": np.sqrt(np.mean(self.errors**2, axis=0)).tolist(),
            "warnings": list(self.warnings),
        }


@checked
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

    Without ``project`` the calculated images are those of a volume, which RESIRE continues to
    reconstruct in every round. In the first rounds only shifts are measured, by cross-correlation.
    Then, with ``"gauss-newton"``, all five parameters of each image take one Gauss-Newton step per
    round. A volume adapts to wrong angles, above all to a smooth error along the series that looks
    like a slightly stretched object, so that plain alternation converges slowly; volume, angles and
    shifts are therefore accelerated together by Nesterov's momentum, which is reset whenever R1
    rises. ``"scan"`` is the papers' procedure: trial angles, each with an alignment by
    cross-correlation, in steps of 0.5 to 0.05 degree, finer when R1 stops decreasing. With

    ``project`` the calculated images come from it (a refined atomic model, for example) and the

    object is fixed.
    For simulated particles of 150 atoms, 40 tilts to 66 degrees of 48 x 48 pixels of 0.6 angstrom,
    errors of up to one degree and two pixels: refinement against the volume leaves rms errors of
    0.02, 0.08 to 0.14 and 0.02 degree in phi, theta, psi and 0.003 pixel, mainly a smooth error of
    theta, which is smaller for a wider tilt range. The scan reaches 0.3 degree in 80 rounds. With
    the noise of the Ta film, 0.15, 0.31, 0.23 degree remain with the volume and 0.08, 0.12, 0.14
    with atoms: a volume also follows the noise, so finally refine noisy series against atoms.

    A shift that does not exceed its standard error
    (:func:`aet_port.core.shift_errors.exceed_errors`) is not applied.

    Projections don't determine a rotation and a displacement of the whole object. With a volume
    the mean rotation relative to the given angles and the displacement of the object are fixed at
    zero (``fix_gauge``); a model defines the frame itself.

    Parameters
    ----------
    series
        Projections and angles, with errors of a few degrees and pixels at most.
    project
        Function from angles (n, 3) in degrees to images of the detector's size, in any units.
    method
        ``"gauss-newton"`` or ``"scan"``.
    max_rounds
        Largest number of rounds.
    iterations
        RESIRE iterations in each round.
    oversampling, step, extended, n_z, support
        As in :func:`aet_port.resire.reconstruct`.
    tolerance
        Stop when R1 falls by less than this fraction in six rounds (two with a model or in a scan,
        where the steps become finer first).
    max_correction
        Largest allowed angle correction in degrees; a larger one, or a shift of a quarter of the
        image width, is an error.
    threads
        Number of threads; all cores unless given. The result does not depend on it.
    progress
        Whether to report progress on standard error.

    Returns
    -------
    The series with refined angles and shifted images, and R1 in each round.

    Raises
    ------
    InputError
        For an unknown method, numbers out of range, images without contrast or negative on the
        whole, calculated images of another shape or unlike the measured ones, or an image that
        moves beyond ``max_correction`` (the error names it).

    Warns
    -----
    UserWarning
        For images that can't belong to the others, and for R factors that say that the images and
        the calculated ones hardly agree.

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
    check_series(series.images, series.name, positivity=project is None)
    if project is None:
        check_step(series, step)
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
    best, kept, errors = 0, path.place, np.zeros((len(series), 2))
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
            # Rounds with shifts only don't compete: their R1 is computed differently.
            if number <= free_from or mean[-1] < mean[best]:
                best, kept, errors = number, path.place, change.errors
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
        errors = errors * FOLLOWING
    shifts = np.where(exceed_errors(shifts, errors), shifts, 0.0)
    said = series_warnings(series.images, angles, positivity=project is None)
    if project is not None or iterations * len(history) >= ENOUGH:
        calculated_from = "the volume" if project is None else "the model"
        said += result_warnings(history[best], series.images, result=calculated_from, most=SCALED)
    for text in said:
        warnings.warn(f"{series.name}: {text}", UserWarning, stacklevel=3)
    facts = {"angles_refined": method, "rounds": len(history)}
    refined = replace(
        series,
        images=shift_images(series.images, -shifts),
        angles=angles,
        metadata=series.metadata | facts,
    )
    return AngleRefinement(
        refined, shifts, errors, angles - given, np.array(history), best, converged, tuple(said)
    )


class _Path:
    """Rotations and shifts (n, 5) of all images, with Nesterov's extrapolation."""

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
            f"a fit {turns} degrees and {shifts} pixels from the given values",
            f"images and angles that agree; leave it out, or raise max_correction above {limit:g}",
        )
