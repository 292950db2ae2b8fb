"""Covariances of heights and positions against a Fisher matrix inverted as a whole."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.detection.evidence import local_covariances, overlap_tables, radial_frequencies
from aet_port.refinement.likelihood import Atoms, Likelihood, Views
from tests.detection.samples import ANGLES, PIXEL, SHAPE, atoms_at, flat_views, likelihood, profile

TILTS = ANGLES[::2]
# Two near each other, one apart, two nearer still.
PLACES = np.array([[0, 0, 0], [2.6, 0.3, -0.4], [-5, 4, 2], [4, -4, 1], [4.4, -2, 2.3]])


def fisher_covariances(made: Likelihood, atoms: Atoms, views: Views) -> NDArray[np.float64]:
    """From images differentiated one parameter at a time, all atoms free; shape (n, 4, 4)."""
    weights = 1 / (np.maximum(made.expected(atoms, views), 0) + made.read_variance)
    if not made.counting:
        weights[:] = 1 / made.read_variance
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
            rows.append((images[0] - images[1]).ravel() / (2 * change.sum()))
    slopes = np.array(rows)
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
