"""Trajectories of VASP, and dumps that no reader of text can read."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io.vasp import write_vasp_xdatcar

from aet_port.core.errors import DataFileError
from aet_port.io import read_model, read_models


def frames(changing: bool) -> list[Atoms]:
    rng = np.random.default_rng(2)
    found = []
    for k in range(3):
        atoms = Atoms("Ta2Pd3", cell=np.diag([6.0, 7, 8 + 0.5 * k * changing]), pbc=True)
        atoms.set_scaled_positions(rng.uniform(0, 1, (5, 3)))
        found.append(atoms)
    return found


@pytest.mark.parametrize("changing", [False, True])
def test_the_frames_of_an_xdatcar(tmp_path: Path, changing: bool) -> None:
    """Written by ASE, once with a head for all frames; and by hand with one for each."""
    given, path = frames(changing), tmp_path / "XDATCAR"
    write_vasp_xdatcar(path, given[:1])
    parts = [path.read_text()]
    for number, atoms in enumerate(given[1:], start=2):
        write_vasp_xdatcar(path, [atoms])
        text = path.read_text().replace("configuration=     1", f"configuration=     {number}")
        parts.append(text if changing else text[text.index("Direct") :])
    path.write_text("".join(parts))
    found = list(read_models(path))
    assert [model.name for model in found] == [f"{path}, frame {k}" for k in range(3)]
    for model, atoms in zip(found, given, strict=True):
        assert model.species == ["Ta", "Ta", "Pd", "Pd", "Pd"]
        assert model.atoms.pbc.all()
        # Eight decimals of fractions are written.
        np.testing.assert_allclose(model.positions, atoms.positions, atol=1e-7)
        np.testing.assert_allclose(model.atoms.cell, atoms.cell, atol=1e-7)
    np.testing.assert_allclose(read_model(path, frame=1).positions, given[1].positions, atol=1e-7)
    path.write_text("".join(parts)[:-60])
    with pytest.raises(DataFileError, match=r"XDATCAR: found frame 2, from line \d+: "):
        list(read_models(path))


def test_an_xdatcar_without_frames(tmp_path: Path) -> None:
    (tmp_path / "XDATCAR").write_text("Ta\n1\n1 0 0\n0 1 0\n0 0 1\nTa\n1\n")
    with pytest.raises(DataFileError, match="no line Direct configuration="):
        read_model(tmp_path / "XDATCAR")


@pytest.mark.parametrize("name", ["b.bin", "b.dump", "dump.b"])
def test_binary_dumps_are_refused_with_the_way_to_text(tmp_path: Path, name: str) -> None:
    head = struct.pack("<q", -8) + b"DUMPATOM" + struct.pack("<iiqq", 1, 2, 0, 2)
    (tmp_path / name).write_bytes(head + bytes(200))
    with pytest.raises(DataFileError, match=r"a binary LAMMPS dump; expected .*binary2txt"):
        read_model(tmp_path / name)


def test_reduced_units_are_refused_with_a_way_that_works(tmp_path: Path) -> None:
    text = (
        "ITEM: UNITS\nlj\nITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS pp pp pp\n"
        "0 5\n0 5\n0 5\nITEM: ATOMS id type x y z\n1 1 1 2 3\n"
    )
    path = tmp_path / "lj.dump"
    path.write_text(text)
    with pytest.raises(DataFileError, match=r"found 'lj' in line 2; .* --scale takes"):
        read_model(path, "Ar")
    path.write_text(text.split("\n", 2)[2])
    found = read_model(path, "Ar", scale=3.4)
    np.testing.assert_allclose(found.positions, [[3.4, 6.8, 10.2]], rtol=1e-14)
