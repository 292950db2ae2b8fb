"""Rings against a search of all paths, and against networks that are known."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import ase
import numba
import numpy as np
import pytest
from ase.build import bulk
from ase.spacegroup import crystal

from aet_port.core.errors import InputError
from aet_port.structure import Rings, find_rings
from aet_port.structure.rings import ring_statistics
from aet_port.structure.rings.network import bond_network, without_ends
from aet_port.structure.rings.ring_lists import ring_list
from tests.structure import slow_rings as slow
from tests.structure.samples import close_packed, icosahedron, moved


def thinned(seed: int) -> ase.Atoms:
    """A shaken close packing without three of ten atoms."""
    atoms = close_packed(seed, radius=6.5, jitter=0.4)
    return atoms[np.random.default_rng(seed).random(len(atoms)) < 0.7]


def small_box(seed: int, pbc: tuple[bool, bool, bool] = (True, True, True)) -> ase.Atoms:
    """A triclinic cell smaller than two bonds."""
    rng = np.random.default_rng(seed)
    atoms = bulk("C", "diamond", 3.6, cubic=True)
    atoms.set_cell(np.array(atoms.cell) @ (np.eye(3) + rng.uniform(-0.2, 0.2, (3, 3))), True)
    atoms.positions += rng.normal(0, 0.15, (8, 3))
    atoms.pbc = pbc
    return atoms


def quartz() -> ase.Atoms:
    """Alpha-quartz of L. Levien et al., American Mineralogist 65, 920 (1980)."""
    places = [(0.4697, 0, 2 / 3), (0.4135, 0.2669, 0.7858)]
    cell = [4.916, 4.916, 5.4054, 90, 90, 120]
    return crystal(["Si", "O"], places, spacegroup=154, cellpar=cell)


CASES = {
    "icosahedron": (icosahedron(), 3.3, 7, 0),
    "particle": (thinned(0), 3.3, 7, 0),
    "other particle": (thinned(2), 3.5, 6, 0),
    "fcc": (bulk("Cu", "fcc", 3.6), 3.0, 5, 4),
    "bcc": (bulk("Cu", "bcc", 3.0), 2.9, 6, 4),
    "box": (small_box(0), 2.1, 7, 4),
    "other box": (small_box(1), 2.0, 8, 4),
    "slab": (small_box(1, (True, False, True)), 2.1, 8, 4),
    "rod": (small_box(0, (False, True, False)), 2.3, 7, 5),
}


@pytest.mark.parametrize("case", CASES)
def test_all_rings_are_found_once(case: str) -> None:
    atoms, cutoff, largest, cells = CASES[case]
    graph = slow.bonds(atoms, cutoff, cells)
    found = find_rings(atoms, cutoff, largest)
    for rings, expected in (
        (found.king, slow.king(graph, largest)),
        (found.primitive, slow.primitive(graph, largest)),
    ):
        assert rings.counts.tolist() == slow.by_size(expected, largest)
        assert rings.through.tolist() == slow.through(expected, len(atoms), largest)
        assert sum(rings.counts) > 0


def test_atoms_of_a_ring_are_bonded_one_to_the_next() -> None:
    atoms = thinned(1)
    apart = atoms.get_all_distances()
    for rings in find_rings(atoms, 3.4, 8).both:
        for first, last in pairwise(rings.start.tolist()):
            ring = rings.atoms[first:last]
            assert len(set(ring.tolist())) == last - first
            assert (apart[ring, np.roll(ring, 1)] <= 3.4).all()
        assert (np.diff(np.diff(rings.start)) >= 0).all()  # by size


def test_diamond() -> None:
    # Two six-rings at each of the six angles of an atom: 12 through it, 12 / 6 of its own.
    atoms = bulk("C", "diamond", 3.567)
    for rings in find_rings(atoms, 1.8, 12).both:
        assert rings.through.tolist() == [[0, 0, 0, 12, *[0] * 6]] * 2
        assert rings.per_atom.tolist() == [0, 0, 0, 2, *[0] * 6]
        assert rings.atom_fraction.tolist() == [0, 0, 0, 1, *[0] * 6]
        assert rings.smallest_fraction.tolist() == rings.largest_fraction.tolist()


def test_cristobalite() -> None:
    # Diamond of silicon with an oxygen on each bond: rings of 12, six through each oxygen.
    places = [(0, 0, 0), (1 / 8, 1 / 8, 1 / 8)]
    atoms = crystal(
        ["Si", "O"], places, spacegroup=227, cellpar=[7.16] * 3 + [90] * 3, primitive_cell=True
    )
    for rings in find_rings(atoms, 1.8, 14).both:
        assert rings.counts.tolist() == [0] * 9 + [4, 0, 0]
        assert rings.through[:, 9].tolist() == [12, 12, 6, 6, 6, 6]


def test_icosahedron() -> None:
    # 20 faces and the 30 edges with the centre; a pentagon around each of the 12 outer atoms.
    rings = find_rings(icosahedron(), 3.3, 8).primitive
    assert rings.counts.tolist() == [50, 0, 12, 0, 0, 0]
    assert rings.through[0].tolist() == [30, 0, 0, 0, 0, 0]
    assert (rings.through[1:] == [10, 0, 5, 0, 0, 0]).all()


def test_fcc_and_simple_cubic() -> None:
    # Each of the 24 pairs of neighbours that touch closes a triangle; three squares an octahedron.
    rings = find_rings(bulk("Cu", "fcc", 3.6), 3.0, 6).primitive
    assert rings.through[0].tolist() == [24, 12, 0, 0]
    # Faces of the cubes, and the hexagon around each of their four diagonals.
    rings = find_rings(bulk("Cu", "sc", 3.0), 3.3, 8).primitive
    assert rings.through[0].tolist() == [0, 12, 0, 24, 0, 0]


def at_angles(rings: Rings, atom: int) -> list[str]:
    """Size and number of the smallest rings at each angle of an atom, whose neighbours differ."""
    angles: dict[frozenset[int], Counter[int]] = {}
    for first, last in pairwise(rings.start.tolist()):
        ring = rings.atoms[first:last].tolist()
        for place in np.flatnonzero(np.array(ring) == atom):
            angle = frozenset((ring[place - 1], ring[(place + 1) % len(ring)]))
            angles.setdefault(angle, Counter())[len(ring)] += 1
    return sorted(f"{min(sizes)}({sizes[min(sizes)]})" for sizes in angles.values())


def test_published_vertex_symbols() -> None:
    # Nets qtz and srs of M. O'Keeffe et al., Accounts of Chemical Research 41, 1782 (2008).
    silicon = quartz()[quartz().numbers == 14].repeat(3)
    found = find_rings(silicon, 3.4, 10)
    expected = ["6(1)", "6(1)", "6(2)", "6(2)", "8(7)", "8(7)"]
    assert at_angles(found.primitive, 40) == expected
    with_oxygen = find_rings(quartz(), 2.0, 16)
    assert with_oxygen.primitive.through[:3, [9, 13]].tolist() == [[6, 40]] * 3
    assert found.primitive.through[40, [3, 5]].tolist() == [6, 40]
    srs = crystal("Si", [(1 / 8,) * 3], spacegroup=214, cellpar=[10] * 3 + [90] * 3)
    found = find_rings(srs, 3.7, 12)
    assert found.primitive.through[:, 7].tolist() == [15] * 8  # 10(5).10(5).10(5)


def test_a_cell_and_its_repetition_have_the_same_rings() -> None:
    atoms = small_box(3)
    one, many = find_rings(atoms, 2.2, 7), find_rings(atoms.repeat((2, 1, 3)), 2.2, 7)
    for a, b in zip(one.both, many.both, strict=True):
        assert (6 * a.counts).tolist() == b.counts.tolist()
        assert np.tile(a.through, (6, 1)).tolist() == b.through.tolist()


def test_order_place_and_cell_change_nothing() -> None:
    atoms = small_box(2)
    skewed = atoms.copy()
    skewed.set_cell(np.array([[1, 0, 0], [3, 1, 0], [0, -2, 1]]) @ np.array(atoms.cell))
    for other in (moved(atoms, 1), skewed):
        for a, b in zip(
            find_rings(atoms, 2.1, 7).both, find_rings(other, 2.1, 7).both, strict=True
        ):
            assert a.counts.tolist() == b.counts.tolist()
            assert sorted(a.through.tolist()) == sorted(b.through.tolist())


def test_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring_statistics, "TOGETHER", 7)
    atoms = thinned(3)
    one = find_rings(atoms, 3.4, 7)
    monkeypatch.setattr(numba, "get_num_threads", lambda: 3)
    three = find_rings(atoms, 3.4, 7)
    for a, b in zip(one.both, three.both, strict=True):
        np.testing.assert_array_equal(a.start, b.start)
        np.testing.assert_array_equal(a.atoms, b.atoms)
    monkeypatch.setattr(ring_statistics, "NODES", 2)  # the searches ask for more room
    for a, b in zip(one.both, find_rings(atoms, 3.4, 7).both, strict=True):
        np.testing.assert_array_equal(a.atoms, b.atoms)


def test_a_search_that_takes_too_long_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    atoms = bulk("Cu", "sc", 3.0)
    whole = find_rings(atoms, 3.3, 12)
    monkeypatch.setattr(ring_statistics, "BUDGET", 3000)
    found = find_rings(atoms, 3.3, 12)
    short = found.primitive
    assert whole.primitive.reason is None
    assert short.reason is not None
    assert "takes too many steps around 1 of 1 atoms" in short.reason
    assert 3 < short.largest < 12
    np.testing.assert_array_equal(short.counts, whole.primitive.counts[: short.largest - 2])
    assert found.summary()["primitive"]["reason"] == short.reason
    monkeypatch.setattr(ring_statistics, "BUDGET", 0)
    nothing = find_rings(atoms, 3.3, 12).king
    assert (nothing.largest, len(nothing), nothing.through.shape) == (2, 0, (1, 0))


def test_atoms_without_rings() -> None:
    line = ase.Atoms("H4", [[k, 0, 0] for k in range(4)])
    network = bond_network(line, 1.1)
    assert (len(network), len(without_ends(network))) == (3, 0)
    for rings in find_rings(line, 1.1, 5).both:
        assert (len(rings), rings.counts.tolist()) == (0, [0, 0, 0])
        assert rings.atom_fraction.tolist() == [0, 0, 0]
    # A chain through a periodic cell is no ring: it never comes back.
    line.set_cell([4, 1, 1])
    line.pbc = (True, False, False)
    assert len(bond_network(line, 1.1)) == 4
    assert find_rings(line, 1.1, 8).king.counts.sum() == 0


def test_rings_of_one_hash_number_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = np.array([0, 1, 2, 2, 1, 0, 1, 2, 3])
    sizes = np.array([3, 3, 3])

    def equal(*args: object) -> np.ndarray:
        nodes = args[0]
        assert isinstance(nodes, np.ndarray)
        nodes[3:6] = [0, 1, 2]
        return np.zeros(3, dtype=np.uint64)

    monkeypatch.setattr("aet_port.structure.rings.ring_lists._standard", equal)
    found = ring_list("king", 4, 0, nodes, sizes, 3)
    assert found.atoms.tolist() == [0, 1, 2, 1, 2, 3]


@pytest.mark.parametrize(
    ("cutoff", "largest", "words"),
    [
        (3.0, 2, "from 3 to 24"),
        (3.0, 25, "from 3 to 24"),
        (0.0, 6, "a length above zero"),
        (np.nan, 6, "a length above zero"),
    ],
)
def test_unusable_settings(cutoff: float, largest: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        find_rings(icosahedron(), cutoff, largest)


def test_atoms_at_one_place() -> None:
    with pytest.raises(InputError, match="atoms 0 and 1 at one place"):
        find_rings(ase.Atoms("H2", positions=np.zeros((2, 3))), 1.0)
