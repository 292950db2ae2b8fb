from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.io import loadmat

from aet_port.core.errors import InputError
from aet_port.structure.pairs import shell_volume
from aet_port.structure.pairs.shell_volume import (
    icosahedron,
    shell_counts,
    sphere_directions,
    sphere_points,
    subdivide,
)
from aet_port.structure.voronoi.alpha_shapes import AlphaShape, alpha_shape
from matlab_reference import golden_path
from tests.structure.samples import close_packed


@dataclass
class Ball:
    """A ball about the origin: a body that is no alpha shape."""

    radius: float

    @property
    def volume(self) -> float:
        return float(4 / 3 * np.pi * self.radius**3)

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.asarray(np.linalg.norm(points, axis=1) <= self.radius)


@dataclass
class Plain:
    """An alpha shape without its voxels: every point is tested on its own."""

    shape: AlphaShape

    @property
    def volume(self) -> float:
        return self.shape.volume

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        return self.shape.contains(points)


def rows(faces: NDArray[np.generic]) -> list[tuple[int, ...]]:
    return sorted(tuple(sorted(map(int, row))) for row in faces)


def test_golden_icosahedron() -> None:
    golden = loadmat(golden_path("am__icosahedron__basic.mat"))
    corners, faces = icosahedron()
    np.testing.assert_allclose(corners, golden["out_v"], atol=1e-15)
    np.testing.assert_array_equal(faces + 1, golden["out_f"])


def test_golden_sphere_by_depth() -> None:
    golden = loadmat(golden_path("am__spheretribydepth__depth0_3.mat"))
    for depth in range(4):
        points, faces = sphere_points(depth)
        # The order too; the length of a vector may be rounded differently.
        np.testing.assert_allclose(points, golden[f"out_v_depth{depth}"], atol=1e-15)
        assert rows(faces + 1) == rows(golden[f"out_f_depth{depth}"])


def test_golden_sphere_by_number() -> None:
    golden = loadmat(golden_path("am__spheretri__counts_and_points.mat"))
    for least, n in zip(golden["in_nPoints"].ravel(), golden["out_nVert"].ravel(), strict=True):
        assert len(sphere_directions(int(least))) == n
    for least in (500, 2000, 5000):
        np.testing.assert_allclose(sphere_directions(least), golden[f"out_v_{least}"], atol=1e-15)
    for depth, least in ((3, 500), (4, 2000)):
        assert rows(sphere_points(depth)[1] + 1) == rows(golden[f"out_f_{least}"])


def test_golden_subdivision() -> None:
    golden = loadmat(golden_path("am__shrinkfacetri__three_meshes.mat"))
    for case in (1, 2, 3):
        longest = golden[f"in_{case}_maxEdge"].item()
        steps = int(golden[f"in_{case}_nMax"].item()) if case < 3 else None
        points, faces = subdivide(
            golden[f"in_{case}_v"], golden[f"in_{case}_f"].astype(int) - 1, longest, steps
        )
        np.testing.assert_allclose(points, golden[f"out_{case}_v"], atol=1e-15)
        assert rows(faces + 1) == rows(golden[f"out_{case}_f"])


@pytest.mark.parametrize("case", [1, 2])
def test_golden_sides_of_faces(case: int) -> None:
    golden = loadmat(golden_path("am__mapface2edge__icosahedron_and_3faces.mat"))
    faces = golden[f"in_{case}_f"].astype(int) - 1
    found = shell_volume._sides(faces, golden[f"out_{case}_e"].astype(int) - 1)
    np.testing.assert_array_equal(found + 1, golden[f"out_{case}_f2e"])


