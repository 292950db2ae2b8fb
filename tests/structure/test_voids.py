"""Voids of perfect crystals by hand, of disordered samples against distances on a grid."""

from __future__ import annotations

from itertools import product

import ase
import numpy as np
import pytest
from ase.build import bulk
from ase.data import covalent_radii
from scipy.spatial import cKDTree

from aet_port.core.errors import InputError
from aet_port.structure import analyze, find_voids
from aet_port.structure.voids.clearance import Surroundings
from aet_port.structure.voids.outside import sample_space
from tests.structure.samples import close_packed, moved, shaken_box

A = 4.0  # angstrom, lattice constant
GRID = 0.2  # angstrom


def cubic(lattice: str) -> ase.Atoms:
    return bulk("Cu", lattice, A, cubic=lattice != "sc")


# Radius of the spheres over the lattice constant, and their number in a cubic cell.
HOLES = {
    "fcc": {1 / 2: 4, np.sqrt(3) / 4: 8},  # octahedral and tetrahedral holes
    "bcc": {np.sqrt(5) / 4: 12},  # tetrahedral ones
    "sc": {np.sqrt(3) / 2: 1},  # middle of the cube
    "diamond": {np.sqrt(3) / 4: 8, np.sqrt(11) / 8: 16},  # tetrahedral and hexagonal ones
}


@pytest.mark.parametrize("lattice", HOLES)
@pytest.mark.parametrize("repeat", [1, 2])
def test_holes_of_crystals(lattice: str, repeat: int) -> None:
    found = find_voids(cubic(lattice).repeat(repeat), probe=A, overlapping=True)
    expected = sorted(
        (A * radius for radius, number in HOLES[lattice].items() for _ in range(number)),
        reverse=True,
    )
    np.testing.assert_allclose(
        np.sort(found.radii)[::-1], np.repeat(expected, repeat**3), atol=1e-9
    )
    np.testing.assert_allclose(found.touching, found.radii[0], atol=1e-6)


def test_holes_measured_to_the_surfaces() -> None:
    # Spheres that end at the atoms are smaller by one radius, and lie apart from each other.
    found = find_voids(cubic("fcc"), A, "surfaces")
    expected = A * np.array([1 / 2] * 4 + [np.sqrt(3) / 4] * 8) - covalent_radii[29]
    np.testing.assert_allclose(found.radii, expected, atol=1e-6)
    salt = bulk("NaCl", "rocksalt", 5.64)
    # The middle of a cube with a side of a/2 is moved to the smaller ions, along its diagonals.
    sodium, chlorine = covalent_radii[11], covalent_radii[17]
    found = find_voids(salt, 4.0, "surfaces")
    side = 5.64 / 2
    free = np.linalg.norm(
        np.array(list(product((0, 1), repeat=3))) * side - side / 2, axis=1
    ).max() - max(sodium, chlorine)
    assert found.radii[0] >= free - 1e-6


def test_the_largest_are_kept() -> None:
    # A tetrahedral hole lies at sqrt(3)/4 a from the next octahedral one, which is wider.
    found = find_voids(cubic("fcc"), A)
    np.testing.assert_allclose(found.radii, A / 2, atol=1e-9)
    assert len(found) == 4


def test_vacancy() -> None:
    atoms = cubic("fcc").repeat(3)
    place = atoms.positions[40].copy()
    del atoms[40]
    found = find_voids(atoms, A)
    assert found.radii[0] == pytest.approx(A / np.sqrt(2), abs=1e-9)
    np.testing.assert_allclose(found.centres[0], place, atol=1e-9)
    assert found.radii[1] == pytest.approx(A / 2, abs=1e-9)
    around = np.flatnonzero(np.isclose(found.touching, A / np.sqrt(2)))
    assert len(around) == 12


