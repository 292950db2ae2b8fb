"""Choice of networks that share no atom among clusters that overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ase
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.structure.medium_range.lattice_fit import rigid_fit
from aet_port.structure.medium_range.lattices import LATTICES, rotation_matrix, site_bonds
from aet_port.structure.medium_range.search import Cluster

# Angstrom. Two close-packed layers belong to fcc as well as to hcp; the two fits of such a cluster
# end up to 7e-8 apart in the root mean square, which on the machine of the publication fell in
# favour of fcc. Clusters that are not the same differ by 8e-7 and more there.
TIE = 4e-7
# Angstrom. Fits in closed form of the two agree but for rounding, and fcc comes first.
ROUNDING = 1e-9


@dataclass(frozen=True, repr=False)
class Network(Shown):
    """Solute centres near sites of one lattice.

    Attributes
    ----------
    lattice
        One of ``LATTICES``.
    root
        Atom from which the cluster grew; trimming may have taken it away.
    atoms
        Shape (n,): indices of the solute centres.
    positions
        Shape (n, 3), angstrom, in one piece where it lies across periodic faces.
    sites
        Shape (n, 3): lattice site b of each centre in units of the lattice constant a, the root's
        at the origin, before the rotation R: centres lie near ``a R b`` but for a shift.
    shift
        Shape (n,): distance of each centre from its site as the search fitted them, angstrom.
    search_parameters
        Shape (5,): lattice constant in angstrom, signed, and quaternion of the search's fit.
    lattice_constant
        Distance of nearest sites, angstrom, of the best fit to all centres.
    orientation
        Shape (3, 3): rotation that turns the lattice into the network in this fit. Symmetry
        operations of the lattice lead to other rotations that are as good. Where the sites lie on
        one line it is the rotation of the search.
    rms
        Root mean square distance from the sites of this fit, angstrom.
    """

    lattice: str
    root: int
    atoms: NDArray[np.int64]
    positions: NDArray[np.float64]
    sites: NDArray[np.float64]
    shift: NDArray[np.float64]
    search_parameters: NDArray[np.float64]
    lattice_constant: float
    orientation: NDArray[np.float64]
    rms: float

    def _facts(self) -> dict[str, object]:
        return {
            "lattice": self.lattice,
            "centres": len(self),
            "lattice constant": angstrom(self.lattice_constant),
            "rms": angstrom(self.rms),
        }

    def __len__(self) -> int:
        return len(self.atoms)

    @property
    def length(self) -> float:
        """Longest distance between two centres, angstrom."""
        return float(pdist(self.positions).max())

    @property
    def volume(self) -> float:
        """Volume of the convex hull of the centres, cubic angstrom; 0 for coplanar ones."""
        return hull_volume(self.positions)


def best_cluster(clusters: Sequence[Cluster], tie: float = 0.0) -> Cluster:
    """The largest cluster, of several the one closest to its sites, of equals the first.

    Parameters
    ----------
    clusters
        At least one.
    tie
        Difference of root mean squares up to which clusters are equals, angstrom; of such, as all
        pairs are, the one of the least lattice constant is taken.

    Notes
    -----
    MATLAB: 8_Data_analysis_mro/src/max_N_atoms.m and min_rms.m
    """
    if not clusters:
        raise InputError("clusters", "none", "at least one cluster")
    most = max(len(cluster) for cluster in clusters)
    largest = [cluster for cluster in clusters if len(cluster) == most]
    least = min(cluster.rms for cluster in largest)
    equal = [cluster for cluster in largest if cluster.rms <= least + tie]
    if tie > 0:
        least = min(cluster.lattice_constant for cluster in equal)
        equal = [cluster for cluster in equal if cluster.lattice_constant <= least + tie]
    return equal[0]


def assign_networks(
    atoms: AtomicModel | ase.Atoms,
    clusters: Mapping[str, Sequence[Sequence[Cluster]]],
    *,
    reference_quirks: bool = False,
) -> list[Network]:
    """Networks that share no atom, chosen among clusters that overlap.

    Repeatedly, the largest cluster is taken (of equals the one closest to its lattice), its atoms
    are removed from all others, and each of these keeps its largest connected part. The fits of the
    clusters are not changed.

    Parameters
    ----------
    atoms
        The solute centres.
    clusters
        From ``search_clusters``; of the clusters around one root
        only the closest to its lattice takes part.
    reference_quirks
        If True, trim as the reference does, which cuts the bonds of the first members instead of
        those removed, and keeps the part with the member that has the number of the largest part;
        and take the first of clusters whose fits differ by less than ``TIE``.

    Raises
    ------
    InputError
        For clusters with atoms that do not exist.

    Notes
    -----
    MATLAB: 8_Data_analysis_mro/Main_2_final_mro.m, src/reduce_ind.m, reduce_ind_group.m,
    Cluster_graph.m, create_graph.m. Deviates: see ``reference_quirks``; each network is fitted
    again at the end, only for its lattice constant and orientation.
    """
    atoms = as_atoms(atoms)
    ordered = [name for name in LATTICES if name in clusters]
    tie = 0.0 if reference_quirks else ROUNDING
    pool = [best_cluster(found, tie) for name in ordered for found in clusters[name]]
    if not reference_quirks:  # of equals, as all pairs are, the first is taken: the smallest
        place = {name: k for k, name in enumerate(ordered)}
        pool.sort(key=lambda one: (place[one.lattice], round(one.lattice_constant, 9)))
    sizes = np.array([len(c) for c in pool], dtype=np.int64)
    first = np.concatenate([[0], np.cumsum(sizes)])
    block = np.concatenate([[0], np.cumsum(sizes**2)])
    members, bonds = np.empty(first[-1], dtype=np.int64), np.empty(block[-1], dtype=np.bool_)
    shift, row = np.empty(first[-1]), np.empty(first[-1], dtype=np.int64)
    for k, cluster in enumerate(pool):
        if cluster.atoms.max() >= len(atoms):
            raise InputError("clusters", f"atom {cluster.atoms.max()}", f"atoms below {len(atoms)}")
        here = slice(first[k], first[k + 1])
        members[here], shift[here], row[here] = cluster.atoms, cluster.shift, np.arange(sizes[k])
        bonds[block[k] : block[k + 1]] = site_bonds(cluster.sites, cluster.lattice).ravel()
    chosen, length, rows = _assign(
        sizes, first, block, members, row, bonds, shift, len(atoms), reference_quirks
    )
    ends = np.cumsum(length)
    return [
        _network(atoms, pool[k], rows[end - n : end])
        for k, n, end in zip(chosen.tolist(), length.tolist(), ends.tolist(), strict=True)
    ]


def hull_volume(points: NDArray[np.float64]) -> float:
    """Volume of the convex hull of points (n, 3), 0 for coplanar ones."""
    centred = points - points.mean(axis=0)
    extent = np.linalg.svd(centred, compute_uv=False)
    if len(points) < 4 or extent[2] <= 1e-9 * extent[0]:
        return 0.0
    return float(ConvexHull(points).volume)


def _network(atoms: ase.Atoms, cluster: Cluster, rows: NDArray[np.int64]) -> Network:
    """The members ``rows`` of a cluster and the lattice fitted to all of them."""
    offsets, sites = cluster.offsets[rows], cluster.sites[rows]
    orientation = rotation_matrix(cluster.quaternion)
    if cluster.lattice_constant < 0:
        # The inverse of a lattice is the lattice itself, for hcp rotated by 180 degrees about c.
        hcp = cluster.lattice == "hcp"
        orientation = orientation @ np.diag([-1.0, -1.0, 1.0]) if hcp else orientation
        sites = sites * np.array([1.0, 1.0, -1.0]) if hcp else -sites
    a, orientation, residual = rigid_fit(offsets, sites, orientation)
    return Network(
        cluster.lattice,
        int(cluster.atoms[0]),
        cluster.atoms[rows],
        atoms.positions[cluster.atoms[0]] + offsets,
        sites,
        cluster.shift[rows],
        np.array([cluster.lattice_constant, *cluster.quaternion]),
        a,
        orientation,
        residual,
    )


@njit(cache=True)
def _assign(  # type: ignore[no-untyped-def]
    sizes, first, block, members, row, bonds, shift, n_atoms, quirks
):
    """Which clusters become networks, how many members each keeps, and their rows, end to end."""
    n = sizes.copy()
    graph = bonds.copy()
    rms = np.empty(len(n))
    for k in range(len(n)):
        rms[k] = _root_mean_square(shift[first[k] : first[k + 1]])
    struck = np.zeros(n_atoms, dtype=np.bool_)
    chosen = np.empty(n_atoms, dtype=np.int64)
    rows, taken = np.empty(n_atoms, dtype=np.int64), np.empty(n_atoms, dtype=np.int64)
    length = np.empty(n_atoms, dtype=np.int64)
    networks, filled = 0, 0
    while len(n) > 0:
        most = n.max()
        if most <= 1:
            break
        least = np.inf
        for k in range(len(n)):
            if n[k] == most:
                least = min(least, rms[k])
        pick = 0
        while n[pick] != most or rms[pick] > least + (TIE if quirks else ROUNDING):
            pick += 1
        chosen[networks], length[networks] = pick, most
        networks += 1
        start = filled
        for k in range(first[pick], first[pick] + most):
            taken[filled], rows[filled] = members[k], row[k]
            struck[members[k]] = True
            filled += 1
        for k in range(len(n)):
            if n[k] == 0 or sizes[k] == 1:
                continue
            here, square = slice(first[k], first[k + 1]), slice(block[k], block[k + 1])
            n[k] = _reduce(
                n[k],
                members[here],
                row[here],
                shift[here],
                graph[square].reshape(sizes[k], sizes[k]),
                struck,
                quirks,
            )
            rms[k] = 0.0 if n[k] == 1 else _root_mean_square(shift[first[k] : first[k] + n[k]])
        for k in range(start, filled):
            struck[taken[k]] = False
    return chosen[:networks], length[:networks], rows[:filled]


@njit(cache=True)
def _reduce(n, members, row, shift, graph, struck, quirks):  # type: ignore[no-untyped-def]
    """Strike atoms from the ``n`` members of a cluster, in place; how many stay.

    What stays is the largest connected part, of equal ones that of the earliest member; with
    ``quirks`` what the reference keeps, in ascending order.
    """
    if n == 1:
        return 0 if quirks or struck[members[0]] else 1
    common = 0
    for k in range(n):
        if struck[members[k]]:
            cut = common if quirks else k
            for other in range(n):
                graph[cut, other] = graph[other, cut] = False
            common += 1
    if common == 0 and not quirks:
        return n
    part = np.full(n, -1, dtype=np.int64)
    queue = np.empty(n, dtype=np.int64)
    parts = 0
    for seed in range(n):
        if part[seed] >= 0:
            continue
        part[seed], queue[0], head, tail = parts, seed, 0, 1
        while head < tail:
            one = queue[head]
            head += 1
            for two in range(n):
                if graph[one, two] and part[two] < 0:
                    part[two], queue[tail] = parts, two
                    tail += 1
        parts += 1
    left = np.zeros(parts, dtype=np.int64)
    for k in range(n):
        if not struck[members[k]]:
            left[part[k]] += 1
    keep = np.argmax(left)
    if quirks:
        keep = part[keep]
    # The reference's setdiff sorts, which decides what its next cut hits.
    stay = np.empty(n, dtype=np.int64)
    count = 0
    for k in range(n):
        if part[k] == keep and not struck[members[k]]:
            h = count
            while quirks and h > 0 and members[stay[h - 1]] > members[k]:
                stay[h] = stay[h - 1]
                h -= 1
            stay[h] = k
            count += 1
    old_members, old_row, old_shift = members.copy(), row.copy(), shift.copy()
    old_graph = graph.copy()
    for one in range(count):
        source = stay[one]
        members[one], row[one], shift[one] = old_members[source], old_row[source], old_shift[source]
        for two in range(count):
            graph[one, two] = old_graph[source, stay[two]]
    return count


@njit(cache=True)
def _root_mean_square(values):  # type: ignore[no-untyped-def]
    total = 0.0
    for value in values:
        total += value * value
    return np.sqrt(total / max(len(values), 1))
