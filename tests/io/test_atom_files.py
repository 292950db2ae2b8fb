"""Atoms with named columns, read by other programs: ASE, OVITO, DuckDB."""

from __future__ import annotations

from pathlib import Path

import ase
import ase.io
import duckdb
import numpy as np
import pytest

from aet_port.core.errors import InputError
from aet_port.io import read_model, read_models, write_atoms

CELLS = {
    "free": (np.zeros((3, 3)), False),
    "box": (np.diag([9.0, 10.0, 11.0]), True),
    "tilted": (np.array([[9.0, 0, 0], [-2.0, 10.0, 0], [1.5, 3.0, 11.0]]), True),
    "film": (np.diag([9.0, 10.0, 11.0]), (True, True, False)),
}


def sample(name: str) -> ase.Atoms:
    cell, pbc = CELLS[name]
    rng = np.random.default_rng(1)
    inside = rng.uniform(0, 1, (12, 3))
    atoms = ase.Atoms("Cu5Ta4Pd3", positions=inside @ (cell if cell.any() else 9 * np.eye(3)))
    atoms.cell, atoms.pbc = cell, pbc
    atoms.set_array("q6", np.where(np.arange(12) == 3, np.nan, rng.uniform(0, 1, 12)))
    atoms.set_array("cn", rng.integers(-1, 15, 12))
    atoms.set_array("surface", rng.uniform(0, 1, 12) < 0.5)
    atoms.set_array("posterior", rng.uniform(0, 1, (12, 2)))
    return atoms


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("suffix", [".extxyz", ".dump"])
def test_ase_reads_them(tmp_path: Path, name: str, suffix: str) -> None:
    atoms = sample(name)
    file = write_atoms(tmp_path / f"atoms{suffix}", atoms)
    kind = "extxyz" if suffix == ".extxyz" else "lammps-dump-text"
    back = ase.io.read(file, format=kind)
    assert back.get_chemical_symbols() == atoms.get_chemical_symbols()
    # 17 digits are written; ASE turns a tilted cell of a dump and back.
    if name != "free":
        np.testing.assert_allclose(back.cell.array, atoms.cell.array, atol=1e-12)
        np.testing.assert_array_equal(back.pbc, atoms.pbc)
    np.testing.assert_allclose(back.positions, atoms.positions, atol=1e-12)
    if suffix == ".extxyz":
        for key in ("q6", "cn", "surface", "posterior"):
            np.testing.assert_array_equal(back.arrays[key], atoms.arrays[key])


@pytest.mark.parametrize("name", CELLS)
def test_own_readers_read_them(tmp_path: Path, name: str) -> None:
    atoms = sample(name)
    (back,) = read_models(write_atoms(tmp_path / "atoms.dump", atoms))
    assert back.species == atoms.get_chemical_symbols()
    np.testing.assert_allclose(back.positions, atoms.positions, atol=1e-12)
    extended = read_model(write_atoms(tmp_path / "atoms.extxyz", atoms)).atoms
    np.testing.assert_array_equal(extended.arrays["q6"], atoms.arrays["q6"])


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("suffix", [".extxyz", ".dump"])
def test_ovito_opens_them(tmp_path: Path, name: str, suffix: str) -> None:
    ovito_io = pytest.importorskip("ovito.io")
    atoms = sample(name)
    data = ovito_io.import_file(str(write_atoms(tmp_path / f"atoms{suffix}", atoms))).compute()
    particles = data.particles
    kinds = particles.particle_types
    symbols = [kinds.type_by_id(int(one)).name for one in kinds[...]]
    assert symbols == atoms.get_chemical_symbols()
    np.testing.assert_allclose(particles.positions[...], atoms.positions, atol=1e-12)
    names = {str(key).lower().replace(" ", "_"): key for key in particles.keys()}  # noqa: SIM118
    np.testing.assert_allclose(particles[names["q6"]][...], atoms.arrays["q6"], atol=1e-15)
    np.testing.assert_array_equal(particles[names["cn"]][...], atoms.arrays["cn"])
    np.testing.assert_array_equal(particles[names["surface"]][...], atoms.arrays["surface"])
    if name == "tilted":
        np.testing.assert_allclose(data.cell[...][:, :3].T, atoms.cell.array, atol=1e-12)


def test_parquet_holds_numbers(tmp_path: Path) -> None:
    atoms = sample("box")
    file = write_atoms(tmp_path / "atoms.parquet", atoms)
    with duckdb.connect() as connection:
        found = connection.sql(f"FROM '{file}'").to_arrow_table()
    named = ["species", "x", "y", "z", "q6", "cn", "surface", "posterior_1", "posterior_2"]
    assert found.column_names == named
    assert found["species"].to_pylist() == atoms.get_chemical_symbols()
    np.testing.assert_array_equal(found["q6"].to_numpy(), atoms.arrays["q6"])
    np.testing.assert_array_equal(found["posterior_2"].to_numpy(), atoms.arrays["posterior"][:, 1])
    assert str(found.schema.field("surface").type) == "bool"
    read = (tmp_path / "atoms.csv", write_atoms(tmp_path / "atoms.csv", atoms))
    assert read[0].read_text().splitlines()[0] == ",".join(named)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    atoms = sample("free")
    with pytest.raises(InputError, match=r"\.extxyz, \.csv, \.parquet, \.dump"):
        write_atoms(tmp_path / "atoms.txt", atoms)
    atoms.set_array("two words", np.zeros(12))
    with pytest.raises(InputError, match="two words"):
        write_atoms(tmp_path / "atoms.dump", atoms)
    turned = sample("box")
    turned.rotate(30, "z", rotate_cell=True)
    with pytest.raises(InputError, match="first vector along x"):
        write_atoms(tmp_path / "atoms.dump", turned)
    assert not list(tmp_path.iterdir())
