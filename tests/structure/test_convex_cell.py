"""One convex cell against Qhull: volume, areas, edges, and what has no end or rests on rounding."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, HalfspaceIntersection

import aet_port.structure.voronoi.convex_cell as kernels
from aet_port.structure.voronoi.convex_cell import (
    BROKEN,
    FULL,
    TIE,
    begin,
    farthest,
    measure,
    new_cell,
)

CUBE = np.array([[2.0, 0, 0], [-2, 0, 0], [0, 2, 0], [0, -2, 0], [0, 0, 2], [0, 0, -2]])


def cut_by(cell: kernels.Cell, points: NDArray, first: int = 0, tie: float = TIE) -> int:
    """Cut by all points; the point behind a face is numbered from ``first``."""
    rows = first + np.arange(len(points))
    given = np.vstack([np.transpose(points), (np.asarray(points) ** 2).sum(axis=1)])
    return int(kernels.cut(cell, given, rows, len(points), tie))


def cell_of(points: NDArray, room: int = 64) -> tuple[kernels.Cell, float]:
    cell = new_cell(room)
    begin(cell)
    assert cut_by(cell, points) == 1
    return cell, measure(cell)


def faces(cell: kernels.Cell) -> dict[int, tuple[int, float]]:
    """Edges and area of each face by the point behind it."""
    rows = [f for f in range(4, cell.size[0]) if cell.edges[f] >= 3]
    return {int(cell.row[f]): (int(cell.edges[f]), float(cell.area[f])) for f in rows}


def qhull_faces(points: NDArray) -> tuple[float, dict[int, tuple[int, float]]]:
    """The same cell by an intersection of half-spaces."""
    planes = np.column_stack([points, -(points**2).sum(axis=1) / 2])
    corners = HalfspaceIntersection(planes, np.zeros(3)).intersections
    corners = corners[np.isfinite(corners).all(axis=1)]
    result = {}
    for j, plane in enumerate(planes):
        on = np.abs(corners @ plane[:3] + plane[3]) < 1e-9
        if on.sum() >= 3:
            # In coordinates of the plane the face is a polygon, and Qhull's "volume" its area.
            basis = np.linalg.svd(plane[None, :3])[2][1:]
            polygon = ConvexHull(corners[on] @ basis.T)
            result[j] = (len(polygon.vertices), polygon.volume)
    return ConvexHull(corners).volume, result


@pytest.mark.parametrize("seed", range(20))
def test_random_planes_against_qhull(seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(40, 3)) * 3
    cell, volume = cell_of(points)
    expected_volume, expected = qhull_faces(points)
    # Double precision on both sides; Qhull merges within 1e-14 of its largest coordinate.
    assert volume == pytest.approx(expected_volume, rel=1e-10)
    found = faces(cell)
    assert {j: f[0] for j, f in found.items()} == {j: f[0] for j, f in expected.items()}
    for j, (_, area) in expected.items():
        assert found[j][1] == pytest.approx(area, rel=1e-8, abs=1e-10)


@pytest.fixture
def in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the kernels as plain Python."""
    for name in ("new_cell", "begin", "cut", "farthest", "measure"):
        monkeypatch.setattr(kernels, name, getattr(kernels, name).py_func)


def test_plain_python_cuts_the_same_cell(in_python: None) -> None:
    points = np.random.default_rng(5).normal(size=(25, 3)) * 3
    compiled, volume = cell_of(points)
    slow = kernels.new_cell(64)
    kernels.begin(slow)
    assert cut_by(slow, points) == 1
    # The compiler may join a product and a sum: one rounding less.
    assert kernels.measure(slow) == pytest.approx(volume, rel=1e-12)
    assert {j: f[0] for j, f in faces(slow).items()} == {
        j: f[0] for j, f in faces(compiled).items()
    }
    assert kernels.farthest(slow) == pytest.approx(farthest(compiled), rel=1e-12)


def test_a_cube_and_planes_that_touch_it() -> None:
    cell, volume = cell_of(CUBE)
    assert volume == pytest.approx(8, rel=1e-14)
    assert faces(cell) == {j: (4, pytest.approx(4.0)) for j in range(6)}
    # Midway to these points lie planes through an edge and through a corner.
    touching = np.vstack([CUBE, [[2.0, 2, 0], [2, 2, 2]]])
    for order in (touching, touching[::-1]):
        cell, volume = cell_of(order)
        assert volume == pytest.approx(8, rel=1e-9)
        assert sorted(f[0] for f in faces(cell).values()) == [4] * 6


def test_the_order_of_cutting_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(30, 3)) * 3
    cell, volume = cell_of(points)
    for _ in range(5):
        order = rng.permutation(len(points))
        other, same = cell_of(points[order])
        assert same == pytest.approx(volume, rel=1e-12)
        assert {order[j]: f[0] for j, f in faces(other).items()} == {
            j: f[0] for j, f in faces(cell).items()
        }


def test_points_one_at_a_time_cut_the_same_cell() -> None:
    points = np.random.default_rng(8).normal(size=(40, 3)) * 3
    cell, volume = cell_of(points)
    other = new_cell(64)
    begin(other)
    codes = [cut_by(other, points[j : j + 1], j) for j in range(len(points))]
    assert set(codes) == {0, 1}
    assert measure(other) == pytest.approx(volume, rel=1e-12)
    assert faces(other) == {j: (f[0], pytest.approx(f[1])) for j, f in faces(cell).items()}


def test_a_cell_without_an_end() -> None:
    cell, volume = cell_of(CUBE[:5])
    assert volume == -1
    assert farthest(cell) > 1e7


def test_a_far_plane_changes_nothing() -> None:
    cell, _ = cell_of(CUBE)
    assert cut_by(cell, np.array([[4.0, 4.0, 4.0]])) == 0
    assert cell.size[0] == 10


def test_no_room_for_another_plane() -> None:
    cell, _ = cell_of(CUBE, room=10)
    assert cut_by(cell, np.array([[1.0, 1.0, 1.0]])) == -FULL


def test_a_plane_that_leaves_nothing_is_refused() -> None:
    cell, _ = cell_of(CUBE)
    # A vertex "on" the plane cannot be far inside; with such a tie every vertex is beyond.
    assert cut_by(cell, np.array([[1.0, 0.0, 0.0]]), tie=-100.0) == -BROKEN
