"""Breadth-first search for clusters of atoms that lie near the sites of a lattice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.errors import InputError
from aet_port.core.parallel import check_threads, map_threads
from aet_port.core.progress import progress_bar
from aet_port.structure.medium_range.all_starts import grow_from_all
from aet_port.structure.medium_range.growth import grow_clusters
from aet_port.structure.medium_range.lattice_fit import lattice_deviation
from aet_port.structure.medium_range.lattices import (
    LATTICES,
    NEIGHBOURS,
    TURNS,
    WALKS,
    lattice_number,
)
from aet_port.structure.neighbours import check_atoms, find_neighbours

SHELL = (3.858, 6.079)  # angstrom: distances of neighbouring solute centres in the glass paper
CUTOFF = 0.75  # angstrom
TYPES = ("fcc", "hcp", "bcc", "sc")
MAX_STATES = 100_000  # clusters of one size, grown from one root, before the search gives up
ROOTS = 4  # roots of one piece of work


@dataclass(frozen=True)
class Cluster:
    """Atoms near sites of one lattice, the root on its origin.

    Attributes
    ----------
    lattice
        One of ``LATTICES``.
    atoms
        Shape (n,): indices of the atoms in the order in which they joined, the root first.
    offsets
        Shape (n, 3): from the root to each atom, angstrom, across periodic faces where needed.
    sites
        Shape (n, 3): site of each atom, the root's at the origin, in units of the lattice constant
        and in the orientation of ``neighbour_vectors``.
    lattice_constant
        Distance of nearest sites, angstrom; negative if the fit inverted the lattice.
    quaternion
        Shape (4,): orientation, scalar first.
    shift
        Shape (n,): distance of each atom from its site, angstrom.
    """

    lattice: str
    atoms: NDArray[np.int64]
    offsets: NDArray[np.float64]
    sites: NDArray[np.float64]
    lattice_constant: float
    quaternion: NDArray[np.float64]
    shift: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.atoms)

    @property
    def rms(self) -> float:
        """Root mean square of ``shift``, angstrom."""
        return float(np.sqrt(np.mean(self.shift**2)))


def search_clusters(
    atoms: AtomicModel | ase.Atoms,
    *,
    cutoff: float = CUTOFF,
    types: Sequence[str] = TYPES,
    shell: tuple[float, float] = SHELL,
    roots: Sequence[int] | NDArray[np.int64] | None = None,
    reference_quirks: bool = False,
    max_states: int = MAX_STATES,
    threads: int | None = None,
    show_progress: bool = False,
) -> dict[str, list[list[Cluster]]]:
    """The largest clusters around every atom that fit each lattice (glass paper, Methods).

    Breadth first: each atom next to a member of a cluster of n atoms is a candidate to join it, on
    the site nearest to it in the lattice fitted to the cluster, which must be free and next to a
    filled one. The lattice, its origin on the root, is then fitted again, and the cluster is kept
    if all its atoms lie within ``cutoff`` of their sites.

    Two atoms, and any on one line, leave a turn of the lattice open: there the fit starts once
    from every free site next to a filled one. All ways of laying the same atoms on the lattice,
    other than by its symmetry, are followed up. The fit is the best one, in closed form. So the
    result depends neither on the orientation of the sample nor on the order of its atoms, and
    nothing is drawn at random.

    The reference starts each fit along the axes, stops it at a small gradient, keeps the fit of
    seven atoms for larger clusters, and tries a set of atoms only from the first cluster that leads
    to it: two turns of the glass particle gave 75/96/22/22 and 69/99/33/23 fcc/hcp/bcc/sc-like
    networks of five or more centres in this way (with its other flaws corrected; published are
    85/71/31/17). From every start there are 64/102/19/16 in any orientation.

    Parameters
    ----------
    atoms
        Solute centres only.
    cutoff
        Angstrom.
    types
        Which of ``LATTICES``.
    shell
        Least and greatest distance of neighbours, angstrom; the least is also the unit of length of
        the fit and its lattice constant at the start.
    roots
        Atoms to start from, all unless given.
    reference_quirks
        Search as the reference does: fits by its descent from one start, for up to seven atoms;
        accept every second atom, and no third one if the lattice constant came out negative; walk
        to the site of an atom by nearest neighbours only, in hcp with some of them missed.
    max_states
        Largest number of clusters of one size from one root; in a crystal it would explode.
    threads
        Number of threads; all cores unless given. The result does not depend on it.

    Returns
    -------
    For each lattice and root all clusters of the largest size found, in the order of discovery.

    Raises
    ------
    InputError
        For unusable atoms, cutoff, shell, types, roots, or more clusters than ``max_states``.

    Notes
    -----
    MATLAB: 8_Data_analysis_mro/Main_1_potential_mro.m and src/find_mro_mancut.m,
    src/Cluster_mancut_new.m::add_pos. Deviates: keeps every type (the script overwrites all but the
    last); no random truncation; periodic cells are taken; see ``reference_quirks``.
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms, least=2)
    numbers = _check_types(types)
    unit, reach = check_shell(shell)
    if not (np.isfinite(cutoff) and cutoff > 0):
        raise InputError("cutoff", f"{cutoff!r}", "a length above zero, in angstrom")
    if max_states < 1:
        raise InputError("max_states", f"{max_states!r}", "a whole number of at least 1")
    chosen = np.arange(len(atoms)) if roots is None else np.asarray(roots)
    if chosen.ndim != 1 or (
        len(chosen)
        and not (chosen.dtype.kind in "iu" and 0 <= chosen.min() <= chosen.max() < len(atoms))
    ):
        raise InputError("roots", f"{roots!r}", f"indices of atoms, 0 to {len(atoms) - 1}")
    start, neighbour, offset = _neighbour_table(atoms, unit, reach)
    table = (atoms.positions / unit, start, neighbour, offset / unit)

    pieces = [chosen[k : k + ROOTS].tolist() for k in range(0, len(chosen), ROOTS)]
    with progress_bar("medium-range order", len(chosen), show_progress) as report:

        def piece(some: list[int]) -> list[list[list[Cluster]]]:
            found = []
            for root in some:
                rows = []
                for number in numbers:
                    vectors = NEIGHBOURS[number]
                    if reference_quirks:
                        best = grow_clusters(
                            root, number, vectors, *table, cutoff / unit, max_states
                        )
                    else:
                        lattice = (WALKS[number], vectors, TURNS[number])
                        best = grow_from_all(
                            root, number, *lattice, *table, cutoff / unit, max_states
                        )
                    if len(best[0]) == 0:
                        raise InputError(
                            "atoms",
                            f"more than {max_states} {LATTICES[number]}-like clusters of one size "
                            f"around atom {root}",
                            "disordered atoms, without any crystal; in Python a lower cutoff or a "
                            "higher max_states of find_mro",
                        )
                    rows.append(_clusters(number, unit, *best))
                found.append(rows)
            report.advance(len(some))
            return found

        results = map_threads(piece, pieces, check_threads(threads))
    return {
        LATTICES[number]: [rows[k] for part in results for rows in part]
        for k, number in enumerate(numbers)
    }


