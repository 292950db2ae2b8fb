"""The quench of a Lennard-Jones melt, as a ball in vacuum or in a periodic box."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

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
FREE = (0.0, 0.0, 0.0)  # no periodic boundaries
SHORTEST_SIDE = CUTOFF + SKIN  # of a periodic box, so that no atom sees itself


def quench_ball(n_atoms: int, seed: int) -> NDArray[np.float64]:
    """Quench a ball of glass in vacuum.

    Parameters
    ----------
    n_atoms
        Number of atoms.
    seed
        Seed of the random start.

    Returns
    -------
    Shape (n_atoms, 3): positions in reduced units about the centre of mass.

    Notes
    -----
    MATLAB: none
    """
    rng = np.random.default_rng(seed)
    # Rounded, because a difference in the last bit of the cube root would change the particle.
    radius = round((3 * n_atoms / (4 * np.pi * GLASS_DENSITY)) ** (1 / 3), 9)
    positions = _points_in_sphere(n_atoms, radius, rng)
    # Uniform, not normal, which would need logarithms; they soon become normal in the melt.
    velocities = rng.uniform(-1, 1, (n_atoms, 3))
    wall = 1.03 * radius + 0.3
    _push_apart(positions, wall, PUSH_STEPS)
    velocities -= velocities.mean(axis=0)
    _quench(positions, velocities, wall, QUENCH_STEPS, HOT, COLD)
    positions -= positions.mean(axis=0)
    return positions


def quench_box(n_atoms: int, sides: ArrayLike, seed: int) -> NDArray[np.float64]:
    """Quench a glass in a box with periodic boundaries, as in :func:`quench_ball`.

    Parameters
    ----------
    n_atoms
        Number of atoms.
    sides
        Shape (3,): sides of the box in reduced units, each at least :data:`SHORTEST_SIDE`.
    seed
        Seed of the random start.

    Returns
    -------
    Shape (n_atoms, 3): positions in reduced units, inside the box centred on the origin.

    Notes
    -----
    MATLAB: none
    """
    box = np.array(sides, dtype=np.float64)
    rng = np.random.default_rng(seed)
    positions = rng.uniform(-0.5, 0.5, (n_atoms, 3)) * box
    velocities = rng.uniform(-1, 1, (n_atoms, 3))
    _push_apart(positions, np.inf, PUSH_STEPS, tuple(box))
    velocities -= velocities.mean(axis=0)
    _quench(positions, velocities, np.inf, QUENCH_STEPS, HOT, COLD, tuple(box))
    positions -= box * np.round(positions / box)
    return positions


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
def _with_images(positions, box, reach):  # type: ignore[no-untyped-def]
    """Atoms, wrapped into the box in place, and those periodic images that are within reach of it.

    Returns positions of atoms and then images, and per image its atom and displacement.
    """
    n = positions.shape[0]
    for d in range(3):
        if box[d] > 0:
            for i in range(n):
                positions[i, d] -= box[d] * np.floor(positions[i, d] / box[d] + 0.5)
    everything = positions.copy()
    owners = np.empty(0, np.int64)
    moves = np.empty((0, 3))
    move = np.zeros(3)
    turns = np.zeros(3, np.int64)
    for d in range(3):
        turns[d] = 1 if box[d] > 0 else 0
    for a in range(-turns[0], turns[0] + 1):
        for b in range(-turns[1], turns[1] + 1):
            for c in range(-turns[2], turns[2] + 1):
                if a == 0 and b == 0 and c == 0:
                    continue
                move[0], move[1], move[2] = a * box[0], b * box[1], c * box[2]
                near = np.ones(n, np.bool_)
                for d in range(3):
                    if move[d] != 0:
                        for i in range(n):
                            if abs(positions[i, d] + move[d]) > 0.5 * box[d] + reach:
                                near[i] = False
                chosen = np.flatnonzero(near)
                owners = np.concatenate((owners, chosen))
                shifts = np.empty((chosen.size, 3))
                shifts[:] = move
                moves = np.concatenate((moves, shifts))
                everything = np.concatenate((everything, positions[chosen] + move))
    return everything, owners, moves


@njit(cache=True)
def _list_neighbours(positions, box, reach):  # type: ignore[no-untyped-def]
    """As `_with_images`, and pairs of which at least one is an atom and no image."""
    everything, owners, moves = _with_images(positions, box, reach)
    starts, partners = _list_pairs(everything, reach)
    n = positions.shape[0]
    # The image of a pair acts on the images only.
    starts[n:] = starts[n]
    return everything, owners, moves, starts, partners


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
def _push_apart(positions, wall, steps, box=FREE):  # type: ignore[no-untyped-def]
    """Steepest descent with bounded steps: separates the random points."""
    n = positions.shape[0]
    for _ in range(steps):
        everything, _, _, starts, partners = _list_neighbours(positions, box, CUTOFF)
        forces = np.empty(everything.shape)
        _forces(everything, starts, partners, wall, 0.8, forces)
        for i in range(n):
            size = np.sqrt(forces[i, 0] ** 2 + forces[i, 1] ** 2 + forces[i, 2] ** 2)
            scale = min(0.002, 0.05 / (size + 1e-12))
            for d in range(3):
                positions[i, d] += scale * forces[i, d]


@njit(cache=True)
def _quench(positions, velocities, wall, steps, hot, cold, box=FREE):  # type: ignore[no-untyped-def]
    """Molecular dynamics (velocity Verlet) with a linear temperature ramp from hot to cold."""
    n = positions.shape[0]
    everything, owners, moves, starts, partners = _list_neighbours(positions, box, CUTOFF + SKIN)
    listed = positions.copy()
    forces = np.empty(everything.shape)
    _forces(everything, starts, partners, wall, 0.7, forces)
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
            everything, owners, moves, starts, partners = _list_neighbours(
                positions, box, CUTOFF + SKIN
            )
            listed = positions.copy()
            forces = np.empty(everything.shape)
        else:
            everything[:n] = positions
            for k in range(owners.size):
                for d in range(3):
                    everything[n + k, d] = positions[owners[k], d] + moves[k, d]
        _forces(everything, starts, partners, wall, 0.7, forces)
        for i in range(n):
            for d in range(3):
                velocities[i, d] += 0.5 * TIME_STEP * forces[i, d]
