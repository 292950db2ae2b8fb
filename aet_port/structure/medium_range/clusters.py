"""Solute centres, the atoms that their clusters share, and the extent of networks of clusters."""

from __future__ import annotations

from dataclasses import dataclass

import ase
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import csr_array
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.structure.medium_range.assignment import hull_volume
from aet_port.structure.medium_range.correction import LEAST, MediumRangeOrder
from aet_port.structure.medium_range.search import SHELL, check_shell
from aet_port.structure.neighbours import check_atoms, find_neighbours

SMOOTHING = 0.2  # angstrom: standard deviation of the Gaussian that smooths a distribution
FIRST_PEAK = 2.0  # angstrom: no centres are closer
MANY = 200  # points of which the hull is sought before their distances


@dataclass(frozen=True, repr=False)
class SharedAtoms(Shown):
    """Neighbouring solute-centred clusters.

    Attributes
    ----------
    pairs
        Shape (n, 2): atoms at the centres, the lower first, in lexicographic order.
    shared
        Shape (n,): atoms in both first shells; 1 shares a vertex, 2 an edge, 3 a face.
    """

    pairs: NDArray[np.int64]
    shared: NDArray[np.int64]

    def _facts(self) -> dict[str, object]:
        counts = " ".join(f"{shared}:{number}" for shared, number in self.counts().items())
        return {"pairs": len(self.pairs), "by atoms shared": counts}

    def counts(self, most: int = 5) -> dict[int, int]:
        """Number of pairs that share 1, 2, ... ``most`` atoms."""
        return {k: int((self.shared == k).sum()) for k in range(1, most + 1)}


@dataclass(frozen=True, repr=False)
class CentreDistribution(Shown):
    """Distribution of other centres around a centre.

    Attributes
    ----------
    r
        Shape (n,): middle of each bin, angstrom.
    density
        Shape (n,): other centres per cubic angstrom at that distance, mean over the centres.
    peak
        Distance of the highest peak, angstrom; NaN without pairs.
    """

    r: NDArray[np.float64]
    density: NDArray[np.float64]
    peak: float

    def _facts(self) -> dict[str, object]:
        return {"bins": len(self.r), "r up to": angstrom(self.r.max()), "peak": angstrom(self.peak)}


def solute_centres(
    atoms: AtomicModel | ase.Atoms, shell: tuple[float, float] = SHELL
) -> NDArray[np.bool_]:
    """Which atoms have another one in the shell of neighbouring solute centres, shape (n,).

    Of the 2690 amorphous type-3 atoms of the published particle 2682 have, the number that the
    glass paper gives (Extended Data Fig. 5).

    Parameters
    ----------
    atoms
        Solute atoms only.
    shell
        Least and greatest distance, angstrom.

    Raises
    ------
    InputError
        For unusable atoms or shell.
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms, least=2)
    least, most = check_shell(shell)
    pairs = find_neighbours(atoms, most)
    far = pairs.distances >= least
    result = np.zeros(len(atoms), dtype=bool)
    result[pairs.first[far]] = result[pairs.second[far]] = True
    return result


def shared_atoms(
    atoms: AtomicModel | ase.Atoms,
    centres: ArrayLike,
    cutoff: float,
    shell: tuple[float, float] = SHELL,
) -> SharedAtoms:
    """Atoms that neighbouring solute-centred clusters have in common (glass paper, Fig. 3a-e).

    Parameters
    ----------
    atoms
        All atoms.
    centres
        Indices of the solute centres, or one truth value per atom.
    cutoff
        Radius of the first shell, angstrom.
    shell
        Least and greatest distance of neighbouring centres, angstrom.

    Returns
    -------
    Pairs of centres within the shell that share at least one atom.

    Raises
    ------
    InputError
        For unusable atoms, centres, cutoff or shell.
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms)
    chosen = _check_centres(atoms, centres)
    least, most = check_shell(shell)
    bonds = find_neighbours(atoms, cutoff)
    one = np.concatenate([bonds.first, bonds.second])
    two = np.concatenate([bonds.second, bonds.first])
    incidence = csr_array((np.ones(len(one), dtype=np.int64), (one, two)), shape=(len(atoms),) * 2)
    near = find_neighbours(atoms[chosen], most)
    far = near.distances >= least
    pairs = np.stack([chosen[near.first[far]], chosen[near.second[far]]], axis=1)
    common = incidence[pairs[:, 0]].multiply(incidence[pairs[:, 1]])
    shared = np.asarray(common.sum(axis=1)).ravel().astype(np.int64)
    return SharedAtoms(pairs[shared > 0], shared[shared > 0])


