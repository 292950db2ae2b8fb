"""Voronoi analysis: SciPy and OVITO, golden outputs, lattices, symmetries, bad input."""

from __future__ import annotations

import ase
import numba
import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.spatial import ConvexHull
from scipy.spatial import Voronoi as QhullVoronoi

from aet_port.core.errors import InputError
from aet_port.structure.neighbours import periodic_images
from aet_port.structure.voronoi.analysis import Voronoi, voronoi_analysis
from aet_port.structure.voronoi.quirks import _five_edged_area
from matlab_reference import golden_path
from tests.structure.samples import close_packed, icosahedron, moved, shaken_box


def liquid(seed: int, n: int = 500) -> ase.Atoms:
    """A periodic box of points no closer than 2 angstrom to each other."""
    rng = np.random.default_rng(seed)
    length = (n / 0.05) ** (1 / 3)
    points = np.empty((0, 3))
    while len(points) < n:
        new = rng.uniform(0, length, 3)
        away = points - new
        away -= length * np.round(away / length)
        if not len(points) or (away**2).sum(axis=1).min() > 4:
            points = np.vstack([points, new])
    return ase.Atoms(["Ta"] * n, positions=points, cell=[length] * 3, pbc=True)


def by_qhull(atoms: ase.Atoms, margin: float) -> tuple[NDArray, NDArray, NDArray]:
    """Unregulated indices, face numbers and volumes from SciPy; volume NaN if unbounded."""
    n = len(atoms)
    diagram = QhullVoronoi(periodic_images(atoms, margin).positions)
    indices, number, volume = np.zeros((n, 4), int), np.zeros(n, int), np.full(n, np.nan)
    for pair, ridge in zip(diagram.ridge_points, diagram.ridge_vertices, strict=True):
        for i in pair[pair < n]:
            number[i] += 1
            if 3 <= len(ridge) <= 6:
                indices[i, len(ridge) - 3] += 1
    for i in range(n):
        region = diagram.regions[diagram.point_region[i]]
        if -1 not in region:
            volume[i] = ConvexHull(diagram.vertices[region]).volume
    return indices, number, volume


def assert_same(found: Voronoi, expected: tuple[NDArray, NDArray, NDArray]) -> None:
    indices, number, volume = expected
    np.testing.assert_array_equal(found.bounded, np.isfinite(volume))
    inside = found.closed
    np.testing.assert_array_equal(found.indices[inside], indices[inside])
    np.testing.assert_array_equal(found.coordination[inside], number[inside])
    # Qhull's vertices of nearly flat tetrahedra, far away at a surface, are good to 1e-8.
    np.testing.assert_allclose(found.volume, volume, rtol=1e-7)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_periodic_liquid_against_qhull(seed: int) -> None:
    atoms = liquid(seed)
    found = voronoi_analysis(atoms, area_fraction=0)
    assert found.closed.all()
    assert_same(found, by_qhull(atoms, 12.0))
    assert found.volume.sum() == pytest.approx(atoms.get_volume(), rel=1e-9)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_triclinic_box_against_qhull(seed: int) -> None:
    atoms = shaken_box(seed, repeat=3)
    found = voronoi_analysis(atoms, area_fraction=0)
    assert_same(found, by_qhull(atoms, 10.0))
    assert found.volume.sum() == pytest.approx(atoms.get_volume(), rel=1e-9)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_particle_against_qhull(seed: int) -> None:
    atoms = close_packed(seed, radius=11)
    found = voronoi_analysis(atoms, area_fraction=0)
    assert 0.1 < found.closed.mean() < 0.95
    assert_same(found, by_qhull(atoms, 0.0))


def test_a_film_against_qhull() -> None:
    atoms = shaken_box(4, repeat=4)
    atoms.set_pbc([True, True, False])
    found = voronoi_analysis(atoms, area_fraction=0)
    images = by_qhull(atoms, 40.0)
    # Cells at the two surfaces reach farther than any images; compare those that don't.
    inner = found.closed & (found.volume < 40)
    assert inner.sum() > 100
    np.testing.assert_array_equal(found.indices[inner], images[0][inner])
    np.testing.assert_allclose(found.volume[inner], images[2][inner], rtol=1e-9)
    assert not found.closed.all()


