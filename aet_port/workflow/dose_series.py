"""From raw frames to atoms at one dose after another: what is found, and what each step does wrong.

Frames of a glass particle are simulated, preprocessed, reconstructed and traced, the atoms refined
against the averages before they were denoised; the model is held against the true one, each step
of the preprocessing against the record of what was done to the frames.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import AtomicModel, TiltSeries
from aet_port.core.errors import AetError, InputError
from aet_port.core.frame_series import FrameSeries
from aet_port.core.geometry import centre
from aet_port.core.scan_distortion import ScanDistortion
from aet_port.preprocessing.chain import preprocess
from aet_port.preprocessing.settings import PreprocessSettings
from aet_port.simulation.linear import B_FACTOR, project_atoms, tilt_angles
from aet_port.simulation.raw_frames import RawFrames, RawSettings, take_frames
from aet_port.simulation.samples import amorphous_particle
from aet_port.simulation.tilt_series import fitting_shape, odd_size
from aet_port.validation.precision import Precision, measure_precision
from aet_port.validation.preprocess_errors import StepErrors, step_errors
from aet_port.workflow.sections import Reconstruct, Refine, Select, Trace
from aet_port.workflow.stage_functions import (
    reconstruct_with,
    refine_with,
    selected_model,
    trace_with,
)

DOSES = (1e4, 5e4, 2e5, 8e5)  # electrons per square angstrom
BORDER = 20  # pixels of background around the sample on each side, for drift and displacement


@dataclass(frozen=True)
class ScoreSettings:
    """How frames are made and what is done with them.

    Parameters
    ----------
    atoms, species, seed
        Of :func:`~.simulation.samples.amorphous_particle`; the seed is that of the errors too.
    doses
        Electrons per square angstrom, sums over the series.
    pixel_size
        Angstrom.
    b_factor
        ``B'`` in square angstrom.
    raw
        The errors; dose and seed are replaced.
    preprocess
        Its distortion is replaced by that of ``raw`` where ``calibrated``.
    calibrated
        Whether the scan distortion is known from a calibration; else the skew of the coils is
        estimated from the images, and what that leaves is refined with the atoms. Of 1000 atoms at
        8e5 electrons per square angstrom the shear is then off by 0.03 % (rms of six seeds; the
        Cramer-Rao bound is 0.022 %), at no cost to the atoms.
    reconstruct, trace, select, refine
        The sections of a run's configuration; unless calibrated, the refinement's scan shear is
        that of the coils.
    radius
        Largest distance of a matched pair in angstrom.
    """

    atoms: int = 1000
    species: str = "Ta"
    seed: int = 1
    doses: tuple[float, ...] = DOSES
    pixel_size: float = 0.35
    b_factor: float = B_FACTOR
    raw: RawSettings = field(default_factory=RawSettings)
    preprocess: PreprocessSettings = field(default_factory=PreprocessSettings)
    calibrated: bool = False
    reconstruct: Reconstruct = field(default_factory=lambda: Reconstruct(iterations=150))
    trace: Trace = field(default_factory=lambda: Trace(upsampling="spline"))
    select: Select = field(default_factory=lambda: Select(support="tight", merge_distance=2.0))
    refine: Refine = field(default_factory=lambda: Refine(shifts=True))
    radius: float = 1.5

    def __post_init__(self) -> None:
        if not self.doses or not all(0 < dose < np.inf for dose in self.doses):
            found = ", ".join(f"{dose:g}" for dose in self.doses) or "none"
            raise InputError("doses", found, "electrons per square angstrom, above zero")
        if self.atoms < 1:
            raise InputError("atoms", str(self.atoms), "1 or more")


@dataclass(frozen=True)
class Score:
    """One dose: errors of the steps, precision of the traced and of the refined model.

    ``failure`` is the text of the error that ended the work; then what was not reached is None.
    """

    dose: float
    steps: StepErrors | None = None
    traced: Precision | None = None
    refined: Precision | None = None
    r_factor: float | None = None
    failure: str | None = None

    def summary(self) -> dict[str, Any]:
        """The figures as plain numbers."""
        steps = self.steps
        return {
            "dose": self.dose,
            "traced": None if self.traced is None else _figures(self.traced),
            "refined": None if self.refined is None else _figures(self.refined),
            "r_factor": self.r_factor,
            "steps": None if steps is None else dict(vars(steps)),
            "failure": self.failure,
        }


def score(
    settings: ScoreSettings | None = None, *, threads: int | None = None, progress: bool = False
) -> list[Score]:
    """The whole chain at each dose.

    Parameters
    ----------
    settings
        The defaults of :class:`ScoreSettings` unless given.
    threads
        All cores unless given.
    progress
        Whether to report on standard error.

    Returns
    -------
    One score per dose. A dose at which a step cannot go on has that step's error in ``failure``.

    MATLAB: none
    """
    chosen = settings or ScoreSettings()
    truth = amorphous_particle(chosen.atoms, chosen.species, chosen.seed)
    results = []
    for number, dose in enumerate(chosen.doses, start=1):
        if progress:
            # A line, because the stages have bars of their own and one bar cannot hold another.
            text = f"dose {number}/{len(chosen.doses)}: {dose:g} electrons per square angstrom"
            print(text, file=sys.stderr, flush=True)
        results.append(score_dose(truth, dose, chosen, threads=threads, progress=progress))
    return results


def score_dose(
    truth: AtomicModel,
    dose: float,
    settings: ScoreSettings,
    *,
    threads: int | None = None,
    progress: bool = False,
) -> Score:
    """The whole chain at one dose; see :func:`score`."""
    raw = raw_frames(truth, dose, settings)
    steps = traced = r_factor = None
    try:
        series = FrameSeries(
            tuple(raw.frames), raw.angles[:, 1], raw.pixel_size, name=f"frames at {dose:g}"
        )
        done = preprocess(series, _steps(settings), threads=threads, progress=progress)
        steps = step_errors(raw, done)
        shape = fitting_shape(truth, raw.angles, raw.pixel_size)
        # Least squares want the noise of electrons, not what a filter leaves of it.
        clean, measured = cropped(done.series, shape), cropped(done.measured(), shape)
        found = _found(truth, clean, measured, settings, threads, progress)
        traced, refined, left, r_factor = found
        steps = step_errors(raw, done, left)
    except AetError as error:
        return Score(dose, steps, traced, None, r_factor, str(error))
    return Score(dose, steps, traced, refined, r_factor)


def raw_frames(truth: AtomicModel, dose: float, settings: ScoreSettings) -> RawFrames:
    """Frames of a model at a dose, taken at the angles of the Ta film."""
    angles = tilt_angles()
    nx, ny = fitting_shape(truth, angles, settings.pixel_size)
    project = partial(
        _project, truth, settings.pixel_size, (nx + 2 * BORDER, ny + 2 * BORDER), settings.b_factor
    )
    wrong = replace(settings.raw, dose=dose, seed=settings.seed)
    return take_frames(project, angles, settings.pixel_size, wrong)


def cropped(series: TiltSeries, shape: tuple[int, int]) -> TiltSeries:
    """The middle of each image, with the rotation centre on its own pixel ``n // 2``.

    Parameters
    ----------
    series
        Images of any size.
    shape
        Pixels (nx, ny); a side larger than the image stays as it is.
    """
    parts = []
    for have, wanted in zip(series.detector, shape, strict=True):
        size = min(have, wanted)
        start = int(centre(have) - centre(size))
        parts.append(slice(start, start + size))
    return replace(series, images=series.images[:, parts[0], parts[1]])


def _project(
    truth: AtomicModel,
    pixel_size: float,
    shape: tuple[int, int],
    b_factor: float,
    angles: NDArray[np.float64],
) -> NDArray[np.float64]:
    return project_atoms(truth, angles, pixel_size, shape, b_factor)


def _steps(settings: ScoreSettings) -> PreprocessSettings:
    matrix = settings.raw.matrix
    known = ScanDistortion(float(matrix[0, 1]), float(matrix[1, 0]), float(matrix[1, 1]))
    return replace(
        settings.preprocess,
        slow_axis=settings.raw.slow_axis,
        distortion=known if settings.calibrated else "estimate",
    )


def _refine(settings: ScoreSettings) -> Refine:
    if settings.calibrated:
        return settings.refine
    # Lines along the tilt axis are skewed along it.
    return replace(settings.refine, scan_shear="y" if settings.raw.slow_axis == 0 else "x")


def _found(
    truth: AtomicModel,
    series: TiltSeries,
    measured: TiltSeries,
    settings: ScoreSettings,
    threads: int | None,
    progress: bool,
) -> tuple[Precision, Precision, ScanDistortion, float]:
    """Precision of the traced and the refined model, the shear left, R1 of the reconstruction."""
    depth = odd_size(float(np.abs(truth.positions[:, 2]).max()), series.pixel_size)
    section = replace(settings.reconstruct, thickness=settings.reconstruct.thickness or depth)
    result = reconstruct_with(series, section, threads=threads, progress=progress)
    volume = result.cropped()
    peaks = trace_with(volume, settings.trace, threads, progress=progress)
    model = selected_model(
        volume, peaks.accepted, settings.select, settings.species, series.name, threads=threads
    )
    traced = measure_precision(model, truth, settings.radius)
    refined, _ = refine_with(measured, model, _refine(settings), threads=threads, progress=progress)
    best = measure_precision(refined.model, truth, settings.radius)
    return traced, best, refined.distortion, float(result.r1[-1].mean())


def _figures(found: Precision) -> dict[str, Any]:
    return {
        "recall": found.recall,
        "spurious": 1 - found.precision,
        "rmsd_pm": found.rmsd_pm,
        "atoms": found.matching.n_found,
    }


def score_rows(scores: Sequence[Score]) -> list[tuple[str, ...]]:
    """A line per dose: dose, recall, spurious, RMSD of the refined model, errors of the steps.

    The error of the shear stands before and, in the next column, after the refinement.
    """
    rows: list[tuple[str, ...]] = []
    for item in scores:
        found, steps = item.refined, item.steps
        atoms = (
            ("", "", item.failure or "")
            if found is None
            else (
                f"{100 * found.recall:.2f} %",
                f"{100 * (1 - found.precision):.2f} %",
                f"{found.rmsd_pm:.1f}",
            )
        )
        errors = (
            ("",) * 5
            if steps is None
            else (
                f"{steps.drift:.3f}",
                f"{100 * steps.preprocessed_shear:.3f} %",
                f"{100 * steps.shear:.3f} %",
                f"{steps.alignment:.3f}",
                f"{100 * steps.background:.2f} %",
            )
        )
        rows.append((f"{item.dose:g}", *atoms, *errors))
    return rows


COLUMNS = (
    "dose (e/A^2)",
    "recall",
    "spurious",
    "RMSD (pm)",
    "drift (pixels)",
    "shear before",
    "shear",
    "alignment (pixels)",
    "background",
)
