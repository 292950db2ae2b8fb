"""All commands that read a model read every format, and what their errors advise can be done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import ase
import numpy as np
import pytest
import scipy.io
from ase.build import bulk
from ase.io import write as ase_write

import aet_port.io
import aet_port.validation.challenge_files
import aet_port.validation.challenge_table
import aet_port.workflow.round_trip
import mdb.model_import
from aet_port.cli import challenge, two_models
from aet_port.cli.app import COMMANDS
from aet_port.cli.two_models import read_one
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import Volume
from aet_port.core.errors import AetError
from aet_port.io import read_model, read_models, write_model, write_volume
from aet_port.io.settings import ModelReadSettings
from tests.cli.samples import PIXEL, Aet, Outcome, Sample
from tests.cli.test_options import BY_NAME

# The command lines, with what needs no reader of models made by a fixture.
CALLS = {
    "analyze": "{model}",
    "structure-factor": "{model}",
    "view": "{model} -o {out}/v.png",
    "video": "{model} -o {out}/v.gif",
    "difference-map": "{own}/volume.mrc {model} --kind model",
    "mdb deposit": "{model} --bank {out}/b.duckdb",
    "mdb import": "{model} --bank {out}/b.duckdb",
    "compare-models": "{model} {data}/truth.xyz",
    "score": "{model} {data}/truth.xyz",
    "challenge score": "{data} ours={model} --truth {data}/truth.zip",
    "simulate": "{model} -o {out}/s.npy",
    "plan": "{model}",
    "precision": "{model} --out {out}/run",
    "refine": "{data}/projections.mat {data}/angles.mat {model} -o {out}/r.xyz",
    "check-model": "{data}/projections.mat {data}/angles.mat {model} -o {out}/r.extxyz",
    "refine-angles": "{data}/projections.mat {data}/angles.mat -o {out}/a --model {model}",
    "review": "{own}/volume.mrc {model} --no-browser",
    "classify": "{own}/volume.mrc {model} --species Cu,Zr -o {out}/c.extxyz",
}
PAIR = ("compare-models", "score", "challenge score")
EVERY_FRAME = ("analyze", "structure-factor", "mdb import")


class Read(AetError):
    """Ends a command when its model is read."""

    def __init__(self, models: list[AtomicModel]) -> None:
        self.models = models
        super().__init__("READ")


class Found(NamedTuple):
    """What became of a call: the models read, or the line of the error."""

    models: list[AtomicModel]
    line: str
    remarks: list[str]


@pytest.fixture
def reads(
    original: Sample, aet: Aet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Found]:
    caught: list[list[AtomicModel]] = []

    def one(*given: Any, **options: Any) -> AtomicModel:
        caught.append([read_model(*given, **options)])
        raise Read(caught[-1])

    def several(*given: Any, **options: Any) -> Iterator[AtomicModel]:
        caught.append(list(read_models(*given, **options)))
        raise Read(caught[-1])

    def entries(case: Any, truth: Any, read: dict[str, Any], given: Any) -> Any:
        raise next(iter(read.values()))

    def of_pair(file: Path, reading: ModelReadSettings) -> AtomicModel:
        caught.append([read_one(file, reading)])
        raise Read(caught[-1])

    monkeypatch.setattr(two_models, "read_one", of_pair)
    monkeypatch.setattr(challenge, "read_one", of_pair)
    monkeypatch.setattr(aet_port.io, "read_models", several)
    monkeypatch.setattr(mdb.model_import, "read_models", several)
    monkeypatch.setattr(aet_port.workflow.round_trip, "read_model", one)
    case = SimpleNamespace(species=("Cu", "Zr"), field=None)
    files, table = aet_port.validation.challenge_files, aet_port.validation.challenge_table
    monkeypatch.setattr(files, "read_case", lambda folder: case)
    monkeypatch.setattr(files, "read_truth", lambda file, about: (None, {}))
    monkeypatch.setattr(table, "score_entries", entries)
    write_volume(tmp_path / "volume.mrc", Volume(np.ones((8, 9, 10), np.float32), PIXEL))

    def call(command: str, model: Path, *options: str) -> Found:
        caught.clear()
        reader = read_model if command in PAIR else one
        monkeypatch.setattr(aet_port.io, "read_model", reader)
        places = {"data": original.folder, "own": tmp_path, "out": tmp_path / "out"}
        words = CALLS[command].format(model=model, **places)
        outcome: Outcome = aet(*command.split(), *words.split(), *options)
        assert outcome.code == 2, outcome
        *remarks, last = outcome.err.splitlines()
        assert outcome.out == ""
        if caught:
            assert last == "aet: error: READ"
            return Found(caught[0], "", remarks)
        assert last.startswith("aet: error: ")
        assert remarks == []
        return Found([], last, [])

    return call


def test_every_command_that_reads_a_model_is_here() -> None:
    """They have the options of the settings, and no others are meant by their errors."""
    having = {
        name
        for name, command in BY_NAME.items()
        if {"--frame", "--model-variable", "--scale"} <= set(command.options)
    }
    assert having == set(CALLS)
    for name in CALLS:
        options = BY_NAME[name].options
        for setting in ModelReadSettings.model_fields:
            if name != "classify" or setting not in ("species", "types", "types_variable"):
                assert f"--{setting.replace('_', '-')}" in options, (name, setting)
    assert {name.split()[0] for name in CALLS} <= set(COMMANDS)


@pytest.mark.parametrize("command", CALLS)
def test_pixel_size_is_another_name_of_scale_unless_images_have_one(command: str) -> None:
    flags = [set(one.opts) for one in BY_NAME[command].typer.params]
    images = any("--pixel-size" in one and "--scale" not in one for one in flags)
    assert images == (
        command in ("simulate", "plan", "precision", "refine", "check-model", "refine-angles")
        or command in ("classify", "difference-map", "video", "review")
    )
    assert ({"--scale", "--pixel-size"} in flags) == (not images)


def sample() -> ase.Atoms:
    places = np.random.default_rng(0).uniform(0, 8, (6, 3))
    return ase.Atoms(["Cu", "Zr"] * 3, places, cell=[10, 11, 12], pbc=True)


def dump_text(columns: str = "id type x y z") -> str:
    head = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\n"
    return f"{head}ITEM: ATOMS {columns}\n1 1 1 2 3\n2 2 4 5 6\n"


def write_dump(path: Path) -> None:
    path.write_text(dump_text())


def write_data(path: Path) -> None:
    ase_write(path, sample()[:2], format="lammps-data", masses=False)


def write_poscar(path: Path) -> None:
    path.write_text("t\n1\n9 0 0\n0 9 0\n0 0 9\n1 1\nCartesian\n1 2 3\n4 5 6\n")


def write_table(path: Path) -> None:
    path.write_text("type,x,y,z\n1,1,2,3\n2,4,5,6\n")


def write_places(path: Path) -> None:
    path.write_text("x,y,z\n1,2,3\n4,5,6\n")


def write_mat(path: Path) -> None:
    scipy.io.savemat(path, {"model": [[1, 4], [2, 5], [3, 6]]})


def write_arrays(path: Path) -> None:
    scipy.io.savemat(path, {"one": [[1, 4], [2, 5], [3, 6]], "two": np.ones((3, 2))})
    scipy.io.savemat(path.with_name("t.mat"), {"one": [[1, 2]], "two": [[2, 1]]})


def write_xyz(path: Path) -> None:
    path.write_text("2\nc\nCu 1 2 3\nZr 4 5 6\n")


def write_numbers(path: Path) -> None:
    path.write_text("2\nc\n1 1 2 3\n2 4 5 6\n")


def write_elements(path: Path) -> None:
    path.write_text("element,x,y,z\n1,1,2,3\n2,4,5,6\n")


def write_frames(path: Path) -> None:
    path.write_text("2\nc\nCu 1 2 3\nZr 4 5 6\n2\nc\nCu 7 8 9\nZr 1 1 1\n")


def write_nm(path: Path) -> None:
    path.write_text("species,x (nm),y (nm),z (nm)\nCu,0.1,0.2,0.3\nZr,0.4,0.5,0.6\n")


class Case(NamedTuple):
    """A file that says too little, options that don't fit, and how the error is answered.

    ``reply`` changes the options, given the error's text. ``free`` are commands without the error:
    for them, the species that they read, or None where any will do.
    """

    name: str
    write: Callable[[Path], None]
    given: str
    told: str
    reply: Callable[[str, list[str]], list[str]]
    free: Mapping[str, str | None]
    species: str = "Cu Zr"


def as_told(text: str, options: list[str]) -> list[str]:
    """The option that the text names, with the value that it shows or one of the file."""
    option, value = re.findall(r"(--[a-z-]+) ([\w,.]+)", text)[0]
    value = {"NAME": "one", "A,B,...": "Cu,Zr", "N,": "0"}.get(value, value.rstrip(","))
    rest = list(options)
    if option in rest:
        place = rest.index(option)
        del rest[place : place + 2]
    return [*rest, option, value]


def left_out(text: str, options: list[str]) -> list[str]:
    """The options without the one that the text names."""
    (option,) = {one for one in options if one in text and one.startswith("--")}
    place = options.index(option)
    return options[:place] + options[place + 2 :]


def in_range(text: str, options: list[str]) -> list[str]:
    """The first number that the text allows."""
    number = re.findall(r"expected (-?\d+)", text)[0]
    return ["--frame", number]


def above_zero(text: str, options: list[str]) -> list[str]:
    assert "--scale: found" in text
    return ["--scale", "2.5"]


NEVER = dict.fromkeys(("classify",), "X X")  # only places count there
X = dict.fromkeys((*PAIR, "classify"), "X X")
OWN = dict.fromkeys((*PAIR, "classify"))
ALL = dict.fromkeys(CALLS, "Cu Zr")
CASES = [
    Case("types.dump", write_dump, "", "atom types only", as_told, NEVER),
    Case("types.data", write_data, "", "atom types without masses", as_told, NEVER),
    Case("types.csv", write_table, "", "numbers in column type", as_told, NEVER),
    Case("POSCAR", write_poscar, "", "no symbols in line 6", as_told, NEVER),
    Case("places.csv", write_places, "", "no column of species", as_told, X, "Ta Ta"),
    Case("m.mat", write_mat, "", "species of", as_told, X, "Ta Ta"),
    Case("short.dump", write_dump, "--species Cu", "type 2 in", as_told, {}),
    Case("a.mat", write_arrays, "--species Ta", "2 that fit", as_told, {}, "Ta Ta"),
    Case(
        "b.mat",
        write_arrays,
        "--species Cu,Zr --model-variable one --types {folder}/t.mat",
        "2 that fit",
        as_told,
        {},
    ),
    Case("a.xyz", write_xyz, "--species Ta", "the file names its own", left_out, OWN),
    Case("b.xyz", write_xyz, "--model-variable m", "only .mat files", left_out, {}),
    Case("c.xyz", write_xyz, "--types t.mat", "only .mat files", left_out, {}),
    Case("d.xyz", write_xyz, "--frame 7", "has one frame", in_range, {}),
    Case("e.xyz", write_xyz, "--scale 0", "--scale", above_zero, {}),
    Case("a.extxyz", write_frames, "--frame 2", "has 2 frames", in_range, {}),
    Case("a.csv", write_nm, "", "in angstrom", as_told, {}),
]
CASES[-1] = CASES[-1]._replace(name="nm.csv")
CASES[14] = CASES[14]._replace(name="two.xyz")
CASES += [
    Case("types.xyz", write_numbers, "", "type numbers (1 to 2)", as_told, NEVER),
    Case("elements.csv", write_elements, "", "numbers in column element", as_told, NEVER),
    Case("short.xyz", write_numbers, "--species Cu", "type 2 in", as_told, {}),
]


def _calls() -> Iterator[Any]:
    """Every command with every case whose options it has."""
    for command in CALLS:
        for case in CASES:
            of_types = "--species" in case.given or "--types" in case.given
            # Of two models, only .mat files get these.
            of_mat = case.name in ("b.xyz", "c.xyz")
            if not (command == "classify" and of_types) and not (command in PAIR and of_mat):
                yield pytest.param(command, case, id=f"{command} {case.name}")


@pytest.mark.parametrize(("command", "case"), list(_calls()))
def test_what_an_error_advises_can_be_done(
    reads: Callable[..., Found], tmp_path: Path, command: str, case: Case
) -> None:
    path = tmp_path / case.name
    case.write(path)
    options = case.given.format(folder=tmp_path).split()
    found = reads(command, path, *options)
    if command in case.free:
        assert found.line == ""
        wanted = case.free[command]
        assert wanted is None or " ".join(found.models[0].species) == wanted
        return
    of_types = command in PAIR and "atom types only" in found.line
    assert case.told in found.line or of_types
    if case.name not in ("e.xyz", "b.xyz", "c.xyz") and "--frame" not in options:
        assert str(path) in found.line or "t.mat" in found.line
    answer = case.reply(found.line, options)
    if case.name == "nm.csv":
        text = path.read_text()
        path.write_text(text.replace(" (nm)", ""))  # as the text says
    again = reads(command, path, *answer)
    assert again.line == "", (found.line, answer)
    assert " ".join(again.models[0].species) == case.species
    if case.name not in ("e.xyz",):
        np.testing.assert_allclose(again.models[0].positions[0], _first(case, path), atol=1e-12)


def _first(case: Case, path: Path) -> list[float]:
    """Place of the first atom."""
    if case.name == "types.data":
        return sample().positions[0].tolist()
    return [1, 2, 3]


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("command", CALLS)
def test_several_frames(reads: Callable[..., Found], tmp_path: Path, command: str) -> None:
    path = tmp_path / "run.xyz"
    write_frames(path)
    found = reads(command, path)
    if command == "mdb import":
        assert [one.positions[0, 0] for one in found.models] == [1, 7]
        assert found.remarks == []
    else:
        (remark,) = found.remarks
        assert "run.xyz: the last of 2 frames is read; --frame N chooses, from 0" in remark
        assert found.models[0].positions[0, 0] == 7
    for number, place in (("0", 1), ("1", 7), ("-1", 7), ("-2", 1)):
        found = reads(command, path, "--frame", number)
        assert found.remarks == []
        assert found.models[0].positions[0, 0] == place
    found = reads(command, path, "--frame", "all")
    if command in EVERY_FRAME:
        assert len(found.models) == 2
    else:
        assert "--frame: found 'all', where one model is read; expected one of them" in found.line
        assert reads(command, path, *as_told(found.line, ["--frame", "all"])).models
    text = reads(command, path, "--frame", "first").line
    assert re.search(r"--frame: found '?first'?; expected a whole number", text)


@pytest.mark.parametrize("command", CALLS)
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_scale_and_compressed_files(
    reads: Callable[..., Found], tmp_path: Path, command: str, ending: str
) -> None:
    import gzip

    path = tmp_path / f"m.xyz{ending}"
    text = b"2\nc\nCu 1 2 3\nZr 4 5 6\n"
    path.write_bytes(gzip.compress(text) if ending else text)
    found = reads(command, path, "--scale", "2")
    assert found.models[0].positions.tolist() == [[2, 4, 6], [8, 10, 12]]


def test_options_of_two_models(aet: Aet, asked: Callable[..., Any], tmp_path: Path) -> None:
    """One value holds for both models, two for the first and the second."""
    crystal = bulk("Cu", "fcc", a=3.6, cubic=True).repeat(3)
    crystal.pbc = False
    angstrom = write_model(tmp_path / "a.xyz", crystal)
    crystal.positions /= 10
    nm = write_model(tmp_path / "nm.xyz", crystal)
    for words in ([nm, angstrom, "--scale", 10, "--scale", 1], [nm, nm, "--pixel-size", 10]):
        found = asked("compare-models", *words)
        assert found["matched"] == 108
        assert found["rmsd_pm"] < 1e-9
    run = tmp_path / "run.xyz"
    run.write_text(nm.read_text() + angstrom.read_text())
    assert asked("compare-models", run, run, "--frame", 1, "--frame", -1)["rmsd_pm"] == 0
    outcome = aet("compare-models", run, run, *3 * ("--frame", 1))
    assert "--frame: found 1 too many; expected at most one for each model" in outcome.err
    mat, other = tmp_path / "a.mat", tmp_path / "b.mat"
    scipy.io.savemat(mat, {"u": crystal.positions.T * 10, "v": crystal.positions.T})
    scipy.io.savemat(other, {"p": crystal.positions.T * 10, "q": crystal.positions.T})
    names = ("--variable", "u", "--model-variable", "p")
    found = asked("compare-models", mat, other, *names)
    assert (found["matched"], found["rmsd_pm"]) == (108, 0)


def test_frames_of_a_trajectory(asked: Callable[..., Any], aet: Aet, tmp_path: Path) -> None:
    """With --frame all, analyze gives each frame what it gives it alone."""
    crystal = bulk("Cu", "fcc", a=3.6, cubic=True).repeat(2)
    path = tmp_path / "run.xyz"
    frames = []
    for k in range(2):
        moved = crystal.copy()
        moved.rattle(0.05 * (k + 1), seed=k)
        frames.append(moved)
    ase_write(path, frames, format="extxyz")
    words = ("analyze", path, "--cutoff", 3.3)
    found = asked(*words, "--frame", "all")["frames"]
    assert [one["frame"] for one in found] == [0, 1]
    for k, one in enumerate(found):
        alone = asked(*words, "--frame", k)
        assert {"frame": k, **alone} == one
    rows = aet(*words, "--frame", "all", "--csv").out.splitlines()
    assert len(rows) == 3
    assert rows[0].startswith("frame,atoms,")
    table = aet(*words, "--frame", "all", "--delta", 0.2, "--delta", 0.25).out.splitlines()
    assert table[1].split()[:4] == ["frame", "atoms", "delta", "cutoff"]
    assert [row.split()[0] for row in table[3:7]] == ["0", "0", "1", "1"]
    line = aet(*words, "--frame", "all", "-o", tmp_path / "o.csv").err
    assert "--output: found --frame all as well; expected one frame for it: --frame N" in line
    bank = tmp_path / "bank.duckdb"
    for name in ("analyze", "mdb import"):
        own = ["--cutoff", 3.3] if name == "analyze" else ["--json"]
        done = aet(
            *name.split(), path, "--frame", "all", "--bank", bank, *own, "--kind", "synthetic"
        )
        assert done.code == 0, done.err
    with mdb.Bank(bank, read_only=True) as opened:
        names = opened.sql("SELECT name FROM model ORDER BY model_id").to_pylist()
    assert [row["name"][-7:] for row in names] == ["frame 0", "frame 1"]


def cu_zr(n: int) -> ase.Atoms:
    """A smaller model like that of the case ``lammps_types_hide_species``."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(n)] * 3), -1).reshape(-1, 3)
    places = (grid + rng.normal(scale=0.1, size=(n**3, 3))) * 2.6
    return ase.Atoms(rng.choice(["Cu", "Zr"], n**3).tolist(), places, cell=3 * [2.6 * n], pbc=True)


