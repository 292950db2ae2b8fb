from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat

from aet_port.core.errors import InputError
from aet_port.structure.polytetrahedral import sharing
from aet_port.structure.polytetrahedral.bipyramid_shapes import ideal_bipyramid
from aet_port.structure.polytetrahedral.bipyramids import Motifs
from aet_port.structure.polytetrahedral.networks import edge_sharing_pairs, find_networks
from aet_port.structure.polytetrahedral.sharing import (
    amorphous_motifs,
    amorphous_tetrahedra,
    find_sharing,
    icosahedral_filling,
    skeletons,
)
from aet_port.structure.voronoi.tetrahedra import Tetrahedra
from aet_port.structure.voronoi.tetrahedron_shapes import incentres
from matlab_reference import golden_path
from tests.structure.bipyramid_samples import assembled, bipyramid, chain, regular
from tests.structure.samples import close_packed, icosahedron, moved, shaken_box

DODECAHEDRON = np.degrees(2 * np.arctan((1 + np.sqrt(5)) / 2))  # its dihedral angle, 116.57


def golden_motifs() -> tuple[Motifs, Tetrahedra, np.ndarray, np.ndarray]:
    """The reference's motifs of 4 to 6 in its order, which atoms are amorphous, and its numbers."""
    final = loadmat(golden_path("am__shareAB__delta255.mat"))
    positions = loadmat(golden_path("am__Main_4.networks__fold5_delta255.mat"))["in_model"].T
    theirs = np.sort(final["in_connect"].astype(int) - 1, axis=1)
    zeros = np.zeros(len(theirs))
    tetrahedra = Tetrahedra(theirs, positions[theirs], zeros, zeros)
    fold, caps, rows = [], [], []
    for k in (4, 5, 6):
        for row in final[f"out_path{k}"].astype(int) - 1:
            fold.append(k)
            caps.append(sorted(set.intersection(*(set(theirs[t].tolist()) for t in row))))
            rows.append([*row.tolist(), *[-1] * (8 - k)])
    members = np.array(rows)
    motifs = Motifs(np.array(fold), np.array(caps), members, np.full_like(members, -1))
    amorphous = np.arange(len(positions)) < 110  # as the case says
    return motifs, tetrahedra, amorphous, np.arange(1, len(theirs) + 1)


def groups(case: dict, name: str, first: int, last: int) -> list[list[int]]:
    """Rows of the golden cells, 0-based."""
    return [
        row for k in range(first, last + 1)
        for row in (case[f"out_{name}_{k}"].astype(int) - 1).tolist()
    ]  # fmt: skip


def test_amorphous_motifs_as_the_reference() -> None:
    motifs, tetrahedra, amorphous, numbers = golden_motifs()
    case = loadmat(golden_path("am__Main_4.motif_connections__delta255.mat"))
    assert case["in_n_amorphous"].item() == 110
    fractions = loadmat(golden_path("am__Main_3.fractions__delta255.mat"))
    np.testing.assert_array_equal(
        np.flatnonzero(amorphous_tetrahedra(tetrahedra, amorphous)) + 1,
        fractions["out_ICamor"].ravel(),
    )
    for given_numbers in (None, numbers):
        mask = amorphous_motifs(
            motifs, tetrahedra, amorphous, reference_quirks=True, numbers=given_numbers
        )
        for fold in (4, 5, 6):
            rows = motifs.tetrahedra[mask & (motifs.fold == fold), :fold]
            np.testing.assert_array_equal(rows + 1, case[f"out_path{fold}"])


def test_neighbours_and_filling_as_the_reference() -> None:
    motifs, tetrahedra, amorphous, _ = golden_motifs()
    case = loadmat(golden_path("am__Main_4.motif_connections__delta255.mat"))
    mask = amorphous_motifs(motifs, tetrahedra, amorphous, reference_quirks=True)
    found = find_sharing(motifs, tetrahedra, 5, mask)
    np.testing.assert_array_equal(np.sort(motifs.caps[found.motif] + 1), np.sort(case["out_AB"]))
    for name, pairs, number in (
        ("Cor", found.vertex_pairs, found.vertex_neighbours),
        ("Edg", found.edge_pairs, found.edge_neighbours),
    ):
        rows = groups(case, name, 0, 14)
        assert len(rows) == len(found)
        for motif, *others in rows:
            assert number[motif] == len(others)
            ours = pairs[(pairs == motif).any(axis=1)]
            assert sorted(ours[ours != motif].tolist()) == others
    filling = icosahedral_filling(motifs, mask)
    np.testing.assert_array_equal(
        filling.counts, [len(case[f"out_icosfil_{k}"]) for k in range(1, 13)]
    )
    caps = motifs.caps[found.motif]
    ours = Counter(
        tuple(np.flatnonzero((caps == atom).any(axis=1)).tolist())
        for atom, sites in zip(filling.atom, filling.sites, strict=True)
        if sites > 1
    )
    assert ours == Counter(tuple(row) for row in groups(case, "icosfil", 2, 12))


