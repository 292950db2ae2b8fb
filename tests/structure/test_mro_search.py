"""Breadth-first search for clusters on a lattice."""

from __future__ import annotations

from itertools import permutations

import ase
import numpy as np
import pytest
from scipy.io import loadmat
from scipy.spatial.transform import Rotation

from aet_port.core.errors import InputError
from aet_port.structure.medium_range import growth as mro_growth
from aet_port.structure.medium_range.all_starts import _twice, grow_from_all
from aet_port.structure.medium_range.correction import find_mro
from aet_port.structure.medium_range.growth import grow_clusters
from aet_port.structure.medium_range.lattice_fit import best_turn, lattice_deviation
from aet_port.structure.medium_range.lattices import (
    LATTICES,
    NEIGHBOURS,
    TURNS,
    WALKS,
    fill_rotation,
    lattice_sites,
    neighbour_vectors,
)
from aet_port.structure.medium_range.search import SHELL, Cluster, search_clusters
from matlab_reference import golden_path

ROUNDING = 1e-12  # fits of up to 1000 steps, in double precision


def centres(seed: int, n: int = 24, side: float = 17.0) -> ase.Atoms:
    """Centres at random, none closer than 4 angstrom to another."""
    rng = np.random.default_rng(seed)
    points = np.empty((0, 3))
    while len(points) < n:
        new = rng.uniform(0, side, 3)
        if len(points) == 0 or np.linalg.norm(points - new, axis=1).min() > 4:
            points = np.vstack([points, new])
    return ase.Atoms(numbers=np.full(n, 78), positions=points)


def same(one: list[Cluster], two: list[Cluster], tolerance: float = ROUNDING) -> bool:
    """Whether both hold the same clusters in the same order."""
    return len(one) == len(two) and all(
        np.array_equal(a.atoms, b.atoms)
        and np.allclose(a.sites, b.sites, rtol=0, atol=tolerance)
        and np.allclose(a.offsets, b.offsets, rtol=0, atol=tolerance)
        and abs(a.lattice_constant - b.lattice_constant) < tolerance
        for a, b in zip(one, two, strict=True)
    )


@pytest.mark.parametrize("rotation", ["", "_small_rotation"])
@pytest.mark.parametrize("lattice", LATTICES)
def test_against_the_reference(lattice: str, rotation: str) -> None:
    number = LATTICES.index(lattice)
    name = f"mg__find_mro_mancut__type{number + 1}_7atoms{rotation}.mat"
    data = loadmat(golden_path(name))
    adjacency = data["in_adjacency"] != 0
    start = np.concatenate([[0], np.cumsum(adjacency.sum(axis=1))])
    neighbour = np.ascontiguousarray(np.nonzero(adjacency)[1])
    offset = np.zeros((len(neighbour), 3))
    compared = 0
    roots = [int(k[7]) for k in data if k.startswith("out_idx") and k.endswith("_1_idxs")]
    assert len(roots) == data["out_n_results"].size
    for root, n_results in zip(sorted(roots), data["out_n_results"].ravel(), strict=True):
        places, members, parameters = grow_clusters(
            root - 1,
            number,
            NEIGHBOURS[number],
            np.ascontiguousarray(data["in_pos"]),
            start,
            neighbour,
            offset,
            data["in_cut"].item(),
            1000,
        )
        assert len(members) == n_results
        for k in range(len(members)):
            key = f"out_idx{root}_{k + 1}"
            if f"{key}_idxs" not in data:
                continue
            np.testing.assert_array_equal(members[k] + 1, data[f"{key}_idxs"].ravel())
            np.testing.assert_allclose(
                parameters[k], data[f"{key}_param"].ravel(), rtol=0, atol=ROUNDING
            )
            sites = lattice_sites(data[f"{key}_grid_pts"], lattice)
            np.testing.assert_allclose(places[k, :, 3:], sites, rtol=0, atol=ROUNDING)
            compared += 1
    assert compared >= len(roots)


