"""What a report shows of a run: read from its folder, which is never changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import AtomicModel, TiltSeries, Volume
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import sha256
from aet_port.core.parallel import check_threads
from aet_port.io import read_model, read_volume
from aet_port.reporting.content import Convergence, Fact, ReportContent, Table, structure_of
from aet_port.reporting.projections import Compared, compare_projections
from aet_port.structure import analyze
from aet_port.workflow.config import RunConfig, load_config
from aet_port.workflow.run_folder import WHOLE, read_json, read_pixel_size, used_series

NO_SOLUTE = "a run does not search medium-range order; `aet analyze --solute` with a bank does"


def read_run(
    folder: str | Path,
    config: str | Path | None = None,
    resolve: Callable[[str], Path] = Path,
    threads: int | None = None,
) -> ReportContent:
    """All that the folder of a finished run holds, and its structure, computed anew.

    The projections are looked for beside the run folder, where `config` usually lies, and taken
    only if they are those that the run read, by their hashes.

    Parameters
    ----------
    folder
        Of :func:`aet_port.workflow.pipeline.run`.
    config
        The configuration that the run was started with, for the places of its projections.
    resolve
        Turns what stands behind ``reference:`` into a path.
    threads
        All cores unless given.

    Raises
    ------
    InputError
        If the folder is no run, or one that is not finished; or, if ``config`` is given, the
        projections named there are not those of the run.
    DataFileError
        If something in it can't be read.

    MATLAB: none
    """
    place = Path(folder)
    kept, record = _opened(place)
    given = None if config is None else load_config(config, resolve)
    if given is not None and given.text != kept.text:
        raise InputError(f"configuration {config}", "another one", f"that of the run {place}")
    # Names in the copy are relative to where the configuration was.
    own = replace(kept, resolve=resolve, path=(place.resolve().parent / "config.toml"))
    series, why = _series(given or own, place, record, strict=given is not None)
    model = _model(kept, place)
    refined = _record(kept, place)
    missing = {"orders": NO_SOLUTE}
    volume = None
    try:
        size = read_pixel_size(given or own, place)
    except DataFileError as error:  # it stands in the header of projections that are not here
        missing["volume"] = f"without the size of its voxels: {error}"
    else:
        volume = read_volume(place / "volume.npy", size)
    measured = None
    if series is None:
        missing["projections"] = missing["convergence"] = why
    else:
        measured = compare_projections(
            kept, _volume_file(kept, place), series, model, refined, check_threads(threads)
        )
    structure = analyze(model.atoms, cutoff=kept.analyze.cutoff, delta=kept.analyze.delta)
    return ReportContent(
        title=kept.sample.name,
        subtitle=f"Run folder {place.resolve().name}",
        metadata=_metadata(kept, place, model, series, volume),
        atoms=model.atoms,
        agreement=_agreement(kept, place, refined),
        provenance=_provenance(place, record, model),
        settings=kept.text,
        convergence=_convergence(kept, place, series, measured),
        projections=None if measured is None else measured.shown,
        volume=volume,
        structure=structure_of(structure),
        missing=missing,
    )


def _opened(place: Path) -> tuple[RunConfig, Mapping[str, Any]]:
    """Configuration and record of a finished run."""
    if not place.is_dir():
        found = "a file" if place.exists() else "no such folder"
        raise DataFileError(place, found, "the folder of a run, or a bank")
    if not (place / "run.json").is_file():
        inner = [path.parent.name for path in sorted(place.glob("*/run.json"))]
        hint = f"; it holds the run {inner[0]}" if inner else ""
        raise InputError(f"run folder {place}", f"no run{hint}", "a folder that `aet run` made")
    record = read_json(place / "run.json")
    if not _is_record(record):
        raise DataFileError(place / "run.json", "no record of a run", "the one `aet run` wrote")
    kept = load_config(place / "config.toml")
    if kept.text != record.get("config"):
        raise DataFileError(place / "config.toml", "another configuration", "that of run.json")
    needed = ["volume.npy", "model.xyz", "structure.json"]
    if kept.refine is not None:
        needed.append("refinement.json")
    for name in needed:
        if not (place / name).is_file():
            raise InputError(
                f"run folder {place}",
                f"an unfinished run, without {name}",
                "a finished one; `aet run CONFIG --out FOLDER --resume` takes it up",
            )
    return kept, record


def _is_record(record: Any) -> bool:
    inputs = record.get("inputs") if isinstance(record, dict) else None
    return isinstance(inputs, dict) and all(
        isinstance(one, list) and len(one) == 2 for one in inputs.values()
    )


def _name(area: int) -> str:
    return "whole" if area == WHOLE else f"area_{area:02d}"


def _volume_file(config: RunConfig, place: Path) -> Path:
    """The volume that belongs to the projections shown."""
    return place / "volumes" / f"{_name(_area(config))}.npy"


def _area(config: RunConfig) -> int:
    return config.input.areas[0] if config.input.areas else WHOLE


def _series(
    config: RunConfig, place: Path, record: Mapping[str, Any], strict: bool
) -> tuple[TiltSeries | None, str]:
    """The projections that the stages worked on, or why there are none."""
    area, own = _area(config), config.preprocess is not None or config.refine_angles is not None
    try:
        if not own:
            role = "projections" if area == WHOLE else f"projections {area}"
            files = {
                role: config.projections(area),
                "angles": config.file(str(config.input.angles)),
            }
            for name, path in files.items():
                _check_same(path, name, record)
        return used_series(config, place, area), ""
    except InputError as error:
        if strict or (own and config.sample.pixel_size is not None):
            raise
        return None, f"{error}; --config names the configuration that the run was started with"


def _check_same(path: Path, role: str, record: Mapping[str, Any]) -> None:
    if not path.is_file():
        raise DataFileError(path, "no such file", f"the {role} of the run")
    known = record["inputs"].get(role)
    if not known or sha256(path) != known[1]:
        raise DataFileError(path, "another file", f"the {role} that the run read, by its hash")


def _model(config: RunConfig, place: Path) -> AtomicModel:
    name = "model.xyz"
    if config.refine is not None:
        name = "refined.extxyz"
    elif len(config.species) > 1:
        name = "classified.extxyz"
    return replace(read_model(place / name), name=config.sample.name)


def _record(config: RunConfig, place: Path) -> Mapping[str, Any] | None:
    """Figures of the refinement, if there was one."""
    if config.refine is None:
        return None
    path = place / "refinement.json"
    found = read_json(path)
    needed = ("r1", "heights", "b_factors", "evaluations", "converged", "warnings")
    lacking = [key for key in needed if not isinstance(found, dict) or key not in found]
    if lacking:
        raise DataFileError(path, f"no {lacking[0]!r}", "the record that the run wrote")
    return found


def _history(config: RunConfig, place: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """R1 by iteration, mean over projections and sub-areas; that of the last by projection."""
    curves = []
    for area in config.input.areas or (WHOLE,):
        path = place / "volumes" / f"{_name(area)}_r.npz"
        try:
            with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as stored:
                curves.append(np.asarray(stored["r1"], dtype=np.float64))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise DataFileError(
                path, f"no readable R factors ({error})", "those of the run"
            ) from error
    return np.mean([table.mean(axis=1) for table in curves], axis=0), curves[0][-1]


def _convergence(
    config: RunConfig, place: Path, series: TiltSeries | None, measured: Compared | None
) -> Convergence:
    history, last = _history(config, place)
    if series is None or measured is None:
        return Convergence(history, np.zeros(0), {})
    curves = {"reconstruction": last}
    if measured.r1 is not None and measured.name == "refined model":
        curves[measured.name] = measured.r1
    return Convergence(history, measured.shown.tilt, curves)


def _metadata(
    config: RunConfig,
    place: Path,
    model: AtomicModel,
    series: TiltSeries | None,
    volume: Volume | None,
) -> list[Fact]:
    symbols = model.species
    size = np.ptp(model.positions, axis=0)
    rows: list[Fact] = [
        ("sample", config.sample.name),
        ("kind", config.sample.kind),
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


def _agreement(config: RunConfig, place: Path, refined: Mapping[str, Any] | None) -> list[Fact]:
    history, _ = _history(config, place)
    rows: list[Fact] = [
        ("R1 of the reconstruction, last iteration", f"{100 * history[-1]:.2f} %"),
        ("iterations", len(history)),
    ]
    if refined is None:
        return [*rows, ("refinement", "not asked for")]
    names = {
        "r1_start": "R1 of the traced model",
        "r1": "R1 of the refined model, mean over projections",
        "r1_global": "R1 of the refined model, one scale for all",
        "r_work": "R-work",
        "r_free_start": "R-free before the atoms moved",
        "r_free": "R-free",
    }
    rows += [
        (words, f"{100 * refined[key]:.2f} %") for key, words in names.items() if key in refined
    ]
    rows += [
        ("heights H", refined["heights"]),
        ("B factors (Å²)", refined["b_factors"]),
        ("evaluations of the gradient", refined["evaluations"]),
        ("converged", refined["converged"]),
    ]
    return rows + [("warning", text) for text in refined["warnings"]]


def _provenance(place: Path, record: Mapping[str, Any], model: AtomicModel) -> list[Table]:
    inputs = [(role, name, digest) for role, (name, digest) in sorted(record["inputs"].items())]
    tables = [Table("What the run read", ("role", "file", "SHA-256"), inputs)]
    names = ("volume.npy", "model.xyz", "classified.extxyz", "refined.extxyz", "structure.json")
    made = [(name, sha256(place / name)) for name in names if (place / name).is_file()]
    tables.append(Table("What the run made", ("file", "SHA-256"), made))
    costs = place / "timings.json"
    if costs.is_file():
        heads = ("stage", "seconds", "peak memory (GB)")
        try:
            stages = [
                (one["stage"], f"{one['seconds']:.1f}", f"{one['peak_gb']:.2f}")
                for one in read_json(costs)
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise DataFileError(
                costs, f"no list of stages ({error!r})", "the one that the run wrote; or delete it"
            ) from error
        tables.append(Table("What its stages cost", heads, stages))
    return tables
