"""Damaged files of models of every format: read, or refused in one line that names the file."""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Callable
from pathlib import Path

import ase
import ase.db
import numpy as np
import pytest
import scipy.io
from ase.io import write

from aet_port.core.errors import AetError
from aet_port.io import read_model, write_atoms, write_model

EACH = 40  # damaged copies of each file
BYTES = b"0159 -.+eED\n\t#:;,nN\xff\x00\"'{}"


def _atoms() -> ase.Atoms:
    cell = [[10.0, 0, 0], [2, 11, 0], [-1, 0.5, 12]]
    places = np.random.default_rng(0).uniform(0, 8, (5, 3))
    return ase.Atoms("Cu2Zr2Al", places, cell=cell, pbc=True)


def _of_ase(form: str) -> Callable[[Path], None]:
    return lambda path: write(path, _atoms(), format=form)


def _data_base(path: Path) -> None:
    with ase.db.connect(str(path)) as base:
        base.write(_atoms(), temperature=300)


def _packed(path: Path) -> None:
    text = write_model(path.with_name("plain.xyz"), _atoms()).read_bytes()
    path.write_bytes(gzip.compress(text, mtime=0))


FILES: dict[str, Callable[[Path], object]] = {
    "a.xyz": lambda path: write_model(path, _atoms()),
    "a.extxyz": lambda path: write_model(path, _atoms()),
    "a.data": lambda path: write_model(path, _atoms()),
    "a.csv": lambda path: write_model(path, _atoms()),
    "a.dump": lambda path: write_atoms(path, _atoms()),
    "a.cif": _of_ase("cif"),
    "POSCAR": _of_ase("vasp"),
    "a.pdb": _of_ase("proteindatabank"),
    "a.mat": lambda path: scipy.io.savemat(path, {"model": _atoms().positions.T}),
    "a.db": _data_base,
    "a.xyz.gz": _packed,
}


def _damaged(data: bytearray, rng: np.random.Generator) -> bytes:
    kind = rng.integers(4)
    if kind == 0:
        return bytes(data[: rng.integers(len(data))])
    for _ in range(rng.integers(1, 6)):
        place = int(rng.integers(len(data)))
        if kind == 1:
            data[place] = BYTES[rng.integers(len(BYTES))]
        elif kind == 2:
            data[place] ^= 1 << int(rng.integers(8))
        else:
            end = place + int(rng.integers(1, 40))
            data[place:end] = data[place:end][::-1] if rng.integers(2) else b""
    return bytes(data)


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_read_or_refused_in_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    FILES[name](path)
    sound = path.read_bytes()
    species = "Ta" if name == "a.mat" else None
    assert len(read_model(path, species)) == 5
    rng = np.random.default_rng(20)
    refused = []
    for _ in range(EACH):
        path.write_bytes(_damaged(bytearray(sound), rng))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # remarks on what was found
                read_model(path, species)
        except AetError as error:
            refused.append(str(error))
    assert len(refused) > EACH / 4  # the others are damaged where it doesn't show
    for text in refused:
        assert str(path) in text
        assert "\n" not in text
        assert len(text) < 600