def turns_of(lattice: str) -> list[np.ndarray]:
    """Rotations of a lattice onto itself about a site: every threefold image is tried."""
    sites = neighbour_vectors(lattice)[1:]
    basis = sites[[0, 2, 4]]
    if abs(np.linalg.det(basis)) < 0.1:
        basis = sites[[0, 1, 4]]
    found: dict[tuple[float, ...], np.ndarray] = {}
    for image in permutations(sites, 3):
        matrix = np.linalg.solve(basis, np.array(image)).T
        if abs(np.linalg.det(matrix) - 1) < 1e-6 and np.allclose(matrix @ matrix.T, np.eye(3)):
            ends = np.linalg.norm((sites @ matrix.T)[:, None] - sites, axis=2).min(axis=1)
            if ends.max() < 1e-6:
                found[tuple(np.round(matrix, 6).ravel() + 0.0)] = matrix
    return list(found.values())


@pytest.mark.parametrize(
    ("lattice", "number"),
    [("sc", 24), ("bcc", 24), ("fcc", 24), ("hcp", 6), ("icosahedral", 60)],
)
def test_rotations_of_the_lattices(lattice: str, number: int) -> None:
    turns = TURNS[LATTICES.index(lattice)]
    assert len(turns) == len(turns_of(lattice)) == number
    np.testing.assert_array_equal(turns[0], np.eye(3))
    np.testing.assert_allclose(np.linalg.det(turns), 1, atol=ROUNDING)
    sites = NEIGHBOURS[LATTICES.index(lattice)]
    for turn in turns:
        away = np.linalg.norm((sites @ turn.T)[:, None] - sites, axis=2).min(axis=1)
        assert away.max() < ROUNDING
    assert len(np.unique(np.round(turns, 6).reshape(number, 9), axis=0)) == number


def slow_search(
    atoms: ase.Atoms, root: int, lattice: str, cutoff: float, shell: tuple[float, float]
) -> list[tuple[set[int], float, float]]:
    """The search by its definition, from every pair of sites, with fits of SciPy.

    Atoms, lattice constant and rms of all ways to lay out the largest clusters.
    """
    points = atoms.positions
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    linked = (distance >= shell[0]) & (distance <= shell[1])
    basis = neighbour_vectors(lattice)
    near = basis
    for _ in range(0 if lattice == "icosahedral" else 4):  # the sites up to five steps away
        layer = np.round(near[:, 2] / basis[1, 2]).astype(int) if lattice == "hcp" else 0
        side = np.where(np.broadcast_to(layer, len(near)) % 2, -1.0, 1.0)
        steps = np.repeat(basis[None], len(near), axis=0)
        if lattice == "hcp":
            steps[:, 1:7, 1] *= side[:, None]
        near = np.unique(np.round((near[:, None] + steps).reshape(-1, 3), 9), axis=0)
    turns = turns_of(lattice)

    def code(members: list[int], sites: np.ndarray) -> tuple[object, ...]:
        order = np.argsort(members)
        ways = [np.round(sites[order] @ turn.T, 4) + 0.0 for turn in turns]
        return (*sorted(members), *min(tuple(way.ravel().tolist()) for way in ways))

    level: list[tuple[list[int], np.ndarray, float, np.ndarray]]
    level = [([root], np.zeros((1, 3)), 1.0, np.eye(3))]
    best = level
    while level:
        best, grown, tried = level, [], set()
        for members, sites, a, turn in level:
            around = set(np.flatnonzero(linked[members].any(axis=0)).tolist()) - set(members)
            extent = np.linalg.svd(sites, compute_uv=False) if len(sites) > 1 else [0.0, 0.0]
            for new in around:
                offsets = points[[*members, new]] - points[root]
                offered = near
                if extent[1] > 1e-6:
                    wanted = turn.T @ offsets[-1] / a
                    offered = near[[np.argmin(((near - wanted) ** 2).sum(axis=1))]]
                for site in offered:
                    if abs(np.linalg.norm(sites - site, axis=1).min() - 1) > 1e-3:
                        continue
                    filled = np.vstack([sites, site])
                    name = code([*members, new], filled)
                    if name in tried:
                        continue
                    tried.add(name)
                    left, _, right = np.linalg.svd(offsets.T @ filled)
                    sign = np.diag([1, 1, np.linalg.det(left @ right)])
                    turned = left @ sign @ right
                    scale = (offsets * (filled @ turned.T)).sum() / (filled**2).sum()
                    away = np.linalg.norm(offsets - scale * filled @ turned.T, axis=1)
                    if away.max() <= cutoff:
                        grown.append(([*members, new], filled, scale, turned))
        level = grown
    return [
        (
            set(members),
            a,
            np.sqrt(((points[members] - points[root] - a * sites @ turn.T) ** 2).sum(1).mean()),
        )
        for members, sites, a, turn in best
    ]


