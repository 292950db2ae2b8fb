from __future__ import annotations

import ase
import numba
import numpy as np
import pytest
from ase.build import bulk
from ase.cluster import Icosahedron
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from aet_port.structure.pairs.partial_pdf import ALL, partial_pair_distribution
from aet_port.structure.pairs.shell_surface import shell_shares
from aet_port.structure.pairs.shell_volume import shell_counts, sphere_directions
from aet_port.structure.voronoi.alpha_shapes import alpha_shape
from tests.structure.samples import close_packed, moved, shaken_box


def hollow() -> ase.Atoms:
    """A shaken ball with a hole off its centre."""
    atoms = close_packed(1, radius=10.0)
    return atoms[np.linalg.norm(atoms.positions - [3, 1, 0], axis=1) > 4.5]


def test_spheres_about_the_centre_of_a_cube() -> None:
    side = 4.0
    corners = side * np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    atoms = ase.Atoms("Ta9", positions=np.vstack([corners, [[side / 2] * 3]]))
    shape = alpha_shape(atoms, 4.0)
    groups = np.r_[np.zeros(8, dtype=int), 1]
    step, bins = 0.02, 190
    found = shell_shares(shape, step, bins, groups)
    r = (np.arange(bins) + 0.5) * step
    # Up to the middles of the edges six caps are cut off; at a corner there is an eighth of all.
    caps = np.where(r < side / 2, 1, 1 - 3 * (1 - side / 2 / r))
    near = r < side / np.sqrt(2)
    # Pieces of the faces are passed at three radii each.
    np.testing.assert_allclose(found[near, 1], caps[near], atol=2e-3)
    np.testing.assert_allclose(found[r < side / 2, 1], 1, rtol=1e-12)
    np.testing.assert_allclose(found[r < side, 0], 1, rtol=1e-12)
    assert not found[r > side / 2 * np.sqrt(3), 1].any()


@pytest.mark.parametrize("radius", [2.7, 4.0, 30.0])
def test_as_along_rays(radius: float) -> None:
    shape = alpha_shape(hollow(), radius)
    n = shape.n_atoms
    group = np.arange(n) % 3
    found = shell_shares(shape, 0.1, 100, group)
    rays = sphere_directions(2000)
    expected = shell_counts(shape, shape.points, 0.1, 100, rays, group) / len(rays)
    # Of 76 centres each; that of the rays: with 160,000 of them it is ten times less.
    np.testing.assert_allclose(found, expected, atol=3e-3 * n / 3)
    assert shell_shares(shape, 0.1, 100).ravel() == pytest.approx(found.sum(axis=1), rel=1e-12)


def test_small_clusters() -> None:
    atoms = Icosahedron("Au", 3)
    atoms.rattle(0.1, seed=2)
    shape = alpha_shape(atoms, 4.0)
    rays = sphere_directions(10_000)
    expected = shell_counts(shape, shape.points, 0.2, 50, rays)[:, 0] / len(rays)
    found = shell_shares(shape, 0.2, 50)[:, 0]
    # 600,000 rays and the solid angles differ by 3e-4 of the atoms.
    np.testing.assert_allclose(found, expected, atol=1e-3 * len(atoms))


def test_a_hole_in_a_box() -> None:
    box = shaken_box(4, repeat=3)
    middle = np.asarray(box.cell).sum(axis=0) / 2
    part = box[np.linalg.norm(box.positions - middle, axis=1) > 4]
    shape = alpha_shape(part, 4.0, margin=6.0)
    assert len(shape.facets)
    rays = sphere_directions(2000)
    centres = shape.points[: shape.n_atoms]
    expected = shell_counts(shape, centres, 0.1, 60, rays)[:, 0] / len(rays)
    found = shell_shares(shape, 0.1, 60)[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-3)  # of so many rays
    assert found[-1] < 0.98 * len(part)
    filled = alpha_shape(box, 4.0, margin=6.0)
    np.testing.assert_allclose(shell_shares(filled, 0.1, 60), len(box), rtol=1e-12)


