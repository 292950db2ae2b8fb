"""A synthetic metallic glass with known atoms, for tests of the whole chain."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase.data import atomic_numbers, reference_states
from numba import njit
from numpy.typing import NDArray

from aet_port.core.data import AtomicModel
from aet_port.core.errors import InputError

# Reduced units: the pair potential has its minimum at a distance of 2**(1/6), depth and mass are 1.
CUTOFF = 2.1  # the force is zero beyond
TAPER = 1.8  # the force decreases smoothly to zero from here
SKIN = 0.35  # atoms may move half of it before the pairs are listed again
TIME_STEP = 0.008
PUSH_STEPS = 150
QUENCH_STEPS = 2000
# The melt is cooled to its glass transition and no further: its disorder there represents the
# static disorder of a real film, whose first valley a fully relaxed glass would not show.
HOT, COLD = 1.0, 0.45
WALL_STIFFNESS = 20.0
# Measured on quenched particles of 500 to 6000 atoms: atoms per volume of Voronoi cells well below
# the surface, spread 2 %. It converts the requested density to the length unit.
GLASS_DENSITY = 0.845
GLASS_TO_CRYSTAL = 0.88  # gives Ta about the 0.05 atoms per cubic angstrom of the measured film
ATOMS_PER_CELL = {"bcc": 2, "fcc": 4, "diamond": 8}


def glass_density(species: str) -> float:
    """Atoms per cubic angstrom in a monatomic glass, taken as 88 % of its crystal's density.

    Ta: 0.0485, compared with 0.0551 of the bcc crystal.

    Parameters
    ----------
    species
        Chemical symbol.

    Raises
    ------
    InputError
        For a symbol without a cubic or hexagonal crystal in ASE's table.
    """
    number = atomic_numbers.get(species)
    state: dict[str, Any] = (reference_states[number] if number is not None else None) or {}
    symmetry = state.get("symmetry")
    if symmetry in ATOMS_PER_CELL:
        crystal = ATOMS_PER_CELL[symmetry] / state["a"] ** 3
    elif symmetry == "hcp":
        crystal = 4 / (np.sqrt(3) * state["a"] ** 3 * state["c/a"])
    else:
        raise InputError(
            "species", f"{species!r}", "an element with a cubic or hcp crystal, or give density"
        )
    return float(GLASS_TO_CRYSTAL * crystal)


def amorphous_particle(
    n_atoms: int = 1000, species: str = "Ta", seed: int = 0, density: float | None = None
) -> AtomicModel:
    """Make a spherical particle of a monatomic glass by quenching a melt.

    Random points in a sphere are pushed apart, simulated as a melt with a truncated Lennard-Jones
    potential and cooled to the glass transition within 16 time units of the potential, far too
    fast to crystallise. The result is polytetrahedral like the glasses of the papers: 0.7
    pentagonal bipyramids (distortion <= 0.255) per atom, compared with 0.25 in the measured Ta
    film. For Ta the pair distribution has its first peak near 2.86 angstrom, its first valley near
    4.0 angstrom, and no pair is closer than 2.35. Only additions, multiplications, divisions and
    square roots are used, in a fixed order, so that a seed gives the same particle on every
    machine.

    Parameters
    ----------
    n_atoms
        Number of atoms, at least 13.
    species
        Chemical symbol of all atoms.
    seed
        Seed of the random start.
    density
        Atoms per cubic angstrom inside the particle; :func:`glass_density` unless given.

    Returns
    -------
    Model with the centre of mass on the origin (the rotation centre).

    Raises
    ------
    InputError
        For too few atoms, an unknown symbol or a density that is not above zero.

    MATLAB: none; the reference has no generator of samples
    """
    if isinstance(n_atoms, bool) or not isinstance(n_atoms, (int, np.integer)) or n_atoms < 13:
        raise InputError("n_atoms", f"{n_atoms!r}", "a whole number of 13 or more")
    if species not in atomic_numbers or species == "X":
        raise InputError("species", f"{species!r}", "a chemical symbol such as 'Ta'")
    wanted = glass_density(species) if density is None else float(density)
    if not (np.isfinite(wanted) and wanted > 0):
        raise InputError("density", f"{density!r}", "atoms per cubic angstrom, above zero")

    rng = np.random.default_rng(seed)
    # Rounded, because a difference in the last bit of the cube root would change the particle.
    radius = round((3 * n_atoms / (4 * np.pi * GLASS_DENSITY)) ** (1 / 3), 9)
    positions = _points_in_sphere(int(n_atoms), radius, rng)
    # Uniform, not normal, which would need logarithms; they soon become normal in the melt.
    velocities = rng.uniform(-1, 1, (int(n_atoms), 3))
    wall = 1.03 * radius + 0.3
    _push_apart(positions, wall, PUSH_STEPS)
    velocities -= velocities.mean(axis=0)
    _quench(positions, velocities, wall, QUENCH_STEPS, HOT, COLD)
    positions -= positions.mean(axis=0)
    positions *= (GLASS_DENSITY / wanted) ** (1 / 3)
    model = AtomicModel.from_positions(positions, species, name=f"amorphous {species} particle")
    model.metadata.update({"seed": seed, "density": wanted, "generator": "amorphous_particle"})
    return model


def _points_in_sphere(n: int, radius: float, rng: np.random.Generator) -> NDArray[np.float64]:
    # By rejection, because cube roots and cosines differ in the last bit between machines.
    kept = np.empty((0, 3))
    while len(kept) < n:
        points = rng.uniform(-1, 1, size=(2 * n, 3))
        kept = np.concatenate([kept, points[(points**2).sum(axis=1) < 1]])
    return np.ascontiguousarray(kept[:n] * radius)


@njit(cache=True)
def _list_pairs(positions, reach):  # type: ignore[no-untyped-def]
    """Pairs closer than ``reach`` from a grid of cells: starts (n + 1) and partners, each once."""
    n = positions.shape[0]
    low = np.empty(3)
    cells = np.empty(3, np.int64)
    for d in range(3):
        low[d] = high = positions[0, d]
        for i in range(n):
            low[d] = min(low[d], positions[i, d])
            high = max(high, positions[i, d])
        cells[d] = int((high - low[d]) / reach) + 1
    where = np.empty((n, 3), np.int64)
    first = np.full(cells[0] * cells[1] * cells[2], -1, np.int64)
    following = np.empty(n, np.int64)
    for i in range(n - 1, -1, -1):
        for d in range(3):
            where[i, d] = int((positions[i, d] - low[d]) / reach)
        cell = (where[i, 0] * cells[1] + where[i, 1]) * cells[2] + where[i, 2]
        following[i] = first[cell]
        first[cell] = i
    starts = np.zeros(n + 1, np.int64)
    partners = np.empty(64 * n, np.int64)
    count = 0
    for i in range(n):
        for a in range(max(0, where[i, 0] - 1), min(cells[0], where[i, 0] + 2)):
            for b in range(max(0, where[i, 1] - 1), min(cells[1], where[i, 1] + 2)):
                for c in range(max(0, where[i, 2] - 1), min(cells[2], where[i, 2] + 2)):
                    j = first[(a * cells[1] + b) * cells[2] + c]
                    while j >= 0:
                        if j > i:
                            x = positions[i, 0] - positions[j, 0]
                            y = positions[i, 1] - positions[j, 1]
                            z = positions[i, 2] - positions[j, 2]
                            if x * x + y * y + z * z < reach * reach:
                                if count == partners.size:
                                    larger = np.empty(2 * count, np.int64)
                                    larger[:count] = partners
                                    partners = larger
                                partners[count] = j
                                count += 1
                        j = following[j]
        starts[i + 1] = count
    return starts, partners[:count].copy()


@njit(cache=True)
def _forces(positions, starts, partners, wall, closest, forces):  # type: ignore[no-untyped-def]
    """Lennard-Jones forces, constant below ``closest``, tapered to zero from TAPER to CUTOFF.

    Outside a sphere of radius ``wall`` a spring pulls atoms back, so that none evaporates.
    """
    forces[:] = 0.0
    outer, inner = CUTOFF * CUTOFF, TAPER * TAPER
    for i in range(positions.shape[0]):
        for k in range(starts[i], starts[i + 1]):
            j = partners[k]
            x = positions[i, 0] - positions[j, 0]
            y = positions[i, 1] - positions[j, 1]
            z = positions[i, 2] - positions[j, 2]
            square = x * x + y * y + z * z
            if square >= outer:
                continue
            inverse = 1.0 / max(square, closest * closest)
            sixth = inverse * inverse * inverse
            strength = 24.0 * inverse * sixth * (2.0 * sixth - 1.0)
            if square > inner:
                t = (outer - square) / (outer - inner)
                strength *= t * t * (3.0 - 2.0 * t)
            forces[i, 0] += strength * x
            forces[i, 1] += strength * y
            forces[i, 2] += strength * z
            forces[j, 0] -= strength * x
            forces[j, 1] -= strength * y
            forces[j, 2] -= strength * z
        distance = np.sqrt(positions[i, 0] ** 2 + positions[i, 1] ** 2 + positions[i, 2] ** 2)
        if distance > wall:
            pull = -WALL_STIFFNESS * (distance - wall) / distance
            for d in range(3):
                forces[i, d] += pull * positions[i, d]


@njit(cache=True)
def _moved(positions, listed):  # type: ignore[no-untyped-def]
    """Whether an atom has moved farther than half the skin since the pairs were listed."""
    limit = 0.25 * SKIN * SKIN
    for i in range(positions.shape[0]):
        x = positions[i, 0] - listed[i, 0]
        y = positions[i, 1] - listed[i, 1]
        z = positions[i, 2] - listed[i, 2]
        if x * x + y * y + z * z > limit:
            return True
    return False


@njit(cache=True)
def _push_apart(positions, wall, steps):  # type: ignore[no-untyped-def]
    """Steepest descent with bounded steps: separates the random points."""
    n = positions.shape[0]
    forces = np.empty((n, 3))
    for _ in range(steps):
        starts, partners = _list_pairs(positions, CUTOFF)
        _forces(positions, starts, partners, wall, 0.8, forces)
        for i in range(n):
            size = np.sqrt(forces[i, 0] ** 2 + forces[i, 1] ** 2 + forces[i, 2] ** 2)
            scale = min(0.002, 0.05 / (size + 1e-12))
            for d in range(3):
                positions[i, d] += scale * forces[i, d]


@njit(cache=True)
def _quench(positions, velocities, wall, steps, hot, cold):  # type: ignore[no-untyped-def]
    """Molecular dynamics (velocity Verlet) with a linear temperature ramp from hot to cold."""
    n = positions.shape[0]
    forces = np.empty((n, 3))
    listed = positions.copy()
    starts, partners = _list_pairs(positions, CUTOFF + SKIN)
    _forces(positions, starts, partners, wall, 0.7, forces)
    for step in range(steps):
        if step % 10 == 0:
            kinetic = 0.0
            for i in range(n):
                for d in range(3):
                    kinetic += velocities[i, d] ** 2
            wanted = hot + (cold - hot) * step / steps
            scale = np.sqrt(3.0 * n * wanted / kinetic)
            for i in range(n):
                for d in range(3):
                    velocities[i, d] *= scale
        for i in range(n):
            for d in range(3):
                velocities[i, d] += 0.5 * TIME_STEP * forces[i, d]
                positions[i, d] += TIME_STEP * velocities[i, d]
        if _moved(positions, listed):
            listed = positions.copy()
            starts, partners = _list_pairs(positions, CUTOFF + SKIN)
        _forces(positions, starts, partners, wall, 0.7, forces)
        for i in range(n):
            for d in range(3):
                velocities[i, d] += 0.5 * TIME_STEP * forces[i, d]
