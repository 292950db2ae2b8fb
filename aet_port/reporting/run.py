"""Content of a report on a run, read from its folder, which is never changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import sha256
from aet_port.core.parallel import check_threads
from aet_port.core.records import parsing, read_json
from aet_port.io import read_volume
from aet_port.reporting.content import (
    Fact,
    ReportContent,
    Structure,
    Table,
    structure_of,
)
from aet_port.reporting.doubtful import doubtful_atoms
from aet_port.reporting.memory import check_report
from aet_port.reporting.plausibility import plausibility_of
from aet_port.reporting.projections import MODEL_IMAGES, Compared, compare_projections
from aet_port.reporting.run_agreement import agreement_of, convergence_of
from aet_port.structure import StructureResult
from aet_port.workflow.config import RunConfig, load_config
from aet_port.workflow.deposit import (
    details_of,
    expected_of,
    recomputed_r1,
    reconstruction_of,
)
from aet_port.workflow.model_stages import final_model, structure_of_run, takes_refined
from aet_port.workflow.opened_run import check_same, open_run
from aet_port.workflow.output_record import read_outputs
from aet_port.workflow.pipeline import Run
from aet_port.workflow.run_folder import (
    CLASSIFIED,
    DETECTED,
    DETECTED_TABLE,
    DETECTION,
    EDITS,
    MODEL,
    REFINED,
    REFINEMENT,
    REVIEW,
    REVIEWED,
    REVIEWED_TABLE,
    STRUCTURE,
    VOLUME,
    VOLUMES,
    WHOLE,
    RunFolder,
    areas_of,
)
from aet_port.workflow.series import read_pixel_size, refines_used, used_series
from aet_port.workflow.stages import FAILED

NO_VOLUME = (
    "a run from counts reconstructs no volume to calculate them from; `aet review` shows measured "
    "and calculated images around each atom"
)
NO_SOLUTE = "a run does not search for medium-range order; use `aet analyze --solute` with a bank"


def read_run(
    folder: str | Path,
    config: str | Path | None = None,
    resolve: Callable[[str], Path] = Path,
    threads: int | None = None,
    structure: StructureResult | None = None,
) -> ReportContent:
    """Read everything in the folder of a run, and the structure of its model.

    Parts that are missing because a stage failed or has not been reached are left out, with the
    reason. The projections are searched beside the run folder, where ``config`` usually is, and
    used only if their hashes are those of the files that the run read.

    Parameters
    ----------
    folder
        Folder of :func:`aet_port.workflow.pipeline.run`.
    config
        The configuration with which the run was started, to locate its projections.
    resolve
        Turns the part after ``reference:`` into a path.
    threads
        Number of threads; all cores unless given.
    structure
        The structure analysis of the run's model; computed again unless given.

    Returns
    -------
    Content for :func:`aet_port.reporting.build.write_report`.

    Raises
    ------
    InputError
        If the folder is not a run; or, if ``config`` is given, the projections named there are not
        those of the run; if more memory is needed than is left.
    DataFileError
        If something in it can't be read.

    Notes
    -----
    MATLAB: none
    """
    place = RunFolder(Path(folder))
    kept, record = open_run(place)
    given = None if config is None else load_config(config, resolve)
    if given is not None and given.text != kept.text:
        raise InputError(f"configuration {config}", "another one", f"that of the run {place.root}")
    # Paths in the copy are relative to the original place of the configuration.
    used = given or replace(
        kept, resolve=resolve, path=(place.root.resolve().parent / "config.toml")
    )
    missing = _failures(place) | {"orders": NO_SOLUTE}
    series, why = _series(used, place, record, strict=given is not None)
    model = _model(kept, place, missing)
    check_report(0 if model is None else len(model))
    refined = _record(kept, place, missing)
    volume = _volume(used, place, missing)
    # Heights and B factors of a refined model that the run did not go on with are not its model's.
    fitted = refined if takes_refined(kept, place) else None
    measured = None
    if series is None:
        missing["projections"] = why
    elif kept.from_counts:
        missing["projections"] = NO_VOLUME
    elif volume is not None or refined is not None:
        try:
            measured = compare_projections(
                kept,
                place.path(VOLUMES, areas_of(kept)[0]),
                series,
                model,
                fitted,
                check_threads(threads),
            )
        except DataFileError as error:
            if place.path(VOLUMES, areas_of(kept)[0]).exists():
                raise
            missing["projections"] = str(error)
    convergence = convergence_of(kept, place, series, measured)
    if convergence is None:
        missing.setdefault("convergence", _no_history(kept, place))
    elif series is None:
        missing["convergence"] = why
    return ReportContent(
        title=kept.sample.name,
        subtitle=f"Run folder {place.root.resolve().name}",
        metadata=_metadata(kept, model, series, volume),
        atoms=None if model is None else model.atoms,
        agreement=agreement_of(kept, place, refined),
        provenance=[
            *_plausibility(Run(place, used), model, series, measured),
            *doubtful_atoms(place, model),
            *_provenance(place, record),
        ],
        settings=kept.text,
        convergence=convergence,
        projections=None if measured is None else measured.shown,
        volume=volume,
        structure=_structure(kept, place, missing, structure),
        missing=missing,
    )


_PART_OF = {
    "reconstruct": "volume",
    "select": "atoms",
    "detect": "atoms",
    "refine": "refinement",
}


def _failures(place: RunFolder) -> dict[str, str]:
    """Reasons for absent parts of a report, from the stages that failed."""
    missing = {}
    for stage, one in place.stage_records().items():
        if one["status"] == FAILED:
            part = {**_PART_OF, "analyze": "structure"}.get(stage, stage)
            missing[part] = f"the stage '{stage}' failed: {one['reason']}"
    return missing


def _not_there(place: RunFolder, stage: str) -> str:
    """Reason for the absent output of a stage."""
    failed = {
        name: one["reason"]
        for name, one in place.stage_records().items()
        if one["status"] == FAILED
    }
    if stage in failed:
        return f"the stage '{stage}' failed: {failed[stage]}"
    if failed:
        first, reason = next(iter(failed.items()))
        return f"the run ended before, in the stage '{first}': {reason}"
    return "not reached yet; `aet run CONFIG --out FOLDER --resume` continues the run"


def _first(config: RunConfig) -> str:
    """The stage that makes the volume."""
    return "detect" if config.from_counts else "reconstruct"


def _no_history(config: RunConfig, place: RunFolder) -> str:
    if config.from_counts and place.path(DETECTION).exists():
        return "the atoms were found in the counts of the images; nothing was reconstructed"
    return _not_there(place, _first(config))


def _series(
    config: RunConfig, place: RunFolder, record: Mapping[str, Any], strict: bool
) -> tuple[TiltSeries | None, str]:
    """The projections that the stages used, or the reason why there are none."""
    area = areas_of(config)[0]
    own = config.simulated or config.preprocess is not None or config.refine_angles is not None
    try:
        if not own:
            role = "projections" if area == WHOLE else f"projections {area}"
            files = {
                role: config.projections(area),
                "angles": config.file(str(config.input.angles)),
            }
            for name, path in files.items():
                check_same(path, name, record)
        return used_series(config, place, area), ""
    except InputError as error:
        there = own and place.path(VOLUMES, area).exists()
        if strict or (there and config.sample.pixel_size is not None):
            raise
        return None, f"{error}; --config names the configuration that the run was started with"


def _model(config: RunConfig, place: RunFolder, missing: dict[str, str]) -> AtomicModel | None:
    if not place.path(MODEL).exists():
        stage = "detect" if config.from_counts else "select"
        missing.setdefault("atoms", _not_there(place, stage))
        return None
    return final_model(config, place)


def _volume(config: RunConfig, place: RunFolder, missing: dict[str, str]) -> Volume | None:
    if not place.path(VOLUME).exists():
        missing.setdefault("volume", _not_there(place, _first(config)))
        return None
    try:
        size = read_pixel_size(config, place)
    except DataFileError as error:  # it is in the header of projections that are not here
        missing["volume"] = f"its voxel size is unknown: {error}"
        return None
    return read_volume(place.path(VOLUME), size)


def _structure(
    config: RunConfig,
    place: RunFolder,
    missing: dict[str, str],
    found: StructureResult | None,
) -> Structure | None:
    if not place.path(STRUCTURE).exists():
        missing.setdefault("structure", _not_there(place, "analyze"))
        return None
    return structure_of(structure_of_run(config, place) if found is None else found)


def _record(
    config: RunConfig, place: RunFolder, missing: dict[str, str]
) -> Mapping[str, Any] | None:
    """Record of the refinement, if there was one."""
    path = place.path(REFINEMENT)
    if config.refine is None:
        return None
    if not path.exists():
        missing.setdefault("refinement", _not_there(place, "refine"))
        return None
    found = read_json(path)
    needed = ("r1", "heights", "b_factors", "evaluations", "converged", "warnings")
    lacking = [key for key in needed if not isinstance(found, dict) or key not in found]
    if lacking:
        raise DataFileError(path, f"no {lacking[0]!r}", "the record that the run wrote")
    return dict(found)


def _metadata(
    config: RunConfig,
    model: AtomicModel | None,
    series: TiltSeries | None,
    volume: Volume | None,
) -> list[Fact]:
    rows: list[Fact] = [("sample", config.sample.name), ("kind", config.sample.kind)]
    if model is not None:
        symbols = model.species
        size = np.ptp(model.positions, axis=0)
        rows += [
            ("atoms", len(model)),
            ("by species", {symbol: symbols.count(symbol) for symbol in sorted(set(symbols))}),
            ("extent x, y, z (Å)", [float(one) for one in size]),
        ]
    if config.input.areas:
        rows.append(("sub-areas", list(config.input.areas)))
    if series is not None:
        low, high = float(series.angles[:, 1].min()), float(series.angles[:, 1].max())
        rows += [
            ("projections", len(series)),
            ("tilt range (degrees)", f"{low:.1f} to {high:.1f}"),
            ("pixels of a projection", " x ".join(map(str, series.detector))),
        ]
    if volume is not None:
        rows += [
            ("voxels", " x ".join(map(str, volume.shape))),
            ("voxel size (Å)", volume.voxel_size),
        ]
    return rows


def _plausibility(
    run: Run, model: AtomicModel | None, series: TiltSeries | None, measured: Compared | None
) -> list[Table]:
    """What speaks against the model, as a deposit finds it; without the images but for its R1."""
    if model is None:
        return []
    made_with = reconstruction_of(run) if run.projection_r else None
    expected = expected_of(run, None if series is None else _r1_anew(run, measured))
    return plausibility_of(model, details_of(run), made_with, expected)


def _r1_anew(run: Run, measured: Compared | None) -> float | None:
    """R1 of the refined model, from its calculated projections where they are those of its fit."""
    settings = run.config.refine
    if settings is None or measured is None or measured.r1 is None:
        return recomputed_r1(run)
    if measured.name == MODEL_IMAGES and refines_used(run.config, settings, run.folder):
        return float(measured.r1.mean())
    return recomputed_r1(run)


def _provenance(place: RunFolder, record: Mapping[str, Any]) -> list[Table]:
    inputs = [(role, name, digest) for role, (name, digest) in sorted(record["inputs"].items())]
    tables = [Table("Input files", ("role", "file", "SHA-256"), inputs)]
    names = (
        *(VOLUME, MODEL, CLASSIFIED, REFINED, DETECTED, DETECTED_TABLE, DETECTION),
        *(EDITS, REVIEWED, REVIEWED_TABLE, REVIEW, STRUCTURE),
    )
    known = {
        name: "no record" if one.found else "yes"
        for one in read_outputs(place).values()
        for name in one.outputs
    }
    made = [
        (name, known.get(name, "no record"), sha256(place.path(name)))
        for name in names
        if place.path(name).is_file()
    ]
    tables.append(Table("Output files", ("file", "as recorded", "SHA-256"), made))
    costs = place.path("timings.json")
    if costs.is_file():
        heads = ("stage", "seconds", "peak memory (GB)")
        with parsing(costs, "list of stages", "the one that the run wrote; or delete it"):
            stages = [
                (one["stage"], f"{one['seconds']:.1f}", f"{one['peak_gb']:.2f}")
                for one in read_json(costs)
            ]
        tables.append(Table("Cost of each stage", heads, stages))
    return tables
