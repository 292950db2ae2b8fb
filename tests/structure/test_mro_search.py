"""Breadth-first search for clusters on a lattice."""

from __future__ import annotations

from itertools import combinations

import ase
import numpy as np
import pytest
from scipy.io import loadmat
from scipy.spatial.transform import Rotation

from aet_port.core.errors import InputError
from aet_port.structure.medium_range import growth as mro_growth
from aet_port.structure.medium_range.growth import grow_clusters
from aet_port.structure.medium_range.lattice_fit import START, fit_lattice, lattice_deviation
from aet_port.structure.medium_range.lattices import (
    LATTICES,
    NEIGHBOURS,
    WALKS,
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
            True,
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


def slow_search(
    atoms: ase.Atoms, root: int, lattice: str, cutoff: float, shell: tuple[float, float]
) -> list[tuple[list[int], np.ndarray, np.ndarray]]:
    """The search by its definition, nearest sites sought among all steps of three."""
    unit = shell[0]
    points = atoms.positions / unit
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    linked = (distance >= 1) & (distance <= shell[1] / unit)
    basis = neighbour_vectors(lattice)
    if lattice == "icosahedral":
        near = basis
    else:
        steps = np.array(
            [
                np.bincount(s, minlength=len(basis))
                for n in range(1, 5)
                for s in combinations(np.repeat(np.arange(len(basis)), 2), n)
            ]
        )
        near = np.unique(np.round(lattice_sites(np.unique(steps, axis=0), lattice), 9), axis=0)
    level = [([root], np.zeros((1, 3)), np.array(START))]
    tried: set[frozenset[int]] = set()
    best = level
    while level:
        best, grown = level, []
        for members, sites, fit in level:
            around = set(np.flatnonzero(linked[members].any(axis=0)).tolist()) - set(members)
            for new in sorted(around):
                if frozenset([*members, new]) in tried:
                    continue
                tried.add(frozenset([*members, new]))
                offsets = points[[*members, new]] - points[root]
                if len(members) == 1:
                    site = basis[1]
                else:
                    a, *q = fit
                    turn = Rotation.from_quat([*q[1:], q[0]]).as_matrix()
                    wanted = turn.T @ offsets[-1] / a
                    site = near[np.argmin(((near - wanted) ** 2).sum(axis=1))]
                    if abs(np.linalg.norm(sites - site, axis=1).min() - 1) > 1e-3:
                        continue
                filled = np.vstack([sites, site])
                if len(members) < 7 or lattice == "icosahedral":
                    fit_new = fit_lattice(offsets, filled, fit)
                else:
                    fit_new = fit
                if lattice_deviation(offsets, filled, fit_new)[0].max() <= cutoff / unit:
                    grown.append(([*members, new], filled, fit_new))
        level = grown
    return best


@pytest.mark.parametrize("lattice", LATTICES)
def test_against_the_definition(lattice: str) -> None:
    """Roots of small clusters; sites further than four steps do not occur in them."""
    atoms = centres(1)
    found = search_clusters(atoms, types=[lattice], cutoff=0.6, threads=1)[lattice]
    for root in range(0, len(atoms), 5):
        slow = slow_search(atoms, root, lattice, 0.6, SHELL)
        assert [c.atoms.tolist() for c in found[root]] == [members for members, _, _ in slow]
        for cluster, (_, sites, fit) in zip(found[root], slow, strict=True):
            np.testing.assert_allclose(cluster.sites, sites, rtol=0, atol=1e-8)  # rounded above
            assert cluster.lattice_constant == pytest.approx(fit[0] * SHELL[0], abs=1e-8)


def test_clusters_are_what_they_say() -> None:
    atoms = centres(2)
    found = search_clusters(atoms, threads=1)
    assert list(found) == ["sc", "bcc", "fcc", "hcp"]
    largest = 0
    for lattice, rows in found.items():
        assert len(rows) == len(atoms)
        for root, clusters in enumerate(rows):
            assert len({len(c) for c in clusters}) == 1
            assert len({frozenset(c.atoms.tolist()) for c in clusters}) == len(clusters)
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


def test_the_order_of_atoms_decides_only_which_way_leads_to_a_set() -> None:
    """To a pair there is but one way, so that the order of atoms does not matter."""
    atoms = centres(5, n=14)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(atoms))
    one = search_clusters(atoms, cutoff=0.05, threads=1)
    two = search_clusters(atoms[order], cutoff=0.05, threads=1)
    compared = 0
    for lattice in one:
        for new, old in enumerate(order.tolist()):
            if len(one[lattice][old][0]) <= 2:
                plain = {tuple(c.atoms.tolist()) for c in one[lattice][old]}
                turned = {tuple(order[c.atoms].tolist()) for c in two[lattice][new]}
                assert plain == turned
                compared += len(plain)
    assert compared > 20


def test_quirks_accept_every_second_atom_and_stop_inside_out_lattices() -> None:
    atoms = centres(6)
    plain = search_clusters(atoms, threads=1)
    quirks = search_clusters(atoms, reference_quirks=True, threads=1)
    inside_out = [
        c for rows in quirks.values() for found in rows for c in found if c.lattice_constant < 0
    ]
    assert inside_out
    assert {len(c) for c in inside_out} == {2}
    assert any(
        len(c) > 2 and c.lattice_constant < 0 for rows in plain.values() for f in rows for c in f
    )
    tiny = {
        q: search_clusters(atoms, cutoff=1e-6, reference_quirks=q, threads=1) for q in (True, False)
    }
    # No descent comes so close, but the reference does not look.
    assert max(len(f[0]) for rows in tiny[True].values() for f in rows) == 2
    assert max(len(f[0]) for rows in tiny[False].values() for f in rows) == 1


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
    arguments = (0, number, WALKS[number], points, *table, 0.75 / unit, False, 1000)
    compiled = grow_clusters(*arguments)
    plain = grow_clusters.py_func(*arguments)
    assert len(compiled[1]) > 0
    for one, two in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=ROUNDING)


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
