"""Commands to interrupt, each with what must hold afterwards."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import mdb
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import AetError
from aet_port.core.files import sha256
from aet_port.core.leftovers import tidy
from aet_port.io import read_model, write_model, write_tilt_series
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.structure import analyze
from md_sim.quenches import read_quench
from mdb.checks import check
from mdb.parquet_export import export_bank
from tests.cli.samples import CONFIG, contents, results

Words = list[object]


class Task:
    """A command, started anew or taken up again in a folder of its own."""

    name = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.prepare()
        self.fresh()

    def prepare(self) -> None:
        """Write the input."""

    def fresh(self) -> None:
        """Begin again, as if nothing had been done."""

    def words(self) -> Words:
        """The command, which goes on where there is something to go on with."""
        raise NotImplementedError

    def reported(self, output: str) -> None:
        """Take note of what a command said it had done."""

    def look(self) -> list[str]:
        """What is torn or lost, right after an interruption."""
        return []

    def judge(self) -> list[str]:
        """What is wrong after a command that was left alone."""
        return self.look()


class Compared(Task):
    """A command whose results are the same bytes however often it was interrupted."""

    out = "out"
    expected: Mapping[str, bytes] | None = None

    def found(self) -> Mapping[str, bytes]:
        return results(self.folder / self.out)

    def fresh(self) -> None:
        shutil.rmtree(self.folder / self.out, ignore_errors=True)
        (self.folder / self.out).mkdir()

    def judge(self) -> list[str]:
        problems, found = self.look(), self.found()
        if self.expected is None:  # the first, which nobody interrupts
            self.expected = found
        names = found.keys() | self.expected.keys()
        other = sorted(n for n in names if found.get(n) != self.expected.get(n))
        return [*problems, *(f"other bytes in {name}" for name in other)]


class RunTask(Compared):
    name = "run"

    def prepare(self) -> None:
        model = amorphous_particle(200, "Ta", seed=1)
        angles = np.zeros((20, 3))
        angles[:, 1] = np.linspace(-66, 66, 20)
        series = simulate_tilt_series(model, angles, 0.7, (41, 40))
        write_tilt_series(self.folder / "projections.mat", self.folder / "angles.mat", series)
        more = CONFIG.replace("iterations = 20", "iterations = 60")
        (self.folder / "particle.toml").write_text(more)

    def words(self) -> Words:
        options = ("--resume", "--no-report", "--json", "--threads", 1, "--checkpoint-interval", 0)
        return ["run", "particle.toml", "--out", self.out, *options]

    def look(self) -> list[str]:
        bank = self.folder / self.out / "bank.duckdb"
        return [*_whole(self.folder / self.out), *(_sound(bank) if bank.exists() else ())]


class TwoRuns(RunTask):
    """Two processes that want the same run folder at the same time."""

    name = "two runs, one folder"


class DetectTask(Compared):
    name = "detect"

    def prepare(self) -> None:
        model = amorphous_particle(40, "Ta", seed=1)
        angles = np.zeros((15, 3))
        angles[:, 1] = np.linspace(-66, 66, 15)
        series = simulate_tilt_series(model, angles, 0.4, (50, 48), 8e5, seed=1)
        write_tilt_series(self.folder / "counts.mat", self.folder / "angles.mat", series)

    def words(self) -> Words:
        model, saved = f"{self.out}/model.extxyz", f"{self.out}/search.npz"
        given = ("counts.mat", "angles.mat", "--pixel-size", 0.4, "--species", "Ta", "-o", model)
        return ["detect", *given, "--trials", 0, "--checkpoint", saved, "--threads", 1, "--json"]

    def look(self) -> list[str]:
        model = self.folder / self.out / "model.extxyz"
        if model.exists():
            read_model(model)
        return _whole(self.folder / self.out)


class BankTask(Task):
    """A command that writes into a bank, over and over, or reads one."""

    n_models = 4

    @property
    def bank(self) -> Path:
        return self.folder / "bank.duckdb"

    def fresh(self) -> None:
        for left in self.folder.glob("*bank.duckdb*"):
            left.unlink()
        self.stored = 0

    def model(self, number: int) -> AtomicModel:
        rng = np.random.default_rng(number)
        model = amorphous_particle(60, "Ta", seed=1)
        shaken = model.positions + rng.normal(0, 0.02, model.positions.shape)
        return AtomicModel.from_positions(shaken, "Ta", name=f"number {number}")

    def count(self) -> int:
        if not self.bank.exists():
            return 0
        with mdb.Bank(self.bank, read_only=True) as bank:
            return int(bank.sql("SELECT count(*) AS n FROM model")["n"][0].as_py())


class DepositTask(BankTask):
    name = "deposit"

    def fresh(self) -> None:
        super().fresh()
        self.done: set[str] = set()

    def words(self) -> Words:
        path = self.folder / "model.xyz"
        write_model(path, self.model(self.stored))
        return ["mdb", "deposit", path, "--bank", self.bank, "--json"]

    def reported(self, output: str) -> None:
        if output.strip():
            self.done.add(json.loads(output)["model"])

    def look(self) -> list[str]:
        if not self.bank.exists():
            return ["the bank is gone"] if self.done else []
        with mdb.Bank(self.bank, read_only=True) as bank:
            there = set(bank.sql("SELECT model_id AS i FROM model")["i"].to_pylist())
        lost = self.done - there
        return [*_sound(self.bank), *(f"{one} is lost" for one in lost)]

    def judge(self) -> list[str]:
        self.stored += 1
        count = self.count()
        wrong = [] if count == self.stored else [f"{count} models instead of {self.stored}"]
        problems = [*self.look(), *wrong]
        if self.stored == self.n_models:
            self.fresh()
        return problems


class ImportTask(BankTask):
    name = "import"
    allowed = (0, 3, 6)  # of each file all models or none

    def prepare(self) -> None:
        for number in (0, 3):
            text = ""
            for one in range(number, number + 3):
                write_model(self.folder / "one.xyz", self.model(one))
                text += (self.folder / "one.xyz").read_text()
            (self.folder / f"{number}.xyz").write_text(text)

    def words(self) -> Words:
        return ["mdb", "import", "0.xyz", "3.xyz", "--bank", self.bank, "--json"]

    def look(self) -> list[str]:
        count = self.count()
        wrong = [] if count in self.allowed else [f"{count} models"]
        lost = [f"{self.stored - count} models are lost"] if count < self.stored else []
        self.stored = count
        return [*wrong, *lost, *(_sound(self.bank) if self.bank.exists() else ())]

    def judge(self) -> list[str]:
        problems, count = self.look(), self.count()
        wrong = [] if count == self.allowed[-1] else [f"{count} models in the end"]
        self.fresh()
        return [*problems, *wrong]


class ImportFolderTask(ImportTask):
    name = "import of a folder"
    allowed = (0, 4)  # all or nothing

    def prepare(self) -> None:
        _fill(self, self.folder / "given.duckdb")
        with mdb.Bank(self.folder / "given.duckdb", read_only=True) as bank:
            export_bank(bank, self.folder / "given")

    def words(self) -> Words:
        return ["mdb", "import", "given", "--bank", self.bank, "--json"]


class ExportTask(BankTask):
    name = "export"

    def prepare(self) -> None:
        _fill(self, self.folder / "given.duckdb")

    def fresh(self) -> None:
        shutil.rmtree(self.folder / "out", ignore_errors=True)

    def words(self) -> Words:
        shutil.rmtree(self.folder / "out", ignore_errors=True)  # a folder that exists is refused
        return ["mdb", "export", "out", "--bank", "given.duckdb", "--json"]

    def look(self) -> list[str]:
        out = self.folder / "out"
        problems = _sound(self.folder / "given.duckdb")
        if not out.exists():
            return problems
        manifest = json.loads((out / "bank.json").read_text(encoding="utf-8"))
        named = {one["file"]: one["sha256"] for one in manifest["files"]}
        there = {name: sha256(out / name) for name in contents(out) if name != "bank.json"}
        return problems if named == there else [*problems, "an export that is torn"]

    def judge(self) -> list[str]:
        problems = self.look() if (self.folder / "out").exists() else ["no export"]
        left = [p.name for p in self.folder.iterdir() if ".partial-" in p.name]
        return [*problems, *(f"{name} is left" for name in left)]


class QuenchTask(Task):
    name = "quench"

    def fresh(self) -> None:
        shutil.rmtree(self.folder / "out", ignore_errors=True)

    def words(self) -> Words:
        if (self.folder / "out" / "run.json").exists():
            return ["md", "quench", "--out", "out", "--resume", "--json"]
        short = ("--cells", 4, "--melt-time", 2.0, "--cooling-rate", 2e15, "--snapshots", 4)
        return ["md", "quench", "--out", "out", "--preset", "ta-quick", *short, "--json"]

    def look(self) -> list[str]:
        out = self.folder / "out"
        if not (out / "thermo.csv").exists():
            return []
        done = read_quench(out, finished=False)
        steps = done.thermo["step"]
        problems = [] if (np.diff(steps) > 0).all() else ["rows of the table twice"]
        # Not what a killed process was writing, which begins with a dot.
        for path in (out / "snapshots").glob("[0-9]*.npz"):
            done.snapshot(int(path.stem))
        return problems

    def judge(self) -> list[str]:
        problems, done = self.look(), read_quench(self.folder / "out")
        for step in done.protocol.snapshot_steps():
            done.snapshot(step)
        every = done.protocol.thermo_every
        rows = {*range(every, done.protocol.steps, every), *done.protocol.snapshot_steps()}
        missing = rows - set(done.thermo["step"].astype(int).tolist())
        self.fresh()
        return [*problems, *([f"{len(missing)} rows are missing"] if missing else [])]


TASKS: tuple[type[Task], ...] = (
    RunTask,
    TwoRuns,
    DepositTask,
    ImportTask,
    ImportFolderTask,
    ExportTask,
    QuenchTask,
    DetectTask,
)


def _fill(task: BankTask, path: Path) -> None:
    """A bank with a few analysed models."""
    with mdb.Bank(path) as bank:
        for number in range(task.n_models):
            model = task.model(number)
            mdb.deposit(bank, model, kind="synthetic", analysis=analyze(model, cutoff=4.0))


def _whole(folder: Path) -> list[str]:
    """Files of a run folder that can't be read, and unfinished ones that would stay."""
    problems = []
    for path in sorted(folder.rglob("*")):
        if path.name.startswith(".") or not path.is_file():
            continue
        try:
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            elif path.suffix == ".npz":
                with np.load(path) as stored:
                    [stored[name].shape for name in stored.files]
            elif path.suffix == ".npy":
                np.load(path)
        except (ValueError, OSError, EOFError) as error:
            problems.append(f"{path.name} is torn: {error}")
    tidy(folder, own=True)
    problems += [f"{path.name} would stay" for path in folder.rglob(".*.partial-*")]
    return problems


def _sound(path: Path) -> list[str]:
    """What is wrong with a bank."""
    try:
        with mdb.Bank(path, read_only=True) as bank:
            return [f"{one.name}: {one.found}" for one in check(bank) if one.status == "failed"]
    except AetError as error:
        return [str(error)]