def test_the_bipyramids_of_an_icosahedron() -> None:
    motifs, tetrahedra = chain(icosahedron(), 3.2)
    found = find_sharing(motifs, tetrahedra)
    assert found.vertex_neighbours.tolist() == [0] * 12
    assert found.edge_neighbours.tolist() == [5] * 12
    assert found.without_vertex_neighbour == 1
    assert found.with_edge_neighbour == 1
    # The skeletons are the faces of a dodecahedron.
    assert len(found.dihedral) == 30
    np.testing.assert_allclose(found.dihedral, DODECAHEDRON)
    filling = icosahedral_filling(motifs)
    assert filling.atom.tolist() == list(range(13))
    assert filling.sites.tolist() == [12] + [1] * 12
    assert filling.counts.tolist() == [12, *[0] * 10, 1]
    assert filling.fractions[11] == pytest.approx(1 / 13)


def test_a_lone_bipyramid_fills_one_site() -> None:
    motifs, tetrahedra = bipyramid(ideal_bipyramid(5, edge=2.9))
    found = find_sharing(motifs, tetrahedra)
    assert found.without_vertex_neighbour == 1
    assert found.with_edge_neighbour == 0
    assert np.isnan(found.mean_dihedral)
    filling = icosahedral_filling(motifs)
    assert filling.sites.tolist() == [1, 1]
    assert filling.counts.tolist() == [1] + [0] * 11
    skeleton = skeletons(motifs, tetrahedra)[0]
    sides = np.linalg.norm(skeleton - np.roll(skeleton, 1, axis=0), axis=1)
    np.testing.assert_allclose(sides, sides[0])
    np.testing.assert_allclose(skeleton.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(skeleton[:, 2], 0, atol=1e-12)


def test_more_than_twelve_sites_are_counted() -> None:
    caps = np.array([[0, k] for k in range(1, 15)])
    nothing = np.zeros((14, 8), dtype=int)
    filling = icosahedral_filling(Motifs(np.full(14, 5), caps, nothing, nothing))
    assert filling.counts.tolist() == [14, *[0] * 12, 1]


def test_bipyramids_that_share_one_tetrahedron() -> None:
    # Two opposite edges of one tetrahedron, four more tetrahedra around each.
    rows = [[0, 1, 2, 3], [0, 1, 3, 4], [0, 1, 4, 5], [0, 1, 5, 6], [0, 1, 2, 6]]
    rows += [[2, 3, 1, 7], [2, 3, 7, 8], [2, 3, 8, 9], [2, 3, 9, 0]]
    positions = np.random.default_rng(0).normal(size=(10, 3))
    found = find_sharing(*assembled(positions, np.array(rows)))
    assert found.vertex_pairs.tolist() == [[0, 1]]
    assert len(found.edge_pairs) == 0
    assert found.without_vertex_neighbour == 0


@pytest.mark.parametrize("fold", [4, 5, 6])
def test_sharing_as_by_definition(fold: int) -> None:
    motifs, tetrahedra = chain(close_packed(8, radius=11), 4.0)
    found = find_sharing(motifs, tetrahedra, fold)
    rows = [set(row) for row in motifs.of_fold(fold).tolist()]
    assert len(rows) > 10
    common = {
        (i, j): len(rows[i] & rows[j]) for i in range(len(rows)) for j in range(i + 1, len(rows))
    }
    for number, pairs in ((1, found.vertex_pairs), (2, found.edge_pairs)):
        assert list(map(tuple, pairs.tolist())) == [p for p, n in common.items() if n == number]
    assert max(common.values()) <= 2
    np.testing.assert_array_equal(found.edge_pairs, edge_sharing_pairs(motifs.of_fold(fold)))


def folded(angle: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two flat pentagons with a common side, at an angle."""
    sides = np.pi / 2 + 2 * np.pi * (np.arange(5) + 0.5) / 5
    one = np.column_stack([np.cos(sides), np.sin(sides), np.zeros(5)])
    one -= one[2]
    edge = one[3] / np.linalg.norm(one[3])
    # Turning the inward half-plane about the common side.
    c, s = np.cos(angle), np.sin(angle)
    cross = np.array([[0, -edge[2], edge[1]], [edge[2], 0, -edge[0]], [-edge[1], edge[0], 0]])
    turn = np.eye(3) * c + s * cross + (1 - c) * np.outer(edge, edge)
    two = np.roll(one @ turn.T, 2, axis=0)
    members = np.array([[0, 1, 2, 3, 4], np.roll([10, 11, 2, 3, 14], 2)])
    return np.array([one, two]), members, np.array([[0, 1]])


@pytest.mark.parametrize("angle", [5.0, 63.0, 116.57, 120.0, 175.0, 180.0])
def test_dihedral_of_flat_pentagons(angle: float) -> None:
    polygons, members, pairs = folded(np.radians(angle))
    # The arc tangent keeps all digits but those of the angle itself.
    np.testing.assert_allclose(sharing._dihedral(polygons, members, pairs), [angle], rtol=1e-9)
    far = polygons + np.array([0, 40.0])[:, None, None]  # another periodic image
    np.testing.assert_allclose(sharing._dihedral(far, members, pairs), [angle], rtol=1e-9)


def test_dihedral_is_of_the_best_planes_through_the_edge() -> None:
    motifs, tetrahedra = chain(close_packed(8, radius=9), 4.0)
    found = find_sharing(motifs, tetrahedra)
    polygons, members = skeletons(motifs, tetrahedra), motifs.of_fold(5)
    turns = np.radians(np.arange(0, 360, 0.02))
    for (i, j), angle in list(zip(found.edge_pairs, found.dihedral, strict=True))[:20]:
        common = np.intersect1d(members[i], members[j])
        best = []
        for m in (i, j):
            p, q = (polygons[m][members[m] == t][0] for t in common)
            edge = (q - p) / np.linalg.norm(q - p)
            if m == i:
                u = np.linalg.svd(edge[None])[2][1]
                v = np.cross(edge, u)
            arms = polygons[m] - p
            # Half-planes at all turns: the closest to the corners, on their side.
            inward = np.cos(turns)[:, None] * u + np.sin(turns)[:, None] * v
            normal = np.cos(turns)[:, None] * v - np.sin(turns)[:, None] * u
            square = ((arms @ normal.T) ** 2).sum(axis=0)
            square[(arms.sum(axis=0) @ inward.T) < 0] = np.inf
            best.append(turns[square.argmin()])
        between = abs((best[0] - best[1] + np.pi) % (2 * np.pi) - np.pi)
        assert angle == pytest.approx(np.degrees(between), abs=0.03)  # the grid's steps


def test_skeletons_join_incentres() -> None:
    motifs, tetrahedra = chain(close_packed(4, radius=9), 4.1)
    centres = incentres(tetrahedra.corners)
    for fold in (3, 4, 5, 6):
        np.testing.assert_allclose(
            skeletons(motifs, tetrahedra, fold), centres[motifs.of_fold(fold)], rtol=1e-13
        )


def summary(motifs: Motifs, tetrahedra: Tetrahedra, fold: int) -> tuple[list, np.ndarray]:
    found = find_sharing(motifs, tetrahedra, fold)
    numbers = [
        np.sort(found.vertex_neighbours).tolist(),
        np.sort(found.edge_neighbours).tolist(),
        icosahedral_filling(motifs).counts.tolist(),
    ]
    return numbers, np.sort(found.dihedral)


@settings(max_examples=8)
@given(st.integers(0, 10**6))
def test_nothing_depends_on_the_frame(seed: int) -> None:
    one, two = (chain(a, 4.0) for a in (close_packed(seed), moved(close_packed(seed), seed + 1)))
    for fold in (4, 5, 6):
        (a, b), (c, d) = summary(*one, fold), summary(*two, fold)
        assert a == c
        np.testing.assert_allclose(b, d, rtol=1e-7)


@pytest.mark.parametrize("shift", [[0, 0, 0], [3.0, -8.0, 11.0], [7.7, 0.2, -3.3]])
def test_a_periodic_shift_changes_nothing(shift: list[float]) -> None:
    atoms = shaken_box(3, jitter=0.45)
    other = atoms.copy()
    other.positions += shift
    (a, b), (c, d) = (summary(*chain(sample, 4.0), 5) for sample in (atoms, other))
    assert a == c
    assert len(b) > 10
    np.testing.assert_allclose(b, d)


def test_an_icosahedron_across_a_face_keeps_its_angles() -> None:
    atoms = icosahedron()
    atoms.set_cell([14.0, 15.0, 16.0])
    atoms.set_pbc(True)
    atoms.positions += [13.9, 2, 9]
    found = find_sharing(*chain(atoms, 3.2))
    np.testing.assert_allclose(found.dihedral, np.full(30, DODECAHEDRON))


def test_a_doubled_box_has_everything_twice() -> None:
    atoms = shaken_box(5, repeat=3, jitter=0.45)
    one, two = (chain(sample, 4.0) for sample in (atoms, atoms.repeat((1, 1, 2))))
    (a, b), (c, d) = summary(*one, 5), summary(*two, 5)
    for single, double in zip(a[:2], c[:2], strict=True):
        assert double == sorted(single * 2)
    assert c[2] == [2 * n for n in a[2]]
    np.testing.assert_allclose(d, np.repeat(b, 2))


def test_at_least_half_of_the_tetrahedra() -> None:
    # Caps 0 and 1 and ring atoms up to ``last`` are amorphous: of 5 tetrahedra last - 2 have four
    # amorphous corners, two more have three, and the rest have two.
    motifs, tetrahedra = bipyramid(regular(5, 1.4, 2.5))
    for last, expected in ((2, False), (3, True), (4, True)):
        amorphous = np.isin(np.arange(7), [0, 1, *range(2, last + 1)])
        number = amorphous_tetrahedra(tetrahedra, amorphous).sum()
        assert number == last  # 2, 3, 4
        assert amorphous_motifs(motifs, tetrahedra, amorphous).tolist() == [expected]
        # The reference asks for any, as long as tetrahedra 1 and 2 are not among them.
        for numbers, literal in (([3, 4, 5, 6, 7], True), ([2, 2, 2, 2, 2], False)):
            found = amorphous_motifs(
                motifs, tetrahedra, amorphous, reference_quirks=True, numbers=np.array(numbers)
            )
            assert found.tolist() == [literal]
    nowhere = np.zeros(7, dtype=bool)
    for quirks in (False, True):
        found = amorphous_motifs(motifs, tetrahedra, nowhere, reference_quirks=quirks)
        assert found.tolist() == [False]


def test_amorphous_motifs_are_a_mask_for_networks() -> None:
    motifs, tetrahedra = chain(close_packed(8, radius=11), 4.0)
    amorphous = np.zeros(tetrahedra.vertices.max() + 1, dtype=bool)
    amorphous[::3] = True
    mask = amorphous_motifs(motifs, tetrahedra, amorphous)
    assert 0 < mask.sum() < len(mask)
    everything = amorphous_motifs(motifs, tetrahedra, np.ones_like(amorphous))
    assert everything.all()
    # But for the first two tetrahedra the reference's rule means any amorphous tetrahedron.
    numbers = 3 + np.arange(len(tetrahedra))
    literal = amorphous_motifs(
        motifs, tetrahedra, amorphous, reference_quirks=True, numbers=numbers
    )
    inside = amorphous_tetrahedra(tetrahedra, amorphous)
    for fold in (4, 5, 6):
        rows = motifs.fold == fold
        np.testing.assert_array_equal(literal[rows], inside[motifs.of_fold(fold)].any(axis=1))
    assert literal[mask].all()
    found = find_networks(motifs, tetrahedra, 5, mask)
    np.testing.assert_array_equal(found.motif, np.flatnonzero(mask & (motifs.fold == 5)))


def test_nothing_to_share() -> None:
    motifs, tetrahedra = chain(icosahedron(), 3.2)
    found = find_sharing(motifs, tetrahedra, 7)
    assert len(found) == 0
    assert found.edge_neighbours.size == found.vertex_neighbours.size == 0
    fractions = [found.without_vertex_neighbour, found.with_edge_neighbour, found.mean_dihedral]
    assert np.isnan(fractions).all()
    empty = icosahedral_filling(motifs, np.zeros(len(motifs), dtype=bool))
    assert empty.counts.tolist() == [0] * 12
    assert np.isnan(empty.fractions).all()


def test_unusable_arguments_are_named() -> None:
    motifs, tetrahedra = chain(icosahedron(), 3.2)
    for fold in (3, 9):
        with pytest.raises(InputError, match=f"fold: found {fold}"):
            find_sharing(motifs, tetrahedra, fold)
    with pytest.raises(InputError, match="fold: found 2"):
        skeletons(motifs, tetrahedra, 2)
    with pytest.raises(InputError, match="mask: found bool of shape"):
        find_sharing(motifs, tetrahedra, 5, np.ones(3, dtype=bool))
    with pytest.raises(InputError, match="mask: found int64"):
        icosahedral_filling(motifs, np.ones(len(motifs), dtype=int))
    with pytest.raises(InputError, match="amorphous: found bool of shape"):
        amorphous_tetrahedra(tetrahedra, np.ones(12, dtype=bool))
    with pytest.raises(InputError, match="amorphous: found int64"):
        amorphous_motifs(motifs, tetrahedra, np.ones(13, dtype=int))
    amorphous = np.ones(13, dtype=bool)
    with pytest.raises(InputError, match="numbers: found shape"):
        amorphous_motifs(motifs, tetrahedra, amorphous, reference_quirks=True, numbers=np.arange(3))
    with pytest.raises(InputError, match=r"numbers: .* None without reference_quirks"):
        amorphous_motifs(motifs, tetrahedra, amorphous, numbers=np.arange(20))
    few = bipyramid(ideal_bipyramid(5))[1]
    with pytest.raises(InputError, match="motifs: found tetrahedron 19 of 5"):
        amorphous_motifs(motifs, few, amorphous)
