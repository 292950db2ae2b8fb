"""Calculated images against the simulation's, their gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.geometry import euler_rotation
from aet_port.refinement.forward import SPREAD, Forward, _gather, _lay_down
from aet_port.refinement.parameters import Parameters
from aet_port.simulation.linear import project_atoms
from tests.refinement.particle import PIXEL

ANGLES = np.array([[0.3, -60.0, 0.1], [-1.0, -5.0, 2.0], [0.0, 40.0, -0.5]])
SHAPE = (40, 43)


def atoms_of(seed: int, n_atoms: int = 14) -> tuple[list[str], NDArray]:
    rng = np.random.default_rng(seed)
    species = [*"CuPd", *rng.choice(["Co", "Pd", "Pt"], n_atoms)][-n_atoms:]
    return species, rng.uniform(-6, 6, (n_atoms, 3))


def some_parameters(forward: Forward, positions: NDArray, seed: int) -> Parameters:
    rng = np.random.default_rng(seed)
    n_species, n_images = len(forward.kinds), len(forward)
    return Parameters(
        positions,
        rng.uniform(0.5, 3, n_species),
        rng.uniform(5, 12, n_species),
        rng.normal(0, 0.3, (n_images, 2)),
        rng.uniform(0.8, 1.2, n_images),
        rng.normal(0, 0.1, n_images),
        rng.normal(0, 0.01, 2),
    )


def slope_by_differences(function: Callable[[float], float], step: float) -> float:
    """Central difference of fourth order at zero."""
    near = function(step) - function(-step)
    far = function(2 * step) - function(-2 * step)
    return (8 * near - far) / (12 * step)


STEPS = {
    "positions": 1e-3,
    "heights": 1e-3,
    "b_factors": 1e-2,
    "shifts": 1e-3,
    "scales": 1e-3,
    "offsets": 1e-3,
    "shears": 1e-4,
}


@settings(max_examples=12)
@given(st.integers(0, 10_000), st.sampled_from([(), ("scales",), ("scales", "offsets")]))
def test_gradients_are_those_of_finite_differences(seed: int, fitted: tuple[str, ...]) -> None:
    species, positions = atoms_of(seed)
    forward = Forward(species, ANGLES, PIXEL, SHAPE, "double", threads=1)
    here = some_parameters(forward, positions, seed + 1)
    rng = np.random.default_rng(seed + 2)
    images = forward.project(some_parameters(forward, positions + 0.3, seed + 3))
    misfit = forward.misfit(here, images, frozenset(fitted))
    for field in fields(Parameters):
        name = field.name
        slope, at = getattr(misfit.gradient, name), getattr(misfit.parameters, name)
        if name in fitted:
            # Least squares: nothing is left to gain, but for rounding.
            assert np.abs(slope).max() < 1e-9 * misfit.value
            continue
        way = rng.normal(size=at.shape)
        # Along the gradient too, lest the random way be nearly square to it.
        way = way / np.linalg.norm(way) + slope / np.linalg.norm(slope)

        def along(t: float, name: str = name, at: NDArray = at, way: NDArray = way) -> float:
            moved = replace(misfit.parameters, **{name: at + t * way})
            return forward.misfit(moved, images, frozenset(fitted)).value

        expected = slope_by_differences(along, STEPS[name])
        assert np.sum(slope * way) == pytest.approx(expected, rel=1e-6), name


@pytest.mark.parametrize("shape", [(40, 43), (39, 36)])
def test_images_are_those_of_the_simulation(shape: tuple[int, int]) -> None:
    species, positions = atoms_of(3)
    forward = Forward(species, ANGLES, PIXEL, shape, "double", threads=1)
    kinds = forward.kinds
    there = Parameters.start(positions, [1.0, 2.0, 3.0][: len(kinds)], [8, 9, 10][: len(kinds)], 3)
    expected = project_atoms(
        AtomicModel.from_positions(positions, species),
        ANGLES,
        PIXEL,
        shape,
        dict(zip(kinds, there.b_factors.tolist(), strict=True)),
        dict(zip(kinds, there.heights.tolist(), strict=True)),
    )
    # The sampled Gaussians of B' = 8 alias exp(-8 / (2 PIXEL)^2) = 4e-6 at the Nyquist frequency.
    np.testing.assert_allclose(forward.project(there), expected, atol=1e-5 * expected.max())


def test_a_shear_moves_atoms_by_what_lies_across() -> None:
    species, positions = atoms_of(2)
    forward = Forward(species, [[0.0, 0.0, 0.0]], PIXEL, SHAPE, "double", threads=1)
    kinds = len(forward.kinds)
    there = Parameters.start(positions, np.ones(kinds), np.full(kinds, 8.0), 1)
    there = replace(there, shifts=np.array([[0.3, -0.2]]))
    x, y, z = positions.T
    moved = np.stack([x + 0.02 * y, y - 0.01 * x, z], axis=1)
    np.testing.assert_allclose(
        forward.project(replace(there, shears=np.array([0.02, -0.01]))),
        forward.project(replace(there, positions=moved)),
        atol=1e-12,
    )


def test_single_precision_is_close_to_double() -> None:
    species, positions = atoms_of(4)
    double = Forward(species, ANGLES, PIXEL, SHAPE, "double", threads=1)
    single = Forward(species, ANGLES, PIXEL, SHAPE, "single", threads=1)
    here = some_parameters(double, positions, 1)
    images = double.project(some_parameters(double, positions + 0.2, 2))
    assert single.project(here).dtype == np.float32
    ours, exact = single.misfit(here, images), double.misfit(here, images)
    # Seven digits, lost in part where residuals of both signs cancel.
    assert ours.value == pytest.approx(exact.value, rel=1e-6)
    for field in fields(Parameters):
        expected = getattr(exact.gradient, field.name)
        np.testing.assert_allclose(
            getattr(ours.gradient, field.name), expected, rtol=0, atol=1e-5 * np.abs(expected).max()
        )


def test_results_do_not_depend_on_the_threads() -> None:
    species, positions = atoms_of(5)
    angles = np.tile(ANGLES, (3, 1)) + np.arange(9)[:, None]
    results = []
    for threads in (1, 2, 4):
        forward = Forward(species, angles, PIXEL, SHAPE, threads=threads)
        here = some_parameters(forward, positions, 1)
        images = np.ones((9, *SHAPE), np.float32)
        misfit, curvature = forward.misfit(here, images), forward.curvature(here)
        results.append((forward.project(here), misfit, curvature))
    for images, misfit, curvature in results[1:]:
        np.testing.assert_array_equal(images, results[0][0])
        np.testing.assert_array_equal(misfit.values, results[0][1].values)
        np.testing.assert_array_equal(misfit.gradient.positions, results[0][1].gradient.positions)
        np.testing.assert_array_equal(curvature.species, results[0][2].species)


def test_curvature_of_species_and_shifts_is_that_of_the_images() -> None:
    species, positions = atoms_of(6)
    # Atoms in the middle only: the curvature counts what falls beside the detector too.
    forward = Forward(species, ANGLES, PIXEL, (64, 67), "double", threads=1)
    here = some_parameters(forward, 0.5 * positions, 1)
    curvature = forward.curvature(here)

    def change(name: str, step: NDArray) -> NDArray:
        up, down = (
            forward.project(replace(here, **{name: getattr(here, name) + s * step}))
            for s in (1, -1)
        )
        return (up - down).reshape(len(forward), -1) / (2 * np.abs(step).max())

    count = len(forward.kinds)
    columns = [
        change(name, 1e-4 * np.eye(count)[kind]).reshape(-1)
        for name in ("heights", "b_factors")
        for kind in range(count)
    ]
    gram = np.array(columns) @ np.array(columns).T
    root = np.sqrt(np.diag(gram))
    np.testing.assert_allclose(
        curvature.species / np.outer(root, root), gram / np.outer(root, root), atol=1e-5
    )
    by_shift = [change("shifts", 1e-4 * np.tile(axis, (len(forward), 1))) for axis in np.eye(2)]
    expected = np.einsum("apk,bpk->pab", by_shift, by_shift)
    np.testing.assert_allclose(curvature.shifts, expected, atol=1e-4 * expected.max())


def test_curvature_of_an_atom_alone() -> None:
    forward = Forward(["Pd"], ANGLES, PIXEL, (64, 67), "double", threads=1)
    here = Parameters.start([[0.3, -0.4, 0.2]], [2.0], [7.0], 3)
    images = forward.project(here)
    gradients = []
    for axis in np.eye(3):
        moved = replace(here, positions=here.positions + 1e-4 * axis)
        gradients.append(forward.misfit(moved, images).gradient.positions[0] / 1e-4)
    curvature = forward.curvature(here)
    expected = curvature.positions[0]
    np.testing.assert_allclose(gradients, expected, atol=1e-3 * expected.max())
    for number, axis in enumerate(np.eye(2)):
        slope = forward.misfit(replace(here, shears=1e-4 * axis), images).gradient
        largest = curvature.coupling.max()
        np.testing.assert_allclose(
            slope.positions / 1e-4, curvature.coupling[:, :, number], atol=1e-3 * largest
        )
        largest = curvature.shears.max()
        np.testing.assert_allclose(
            slope.shears / 1e-4, curvature.shears[number], atol=1e-3 * largest
        )


@settings(max_examples=10)
@given(st.integers(0, 1000), st.floats(-180, 180), st.floats(-90, 90), st.floats(-180, 180))
def test_turning_the_atoms_is_turning_the_axes(
    seed: int, phi: float, theta: float, psi: float
) -> None:
    species, positions = atoms_of(seed, 6)
    turned = Forward(species, [[phi, theta, psi]], PIXEL, SHAPE, "double", 1)
    still = Forward(species, [[0.0, 0.0, 0.0]], PIXEL, SHAPE, "double", 1)
    rotation = euler_rotation(phi, theta, psi)
    heights, b_factors = np.ones(len(turned.kinds)), np.full(len(turned.kinds), 8.0)
    ours = turned.project(Parameters.start(positions, heights, b_factors, 1))
    theirs = still.project(Parameters.start(positions @ rotation.T, heights, b_factors, 1))
    np.testing.assert_allclose(ours, theirs, atol=1e-9 * ours.max())


def test_order_of_the_atoms_does_not_matter() -> None:
    species, positions = atoms_of(8)
    forward = Forward(species, ANGLES, PIXEL, SHAPE, "double", 1)
    here = some_parameters(forward, positions, 2)
    order = np.random.default_rng(0).permutation(len(species))
    other = Forward([species[k] for k in order], ANGLES, PIXEL, SHAPE, "double", 1)
    there = replace(here, positions=positions[order])
    images = np.ones((3, *SHAPE))
    expected = forward.misfit(here, images).gradient.positions[order]
    np.testing.assert_allclose(
        other.misfit(there, images).gradient.positions,
        expected,
        atol=1e-11 * np.abs(expected).max(),
    )


def test_kernels_are_sums_over_pixels() -> None:
    rng = np.random.default_rng(0)
    places = np.array([[5.2, 7.9], [0.4, 11.6], [-30.0, 3.0], [9.5, 4.49]])
    kinds = np.array([0, 1, 0, 1])
    expected = np.zeros((2, 12, 13))
    x, y = np.meshgrid(np.arange(12), np.arange(13), indexing="ij")
    weights, slopes = rng.normal(size=(2, 12, 13)), np.zeros((4, 2))
    for k, (place, kind) in enumerate(zip(places, kinds, strict=True)):
        blob = np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / SPREAD)
        expected[kind] += blob
        for axis, grid in enumerate((x, y)):
            slopes[k, axis] = np.sum(weights[kind] * blob * 2 * (grid - place[axis]) / SPREAD)
    for lay_down, gather in ((_lay_down, _gather), (_lay_down.py_func, _gather.py_func)):
        layers, found = np.zeros((2, 12, 13)), np.empty((4, 2))
        lay_down(layers, places, kinds, SPREAD, 9)
        gather(weights, places, kinds, SPREAD, 9, found)
        # Cut 8.5 pixels away, where a Gaussian is 2e-16.
        np.testing.assert_allclose(layers, expected, atol=1e-13)
        np.testing.assert_allclose(found, slopes, atol=1e-12)


def test_seen_counts_the_images_that_show_an_atom() -> None:
    forward = Forward(["Ta"] * 3, [[0, 0, 0], [0, 90, 0]], PIXEL, (20, 20))
    there = Parameters.start([[0, 0, 0], [0, 0, 9.0], [0, 9.0, 0]], [1], [8], 2)
    assert forward.seen(there).tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pixel_size": 0.0}, "pixel_size"),
        ({"shape": (0, 5)}, "shape"),
        ({"precision": "half"}, "precision"),
        ({"species": []}, "species"),
        ({"species": ["Xx"]}, "element"),
        ({"threads": 0}, "threads"),
    ],
)
def test_bad_arguments(change: dict[str, object], words: str) -> None:
    good = {"species": ["Ta"], "angles": ANGLES, "pixel_size": PIXEL, "shape": SHAPE}
    with pytest.raises(InputError, match=words):
        Forward(**(good | change))
