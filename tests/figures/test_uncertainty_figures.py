"""Figures of error bars show every atom that has one."""

from __future__ import annotations

from pathlib import Path

import ase
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.uncertainty import SIGMAS
from aet_port.figures.uncertainties import (
    error_bars,
    errors_by_distance,
    write_uncertainty_figures,
)


@pytest.fixture
def atoms() -> ase.Atoms:
    rng = np.random.default_rng(0)
    made = ase.Atoms("Co60Pt40", positions=rng.normal(0, 8, (100, 3)))
    for name in SIGMAS:
        made.set_array(name, rng.uniform(0.02, 0.05, 100))
    made.arrays["sigma_z"][[3, 70]] = np.nan
    return made


def errors_of(atoms: ase.Atoms, symbol: str) -> np.ndarray:
    squares = sum(atoms.arrays[name] ** 2 for name in SIGMAS)
    chosen = np.array(atoms.get_chemical_symbols()) == symbol
    found = 100 * np.sqrt(squares[chosen])
    return found[np.isfinite(found)]


def test_the_histogram_counts_the_atoms_of_each_species(atoms: ase.Atoms) -> None:
    axes = Figure().add_subplot()
    error_bars(axes, atoms)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    last = axes.get_xlim()[1]
    beyond = 0
    for stairs, symbol, label in zip(axes.patches, ("Co", "Pt"), labels, strict=True):
        counts, edges, _ = stairs.get_data()
        errors = errors_of(atoms, symbol)
        np.testing.assert_array_equal(counts, np.histogram(errors, edges)[0])
        assert label == f"{symbol}, {len(errors)}, median {np.median(errors):.3g} pm"
        beyond += int((errors > last).sum())
    assert beyond == 1  # half a per cent of 98
    assert axes.get_ylabel() == "atoms of 98; 1 beyond"


def test_every_atom_stands_at_its_distance(atoms: ase.Atoms) -> None:
    axes = Figure().add_subplot()
    errors_by_distance(axes, atoms)
    for line, symbol in zip(axes.lines, ("Co", "Pt"), strict=True):
        np.testing.assert_allclose(line.get_ydata(), errors_of(atoms, symbol), rtol=1e-14)
    away = np.linalg.norm(atoms.positions - atoms.positions.mean(axis=0), axis=1)
    assert axes.lines[1].get_xdata()[0] == pytest.approx(away[60])


@pytest.mark.parametrize("form", ["png", "svg"])
def test_figures_are_written_and_the_same_twice(
    tmp_path: Path, atoms: ase.Atoms, form: str
) -> None:
    first = write_uncertainty_figures(AtomicModel(atoms), tmp_path / "one", form)
    second = write_uncertainty_figures(atoms, tmp_path / "two", form)
    assert [path.name for path in first] == [
        f"error_bars.{form}",
        f"error_bars_by_distance.{form}",
    ]
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()
    if form == "png":
        assert all(np.ptp(imread(path)[..., :3]) > 0.5 for path in first)


def test_errors_that_are_all_zero_are_drawn(atoms: ase.Atoms) -> None:
    for name in SIGMAS:
        atoms.arrays[name][:] = 0.0
    axes = Figure().add_subplot()
    error_bars(axes, atoms)
    assert sum(stairs.get_data()[0].sum() for stairs in axes.patches) == 100


def test_without_errors_nothing_is_written(tmp_path: Path, atoms: ase.Atoms) -> None:
    with pytest.raises(InputError, match="gif"):
        write_uncertainty_figures(atoms, tmp_path, "gif")
    atoms.arrays["sigma_z"][:] = np.nan
    with pytest.raises(InputError, match="sigma_x, sigma_y, sigma_z"):
        write_uncertainty_figures(atoms, tmp_path)
    with pytest.raises(InputError, match="errors of the atoms: found none"):
        write_uncertainty_figures(ase.Atoms("Ta", positions=[[0, 0, 0]]), tmp_path)
    assert list(tmp_path.iterdir()) == []
