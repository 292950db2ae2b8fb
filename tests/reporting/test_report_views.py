"""Interactive 3D views: what is drawn, how much of it, and in one piece."""

from __future__ import annotations

import ase
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aet_port.reporting.content import Bipyramids, Structure, structure_of
from aet_port.reporting.networks import MOST_BALLS, network_view
from aet_port.reporting.solid_shapes import SIDES, balls, sticks
from aet_port.reporting.views import MOST_ATOMS, atoms_view
from aet_port.structure import analyze
from tests.structure.samples import close_packed, icosahedron, shaken_box

CUTOFF = 4.0


def _edges(triangles: np.ndarray) -> np.ndarray:
    return np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])


def test_balls_are_closed_and_face_outward() -> None:
    corners, triangles = balls([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]], 0.6)
    half = len(corners) // 2
    centre = np.where(np.arange(len(corners))[:, None] < half, [1.0, 2.0, 3.0], 5.0)
    # Corners are kept in single precision.
    np.testing.assert_allclose(np.linalg.norm(corners - centre, axis=1), 0.6, atol=1e-5)
    edges = _edges(triangles)
    forward = {tuple(edge) for edge in edges.tolist()}
    assert len(forward) == len(edges)
    assert forward == {(b, a) for a, b in forward}
    a, b, c = (corners[triangles[:, k]].astype(np.float64) for k in range(3))
    volume = np.sum(a * np.cross(b, c)) / 6
    # Of both; a hull of 48 points holds 88 % of its ball.
    assert 0.87 < volume / (2 * 4 / 3 * np.pi * 0.6**3) < 1.0


@given(
    st.lists(st.floats(-9, 9), min_size=6, max_size=6).filter(
        lambda v: np.linalg.norm(np.subtract(v[:3], v[3:])) > 0.1
    )
)
def test_corners_of_sticks_are_as_far_from_the_axis_as_they_are_thick(v: list[float]) -> None:
    ends = np.reshape(v, (1, 2, 3))
    corners, triangles = sticks(ends, 0.2)
    axis = ends[0, 1] - ends[0, 0]
    across = np.linalg.norm(np.cross(corners - ends[0, 0], axis), axis=1) / np.linalg.norm(axis)
    np.testing.assert_allclose(across, 0.2, atol=1e-4)  # single precision of 9 over 0.1
    assert set(triangles.ravel().tolist()) == set(range(len(corners)))


def test_all_atoms_are_drawn_once_by_species_and_once_by_order() -> None:
    atoms = ase.Atoms("CoPtCo", positions=np.eye(3))
    boo = np.array([0.1, np.nan, 0.9])
    view = atoms_view(atoms, Structure([], boo=boo))
    assert [trace["name"] for trace in view.traces] == ["Co", "Pt", "atoms"]
    assert view.traces[0]["customdata"].tolist() == [0, 2]
    np.testing.assert_array_equal(view.traces[2]["marker"]["color"], boo.astype(np.float32))
    seen = {name: which for name, (which, _) in view.choices.items()}
    assert seen == {
        "by species": [True, True, False],
        "by bond-orientational order": [False, False, True],
    }
    assert view.note == "3 atoms"
    assert list(atoms_view(atoms, None).choices) == ["by species"]


def test_many_atoms_are_thinned_out_and_counted() -> None:
    rng = np.random.default_rng(1)
    atoms = ase.Atoms("Pd52308", positions=rng.uniform(-40, 40, (52308, 3)))
    view = atoms_view(atoms, None)
    rows = view.traces[0]["customdata"]
    assert len(rows) == MOST_ATOMS == len(set(rows.tolist()))
    assert (np.diff(rows) <= 3).all()  # evenly: of 52,308 every second or third
    assert view.note == "20,000 of 52,308 atoms, sampled evenly"


def test_largest_network_is_whole() -> None:
    atoms = close_packed(4, radius=9.0, jitter=0.5)
    found = analyze(atoms, cutoff=CUTOFF, order=False)
    view = network_view(atoms, structure_of(found).bipyramids or pytest.fail("no bipyramids"))
    assert view is not None
    networks = found.networks[5]
    assert next(iter(view.choices)) == (
        f"network 1: {networks.size[0]} bipyramids, {networks.atoms[0]} atoms"
    )
    own = [t for t, seen in zip(view.traces, view.choices[next(iter(view.choices))][0], strict=True)
           if seen]  # fmt: skip
    counts = [int(t["name"].split()[0]) for t in own if t["name"].split()[0].isdigit()]
    assert sum(counts) == networks.atoms[0]
    bonds = [t for t in own if t["name"].startswith("bonds")]
    sizes = sum(len(t["x"]) for t in bonds) // (2 * SIDES)
    motifs = networks.motif[networks.label == 0]
    members = np.unique(found.motifs.tetrahedra[motifs, :5])
    corners = found.tetrahedra.vertices[members]
    pairs = np.concatenate([corners[:, [a, b]] for a in range(4) for b in range(a + 1, 4)])
    assert sizes == len(np.unique(np.sort(pairs, axis=1), axis=0))


def test_caps_and_rings_of_an_icosahedron() -> None:
    atoms = icosahedron()
    found = analyze(atoms, cutoff=3.5, order=False)
    bipyramids = structure_of(found).bipyramids
    assert bipyramids is not None
    assert len(bipyramids.caps) == 12
    view = network_view(atoms, bipyramids)
    assert view is not None
    # Each of the twelve axes runs from the centre to an outer atom: all cap.
    assert view.traces[0]["name"] == "13 capping atoms"
    assert "atoms in rings only" not in " ".join(t["name"] for t in view.traces)


def test_network_across_a_periodic_cell_is_in_one_piece() -> None:
    atoms = shaken_box(3, repeat=4, jitter=0.5)
    found = structure_of(analyze(atoms, cutoff=CUTOFF, order=False)).bipyramids
    assert found is not None
    view = network_view(atoms, found)
    assert view is not None
    inside = atoms.cell.scaled_positions(atoms.positions)
    members = np.unique(
        np.concatenate([f[found.network == 0].ravel() for f in (found.caps, found.ring)])
    )
    spread = np.ptp(inside[members], axis=0).max()
    assert spread > 0.8  # the sample does cross a face
    for trace in view.traces:
        if trace["name"].startswith("bonds") and trace["type"] == "mesh3d":
            corner = np.stack([trace[axis] for axis in "xyz"], axis=1).reshape(-1, 2 * SIDES, 3)
            length = np.linalg.norm(corner[:, SIDES] - corner[:, 0], axis=1)
            assert length.max() <= CUTOFF + 1e-4  # single precision


def test_huge_networks_are_points_and_lines() -> None:
    rng = np.random.default_rng(2)
    number = MOST_BALLS
    atoms = ase.Atoms(f"Ta{7 * number}", positions=rng.uniform(-50, 50, (7 * number, 3)))
    rows = np.arange(7 * number).reshape(-1, 7)
    one = Bipyramids(rows[:, :2], rows[:, 2:], np.zeros(number, dtype=np.int64))
    view = network_view(atoms, one)
    assert view is not None
    assert {trace["type"] for trace in view.traces} == {"scatter3d"}
    assert len(view.traces[0]["x"]) == 2 * number


def test_no_network_no_view() -> None:
    none = Bipyramids(
        np.zeros((0, 2), dtype=np.int64), np.zeros((0, 5), dtype=np.int64), np.zeros(0, np.int64)
    )
    assert network_view(icosahedron(), none) is None
