"""A quench in a bank: what is deposited, what is not done twice, what goes wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from ase.build import bulk
from typer.testing import CliRunner

import mdb
import mdb.queries
from aet_port.cli.md_study import analyze_quench_command as analyze_command
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import AetError, DataFileError, InputError
from aet_port.structure import StructureResult, analyze
from aet_port.structure.settings import AnalyzeSettings
from md_sim import snapshot_study as study_module
from md_sim import snapshots as snapshots_module
from md_sim.lammps_loop import COLUMNS, SNAPSHOTS, THERMO
from md_sim.protocol import Protocol
from md_sim.quenches import Quench, read_quench
from md_sim.snapshot_study import Study, StudyRow, study
from md_sim.snapshots import SnapshotTask
from md_sim.transition import glass_transition
from mdb.checks import check
from tests.dask_clusters import local_cluster
from tests.mdb.samples import failed

PROTOCOL = Protocol("Ta", 4, 3000.0, melt_time=0.2, cooling_rate=1e15, snapshots=3, thermo_every=50)
RUNS = "SELECT model_id, md_run_id, step FROM md_snapshot SEMI JOIN current_model USING (model_id)"


def write_quench(
    folder: Path, protocol: Protocol = PROTOCOL, upto: int | None = None, way: int = 0
) -> Quench:
    """A run as LAMMPS would leave it: a volume that bends at 1500 K, boxes that calm down.

    All begin with the same melt; ``way`` tells where it goes.
    """
    last = protocol.steps if upto is None else upto
    potential = {"name": "none", "file": "none", "sha256": "0" * 64, "doi": None, "lattice": "fcc"}
    potential |= {"style": "eam/alloy", "cutoff": 5.0, "lattice_constant": 3.3}
    settings = {"protocol": protocol.plain(), "potential": potential, "engine": "LAMMPS 0"}
    (folder / SNAPSHOTS).mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(settings))
    lines = [",".join(COLUMNS)]
    for step in range(0, last + 1, protocol.thermo_every):
        t = protocol.temperature(step)
        volume = 18 + 1e-4 * t + 4e-4 * max(0.0, t - 1500)
        row = (step, step * protocol.time_step, t, 0.0, -8.0, volume)
        lines.append(",".join(map(repr, row)))
    (folder / THERMO).write_text("\n".join(lines) + "\n")
    for seed, step in enumerate(protocol.snapshot_steps()):
        if step <= last:
            atoms = bulk("Ta", "fcc", a=4.1, cubic=True).repeat(4)
            atoms.rattle(0.45 - 0.05 * seed, seed=seed + (way if seed else 0))
            write_snapshot(folder, protocol, step, atoms.positions, atoms.cell.lengths())
    return read_quench(folder, finished=False)


def write_snapshot(
    folder: Path, protocol: Protocol, step: int, positions: np.ndarray, cell: np.ndarray
) -> None:
    np.savez(
        folder / SNAPSHOTS / f"{step:09d}.npz",
        positions=positions,
        velocities=np.ones_like(positions),
        cell=cell,
        step=step,
        temperature=protocol.temperature(step),
    )


def without_numbers(row: StudyRow) -> StudyRow:
    """The row, but for the number of its analysis, which depends on who was first."""
    return row if row.found is None else replace(row, found=replace(row.found, analysis=0))


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Context that notes the number of atoms whenever something is analysed."""
    calls: list[int] = []

    def noted(atoms, **options):  # type: ignore[no-untyped-def]
        calls.append(len(atoms))
        return analyze(atoms, **options)

    with monkeypatch.context() as patch:
        patch.setattr(snapshots_module, "analyze", noted)
        yield calls


