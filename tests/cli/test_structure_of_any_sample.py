"""``aet analyze`` of crystals, of models in other units, and of chosen atoms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from aet_port.core.atomic_model import AtomicModel
from aet_port.reporting.bank_structure import read_structure
from aet_port.reporting.content import structure_of
from aet_port.simulation import amorphous_particle
from aet_port.structure import analyze
from mdb.bank import Bank
from tests.cli.samples import Aet, Refused


def test_a_perfect_crystal_without_motifs(tmp_path: Path, aet: Aet) -> None:
    file, bank = tmp_path / "sc.extxyz", tmp_path / "bank.duckdb"
    crystal = bulk("Po", "sc", a=3.35) * (5, 5, 5)
    write(file, crystal)
    done = aet("analyze", file, "--bank", bank, "--kind", "synthetic", "--json")
    assert done.code == 0, done.err
    (found,) = json.loads(done.out)["analyses"]
    assert (found["tetrahedra"], found["motifs"]) == (0, None)
    assert found["motifs_reason"].startswith("no tetrahedron of atoms")
    order = found["short_range_order"]
    assert order["mean_q4"] == pytest.approx(0.763763, abs=1e-6)
    assert order["voronoi_top"] == {"<0,6,0,0>": 1.0}
    text = aet("analyze", file, "--figures", tmp_path / "figures")
    assert text.code == 0, text.err
    for words in ("motifs_reason", "numbers of atoms and standard errors", "fewer than 10"):
        assert words in text.out
    # The report says the same from the bank and from the analysis itself.
    own = structure_of(analyze(crystal))
    with Bank(bank, read_only=True) as opened:
        stored = read_structure(opened, 1, 125)
    assert stored.motifs_reason == own.motifs_reason == found["motifs_reason"]
    assert list(stored.voronoi) == list(own.voronoi) == [((0, 6, 0, 0), 125, 1.0)]
    assert stored.order_of == own.order_of == "all atoms below the surface"


def test_atoms_are_chosen(tmp_path: Path, aet: Aet, refused: Refused) -> None:
    file, some = tmp_path / "fcc.extxyz", tmp_path / "some.txt"
    crystal = bulk("Cu", "fcc", a=3.61, cubic=True) * (4, 4, 4)
    crystal.numbers[::2] = 79
    write(file, crystal)
    np.savetxt(some, np.arange(128), fmt="%d")
    for asked, atoms, name in (("all", 256, "all"), ("inner", 256, "inner"), (some, 128, "chosen")):
        done = aet("analyze", file, "--atoms", asked, "--json")
        assert done.code == 0, done.err
        (found,) = json.loads(done.out)["analyses"]
        order = found["short_range_order"]
        assert (found["atoms"], found["pdf_of"]) == (name, order["pdf_of"])
        assert order["inner_atoms"] == atoms
        assert order["statistics"]["coordination_number"]["atoms"] == atoms
    refused("analyze", file, "--atoms", "outer", parts=("--atoms", "'outer'", "disordered, inner"))
    more = ("--resample", 5, "--sigma", 1, "--json")
    done = aet("analyze", file, "--atoms", some, *more)
    assert done.code == 0, done.err
    (found,) = json.loads(done.out)["analyses"]
    assert found["intervals"]["quantities"]["inner_atoms"]["mean"] == 128
    some.write_text("256\n")
    refused("analyze", file, "--atoms", some, parts=(some, "numbers of atoms from 0 to 255"))


def test_other_units_are_named_and_converted(tmp_path: Path, aet: Aet, refused: Refused) -> None:
    file = tmp_path / "voxels.xyz"
    crystal = bulk("Pd", "fcc", a=3.89, cubic=True) * (5, 5, 5)
    crystal.set_pbc(False)
    crystal.positions += np.random.default_rng(1).normal(0, 0.1, crystal.positions.shape)
    crystal.positions /= 0.344
    write(file, crystal, format="xyz")
    done = aet("analyze", file, "--json")
    assert "aet: warning:" in done.err
    assert "would fit (--scale)" in done.err
    (wrong,) = json.loads(done.out)["analyses"]
    assert wrong["remarks"]
    for option in ("--scale", "--pixel-size"):
        done = aet("analyze", file, option, 0.344, "--json")
        assert done.err == ""
        (right,) = json.loads(done.out)["analyses"]
        assert right["cutoff"] == pytest.approx(0.344 * wrong["cutoff"], abs=0.02)
    one, two = (found["short_range_order"] for found in (wrong, right))
    assert one["crystalline_atoms"] == two["crystalline_atoms"] > 400
    assert two["peak_1"] == pytest.approx(2.75, abs=0.02)
    refused("analyze", file, "--scale", 0, parts=("--scale", "between"))


def test_a_scale_is_taken_by_other_commands(tmp_path: Path, aet: Aet) -> None:
    file, images = tmp_path / "voxels.xyz", [tmp_path / "one.npy", tmp_path / "two.npy"]
    positions = np.array([[0.0, 0, 0], [8, 0, 0], [0, 8, 0], [0, 0, 8]])
    model = AtomicModel.from_positions(positions * 0.344, "Pd")
    write(tmp_path / "angstrom.xyz", model.atoms, format="xyz")
    model.atoms.positions = positions
    write(file, model.atoms, format="xyz")
    (tmp_path / "angles.txt").write_text("0 0 0\n0 30 0\n0 60 0\n")
    options = ("--angles", tmp_path / "angles.txt", "--pixel-size", 0.5)
    for name, image, more in (
        ("voxels.xyz", images[0], ("--scale", 0.344)),
        ("angstrom.xyz", images[1], ()),
    ):
        done = aet("simulate", tmp_path / name, "-o", image, *options, *more)
        assert done.code == 0, done.err
    np.testing.assert_allclose(*(np.load(image) for image in images), atol=1e-9)


@pytest.mark.parametrize("scale", [1e8, 1e9, 1e18, 1e300])
def test_coordinates_that_no_sample_has_are_refused(
    tmp_path: Path, refused: Refused, scale: float
) -> None:
    """Beyond 1e6 angstrom the number of a cell would overflow."""
    file = tmp_path / "huge.xyz"
    points = np.random.default_rng(0).uniform(-8, 8, (200, 3)) * scale
    lines = [f"Ta {x!r} {y!r} {z!r}" for x, y, z in points.tolist()]
    file.write_text("\n".join(["200", "c", *lines]) + "\n")
    for command in (("analyze", file), ("compare-models", file, file), ("view", file)):
        more = ("-o", tmp_path / "v.png") if command[0] == "view" else ()
        refused(*command, *more, parts=("huge.xyz: positions", "in atom 0", "within 1e+06"))


def test_a_stray_atom_is_named_and_changes_nothing_else(tmp_path: Path, aet: Aet) -> None:
    near, stray = tmp_path / "near.xyz", tmp_path / "stray.xyz"
    particle = amorphous_particle(150, "Ta").atoms
    write(near, particle[1:], format="xyz")
    particle.positions[0] = (1e5, 3e4, -2e4)
    write(stray, particle, format="xyz")
    named = f"{stray}: atom 0 (from 0): fewer than three others within "
    found = {}
    for file in (near, stray):
        done = aet("analyze", file, "--cutoff", 4.1, "--atoms", "inner", "--json")
        assert done.code == 0, done.err
        assert (named in done.err) == (file == stray), done.err
        (found[file],) = json.loads(done.out)["analyses"]
    # The stray atom closes cells of some atoms at the surface; motifs are of near atoms alone.
    assert found[near]["motifs"] == found[stray]["motifs"]
    assert found[near]["tetrahedra"] == found[stray]["tetrahedra"]
    compared = aet("compare-models", stray, near, "--json")
    assert compared.code == 0, compared.err
    assert compared.err.count(named) == 1
