from __future__ import annotations

from dataclasses import replace

import ase
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat
from scipy.spatial import ConvexHull

from aet_port.core.errors import InputError
from aet_port.structure.pairs.density import GRAMS_PER_CC, density_gain
from aet_port.structure.polytetrahedral.bipyramids import FOLDS, find_motifs
from aet_port.structure.polytetrahedral.packing import (
    DELTAS,
    icosahedron_distortions,
    packed_atoms,
    packed_density,
    packing_by_distortion,
)
from aet_port.structure.voronoi.analysis import voronoi_analysis
from aet_port.structure.voronoi.tetrahedra import face_pairs, find_tetrahedra
from aet_port.structure.voronoi.tetrahedron_shapes import distortion
from matlab_reference import golden_path
from tests.structure.bipyramid_samples import chain
from tests.structure.samples import close_packed, icosahedron, moved, shaken_box

SIDE = 1 / np.sin(2 * np.pi / 5)  # edge of an icosahedron over its radius
REGULAR = SIDE / (0.5 + 0.5 * SIDE) - 1  # distortion of its tetrahedra, 0.025


@pytest.mark.parametrize("name", ["delta150", "delta255"])
def test_fractions_as_the_reference(name: str) -> None:
    case = loadmat(golden_path(f"am__Main_3.fractions__{name}.mat"))
    source = loadmat(golden_path(f"am__Main_3.tetrahedra_and_face_pairs__{name}.mat"))
    positions = source["in_model"].T
    atoms = ase.Atoms(["Ta"] * len(positions), positions=positions)
    amorphous = np.arange(len(atoms)) < case["in_n_amorphous"].item()
    delta = source["in_delta"].item()
    # The case has every Delaunay tetrahedron, whatever its circumsphere.
    found = packing_by_distortion(atoms, 4.12, [delta], amorphous=amorphous, alpha=1e9)
    expected = case["out_results"].ravel()
    assert found.tetrahedra.tolist() == [len(case["out_ICamor"])]
    # Quotients of whole numbers.
    np.testing.assert_array_equal(found.atoms, expected[:1])
    np.testing.assert_array_equal(found.populations[0], expected[1:])


@pytest.mark.parametrize("periodic", [False, True])
def test_every_delta_as_by_itself(periodic: bool) -> None:
    atoms = shaken_box(3) if periodic else close_packed(3)
    deltas = [0.1, 0.15, 0.2, 0.255, 0.35]
    found = packing_by_distortion(atoms, 4.0, deltas)
    assert len(found) == 5
    for row, delta in enumerate(deltas):
        tetrahedra = find_tetrahedra(atoms, 4.0, delta)
        motifs = find_motifs(tetrahedra.vertices, face_pairs(tetrahedra.vertices))
        assert found.tetrahedra[row] == len(tetrahedra)
        assert found.motifs[row].tolist() == [motifs.counts()[fold] for fold in FOLDS]
        for column, fold in enumerate(FOLDS):
            share = len(np.unique(motifs.of_fold(fold))) / len(tetrahedra)
            assert found.populations[row, column] == pytest.approx(share, rel=1e-14)
        assert found.atoms[row] == len(np.unique(tetrahedra.vertices)) / len(atoms)
    assert (np.diff(found.tetrahedra) > 0).all()
    assert (np.diff(found.atoms) >= 0).all()


def test_the_paper_s_deltas() -> None:
    found = packing_by_distortion(close_packed(1, radius=7), 4.0)
    np.testing.assert_array_equal(found.delta, DELTAS)
    assert len(DELTAS) == 13


def test_an_icosahedron_is_packed_from_its_own_distortion_on() -> None:
    found = packing_by_distortion(icosahedron(), 3.2, [REGULAR - 1e-6, REGULAR + 1e-6])
    assert found.tetrahedra.tolist() == [0, 20]
    assert found.atoms.tolist() == [0, 1]
    assert np.isnan(found.populations[0]).all()
    assert found.populations[1].tolist() == [0, 0, 1, 0, 0, 0]
    assert found.motifs.tolist() == [[0] * 6, [0, 0, 12, 0, 0, 0]]


