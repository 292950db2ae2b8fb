from __future__ import annotations

from itertools import product

import ase
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from aet_port.structure.polytetrahedral.bipyramid_shapes import (
    average_bipyramid,
    bipyramid_geometry,
    bipyramid_positions,
    ideal_bipyramid,
)
from tests.structure.bipyramid_samples import bipyramid, chain, regular
from tests.structure.samples import close_packed, icosahedron, moved, shaken_box

CAP = 2 * np.sqrt(1 - 1 / (4 * np.sin(np.pi / 5) ** 2))  # capping bond of equilateral triangles
SIDE = 1 / np.sin(2 * np.pi / 5)  # edge of an icosahedron over its radius


@pytest.mark.parametrize("fold", [3, 4, 5])
def test_ideal_bipyramids_have_equal_edges(fold: int) -> None:
    points = ideal_bipyramid(fold, edge=2.9)
    caps, ring = points[:2], points[2:]
    np.testing.assert_allclose(np.linalg.norm(ring - np.roll(ring, 1, axis=0), axis=1), 2.9)
    for cap in caps:
        np.testing.assert_allclose(np.linalg.norm(ring - cap, axis=1), 2.9)
    expected = {3: 2 * np.sqrt(2 / 3), 4: np.sqrt(2), 5: CAP}[fold]
    assert np.linalg.norm(caps[1] - caps[0]) == pytest.approx(2.9 * expected)
    assert f"{CAP:.2f}" == "1.05"  # what the paper prints


def test_an_ideal_bipyramid_of_seven_atoms() -> None:
    atoms = ase.Atoms("Ta7", positions=ideal_bipyramid(5, edge=2.9))
    motifs, tetrahedra = chain(atoms, 3.3)
    assert len(motifs) == 1
    found = bipyramid_geometry(motifs, tetrahedra)
    np.testing.assert_allclose(found.alpha, [2.9 * CAP])
    np.testing.assert_allclose(found.beta, np.full((1, 10), 2.9))
    np.testing.assert_allclose(found.gamma, np.full((1, 5), 2.9))
    np.testing.assert_allclose(found.theta, [0], atol=1e-6)
    assert found.alpha_over_gamma == pytest.approx(CAP)
    assert found.beta_over_gamma == pytest.approx(1)
    average = average_bipyramid(motifs, tetrahedra)
    np.testing.assert_allclose(average.positions, ideal_bipyramid(5, edge=2.9), atol=1e-12)
    assert average.cap_spread == pytest.approx(0, abs=1e-12)
    assert average.ring_spread == pytest.approx(0, abs=1e-12)


def test_the_bipyramids_of_an_icosahedron() -> None:
    motifs, tetrahedra = chain(icosahedron(), 3.2)
    found = bipyramid_geometry(motifs, tetrahedra)
    assert len(found) == 12
    np.testing.assert_allclose(found.alpha, 2.8)
    np.testing.assert_allclose(found.gamma, 2.8 * SIDE)
    # The centre is the atom of lowest number, so it is the first cap.
    np.testing.assert_allclose(found.beta[:, :5], 2.8)
    np.testing.assert_allclose(found.beta[:, 5:], 2.8 * SIDE)
    np.testing.assert_allclose(found.theta, 0, atol=1e-5)
    average = average_bipyramid(motifs, tetrahedra)
    assert average.number == 12
    assert average.alpha == pytest.approx(2.8)
    assert average.gamma == pytest.approx(2.8 * SIDE)
    # One cap is the centre, the ring lies at this height above it and not half-way to the other.
    height = 2.8 / np.sqrt(5)
    middle = (2.8 + 5 * height) / 7
    assert average.cap_spread == pytest.approx(1.4 - middle)
    assert average.ring_spread == pytest.approx(middle - height)


