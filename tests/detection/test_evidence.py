"""Covariances of heights and positions against a Fisher matrix inverted as a whole."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.detection.evidence import (
    image_displacements,
    local_covariances,
    overlap_tables,
    radial_frequencies,
)
from aet_port.refinement.likelihood import Atoms, Likelihood, Views
from tests.detection.samples import ANGLES, PIXEL, SHAPE, atoms_at, flat_views, likelihood, profile

TILTS = ANGLES[::2]
# Two near each other, one apart, two nearer still.
PLACES = np.array([[0, 0, 0], [2.6, 0.3, -0.4], [-5, 4, 2], [4, -4, 1], [4.4, -2, 2.3]])


def image_slopes(made: Likelihood, atoms: Atoms, views: Views) -> NDArray[np.float64]:
    """Images differentiated one parameter at a time, shape (4 n_atoms, n_images, nx, ny)."""
    rows = []
    for number in range(len(atoms)):
        # The heights enter linearly; 0.02 angstrom moves a Gaussian a twentieth of its width.
        for change in np.eye(4) * [50, 0.02, 0.02, 0.02]:
            images = []
            for sign in (1, -1):
                heights, positions = atoms.heights.copy(), atoms.positions.copy()
                heights[number] += sign * change[0]
                positions[number] += sign * change[1:]
                moved = Atoms(positions, heights, atoms.kinds)
                images.append(made.expected(moved, views).astype(np.float64))
            rows.append((images[0] - images[1]) / (2 * change.sum()))
    return np.array(rows)


def pixel_weights(made: Likelihood, atoms: Atoms, views: Views) -> NDArray[np.float64]:
    """Inverse variances of the pixels."""
    expected = np.maximum(made.expected(atoms, views).astype(np.float64), 0)
    return 1 / (expected * made.counting + made.read_variance)


def fisher_covariances(made: Likelihood, atoms: Atoms, views: Views) -> NDArray[np.float64]:
    """Covariances with all atoms free, shape (n, 4, 4)."""
    weights = pixel_weights(made, atoms, views)
    slopes = image_slopes(made, atoms, views).reshape(4 * len(atoms), -1)
    matrix = np.linalg.inv((slopes * weights.ravel()) @ slopes.T)
    return np.array([matrix[4 * n : 4 * n + 4, 4 * n : 4 * n + 4] for n in range(len(atoms))])


@pytest.mark.parametrize(
    ("counting", "tolerance"),
    [
        # Every pixel weighs the same: what is left is the sampling of the overlap's table and
        # that neighbours beyond 4 angstrom are fixed in one and free in the other.
        (False, 0.01),
        # Weights vary over an atom by a quarter; one blurred value stands for all its pixels.
        (True, 0.04),
    ],
)
def test_covariances_equal_those_of_the_whole_fisher_matrix(
    counting: bool, tolerance: float
) -> None:
    views, atoms = flat_views(TILTS, 20.0), atoms_at(PLACES, 60.0)
    made = likelihood(np.zeros((len(TILTS), *SHAPE)), counting, 1.0 if counting else 25.0)
    expected = made.expected(atoms, views)
    tabulated = profile(radial_frequencies(PIXEL))
    found = local_covariances(made, atoms, views, tabulated, expected, 18.0)
    slow = fisher_covariances(made, atoms, views)
    deviations = np.sqrt(np.diagonal(slow, axis1=1, axis2=2))
    np.testing.assert_allclose(
        np.sqrt(np.diagonal(found, axis1=1, axis2=2)), deviations, rtol=tolerance
    )
    scale = deviations[:, :, None] * deviations[:, None, :]
    np.testing.assert_allclose(found / scale, slow / scale, rtol=0, atol=2 * tolerance)


@pytest.mark.parametrize(
    ("counting", "number", "tolerance"),
    [
        (False, 2, 0.015),  # the sampling of the overlap's table, finite differences of images
        (True, 2, 0.06),  # one weight for all pixels of an atom, whose signal varies by a quarter
        (False, 5, 0.06),  # a neighbour of a neighbour, farther than 4 angstrom, is fixed
    ],
)
def test_displacements_are_those_that_each_image_asks_for(
    counting: bool, number: int, tolerance: float
) -> None:
    views, atoms = flat_views(TILTS, 20.0), atoms_at(PLACES[:number], 60.0)
    made = likelihood(np.zeros((len(TILTS), *SHAPE)), counting, 1.0 if counting else 25.0)
    expected = made.expected(atoms, views).astype(np.float64)
    noise = np.random.default_rng(3).normal(size=expected.shape)
    made.images[:] = expected + 3 * noise
    tabulated = profile(radial_frequencies(PIXEL))
    covariances, moved = image_displacements(
        made, atoms, views, tabulated, expected.astype(np.float32), 18.0
    )
    np.testing.assert_array_equal(
        covariances,
        local_covariances(made, atoms, views, tabulated, expected.astype(np.float32), 18.0),
    )
    weights, slopes = pixel_weights(made, atoms, views), image_slopes(made, atoms, views)
    lacks = weights * (made.images - expected)
    pulls = np.einsum("pixy,ixy->pi", slopes, lacks)
    flat = slopes.reshape(len(slopes), -1)
    slow = np.linalg.solve((flat * weights.ravel()) @ flat.T, pulls)
    slow = slow.reshape(len(atoms), 4, len(TILTS)).transpose(0, 2, 1)
    error = np.sqrt(np.mean((moved - slow) ** 2, axis=(0, 1)) / np.mean(slow**2, axis=(0, 1)))
    assert (error < tolerance).all(), error


def test_those_asked_for_are_rows_of_all() -> None:
    views, atoms = flat_views(TILTS), atoms_at(PLACES)
    made = likelihood(np.zeros((len(TILTS), *SHAPE)), threads=2)
    expected, tabulated = made.expected(atoms, views), profile(radial_frequencies(PIXEL))
    whole = local_covariances(made, atoms, views, tabulated, expected, 18.0)
    which = np.array([3, 0])
    part = local_covariances(made, atoms, views, tabulated, expected, 18.0, which)
    assert part.tobytes() == whole[which].tobytes()
    np.testing.assert_array_equal(whole, np.swapaxes(whole, 1, 2))
    assert (np.linalg.eigvalsh(whole) > 0).all()


def test_an_atom_that_no_image_shows_is_unknown() -> None:
    views = flat_views(TILTS)
    atoms = atoms_at([[0.0, 0, 0], [0, 300.0, 0]])
    made = likelihood(np.zeros((len(TILTS), *SHAPE)))
    tabulated, expected = profile(radial_frequencies(PIXEL)), made.expected(atoms, views)
    seen, unseen = local_covariances(made, atoms, views, tabulated, expected, 60.0)
    # Limits of the docstring's neighbourhood: thirty least heights, and 2 angstrom.
    assert np.sqrt(unseen[0, 0]) == pytest.approx(30 * 60, rel=1e-6)
    np.testing.assert_allclose(np.sqrt(np.diagonal(unseen)[1:]), 2.0, rtol=1e-6)
    assert np.sqrt(seen[1, 1]) < 0.1


@pytest.mark.parametrize("distance", [0.0, 0.7, 2.5])
def test_overlap_of_two_gaussians(distance: float) -> None:
    # Without a scattering factor the overlap is a Gaussian of twice the variance,
    # exp(-pi^2 r^2 / 2B) pi / 2B times the area of a pixel; its table ends at Nyquist.
    b = 8.0
    tables = overlap_tables(np.exp(-b * radial_frequencies(PIXEL) ** 2), PIXEL)
    rate = np.pi**2 / b
    r = 0.02 * round(distance / 0.02)
    value = PIXEL**2 * np.pi / (2 * b) * np.exp(-rate * r * r / 2)
    exact = (value, -rate * r * value, (rate * rate * r * r - rate) * value)
    for table, expected in zip(tables, exact, strict=True):
        # Second-order differences of a table in steps of 0.02 angstrom.
        assert table[round(distance / 0.02)] == pytest.approx(
            expected, abs=3e-3 * PIXEL**2 * np.pi / (2 * b)
        )