def test_amorphous_atoms_only() -> None:
    atoms = close_packed(3)
    amorphous = np.arange(len(atoms)) % 3 > 0
    found = packing_by_distortion(atoms, 4.0, [0.2, 0.3], amorphous=amorphous)
    for row, delta in enumerate([0.2, 0.3]):
        vertices = find_tetrahedra(atoms, 4.0, delta).vertices
        inside = [sum(amorphous[v] for v in row) >= 3 for row in vertices]
        assert found.tetrahedra[row] == sum(inside)
        touched = set(vertices.ravel().tolist()) & set(np.flatnonzero(amorphous).tolist())
        assert found.atoms[row] == len(touched) / amorphous.sum()
        motifs = find_motifs(vertices, face_pairs(vertices))
        pentagonal = {t for t in motifs.of_fold(5).ravel().tolist() if inside[t]}
        assert found.populations[row, 2] == pytest.approx(len(pentagonal) / sum(inside))


def test_tetrahedra_that_are_known_already() -> None:
    atoms, deltas = close_packed(3), [0.1, 0.2, 0.3]
    one = packing_by_distortion(atoms, 4.0, deltas)
    two = packing_by_distortion(
        atoms, 4.0, deltas, tetrahedra=find_tetrahedra(atoms, 4.0, delta=0.4)
    )
    for name in ("tetrahedra", "motifs", "populations", "atoms"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


@settings(max_examples=8)
@given(st.integers(0, 10**6))
def test_nothing_depends_on_the_frame(seed: int) -> None:
    one, two = (
        packing_by_distortion(atoms, 4.0, [0.15, 0.255, 0.35])
        for atoms in (close_packed(seed), moved(close_packed(seed), seed + 1))
    )
    np.testing.assert_array_equal(one.tetrahedra, two.tetrahedra)
    np.testing.assert_array_equal(one.motifs, two.motifs)
    np.testing.assert_array_equal(one.populations, two.populations)
    np.testing.assert_array_equal(one.atoms, two.atoms)


def test_shifted_and_doubled_boxes() -> None:
    atoms = shaken_box(5, repeat=3, jitter=0.45)
    shifted = atoms.copy()
    shifted.positions += [3.0, -8.0, 11.0]
    one, two, three = (
        packing_by_distortion(sample, 4.0, [0.15, 0.255, 0.35])
        for sample in (atoms, shifted, atoms.repeat((2, 1, 1)))
    )
    for other, times in ((two, 1), (three, 2)):
        np.testing.assert_array_equal(other.tetrahedra, times * one.tetrahedra)
        np.testing.assert_array_equal(other.motifs, times * one.motifs)
        np.testing.assert_array_equal(other.populations, one.populations)
        np.testing.assert_array_equal(other.atoms, one.atoms)


def test_unusable_deltas_and_atoms_are_named() -> None:
    atoms = icosahedron()
    for bad in ([0.0, 0.1], [-0.1], [], [np.nan], [np.inf], 0.2, [[0.1, 0.2]]):
        with pytest.raises(InputError, match=r"deltas: found .* numbers above zero"):
            packing_by_distortion(atoms, 3.2, bad)
    for bad in ([0.2, 0.1], [0.1, 0.1]):
        with pytest.raises(InputError, match=r"deltas: found .* ascending"):
            packing_by_distortion(atoms, 3.2, bad)
    nothing = packing_by_distortion(atoms, 3.2, [0.001])
    assert nothing.tetrahedra[0] == 0
    assert np.isnan(nothing.populations).all()
    with pytest.raises(InputError, match="at least 5"):
        packing_by_distortion(atoms[:4], 3.2)
    with pytest.raises(InputError, match="cutoff: found -1"):
        packing_by_distortion(atoms, -1)
    with pytest.raises(InputError, match="cutoff: found 5 angstrom in a periodic cell"):
        packing_by_distortion(ase.Atoms(atoms, cell=[9, 9, 9], pbc=True), 5)
    for mask in (np.ones(12, bool), np.ones(13, int), np.zeros(13, bool)):
        with pytest.raises(InputError, match="amorphous: found"):
            packing_by_distortion(atoms, 3.2, amorphous=mask)


def test_an_ideal_icosahedron_by_voronoi() -> None:
    centres, worst = icosahedron_distortions(voronoi_analysis(icosahedron()))
    assert centres.tolist() == [0]
    np.testing.assert_allclose(worst, [REGULAR])
    none, _ = icosahedron_distortions(voronoi_analysis(icosahedron()), np.arange(13) > 0)
    assert none.tolist() == []


@pytest.mark.parametrize("seed", range(5))
def test_a_shaken_icosahedron_by_voronoi(seed: int) -> None:
    rng = np.random.default_rng(seed)
    atoms = icosahedron()
    atoms.positions += rng.normal(0, 0.08, (13, 3))
    centres, worst = icosahedron_distortions(voronoi_analysis(atoms, area_fraction=0))
    # The faces of its hull, with the centre, are the twenty tetrahedra.
    hull = ConvexHull(atoms.positions)
    corners = np.concatenate(
        [np.repeat(atoms.positions[None, :1], 20, axis=0), atoms.positions[hull.simplices]], axis=1
    )
    assert centres.tolist() == [0]
    assert worst[0] == pytest.approx(distortion(corners).max())


def test_icosahedra_across_a_face() -> None:
    atoms = icosahedron()
    atoms.set_cell([14.0, 15.0, 16.0])
    atoms.set_pbc(True)
    middle = voronoi_analysis(atoms, bond_length=3.2)
    atoms.positions += [13.9, 2, 9]
    shifted = voronoi_analysis(atoms, bond_length=3.2)
    for cells in (middle, shifted):
        centres, worst = icosahedron_distortions(cells)
        assert 0 in centres
        assert worst[centres == 0] == pytest.approx(REGULAR)


def test_icosahedra_do_not_depend_on_the_frame() -> None:
    atoms = close_packed(2, radius=10)
    one, two = (
        icosahedron_distortions(voronoi_analysis(sample, area_fraction=0))
        for sample in (atoms, moved(atoms, 7))
    )
    assert len(one[0]) >= 5
    np.testing.assert_allclose(np.sort(one[1]), np.sort(two[1]))


def test_unusable_cells_are_named() -> None:
    cells = voronoi_analysis(icosahedron())
    with pytest.raises(InputError, match="mask: found"):
        icosahedron_distortions(cells, np.ones(3, dtype=bool))
    flat = cells.faces._replace(vectors=cells.faces.vectors * [1, 1, 0])
    with pytest.raises(InputError, match="cells: found neighbours of atom 0"):
        icosahedron_distortions(replace(cells, faces=flat))


def test_packed_atoms() -> None:
    motifs, tetrahedra = chain(close_packed(4, radius=9), 4.1)
    n = tetrahedra.vertices.max() + 5
    union = np.zeros(n, dtype=bool)
    for fold in FOLDS:
        found = packed_atoms(motifs, tetrahedra, n, (fold,))
        members = motifs.of_fold(fold)
        expected = set(tetrahedra.vertices[members].ravel().tolist())
        assert set(np.flatnonzero(found).tolist()) == expected
        union |= found
    np.testing.assert_array_equal(packed_atoms(motifs, tetrahedra, n), union)
    assert not union[-4:].any()
    with pytest.raises(InputError, match="folds: found"):
        packed_atoms(motifs, tetrahedra, n, (5, 9))
    with pytest.raises(InputError, match="n_atoms: found 3"):
        packed_atoms(motifs, tetrahedra, 3)


def test_packed_density() -> None:
    atoms = ase.Atoms("TaTaNiNi", positions=np.eye(4)[:, :3])
    masses = atoms.get_masses()
    volumes = np.array([10.0, 20.0, 15.0, np.nan])
    packed = np.array([True, False, False, True])
    found = packed_density(atoms, volumes, packed, np.ones(4, dtype=bool))
    assert (found.inside, found.outside) == (1, 2)
    inside, outside = masses[0] / 10, masses[1:3].sum() / 35
    mean = masses[:3].sum() / 45
    assert found.gain == pytest.approx(inside / mean - 1)
    assert found.contrast == pytest.approx(inside / outside - 1)
    assert found.gain == density_gain(atoms, volumes, packed, np.ones(4, dtype=bool))
    assert GRAMS_PER_CC * inside == pytest.approx(30.0, rel=0.01)  # Ta: 180.9 u in 10 A^3
    nothing = packed_density(atoms, volumes, np.zeros(4, bool), np.ones(4, bool))
    assert nothing.inside == 0
    assert np.isnan([nothing.gain, nothing.contrast]).all()
    everything = packed_density(atoms, volumes, np.ones(4, bool), np.ones(4, bool))
    assert everything.gain == pytest.approx(0, abs=1e-14)
    assert np.isnan(everything.contrast)
    with pytest.raises(InputError, match="packed: found int64"):
        packed_density(atoms, volumes, np.ones(4, int), np.ones(4, bool))
    with pytest.raises(InputError, match="volumes: found shape"):
        packed_density(atoms, volumes[:3], packed, np.ones(4, bool))
