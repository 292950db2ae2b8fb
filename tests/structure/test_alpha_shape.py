from __future__ import annotations

import ase
import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull, Delaunay

from aet_port.core.errors import InputError
from aet_port.structure.box_cells import reduced_cell
from aet_port.structure.voronoi.alpha_shapes import alpha_shape
from aet_port.structure.voronoi.tetrahedron_shapes import circumradii, volumes
from tests.structure.samples import close_packed, moved, shaken_box


def hollow(seed: int) -> ase.Atoms:
    """A shaken ball with a hole off its centre."""
    atoms = close_packed(seed, radius=10.0)
    return atoms[np.linalg.norm(atoms.positions - [3, 1, 0], axis=1) > 4.5]


@settings(max_examples=6)
@given(st.integers(0, 10**6), st.sampled_from([2.6, 4.0, 30.0]))
def test_points_inside_are_those_in_a_small_tetrahedron(seed: int, radius: float) -> None:
    atoms = hollow(seed)
    shape = alpha_shape(atoms, radius)
    triangulation = Delaunay(atoms.positions)
    corners = atoms.positions[triangulation.simplices]
    small = circumradii(corners) <= radius
    points = np.random.default_rng(seed).uniform(-13, 13, (4000, 3))
    found = triangulation.find_simplex(points)
    np.testing.assert_array_equal(shape.contains(points), (found >= 0) & small[found])
    # Flat tetrahedra on the outside hold nothing; sums in another order.
    assert shape.volume == pytest.approx(volumes(corners[small]).sum(), rel=1e-6)
    assert shape.contains(atoms.positions).sum() == len(np.unique(shape.tetrahedra))


def test_the_shape_of_a_wide_probe_is_the_convex_hull() -> None:
    atoms = close_packed(3)
    shape = alpha_shape(atoms, 1e9)
    hull = ConvexHull(atoms.positions)
    assert shape.volume == pytest.approx(hull.volume, rel=1e-9)
    np.testing.assert_array_equal(shape.surface_atoms, np.sort(hull.vertices))
    assert not shape.contains(hull.points.mean(axis=0)[None] + [0, 0, 50]).any()


def test_a_hole_has_a_surface() -> None:
    atoms = hollow(1)
    shape = alpha_shape(atoms, 3.5)
    assert not shape.contains(np.array([[3.0, 1.0, 0.0]]))[0]
    assert alpha_shape(atoms, 1e9).contains(np.array([[3.0, 1.0, 0.0]]))[0]
    beside = np.linalg.norm(atoms.positions - [3, 1, 0], axis=1) < 5
    assert beside.any()
    assert set(np.flatnonzero(beside)) <= set(shape.surface_atoms)


def test_a_lattice_has_the_volume_of_its_cells() -> None:
    # All eight corners of a cube lie on one sphere of radius sqrt(3) / 2 * 3 = 2.598.
    grid = np.stack(np.meshgrid(*[np.arange(5) * 3.0] * 3), axis=-1).reshape(-1, 3)
    shape = alpha_shape(ase.Atoms(["Ta"] * len(grid), positions=grid), 2.6)
    assert shape.volume == pytest.approx(12.0**3, rel=1e-9)
    points = np.random.default_rng(0).uniform(-1, 13, (3000, 3))
    inside = ((points > 0) & (points < 12)).all(axis=1)
    np.testing.assert_array_equal(shape.contains(points), inside)
    edge = ((grid == 0) | (grid == 12)).any(axis=1)
    np.testing.assert_array_equal(shape.surface_atoms, np.flatnonzero(edge))


def test_a_far_atom_is_on_the_surface_and_outside() -> None:
    atoms = close_packed(2)
    atoms.append(ase.Atom("Ta", (40.0, 0.0, 0.0)))
    shape = alpha_shape(atoms, 4.0)
    assert len(atoms) - 1 in shape.surface_atoms
    assert not shape.contains(atoms.positions[-1:]).any()


@settings(max_examples=5)
@given(st.integers(0, 10**6))
def test_turned_shifted_and_reordered_atoms_have_the_same_shape(seed: int) -> None:
    atoms = hollow(seed)
    one, two = alpha_shape(atoms, 4.0), alpha_shape(moved(atoms, seed), 4.0)
    assert one.volume == pytest.approx(two.volume, rel=1e-9)
    assert len(one.surface_atoms) == len(two.surface_atoms)


@pytest.mark.parametrize("pbc", [True, (True, True, False)])
def test_a_shifted_box_has_the_same_shape(pbc: bool | tuple[bool, bool, bool]) -> None:
    box = shaken_box(4, repeat=3)
    box.set_pbc(pbc)
    radius = 4.0
    one = alpha_shape(box, radius, margin=3.0)
    if box.pbc.all():
        assert one.volume == pytest.approx(box.get_volume(), rel=1e-9)
        assert not len(one.surface_atoms)
    shift = np.array([5.3, -7.1, 0.0]) @ np.asarray(box.cell) / 10
    other = box.copy()
    other.positions += shift
    two = alpha_shape(other, radius, margin=3.0)
    assert one.volume == pytest.approx(two.volume, rel=1e-9)
    np.testing.assert_array_equal(one.surface_atoms, two.surface_atoms)
    # The shape surrounds the reduced cell.
    cell = reduced_cell(box) if box.pbc.all() else np.asarray(box.cell)
    points = np.random.default_rng(0).uniform(0, 1, (2000, 3)) @ cell
    back = np.linalg.solve(cell.T, (points + shift).T).T
    back[:, :2] %= 1
    if box.pbc[2]:
        back[:, 2] %= 1
    np.testing.assert_array_equal(one.contains(points), two.contains(back @ cell))


def test_bad_input_is_named() -> None:
    atoms = close_packed(0)
    for radius in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InputError, match="radius"):
            alpha_shape(atoms, radius)
    with pytest.raises(InputError, match="less than the circumradius of every"):
        alpha_shape(atoms, 0.5)
    with pytest.raises(InputError, match="margin"):
        alpha_shape(atoms, 4.0, margin=-1.0)
    with pytest.raises(InputError, match="at least 5"):
        alpha_shape(atoms[:4], 4.0)
    with pytest.raises(InputError, match="at one place"):
        alpha_shape(atoms + atoms[:1], 4.0)
    flat = bulk("Ta", "fcc", a=4.0, cubic=True).repeat(3)
    flat.set_pbc(False)
    flat.positions[:, 2] = 0
    flat = flat[np.unique(flat.positions.round(6), axis=0, return_index=True)[1]]
    with pytest.raises(InputError, match="coplanar"):
        alpha_shape(flat, 4.0)
    shape = alpha_shape(atoms, 4.0)
    for points in (np.zeros((3, 2)), np.array([[0.0, np.nan, 0.0]])):
        with pytest.raises(InputError, match="points"):
            shape.contains(points)