def by_atoms(cluster: tuple[set[int], float, float]) -> tuple[list[int], float]:
    """Several ways to lay the same atoms on the lattice differ in rms, or in nothing compared."""
    return sorted(cluster[0]), round(cluster[2], 6)


@pytest.mark.parametrize("lattice", LATTICES)
def test_against_the_definition(lattice: str) -> None:
    """Roots of small clusters; sites further than five steps do not occur in them."""
    atoms = centres(1, n=18, side=15)
    found = search_clusters(atoms, types=[lattice], cutoff=0.5, threads=1)[lattice]
    for root in range(0, len(atoms), 5):
        slow = slow_search(atoms, root, lattice, 0.5, SHELL)
        fast = [(set(c.atoms.tolist()), c.lattice_constant, c.rms) for c in found[root]]
        assert len(fast) == len(slow)
        for one, two in zip(sorted(fast, key=by_atoms), sorted(slow, key=by_atoms), strict=True):
            assert one[0] == two[0]
            assert one[1] == pytest.approx(two[1], abs=1e-7)  # sites are rounded above
            assert one[2] == pytest.approx(two[2], abs=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_orientation_and_order_of_the_atoms_change_nothing(seed: int) -> None:
    atoms = centres(seed, n=30, side=18)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(atoms))
    turned = atoms[order]
    turned.positions = Rotation.random(random_state=seed).apply(turned.positions)
    turned.positions += [3, -8, 20]
    one, two = search_clusters(atoms, threads=1), search_clusters(turned, threads=1)
    largest = 0
    for lattice in one:
        for new, old in enumerate(order.tolist()):
            plain, other = one[lattice][old], two[lattice][new]
            assert sorted(sorted(c.atoms.tolist()) for c in plain) == sorted(
                sorted(order[c.atoms].tolist()) for c in other
            )
            # Coordinates are rounded anew, to 1e-15 relative.
            assert sorted(c.rms for c in plain) == pytest.approx(
                sorted(c.rms for c in other), abs=1e-9
            )
            largest = max(largest, len(plain[0]))
    assert largest >= 6


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_of_pairs_that_all_fit_exactly_the_shorter_is_a_network(order: tuple[int, ...]) -> None:
    """Three centres that fit no lattice together; the one in the middle could go with either."""
    points = np.array([[4.5, 0, 0], [0, 0, 0], [-3.5, 4.0, 0]])[list(order)]
    for seed in range(3):
        turned = Rotation.random(random_state=seed).apply(points)
        found = find_mro(turned, cutoff=0.01, threads=1)
        assert [sorted(order[k] for k in n.atoms.tolist()) for n in found.networks] == [[0, 1]]


