"""Lattices of the search for medium-range order, and the fits of clusters to them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import loadmat
from scipy.spatial.transform import Rotation

from aet_port.core.errors import InputError
from aet_port.structure.medium_range import growth as mro_growth
from aet_port.structure.medium_range import lattice_fit as mro_fit
from aet_port.structure.medium_range import lattices as mro_lattice
from aet_port.structure.medium_range.lattice_fit import (
    START,
    fit_lattice,
    lattice_deviation,
    rigid_fit,
)
from aet_port.structure.medium_range.lattices import (
    LATTICES,
    NEIGHBOURS,
    WALKS,
    lattice_sites,
    neighbour_vectors,
    rotation_matrix,
    site_bonds,
)
from matlab_reference.locate import golden_path

COORDINATION = {"sc": 6, "bcc": 8, "fcc": 12, "hcp": 12, "icosahedral": 12}
ROUNDING = 1e-13  # sums of tens of numbers of order one, in double precision


def golden(name: str) -> dict[str, np.ndarray]:
    return loadmat(golden_path(f"mg__{name}.mat"))


@pytest.mark.parametrize("lattice", LATTICES)
def test_neighbours_against_the_reference(lattice: str) -> None:
    expected = golden("nn_basis__types")[f"out_type{LATTICES.index(lattice) + 1}"]
    np.testing.assert_allclose(neighbour_vectors(lattice), expected, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("lattice", LATTICES)
def test_neighbours_are_one_bond_away(lattice: str) -> None:
    vectors = neighbour_vectors(lattice)
    assert len(vectors) == 1 + COORDINATION[lattice]
    np.testing.assert_allclose(np.linalg.norm(vectors[1:], axis=1), 1, rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(vectors.sum(axis=0)[:2], 0, atol=ROUNDING)
    vectors[:] = 7  # a copy: the lattice itself stays
    assert NEIGHBOURS[LATTICES.index(lattice)].max() <= 1


def test_rotations_against_the_reference() -> None:
    data = golden("quat_to_rotm__random")
    for k, quaternion in enumerate(data["in_q"]):
        found = rotation_matrix(quaternion)
        np.testing.assert_allclose(found, data["out_R"][:, :, k], rtol=0, atol=ROUNDING)
        scipy = Rotation.from_quat(quaternion[[1, 2, 3, 0]]).as_matrix()
        np.testing.assert_allclose(found, scipy, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("lattice", LATTICES)
def test_sites_against_the_reference(lattice: str) -> None:
    number = LATTICES.index(lattice) + 1
    data = golden("calc_r_grid__types1_5")
    a, *q = data["in_vars"].ravel()
    steps = data[f"in_grid_type{number}"]
    found = lattice_sites(steps, lattice, a, q)
    np.testing.assert_allclose(found, data[f"out_r_grid_type{number}"], rtol=0, atol=ROUNDING)
    plain = lattice_sites(steps, lattice, a)
    np.testing.assert_allclose(plain, data[f"out_v_type{number}"].T, rtol=0, atol=ROUNDING)
    nearest = golden("vars_to_grid_djc__types1_5")
    a, *q = nearest["in_vars"].ravel()
    found = lattice_sites(np.eye(1 + COORDINATION[lattice], dtype=int), lattice, a, q)
    np.testing.assert_allclose(found, nearest[f"out_type{number}"], rtol=0, atol=ROUNDING)


# Distance from its nearest site of the point furthest from all, in bond lengths.
DEEPEST = {"sc": np.sqrt(3) / 2, "bcc": np.sqrt(5 / 12), "fcc": np.sqrt(0.5), "hcp": np.sqrt(0.5)}


@pytest.mark.parametrize("lattice", DEEPEST)
def test_walks_end_on_the_nearest_site(lattice: str) -> None:
    rng = np.random.default_rng(3)
    number = LATTICES.index(lattice)
    basis = WALKS[number]
    walk, site = np.empty(len(basis), dtype=np.int64), np.empty(3)
    sites, furthest = [], 0.0
    for target in rng.uniform(-2.2, 2.2, (1000, 3)):
        mro_lattice.nearest_site(target, basis, number, False, walk, site)
        furthest = max(furthest, np.linalg.norm(site - target))
        sites.append(site.copy())
    assert 0.8 * DEEPEST[lattice] < furthest <= DEEPEST[lattice]
    # The sites that were reached form the lattice.
    sites = np.unique(np.round(sites, 9), axis=0)
    distance = np.linalg.norm(sites[:, None] - sites[None], axis=2)
    assert distance[distance > 1e-6].min() > 1 - 1e-6
    inner = np.linalg.norm(sites, axis=1) < 1.1
    assert (np.abs(distance[inner] - 1) < 1e-6).sum(axis=1).max() == COORDINATION[lattice]


@pytest.mark.parametrize("lattice", DEEPEST)
def test_walks_of_the_reference(lattice: str) -> None:
    """They end where their steps lead; in bcc and hcp that is not always the nearest site."""
    rng = np.random.default_rng(3)
    number = LATTICES.index(lattice)
    basis = NEIGHBOURS[number]
    walk, site = np.empty(len(basis), dtype=np.int64), np.empty(3)
    missed = 0
    for target in rng.uniform(-2.2, 2.2, (1000, 3)):
        mro_lattice.nearest_site(target, basis, number, True, walk, site)
        expected = lattice_sites(walk[None], lattice)[0]
        np.testing.assert_allclose(expected, site, rtol=0, atol=ROUNDING)
        missed += np.linalg.norm(site - target) > DEEPEST[lattice]
    assert (missed > 0) == (lattice in ("bcc", "hcp"))


def test_walks_stop_beside_the_centre_of_an_icosahedron() -> None:
    basis = NEIGHBOURS[mro_lattice.ICOSAHEDRAL]
    walk, site = np.empty(len(basis), dtype=np.int64), np.empty(3)
    mro_lattice.nearest_site(3 * basis[5], basis, mro_lattice.ICOSAHEDRAL, False, walk, site)
    np.testing.assert_array_equal(site, basis[5])
    assert walk.sum() == walk[5] == 1


@pytest.mark.parametrize("lattice", LATTICES)
def test_growth_of_a_cluster_against_the_reference(lattice: str) -> None:
    """Atoms offered one by one: taken or not, walk, bonds and fit after each."""
    number = LATTICES.index(lattice)
    data = golden(f"Cluster_mancut_new.add_pos__type{number + 1}_sequence")
    basis = NEIGHBOURS[number]
    offsets = data["in_pos"] - data["in_pos"][0]
    fit = np.array(START)
    places, walks = [np.zeros(6)], [np.zeros(len(basis), dtype=np.int64)]
    for k, code in enumerate(data["out_codes"].ravel()):
        place = np.concatenate([offsets[k + 1], np.zeros(3)])
        trial, walk = fit.copy(), np.zeros(len(basis), dtype=np.int64)
        work = np.empty(3), np.empty((3, 3)), np.empty((3, 3))
        cutoff = data["in_cut"].item()
        accepted = mro_growth._accept(
            np.array(places), place, trial, walk, basis, number, cutoff, *work
        )
        assert accepted == bool(code)
        if accepted:
            fit = trial
            places.append(place)
            walks.append(walk)
        expected = data["out_param_after_each"][k + 1]
        np.testing.assert_allclose(fit, expected, rtol=0, atol=ROUNDING)
        shift, _ = lattice_deviation(np.array(places)[:, :3], np.array(places)[:, 3:], fit)
        error = data["out_err_after_each"].ravel()[k]
        assert (shift**2).sum() == pytest.approx(error, abs=ROUNDING)
    np.testing.assert_array_equal(walks, data["out_grid_pts"])
    np.testing.assert_array_equal(
        site_bonds(lattice_sites(walks, lattice), lattice), data["out_neigh_matrix"] == 1
    )
    assert 0 < data["out_codes"].sum() < data["out_codes"].size


@pytest.mark.parametrize("lattice", LATTICES)
def test_deviation_against_the_reference(lattice: str) -> None:
    data = golden(f"cluster_rms__type{LATTICES.index(lattice) + 1}")
    sites = lattice_sites(data["in_grid_pts"], lattice)
    offsets = data["in_pos"] - data["in_origin"]
    shift, rms = lattice_deviation(offsets, sites, data["in_param"].ravel())
    np.testing.assert_allclose(shift, data["out_shift"].ravel(), rtol=0, atol=ROUNDING)
    assert rms == pytest.approx(data["out_rms"].item(), abs=ROUNDING)


def planted(lattice: str, seed: int, noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sites = neighbour_vectors(lattice)
    turn = Rotation.random(random_state=seed).as_matrix()
    return 1.2 * sites @ turn.T + rng.normal(0, noise, sites.shape), sites, turn


@pytest.mark.parametrize("lattice", LATTICES)
def test_the_descent_ends_near_the_least_error(lattice: str) -> None:
    """Started near a lattice it ends where the slopes in scale and turns are small."""
    offsets, sites, turn = planted(lattice, 1, 0.05)
    quaternion = Rotation.from_matrix(turn).as_quat()[[3, 0, 1, 2]] + 0.05
    found = fit_lattice(offsets, sites, (1.0, *quaternion))

    def error(fit: np.ndarray) -> float:
        return float((lattice_deviation(offsets, sites, fit)[0] ** 2).sum())

    h = 1e-5
    slopes = [(error(found + h * e) - error(found - h * e)) / (2 * h) for e in np.eye(5)]
    # The descent stops below 0.01; a quaternion turns by twice its change.
    assert np.abs(slopes).max() < 0.04
    assert error(found) < error(np.array([1.0, *quaternion])) / 5
    assert np.linalg.norm(found[1:]) == pytest.approx(1, abs=ROUNDING)


def test_the_descent_with_finite_differences() -> None:
    """The moments give the finite differences of the reference, step by step."""
    offsets, sites, _ = planted("hcp", 4, 0.1)
    start = np.array([1.0, 0.9, 0.2, -0.3, 0.25])

    def error(a: float, turn: Rotation) -> float:
        return float(((offsets - a * turn.apply(sites)) ** 2).sum())

    a, turn = start[0], Rotation.from_quat(start[[2, 3, 4, 1]])
    h = mro_fit.STEP
    for _ in range(mro_fit.ITERATIONS):
        slope = [(error(a + h, turn) - error(a - h, turn)) / (2 * h)]
        for axis in np.eye(3):
            plus, minus = (Rotation.from_rotvec(s * h * axis) * turn for s in (1, -1))
            slope.append((error(a, plus) - error(a, minus)) / (2 * h))
        a -= mro_fit.RATE * slope[0]
        for axis, s in zip(np.eye(3), slope[1:], strict=True):
            turn = Rotation.from_rotvec(-mro_fit.RATE * s * axis) * turn
        if np.linalg.norm(slope) < mro_fit.FLAT:
            break
    found = fit_lattice(offsets, sites, start)
    # Finite differences lose about half the digits of a sum of order ten.
    assert found[0] == pytest.approx(a, abs=1e-9)
    np.testing.assert_allclose(rotation_matrix(found[1:]), turn.as_matrix(), rtol=0, atol=1e-9)


def test_kernels_without_compilation() -> None:
    offsets, sites, _ = planted("fcc", 2, 0.1)
    compiled, plain = np.array(START), np.array(START)
    moment, square = offsets.T @ sites, float((sites**2).sum())
    steps = mro_fit.relax(compiled, moment, square, np.empty((3, 3)))
    assert mro_fit.relax.py_func(plain, moment, square, np.empty((3, 3))) == steps
    np.testing.assert_allclose(compiled, plain, rtol=0, atol=1e-12)  # over up to 1000 steps
    number = LATTICES.index("hcp")
    basis = NEIGHBOURS[number]
    targets = np.random.default_rng(5).uniform(-2, 2, (20, 3))
    for target, quirks in zip(targets, 10 * [False, True], strict=True):
        results = []
        for function in (mro_lattice.nearest_site, mro_lattice.nearest_site.py_func):
            walk, site = np.empty(len(basis), dtype=np.int64), np.empty(3)
            function(target, basis, number, quirks, walk, site)
            results.append((walk, site))
        np.testing.assert_array_equal(results[0][0], results[1][0])
        np.testing.assert_allclose(results[0][1], results[1][1], rtol=0, atol=ROUNDING)
        assert mro_lattice._hcp_y.py_func(walk, basis, -1) == pytest.approx(
            mro_lattice._hcp_y(walk, basis, -1), abs=ROUNDING
        )
    # The last walk is one of the reference.
    mro_lattice._site.py_func(walk, basis, True, site)
    np.testing.assert_allclose(site, results[0][1], rtol=0, atol=ROUNDING)
    turn = np.empty((3, 3))
    mro_lattice.fill_rotation.py_func(np.array([0.9, 0.2, -0.3, 0.25]), turn)
    np.testing.assert_allclose(turn, rotation_matrix([0.9, 0.2, -0.3, 0.25]), atol=ROUNDING)


@pytest.mark.parametrize("lattice", LATTICES)
def test_the_closed_fit_recovers_a_lattice(lattice: str) -> None:
    offsets, sites, turn = planted(lattice, 7, 0.0)
    a, found, rms = rigid_fit(offsets + np.array([3.0, -2.0, 5.0]), sites, np.eye(3))
    assert a == pytest.approx(1.2, abs=ROUNDING)
    np.testing.assert_allclose(found, turn, rtol=0, atol=ROUNDING)
    assert rms < ROUNDING
    # No turn of the noisy cluster does better.
    noisy = planted(lattice, 7, 0.1)[0]
    a, found, rms = rigid_fit(noisy, sites, np.eye(3))
    centred, middle = noisy - noisy.mean(axis=0), sites - sites.mean(axis=0)
    for k in range(30):
        other = Rotation.from_rotvec(np.random.default_rng(k).normal(0, 0.02, 3)).as_matrix()
        left = centred - a * middle @ (other @ found).T
        assert np.sqrt((left**2).sum(axis=1).mean()) >= rms


def test_the_closed_fit_of_flat_and_straight_clusters() -> None:
    turn = Rotation.random(random_state=3).as_matrix()
    flat = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0.0]])
    a, found, rms = rigid_fit(1.3 * flat @ turn.T, flat, np.eye(3))
    assert (a, rms) == (pytest.approx(1.3, abs=ROUNDING), pytest.approx(0, abs=ROUNDING))
    np.testing.assert_allclose(found, turn, rtol=0, atol=1e-12)  # from a matrix of rank two
    assert np.linalg.det(found) == pytest.approx(1, abs=ROUNDING)
    # On one line the given rotation stays.
    a, found, _ = rigid_fit(1.3 * flat[:2] @ turn.T, flat[:2], turn)
    np.testing.assert_array_equal(found, turn)
    assert a == pytest.approx(1.3, abs=ROUNDING)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="lattice: found 'diamond'"):
        neighbour_vectors("diamond")
    with pytest.raises(InputError, match="steps"):
        lattice_sites(np.eye(7), "fcc")
    with pytest.raises(InputError, match="steps"):
        lattice_sites(-np.eye(7), "sc")
    for quaternion in ([0, 0, 0, 0], [1, 0, 0], [np.nan, 0, 0, 1]):
        with pytest.raises(InputError, match="quaternion"):
            rotation_matrix(quaternion)
    points = np.eye(3)
    for fit in (lambda p, b: fit_lattice(p, b), lambda p, b: rigid_fit(p, b, np.eye(3))):
        with pytest.raises(InputError, match="offsets"):
            fit(points, points[:2])
        with pytest.raises(InputError, match="offsets"):
            fit(points.ravel(), points.ravel())
    with pytest.raises(InputError, match="start"):
        fit_lattice(points, points, (1, 0, 0))
    with pytest.raises(InputError, match="sites"):
        rigid_fit(points, np.ones((3, 3)), np.eye(3))
