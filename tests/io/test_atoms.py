"""Atomic models: exact round trips, foreign files, species, and files that are wrong."""

from __future__ import annotations

import ase
import numpy as np
import pytest
import scipy.io
from ase.io import read as ase_read
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError, InputError, OutputError
from aet_port.io import read_model, write_model

FREE_FORMATS = [".xyz", ".extxyz", ".lammps", ".data", ".lmp"]
lengths = st.floats(-1e4, 1e4)


@pytest.fixture
def model() -> AtomicModel:
    positions = np.array([[0.1, -0.2, 1 / 3], [2.5, 0, 1e-9], [1e3, 7.0, -4.0]])
    return AtomicModel.from_positions(positions, ["Ta", "Pd", "Ta"])


@settings(max_examples=50)  # files take their time on a busy machine
@given(
    suffix=st.sampled_from(FREE_FORMATS),
    positions=hnp.arrays(np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=lengths),
    data=st.data(),
)
def test_positions_and_species_round_trip_exactly(tmp_path_factory, suffix, positions, data):
    symbols = [data.draw(st.sampled_from(["Ta", "Pd", "Co", "W"])) for _ in positions]
    path = tmp_path_factory.mktemp("io") / f"m{suffix}"
    write_model(path, AtomicModel.from_positions(positions, symbols))
    again = read_model(path)
    np.testing.assert_array_equal(again.positions, positions)
    assert again.species == symbols
    assert not again.atoms.pbc.any()
    assert not again.atoms.cell.any()
    assert again.name == str(path)


def test_mdb_file_as_the_data_bank_has_it(tmp_path, model):
    path = write_model(tmp_path / "m.xyz", model, comment="a particle")
    lines = path.read_text().splitlines()
    assert lines[:2] == ["3", "a particle"]
    assert lines[2] == "Ta 0.1 -0.2 0.3333333333333333"
    assert len(lines) == 5
    assert read_model(path).metadata["comment"] == "a particle"
    np.testing.assert_array_equal(ase_read(path).positions, model.positions)
    path.write_text("2\n\n  Pt\t1.0  2  -3.5e0\r\nFe 0 0 0\n\n")
    found = read_model(path)
    assert found.species == ["Pt", "Fe"]
    np.testing.assert_array_equal(found.positions, [[1, 2, -3.5], [0, 0, 0]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "nothing"),
        ("three\nc\n", "'three' in line 1"),
        ("2\nc\nTa 0 0 0\n", "1 lines for 2 atoms"),
        ("1\nc\nTa 0 0 0\nTa 1 1 1\n", "2 lines for 1 atoms"),
        ("1\nc\nTa 0 0\n", "'Ta 0 0' in line 3"),
        ("1\nc\nQq 0 0 0\n", "'Qq 0 0 0' in line 3"),
        ("1\nc\nTa 0 zero 0\n", "in line 3"),
    ],
)
def test_wrong_mdb_files_name_the_line(tmp_path, text, message):
    path = tmp_path / "m.xyz"
    path.write_text(text)
    with pytest.raises(DataFileError, match=message) as caught:
        read_model(path)
    assert str(path) in str(caught.value)


def test_nan_and_no_atoms_name_the_file(tmp_path):
    path = tmp_path / "m.xyz"
    for text, message in [("1\nc\nTa 0 nan 0\n", "1 NaN"), ("0\nc\n", "no atoms")]:
        path.write_text(text)
        with pytest.raises(InputError, match=message) as caught:
            read_model(path)
        assert str(path) in str(caught.value)


