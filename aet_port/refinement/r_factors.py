"""Agreement of a model with the images: R factors, and R-free of images left out of the fit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.refinement.forward import Fitted, Forward
from aet_port.refinement.joint import Refinement, refine
from aet_port.refinement.parameters import Parameters
from aet_port.refinement.settings import DEFAULTS, FOLDS, Precision, ScanShear
from aet_port.resire.reconstruction import r_factors

IMAGE_STEPS = 12  # Gauss-Newton steps of the fit of image shifts
IMAGE_FITS = ("shifts", "scales", "offsets")


@dataclass(frozen=True)
class Agreement:
    """R factors of calculated images.

    Attributes
    ----------
    r1
        Shape (n_images,): ``sum |calculated - measured| / sum |measured|`` of each image.
    r1_global
        The same sums over all images, after scaling all calculated images by a common factor.
    scale
        That factor, by least squares.
    """

    r1: NDArray[np.float64]
    r1_global: float
    scale: float

    @property
    def r1_mean(self) -> float:
        """Mean of ``r1`` over the images."""
        return float(self.r1.mean())


def agreement(calculated: NDArray, measured: NDArray) -> Agreement:
    """R1 of each image, and of all images with one scale ``k = sum c m / sum c^2``.

    Parameters
    ----------
    calculated, measured
        Shape (n_images, nx, ny).

    Raises
    ------
    InputError
        For shapes that differ, or calculated images that are zero.

    Notes
    -----
    MATLAB: the R of 5_Position_refinement/src/Cal_Bproj.m (film paper) is that of all images, with
    a scale
    """
    if calculated.shape != measured.shape or calculated.ndim != 3:
        raise InputError(
            "calculated images",
            f"shape {calculated.shape}",
            f"that of the measured images, {measured.shape}",
        )
    cross = square = 0.0
    for ours, theirs in zip(calculated, measured, strict=True):
        cross += float(np.sum(ours.astype(np.float64) * theirs))
        square += float(np.sum(np.square(ours, dtype=np.float64)))
    if square == 0:
        raise InputError("calculated images", "only zeros", "a model inside the images")
    scale = cross / square
    left = total = 0.0
    for ours, theirs in zip(calculated, measured, strict=True):
        left += float(np.abs(scale * ours.astype(np.float64) - theirs).sum())
        total += float(np.abs(theirs).sum(dtype=np.float64))
    return Agreement(r_factors(calculated, measured)[0], left / total, scale)


def fit_images(
    forward: Forward,
    parameters: Parameters,
    images: NDArray,
    fits: Collection[str],
) -> Parameters:
    """Fit shift, scale and offset of each image by least squares, with the model fixed.

    Shifts take twelve Gauss-Newton steps; a step that does not lower an image's residual is halved.

    Parameters
    ----------
    forward, parameters, images
        As in :meth:`aet_port.refinement.forward.Forward.misfit`.
    fits
        Any of ``"shifts"``, ``"scales"``, ``"offsets"``; the others stay fixed.

    Raises
    ------
    InputError
        For an unknown name among ``fits``.
    """
    fitted = _fitted(fits)
    best = forward.misfit(parameters, images, fitted)
    if "shifts" not in fits:
        return best.parameters
    length = np.ones((len(forward), 1))
    for _ in range(IMAGE_STEPS):
        bend = forward.curvature(best.parameters).shifts
        step = -np.linalg.solve(bend, best.gradient.shifts[:, :, None])[:, :, 0]
        trial = replace(best.parameters, shifts=best.parameters.shifts + length * step)
        new = forward.misfit(trial, images, fitted)
        better = new.values < best.values
        shifts = np.where(better[:, None], trial.shifts, best.parameters.shifts)
        length = np.where(better[:, None], 1.0, 0.5 * length)
        if np.abs(length * step).max() < 1e-4:  # angstrom
            break
        best = forward.misfit(replace(best.parameters, shifts=shifts), images, fitted)
    return best.parameters


def _fitted(fits: Collection[str]) -> Fitted:
    unknown = set(fits) - set(IMAGE_FITS)
    if unknown:
        raise InputError("fits", f"{sorted(unknown)[0]!r}", "any of " + ", ".join(IMAGE_FITS))
    return frozenset(fits) - {"shifts"}


@dataclass(frozen=True)
class CrossValidation:
    """R factors of refinements with some images left out.

    Attributes
    ----------
    fold
        Shape (n_images,): the fold in which an image was left out.
    r_free
        Shape (n_images,): R1 of each image for the refinement without it.
    r_free_start
        Shape (n_images,): the same with the atoms at their initial positions; heights, B factors
        and image shifts are refined against the same images.
    r_work, r_work_start
        Shape (folds,): mean R1 of the images used, with and without moving the atoms.
    refinements
        The refinement of each fold.
    """

    fold: NDArray[np.int64]
    r_free: NDArray[np.float64]
    r_free_start: NDArray[np.float64]
    r_work: NDArray[np.float64]
    r_work_start: NDArray[np.float64]
    refinements: tuple[Refinement, ...]

    @property
    def overfits(self) -> bool:
        """Whether moving the atoms increased R1 of the images left out."""
        return bool(self.r_free.mean() > self.r_free_start.mean())


@checked
def cross_validate(
    series: TiltSeries,
    model: AtomicModel,
    folds: int = FOLDS,
    held_out_fits: Collection[str] = (),
    *,
    heights: Mapping[str, float] | None = None,
    b_factors: float | Mapping[str, float] | None = None,
    refine_shifts: bool = DEFAULTS.refine_shifts,
    refine_scales: bool = DEFAULTS.refine_scales,
    refine_offsets: bool = DEFAULTS.refine_offsets,
    scan_shear: ScanShear = DEFAULTS.scan_shear,
    movable: NDArray[np.bool_] | None = None,
    max_displacement: float = DEFAULTS.max_displacement,
    max_evaluations: int = DEFAULTS.max_evaluations,
    tolerance: float = DEFAULTS.tolerance,
    precision: Precision = DEFAULTS.precision,
    threads: int | None = None,
    progress: bool = False,
) -> CrossValidation:
    """R-free: refine against all images but every ``folds``-th, then compare those left out.

    Image ``p`` is left out in fold ``p mod folds``, so that each fold omits tilts over the whole
    range. A. T. Brünger, Nature 355, 472 (1992), with projections in place of reflections.

    Parameters
    ----------
    series, model
        As in :func:`aet_port.refinement.joint.refine`.
    folds
        Number of folds, at least two.
    held_out_fits
        Image parameters that may be fitted to the images left out before the comparison, see
        :func:`fit_images`; none unless given.
    heights, b_factors, refine_shifts, refine_scales, refine_offsets, scan_shear, movable
    max_displacement, max_evaluations, tolerance, precision, threads, progress
        As in :func:`aet_port.refinement.joint.refine`.

    Raises
    ------
    InputError
        For fewer than two folds or more folds than images, and as in that function.
    """
    if not 2 <= folds <= len(series) // 2:
        raise InputError("folds", f"{folds}", f"2 to half of the {len(series)} images")
    _fitted(held_out_fits)
    fold = np.arange(len(series)) % folds
    free, start = np.empty(len(series)), np.empty(len(series))
    work: list[float] = []
    work_start: list[float] = []
    refinements = []
    fitted = partial(
        refine,
        heights=heights,
        b_factors=b_factors,
        refine_shifts=refine_shifts,
        refine_scales=refine_scales,
        refine_offsets=refine_offsets,
        scan_shear=scan_shear,
        max_displacement=max_displacement,
        max_evaluations=max_evaluations,
        tolerance=tolerance,
        precision=precision,
        threads=threads,
        progress=progress,
    )
    still = np.zeros(len(model), bool)
    for number in range(folds):
        held, used = fold == number, fold != number
        part, rest = some_images(series, used), some_images(series, held)
        forward = Forward(
            model.species, rest.angles, rest.pixel_size, rest.detector, precision, threads
        )
        for moving, target, means in ((still, start, work_start), (movable, free, work)):
            result = fitted(part, model, movable=moving)
            there = _without_images(result.parameters, len(rest))
            there = fit_images(forward, there, rest.images, held_out_fits)
            target[held] = agreement(forward.project(there), rest.images).r1
            means.append(float(result.r1.mean()))
        refinements.append(result)
    return CrossValidation(
        fold, free, start, np.array(work), np.array(work_start), tuple(refinements)
    )


def some_images(series: TiltSeries, chosen: NDArray[np.bool_]) -> TiltSeries:
    """The images of a series that are chosen, shape (n_images,), with their angles."""
    return replace(series, images=series.images[chosen], angles=series.angles[chosen])


def _without_images(parameters: Parameters, n_images: int) -> Parameters:
    """The model with other images, of mean scale and offset of those refined against."""
    return replace(
        parameters,
        shifts=np.zeros((n_images, 2)),
        scales=np.full(n_images, parameters.scales.mean()),
        offsets=np.full(n_images, parameters.offsets.mean()),
    )