def test_a_liquid_against_ovito() -> None:
    modifiers = pytest.importorskip("ovito.modifiers", exc_type=ImportError)
    from ovito.io.ase import ase_to_ovito

    atoms = liquid(3, n=1500)
    data = ase_to_ovito(atoms)
    data.apply(modifiers.VoronoiAnalysisModifier(compute_indices=True, edge_threshold=0.0))
    theirs = np.asarray(data.particles["Voronoi Index"])
    theirs = np.pad(theirs, ((0, 0), (0, max(0, 6 - theirs.shape[1]))))
    found = voronoi_analysis(atoms, area_fraction=0)
    np.testing.assert_array_equal(found.indices, theirs[:, 2:6])
    np.testing.assert_array_equal(found.coordination, np.asarray(data.particles["Coordination"]))
    # OVITO works relative to the box, in double precision.
    np.testing.assert_allclose(found.volume, np.asarray(data.particles["Atomic Volume"]), rtol=1e-9)


@pytest.mark.parametrize(("kind", "quirks"), [("", True), ("_area_cross_dim2", False)])
def test_the_glass_paper_s_loop(kind: str, quirks: bool) -> None:
    case = loadmat(golden_path(f"mg__Main_3.voronoi__cluster75{kind}.mat"))
    model = case["in_model"].T
    atoms = ase.Atoms(["Co"] * len(model), positions=model)
    found = voronoi_analysis(
        atoms,
        area_fraction=case["in_areacutoff"].item(),
        bond_length=case["in_bondlengthcutoff"].item(),
        reference_quirks=quirks,
        vertex_order=case["out_connectivity"].astype(int, order="C") - 1 if quirks else None,
    )
    rows = np.where(found.closed[:, None], found.indices, 0)
    np.testing.assert_array_equal(rows, case["out_voro_ind_atoms"][:, 2:])
    number = np.where(found.closed, found.coordination, 0)
    np.testing.assert_array_equal(number, case["out_nfaces_regulated"].ravel())
    ranked = {index: count for index, count, _ in found.ranking()}
    listed = zip(case["out_indlist"][1:, 2:], case["out_Nindlist"].ravel()[1:], strict=True)
    assert ranked == {tuple(row.astype(int).tolist()): int(count) for row, count in listed}


def test_correct_areas_are_not_the_published_ones() -> None:
    case = loadmat(golden_path("mg__Main_3.voronoi__cluster75.mat"))
    model = case["in_model"].T
    found = voronoi_analysis(ase.Atoms(["Co"] * len(model), positions=model))
    rows = np.where(found.closed[:, None], found.indices, 0)
    assert (rows != case["out_voro_ind_atoms"][:, 2:]).any()


@pytest.mark.parametrize("kind", ["", "_area_cross_dim2"])
def test_the_film_paper_s_loop(kind: str) -> None:
    case = loadmat(golden_path(f"am__Main_2.voronoi__cluster80{kind}.mat"))
    model = np.vstack([case["in_modelamorphous"].T, case["in_modelcrystal"].T])
    atoms = ase.Atoms(["Pd"] * len(model), positions=model)
    order = case["out_connectivity"].astype(int, order="C") - 1 if kind == "" else None
    # The reference's cut-off of bond lengths is commented out for bounded cells.
    found = voronoi_analysis(
        atoms,
        area_fraction=case["in_areacutoff"].item(),
        reference_quirks=kind == "",
        vertex_order=order,
    )
    rows = np.where(found.closed[:, None], found.indices, 0)
    np.testing.assert_array_equal(rows, case["out_index_per_atom"][:, 2:])