@pytest.mark.parametrize("fold", [4, 5, 6, 7, 8])
def test_lengths_and_tilt_of_a_known_shape(fold: int) -> None:
    points = regular(fold, 1.4, 2.5)
    angle = np.radians(17.0)
    points[:2] = points[:2] @ np.array(
        [[1, 0, 0], [0, np.cos(angle), np.sin(angle)], [0, -np.sin(angle), np.cos(angle)]]
    )
    found = bipyramid_geometry(*bipyramid(points), fold)
    np.testing.assert_allclose(found.alpha, [2.8])
    np.testing.assert_allclose(found.gamma, np.full((1, fold), 5 * np.sin(np.pi / fold)))
    expected = [np.linalg.norm(points[2:] - cap, axis=1) for cap in points[:2]]
    np.testing.assert_allclose(np.sort(found.beta), np.sort(np.ravel(expected))[None])
    assert found.mean_theta == pytest.approx(17.0, abs=1e-9)
    untilted = average_bipyramid(*bipyramid(regular(fold, 1.4, 2.5)), fold)
    assert untilted.alpha == pytest.approx(2.8)
    assert untilted.gamma == pytest.approx(5 * np.sin(np.pi / fold))
    assert untilted.beta == pytest.approx(np.hypot(1.4, 2.5))


def test_positions_are_the_atoms_in_order() -> None:
    atoms = close_packed(4, radius=9)
    motifs, tetrahedra = chain(atoms, 4.1)
    for fold in (4, 5, 6):
        found = bipyramid_positions(motifs, tetrahedra, fold)
        chosen = motifs.fold == fold
        rows = np.concatenate([motifs.caps, motifs.ring[:, :fold]], axis=1)[chosen]
        assert len(rows) > 0
        np.testing.assert_array_equal(found, atoms.positions[rows])


def test_theta_as_the_least_squares_plane() -> None:
    motifs, tetrahedra = chain(close_packed(4, radius=9), 4.1)
    found = bipyramid_geometry(motifs, tetrahedra)
    for points, theta in zip(bipyramid_positions(motifs, tetrahedra), found.theta, strict=True):
        ring = points[2:] - points[2:].mean(axis=0)
        # Another way to the plane: the smallest eigenvalue of the covariance.
        normal = np.linalg.eigh(ring.T @ ring)[1][:, 0]
        bond = points[1] - points[0]
        cosine = abs(bond @ normal) / np.linalg.norm(bond)
        # The arc cosine loses half of the digits near zero degrees.
        assert theta == pytest.approx(np.degrees(np.arccos(min(cosine, 1))), abs=1e-4)