def test_directions_are_even_unit_vectors() -> None:
    directions = sphere_directions(642)
    np.testing.assert_allclose((directions**2).sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(directions.mean(axis=0), 0, atol=1e-12)
    moments = directions.T @ directions / len(directions)
    np.testing.assert_allclose(moments, np.eye(3) / 3, atol=1e-12)  # of an icosahedral group


@settings(max_examples=6)
@given(st.integers(0, 10**6), st.sampled_from([2.7, 4.0, 30.0]))
def test_leaps_along_rays_miss_nothing(seed: int, radius: float) -> None:
    rng = np.random.default_rng(seed)
    atoms = close_packed(seed, radius=9.0)
    atoms = atoms[np.linalg.norm(atoms.positions - [2, 1, 0], axis=1) > 3.5]
    shape = alpha_shape(atoms, radius)
    # Some centres lie far outside of the voxels.
    centres = np.vstack([atoms.positions[:12], rng.uniform(-25, 25, (12, 3))])
    group = rng.integers(0, 3, len(centres))
    directions = sphere_directions(42)
    found = shell_counts(shape, centres, 0.07, 300, directions, group)
    expected = shell_counts(Plain(shape), centres, 0.07, 300, directions, group)
    np.testing.assert_array_equal(found, expected)
    assert found.sum() > 0
    np.testing.assert_array_equal(
        shell_counts(shape, centres, 0.07, 300, directions).sum(axis=1), expected.sum(axis=1)
    )


def test_rays_along_the_faces_of_voxels() -> None:
    """A ray that keeps to the face of a voxel is at no distance from it."""
    atoms = close_packed(0)
    shape = alpha_shape(atoms, 4.0)
    grid = shape.grid
    centres = grid.origin + grid.size * np.array([[8, 8, 8], [1, 5, 7], [9, 1, 2]])
    centres = np.vstack([centres, atoms.positions[atoms.positions.argmin(axis=0)]])
    axes = np.vstack([np.eye(3), -np.eye(3), [[1e-310, 0, 1]]])
    found = shell_counts(shape, centres, 0.1, 200, axes)
    np.testing.assert_array_equal(found, shell_counts(Plain(shape), centres, 0.1, 200, axes))


def test_any_number_of_threads_counts_the_same() -> None:
    shape = alpha_shape(close_packed(5), 4.0)
    args = (shape, shape.points, 0.1, 100, sphere_directions(162))
    expected = shell_counts(*args)
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        np.testing.assert_array_equal(shell_counts(*args), expected)
    finally:
        numba.set_num_threads(before)


def test_shells_in_a_ball() -> None:
    directions = sphere_directions(2000)
    found = shell_counts(Ball(5.0), np.array([[0.0, 0, 0], [3.0, 0, 0]]), 0.5, 20, directions)
    r = (np.arange(20) + 0.5) * 0.5
    # A sphere of radius r at distance d from the centre: the cap inside, by the cosine rule.
    cap = np.clip(0.5 * (1 + (25 - 9 - r**2) / (2 * 3 * r)), 0, 1)
    share = (r < 5) + cap
    np.testing.assert_allclose(found[:, 0] / len(directions), share, atol=0.01)  # 2562 samples


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"centres": np.zeros((2, 2))}, "centres"),
        ({"centres": np.full((1, 3), np.nan)}, "centres"),
        ({"directions": np.array([[0.0, 0, 2]])}, "directions"),
        ({"directions": np.empty((0, 3))}, "directions"),
        ({"step": 0.0}, "step"),
        ({"step": np.nan}, "step"),
        ({"bins": 0}, "bins"),
        ({"groups": np.array([0])}, "groups"),
        ({"groups": np.array([0, -1])}, "groups"),
        ({"groups": np.array([0.0, 1.0])}, "groups"),
    ],
)
def test_bad_input_is_named(change: dict[str, object], name: str) -> None:
    arguments = {
        "body": Ball(1.0),
        "centres": np.zeros((2, 3)),
        "step": 0.1,
        "bins": 3,
        "directions": np.eye(3),
        "groups": None,
    }
    with pytest.raises(InputError, match=name):
        shell_counts(**(arguments | change))  # type: ignore[arg-type]


def test_bad_meshes_are_named() -> None:
    corners, faces = icosahedron()
    with pytest.raises(InputError, match="vertices"):
        subdivide(corners[:, :2], faces, 0.1)
    with pytest.raises(InputError, match="faces"):
        subdivide(corners, faces + 1, 0.1)
    with pytest.raises(InputError, match="faces"):
        subdivide(corners, faces[:, :2], 0.1)
    with pytest.raises(InputError, match="longest"):
        subdivide(corners, faces)
    for depth in (-1, 9):
        with pytest.raises(InputError, match="depth"):
            sphere_points(depth)
    for least in (0, 10**7):
        with pytest.raises(InputError, match="directions"):
            sphere_directions(least)