@pytest.mark.parametrize("name", ["mg__Main_3.voronoi__cluster75", "am__Main_2.voronoi__cluster80"])
def test_areas_of_five_edged_faces(name: str) -> None:
    case = loadmat(golden_path(f"{name}.mat"))
    number = case["out_rawface_nvert"].ravel().astype(int)
    corners = np.split(case["out_rawface_vertices"], np.cumsum(number)[:-1])
    five = np.flatnonzero(number == 5)
    assert len(five) > 50
    found = [_five_edged_area(corners[k]) for k in five]
    slow = [_five_edged_area.py_func(corners[k]) for k in five]
    # Sums of products of lengths up to 1e3 (cells at the surface), in double precision.
    np.testing.assert_allclose(found, case["out_rawface_area"].ravel()[five], rtol=1e-11)
    np.testing.assert_allclose(found, slow, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "index", "number"), [("fcc", (0, 12, 0, 0), 12), ("bcc", (0, 6, 0, 8), 14)]
)
@pytest.mark.parametrize("fraction", [0.0, 0.01])
@pytest.mark.parametrize("repeat", [1, 2, 5])
def test_perfect_lattices(
    name: str, index: tuple[int, ...], number: int, fraction: float, repeat: int
) -> None:
    primitive = bulk("Ta", name, a=3.7)
    for atoms in (primitive.repeat(repeat), bulk("Ta", name, a=3.7, cubic=True).repeat(repeat)):
        found = voronoi_analysis(atoms, area_fraction=fraction)
        assert (found.indices == index).all()
        assert (found.coordination == number).all()
        # Vertices within 1e-10 of a plane are taken to lie on it.
        np.testing.assert_allclose(found.volume, atoms.get_volume() / len(atoms), rtol=1e-8)


def test_hcp_and_simple_cubic() -> None:
    hcp = bulk("Ru", "hcp", a=2.7, c=2.7 * np.sqrt(8 / 3)).repeat((3, 3, 2))
    assert (voronoi_analysis(hcp).indices == (0, 12, 0, 0)).all()
    cubic = bulk("Po", "sc", a=3.3).repeat(3)
    assert (voronoi_analysis(cubic).indices == (0, 6, 0, 0)).all()


def test_a_turned_lattice_particle() -> None:
    atoms = bulk("Cu", "fcc", a=3.6, cubic=True).repeat(5)
    atoms.set_pbc(False)
    middle = np.linalg.norm(atoms.positions - atoms.positions.mean(axis=0), axis=1) < 4.5
    for seed in range(3):
        other = moved(atoms, seed)
        found = voronoi_analysis(other)
        inner = np.linalg.norm(other.positions - other.positions.mean(axis=0), axis=1) < 4.5
        assert inner.sum() == middle.sum()
        assert (found.indices[inner] == (0, 12, 0, 0)).all()


def test_the_centre_of_an_icosahedron() -> None:
    found = voronoi_analysis(icosahedron())
    assert found.indices[0].tolist() == [0, 0, 12, 0]
    assert found.coordination[0] == 12
    assert not found.closed[1:].any()
    assert (found.indices[1:] == -1).all()
    assert (found.coordination[1:] == -1).all()
    assert np.isnan(found.volume[1:]).all()
    centre = np.arange(13) == 0
    assert found.distorted_icosahedra(centre) == 1
    assert found.distorted_icosahedra() == pytest.approx(1 / 13)
    np.testing.assert_array_equal(found.face_fractions(), [0, 0, 1, 0])
    assert found.ranking() == [((0, 0, 12, 0), 1, 1.0)]
    assert found.mean_coordination() == 12


def test_statistics_of_nothing() -> None:
    found = voronoi_analysis(icosahedron())
    none, shell = np.zeros(13, dtype=bool), np.arange(13) > 0
    assert np.isnan(found.distorted_icosahedra(none))
    assert found.distorted_icosahedra(shell) == 0
    assert found.ranking(shell) == []
    assert np.isnan(found.face_fractions(shell)).all()
    assert np.isnan(found.mean_coordination(shell))


def test_faces_are_seen_from_both_sides() -> None:
    atoms = shaken_box(8, repeat=3)
    faces = voronoi_analysis(atoms, area_fraction=0).faces
    atom = np.repeat(np.arange(len(atoms)), np.diff(faces.start))
    one = sorted(zip(atom, faces.neighbour, np.round(faces.area, 7), faces.edges, strict=True))
    two = sorted(zip(faces.neighbour, atom, np.round(faces.area, 7), faces.edges, strict=True))
    assert one == two
    lengths = np.linalg.norm(faces.vectors, axis=1)
    # Nearest first within a cell.
    assert (np.diff(lengths)[np.diff(atom) == 0] >= 0).all()
    # Each pyramid over a face has a third of area times half of the bond.
    volume = np.bincount(atom, faces.area * lengths / 6)
    np.testing.assert_allclose(volume, voronoi_analysis(atoms).volume, rtol=1e-9)