def test_extxyz_keeps_cell_and_arrays(tmp_path):
    rng = np.random.default_rng(0)
    cell = np.array([[10.0, 0.1, 0], [1 / 3, 11, 0], [0, 0, 12]])
    atoms = ase.Atoms("Ta4", positions=rng.normal(size=(4, 3)), cell=cell, pbc=(True, False, True))
    arrays = {
        "bond_order": rng.normal(size=4) * 1e-12,
        "peak": rng.integers(-5, 5, 4),
        "crystal": np.array([True, False, False, True]),
        "label": np.array(["a", "bb", "c", "d"]),
        "shift": rng.normal(size=(4, 3)),
        "single": rng.normal(size=4).astype(np.float32),
        "charges": rng.normal(size=4),
    }
    for key, value in arrays.items():
        atoms.set_array(key, value)
    atoms.info["sample"] = "Ta film, area 1"
    atoms.info["run"] = 3
    path = write_model(tmp_path / "m.extxyz", AtomicModel(atoms))
    again = read_model(path).atoms
    np.testing.assert_array_equal(again.cell.array, cell)
    assert again.pbc.tolist() == [True, False, True]
    assert again.info == {"sample": "Ta film, area 1", "run": 3}
    for key, value in arrays.items():
        np.testing.assert_array_equal(again.arrays[key], value, err_msg=key)
    path.rename(tmp_path / "m.xyz")  # extended .xyz often goes by the plain suffix
    np.testing.assert_array_equal(read_model(tmp_path / "m.xyz").positions, atoms.positions)


def test_extxyz_refuses_what_it_cannot_hold(tmp_path, model):
    for key, value in [("a", np.array(["two words", "b", "c"])), ("z", np.ones(3) * 1j)]:
        atoms = model.atoms.copy()
        atoms.set_array(key, value)
        with pytest.raises(InputError, match=f"array {key}"):
            write_model(tmp_path / "m.extxyz", AtomicModel(atoms))
    for value in ["two\nlines", object()]:
        atoms = model.atoms.copy()
        atoms.info["note"] = value
        with pytest.raises(InputError, match="info"):
            write_model(tmp_path / "m.extxyz", AtomicModel(atoms))
    assert list(tmp_path.iterdir()) == []


def test_extxyz_that_is_cut_off(tmp_path, model):
    path = write_model(tmp_path / "m.extxyz", model)
    path.write_text(path.read_text()[:90])
    with pytest.raises(DataFileError, match="unreadable contents"):
        read_model(path)


@pytest.mark.parametrize("pbc", [(True, True, True), (True, True, False)])
def test_lammps_box_is_kept(tmp_path, pbc):
    cell = np.array([[10.0, 0, 0], [1 / 3, 11, 0], [-0.5, 0.25, 12]])
    atoms = ase.Atoms("Ta2Pd", positions=[[0, 0, 0.1], [9, 9, 9], [-3, 20, 1]], cell=cell, pbc=pbc)
    path = write_model(tmp_path / "m.lammps", AtomicModel(atoms))
    again = read_model(path)
    np.testing.assert_array_equal(again.positions, atoms.positions)
    assert again.species == ["Ta", "Ta", "Pd"]
    assert again.atoms.pbc.tolist() == list(pbc)
    np.testing.assert_allclose(again.atoms.cell.array, cell, rtol=0, atol=0)
    atoms.rotate(20, "x", rotate_cell=True)
    with pytest.raises(InputError, match="first vector along x"):
        write_model(path, AtomicModel(atoms))


def test_lammps_types_need_masses_or_species(tmp_path, model):
    path = write_model(tmp_path / "m.data", model)
    assert read_model(path, species=["W", "Co"]).species == ["Co", "W", "Co"]
    text = path.read_text()
    before, rest = text.split("Masses")
    path.write_text(before + rest[rest.index("Atoms") :])
    with pytest.raises(DataFileError, match="atom types without masses"):
        read_model(path)
    assert read_model(path, species=["Pd", "Ta"]).species == model.species
    with pytest.raises(DataFileError, match="unreadable"):
        read_model(path, species=["Pd"])
    with pytest.raises(InputError, match="'Qq'"):
        read_model(path, species=["Pd", "Qq"])
    path.write_text(text[: text.index("Atoms") + 30])
    with pytest.raises(DataFileError, match="unreadable"):
        read_model(path)


def test_cif(tmp_path):
    path = tmp_path / "ta.cif"
    path.write_text(
        "data_Ta\n_cell_length_a 3.3\n_cell_length_b 3.3\n_cell_length_c 3.3\n"
        "_cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n"
        "_symmetry_space_group_name_H-M 'I m -3 m'\n_symmetry_Int_Tables_number 229\n"
        "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n"
        "_atom_site_fract_y\n_atom_site_fract_z\nTa1 Ta 0 0 0\n"
    )
    found = read_model(path)
    assert found.species == ["Ta", "Ta"]
    assert found.atoms.pbc.all()
    write_model(tmp_path / "ta.extxyz", found)
    np.testing.assert_array_equal(read_model(tmp_path / "ta.extxyz").positions, found.positions)
    path.write_text("nothing of the kind")
    with pytest.raises(DataFileError):
        read_model(path)


