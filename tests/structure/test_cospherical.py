"""Atoms on one sphere, of which tetrahedra can be made in more than one way; equivalent cells."""

from __future__ import annotations

import ase
import numpy as np
import pytest
from ase.build import bulk
from scipy.spatial import Delaunay

from aet_port.core.errors import InputError
from aet_port.structure import analyze, face_pairs, find_tetrahedra
from aet_port.structure.box_cells import reduced_cell
from aet_port.structure.neighbours import heights
from aet_port.structure.polytetrahedral.packing import packing_by_distortion
from aet_port.structure.voronoi.cospherical import cospherical_groups
from tests.structure.samples import close_packed, moved, shaken_box

CUBE = np.array([[x, y, z] for x in (0.0, 1) for y in (0.0, 1) for z in (0.0, 1)])


def film(shift: float = 0.0, noise: float = 0.0) -> ase.Atoms:
    """A strained bcc film whose atoms lie six and more on common spheres."""
    z = [0.916206, 0.994721, 0.959167, 0.874547, 0.749499, 0.833633]
    z += [0.792168, 0.708033, 0.582499, 0.667120, 0.625461, 0.546946]
    plane = [0, 0, 0.5, 0.5] * 3
    sites = [(s, s, t) for s, t in zip(plane, z, strict=True)]
    cell = [2.459662, 4.471437, 29.515945]
    atoms = ase.Atoms("V12", scaled_positions=sites, cell=cell, pbc=[1, 1, 0]) * (6, 4, 1)
    atoms.positions += [0.37 * shift, 1.13 * shift, 0]
    # As a file with eight decimals keeps them.
    atoms.positions = np.round(atoms.positions, 8)
    atoms.positions += np.random.default_rng(0).normal(0, noise, atoms.positions.shape)
    return atoms


def groups(points: np.ndarray) -> np.ndarray:
    found = Delaunay(points)
    return cospherical_groups(points, found.simplices, found.neighbors)


@pytest.mark.parametrize("noise", [0.0, 1e-9])
def test_a_cube_is_one_group_whatever_its_tetrahedra(noise: float) -> None:
    rng = np.random.default_rng(1)
    for _ in range(5):
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        found = groups(CUBE @ turn * 3 + rng.normal(0, noise, CUBE.shape))
        # Five or six tetrahedra, and now and then a flat one on a face.
        assert set(found[found != -2].tolist()) == {0}
    assert (groups(CUBE + rng.normal(0, 1e-3, CUBE.shape)) == -1).all()


def test_two_cubes_with_a_common_face_are_two_groups() -> None:
    both = np.unique(np.concatenate([CUBE, CUBE + np.eye(3)[0]]), axis=0)
    found = groups(both)
    assert set(found[found >= 0].tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("crystal", "cutoff", "tetrahedra"),
    [
        # Two an atom in close packings, whose octahedra have a diagonal beyond the first shell; six
        # in bcc; in sc and diamond no four atoms are all neighbours.
        (bulk("Cu", "fcc", a=3.75, cubic=True) * (4, 4, 4), 3.2, 2),
        (bulk("Co", "hcp", a=2.5, c=2.5 * np.sqrt(8 / 3), orthorhombic=True) * (4, 3, 3), 3.0, 2),
        (bulk("Fe", "bcc", a=2.87, cubic=True) * (5, 5, 5), 3.4, 6),
        (bulk("Po", "sc", a=3.35) * (5, 5, 5), 4.0, 0),
        (bulk("Si", "diamond", a=5.43, cubic=True) * (3, 3, 3), 3.1, 0),
    ],
)
def test_tetrahedra_of_perfect_crystals(crystal: ase.Atoms, cutoff: float, tetrahedra: int) -> None:
    for atoms in (crystal, moved(crystal, 3)):
        found = find_tetrahedra(atoms, cutoff)
        assert len(found) == tetrahedra * len(atoms)
        assert len(found.undecided) == 0
        face_pairs(found.vertices)