def _check_types(types: Sequence[str]) -> list[int]:
    """Numbers of the lattices, ascending."""
    if isinstance(types, str) or not len(types) or len(set(types)) != len(types):
        raise InputError("types", f"{types!r}", f"different names out of {', '.join(LATTICES)}")
    return sorted(lattice_number(name) for name in types)


def check_shell(shell: tuple[float, float]) -> tuple[float, float]:
    """The two distances, ascending and above zero.

    Raises
    ------
    InputError
        If they are not.
    """
    if len(shell) != 2 or not (np.isfinite(shell).all() and 0 < shell[0] < shell[1]):
        raise InputError("shell", f"{shell!r}", "two ascending distances above zero, in angstrom")
    return float(shell[0]), float(shell[1])


def _neighbour_table(
    atoms: ase.Atoms, least: float, most: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Neighbours of atom i: entries ``start[i]`` to ``start[i + 1]``, ascending, with the periodic
    shift that brings each beside atom i."""
    pairs = find_neighbours(atoms, most)
    far = pairs.distances >= least
    one = np.concatenate([pairs.first[far], pairs.second[far]])
    two = np.concatenate([pairs.second[far], pairs.first[far]])
    vectors = np.concatenate([pairs.vectors[far], -pairs.vectors[far]])
    order = np.lexsort((two, one))
    one, two = one[order], two[order]
    offset = np.zeros((len(one), 3))
    if atoms.pbc.any():
        # The shift is a whole number of cells; rounding it keeps repeated sums exact.
        cell = np.asarray(atoms.cell.complete())
        plain = vectors[order] - (atoms.positions[two] - atoms.positions[one])
        offset = np.rint(np.linalg.solve(cell.T, plain.T).T) @ cell
    start = np.zeros(len(atoms) + 1, dtype=np.int64)
    np.cumsum(np.bincount(one, minlength=len(atoms)), out=start[1:])
    return start, two, offset


def _clusters(
    number: int,
    unit: float,
    places: NDArray[np.float64],
    members: NDArray[np.int32],
    parameters: NDArray[np.float64],
) -> list[Cluster]:
    """Clusters of one root in angstrom."""
    result = []
    for place, member, fit in zip(places, members.astype(np.int64), parameters, strict=True):
        shift, _ = lattice_deviation(place[:, :3], place[:, 3:], fit)
        result.append(
            Cluster(
                LATTICES[number],
                member,
                place[:, :3] * unit,
                place[:, 3:],
                float(fit[0] * unit),
                fit[1:],
                shift * unit,
            )
        )
    return result