def by_hand(atoms: ase.Atoms, i: int, fraction: float, bond: float) -> list[int]:
    """The regulated index of one atom of a particle, by two diagrams of Qhull."""

    def ridges(points: NDArray, centre: int) -> list[tuple[int, float, int]]:
        diagram = QhullVoronoi(points)
        result = []
        for pair, ridge in zip(diagram.ridge_points, diagram.ridge_vertices, strict=True):
            if centre in pair:
                corners = diagram.vertices[ridge]
                fan = np.cross(corners[1:-1] - corners[0], corners[2:] - corners[0])
                area = np.linalg.norm(fan.sum(axis=0)) / 2
                result.append((int(pair.sum()) - centre, area, len(ridge)))
        return result

    points = atoms.positions
    first = ridges(points, i)
    total = sum(area for _, area, _ in first)
    keep = [
        j
        for j, area, _ in first
        if area >= fraction * total and np.linalg.norm(points[j] - points[i]) < bond
    ]
    edges = [n for _, _, n in ridges(points[[i, *keep]], 0)]
    return [edges.count(n) for n in (3, 4, 5, 6)]


@pytest.mark.parametrize(("fraction", "bond"), [(0.01, 1e5), (0.05, 1e5), (0.01, 4.1)])
def test_regulation_by_hand(fraction: float, bond: float) -> None:
    atoms = close_packed(2, radius=9)
    found = voronoi_analysis(atoms, area_fraction=fraction, bond_length=bond)
    inner = np.flatnonzero(
        found.closed & (np.linalg.norm(atoms.positions - atoms.positions.mean(axis=0), axis=1) < 6)
    )
    assert len(inner) > 20
    for i in inner:
        assert found.indices[i].tolist() == by_hand(atoms, i, fraction, bond)


def test_a_bond_length_opens_cells_but_keeps_their_volume() -> None:
    atoms = shaken_box(1, repeat=3)
    every, short = voronoi_analysis(atoms), voronoi_analysis(atoms, bond_length=2.5)
    assert every.closed.all()
    assert short.bounded.all()
    assert not short.closed.all()
    np.testing.assert_array_equal(every.volume, short.volume)


@settings(max_examples=8)
@given(st.integers(0, 10**6))
def test_a_particle_turned_shifted_and_reordered(seed: int) -> None:
    atoms = close_packed(seed)
    one, two = voronoi_analysis(atoms), voronoi_analysis(moved(atoms, seed + 1))
    order = np.random.default_rng(seed + 1)
    order.normal(size=(3, 3))
    order = order.permutation(len(atoms))
    np.testing.assert_array_equal(one.indices[order], two.indices)
    np.testing.assert_array_equal(one.coordination[order], two.coordination)
    # Cells at the surface reach far out, where coordinates of up to 50 angstrom have rounded.
    inner = two.closed & (two.volume < 100)
    np.testing.assert_allclose(one.volume[order][inner], two.volume[inner], rtol=1e-9)


