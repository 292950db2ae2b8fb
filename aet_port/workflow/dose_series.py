"""From raw frames to atoms at a series of doses: what is found, and the error of each step.

Frames of a glass particle are simulated, preprocessed, reconstructed and traced, and the atoms
refined against the averages before denoising. The model is compared with the true one, each
preprocessing step with the errors that were simulated. Each dose is a run
(:mod:`aet_port.workflow.pipeline`) in a folder of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.records import read_json, read_record
from aet_port.core.settings import Settings
from aet_port.core.terminal import print_note
from aet_port.refinement.settings import ScanShear
from aet_port.simulation.linear import tilt_angles
from aet_port.simulation.samples import amorphous_particle
from aet_port.simulation.tilt_series import fitting_shape, odd_size
from aet_port.workflow.config import RunConfig, parse_config
from aet_port.workflow.dose_settings import DoseSeriesSettings
from aet_port.workflow.pipeline import Run, run
from aet_port.workflow.run_folder import COMPARISON, REFINED
from aet_port.workflow.sections import SampleSettings, SyntheticSettings
from aet_port.workflow.synthetic_stages import REFUSED, STEP_ERRORS
from aet_port.workflow.toml_text import config_text


@dataclass(frozen=True)
class Score:
    """One dose: its run, and the failure if there was one.

    Attributes
    ----------
    dose
        Electrons per square angstrom.
    run
        The run.
    failure
        The first stage that failed, with the reason; None if all stages finished.
    """

    dose: float
    run: Run
    failure: str | None = None

    def summary(self) -> dict[str, Any]:
        """Results as plain numbers; None for stages that were not reached.

        Figures of a refined model with which the run did not go on are called ``refused``.
        """
        figures: dict[str, Any] = {"dose": self.dose, "failure": self.failure}
        found = self._compared()
        names = ("detected",) if self.run.config.from_counts else ("traced", "refined")
        figures |= {name: _short(found.get(name)) for name in names}
        if REFUSED in found:
            figures[REFUSED] = _short(found[REFUSED])
        figures["steps"] = found.get("steps")
        figures["r_factor"] = self.run.r_mean if self.run.projection_r else None
        return figures

    def _compared(self) -> dict[str, Any]:
        path, steps = self.run.folder.path(COMPARISON), self.run.folder.path(STEP_ERRORS)
        if path.exists():
            found = read_record(path)
            if not self.run.folder.path(REFINED).exists() and not self.run.config.from_counts:
                found = {k: v for k, v in found.items() if k not in ("refined", REFUSED)}
            return found
        return {"steps": read_json(steps)} if steps.exists() else {}


def run_dose_series(
    settings: DoseSeriesSettings | None,
    out: str | Path,
    *,
    resume: bool = False,
    threads: int | None = None,
    progress: bool = False,
) -> list[Score]:
    """Carry out the whole chain at each dose.

    Parameters
    ----------
    settings
        Settings; the defaults of :class:`DoseSeriesSettings` unless given.
    out
        Folder in which each dose has a run folder, ``dose_8e+05`` and so on.
    resume
        Whether to continue existing runs.
    threads
        Number of threads; all cores unless given.
    progress
        Whether to report progress on standard error.

    Returns
    -------
    One score per dose; ``failure`` gives the reason if a stage failed.

    Raises
    ------
    InputError
        If a folder holds another run, or holds this one and ``resume`` is not given.
    """
    chosen = settings or DoseSeriesSettings()
    truth = amorphous_particle(chosen.atoms, chosen.species, chosen.seed)
    scores = []
    for number, dose in enumerate(chosen.doses, start=1):
        if progress:
            # A line, because the stages show progress bars, which cannot be nested.
            text = f"dose {number}/{len(chosen.doses)}: {dose:g} electrons per square angstrom"
            print_note(text)
        folder = Path(out) / f"dose_{dose:g}"
        config = dose_config(chosen, dose, folder, truth)
        done = run(config, folder, resume=resume, threads=threads, progress=progress)
        failure = f"{done.failures[0].stage}: {done.failures[0].reason}" if done.failures else None
        scores.append(Score(dose, done, failure))
    return scores


def dose_config(
    settings: DoseSeriesSettings, dose: float, folder: Path, truth: AtomicModel
) -> RunConfig:
    """Make the configuration of the run at one dose.

    Parameters
    ----------
    settings
        Settings of the dose series.
    dose
        Electrons per square angstrom.
    folder
        The run folder.
    truth
        The true model, which sets the size of images and volume.
    """
    pixel = settings.simulate.pixel_size
    shape = settings.simulate.shape or fitting_shape(
        truth, tilt_angles(settings.simulate.tilts), pixel
    )
    frames = settings.simulate_frames.changed(dose=dose, seed=settings.seed)
    steps = settings.preprocess.changed(slow_axis=frames.slow_axis, crop=shape)
    refine, detect = settings.refine, settings.detect
    if settings.calibrated:
        known = frames.matrix
        steps = steps.changed(
            shear_x=float(known[0, 1]), shear_y=float(known[1, 0]), scale=float(known[1, 1])
        )
    else:
        steps = steps.changed(estimate_shear=True)
        # Lines along the tilt axis are skewed along it.
        shear: ScanShear = "y" if frames.slow_axis == "x" else "x"
        refine, detect = refine.changed(scan_shear=shear), detect.changed(scan_shear=shear)
    reconstruct = settings.reconstruct
    if reconstruct.n_z is None:
        deep = float(np.abs(truth.positions[:, 2]).max())
        reconstruct = reconstruct.changed(n_z=odd_size(deep, pixel))
    sections: dict[str, Settings] = {
        "sample": SampleSettings(
            name=f"{settings.atoms} {settings.species} atoms at {dose:g} electrons per A^2",
            species=settings.species,
            kind="synthetic",
            preset=settings.preset,
        ),
        "synthetic": SyntheticSettings(atoms=settings.atoms, seed=settings.seed),
        "simulate": settings.simulate,
        "simulate_frames": frames,
        "preprocess": steps,
        "compare": settings.compare,
    }
    if settings.preset == "papers":
        sections |= {
            "reconstruct": reconstruct,
            "trace": settings.trace,
            "select": settings.select,
            "refine": refine,
        }
    else:
        sections["detect"] = detect
    return parse_config(config_text(sections, "One dose of a series."), folder / "config.toml")


def _short(found: dict[str, Any] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "recall": found["recall"],
        "spurious": 1 - found["precision"],
        "rmsd_pm": found["rmsd_pm"],
        "atoms": found["matched"] + found["spurious"],
    }


def score_rows(scores: Sequence[Score]) -> list[tuple[str, ...]]:
    """Table rows: dose, recall, spurious atoms, RMSD of the final model, errors of the steps.

    The error of the shear is given before and, in the next column, after the refinement.
    """
    rows: list[tuple[str, ...]] = []
    for item in scores:
        figures = item.summary()
        final = "traced" if REFUSED in figures else "refined"
        found, steps = figures.get("detected") or figures.get(final), figures["steps"]
        atoms = (
            ("", "", item.failure or "")
            if found is None
            else (
                f"{100 * found['recall']:.2f} %",
                f"{100 * found['spurious']:.2f} %",
                f"{found['rmsd_pm']:.1f}",
            )
        )
        errors = (
            ("",) * 5
            if steps is None
            else (
                f"{steps['drift']:.3f}",
                f"{100 * steps['preprocessed_shear']:.3f} %",
                f"{100 * steps['shear']:.3f} %",
                f"{steps['alignment']:.3f}",
                f"{100 * (steps['background'] or 0):.2f} %",
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
