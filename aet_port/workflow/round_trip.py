"""The round trip that measures precision: a model, its simulated series, everything again.

A trip folder holds ``trip.json`` (what was asked for), ``truth.xyz``, the tilt series as
:func:`aet_port.simulation.tilt_series.write_measured` leaves it, ``volume.npy``,
``peaks.npz``, ``traced.xyz``, ``classified.extxyz``, ``refined.extxyz``, ``precision.json`` and
``timings.json``. A stage whose output is there is not done again; an unfinished one goes on from
its checkpoint.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import ArrayLike, NDArray

from aet_port.core.checkpoint import fingerprint
from aet_port.core.data import AtomicModel, TiltSeries, Volume
from aet_port.core.errors import InputError
from aet_port.core.parallel import check_threads
from aet_port.core.timings import Timings
from aet_port.io import read_model, read_tilt_series, read_volume, write_angles, write_model
from aet_port.io.arrays import write_npy
from aet_port.simulation.tilt_series import Simulation, odd_size, simulate, write_measured
from aet_port.tracing import Peaks
from aet_port.tracing.non_atoms import Rule
from aet_port.validation.precision import Precision, measure_precision
from aet_port.workflow.run_folder import read_json, write_json
from aet_port.workflow.sections import (
    Classify,
    Reconstruct,
    Refine,
    RefineAngles,
    Refiner,
    Select,
    Trace,
)
from aet_port.workflow.stage_functions import (
    classify_with,
    reconstruct_with,
    refine_angles_with,
    refine_with,
    selected_model,
    trace_with,
    write_r_factors,
)

STAGES = ("traced", "classified", "refined")
OF_SPECIES = ("right_species", "species_fraction", "identified", "species", "confusion")


@dataclass(frozen=True)
class TripSettings:
    """How the series is simulated and what is done with it.

    Parameters
    ----------
    simulation
        Engine, pixel size, errors, dose.
    reconstruct, trace, refine
        The sections of a run's configuration.
    select, classify
        Likewise. Unless given: for one species, atoms are told from noise by the two Gaussians of
        the film paper; for several, whose light ones these would drop, all peaks in the support
        are classified with one class more, as in the glass paper.
    refine_angles
        Likewise; None takes angles and shifts as they were measured.
    radius
        Largest distance of a matched pair in angstrom.
    """

    simulation: Simulation = field(default_factory=Simulation)
    reconstruct: Reconstruct = field(default_factory=lambda: Reconstruct(iterations=150))
    trace: Trace = field(default_factory=lambda: Trace(upsampling="spline"))
    select: Select | None = None
    classify: Classify | None = None
    refine: Refine = field(default_factory=Refine)
    refine_angles: RefineAngles | None = None
    radius: float = 1.5

    def __post_init__(self) -> None:
        if self.refine.method not in get_args(Refiner):
            known = " or ".join(get_args(Refiner))
            raise InputError("method", f"{self.refine.method!r}", known)
        if not (np.isfinite(self.radius) and self.radius > 0):
            raise InputError("radius", f"{self.radius!r}", "a length above zero, in angstrom")
        for name, number in (
            ("iterations", self.reconstruct.iterations),
            ("evaluations", self.refine.evaluations),
        ):
            if number < 1:
                raise InputError(name, f"{number!r}", "a whole number of at least 1")


@dataclass(frozen=True)
class Trip:
    """A finished round trip: the models, R1 of the reconstruction, precision by stage."""

    folder: Path
    truth: AtomicModel
    found: AtomicModel
    r_factor: float
    precision: dict[str, Precision]
    timings: list[dict[str, Any]]

    def summary(self) -> dict[str, Any]:
        """The figures as plain numbers."""
        return {
            "atoms_true": len(self.truth),
            "r_factor": self.r_factor,
            **{stage: _figures(stage, found) for stage, found in self.precision.items()},
        }


def round_trip(
    truth: AtomicModel,
    angles: ArrayLike,
    out: str | Path,
    settings: TripSettings | None = None,
    *,
    resume: bool = False,
    threads: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> Trip:
    """Simulate a tilt series of a model, reconstruct, trace, classify, refine, and compare.

    Parameters
    ----------
    truth
        Positions in angstrom with the origin on the rotation centre.
    angles
        Shape (n, 3): nominal phi, theta, psi in degrees.
    out
        The trip folder; made if it is not there.
    settings
        The defaults of :class:`TripSettings` unless given.
    resume
        Whether to take up a trip that is there already.
    threads
        Threads, or processes where tilts are simulated by multislice; all cores unless given.
    scheduler
        Address of a Dask scheduler for the tilts of multislice.
    progress
        Whether to report on standard error.

    Raises
    ------
    InputError
        If the folder holds a trip and ``resume`` is not given, or another one.
    AetError
        Whatever a stage cannot use.

    MATLAB: 10_Multislice_AET_simulations (the scripts of its stages), without the manual edits
    """
    settings = settings or TripSettings()
    workers = check_threads(threads)
    folder = Path(out).absolute()
    nominal = np.asarray(angles, dtype=np.float64)
    if settings.reconstruct.thickness is None:
        # A film is seldom as thick as it is wide, and its thickness is known to its maker.
        depth = odd_size(float(np.abs(truth.positions[:, 2]).max()), settings.simulation.pixel_size)
        settings = replace(settings, reconstruct=replace(settings.reconstruct, thickness=depth))
    _claim(folder, truth, nominal, settings, resume)
    timings = Timings.resumed(folder / "timings.json")
    species = sorted(set(truth.species), key=atomic_numbers.__getitem__)
    work = _Work(folder, settings, species, threads, progress)
    if not work.path("truth.xyz").exists():
        write_model(work.path("truth.xyz"), truth)
    if not work.path("projections.npy").exists():
        with timings.stage("simulate") as entry:
            tilts = folder / "tilts"
            acquired = simulate(
                truth,
                nominal,
                settings.simulation,
                workers=workers,
                scheduler=scheduler,
                checkpoint=tilts,
                progress=progress,
            )
            write_measured(work.path("projections.npy"), acquired, settings.simulation.record())
            entry["images"] = len(nominal)
    if (folder / "tilts").is_dir():
        shutil.rmtree(folder / "tilts")  # all of them stand in projections.npy
    made: tuple[tuple[str, str, Callable[[], None]], ...] = (
        ("refine angles", "aligned.npy", work.align),
        ("reconstruct", "volume.npy", work.reconstruct),
        ("trace", "peaks.npz", work.trace),
        ("select", "traced.xyz", work.select),
        ("classify", "classified.extxyz", work.classify),
        ("refine", "refined.extxyz", work.refine),
    )
    for stage, name, function in made:
        wanted = settings.refine_angles is not None or name != "aligned.npy"
        if wanted and not work.path(name).exists():
            with timings.stage(stage):
                function()
        work.path(f"{stage}.checkpoint.npz").unlink(missing_ok=True)
    found = {stage: work.model(stage) for stage in STAGES}
    precision = {
        stage: measure_precision(model, truth, settings.radius) for stage, model in found.items()
    }
    with open(work.path("r_factors.npz"), "rb") as handle, np.load(handle) as stored:
        r_factor = float(stored["r1"][-1].mean())
    trip = Trip(folder, truth, found[STAGES[-1]], r_factor, precision, timings.stages)
    write_json(folder / "precision.json", trip.summary())
    return trip


@dataclass(frozen=True)
class _Work:
    """The stages between the series and the refined model, files in and files out."""

    folder: Path
    settings: TripSettings
    species: list[str]
    threads: int | None
    progress: bool

    def path(self, name: str) -> Path:
        return self.folder / name

    def series(self) -> TiltSeries:
        """The series to work with: as measured, or with refined angles and shifts."""
        name = "projections" if self.settings.refine_angles is None else "aligned"
        return self._read_series(name)

    def _read_series(self, name: str) -> TiltSeries:
        size = self.settings.simulation.pixel_size
        return read_tilt_series(self.path(f"{name}.npy"), self.path(f"{name}_angles.txt"), size)

    def align(self) -> None:
        settings = self.settings.refine_angles or RefineAngles()
        result = refine_angles_with(
            self._read_series("projections"),
            settings,
            self.settings.reconstruct,
            threads=self.threads,
            progress=self.progress,
        )
        write_angles(self.path("aligned_angles.txt"), result.series.angles)
        write_npy(self.path("aligned.npy"), result.series.images)

    def volume(self) -> Volume:
        return read_volume(self.path("volume.npy"), self.settings.simulation.pixel_size)

    def model(self, stage: str) -> AtomicModel:
        suffix = "xyz" if stage == "traced" else "extxyz"
        return replace(read_model(self.path(f"{stage}.{suffix}")), name=stage)

    def reconstruct(self) -> None:
        checkpoint = self.path("reconstruct.checkpoint.npz")
        result = reconstruct_with(
            self.series(),
            self.settings.reconstruct,
            threads=self.threads,
            checkpoint=checkpoint,
            progress=self.progress,
        )
        write_r_factors(self.path("r_factors.npz"), result)
        write_npy(self.path("volume.npy"), result.cropped().array)

    def trace(self) -> None:
        peaks = trace_with(
            self.volume(),
            self.settings.trace,
            self.threads,
            checkpoint=self.path("trace.checkpoint.npz"),
            progress=self.progress,
        )
        peaks.save(self.path("peaks.npz"))

    def select(self) -> None:
        volume = self.volume()
        peaks = Peaks.load(self.path("peaks.npz")).accepted
        rule: Rule | None = None if len(self.species) == 1 else "support"
        # Closer than two metals bond: only one atom traced twice.
        settings = self.settings.select or Select(support="tight", rule=rule, merge_distance=2.0)
        where = str(self.folder)
        traced = selected_model(volume, peaks, settings, "X", where, threads=self.threads)
        write_model(self.path("traced.xyz"), traced)

    def classify(self) -> None:
        model = self.model("traced")
        if len(self.species) == 1:
            model = AtomicModel.from_positions(model.positions, self.species[0])
        else:
            options = self.settings.classify or Classify(non_atoms="kmeans")
            model = classify_with(self.volume(), model, self.species, options, {}, self.threads)
        write_model(self.path("classified.extxyz"), model)

    def refine(self) -> None:
        refined, record = refine_with(
            self.series(),
            self.model("classified"),
            self.settings.refine,
            threads=self.threads,
            checkpoint=self.path("refine.checkpoint.npz"),
            progress=self.progress,
        )
        write_json(self.path("refinement.json"), record)
        write_model(self.path("refined.extxyz"), refined.model)


def _figures(stage: str, found: Precision) -> dict[str, Any]:
    """Figures of one stage, without those of species before there are any; NaN is None."""
    figures = json.loads(json.dumps(found.summary()), parse_constant=lambda _: None)
    untyped = OF_SPECIES if stage == "traced" else ()
    return {key: value for key, value in figures.items() if key not in untyped}


def _claim(
    folder: Path, truth: AtomicModel, angles: NDArray, settings: TripSettings, resume: bool
) -> None:
    """Write what this trip is into its folder, or make sure that it is the same trip."""
    record = {
        "model": fingerprint(truth.positions, truth.species),
        "angles": fingerprint(angles),
        "settings": json.loads(json.dumps(asdict(settings))),
    }
    manifest = folder / "trip.json"
    if manifest.exists():
        if not resume:
            raise InputError(
                f"trip folder {folder}", "a trip", "--resume to take it up, or another --out"
            )
        before = read_json(manifest)
        changed = [
            key for key in record if not isinstance(before, dict) or before.get(key) != record[key]
        ]
        if changed:
            raise InputError(
                f"trip folder {folder}",
                f"a trip with another {' and '.join(changed)}",
                "the same; or another --out",
            )
    else:
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            found = "other files" if folder.is_dir() else "a file"
            raise InputError(f"trip folder {folder}", found, "an empty or a new folder (--out)")
        write_json(manifest, record)
