"""Likelihood of noisy images: expected images, gradients and weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.scattering import scattering_factor
from aet_port.detection.fit import angle_slopes
from aet_port.refinement.likelihood import Atoms, Likelihood, Slopes, Views
from aet_port.refinement.pixel_likelihood import LEAST
from aet_port.simulation.linear import project_atoms

PIXEL = 0.5  # angstrom
SHAPE = (40, 36)
ANGLES = np.array([[0.0, -50.0, 0.0], [2.0, 5.0, -1.0], [0.0, 40.0, 1.5]])
SYMBOLS = ("Cu", "Ta")
TERMS = np.stack(
    [np.ones(SHAPE), np.outer(np.cos(np.pi * (np.arange(40) + 0.5) / 40), np.ones(36))]
)


def some_atoms(n: int = 12) -> Atoms:
    rng = np.random.default_rng(3)
    places = rng.uniform(-6, 6, (n, 3))
    return Atoms(places, rng.uniform(150, 250, n), np.arange(n) % 2)


def some_views() -> Views:
    rng = np.random.default_rng(4)
    shifts = rng.normal(0, 0.2, (3, 2))
    return Views(ANGLES, shifts, rng.uniform(2, 4, (3, 2)), np.array([0.01, -0.02]))


def likelihood(counting: bool, threads: int = 1, images: NDArray | None = None) -> Likelihood:
    """Images of other atoms than those of :func:`some_atoms`, with noise."""
    if images is None:
        blank = likelihood(True, 1, np.zeros((3, *SHAPE)))
        atoms = some_atoms()
        moved = replace(atoms, positions=atoms.positions + 0.1, heights=atoms.heights * 1.1)
        rng = np.random.default_rng(5)
        images = rng.poisson(np.maximum(blank.expected(moved, some_views()), 0)) + rng.normal(
            0, 1, (3, *SHAPE)
        )
    made = Likelihood(images, PIXEL, 1.0 if counting else 30.0, counting, TERMS, threads)
    envelope = np.exp(-6 * made.q**2)
    made.use_profiles(
        [envelope * scattering_factor(made.q, s) / scattering_factor(0.0, s) for s in SYMBOLS]
    )
    return made


def angled(slopes: Slopes, views: Views) -> NDArray:
    return angle_slopes(views.angles, slopes.rotations)


# A change of each parameter, its step, and its derivative. The cost is summed from images in single
# precision, so that differences of neighbouring costs are rounded: the steps are those at which
# rounding and the third derivative both matter less than the tolerance.
PARAMETERS = {
    "positions": (0.01, lambda s, v: s.positions),
    "heights": (1.0, lambda s, v: s.heights),
    "angles": (0.05, angled),
    "shifts": (0.01, lambda s, v: s.shifts),
    "background": (0.05, lambda s, v: s.background),
    "shears": (0.002, lambda s, v: s.shears),
}


@pytest.mark.parametrize("counting", [True, False])
@pytest.mark.parametrize("name", PARAMETERS)
def test_gradients_equal_finite_differences(name: str, counting: bool) -> None:
    made, atoms, views = likelihood(counting), some_atoms(), some_views()
    step, derivative = PARAMETERS[name]
    slopes = made.slopes(atoms, views)
    given = getattr(atoms if hasattr(atoms, name) else views, name)

    def cost(change: NDArray) -> float:
        changed = {name: given + change}
        if hasattr(atoms, name):
            return float(made.slopes(replace(atoms, **changed), views).cost.sum())
        return float(made.slopes(atoms, replace(views, **changed)).cost.sum())

    # Along the gradient and in random directions.
    rng = np.random.default_rng(6)
    found = derivative(slopes, views)
    directions = [found / np.abs(found).max(), *rng.normal(0, 1, (3, *given.shape))]
    for direction in directions:
        move = step * direction / np.abs(direction).max()
        numerical = (8 * (cost(move) - cost(-move)) - cost(2 * move) + cost(-2 * move)) / 12
        size = np.linalg.norm(found) * np.linalg.norm(move)
        # Atoms are cut off at 4e-5 of their peaks, and pixels have 24 bits.
        assert numerical == pytest.approx(float(np.sum(found * move)), abs=1e-3 * size)


@pytest.mark.parametrize("shift", [np.zeros(2), np.array([0.31, -0.17])])
def test_expected_images_equal_the_projections_of_the_simulation(shift: NDArray) -> None:
    places, height = some_atoms().positions, 200.0
    model = AtomicModel.from_positions(places, ["Ta"] * len(places))
    intensity = height * PIXEL**2
    images = project_atoms(model, ANGLES, PIXEL, SHAPE, 6.0, {"Ta": intensity})
    made = likelihood(True, images=np.zeros((3, *SHAPE)))
    n = len(places)
    atoms = Atoms(places, np.full(n, height), np.ones(n, np.int64))
    views = Views(ANGLES, np.tile(shift, (3, 1)), np.full((3, 2), [3.0, 0.0]), np.zeros(2))
    if np.any(shift):  # only in the plane of an image can a shift be one of all atoms
        views = replace(views, angles=np.zeros((3, 3)))
        moved = AtomicModel.from_positions(places + np.append(shift, 0), ["Ta"] * n)
        images = project_atoms(moved, views.angles, PIXEL, SHAPE, 6.0, {"Ta": intensity})
    difference = made.expected(atoms, views) - (images + 3)
    # Atoms are drawn as Gaussians one pixel wide, cut at 4e-5 of the peak, and sharpened.
    assert np.abs(difference).max() < 4e-4 * images.max()
    assert np.abs(difference).mean() < 2e-5 * images.max()


def test_shears_displace_as_described() -> None:
    made, atoms = likelihood(True), some_atoms()
    views = replace(some_views(), shifts=np.zeros((3, 2)), shears=np.zeros(2))
    plain = made.places(atoms, views, 1) - [20, 18]
    sheared = made.places(atoms, replace(views, shears=np.array([0.03, -0.01])), 1) - [20, 18]
    expected = plain + np.column_stack([0.03 * plain[:, 1], -0.01 * plain[:, 0]])
    np.testing.assert_allclose(sheared, expected, rtol=0, atol=1e-12)  # double precision


def test_background_is_the_sum_of_its_terms() -> None:
    made = likelihood(True)
    none = Atoms(np.empty((0, 3)), np.empty(0), np.empty(0, np.int64))
    views = some_views()
    expected = np.einsum("nk,kij->nij", views.background, TERMS)
    np.testing.assert_allclose(made.expected(none, views), expected, rtol=1e-6)  # 24 bits
    np.testing.assert_allclose(made.ground(views, 2), expected[2], rtol=1e-6)


@pytest.mark.parametrize("counting", [True, False])
def test_cost_is_that_of_the_docstring(counting: bool) -> None:
    made, atoms, views = likelihood(counting), some_atoms(), some_views()
    m = np.maximum(made.expected(atoms, views).astype(np.float64), 0)
    i, r = made.images.astype(np.float64), made.read_variance
    if counting:
        m, d = np.maximum(m + r, LEAST), i + r
        terms = m - d * np.log(m) + np.where(d > 0, d * np.log(np.maximum(d, 1e-30)) - d, 0)
    else:
        m = made.expected(atoms, views).astype(np.float64)
        terms = 0.5 * (m - i) ** 2 / r
    # Logarithms and pixels of 24 bits; the terms of a pixel nearly cancel.
    expected = terms.sum(axis=(1, 2))
    np.testing.assert_allclose(made.slopes(atoms, views).cost, expected, rtol=1e-3)
    one = made.cost(made.expected(atoms, views)[1], 1)
    assert one == pytest.approx(made.slopes(atoms, views).cost[1], rel=1e-12)


@pytest.mark.parametrize("counting", [True, False])
def test_no_cost_at_a_perfect_fit(counting: bool) -> None:
    atoms, views = some_atoms(), some_views()
    perfect = likelihood(True).expected(atoms, views)
    made = likelihood(counting, images=perfect)
    slopes = made.slopes(atoms, views)
    assert np.abs(slopes.cost).max() < 1e-6  # double precision
    assert np.abs(slopes.heights).max() < 1e-6


def test_weights_are_inverse_variances() -> None:
    expected = np.array([-5.0, 0.0, 3.0, 99.0], np.float32)
    np.testing.assert_allclose(likelihood(True).weights(expected), [1, 1, 1 / 4, 1 / 100])
    np.testing.assert_allclose(likelihood(False).weights(expected), [1 / 30] * 4)


def test_atoms_off_the_images_are_ignored() -> None:
    made, atoms, views = likelihood(True), some_atoms(), some_views()
    far = Atoms(np.array([[500.0, 0, 0], [0, -1e6, 3]]), np.full(2, 200.0), np.zeros(2, np.int64))
    joined = Atoms(*(np.concatenate(pair) for pair in (
        (atoms.positions, far.positions),
        (atoms.heights, far.heights),
        (atoms.kinds, far.kinds),
    )))  # fmt: skip
    np.testing.assert_array_equal(made.expected(joined, views), made.expected(atoms, views))
    found = made.slopes(joined, views)
    assert not found.heights[-2:].any()
    assert not found.positions[-2:].any()


@pytest.mark.parametrize("counting", [True, False])
def test_threads_change_nothing(counting: bool) -> None:
    atoms, views = some_atoms(), some_views()
    one, two = likelihood(counting, 1), likelihood(counting, 2)
    assert one.expected(atoms, views).tobytes() == two.expected(atoms, views).tobytes()
    first, second = one.slopes(atoms, views), two.slopes(atoms, views)
    read: list[Callable[[Slopes], NDArray]] = [
        lambda s: s.cost, lambda s: s.positions, lambda s: s.heights, lambda s: s.rotations,
        lambda s: s.shifts, lambda s: s.background, lambda s: s.shears,
    ]  # fmt: skip
    for values in read:
        assert values(first).tobytes() == values(second).tobytes()


@pytest.mark.parametrize("counting", [True, False])
def test_best_background_minimises_the_cost(counting: bool) -> None:
    made, atoms, views = likelihood(counting), some_atoms(), some_views()
    best = replace(views, background=made.best_background(atoms, views))
    found = made.slopes(atoms, best)
    # In units of the least that noise does to such a derivative: sqrt of the information.
    weights = made.weights(made.expected(atoms, best))
    information = np.einsum("npq,tpq->nt", weights, made.terms**2)
    assert (np.abs(found.background) < 0.02 * np.sqrt(information)).all()
    # Three steps from here and three more from the best one end at the same place to 1e-4 of the
    # cost; slopes are some hundreds.
    same = made.slopes(atoms, views, best_ground=True)
    np.testing.assert_allclose(same.cost, found.cost, rtol=1e-4)
    np.testing.assert_allclose(same.positions, found.positions, atol=1.0)
    assert same.cost.sum() < made.slopes(atoms, views).cost.sum()
