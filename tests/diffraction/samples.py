"""Diffraction patterns of models, made from S(q) alone, and what g(r) they should give."""

from __future__ import annotations

from functools import cache

import ase
import numpy as np
from scipy.ndimage import gaussian_filter

from aet_port.core.scattering import scattering_factor
from aet_port.diffraction import RingGeometry, crystal_rings
from aet_port.simulation.glass_quench import quench_box
from aet_port.structure import pair_distribution
from aet_port.structure.pairs.debye import structure_factor

SIDE, PIXEL = 320, 0.0163  # pixels; 1/angstrom
GEOMETRY = RingGeometry((163.4, 156.7), (0.006, -0.004))


@cache
def glass(seed: int, species: tuple[str, ...] = ("Ta",), n_atoms: int = 800) -> ase.Atoms:
    """A quenched box of glass, atoms about 2.86 angstrom apart, species at random."""
    side = (n_atoms / 0.845) ** (1 / 3)
    places = quench_box(n_atoms, np.full(3, side), seed)
    size = 2.86 / 1.12
    names = np.random.default_rng(seed).choice(species, n_atoms)
    return ase.Atoms(names, places * size, cell=np.full(3, side * size), pbc=True)


def shadow(centre: tuple[float, float]) -> np.ndarray:
    """A rod that ends in a disc, both beside the beam."""
    x = np.arange(SIDE)[:, None] - centre[0] - 1
    y = np.arange(SIDE)[None, :] - centre[1] + 0.5
    return np.asarray((np.hypot(x, y) < 4) | ((np.abs(y - 0.1 * x) < 4) & (x < 0)))


def pattern(
    box: ase.Atoms, seed: int, counts: float = 2000.0, geometry: RingGeometry = GEOMETRY
) -> np.ndarray:
    """Counts of a box: elastic rings, a smooth inelastic background, beam stop, Poisson noise."""
    q = np.arange(0.3, 2 * np.pi * PIXEL * SIDE, 0.02)
    s = np.maximum(structure_factor(box, q, window="none").s, 0)
    grid = 2 * np.pi * PIXEL * geometry.radii((SIDE, SIDE))
    names, number = np.unique(box.get_chemical_symbols(), return_counts=True)
    factors = np.array([scattering_factor(grid / (2 * np.pi), str(name)) for name in names])
    share = number / number.sum()
    square = np.tensordot(share, factors**2, 1)
    elastic = square + np.tensordot(share, factors, 1) ** 2 * (np.interp(grid, q, s) - 1)
    expected = counts * (elastic / elastic[grid > 1.5].max() + 0.3 * np.exp(-grid / 3) + 0.01)
    dimmed = 1 - 0.98 * gaussian_filter(shadow(geometry.centre).astype(float), 1.0)
    return np.random.default_rng(seed).poisson(expected * dimmed).astype(np.float64)


def gold(seed: int, geometry: RingGeometry, width: float = 0.07) -> np.ndarray:
    """Counts of fine-grained gold on a falling background."""
    grid = 2 * np.pi * PIXEL * geometry.radii((SIDE, SIDE))
    expected = 3000 * np.exp(-grid / 1.5) + 50
    for q, strength in zip(*crystal_rings("Au", 12.0), strict=True):
        expected += 3000 * strength * np.exp(-q / 3 - ((grid - q) / width) ** 2 / 2)
    return np.random.default_rng(seed).poisson(expected).astype(np.float64)


def broadened(box: ase.Atoms, q_max: float, r: np.ndarray) -> np.ndarray:
    """g(r) of a box, counted, and convolved with the transform of the window in r, not in q."""
    counted = pair_distribution(box)
    density = len(box) / box.get_volume()
    reduced = 4 * np.pi * density * counted.r * (counted.g - 1) * counted.step
    q = (np.arange(0, q_max, 0.02) + 0.01)[:, None]
    u = np.arange(-45.0, 45.0, 0.01)
    kernel = np.concatenate(
        [
            (np.sinc(q / q_max) * np.cos(q * part)).sum(axis=0) * 0.02 / np.pi
            for part in np.array_split(u, 20)
        ]
    )
    change = [
        (np.interp(one - counted.r, u, kernel) - np.interp(one + counted.r, u, kernel)) @ reduced
        for one in r
    ]
    return 1 + np.array(change) / (4 * np.pi * density * r)