@pytest.fixture(scope="module")
def quench(tmp_path_factory: pytest.TempPathFactory) -> Quench:
    return write_quench(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def done(quench: Quench, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study(quench, tmp_path_factory.mktemp("bank") / "md.bank")


@pytest.fixture(scope="module")
def direct(quench: Quench) -> list[StructureResult]:
    steps = quench.protocol.snapshot_steps()
    return [analyze(quench.snapshot(step).atoms) for step in steps]


def test_rows_are_what_the_analysis_finds(done: Study, direct: list[StructureResult]) -> None:
    assert [row.temperature for row in done.rows] == [3000, 1650, 300]
    for row, result in zip(done.rows, direct, strict=True):
        found, networks, packing = row.found, result.networks[5], result.packing
        assert found is not None
        assert packing is not None
        assert found.cutoff == result.cutoff
        assert found.motifs == {fold: n / 256 for fold, n in result.counts.items()}
        assert found.motifs[5] > 0
        assert found.theta == pytest.approx(packing.geometry.mean_theta, rel=1e-12)
        assert found.largest == tuple(networks.size[:5])
        assert found.share == pytest.approx(networks.size[0] / result.counts[5])
        assert found.spanning == networks.spanning.any()
        n, atoms = np.unique(packing.filling.sites, return_counts=True)
        assert {k: a for k, a in enumerate(found.sites, 1) if a} == dict(zip(n, atoms, strict=True))


def test_the_bank_has_the_run_and_its_snapshots(quench: Quench, done: Study) -> None:
    with mdb.Bank(done.bank, read_only=True) as bank:
        (run,) = bank.sql(
            "SELECT md_run.*, sample.name AS sample FROM md_run JOIN sample USING (sample_id)"
        ).to_pylist()
        models = bank.sql(
            "SELECT * FROM model JOIN md_snapshot USING (model_id) ORDER BY step"
        ).to_pylist()
        thermo = bank.sql("SELECT volume FROM md_thermo ORDER BY step").to_pydict()["volume"]
        theta = mdb.queries.run(bank, "temperature-theta", run=done.run).to_pylist()
        stored = bank.atoms(models[0]["model_id"], analysis=None)
        assert failed(check(bank)) == []
    assert run["sample"] == "MD Ta"
    assert (run["cooling_rate"], run["time_step"], run["n_atoms"]) == (1e15, 2.0, 256)
    assert (run["potential"], run["engine"], run["name"]) == ("none", "LAMMPS 0", "run")
    assert json.loads(run["protocol"]) == quench.protocol.plain()
    assert thermo == quench.thermo["volume"].tolist()
    assert [m["model_id"] for m in models] == [row.model for row in done.rows]
    assert [m["step"] for m in models] == list(quench.protocol.snapshot_steps())
    assert {m["kind"] for m in models} == {"md_snapshot"}
    assert {m["optimization_type"] for m in models} == {"none"}
    assert [m["temperature"] for m in models] == [3000, 1650, 300]
    atoms = quench.snapshot(quench.protocol.snapshot_steps()[0]).atoms
    np.testing.assert_array_equal(stored.positions, atoms.positions)
    np.testing.assert_array_equal(stored.arrays["velocities"], atoms.arrays["velocities"])
    by_row = {row.temperature: row.found.theta for row in done.rows if row.found}
    assert {line["temperature"]: line["theta"] for line in theta} == by_row


def test_the_glass_transition_is_that_of_the_cooling(quench: Quench, done: Study) -> None:
    thermo = quench.thermo
    cooling = thermo["step"] > quench.protocol.melt_steps
    wanted = glass_transition(thermo["temperature"][cooling], thermo["volume"][cooling])
    assert done.transition == wanted
    assert wanted.temperature == pytest.approx(1500, abs=1)
    with mdb.Bank(done.bank, read_only=True) as bank:
        (row,) = bank.sql("SELECT glass_transition FROM md_run").to_pylist()
    assert row["glass_transition"] == wanted.temperature
    assert not [remark for remark in done.remarks if "glass transition" in remark]


def test_nothing_is_done_twice(
    quench: Quench, done: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counted(monkeypatch) as calls:
        assert study(quench, done.bank) == done
        assert calls == []
        melt = write_quench(tmp_path / "run", upto=PROTOCOL.melt_steps)
        bank = tmp_path / "md.bank"
        first = study(melt, bank)
        other = study(melt, bank, delta=0.2)
        given = study(melt, bank, cutoff=4.2)
        assert calls == [256] * 3
        assert study(melt, bank) == first
        assert study(melt, bank, delta=0.2) == other
        assert study(melt, bank, cutoff=4.2) == given
        assert calls == [256] * 3
    rows = [found.rows[0] for found in (first, other, given)]
    assert [row.model for row in rows] == ["TaXX00001"] * 3
    assert [row.found.analysis for row in rows if row.found] == [1, 2, 3]
    assert [row.found.cutoff == 4.2 for row in rows if row.found] == [False, False, True]


def test_measures_on_request_are_added_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    melt, bank = write_quench(tmp_path / "run", upto=PROTOCOL.melt_steps), tmp_path / "md.bank"
    more: dict = {"rings": 4, "voids": "centres", "chemical_radius": 4.5}
    with counted(monkeypatch) as calls:
        study(melt, bank)
        first = study(melt, bank, **more)
        assert calls == [256] * 2  # the first has neither rings nor voids
        assert study(melt, bank, **more) == study(melt, bank, **(more | {"rings": 0})) == first
        assert calls == [256] * 2
        study(melt, bank, **(more | {"rings": 5}))
        assert calls == [256] * 3
    with mdb.Bank(bank, read_only=True) as opened:
        counts = opened.query("rings")
        assert set(counts["analysis_id"].to_pylist()) == {2, 3}
        assert failed(check(opened)) == []


@pytest.mark.parametrize(
    ("parameters", "known"),
    [
        ({}, True),
        ({"rings": 8, "voids": "surfaces", "template_rmsd": 0.2}, True),  # more than asked for
        ({"atoms": "inner"}, False),
        ({"solute": "Ta"}, False),
        ({"chemical_radius": 5.0}, False),
        ({"alpha": 4.0}, False),
    ],
)
def test_analyses_of_other_kinds_do_not_count(
    parameters: dict[str, object], known: bool, tmp_path: Path
) -> None:
    melt, path = write_quench(tmp_path / "run", upto=PROTOCOL.melt_steps), tmp_path / "md.bank"
    study(melt, path)
    with mdb.Bank(path) as bank:
        with bank.transaction() as connection:
            (text,) = connection.sql("SELECT parameters FROM analysis").fetchall()[0]
            changed = json.dumps(json.loads(text) | parameters)
            connection.execute("UPDATE analysis SET parameters = ?", [changed])
        assert snapshots_module.known_analysis(bank, "TaXX00001", AnalyzeSettings()) == (
            1 if known else None
        )


def test_a_study_that_was_stopped_goes_on(
    quench: Quench, done: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(atoms, **options):  # type: ignore[no-untyped-def]
        if (atoms.positions == quench.snapshot(PROTOCOL.steps).atoms.positions).all():
            raise KeyboardInterrupt
        return analyze(atoms, **options)

    with monkeypatch.context() as patch:
        patch.setattr(snapshots_module, "analyze", stops)
        with pytest.raises(KeyboardInterrupt):
            study(quench, tmp_path / "md.bank")
    with counted(monkeypatch) as calls:
        found = study(quench, tmp_path / "md.bank")
        assert calls == [256]
    assert found.rows == done.rows


def test_processes_find_the_same(quench: Quench, done: Study, tmp_path: Path) -> None:
    found = study(quench, tmp_path / "md.bank", workers=2)
    # Models are numbered before the work, analyses as they come.
    assert [without_numbers(row) for row in found.rows] == [
        without_numbers(row) for row in done.rows
    ]


def die(task: SnapshotTask) -> None:
    os._exit(1)


@pytest.mark.slow
def test_a_killed_process_is_said(
    quench: Quench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(study_module, "analyse_snapshot", die)
        with pytest.raises(InputError, match=r"workers: found 2, one of which was killed"):
            study(quench, tmp_path / "md.bank", workers=2)
    with mdb.Bank(tmp_path / "md.bank", read_only=True) as bank:
        assert failed(check(bank)) == []


def test_a_failed_snapshot_is_told_and_the_others_go_on(done: Study, tmp_path: Path) -> None:
    quench = write_quench(tmp_path / "run")
    first, second, _ = PROTOCOL.snapshot_steps()
    whole = quench.snapshot(first).atoms
    twice = whole.positions.copy()
    twice[7] = twice[8]
    write_snapshot(quench.folder, PROTOCOL, first, twice, whole.cell.lengths())
    (quench.folder / SNAPSHOTS / f"{second:09d}.npz").write_bytes(b"no snapshot")
    found = study(quench, tmp_path / "md.bank")
    assert [row.step for row in found.failed] == [first, second]
    assert found.rows[2].found is not None
    assert found.rows[2].found.motifs == done.rows[2].found.motifs  # type: ignore[union-attr]
    assert found.rows[0].model == "TaXX00001"
    assert "at one place" in str(found.rows[0].reason)
    assert found.rows[1].model is None
    assert f"{second:09d}.npz" in str(found.rows[1].reason)
    assert [remark.split(":")[0] for remark in found.remarks] == ["3000 K", "1650 K"]
    assert found.summary()["snapshots"][0]["status"] == "failed"
    with mdb.Bank(found.bank, read_only=True) as bank:
        rows = bank.sql(
            "SELECT model_id, status, reason FROM analysis ORDER BY analysis_id"
        ).to_pylist()
        assert failed(check(bank)) == []
    assert [row["status"] for row in rows] == ["failed", "passed"]
    assert (rows[0]["model_id"], rows[0]["reason"]) == ("TaXX00001", found.rows[0].reason)
    # A snapshot whose atoms no bank takes.
    write_snapshot(quench.folder, PROTOCOL, first, np.full_like(twice, np.nan), [16.4] * 3)
    assert "NaN" in str(study(quench, tmp_path / "md.bank").rows[0].reason)


def test_the_beginning_of_a_run_becomes_part_of_the_whole(
    done: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = write_quench(tmp_path / "begun" / "run", upto=PROTOCOL.snapshot_steps()[1])
    with pytest.raises(DataFileError, match="continue it with --resume"):
        read_quench(begun.folder)
    early = study(begun, tmp_path / "md.bank")
    assert len(early.rows) == 2
    assert early.transition is None
    assert early.remarks[0] == "2 of 3 snapshots are there"
    assert early.remarks[1].startswith("no glass transition: glass_window: found 0 points")
    whole = write_quench(tmp_path / "whole" / "run")
    late = study(whole, tmp_path / "md.bank")
    assert late.run != early.run
    assert [row.model for row in late.rows] == ["TaXX00001v2", "TaXX00002v2", "TaXX00003"]
    found = [row.found.motifs for row in late.rows if row.found]
    assert found == [row.found.motifs for row in done.rows if row.found]
    with mdb.Bank(late.bank, read_only=True) as bank:
        assert failed(check(bank)) == []
        assert {row["md_run_id"] for row in bank.sql(RUNS).to_pylist()} == {late.run}
    with counted(monkeypatch) as calls:
        assert study(whole, tmp_path / "md.bank") == late
        assert calls == []


@pytest.mark.slow
def test_a_melt_that_two_runs_share_stays_with_the_first(tmp_path: Path) -> None:
    protocol, bank = replace(PROTOCOL, snapshots=2), tmp_path / "md.bank"
    quick = write_quench(tmp_path / "quick", protocol)
    slow = write_quench(tmp_path / "slow", replace(protocol, cooling_rate=5e14), way=10)
    first, second = study(quick, bank), study(slow, bank)
    assert second.run != first.run
    assert [row.model for row in second.rows] == ["TaXX00001", "TaXX00003"]
    assert second.rows[0].found == first.rows[0].found
    assert second.remarks == (
        f"3000 K: TaXX00001, a snapshot of run {first.run} too, and stays there",
    )
    assert study(quick, bank) == first
    with mdb.Bank(bank, read_only=True) as opened:
        assert failed(check(opened)) == []
        assert [row["md_run_id"] for row in opened.sql(RUNS).to_pylist()] == [1, 1, 2]


def test_a_crystal_is_no_glass(tmp_path: Path) -> None:
    quench = write_quench(tmp_path / "run", replace(PROTOCOL, snapshots=2))
    last = PROTOCOL.steps
    atoms = bulk("Ta", "fcc", a=4.1, cubic=True).repeat(4)
    atoms.rattle(0.1, seed=1)
    write_snapshot(quench.folder, PROTOCOL, last, atoms.positions, atoms.cell.lengths())
    found = study(quench, tmp_path / "md.bank")
    assert not found.failed
    assert [remark[:35] for remark in found.remarks] == ["300 K: 100.0 % of the atoms are cry"]
    app = typer.Typer()
    app.command()(analyze_command)
    words = [str(quench.folder), "--bank", str(found.bank)]
    assert CliRunner().invoke(app, words).exit_code == 0
    refused = CliRunner().invoke(app, [*words, "--require-glass"]).exception
    assert isinstance(refused, InputError)
    assert str(refused).startswith("glass MD Ta at 300 K: found 100.0 % crystalline atoms")


def test_a_snapshot_that_came_without_its_run(tmp_path: Path) -> None:
    quench = write_quench(tmp_path / "run", upto=PROTOCOL.melt_steps)
    with mdb.Bank(tmp_path / "md.bank") as bank:
        alone = AtomicModel(quench.snapshot(PROTOCOL.melt_steps).atoms, name="alone")
        mdb.deposit(bank, alone, kind="md_snapshot", sample="elsewhere")
    found = study(quench, tmp_path / "md.bank")
    assert [row.model for row in found.rows] == ["TaXX00001v2"]


@pytest.mark.slow
def test_a_cluster_finds_the_same(quench: Quench, done: Study, tmp_path: Path) -> None:
    with local_cluster(1) as address:
        found = study(quench, tmp_path / "md.bank", scheduler=address)
    assert [without_numbers(row) for row in found.rows] == [
        without_numbers(row) for row in done.rows
    ]


def test_a_table_that_is_being_written(tmp_path: Path) -> None:
    quench = write_quench(tmp_path / "run", upto=400)
    table = quench.folder / THERMO
    table.write_text(table.read_text() + "450,0.9,16")
    found = read_quench(quench.folder, finished=False)
    assert found.thermo["step"].tolist() == list(range(0, 401, 50))
    assert found.protocol == PROTOCOL
    table.write_text(table.read_text() + ",x\n500,1,2,3,4,5\n")
    with pytest.raises(DataFileError, match=r"thermo\.csv"):
        read_quench(quench.folder, finished=False)
    with pytest.raises(DataFileError, match=r"run\.json"):
        read_quench(tmp_path, finished=False)


def test_what_can_t_be_studied(quench: Quench, tmp_path: Path) -> None:
    bank = tmp_path / "md.bank"
    for options, match in (
        ({"delta": 0.0}, "delta"),
        ({"cutoff": float("nan")}, "cutoff"),
        ({"workers": 0}, "workers: found 0"),
    ):
        with pytest.raises(InputError, match=match):
            study(quench, bank, **options)  # type: ignore[arg-type]
    empty = write_quench(tmp_path / "run", upto=50)
    with pytest.raises(DataFileError, match="no snapshots; expected some of the 3"):
        study(empty, bank)
    assert not bank.exists()


def test_the_command(quench: Quench, done: Study, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(analyze_command)
    run = CliRunner().invoke
    shown = run(app, [str(quench.folder), "--bank", str(done.bank)], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    for row in done.rows:
        assert row.found is not None
        line = next(line for line in shown.output.splitlines() if str(row.model) in line)
        cells = [cell.strip() for cell in line.split("  ") if cell.strip()]
        assert cells[0] == f"{row.temperature:.0f}"
        assert cells[5] == f"{row.found.motifs[5]:.3f}"
        assert cells[7] == f"{row.found.theta:.2f}"
    assert "Glass transition 1500 +- 0 K, lines fitted at 300-1000" in shown.output
    told = json.loads(run(app, [str(quench.folder), "--bank", str(done.bank), "--json"]).stdout)
    assert told == json.loads(json.dumps(done.summary()))
    missing = run(app, [str(tmp_path)])
    assert isinstance(missing.exception, AetError)


def test_the_command_says_that_something_failed(tmp_path: Path) -> None:
    quench = write_quench(tmp_path / "run", upto=PROTOCOL.melt_steps)
    (path,) = (quench.folder / SNAPSHOTS).iterdir()
    path.write_bytes(b"no snapshot")
    app = typer.Typer()
    app.command()(analyze_command)
    shown = CliRunner().invoke(app, [str(quench.folder)])
    assert shown.exit_code == 1
    assert "Note: 3000 K: " in shown.output
    assert (quench.folder / "md.bank").exists()