def test_species_known_beside_lammps_types_name_the_groups(
    asked: Callable[..., Any], tmp_path: Path
) -> None:
    atoms = cu_zr(4)
    extended = tmp_path / "m.extxyz"
    ase_write(extended, atoms)
    wanted = asked("analyze", extended, "--cutoff", 3.6)["analyses"][0]["short_range_order"]
    assert "bond_length Cu-Zr" in wanted
    path = tmp_path / "m.data"
    ase_write(path, atoms, format="lammps-data", masses=True, specorder=["Cu", "Zr"])
    found = asked("analyze", path, "--cutoff", 3.6)["analyses"][0]["short_range_order"]
    assert found.keys() == wanted.keys()
    assert found["warren_cowley"] == wanted["warren_cowley"]
    assert list(found["warren_cowley"]) == ["Cu-Cu", "Cu-Zr", "Zr-Cu", "Zr-Zr"]


def test_solutes_are_named_by_their_species(tmp_path: Path, aet: Aet) -> None:
    path = tmp_path / "m.data"
    ase_write(path, cu_zr(3), format="lammps-data", masses=True, specorder=["Cu", "Zr"])
    line = aet("analyze", path, "--cutoff", 3.6, "--solute", "Ta").err
    assert "solute: found 'Ta'; expected one of Cu, Zr" in line