@pytest.mark.parametrize("lattice", ["sc", "bcc", "fcc", "hcp"])
def test_a_perfect_cluster_turned_at_random_has_the_same_networks(lattice: str) -> None:
    """A site and its nearest ones; many ties, which rounding must not decide."""
    sites = neighbour_vectors(lattice)
    counts, members = [], []
    for seed in range(6):
        turn = Rotation.random(random_state=seed).as_matrix() if seed else np.eye(3)
        found = find_mro(4.6 * sites @ turn.T + 5.0, threads=1)
        counts.append((found.counts(), found.size.tolist(), found.lattice.tolist()))
        members.append([n.atoms.tolist() for n in found.networks])
    assert all(one == counts[0] for one in counts)
    assert all(one == members[0] for one in members)
    assert counts[0][0] == {name: int(name == lattice) for name in ("fcc", "hcp", "bcc", "sc")}
    assert counts[0][1] == [len(sites)]


def test_clusters_are_what_they_say() -> None:
    atoms = centres(2)
    found = search_clusters(atoms, threads=1)
    assert list(found) == ["sc", "bcc", "fcc", "hcp"]
    largest = 0
    for lattice, rows in found.items():
        assert len(rows) == len(atoms)
        for root, clusters in enumerate(rows):
            assert len({len(c) for c in clusters}) == 1
            for cluster in clusters:
                largest = max(largest, len(cluster))
                assert cluster.lattice == lattice
                assert cluster.atoms[0] == root
                assert cluster.shift.max() <= 0.75
                np.testing.assert_allclose(
                    cluster.offsets,
                    atoms.positions[cluster.atoms] - atoms.positions[root],
                    atol=1e-12,
                )
                fit = [cluster.lattice_constant, *cluster.quaternion]
                shift, rms = lattice_deviation(cluster.offsets, cluster.sites, fit)
                np.testing.assert_allclose(cluster.shift, shift, rtol=0, atol=1e-12)
                assert cluster.rms == pytest.approx(rms)
    assert largest >= 5


def test_same_for_any_number_of_threads_and_choice_of_roots() -> None:
    atoms = centres(3)
    one = search_clusters(atoms, threads=1)
    three = search_clusters(atoms, threads=3)
    some = search_clusters(atoms, roots=[7, 2], types=["hcp"], threads=1)
    for lattice in one:
        assert all(map(same, one[lattice], three[lattice]))
    assert list(some) == ["hcp"]
    assert same(some["hcp"][0], one["hcp"][7])
    assert same(some["hcp"][1], one["hcp"][2])


