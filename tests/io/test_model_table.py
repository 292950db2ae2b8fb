"""Models as tables of comma-separated values, read back with the standard library."""

from __future__ import annotations

import csv
from pathlib import Path

import ase
import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.io import write_model, write_model_table


def model() -> AtomicModel:
    rng = np.random.default_rng(0)
    atoms = ase.Atoms("CoPtCo", positions=rng.normal(0, 10, (3, 3)))
    atoms.set_array("height", rng.normal(size=3))
    atoms.set_array("probability", np.array([0.1 + 0.2, np.nan, 1.0]))
    atoms.set_array("posterior", rng.uniform(size=(3, 2)))
    atoms.set_array("flag", np.array(["", 'a, "quoted" word', "é"]))
    atoms.set_array("seen", np.array([True, False, True]))
    atoms.set_array("type", np.array([1, 2, 1]))
    for name in ("covariance_xy", "sigma_x", "p_exists"):
        atoms.set_array(name, rng.uniform(size=3))
    return AtomicModel(atoms)


def rows_of(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    with path.open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle, strict=True)
        return list(reader.fieldnames or ()), list(reader)


def test_every_value_comes_back_bit_by_bit(tmp_path: Path) -> None:
    given = model()
    head, rows = rows_of(write_model_table(tmp_path / "atoms.csv", given))
    assert head == [
        *("species", "x", "y", "z", "p_exists", "probability", "sigma_x", "covariance_xy"),
        *("height", "posterior_1", "posterior_2", "flag", "seen", "type"),
    ]
    assert [row["species"] for row in rows] == given.species
    arrays = given.atoms.arrays
    numbers = {"x": given.positions[:, 0], "z": given.positions[:, 2]}
    numbers |= {"posterior_2": arrays["posterior"][:, 1]}
    numbers |= {
        name: arrays[name] for name in ("height", "probability", "sigma_x", "p_exists", "type")
    }
    for name, values in numbers.items():
        np.testing.assert_array_equal([float(row[name]) for row in rows], values)
    assert [row["flag"] for row in rows] == arrays["flag"].tolist()
    assert [row["seen"] for row in rows] == ["True", "False", "True"]


def test_single_precision_keeps_its_value(tmp_path: Path) -> None:
    atoms = ase.Atoms("Ta2", positions=np.zeros((2, 3)))
    atoms.set_array("sigma_x", np.array([0.1, 1 / 3], dtype=np.float32))
    _, rows = rows_of(write_model_table(tmp_path / "atoms.csv", atoms))
    back = np.array([float(row["sigma_x"]) for row in rows])
    np.testing.assert_array_equal(back, atoms.arrays["sigma_x"].astype(np.float64))


def test_write_model_knows_the_suffix(tmp_path: Path) -> None:
    one = write_model(tmp_path / "one.CSV", model())
    assert one.read_bytes() == write_model_table(tmp_path / "two.csv", model()).read_bytes()
    assert b"\r" not in one.read_bytes()


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a name ending in \.csv"):
        write_model_table(tmp_path / "atoms.txt", model())
    twice = ase.Atoms("Ta", positions=[[0, 0, 0]])
    twice.set_array("x", np.array([1.0]))
    with pytest.raises(InputError, match="two columns x"):
        write_model_table(tmp_path / "atoms.csv", twice)
    complexes = ase.Atoms("Ta", positions=[[0, 0, 0]])
    complexes.set_array("phase", np.array([1j]))
    with pytest.raises(InputError, match="array phase"):
        write_model_table(tmp_path / "atoms.csv", complexes)
    assert list(tmp_path.iterdir()) == []