def centre_distribution(
    centres: AtomicModel | ase.Atoms,
    mro: MediumRangeOrder,
    lattice: str,
    *,
    least: int = LEAST,
    r_max: float = 12.0,
    step: float = 0.02,
    smoothing: float = SMOOTHING,
) -> CentreDistribution:
    """Partial pair distribution of the centres in networks of one type (glass paper, Fig. 4c).

    Parameters
    ----------
    centres
        The solute centres that were searched.
    lattice
        Type of the networks.
    least
        Fewest centres of a network taken.
    r_max, step
        Range and width of a bin, angstrom.
    smoothing
        Standard deviation of the Gaussian the counts are smoothed with, angstrom.

    Raises
    ------
    InputError
        For another number of centres than searched, a type not searched for, or an unusable range.
    """
    centres = as_atoms(centres, "centres")
    if len(centres) != mro.n_atoms:
        raise InputError("centres", f"{len(centres)} atoms", f"the {mro.n_atoms} searched")
    if lattice not in mro.types:
        raise InputError("lattice", repr(lattice), f"one of {', '.join(mro.types)}")
    if not (0 < 2 * step <= r_max and smoothing >= 0):
        raise InputError(
            "step",
            f"{step!r} with smoothing {smoothing!r}",
            "0 < step <= r_max / 2, smoothing >= 0",
        )
    edges = np.arange(round(r_max / step) + 1) * step
    r = (edges[1:] + edges[:-1]) / 2
    networks = mro.chosen(lattice, least)
    if not networks:
        return CentreDistribution(r, np.zeros(len(r)), np.nan)
    chosen = np.concatenate([n.atoms for n in networks])
    distances = find_neighbours(centres[chosen], float(edges[-1])).distances
    counts = 2.0 * np.histogram(distances, edges)[0]
    if smoothing > 0:
        counts = gaussian_filter1d(counts, smoothing / step, mode="constant")
    density = counts / len(chosen) / (4 / 3 * np.pi * np.diff(edges**3))
    beyond = np.where(r >= FIRST_PEAK, density, 0.0)
    return CentreDistribution(r, density, float(r[beyond.argmax()]) if beyond.any() else np.nan)


def network_extents(
    atoms: AtomicModel | ase.Atoms, centres: ArrayLike, mro: MediumRangeOrder, cutoff: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Length and volume of each network with the atoms around its centres (glass paper).

    The paper does not say how it measured. With a first shell of 3.688 angstrom its mean lengths
    are 0.4 to 1.6 angstrom longer and its mean volumes 1.5 to 1.7 times as large.

    Parameters
    ----------
    atoms
        All atoms.
    centres
        Indices of the centres that were searched, or one truth value per atom, in their order.
    cutoff
        Radius of the first shell around a centre, angstrom.

    Returns
    -------
    Longest distance between two atoms of each network, shape (networks,), angstrom, and the volume
    of their convex hull, cubic angstrom.

    Raises
    ------
    InputError
        For unusable atoms, centres or cutoff.
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms)
    chosen = _check_centres(atoms, centres)
    if len(chosen) != mro.n_atoms:
        raise InputError("centres", f"{len(chosen)} atoms", f"the {mro.n_atoms} searched")
    bonds = find_neighbours(atoms, cutoff)
    one = np.concatenate([bonds.first, bonds.second])
    vectors = np.concatenate([bonds.vectors, -bonds.vectors])
    order = np.argsort(one, kind="stable")
    start = np.searchsorted(one[order], np.arange(len(atoms) + 1))
    length, volume = np.empty(len(mro)), np.empty(len(mro))
    for k, network in enumerate(mro.networks):
        parts = [network.positions]
        for place, atom in zip(network.positions, chosen[network.atoms].tolist(), strict=True):
            parts.append(place + vectors[order[start[atom] : start[atom + 1]]])
        points = np.concatenate(parts)
        volume[k] = hull_volume(points)
        if len(points) > MANY and volume[k] > 0:
            points = points[ConvexHull(points).vertices]
        length[k] = pdist(points).max()
    return length, volume


def _check_centres(atoms: ase.Atoms, centres: ArrayLike) -> NDArray[np.int64]:
    """Indices of the centres."""
    chosen = np.asarray(centres)
    if chosen.dtype == bool:
        if chosen.shape != (len(atoms),):
            raise InputError(
                "centres", f"shape {chosen.shape}", f"one value per atom, ({len(atoms)},)"
            )
        chosen = np.flatnonzero(chosen)
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu" or len(chosen) == 0:
        raise InputError("centres", f"{centres!r}", "indices of atoms or one truth value per atom")
    if chosen.min() < 0 or chosen.max() >= len(atoms) or len(np.unique(chosen)) != len(chosen):
        raise InputError(
            "centres",
            f"indices {chosen.min()} to {chosen.max()}",
            f"different indices of atoms, 0 to {len(atoms) - 1}",
        )
    return chosen.astype(np.int64)
