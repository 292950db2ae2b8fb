"""Delaunay triangulation against Qhull, and where that fails against exact arithmetic."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, Delaunay

from aet_port.core.errors import InputError
from aet_port.structure.voronoi.exact_predicates import in_sphere, orientation
from aet_port.structure.voronoi.point_insertion import whole_coordinates
from aet_port.structure.voronoi.triangulation import Triangulation, triangulate


def determinant(rows: list[list[int]]) -> int:
    """Exact, of Python's integers."""
    if len(rows) == 1:
        return rows[0][0]
    rest = rows[1:]
    return sum(
        (-1) ** k * rows[0][k] * determinant([row[:k] + row[k + 1 :] for row in rest])
        for k in range(len(rows))
    )


def sign(value: int) -> int:
    return (value > 0) - (value < 0)


def exact_signs(points: NDArray[np.float64]) -> tuple[int, int]:
    """Orientation of the first four of five points, and the power of the fifth."""
    whole = [[int(x) for x in row] for row in points.tolist()]
    legs = [[x - y for x, y in zip(row, whole[0], strict=True)] for row in whole[1:4]]
    away = [[x - y for x, y in zip(row, whole[4], strict=True)] for row in whole[:4]]
    lifted = [[*row, sum(x * x for x in row)] for row in away]
    return sign(determinant(legs)), -sign(determinant(lifted))


def as_set(simplices: NDArray[np.int32]) -> set[tuple[int, ...]]:
    return set(map(tuple, np.sort(simplices, axis=1).tolist()))


def check_whole(points: NDArray[np.float64], found: Triangulation) -> None:
    """The tetrahedra fill the hull, right-handed, and know each other."""
    corners = points[found.simplices]
    legs = corners[:, 1:] - corners[:, :1]
    volume = np.linalg.det(legs) / 6
    hull = ConvexHull(points).volume
    assert volume.sum() == pytest.approx(hull, rel=1e-9)
    assert volume.min() > -1e-12 * hull  # flat ones but for rounding
    for k in range(4):
        here = np.flatnonzero(found.neighbours[:, k] >= 0)
        there = found.neighbours[here, k]
        face = np.sort(np.delete(found.simplices, k, axis=1)[here], axis=1)
        assert (face[:, :, None] == found.simplices[there][:, None]).any(axis=2).all()
        assert ((found.neighbours[there] == here[:, None]).sum(axis=1) == 1).all()


def check_exactly(points: NDArray[np.float64], found: Triangulation) -> None:
    """No corner of a neighbour lies in the sphere of a tetrahedron, whatever rounding does."""
    whole = whole_coordinates(points)
    for t, k in zip(*np.nonzero(found.neighbours >= 0), strict=True):
        u = found.neighbours[t, k]
        (other,) = set(found.simplices[u].tolist()) - set(found.simplices[t].tolist())
        handed, inside = exact_signs(whole[[*found.simplices[t], other]])
        assert handed == 1
        assert inside <= 0