@settings(max_examples=8)
@given(st.integers(0, 10**6))
def test_a_box_shifted_across_its_faces(seed: int) -> None:
    atoms = shaken_box(seed, repeat=2)
    other = atoms.copy()
    other.positions += np.random.default_rng(seed).uniform(-30, 30, 3)
    one, two = voronoi_analysis(atoms), voronoi_analysis(other)
    np.testing.assert_array_equal(one.indices, two.indices)
    np.testing.assert_allclose(one.volume, two.volume, rtol=1e-9)
    assert one.volume.sum() == pytest.approx(atoms.get_volume(), rel=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_box_of_few_atoms_is_the_repeated_box(n: int) -> None:
    rng = np.random.default_rng(n)
    cell = np.diag([3.0, 3.4, 3.9]) + rng.uniform(-0.6, 0.6, (3, 3))
    places = rng.uniform(size=(n, 3)) * 0.2 + np.arange(n)[:, None] / n
    atoms = ase.Atoms(["Ta"] * n, scaled_positions=places, cell=cell * n ** (1 / 3), pbc=True)
    one, many = voronoi_analysis(atoms), voronoi_analysis(atoms.repeat(3))
    np.testing.assert_array_equal(np.tile(one.indices, (27, 1)), many.indices)
    np.testing.assert_allclose(np.tile(one.volume, 27), many.volume, rtol=1e-9)
    assert one.volume.sum() == pytest.approx(atoms.get_volume(), rel=1e-9)


def test_a_long_thin_box() -> None:
    rng = np.random.default_rng(6)
    cell = [3.0, 3.0, 90.0]
    atoms = ase.Atoms(["Ta"] * 30, scaled_positions=rng.uniform(size=(30, 3)), cell=cell, pbc=True)
    found = voronoi_analysis(atoms, area_fraction=0)
    assert found.closed.all()
    assert found.volume.sum() == pytest.approx(atoms.get_volume(), rel=1e-9)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one thread only")
def test_one_and_two_threads_agree() -> None:
    atoms = close_packed(3, radius=12)
    before = numba.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            results.append(voronoi_analysis(atoms))
    finally:
        numba.set_num_threads(before)
    for one, two in zip(results[0].faces, results[1].faces, strict=True):
        np.testing.assert_array_equal(one, two)


def test_an_isolated_atom_and_a_far_one_are_open() -> None:
    atoms = close_packed(1)
    atoms.append(ase.Atom("Ta", (300.0, 0, 0)))
    found = voronoi_analysis(atoms)
    assert not found.closed[-1]
    assert found.coordination[-1] == -1
    assert np.isnan(found.volume[-1])
    # Far from an atom in the middle of a shell, farther than the first two reaches.
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(400, 3))
    shell = 40 * directions / np.linalg.norm(directions, axis=1)[:, None] + rng.normal(
        0, 0.3, (400, 3)
    )
    atoms = ase.Atoms(["Ta"] * 401, positions=np.vstack([shell, [[0.1, 0.2, 0.3]]]))
    found = voronoi_analysis(atoms, area_fraction=0)
    assert found.closed[-1]
    assert_same(found, by_qhull(atoms, 0.0))


def test_a_monolayer_in_a_periodic_plane_is_open() -> None:
    atoms = bulk("Ta", "sc", a=3.0).repeat((4, 4, 1))
    atoms.set_pbc([True, True, False])
    found = voronoi_analysis(atoms)
    assert not found.closed.any()
    assert np.isnan(found.volume).all()


@pytest.mark.parametrize(
    ("atoms", "options", "named"),
    [
        (close_packed(0)[:4], {}, "at least 5"),
        (ase.Atoms("Ta6", positions=np.arange(6)[:, None] * [1.0, 2, 3]), {}, "coplanar"),
        (ase.Atoms("Ta5", positions=[[0, 0, 0], [3, 0, 0], [0, 3, 0], [3, 3, 0], [1, 2, 0]]), {},
         "coplanar"),
        (close_packed(0) + close_packed(0)[3:4], {}, "at one place"),
        (ase.Atoms(cell=[3, 3, 3], pbc=True), {}, "0 atoms"),
        (ase.Atoms("Ta5", positions=np.eye(5, 3) * 3, pbc=True), {}, "cell"),
        (close_packed(0), {"area_fraction": 1.0}, "area_fraction"),
        (close_packed(0), {"area_fraction": -0.1}, "area_fraction"),
        (close_packed(0), {"area_fraction": float("nan")}, "area_fraction"),
        (close_packed(0), {"bond_length": 0.0}, "bond_length"),
        (close_packed(0), {"vertex_order": np.zeros((3, 4), int)}, "vertex_order"),
        (close_packed(0), {"reference_quirks": True, "vertex_order": np.zeros((3, 3), int)},
         "vertex_order"),
        (close_packed(0), {"reference_quirks": True, "vertex_order": np.full((1, 4), 10**6)},
         "vertex_order"),
        (shaken_box(0, repeat=2), {"reference_quirks": True}, "reference_quirks"),
    ],
)  # fmt: skip
def test_bad_input_is_named(atoms: ase.Atoms, options: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        voronoi_analysis(atoms, **options)


@pytest.mark.parametrize("mask", [np.ones(12, dtype=bool), np.ones(13)])
def test_a_mask_has_one_boolean_per_atom(mask: NDArray) -> None:
    with pytest.raises(InputError, match="mask"):
        voronoi_analysis(icosahedron()).face_fractions(mask)