def test_turned_atoms_and_any_number_of_threads_give_the_same() -> None:
    atoms = hollow()
    one = shell_shares(alpha_shape(atoms, 4.0), 0.1, 80)
    two = shell_shares(alpha_shape(moved(atoms, 3), 4.0), 0.1, 80)
    # A piece that lies on a radius but for rounding changes sides.
    np.testing.assert_allclose(one, two, rtol=1e-6)
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        np.testing.assert_array_equal(shell_shares(alpha_shape(atoms, 4.0), 0.1, 80), one)
    finally:
        numba.set_num_threads(before)


@settings(max_examples=4)
@given(st.integers(0, 10**6), st.floats(3.9, 6.0))
@example(0, 5.0)  # where the number of triangles at the end of the images once told
def test_holes_in_a_box_that_begins_elsewhere_give_the_same(seed: int, hole: float) -> None:
    """Turned, shifted within its cell and reordered: the shares but for rounding."""
    box = shaken_box(seed, repeat=4)
    middle = np.asarray(box.cell).sum(axis=0) / 2
    part = box[np.linalg.norm(box.positions - middle, axis=1) > hole]
    one, *others = (
        shell_shares(alpha_shape(atoms, 4.0, margin=7.0), 0.1, 70)
        for atoms in (part, moved(part, seed + 1), moved(part, seed + 2), moved(part, seed + 3))
    )
    for other in others:
        np.testing.assert_allclose(other, one, rtol=1e-11)


@settings(max_examples=4)
@given(st.integers(0, 10**6))
def test_g_of_a_box_with_a_hole_is_that_of_its_atoms_in_any_order(seed: int) -> None:
    box = shaken_box(seed, repeat=4)
    middle = np.asarray(box.cell).sum(axis=0) / 2
    part = box[np.linalg.norm(box.positions - middle, axis=1) > 5.0]
    found = [
        partial_pair_distribution(atoms, r_max=7.0, shape=alpha_shape(atoms, 4.0, margin=7.0))
        for atoms in (part, moved(part, seed + 1))
    ]
    np.testing.assert_array_equal(found[0].counts, found[1].counts)
    np.testing.assert_allclose(found[0].g[ALL], found[1].g[ALL], rtol=1e-9)


def test_a_filled_box_needs_no_triangles() -> None:
    """Only the end of its images is a surface, and no shell reaches it."""
    box = shaken_box(4, repeat=3)
    shape = alpha_shape(box, 4.0, margin=5.0)
    assert len(shape.facets) > 100
    np.testing.assert_allclose(shell_shares(shape, 0.1, 50), len(box), rtol=1e-12)


def test_half_a_height_of_a_whole_number_of_steps() -> None:
    """Rounding of a turned cell must not decide how far g reaches."""
    crystal = bulk("Ta", "fcc", a=4.0, cubic=True).repeat(4)
    ranges = {
        len(partial_pair_distribution(moved(crystal, seed), r_max=9.0).r) for seed in range(8)
    }
    assert ranges == {79}  # less than half of 16 angstrom


def test_an_atom_on_no_tetrahedron_has_no_share() -> None:
    atoms = close_packed(2, radius=6.0)
    atoms.append(ase.Atom("Ta", (20.0, 0.0, 0.0)))
    shape = alpha_shape(atoms, 4.0)
    group = np.r_[np.zeros(len(atoms) - 1, dtype=int), 1]
    found = shell_shares(shape, 0.5, 40, group)
    assert not found[:10, 1].any()
    assert found[35:, 1].any()  # its spheres reach the others
    rays = sphere_directions(2000)
    expected = shell_counts(shape, shape.points[-1:], 0.5, 40, rays)[:, 0] / len(rays)
    np.testing.assert_allclose(found[:, 1], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"step": 0.0}, "step"),
        ({"step": np.nan}, "step"),
        ({"bins": 0}, "bins"),
        ({"groups": np.array([0])}, "groups"),
        ({"groups": np.full(227, -1)}, "groups"),
        ({"groups": np.zeros(227)}, "groups"),
    ],
)
def test_bad_input_is_named(change: dict[str, object], name: str) -> None:
    shape = alpha_shape(hollow(), 4.0)
    with pytest.raises(InputError, match=name):
        shell_shares(**({"shape": shape, "step": 0.1, "bins": 3} | change))  # type: ignore[arg-type]
