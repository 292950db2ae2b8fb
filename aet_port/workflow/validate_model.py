"""Validation of a run's model by halves of its images and by null models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aet_port.core.errors import InputError
from aet_port.core.files import sha256
from aet_port.core.records import read_record, write_json
from aet_port.io import read_model
from aet_port.refinement.settings import DEFAULTS as REFINE
from aet_port.validation.half_models import HalfModels, search_halves
from aet_port.validation.null_tests import NullTest, against_nulls
from aet_port.validation.precision import score
from aet_port.validation.settings import DEFAULTS, HALVES, HalfSetSettings
from aet_port.workflow.config import RunConfig
from aet_port.workflow.detect_stage import DETECT
from aet_port.workflow.output_record import DONE
from aet_port.workflow.run_folder import DETECTED, DETECTION, TRUTH, VALIDATION, RunFolder
from aet_port.workflow.run_images import check_images, located_run
from aet_port.workflow.series import refined_series

FEW = 20  # images, below which Student's t is not reliable where noise is not normal


@dataclass(frozen=True)
class ModelValidation:
    """Validation of the model of a run.

    Attributes
    ----------
    halves
        Models of two halves of the data, and their agreement.
    nulls
        Tests of null models.
    settings
        Settings of the validation.
    r_free
        R-free of the run's own searches with images left out (``folds``); None without.
    true
        Recall and RMSD of the model, where the run simulated its images.
    model
        SHA-256 of the model's file.
    """

    halves: HalfModels
    nulls: tuple[NullTest, ...]
    settings: HalfSetSettings
    r_free: float | None
    true: dict[str, float] | None
    model: str

    @property
    def passed(self) -> bool:
        """Whether every null model that could be tested is rejected."""
        return all(one.rejected is not False for one in self.nulls)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user must know."""
        said = [*self.halves.recall.warnings]
        said += [
            f"the null model '{one.name}' is not rejected: p = {one.p:.2g}"
            for one in self.nulls
            if one.rejected is False
        ]
        said += [f"no test of '{one.name}': {one.reason}" for one in self.nulls if one.reason]
        images = sum(len(half.likelihood) for half in self.halves.halves)
        if images < FEW:
            said.append(f"only {images} images: p-values of the null models are rough")
        return tuple(said)

    def summary(self) -> dict[str, Any]:
        """The validation as plain numbers."""
        return {
            "model": {"file": DETECTED, "sha256": self.model},
            "settings": self.settings.plain(),
            "half_sets": self.halves.summary(),
            "null_models": {one.name: one.summary() for one in self.nulls},
            "r_free_of_run": self.r_free,
            "true": self.true,
            "passed": self.passed,
            "warnings": list(self.warnings),
        }


def validate_run(
    folder: str | Path,
    settings: HalfSetSettings = HALVES,
    config: str | Path | None = None,
    *,
    radius: float = DEFAULTS.radius,
    resolve: Callable[[str], Path] = Path,
    threads: int | None = None,
    progress: bool = False,
) -> ModelValidation:
    """Validate the model of a finished run, and write ``validation.json`` into its folder.

    Parameters
    ----------
    folder
        Folder of a run of the default chain, atoms from counts.
    settings
        How the data are halved; number and seed of the random null models.
    config
        The configuration with which the run was started, to locate its images; searched beside the
        folder unless given.
    radius
        Largest distance of a pair of atoms, angstrom.
    resolve
        Turns the part after ``reference:`` into a path.
    threads, progress
        As in :func:`aet_port.detect`.

    Returns
    -------
    The validation.

    Raises
    ------
    InputError
        For a folder without a run, a run of the papers' chain, one in sub-areas, or one whose atoms
        have not been found yet; and as in :func:`~.half_models.search_halves`.
    DataFileError
        If the images of the run are not where they were, or have changed.

    Notes
    -----
    MATLAB: none
    """
    place = RunFolder(Path(folder))
    used, record = located_run(place, config, resolve)
    _check_finished(used, place)
    check_images(used, record)
    series = refined_series(used, REFINE, place)
    full = read_model(place.path(DETECTED))
    halves = search_halves(
        series, full, used.species, used.detect, split=settings.split, radius=radius,
        seed=settings.seed, threads=threads, progress=progress,
    )  # fmt: skip
    nulls = against_nulls(halves.halves, settings.draws, settings.seed)
    true = None
    if place.path(TRUTH).exists():
        known = score(full, read_model(place.path(TRUTH)), radius)
        true = {"recall": known.recall, "precision": known.precision, "rmsd_pm": known.rmsd_pm}
    found = read_record(place.path(DETECTION)).get("r_free")
    done = ModelValidation(
        halves, tuple(nulls), settings, found, true, sha256(place.path(DETECTED))
    )
    write_json(place.path(VALIDATION), done.summary())
    return done


def _check_finished(config: RunConfig, place: RunFolder) -> None:
    name = f"run folder {place.root}"
    if not config.from_counts:
        raise InputError(
            name, "a run of the papers' chain", "a run of the default chain, atoms from counts"
        )
    if config.input.areas:
        raise InputError(name, "a run in sub-areas", "a run of a single sub-area")
    stage = place.stage_records().get(DETECT.name, {"status": "not reached"})
    if stage["status"] != DONE or not place.path(DETECTED).exists():
        raise InputError(
            name,
            f"the stage '{DETECT.name}' {stage['status']}",
            "a run whose atoms are found; `aet run CONFIG --out FOLDER --resume` continues it",
        )