def test_mat_models_need_species(tmp_path):
    path, types = tmp_path / "m.mat", tmp_path / "t.mat"
    positions = np.arange(12.0).reshape(3, 4)
    scipy.io.savemat(path, {"model": positions})
    scipy.io.savemat(types, {"atoms": np.array([[1.0, 3, 2, 1]])})
    with pytest.raises(InputError, match="species='Ta'"):
        read_model(path)
    found = read_model(path, species="Ta")
    np.testing.assert_array_equal(found.positions, positions.T)
    assert found.species == ["Ta"] * 4
    assert read_model(path, species=["Co", "Pd", "Pt"], types=types).species == [
        "Co",
        "Pt",
        "Pd",
        "Co",
    ]
    assert read_model(path, species=["W", "W", "Ta", "W"]).species == ["W", "W", "Ta", "W"]
    with pytest.raises(DataFileError, match=r"type 3\.0; expected 1 to 2") as caught:
        read_model(path, species=["Co", "Pd"], types=types)
    assert str(types) in str(caught.value)
    scipy.io.savemat(types, {"atoms": np.ones((1, 5))})
    with pytest.raises(DataFileError, match="one for each of 4 atoms"):
        read_model(path, species=["Co"], types=types)
    with pytest.raises(InputError, match="2 symbols for 4 atoms"):
        read_model(path, species=["Co", "Pd"])


def test_mat_pixel_coordinates(tmp_path):
    """MATLAB pixel round((n + 1) / 2) = n // 2 + 1 is the rotation centre."""
    path = tmp_path / "m.mat"
    scipy.io.savemat(path, {"model": np.array([[5.0, 6], [4, 4], [4, 3]])})
    found = read_model(path, species="Ta", pixel_size=0.5, shape=(8, 7, 6))
    np.testing.assert_array_equal(found.positions, [[0, 0, 0], [0.5, 0, -0.5]])
    with pytest.raises(InputError, match="both, the shape"):
        read_model(path, species="Ta", pixel_size=0.5)


def test_arguments_for_other_files_are_refused(tmp_path, model):
    path = write_model(tmp_path / "m.xyz", model)
    with pytest.raises(InputError, match="the file names its own"):
        read_model(path, species="Ta")
    with pytest.raises(InputError, match=r"pixel_size: found 1\.0 for"):
        read_model(path, pixel_size=1.0)
    with pytest.raises(DataFileError, match="no such file"):
        read_model(tmp_path / "none.xyz")
    (tmp_path / "m.gro").write_text("")
    with pytest.raises(DataFileError, match=r"type \.gro"):
        read_model(tmp_path / "m.gro")
    with pytest.raises(InputError, match=r"type \.cif"):
        write_model(tmp_path / "m.cif", model)
    for comment in ["two\nlines", "Properties=species:S:1"]:
        with pytest.raises(InputError, match="comment"):
            write_model(path, model, comment=comment)


@pytest.mark.parametrize("suffix", FREE_FORMATS)
def test_full_disk_leaves_nothing(tmp_path, model, suffix, monkeypatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write_model(tmp_path / f"m{suffix}", model)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.reference
def test_published_models(reference, tmp_path):
    final = ("AET-MetallicGlass", "6_Final_coordinates")
    glass = read_model(
        reference(*final, "final_atom_coord_inA.mat"),
        species=["Co", "Pd", "Pt"],
        types=reference(*final, "final_atom_types.mat"),
    )
    assert len(glass) == 18356
    counts = [glass.species.count(symbol) for symbol in ("Co", "Pd", "Pt")]
    assert counts == [8322, 6896, 3138]  # atoms of types 1, 2, 3 in the paper
    film = ("AET-AmorphousMaterials", "6_Final_coordinates", "Final_atomic_model_Ta_film.mat")
    ta = read_model(reference(*film), species="Ta")
    assert len(ta) == 8284
    for suffix in FREE_FORMATS:
        again = read_model(write_model(tmp_path / f"ta{suffix}", ta))
        np.testing.assert_array_equal(again.positions, ta.positions)