def ball(radius: float) -> ase.Atoms:
    atoms = cubic("fcc").repeat(7)
    atoms.pbc = False
    atoms.positions -= atoms.positions[len(atoms) // 2]
    return atoms[np.linalg.norm(atoms.positions, axis=1) < radius]


def test_cavity_and_pocket_of_a_particle() -> None:
    whole = ball(9.5)
    closed = whole[np.linalg.norm(whole.positions, axis=1) > 4.2]
    found = find_voids(closed, probe=3.5)  # a cavity wider than the probe, which can't get there
    nearest = np.linalg.norm(closed.positions, axis=1).min()
    assert found.radii[0] == pytest.approx(nearest, abs=1e-9)
    np.testing.assert_allclose(found.centres[0], 0, atol=1e-9)
    assert nearest > 3.5
    opened = whole[np.linalg.norm(whole.positions[:, :2], axis=1) > 4.2]  # a channel through it
    assert find_voids(opened, probe=3.5).radii[0] < 3.5
    assert find_voids(whole, probe=3.5).radii[0] == pytest.approx(A / 2, abs=1e-9)


def grid(atoms: ase.Atoms, step: float) -> np.ndarray:
    """Places that fill the cell, or the box around a particle, evenly."""
    low = np.zeros(3) if atoms.pbc.all() else atoms.positions.min(axis=0)
    cell = np.array(atoms.cell) if atoms.pbc.all() else np.diag(np.ptp(atoms.positions, axis=0))
    parts = [(np.arange(n) + 0.5) / n for n in np.ceil(np.linalg.norm(cell, axis=1) / step)]
    return np.stack(np.meshgrid(*parts, indexing="ij"), axis=-1).reshape(-1, 3) @ cell + low


def free_distance(atoms: ase.Atoms, places: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Distance of each place from the nearest surface, over all images of the atoms."""
    free = np.full(len(places), np.inf)
    shifts = [range(-1, 2) if periodic else range(1) for periodic in atoms.pbc]
    images = np.concatenate(
        [atoms.positions + np.array(shift) @ np.array(atoms.cell) for shift in product(*shifts)]
    )
    radii = np.tile(sizes, len(images) // len(atoms))
    for size in np.unique(radii):
        free = np.minimum(free, cKDTree(images[radii == size]).query(places)[0] - size)
    return free


@pytest.mark.parametrize("measured_to", ["centres", "surfaces"])
@pytest.mark.parametrize("seed", range(3))
def test_disordered_boxes_against_a_grid(seed: int, measured_to: str) -> None:
    atoms = shaken_box(seed, repeat=3)
    rng = np.random.default_rng(seed)
    atoms.numbers[rng.random(len(atoms)) < 0.4] = 13
    sizes = covalent_radii[atoms.numbers] if measured_to == "surfaces" else np.zeros(len(atoms))
    found = find_voids(atoms, 4.5, measured_to, overlapping=True)
    np.testing.assert_allclose(free_distance(atoms, found.centres, sizes), found.radii, atol=1e-6)
    places = grid(atoms, GRID)
    free = free_distance(atoms, places, sizes)
    # The free distance changes by less than the way: half a diagonal of a voxel.
    reach = GRID * np.sqrt(3) / 2
    assert free.max() <= found.radii[0] <= free.max() + reach
    # From any place with much space around, a sphere is near that is at least as wide.
    wide = free > np.quantile(free, 0.995)
    tree = cKDTree(
        np.concatenate(
            [
                found.centres + np.array(s) @ np.array(atoms.cell)
                for s in product(*[range(-1, 2)] * 3)
            ]
        )
    )
    radii = np.tile(found.radii, 27)
    for place, least in zip(places[wide], free[wide], strict=True):
        assert radii[tree.query_ball_point(place, 1.5)].max() >= least
    share = (free_distance(atoms, places, covalent_radii[atoms.numbers]) > 0).mean()
    # Four standard errors, and the grid's own: fewer places than those of the sequence.
    assert found.free_fraction == pytest.approx(share, abs=4 * found.free_error + 0.004)


def test_particle_against_a_grid() -> None:
    atoms = close_packed(4, radius=8.0, jitter=0.5)
    found = find_voids(atoms, 4.0, overlapping=True)
    np.testing.assert_allclose(
        free_distance(atoms, found.centres, np.zeros(len(atoms))), found.radii, atol=1e-6
    )
    places = grid(atoms, 0.5)
    free = free_distance(atoms, places, np.zeros(len(atoms)))
    deep = np.linalg.norm(places - atoms.positions.mean(axis=0), axis=1) < 4
    assert free[deep].max() <= found.radii[0] + 1e-9
    space = sample_space(atoms, 4.0)
    near = np.asarray(cKDTree(atoms.positions).query(places)[1])
    # Against the tetrahedra one by one.
    inside = np.zeros(len(places), dtype=bool)
    for corners in space.points[space.rows[~space.outside]]:
        part = np.linalg.solve((corners[1:] - corners[0]).T, (places - corners[0]).T)
        inside |= (part >= 0).all(axis=0) & (part.sum(axis=0) <= 1)
    np.testing.assert_array_equal(space.holds(places, near), inside)
    share = (free[inside] > covalent_radii[73]).mean()
    assert found.free_fraction == pytest.approx(share, abs=4 * found.free_error + 0.004)


def test_merging_one_after_the_other() -> None:
    atoms = shaken_box(5, repeat=3)
    every, kept = find_voids(atoms, 4.5, overlapping=True), find_voids(atoms, 4.5)
    cell = np.array(atoms.cell)
    shifts = np.array(list(product(range(-1, 2), repeat=3))) @ cell
    chosen: list[int] = []
    for k, place in enumerate(every.centres):
        vectors = every.centres[chosen][:, None] + shifts - place
        apart = np.linalg.norm(vectors, axis=2).min(axis=1, initial=np.inf)
        if (apart >= every.radii[chosen] - 1e-5).all():
            chosen.append(k)
    np.testing.assert_array_equal(kept.radii, every.radii[chosen])
    assert 0 < len(kept) < len(every)
    np.testing.assert_array_equal(kept.touching, every.touching)


def test_order_place_and_cell_change_nothing() -> None:
    atoms = shaken_box(6, repeat=3)
    atoms.numbers[::3] = 13
    skewed = atoms.copy()
    skewed.set_cell(np.array([[1, 0, 0], [2, 1, 0], [0, -1, 1]]) @ np.array(atoms.cell))
    one = find_voids(atoms, 4.5, "surfaces")
    for other in (moved(atoms, 2), skewed):
        two = find_voids(other, 4.5, "surfaces")
        np.testing.assert_allclose(one.radii, two.radii, atol=1e-6)
        np.testing.assert_allclose(np.sort(one.touching), np.sort(two.touching), atol=1e-6)
        assert two.free_fraction == pytest.approx(one.free_fraction, abs=5 * one.free_error)
    inside = np.linalg.solve(np.array(atoms.cell).T, one.centres.T)
    assert ((inside > -1e-4) & (inside < 1)).all()


def test_slab() -> None:
    atoms = cubic("fcc").repeat((2, 2, 4))
    atoms.pbc = (True, True, False)
    found = find_voids(atoms, A)
    # Octahedral holes between the lowest and the highest layer; none above them.
    assert set(found.radii.round(6)) == {A / 2}
    # Four in each of 2 x 2 x 4 cells, two of them in each plane of atoms; those in the lowest and
    # in the highest plane are open to one side.
    assert ((found.centres[:, 2] > 1) & (found.centres[:, 2] < 3.5 * A - 1)).all()
    assert len(found) == 4 * 16 - 2 * 4 - 2 * 4


def test_a_lone_atom_far_away_changes_nothing() -> None:
    atoms = close_packed(1, radius=7.0)
    one = find_voids(atoms, 4.0)
    two = find_voids(atoms + ase.Atoms("Ta", [[1e4, 0, 0]]), 4.0)
    np.testing.assert_allclose(one.radii, two.radii, atol=1e-6)
    assert one.free_fraction == two.free_fraction
    assert np.isnan(two.touching[-1])


def test_sparse_atoms_have_no_inside() -> None:
    atoms = close_packed(1, radius=7.0)
    atoms.positions *= 5
    found = find_voids(atoms, 4.0)
    assert (len(found), np.isfinite(found.touching).sum()) == (0, 0)
    assert np.isnan(found.free_fraction)
    assert found.summary()["mean_radius"] is None


def test_rod() -> None:
    atoms = cubic("fcc").repeat((4, 4, 1))
    atoms.pbc = (False, False, True)
    found = find_voids(atoms, A)
    np.testing.assert_allclose(found.radii, A / 2, atol=1e-9)
    # Those on the planes of atoms at the surfaces are open to one side: 7 x 7 / 2 without edges.
    assert ((found.centres[:, :2] > 1) & (found.centres[:, :2] < 3.5 * A - 1)).all()
    assert len(found) == 36


def test_a_wide_void_of_a_box_needs_farther_images() -> None:
    atoms = cubic("sc").repeat(5)
    del atoms[np.linalg.norm(atoms.positions - 8, axis=1) < 6]
    found = find_voids(atoms, probe=2.0)
    assert found.radii[0] == pytest.approx(np.linalg.norm(atoms.positions - 8, axis=1).min())


def test_clearance_of_one_place_after_the_other() -> None:
    rng = np.random.default_rng(0)
    points, radii = rng.uniform(0, 10, (60, 3)), rng.uniform(0.2, 2, 60)
    places = rng.uniform(-15, 25, (200, 3))
    radii[::3] = radii[0]
    counted = np.arange(60) != 7
    free, which = Surroundings(points, radii, counted, 1.0).clearance(places)
    every = np.linalg.norm(places[:, None] - points, axis=2) - radii
    every[:, 7] = np.inf
    np.testing.assert_allclose(free, every.min(axis=1), atol=1e-12)
    np.testing.assert_array_equal(which, every.argmin(axis=1))


def test_unknown_species() -> None:
    atoms = shaken_box(0, repeat=3)
    atoms.numbers[7] = 0
    assert np.isnan(find_voids(atoms, 4.5).free_fraction)
    assert find_voids(atoms, 4.5).summary()["free_fraction"] is None
    with pytest.raises(InputError, match=r"surfaces of 1 atoms of unknown species.*--species"):
        find_voids(atoms, 4.5, "surfaces")


@pytest.mark.parametrize(
    ("probe", "measured_to", "words"),
    [
        (0.0, "centres", "a length above zero"),
        (np.inf, "centres", "a length above zero"),
        (4.0, "edges", "'centres' or 'surfaces'"),
    ],
)
def test_unusable_settings(probe: float, measured_to: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        find_voids(cubic("fcc"), probe, measured_to)


def test_a_known_triangulation_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The analysis triangulates once, and its voids are those found alone."""
    from aet_port.structure.voronoi import tetrahedra

    atoms = close_packed(3, radius=7)
    alone = find_voids(atoms, 1.1 * 4.0)

    def forbidden(points: object) -> None:
        raise AssertionError("triangulated again")

    with monkeypatch.context() as patch:
        patch.setattr(tetrahedra, "triangulate", forbidden)
        found = analyze(atoms, cutoff=4.0, voids="centres", order=False).voids
    assert found is not None
    np.testing.assert_array_equal(found.centres, alone.centres)
    np.testing.assert_array_equal(found.radii, alone.radii)
