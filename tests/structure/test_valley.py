"""The first valley against the minimum of sums of Gaussians, where it is known."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk

from aet_port.structure.pairs.pdf import first_valley, lowest_after_first_peak, pair_distribution
from aet_port.structure.pairs.valley import fit_valley

# Height, place and width of the Gaussians: as of amorphous Pd and Ta with shoulders of the first
# and two parts of the second peak, and of a simple liquid.
GLASSES = {
    "Pd": (
        *((3.2, 2.75, 0.22), (0.5, 3.4, 0.4), (0.9, 4.6, 0.35), (0.7, 5.3, 0.35)),
        *((0.9, 6.8, 0.6), (1, 8.5, 0.8), (1, 10.5, 0.9), (1, 12.5, 1)),
    ),
    "Ta": (
        *((2.6, 2.85, 0.26), (0.4, 3.5, 0.45), (1.2, 4.8, 0.45), (0.6, 5.6, 0.4)),
        *((1, 7.3, 0.7), (1, 9, 0.8), (1, 11, 0.9), (1, 13, 1)),
    ),
    "liquid": ((2.5, 2.8, 0.25), (1.3, 4.7, 0.5), (1, 7, 0.8), (1, 9, 0.9), (1, 11.5, 1)),
}


def glass(name: str, r: np.ndarray) -> np.ndarray:
    return np.asarray(sum(h * np.exp(-(((r - c) / w) ** 2) / 2) for h, c, w in GLASSES[name]))


def minimum_of(name: str) -> float:
    r = np.linspace(2.9, 4.6, 17001)
    g = glass(name, r)
    inner = np.flatnonzero((g[1:-1] < g[:-2]) & (g[1:-1] < g[2:])) + 1
    return float(r[inner[0]])


def shaken_fcc_minimum(sigma: float, a: float = 4.0) -> float:
    """Lowest g between the first shells of fcc with Gaussian displacements, to leading order."""
    steps = np.arange(-4, 5)
    i, j, k = np.meshgrid(steps, steps, steps)
    squares = (i**2 + j**2 + k**2)[((i + j + k) % 2 == 0) & (i**2 + j**2 + k**2 > 0)]
    shells, number = np.unique(squares, return_counts=True)
    r = np.arange(2.9, 3.95, 0.001)[:, None]
    place = a / 2 * np.sqrt(shells)
    g = (number / (r * place) * np.exp(-((r - place) ** 2) / (4 * sigma**2))).sum(axis=1)
    return float(r[np.argmin(g), 0])


@pytest.mark.parametrize("sigma", [0.08, 0.12, 0.2])
def test_the_valley_of_a_shaken_crystal(sigma: float) -> None:
    atoms = bulk("Pt", "fcc", a=4.0, cubic=True).repeat(8)
    atoms.positions += np.random.default_rng(2).normal(0, sigma, atoms.positions.shape)
    found = pair_distribution(atoms, r_max=9)
    # At 0.08 there is no pair within 0.2 angstrom of it. Issue: within 0.02 angstrom.
    assert found.valley == pytest.approx(shaken_fcc_minimum(sigma), abs=0.02)
    assert first_valley(found) == round(found.valley, 2)


@pytest.mark.parametrize("scale", [1.0, 1 / 0.344])
@pytest.mark.parametrize("name", GLASSES)
def test_the_valley_of_a_glass(name: str, scale: float) -> None:
    r = (np.arange(600) + 0.5) * 0.02
    g = glass(name, r)
    # Of the curve itself; in voxels as well as in angstrom.
    exact = lowest_after_first_peak(r * scale, g, np.zeros(600, dtype=int))
    assert exact / scale == pytest.approx(minimum_of(name), abs=0.005)
    # Of the counts of 76,000 atoms.
    ideal = 76_000 * 0.06 * 4 * np.pi * r**2 * 0.02 / 2
    counts = np.random.default_rng(1).poisson(g * ideal)
    found = lowest_after_first_peak(r * scale, counts / ideal, counts)
    assert found / scale == pytest.approx(minimum_of(name), abs=0.02)


def test_next_to_nothing_keeps_the_estimate() -> None:
    r = np.arange(1, 5, 0.5)
    assert fit_valley(r, np.zeros(8), np.ones(8), 2.8, 3.4, 4.0) == 3.4