def test_a_refused_medium_range_order_hides_no_result(tmp_path: Path, aet: Aet) -> None:
    """As the third command of the case ``lammps_types_hide_species``, in a smaller box."""
    path, bank = tmp_path / "m.data", tmp_path / "bank.duckdb"
    ase_write(path, cu_zr(3), format="lammps-data", masses=True, specorder=["Cu", "Zr"])
    done = aet("analyze", path, "--cutoff", 3.6, "--solute", "Zr", "--bank", bank)
    assert done.code == 0, done.err
    _, title, reason = done.out.partition("medium-range order\n")
    assert "warren_cowley Cu-Zr" in done.out
    assert title
    assert "not found" in reason
    assert "a cell more than twice as high" in " ".join(reason.split())
    sql = "SELECT reason FROM measure_reason WHERE name = 'medium_range_order'"
    (row,) = json.loads(aet("mdb", "query", sql, "--bank", bank, "--json").out)
    assert "a cell more than twice as high" in row["reason"]
    page = tmp_path / "report.html"
    model = json.loads(aet("mdb", "list", "--bank", bank, "--json").out)[0]["model_id"]
    assert aet("report", bank, model, "-o", page).code == 0
    assert "a cell more than twice as high" in page.read_text()


def test_a_dump_is_read_by_analyze_as_by_import(
    asked: Callable[..., Any], aet: Aet, tmp_path: Path
) -> None:
    """The case ``dump_in_analyze``."""
    crystal = bulk("Cu", "fcc", a=3.6, cubic=True) * (2, 2, 2)
    crystal.rattle(0.1, seed=1)
    rows = [f"{i} 1 {x} {y} {z}\n" for i, (x, y, z) in enumerate(crystal.positions, 1)]
    path = tmp_path / "m.dump"
    path.write_text(
        "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n32\nITEM: BOX BOUNDS pp pp pp\n"
        + 3 * "0 7.2\n"
        + "ITEM: ATOMS id type x y z\n"
        + "".join(rows)
    )
    bank = tmp_path / "bank.duckdb"
    found = asked("analyze", path, "--species", "Cu")
    assert found["atoms"] == 32
    line = aet("analyze", path).err
    assert "found atom types only; expected a symbol for each atom type" in line
    (done,) = asked("mdb", "import", path, "--species", "Cu", "--analyze", "--bank", bank)
    with mdb.Bank(bank, read_only=True) as opened:
        rows = opened.sql("SELECT cutoff FROM analysis").to_pylist()
        name = done["models"][0]["id"]
        atoms = opened.atoms(name)
    assert rows == [{"cutoff": pytest.approx(found["analyses"][0]["cutoff"], abs=1e-6)}]
    np.testing.assert_array_equal(atoms.positions, crystal.positions)
    stored = asked(
        "mdb", "deposit", path, "--species", "Cu", "--bank", bank, "--kind", "md_snapshot"
    )
    assert stored == {"model": name, "new": False}