def superposed(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    u, _, v = np.linalg.svd(points.T @ reference)
    u[:, 2] *= np.sign(np.linalg.det(u @ v))
    return points @ u @ v


def test_the_average_is_over_all_equal_labellings() -> None:
    motifs, tetrahedra = chain(close_packed(4, radius=9), 4.1)
    average = average_bipyramid(motifs, tetrahedra)
    reference = ideal_bipyramid(5)
    summed, number = np.zeros((7, 3)), 0
    for points in bipyramid_positions(motifs, tetrahedra):
        centred = points - points.mean(axis=0)
        for shift, way, swap in product(range(5), (1, -1), (False, True)):
            ring = 2 + np.roll(np.arange(5), shift)[::way]
            labelled = centred[[int(swap), 1 - int(swap), *ring]]
            # A labelling with the ring the other way round fits the mirror image: leave it out.
            turn = np.cross(labelled[2:], np.roll(labelled[2:], -1, axis=0)).sum(axis=0)
            if turn @ (labelled[1] - labelled[0]) > 0:
                summed += superposed(labelled, reference)
                number += 1
    assert number == 10 * average.number
    # Mirror images of the turned ones give the rest of the symmetry.
    mean = summed / number
    assert average.alpha == pytest.approx(mean[1, 2] - mean[0, 2], rel=1e-9)
    np.testing.assert_allclose(np.linalg.norm(mean[2:, :2], axis=1), average.positions[2, 0])
    assert average.cap_spread > 0


@settings(max_examples=8)
@given(st.integers(0, 10**6))
def test_nothing_depends_on_the_frame(seed: int) -> None:
    one, two = (chain(a, 4.0) for a in (close_packed(seed), moved(close_packed(seed), seed + 1)))
    for fold in (4, 5, 6):
        a, b = (bipyramid_geometry(*sample, fold) for sample in (one, two))
        assert len(a) == len(b)
        for name in ("alpha", "theta"):
            np.testing.assert_allclose(
                np.sort(getattr(a, name)), np.sort(getattr(b, name)), rtol=1e-7, atol=1e-6
            )
        for name in ("beta", "gamma"):
            np.testing.assert_allclose(
                np.sort(getattr(a, name), axis=None), np.sort(getattr(b, name), axis=None)
            )
        if len(a):
            first, second = (average_bipyramid(*sample, fold) for sample in (one, two))
            np.testing.assert_allclose(first.positions, second.positions, atol=1e-9)
            assert first.ring_spread == pytest.approx(second.ring_spread)


@pytest.mark.parametrize("shift", [[0, 0, 0], [3.0, -8.0, 11.0], [7.7, 0.2, -3.3]])
def test_a_periodic_shift_changes_nothing(shift: list[float]) -> None:
    atoms = shaken_box(3, jitter=0.45)
    other = atoms.copy()
    other.positions += shift
    a, b = (bipyramid_geometry(*chain(sample, 4.0)) for sample in (atoms, other))
    assert len(a) > 10
    assert (a.alpha < 4.0).all()
    np.testing.assert_allclose(a.alpha, b.alpha)
    np.testing.assert_allclose(a.theta, b.theta, atol=1e-6)
    np.testing.assert_allclose(a.beta, b.beta)


def test_a_doubled_box_has_every_bipyramid_twice() -> None:
    atoms = shaken_box(5, repeat=3, jitter=0.45)
    one = bipyramid_geometry(*chain(atoms, 4.0))
    two = bipyramid_geometry(*chain(atoms.repeat((1, 2, 1)), 4.0))
    assert len(one) > 3
    np.testing.assert_allclose(np.sort(two.theta), np.sort(np.repeat(one.theta, 2)), atol=1e-6)
    np.testing.assert_allclose(np.sort(two.alpha), np.sort(np.repeat(one.alpha, 2)))


def test_a_mask_leaves_bipyramids_out() -> None:
    motifs, tetrahedra = chain(close_packed(4, radius=9), 4.1)
    mask = np.arange(len(motifs)) % 2 == 0
    whole, part = (bipyramid_geometry(motifs, tetrahedra, 5, m) for m in (None, mask))
    np.testing.assert_array_equal(part.motif, whole.motif[mask[whole.motif]])
    np.testing.assert_array_equal(part.theta, whole.theta[mask[whole.motif]])


def test_no_bipyramid_has_no_mean() -> None:
    found = bipyramid_geometry(*chain(icosahedron(), 3.2), 7)
    assert len(found) == 0
    assert found.beta.shape == (0, 14)
    assert np.isnan([found.mean_theta, found.alpha_over_gamma, found.beta_over_gamma]).all()


def test_unusable_arguments_are_named() -> None:
    motifs, tetrahedra = chain(icosahedron(), 3.2)
    for fold in (3, 9):
        with pytest.raises(InputError, match=f"fold: found {fold}"):
            bipyramid_geometry(motifs, tetrahedra, fold)
    with pytest.raises(InputError, match="mask: found"):
        bipyramid_geometry(motifs, tetrahedra, 5, np.ones(3, dtype=bool))
    with pytest.raises(InputError, match="no bipyramid of 6 tetrahedra"):
        average_bipyramid(motifs, tetrahedra, 6)
    few = bipyramid(ideal_bipyramid(5))[1]
    with pytest.raises(InputError, match="motifs: found tetrahedron 19 of 5"):
        bipyramid_geometry(motifs, few)
    with pytest.raises(InputError, match="atoms that are no corners"):
        bipyramid_geometry(bipyramid(ideal_bipyramid(5))[0], chain(icosahedron()[::-1], 3.2)[1])
    with pytest.raises(InputError, match="fold: found 6"):
        ideal_bipyramid(6)
    with pytest.raises(InputError, match="edge: found -1"):
        ideal_bipyramid(5, edge=-1)