def test_what_could_be_divided_in_several_ways_is_counted() -> None:
    cubes = find_tetrahedra(bulk("Po", "sc", a=3.35) * (4, 4, 4), 5.0)
    assert len(cubes) == 0
    # A cube an atom; four of its corners are a regular tetrahedron.
    np.testing.assert_allclose(cubes.undecided, np.zeros(64), atol=1e-12)
    octahedra = find_tetrahedra(bulk("Cu", "fcc", a=3.75, cubic=True) * (3, 3, 3), 3.8, 0.35)
    assert len(octahedra) == 2 * 108
    # One edge of sqrt(2), five of 1.
    expected = np.sqrt(2) / ((5 + np.sqrt(2)) / 6) - 1
    np.testing.assert_allclose(octahedra.undecided, np.full(108, expected), atol=1e-9)
    with pytest.raises(InputError, match=r"more than one way; expected deltas below 0\.32"):
        packing_by_distortion(bulk("Cu", "fcc", a=3.75, cubic=True) * (3, 3, 3), 3.8)


def test_disorder_is_divided_as_before() -> None:
    for atoms in (close_packed(4), shaken_box(4, repeat=3)):
        assert len(find_tetrahedra(atoms, 4.0).undecided) == 0


def test_one_structure_has_one_answer() -> None:
    atoms = film()
    order = np.random.default_rng(0).permutation(len(atoms))
    answers = [analyze(a, order=False).summary() for a in (atoms, atoms[order], film(shift=1))]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["tetrahedra"] is None
    assert answers[0]["motifs"] is None
    assert "more than one way" in answers[0]["motifs_reason"]


def test_without_tetrahedra_there_are_no_motifs_but_all_else() -> None:
    found = analyze(bulk("Po", "sc", a=3.35) * (5, 5, 5))
    summary = found.summary()
    assert summary["tetrahedra"] == 0
    assert summary["motifs"] is None
    assert "no tetrahedron of atoms" in summary["motifs_reason"]
    assert found.packing is None
    assert found.order is not None
    np.testing.assert_allclose(found.order.bonds.q4, 0.7637626158, atol=1e-9)
    np.testing.assert_array_equal(found.order.voronoi.indices, np.full((125, 4), [0, 6, 0, 0]))


@pytest.mark.parametrize("pbc", [(1, 1, 1), (1, 1, 0), (0, 1, 1)])
def test_equivalent_cells_have_the_same_reduced_cell(pbc: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(2)
    for atoms in (bulk("Cu", "fcc", a=3.6) * (3, 3, 3), shaken_box(1, repeat=2)):
        atoms.set_pbc(pbc)
        expected = np.sort(heights(atoms))
        for _ in range(4):
            change = np.eye(3)
            for _ in range(6):  # a product of such steps is a change of basis
                one, two = rng.choice(np.flatnonzero(pbc), 2, replace=False)
                change[one] += rng.choice([-1, 1]) * change[two]
            other = atoms.copy()
            other.set_cell(change @ np.asarray(atoms.cell))
            np.testing.assert_allclose(np.sort(heights(other)), expected, rtol=1e-9)
            volume = abs(np.linalg.det(reduced_cell(other)))
            assert volume == pytest.approx(abs(np.linalg.det(reduced_cell(atoms))), rel=1e-9)


def test_a_skewed_cell_gives_what_the_compact_one_does() -> None:
    atoms = shaken_box(5, repeat=4)
    skewed = atoms.copy()
    skewed.set_cell(np.array([[1, 0, 0], [2, 1, 0], [-3, 2, 1]]) @ np.asarray(atoms.cell))
    skewed.wrap()
    one, two = (analyze(a, order=False).summary() for a in (atoms, skewed))
    for name in ("longest_network", "cutoff", "alpha"):
        assert two.pop(name) == pytest.approx(one.pop(name), rel=1e-9)
    assert one == two
