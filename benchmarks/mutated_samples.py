"""Sound files of everything that is read, each with its reader."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import mdb
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.frame_series import FrameSeries
from aet_port.core.timings import Timings
from aet_port.detection.loop import detect
from aet_port.detection.settings import DetectSettings
from aet_port.io import (
    read_angles,
    read_frames,
    read_model,
    read_models,
    read_tilt_series,
    read_transforms,
    read_volume,
    write_atoms,
    write_frames,
    write_model,
    write_tilt_series,
    write_volume,
)
from aet_port.resire import reconstruct
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.structure import analyze
from aet_port.tracing import Peaks, read_edits, write_edits
from aet_port.tracing.peak_search import trace
from aet_port.validation.challenge_files import read_case
from aet_port.workflow.config import load_config
from aet_port.workflow.opened_run import open_run
from aet_port.workflow.pipeline import run
from aet_port.workflow.run_folder import RunFolder
from aet_port.workflow.volume_stages import read_r_factors
from benchmarks.mutations import Damage, damaged, damaged_anywhere, misspelt, other_arrays
from md_sim.lammps_loop import SNAPSHOTS
from md_sim.potentials import POTENTIALS
from md_sim.protocol import preset
from md_sim.quenches import read_quench, run_quench
from md_sim.runtime import installed
from md_sim.setfl import read_potential, write_setfl
from mdb.checks import check
from mdb.parquet_export import export_bank
from mdb.parquet_import import import_bank

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
GB = 2**30

Reader = Callable[[Path], object]


@dataclass(frozen=True)
class Sound:
    """A file that is read without an error.

    Attributes
    ----------
    path, read, damage
        The file, what reads it, and how it is damaged.
    allowance
        Bytes of address space that reading it may take beyond twice the file.
    checksum
        Whether the format has one, so that no change may pass unnoticed.
    weight
        How often it is chosen; less for what takes long.
    """

    path: Path
    read: Reader
    damage: Damage = damaged
    allowance: int = 2 * GB
    checksum: bool = False
    weight: float = 1.0


def samples(folder: Path) -> list[Sound]:
    """Sound files of all kinds, each in a folder of its own with what belongs to it."""
    found: list[Sound] = []
    for kind in (images, models, records, checkpoints, banks, configs):
        place = folder / kind.__name__
        place.mkdir()
        found += kind(place)
    return found


def images(folder: Path) -> Iterator[Sound]:
    """Frames, series, volumes and angles."""
    from tests.io.test_dm import INFO, NM, Writer, dm_tree, image_entry
    from tests.io.test_ser import emi_bytes, ser_bytes
    from tests.io.test_velox import NX, NY, record
    from tests.io.test_velox import write as write_velox_file

    rng = np.random.default_rng(0)
    counts = rng.poisson(20.0, (3, 2, 16, 16)).astype(np.uint16)
    frames = FrameSeries(tuple(counts), np.array([-60.0, 0.0, 60.0]), 0.35)
    pixels = counts[:, 0]
    pictures = pixels.astype(np.float32)
    tilts = np.array([[0.0, angle, 0.0] for angle in (-60, 0, 60)])
    series = TiltSeries(pictures, tilts, 0.35)
    volume = Volume(rng.normal(size=(12, 10, 8)).astype(np.float32), 0.35)

    def of(name: str, read: Reader, damage: Damage = damaged) -> Sound:
        return Sound(folder / name, read, damage, 100 * 2**20)

    def as_frames(path: Path) -> object:
        return read_frames(path, [-60.0, 0.0, 60.0], 0.35)

    def as_series(path: Path) -> object:
        return read_tilt_series(path, folder / "angles.tlt", 0.35)

    write_tilt_series(folder / "s.npy", folder / "angles.tlt", series)
    for name in ("frames.mrc", "frames.tif", "frames.emd"):
        write_frames(folder / name, frames)
        yield of(name, as_frames)
        yield of(name, read_frames)
    foreign = (".hspy",) if importlib.util.find_spec("rsciio") is not None else ()
    for name in ("s.mat", "s.npy", "s.mrc", "s.tif", *(f"s{suffix}" for suffix in foreign)):
        write_tilt_series(folder / name, folder / "angles.tlt", series)
        yield of(name, as_series)
    yield of("angles.tlt", read_angles, misspelt)
    yield of("frames.mrc.mdoc", read_angles, misspelt)
    for name in ("v.mrc", "v.mat", "v.tif", "v.npy", *(f"v{suffix}" for suffix in foreign)):
        write_volume(folder / name, volume)
        yield of(name, lambda path: read_volume(path, 0.35))
    from matio import save_to_mat
    from scipy.io import savemat

    save_to_mat(folder / "s73.mat", {"projections": pictures.transpose(1, 2, 0)}, version="v7.3")
    savemat(folder / "s5.mat", {"projections": pictures.transpose(1, 2, 0), "note": "x"})
    yield of("s73.mat", as_series)
    yield of("s5.mat", as_series)
    axes = [*NM, (1.0, 60.0, "deg")]
    for version in (3, 4):
        path = folder / f"s.dm{version}"
        path.write_bytes(Writer(version, "<").file(dm_tree(image_entry(pixels, axes, **INFO))))
        yield of(path.name, read_frames)
    (folder / "s_1.ser").write_bytes(ser_bytes([*pixels]))
    (folder / "s.emi").write_bytes(emi_bytes())
    yield of("s_1.ser", read_frames)
    notes = [record(angle) for angle in (-0.5, 0.0, 0.5)]
    write_velox_file(folder / "velox.emd", np.ones((3, NX, NY), np.uint16), notes)
    yield of("velox.emd", read_frames)


def models(folder: Path) -> Iterator[Sound]:
    """Atoms, edits of them and potentials."""
    from scipy.io import savemat

    model = amorphous_particle(30, "Ta", seed=1)
    box = model.atoms.copy()
    box.set_cell([20.0, 20, 20])
    box.set_pbc(True)
    names = ("m.xyz", "m.extxyz", "m.csv", "m.data")
    for name in names:
        write_model(folder / name, AtomicModel(box, name="m"))
        yield Sound(folder / name, lambda path: read_model(path, _species(path)), misspelt)
    write_atoms(folder / "m.dump", box)
    box.write(folder / "m.cif")
    (folder / "frames.extxyz").write_bytes((folder / "m.extxyz").read_bytes() * 3)
    for name in ("m.dump", "m.cif", "frames.extxyz"):
        yield Sound(folder / name, lambda path: list(read_models(path)), misspelt)
    savemat(folder / "m.mat", {"model": model.positions.T})
    yield Sound(folder / "m.mat", lambda path: read_model(path, "Ta"))
    yield from _edits(folder)
    known = POTENTIALS["ta-ravelo-2013"]
    write_setfl(folder / "p.eam.alloy", known.make(), "potential")
    yield Sound(folder / "p.eam.alloy", lambda path: read_potential(path, ("Ta",)), misspelt)
    (folder / "s.xf").write_text("1.0 0.0 0.0 1.0 0.5 -0.5\n" * 3)
    yield Sound(folder / "s.xf", read_transforms, misspelt)


def _species(path: Path) -> str | None:
    return "Ta" if path.suffix == ".data" else None


def _edits(folder: Path) -> Iterator[Sound]:
    header = "action,atom,species,x,y,z,reason,author\n"
    lines = 'add,,Ta,1.0,2.0,3.0,"a hole",me\nremove,7,,,,,,\nmove,3,,1.5,2.5,3.5,,me\n'
    (folder / "e.csv").write_text(header + lines)
    edits = read_edits(folder / "e.csv")
    write_edits(folder / "e.jsonl", edits)
    for name in ("e.csv", "e.jsonl"):
        yield Sound(folder / name, read_edits, misspelt)


def records(folder: Path) -> Iterator[Sound]:
    """What the folders of runs and quenches hold, and the description of a blind case."""
    from tests.cli.samples import CONFIG

    model = amorphous_particle(60, "Ta", seed=1)
    angles = np.zeros((12, 3))
    angles[:, 1] = np.linspace(-66, 66, 12)
    series = simulate_tilt_series(model, angles, 0.7, (31, 30))
    write_tilt_series(folder / "projections.mat", folder / "angles.mat", series)
    (folder / "particle.toml").write_text(CONFIG)
    out = folder / "run"
    run(load_config(folder / "particle.toml"), out, threads=1)
    place = RunFolder(out)

    def opened(_: Path) -> object:
        return open_run(place)

    yield Sound(out / "run.json", opened, misspelt)
    yield Sound(out / "config.toml", opened, misspelt)
    yield Sound(out / "stages.json", lambda _: place.stage_records(), misspelt)
    yield Sound(out / "timings.json", lambda path: Timings.resumed(path).stages, misspelt)
    yield Sound(out / "volumes/whole_r.npz", lambda _: read_r_factors(place), other_arrays)
    yield Sound(out / "peaks/whole.npz", Peaks.load, other_arrays)
    yield Sound(out / "model.xyz", lambda _: _content(out), misspelt)
    yield Sound(out / "structure.json", lambda _: _content(out), misspelt)
    if installed():
        home = folder / "quench"
        changes: Any = {"cells": 4, "melt_time": 0.02, "cooling_rate": 2e16, "snapshots": 2}
        done = run_quench(preset("ta-quick", **changes), home)
        step = done.protocol.snapshot_steps()[-1]
        yield Sound(home / "run.json", lambda _: read_quench(home), misspelt)
        yield Sound(home / "thermo.csv", lambda _: read_quench(home).thermo, misspelt)
        snapshot = home / SNAPSHOTS / f"{step:09d}.npz"
        yield Sound(snapshot, lambda _: read_quench(home).snapshot(step).atoms, other_arrays)
    (folder / "case").mkdir()
    text = 'case = "a"\nspecies = ["Ta"]\nradius = 1.5\nfield = [30.0, 30.0]\ntruth_sha256 = "0"\n'
    (folder / "case" / "case.toml").write_text(text)
    yield Sound(folder / "case/case.toml", lambda path: read_case(path.parent), misspelt)


def _content(out: Path) -> object:
    from aet_port.reporting.run import read_run

    return read_run(out, threads=1)


def checkpoints(folder: Path) -> Iterator[Sound]:
    """Unfinished reconstructions, searches for peaks and for atoms, which are gone on with."""
    model = amorphous_particle(20, "Ta", seed=1)
    angles = np.zeros((7, 3))
    angles[:, 1] = np.linspace(-60, 60, 7)
    series = simulate_tilt_series(model, angles, 0.7, (24, 23))
    volume = reconstruct(series, iterations=10, oversampling=2, threads=1).cropped()

    def reconstructed(path: Path) -> object:
        done = reconstruct(
            series, iterations=3, oversampling=2, threads=1, checkpoint=path, checkpoint_interval=0
        )
        return done.volume.array

    def traced(path: Path) -> object:
        return trace(volume, checkpoint=path).shifts

    counts = simulate_tilt_series(model, angles, 0.5, (32, 31), 8e5, seed=1)
    settings = DetectSettings(trials=0, max_rounds=1)

    def detected(path: Path) -> object:
        return detect(counts, ["Ta"], settings, threads=1, checkpoint=path).model.positions

    kinds = (("resire.npz", reconstructed), ("trace.npz", traced), ("detect.npz", detected))
    for name, read in kinds:
        read(folder / name)
        if (folder / name).exists():
            yield Sound(folder / name, read, other_arrays, weight=0.5)


def banks(folder: Path) -> Iterator[Sound]:
    """A bank, and one that was exported; both have checksums."""
    path, out = folder / "bank.duckdb", folder / "out"
    model = amorphous_particle(40, "Ta", seed=1)
    with mdb.Bank(path) as bank:
        stored = mdb.deposit(bank, model, kind="synthetic", analysis=analyze(model, cutoff=4.0))
    with mdb.Bank(path, read_only=True) as bank:
        export_bank(bank, out)

    def atoms_alone(at: Path) -> object:
        with mdb.Bank(at, read_only=True) as bank:
            return bank.atoms(stored.id)

    def all_of_it(at: Path) -> object:
        with mdb.Bank(at, read_only=True) as bank:
            atoms = bank.atoms(stored.id)
            wrong = [one.name for one in check(bank) if one.status != "passed"]
            if wrong:  # `aet mdb check` says so
                raise mdb.BankError(at, wrong[0], "a bank that passes its check")
            return atoms

    def imported(at: Path) -> object:
        room = folder / "imported"
        shutil.rmtree(room, ignore_errors=True)
        room.mkdir()
        import_bank(room / "bank.duckdb", out)
        with mdb.Bank(room / "bank.duckdb", read_only=True) as bank:
            return bank.atoms(stored.id)

    def of(at: Path, read: Reader, damage: Damage, weight: float, checksum: bool = True) -> Sound:
        return Sound(at, read, damage, checksum=checksum, weight=weight)

    yield of(path, atoms_alone, damaged_anywhere, 1.0)
    yield of(path, atoms_alone, damaged, 0.5)
    yield of(path, all_of_it, damaged_anywhere, 0.3)
    yield of(out / "bank.json", imported, misspelt, 0.1, checksum=False)
    for name in ("model", "analysis", "checksum"):
        yield of(out / name / "part-0.parquet", imported, damaged_anywhere, 0.1)
    atoms = out / "atom" / f"model_id={stored.id}" / "part-0.parquet"
    yield of(atoms, imported, damaged, 0.1)


def configs(folder: Path) -> Iterator[Sound]:
    """Configurations of runs."""
    for example in sorted(EXAMPLES.glob("*.toml")):
        path = folder / example.name
        text = example.read_text(encoding="utf-8")
        path.write_text(text)
        try:
            load_config(path)
        except ValueError:
            continue  # needs the published data
        yield Sound(path, _settings, misspelt)


def _settings(path: Path) -> object:
    """All settings of a configuration, but for its text."""
    return {key: value for key, value in vars(load_config(path)).items() if key != "text"}