def test_a_shift_changes_nothing() -> None:
    atoms = centres(4)
    moved = atoms.copy()
    moved.positions += [11.0, -7.0, 3.0]
    one, two = search_clusters(atoms, threads=1), search_clusters(moved, threads=1)
    # Shifted positions are rounded anew, to 1e-15 relative, which long descents carry along.
    assert all(same(a, b, 1e-9) for name in one for a, b in zip(one[name], two[name], strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_a_periodic_shift_changes_nothing(seed: int) -> None:
    """A loose packing in a box, moved across its faces; some atoms outside the cell."""
    atoms = centres(seed, n=30)
    atoms.set_cell([18.0, 18.5, 19.0])
    atoms.set_pbc(True)
    pairs = atoms.get_all_distances(mic=True)
    atoms = atoms[(pairs + 99 * np.eye(len(atoms))).min(axis=1) > 3.9]
    moved = atoms.copy()
    moved.positions += np.random.default_rng(seed).uniform(-20, 20, 3)
    wrapped = moved.copy()
    wrapped.wrap()
    found = [search_clusters(a, threads=1) for a in (atoms, moved, wrapped)]
    crossing = 0
    for lattice in found[0]:
        for rows in zip(*(f[lattice] for f in found), strict=True):
            assert same(rows[0], rows[1], 1e-9)
            assert same(rows[0], rows[2], 1e-9)
            for cluster in rows[0]:
                plain = atoms.positions[cluster.atoms] - atoms.positions[cluster.atoms[0]]
                crossing += not np.allclose(plain, cluster.offsets)
    assert crossing > 10


def test_quirks_accept_every_second_atom_and_stop_inside_out_lattices() -> None:
    atoms = centres(6)
    quirks = search_clusters(atoms, reference_quirks=True, threads=1)
    inside_out = [
        c for rows in quirks.values() for found in rows for c in found if c.lattice_constant < 0
    ]
    assert inside_out
    assert {len(c) for c in inside_out} == {2}
    tiny = {
        q: search_clusters(atoms, cutoff=1e-6, reference_quirks=q, threads=1) for q in (True, False)
    }
    # No descent comes so close, but the reference does not look; two atoms always fit exactly.
    assert max(len(f[0]) for rows in tiny[True].values() for f in rows) == 2
    assert max(len(f[0]) for rows in tiny[False].values() for f in rows) == 2
    assert all(f[0].rms < 1e-9 for rows in tiny[False].values() for f in rows)


def test_an_atom_alone_is_a_cluster_of_one() -> None:
    atoms = ase.Atoms("Pt3", positions=[[0, 0, 0], [4.5, 0, 0], [30, 0, 0]])
    found = search_clusters(atoms, types=("fcc",), threads=1)["fcc"]
    assert [len(f[0]) for f in found] == [2, 2, 1]
    assert found[2][0].rms == 0


def test_kernels_without_compilation() -> None:
    atoms = centres(7, n=12, side=12)
    number = LATTICES.index("hcp")
    unit = SHELL[0]
    points = atoms.positions / unit
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    linked = (distance >= 1) & (distance <= SHELL[1] / unit)
    start = np.concatenate([[0], np.cumsum(linked.sum(axis=1))])
    neighbour = np.ascontiguousarray(np.nonzero(linked)[1])
    table = (start, neighbour, np.zeros((len(neighbour), 3)))
    for grow, lattice in (
        (grow_clusters, (NEIGHBOURS[number],)),
        (grow_from_all, (WALKS[number], NEIGHBOURS[number], TURNS[number])),
    ):
        arguments = (0, number, *lattice, points, *table, 0.6 / unit, 1000)
        compiled = grow(*arguments)
        with np.errstate(over="ignore"):  # codes of states are whole numbers modulo 2^64
            plain = grow.py_func(*arguments)
        assert len(compiled[1]) > 0
        for one, two in zip(compiled, plain, strict=True):
            np.testing.assert_allclose(one, two, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("seed", range(5))
def test_the_best_turn_against_a_decomposition(seed: int) -> None:
    """Moments of three to eight atoms, flat ones included; singular values by NumPy."""
    rng = np.random.default_rng(seed)
    p, b = rng.normal(size=(2, 3 + seed, 3))
    if seed < 2:
        b[:, 2] = 0.0
    moment, q, turn = p.T @ b, np.empty(4), np.empty((3, 3))
    left, values, right = np.linalg.svd(moment)
    expected = values @ [1, 1, np.linalg.det(left @ right)]
    bound = float(np.sqrt((p**2).sum() * (b**2).sum()))
    for function in (best_turn, best_turn.py_func):
        assert function(moment, bound, q) == pytest.approx(expected, rel=1e-12)
        fill_rotation(q, turn)
        assert (turn * moment).sum() == pytest.approx(expected, rel=1e-12)


def test_a_row_of_atoms_leaves_a_turn_open() -> None:
    """Four atoms along a line that no axis follows, and a fifth beside it."""
    along = np.array([1.0, 2.0, -0.5]) / np.sqrt(5.25)
    beside = np.cross(along, [0.0, 0.0, 1.0])
    points = 4.5 * along * np.arange(4)[:, None]
    points = np.vstack([points, 4.5 * beside / np.linalg.norm(beside)])
    for root in range(4):
        found = search_clusters(ase.Atoms("Pt5", points), types=("sc",), roots=[root], threads=1)
        (best,) = found["sc"][0]
        assert len(best) == 5
        assert best.rms < 1e-9
        assert best.lattice_constant == pytest.approx(4.5)
    back = search_clusters(ase.Atoms("Pt3", -points[:3]), types=("fcc", "hcp"), threads=1)
    assert {len(rows[0]) for name in back for rows in back[name]} == {3}


def test_the_table_of_states_keeps_all_codes_when_it_grows() -> None:
    keys = np.array([5, 0, 9 << 7, 0], dtype=np.uint64)
    for function in (_twice, _twice.py_func):
        more = function(keys)
        assert len(more) == 8
        assert sorted(more[more > 0].tolist()) == [5, 9 << 7]
        assert more[1] == 9 << 7  # by the bits above the seventh


def test_the_table_of_sets_tells_sets_of_equal_code_apart() -> None:
    """Chains of slots, growth of the table, and a forged collision."""
    members = np.array([[0, 1], [0, 2], [3, 4]], dtype=np.int32)
    inside = np.zeros(9, dtype=bool)
    keys = np.zeros(4, dtype=np.uint64)
    sources = np.full((4, 2), -1, dtype=np.int32)
    code = np.uint64(6)
    for find in (mro_growth._find, mro_growth._find.py_func):
        keys[:], sources[:] = 0, -1
        inside[:] = False
        inside[[0, 1]] = True
        slot = find(code, 2, keys, sources, members, inside)
        assert slot == 2  # the last bits of the code
        keys[slot], sources[slot] = code, (0, 2)
        # The same set from another parent is found, another set with the same code is not.
        inside[:] = False
        inside[[0, 2]] = True
        assert find(code, 1, keys, sources, members, inside) == slot
        assert find(code, 5, keys, sources, members, inside) == 3
        inside[:] = False
        inside[[3, 4]] = True
        keys[3], sources[3] = code, (2, 7)
        assert find(code, 7, keys, sources, members, inside) == 3
        assert find(code, 8, keys, sources, members, inside) == 0  # round the end
    for rehash in (mro_growth._rehash, mro_growth._rehash.py_func):
        new_keys, new_sources = rehash(keys, sources)
        assert len(new_keys) == 8
        assert new_sources[6].tolist() == [0, 2]
        assert new_sources[7].tolist() == [2, 7]
        assert (new_sources[:6] == -1).all()


def test_bad_input() -> None:
    atoms = centres(8, n=6)
    for arguments, name in [
        ({"cutoff": 0.0}, "cutoff"),
        ({"cutoff": np.nan}, "cutoff"),
        ({"types": ()}, "types"),
        ({"types": "fcc"}, "types"),
        ({"types": ("fcc", "fcc")}, "types"),
        ({"types": ("diamond",)}, "lattice"),
        ({"shell": (4.0, 3.0)}, "shell"),
        ({"shell": (0.0, 3.0)}, "shell"),
        ({"roots": [6]}, "roots"),
        ({"roots": [0.5]}, "roots"),
        ({"max_states": 0}, "max_states"),
        ({"threads": 0}, "threads"),
    ]:
        with pytest.raises(InputError, match=name):
            search_clusters(atoms, **arguments)
    with pytest.raises(InputError, match="atoms: found 1 atoms"):
        search_clusters(atoms[:1])
    with pytest.raises(InputError, match="at one place"):
        search_clusters(ase.Atoms("Pt2", positions=np.zeros((2, 3))))
    box = ase.Atoms("Pt2", positions=[[0, 0, 0], [5, 0, 0]], cell=[11, 20, 20], pbc=True)
    with pytest.raises(InputError, match="cell more than twice as high"):
        search_clusters(box)


def test_a_crystal_is_refused_before_memory_runs_out() -> None:
    crystal = ase.Atoms("Pt343", positions=4.0 * np.argwhere(np.ones((7, 7, 7))))
    with pytest.raises(
        InputError, match="more than 500 sc-like clusters of one size around atom 171"
    ):
        search_clusters(crystal, types=("sc",), roots=[171], max_states=500, threads=1)
