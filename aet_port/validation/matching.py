"""Matching of a traced model with the true atoms, and the resulting precision."""

from __future__ import annotations

from dataclasses import dataclass

import ase
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory
from aet_port.validation.settings import DEFAULTS

BIN = 0.02  # angstrom, bin width of the glass paper's histogram
SHIFT_GOAL = 1e-4  # angstrom, sum over the axes, as in the reference
MAX_ROUNDS = 200
PER_PAIR = 140.0  # bytes: squared distance, both atoms, and the parts of the sparse table


@dataclass(frozen=True, repr=False)
class Matching(Shown):
    """Pairs of found and true atoms.

    Attributes
    ----------
    found_index, truth_index
        Shape (k,): the pairs, as indices into the two models, in the order of ``found_index``.
    differences
        Shape (k, 3), angstrom: true minus found position, with ``shift`` removed.
    shift
        Shape (3,), angstrom: common displacement of the truth relative to the found model.
    rmsd
        Root mean square distance of the pairs, angstrom.
    n_found, n_truth
        Numbers of atoms in the two models.
    radius
        Largest distance of a pair, angstrom.
    reference_quirks
        Whether the pairs were made by the reference's rule, by which a true atom can be in several.

    Examples
    --------
    >>> match_models([[0, 0, 0], [3, 0, 0]], [[0.1, 0, 0], [3.1, 0, 0], [9, 0, 0]])
    <Matching: pairs 2, missed 1, spurious 0, RMSD 0.00 pm, radius 1.5 angstrom>
    """

    found_index: NDArray[np.int64]
    truth_index: NDArray[np.int64]
    differences: NDArray[np.float64]
    shift: NDArray[np.float64]
    rmsd: float
    n_found: int
    n_truth: int
    radius: float
    reference_quirks: bool

    plot = methods.plot_matching
    """Plot the histogram of distances: :func:`aet_port.figures.model_results.plot_matching`."""

    def _facts(self) -> dict[str, object]:
        return {
            "pairs": self.matched,
            "missed": len(self.missed),
            "spurious": len(self.spurious),
            "RMSD": f"{self.rmsd_pm:.2f} pm",
            "radius": angstrom(self.radius),
        }

    @property
    def matched(self) -> int:
        """Number of pairs."""
        return len(self.found_index)

    @property
    def missed(self) -> NDArray[np.int64]:
        """Indices of the true atoms without a partner."""
        return np.setdiff1d(np.arange(self.n_truth), self.truth_index)

    @property
    def spurious(self) -> NDArray[np.int64]:
        """Indices of the found atoms without a partner."""
        return np.setdiff1d(np.arange(self.n_found), self.found_index)

    @property
    def rmsd_pm(self) -> float:
        """The RMSD in picometres."""
        return 100 * self.rmsd

    @property
    def deviations(self) -> NDArray[np.float64]:
        """Distance of each pair with the common shift removed, shape (k,), angstrom."""
        return np.linalg.norm(self.differences, axis=1)

    def histogram(self, width: float = BIN) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Histogram of deviations: counts (m,) and edges (m + 1,) in angstrom, 0 to the radius.

        Raises
        ------
        InputError
            For a width not above zero.
        """
        if not (np.isfinite(width) and width > 0):
            raise InputError("width", f"{width!r}", "a length above zero, in angstrom")
        # A pair within the radius may be just outside after the final shift.
        far = max(self.radius, float(self.deviations.max()))
        edges = width * np.arange(np.ceil(far / width - 1e-9) + 1)
        edges[-1] = max(edges[-1], far)
        return np.histogram(self.deviations, edges)[0].astype(np.int64), edges


@checked
def match_models(
    found: AtomicModel | ase.Atoms | ArrayLike,
    truth: AtomicModel | ase.Atoms | ArrayLike,
    radius: float = DEFAULTS.radius,
    align: bool = True,
    reference_quirks: bool = False,
) -> Matching:
    """Match the atoms of a found model with those of the true one and compute the RMSD.

    The pairs are one-to-one and minimise the sum of squared distances, where an atom without
    partner costs ``radius^2 / 2``: the GOSPA metric (Rahmathullah et al., FUSION 2017). So an atom
    and its only neighbour within ``radius`` are always paired, and a spurious atom can't take the
    partner of a better one. With ``align`` the mean displacement of the pairs is removed and the
    matching repeated until it no longer changes, as in the reference, because the origin of a
    reconstruction is arbitrary. ``rmsd = sqrt(mean |truth - shift - found|^2)``. Species are
    ignored; :func:`aet_port.validation.precision.score` compares them too.

    Parameters
    ----------
    found
        The found model, or its positions, shape (n, 3), angstrom.
    truth
        The true model, or its positions, shape (m, 3), angstrom.
    radius
        Largest distance of a pair, angstrom.
    align
        Whether to remove a common shift.
    reference_quirks
        If True, use the rule of the papers: every found atom takes the nearest true atom, which may
        be taken several times; the RMSD is ``sqrt(sum_d std(difference_d)^2)`` with n - 1 in the
        standard deviation. It always aligns. For the glass paper's comparison of the multislice
        result, in which each true atom takes the nearest found one, swap the arguments.

    Returns
    -------
    The pairs, the atoms of either model without a partner, the common shift and the RMSD.

    Raises
    ------
    InputError
        For wrong shapes, NaN, a radius not above zero, no pair within it, or an alignment that
        does not converge.

    Notes
    -----
    MATLAB: 10_Multislice_AET_simulations/5_simulation_with_noise/*/3_Cal_RMSD/Cal_RMSD_*.m and
    4_results/Compare_MG_multislice_posres.m; the default is one-to-one instead, because a
    nearest-atom rule counts a duplicated atom as two correct ones

    References
    ----------
    A. S. Rahmathullah, A. F. Garcia-Fernandez, L. Svensson, "Generalized optimal sub-pattern
    assignment metric", 20th International Conference on Information Fusion (2017).

    Examples
    --------
    >>> import aet_port as aet
    >>> truth = aet.AtomicModel.from_positions([[0, 0, 0], [3, 0, 0], [0, 3, 0]], "Ta")
    >>> found = aet.AtomicModel.from_positions([[0.5, 0, 0], [3.5, 0, 0], [9, 9, 9]], "Ta")
    >>> pairs = aet.match_models(found, truth)
    >>> pairs
    <Matching: pairs 2, missed 1, spurious 1, RMSD 0.00 pm, radius 1.5 angstrom>
    >>> pairs.shift
    array([-0.5,  0. ,  0. ])
    >>> aet.match_models(found.positions, truth.positions, align=False).rmsd_pm
    50.0
    """
    here, there = _points("found", found), _points("truth", truth)
    if not (np.isfinite(radius) and radius > 0):
        raise InputError("radius", f"{radius!r}", "a length above zero, in angstrom")
    pair = _nearest if reference_quirks else _one_to_one
    shift = np.zeros(3)
    for _ in range(MAX_ROUNDS):
        moved = there - shift
        found_index, truth_index = pair(here, moved, radius)
        if not len(found_index):
            raise InputError(
                "radius",
                f"no pair within {radius:g} angstrom",
                "models of the same sample in one frame",
            )
        differences = moved[truth_index] - here[found_index]
        if not (align or reference_quirks):
            break
        step = differences.mean(axis=0)
        shift = shift + step
        if np.abs(step).sum() <= SHIFT_GOAL:
            break
    else:
        raise InputError(
            "found, truth", f"pairs that still change after {MAX_ROUNDS} rounds", "a smaller radius"
        )
    if reference_quirks:
        spread = differences.std(axis=0, ddof=1) if len(differences) > 1 else np.zeros(3)
        rmsd = np.sqrt(np.sum(spread**2))
    else:
        differences = there[truth_index] - shift - here[found_index]
        rmsd = np.sqrt(np.mean(np.sum(differences**2, axis=1)))
    return Matching(
        found_index=found_index,
        truth_index=truth_index,
        differences=differences,
        shift=shift,
        rmsd=float(rmsd),
        n_found=len(here),
        n_truth=len(there),
        radius=float(radius),
        reference_quirks=reference_quirks,
    )


def _points(name: str, values: AtomicModel | ase.Atoms | ArrayLike) -> NDArray[np.float64]:
    if isinstance(values, AtomicModel | ase.Atoms):
        values = as_atoms(values).positions
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != 3 or len(table) == 0:
        hint = "; transpose it" if table.ndim == 2 and table.shape[0] == 3 else ""
        raise InputError(name, f"shape {table.shape}", f"shape (n, 3) in angstrom, n > 0{hint}")
    if not np.isfinite(table).all():
        raise InputError(name, "NaN or infinite positions", "finite numbers only")
    return table


Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def _nearest(found: NDArray, truth: NDArray, radius: float) -> Pairs:
    _, nearest = cKDTree(truth).query(found)
    distance = np.sqrt(np.sum((truth[nearest] - found) ** 2, axis=1))
    chosen = np.flatnonzero(distance <= radius)
    return chosen, nearest[chosen].astype(np.int64)


def _one_to_one(found: NDArray, truth: NDArray, radius: float) -> Pairs:
    ours, theirs = cKDTree(found), cKDTree(truth)
    pairs = float(ours.count_neighbors(theirs, radius))
    check_memory("radius", PER_PAIR * pairs, "a smaller radius (--radius)")
    close = ours.sparse_distance_matrix(theirs, radius, output_type="coo_matrix")
    rows, columns, squares = close.row, close.col, close.data**2
    n, m = len(found), len(truth)
    # Two atoms that have only each other are a pair of the optimum; few others remain to be solved.
    lonely = (np.bincount(rows, minlength=n)[rows] == 1) & (
        np.bincount(columns, minlength=m)[columns] == 1
    )
    left, row = np.unique(rows[~lonely], return_inverse=True)
    there, column = np.unique(columns[~lonely], return_inverse=True)
    # An extra column for each found atom means "no partner", so that a full matching exists.
    # One is added to all costs, because a sparse matrix treats an exact zero as a missing entry.
    own = np.arange(len(left))
    costs = np.concatenate([squares[~lonely], np.full(len(left), radius**2)]) + 1.0
    places = (np.concatenate([row, own]), np.concatenate([column, len(there) + own]))
    table = csr_array((costs, places), shape=(len(left), len(there) + len(left)))
    chosen, partner = rows[lonely], columns[lonely]
    if len(left):
        solved, answer = min_weight_full_bipartite_matching(table)
        real = answer < len(there)
        chosen = np.concatenate([chosen, left[solved[real]]])
        partner = np.concatenate([partner, there[answer[real]]])
    order = np.argsort(chosen, kind="stable")
    return chosen[order].astype(np.int64), partner[order].astype(np.int64)
