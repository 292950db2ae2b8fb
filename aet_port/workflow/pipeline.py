"""The chain over a run folder, from raw frames or projections to the structure of the model."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.checkpoint import INTERVAL
from aet_port.core.parallel import check_threads
from aet_port.core.records import OWN, parsing, read_record
from aet_port.core.timings import Timings
from aet_port.structure import StructureResult
from aet_port.tracing import Peaks
from aet_port.tracing.edits import Edit
from aet_port.workflow.config import RunConfig
from aet_port.workflow.detect_stage import DETECT, DETECT_AREAS, PATCH, TABULATE
from aet_port.workflow.memory import check_new_run
from aet_port.workflow.model_stages import (
    ANALYZE,
    CLASSIFY,
    REFINE,
    SELECT,
    edits_of,
    final_model,
    refused_because,
    structure_of_run,
    takes_refined,
)
from aet_port.workflow.redo import check_redo, set_aside
from aet_port.workflow.review_stage import APPLY, detection_record
from aet_port.workflow.run_folder import (
    MODEL,
    PEAKS,
    REFINEMENT,
    STRUCTURE,
    VOLUME,
    VOLUMES,
    WHOLE,
    RunFolder,
    areas_of,
    claim,
)
from aet_port.workflow.series_stages import ALIGN, CLEAN_AGAIN, PREPROCESS
from aet_port.workflow.stages import Failure, Stage, Work, carry_out
from aet_port.workflow.synthetic_stages import (
    COMPARE,
    PREPROCESS_SIMULATED,
    SAMPLE,
    SIMULATE,
    SIMULATE_FRAMES,
)
from aet_port.workflow.volume_stages import (
    ASSEMBLE,
    RECONSTRUCT,
    TRACE,
    read_r_factors,
    reconstruction_warnings,
    sub_areas,
    trace_warnings,
)


@dataclass(frozen=True)
class Run:
    """A run: its folder, its results, and the stages that failed.

    Attributes
    ----------
    folder
        The run folder.
    config
        Its settings.
    failures
        Stages that failed, with the reason; empty for a complete run.
    memo
        Results kept in memory by the process that made the run, by name.
    set_aside
        Folder with the earlier results of stages that were done again on request.
    """

    folder: RunFolder
    config: RunConfig
    failures: tuple[Failure, ...] = ()
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    set_aside: Path | None = None

    @cached_property
    def projection_r(self) -> dict[int, NDArray[np.float64]]:
        """R1 for each projection, by sub-area (0 if there are none).

        That of the last iteration of the reconstruction, or of the atoms found in the counts.
        """
        if self.detection is not None:
            parts = self.detection.get("areas") or {WHOLE: self.detection}
            return {
                int(area): np.array([float(one["r1"]) for one in part["projections"]])
                for area, part in parts.items()
            }
        return {
            area: read_r_factors(self.folder, area)[-1]
            for area in areas_of(self.config)
            if self.folder.path(VOLUMES, area).exists()
        }

    @property
    def r_factors(self) -> dict[int, float]:
        """R1 of the last iteration by sub-area, averaged over its projections."""
        return {area: float(r1.mean()) for area, r1 in self.projection_r.items()}

    @property
    def r_mean(self) -> float:
        """R1 of the last iteration, averaged over sub-areas."""
        return float(np.mean(list(self.r_factors.values())))

    @cached_property
    def n_peaks(self) -> int:
        """Number of accepted peaks, before sub-areas are patched together."""
        paths = [self.folder.path(PEAKS, area) for area in areas_of(self.config)]
        return sum(len(Peaks.load(path).accepted) for path in paths if path.exists())

    @cached_property
    def trace_warnings(self) -> list[str]:
        """Warnings about the traced peaks; empty for atoms from counts."""
        return [] if self.config.from_counts else trace_warnings(self.config, self.folder)

    @cached_property
    def warnings(self) -> list[str]:
        """What speaks against the reconstruction and its peaks; empty for atoms from counts."""
        if self.config.from_counts:
            return []
        return reconstruction_warnings(self.config, self.folder) + self.trace_warnings

    @property
    def has_model(self) -> bool:
        """Whether atoms were found."""
        return self.folder.path(MODEL).exists()

    @cached_property
    def model(self) -> AtomicModel:
        """The model of the last stage that made a sound one: refined, classified, or as traced."""
        return final_model(self.config, self.folder)

    @cached_property
    def edits(self) -> tuple[Edit, ...]:
        """The manual edits, complete."""
        return edits_of(self.config, self.folder)

    @cached_property
    def refinement(self) -> dict[str, Any] | None:
        """Results as :func:`aet_port.refinement.record.refinement_record`; None if not refined.

        Also ``taken_over``: whether ``model`` is the refined one.
        """
        path = self.folder.path(REFINEMENT)
        if self.config.refine is None or not path.exists():
            return None
        return read_record(path)

    @property
    def refusal(self) -> str | None:
        """Why the refined model is not taken over, and what to do; None if it is, or is absent."""
        return refused_because(self.config, self.folder)

    @cached_property
    def detection(self) -> dict[str, Any] | None:
        """Results of :func:`aet_port.detection.loop.detect`; None for the chain of the papers."""
        if not self.config.from_counts:
            return None
        path = detection_record(self.folder)
        return read_record(path) if path.exists() else None

    @property
    def model_r(self) -> float:
        """R1 of the fitted model, averaged over projections; NaN if it was not fitted."""
        if self.detection is not None:
            with parsing(detection_record(self.folder), "record", OWN):
                return float(self.detection["r1"])
        if self.refinement is None or not takes_refined(self.config, self.folder):
            return float("nan")
        with parsing(self.folder.path(REFINEMENT), "record", OWN):
            return float(self.refinement["r1"])

    @property
    def structure_summary(self) -> dict[str, Any] | None:
        """Results of the structure analysis as plain numbers; None without one."""
        path = self.folder.path(STRUCTURE)
        return read_record(path) if path.exists() else None

    @cached_property
    def structure(self) -> StructureResult | None:
        """The structure analysis, recomputed if not in memory; None if it failed."""
        if not self.folder.path(STRUCTURE).exists():
            return None
        found: StructureResult | None = self.memo.get("structure")
        return found or structure_of_run(self.config, self.folder)

    @property
    def timings(self) -> list[dict[str, Any]]:
        """Seconds and peak memory of each stage, in the order in which they were done."""
        return Timings.resumed(self.folder.path("timings.json")).stages

    @property
    def volume_path(self) -> Path:
        """The volume in which the atoms were found."""
        return self.folder.path(VOLUME)


def stages_of(config: RunConfig) -> list[Stage]:
    """The stages that a configuration asks for, in order."""
    stages = []
    if config.simulated:
        stages.append(SAMPLE)
        if config.simulate_frames is not None:
            stages += [SIMULATE_FRAMES, PREPROCESS_SIMULATED]
        else:
            stages.append(SIMULATE)
    elif config.preprocess is not None:
        stages.append(PREPROCESS)
    if config.refine_angles is not None:
        stages.append(ALIGN)
        if config.preprocess is not None and config.preprocess.background_after_angles:
            stages.append(CLEAN_AGAIN)
    if config.from_counts:
        stages += [DETECT_AREAS, PATCH] if config.input.areas else [DETECT]
        stages += [TABULATE, APPLY]
    else:
        stages += [RECONSTRUCT, TRACE, ASSEMBLE, SELECT]
        if len(config.species) > 1:
            stages.append(CLASSIFY)
        if config.refine is not None:
            stages.append(REFINE)
    stages.append(ANALYZE)
    if config.simulated:
        stages.append(COMPARE)
    return stages


@checked
def run(
    config: RunConfig,
    out: str | Path,
    *,
    stages: Sequence[Stage] | None = None,
    resume: bool = False,
    redo: str | None = None,
    threads: int | None = None,
    scheduler: str | None = None,
    checkpoint_interval: float = INTERVAL,
    progress: bool = False,
) -> Run:
    """Carry out all stages of a configuration in a run folder.

    Raw frames are preprocessed and angles and model refined if the configuration has these
    sections; atoms are classified if it names several species; with ``[simulate]`` the tilt series
    is simulated and the result compared with the truth. A refined model that is less well founded
    than the one it started from (:func:`aet_port.refinement.verdict.judge_refinement`) is not taken
    over, with a warning.

    Parameters
    ----------
    config
        From :func:`aet_port.workflow.config.load_config`.
    out
        The run folder; created if it does not exist.
    stages
        Stages to carry out; those of :func:`stages_of` unless given.
    resume
        Whether to continue an existing run. Stages whose settings have changed are repeated, and
        those that depend on them.
    redo
        Name of a stage of an existing run to be done again, with all that follows from it; their
        results so far go to the folder ``set_aside`` in the run folder.
    threads
        Number of threads; all cores unless given.
    scheduler
        Address of a Dask scheduler that distributes sub-areas and multislice tilts to its workers,
        which must see the run folder and the input under the same paths.
    checkpoint_interval
        Shortest time between two saves of an unfinished reconstruction (seconds).
    progress
        Whether to report progress on standard error.

    Returns
    -------
    The run. A stage that fails is listed in its ``failures``; stages that do not need it are done.

    Raises
    ------
    InputError
        If the folder holds a run and ``resume`` is not given, a run of other data, or one that is
        going on; if there is no such stage to be done again; before a new run, if one of its stages
        needs more memory than is left.
    AetError
        If the first stage fails.

    Examples
    --------
    A small particle, simulated and found again:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import aet_port as aet
    >>> text = '''
    ... [sample]
    ... name = "particle"
    ... species = "Ta"
    ... [synthetic]
    ... atoms = 60
    ... [simulate]
    ... pixel_size = 0.7
    ... [reconstruct]
    ... iterations = 10
    ... oversampling = 2
    ... [select]
    ... support = "tight"
    ... [analyze]
    ... cutoff = 4.0
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "run.toml"
    ...     _ = path.write_text(text)
    ...     done = aet.run(aet.load_config(path), Path(folder) / "run", threads=1)
    ...     atoms = len(done.model)
    >>> done.failures, 50 <= atoms <= 70
    ((), True)
    """
    check_threads(threads)
    sub_areas(config)  # raises before any work is done
    place, stages, kept = Path(out).absolute(), stages or stages_of(config), None
    memo: dict[str, Any] = {}
    check = partial(check_new_run, threads=threads, scheduler=scheduler, memo=memo)
    if redo is not None:
        check_redo(redo, stages, place)
    with claim(config, place, resume or redo is not None, check) as folder:
        work = Work(config, folder, threads, scheduler, checkpoint_interval, progress, memo)
        if redo is not None:
            kept = set_aside(redo, stages, work)
        failures = carry_out(stages, work)
    done = Run(folder, config, tuple(failures), work.memo, kept)
    if done.refusal is not None:  # in a resumed run as well, whichever stages were left to do
        warnings.warn(done.refusal, stacklevel=3)
    return done