def clusters(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.vstack([rng.normal(c, 0.01, (60, 3)) for c in 100 * rng.random((5, 3))])


def shell(rng: np.random.Generator) -> NDArray[np.float64]:
    away = rng.normal(size=(300, 3))
    return away / np.linalg.norm(away, axis=1)[:, None] + rng.normal(0, 1e-3, away.shape)


def twins(rng: np.random.Generator) -> NDArray[np.float64]:
    points = rng.random((200, 3))
    return np.vstack([points, points[:100] + rng.normal(0, 1e-6, (100, 3))])


SHAPES = {
    "cube": lambda rng: rng.random((400, 3)),
    "few": lambda rng: rng.random((6, 3)),
    "clusters": clusters,
    "shell": shell,
    "slab": lambda rng: rng.random((300, 3)) * [1, 1, 1e-3],
    "wire": lambda rng: rng.random((300, 3)) * [1, 1e-3, 1e-3],
    "nearly the same": twins,
    "shaken lattice": lambda rng: (
        np.indices((6, 6, 6)).reshape(3, -1).T + rng.normal(0, 1e-6, (216, 3))
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=6)
@given(seed=st.integers(0, 10**6))
def test_points_in_general_position_as_by_qhull(shape: str, seed: int) -> None:
    points = SHAPES[shape](np.random.default_rng(seed))
    found = triangulate(points)
    assert as_set(found.simplices) == as_set(Delaunay(points).simplices)
    assert not len(found.left_out)
    check_whole(points, found)


@pytest.mark.parametrize("shake", [0.0, 1e-13, 1e-9])
@pytest.mark.parametrize("turned", [False, True])
def test_lattices_and_spheres(shake: float, turned: bool) -> None:
    rng = np.random.default_rng(0)
    away = rng.normal(size=(60, 3))
    lattice = np.indices((5, 4, 4)).reshape(3, -1).T.astype(np.float64)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0] if turned else np.eye(3)
    for points in (
        lattice,
        lattice[lattice.sum(axis=1) % 2 == 0] * 1.8,  # fcc
        away / np.linalg.norm(away, axis=1)[:, None],
    ):
        moved = points @ turn + rng.normal(0, shake, points.shape)
        found = triangulate(moved)
        check_whole(moved, found)
        check_exactly(moved, found)


@pytest.mark.parametrize("far", [1e3, 1e6])
def test_a_far_atom(far: float) -> None:
    """Qhull gives tetrahedra here that are no Delaunay tetrahedra."""
    rng = np.random.default_rng(1)
    points = np.vstack([rng.random((100, 3)), [[far, 0, 0]]])
    check_exactly(points, triangulate(points))


def test_the_order_of_the_points_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    points = rng.random((500, 3))
    order = rng.permutation(len(points))
    one, two = triangulate(points), triangulate(points[order])
    assert as_set(one.simplices) == as_set(order[two.simplices])
    np.testing.assert_array_equal(one.simplices, triangulate(points).simplices)


def test_points_at_one_place_are_left_out() -> None:
    points = np.random.default_rng(3).random((50, 3))
    twice = np.vstack([points, points[[7, 7, 9]]])
    found = triangulate(twice)
    assert len(found.left_out) == 3
    for point in found.left_out:
        assert (twice == twice[point]).all(axis=1).sum() > 1
        assert point not in found.simplices
    assert len(found.simplices) == len(Delaunay(points).simplices)


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((3, 3)),
        np.zeros((9, 3)),
        np.arange(30.0).reshape(10, 3),
        np.random.default_rng(0).random((20, 3)) * [1, 1, 0],
        np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, np.nan], [1, 1, 1]]),
    ],
)
def test_points_without_a_volume_are_named(points: NDArray[np.float64]) -> None:
    with pytest.raises(InputError, match="positions"):
        triangulate(points)


@pytest.mark.parametrize("size", [2**48, 1000, 20, 3])
def test_signs_are_exact(size: int) -> None:
    rng = np.random.default_rng(size)
    ties = 0
    for _ in range(300):
        points = rng.integers(0, size, (5, 3), endpoint=True).astype(np.float64)
        handed, inside = exact_signs(points)
        assert orientation(points, 0, 1, 2, 3) == handed
        if handed > 0:
            assert in_sphere(points, 0, 1, 2, 3, 4) == inside
        ties += handed == 0 or inside == 0
    # All corners of one cube lie on one sphere.
    assert ties > 20 if size == 3 else ties < 20
    cube = (2.0**48) * np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    for five in combinations(range(8), 5):
        handed, inside = exact_signs(cube[list(five)])
        assert inside == 0
        assert orientation(cube, *five[:4]) == handed
        assert in_sphere(cube, *five) == 0
    # One unit off the sphere is off it.
    cube[7, 2] -= 1
    assert in_sphere(cube, 0, 4, 2, 1, 7) == exact_signs(cube[[0, 4, 2, 1, 7]])[1] == 1
