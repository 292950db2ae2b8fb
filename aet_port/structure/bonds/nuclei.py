"""Crystal nuclei in an amorphous matrix, distances to their surface, and the interface's width."""

from __future__ import annotations

from dataclasses import dataclass

import ase
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.structure.neighbours import (
    check_atoms,
    check_cutoff,
    find_neighbours,
    periodic_images,
)

THRESHOLD = 0.5  # normalised bond-orientational order, both papers
SURROUNDINGS = 8.0  # angstrom
CROWD = 13  # crystalline atoms in the surroundings, the atom itself included
COMPANY = 2  # kept crystalline atoms in the surroundings that bring a scattered one back
REACH = 15.0  # angstrom
SHORTEST_WIDTH = 0.1  # angstrom


@dataclass(frozen=True, repr=False)
class Nuclei(Shown):
    """Crystalline atoms and the nuclei they form, the largest first.

    Attributes
    ----------
    crystalline
        Shape (n,): whether the atom belongs to a crystal nucleus.
    label
        Shape (n,): number of its nucleus, -1 for amorphous atoms. Nuclei of one size are in the
        order of their first atoms.
    size
        Shape (number of nuclei,): atoms of each.
    """

    crystalline: NDArray[np.bool_]
    label: NDArray[np.int64]
    size: NDArray[np.int64]

    def _facts(self) -> dict[str, object]:
        return {
            "nuclei": len(self),
            "crystalline atoms": f"{int(self.crystalline.sum())} of {len(self.crystalline)}",
            "largest": int(self.size.max(initial=0)),
        }

    def __len__(self) -> int:
        return len(self.size)


@dataclass(frozen=True, repr=False)
class Interface(Shown):
    """Fit of ``far + (surface - far) exp(-x / width)`` to the order beside the nuclei.

    Attributes
    ----------
    width
        Angstrom: the width d_c of the crystalline-amorphous interface.
    surface, far
        Normalised bond-orientational order on the surface and far from it.
    atoms
        Number of atoms fitted.
    """

    width: float
    surface: float
    far: float
    atoms: int

    def _facts(self) -> dict[str, object]:
        return {"width": angstrom(self.width), "atoms": self.atoms}


@checked
def crystalline_atoms(
    atoms: AtomicModel | ase.Atoms,
    order: ArrayLike,
    *,
    threshold: float = THRESHOLD,
    scattered: bool = True,
    surroundings: float = SURROUNDINGS,
) -> NDArray[np.bool_]:
    """Atoms whose order reaches the threshold, without those that are scattered in the matrix.

    A crystalline atom with fewer than 13 crystalline atoms within 8 angstrom, itself included, is
    scattered and counts as amorphous, unless at least two of the atoms that are not scattered lie
    within 8 angstrom of it (film paper, Methods and code).

    Parameters
    ----------
    order
        Shape (n,): normalised bond-orientational order; NaN (no neighbours) is amorphous.
    scattered
        Whether to apply that rule; the glass paper does not.
    surroundings
        The 8 angstrom of the rule, for models in another unit.

    Returns
    -------
    Shape (n,), True for crystalline.

    Raises
    ------
    InputError
        For unusable atoms, an ``order`` of another length, a threshold that is not a number, or a
        periodic cell not more than 16 angstrom high if the rule is applied.

    Notes
    -----
    MATLAB: 7_Data_analysis/Main_2_pdf_and_voronoi_amorphous_region_Ta_film.m (the same block in
    Main_3; and Main_2 of the glass without the rule). Deviates: an order of exactly the threshold
    is crystalline, as in the glass code (``< 0.5`` amorphous), not in the film code (``> 0.5``
    crystalline); no published value lies on it.
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms)
    order = _check_order(atoms, order)
    if not np.isfinite(threshold):
        raise InputError("threshold", f"{threshold!r}", "a normalised bond-orientational order")
    crystalline = order >= threshold
    if not scattered:
        return crystalline
    check_cutoff(atoms, surroundings, "surroundings of a crystalline atom")
    lone = crystalline & (_count_within(atoms, crystalline, surroundings) < CROWD)
    kept = crystalline & ~lone
    return kept | (lone & (_count_within(atoms, kept, surroundings) >= COMPANY))


@checked
def find_nuclei(
    atoms: AtomicModel | ase.Atoms,
    order: ArrayLike,
    cutoff: float,
    *,
    threshold: float = THRESHOLD,
    scattered: bool = True,
    surroundings: float = SURROUNDINGS,
) -> Nuclei:
    """Clusters of crystalline atoms that are connected by bonds.

    Parameters
    ----------
    order
        Shape (n,): normalised bond-orientational order.
    cutoff
        Longest bond, angstrom; that of the bond-orientational order.
    threshold, scattered, surroundings
        As in :func:`crystalline_atoms`.

    Raises
    ------
    InputError
        As :func:`crystalline_atoms`, and for an unusable cut-off.

    Notes
    -----
    MATLAB: 7_Data_analysis/Main_2_pdf_and_voronoi_amorphous_region_Ta_film.m for the choice of the
    atoms; the clusters are not in the public code
    """
    atoms = as_atoms(atoms)
    crystalline = crystalline_atoms(
        atoms, order, threshold=threshold, scattered=scattered, surroundings=surroundings
    )
    check_cutoff(atoms, cutoff)
    members = np.flatnonzero(crystalline)
    label = np.full(len(atoms), -1)
    if len(members) == 0:
        return Nuclei(crystalline, label, np.zeros(0, dtype=np.int64))
    bonds = find_neighbours(atoms[members], cutoff)
    graph = coo_array(
        (np.ones(len(bonds)), (bonds.first, bonds.second)), shape=(len(members), len(members))
    )
    _, component = connected_components(graph, directed=False)
    size = np.bincount(component)
    # Components are not guaranteed to be in the order of their first atoms.
    _, first = np.unique(component, return_index=True)
    ranks = np.lexsort((first, -size))
    label[members] = np.argsort(ranks)[component]
    return Nuclei(crystalline, label, size[ranks].astype(np.int64))


@checked
def surface_distance(
    atoms: AtomicModel | ase.Atoms, crystalline: ArrayLike, cutoff: float
) -> NDArray[np.float64]:
    """Signed distance of every atom to the surface of the crystal nuclei.

    The surface is the crystalline atoms with an amorphous neighbour. The distance is that to the
    nearest of them: zero on the surface, negative inside a nucleus, positive in the matrix.

    Parameters
    ----------
    crystalline
        Shape (n,), boolean.
    cutoff
        Longest bond, angstrom.

    Returns
    -------
    Shape (n,), angstrom; all NaN if there is no surface (no crystalline atoms, no amorphous ones,
    or none that touch).

    Raises
    ------
    InputError
        For unusable atoms or cut-off, or a ``crystalline`` of another length.

    Notes
    -----
    MATLAB: none; the papers' code for the interface is not public
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms)
    cutoff = check_cutoff(atoms, cutoff)
    crystalline = np.asarray(crystalline)
    if crystalline.shape != (len(atoms),) or crystalline.dtype != np.bool_:
        raise InputError(
            "crystalline",
            f"{crystalline.dtype} of shape {crystalline.shape}",
            f"one boolean for each of {len(atoms)} atoms",
        )
    bonds = find_neighbours(atoms, cutoff)
    across = crystalline[bonds.first] != crystalline[bonds.second]
    surface = np.zeros(len(atoms), dtype=bool)
    surface[bonds.first[across]] = True
    surface[bonds.second[across]] = True
    surface &= crystalline
    if not surface.any():
        return np.full(len(atoms), np.nan)
    margin = 2 * cutoff
    while True:
        images = periodic_images(atoms, margin)
        tree = cKDTree(images.positions[surface[images.atom]])
        distance, _ = tree.query(images.positions[: len(atoms)])
        # Beyond the margin a nearer image may be missing.
        if not atoms.pbc.any() or distance.max() <= margin:
            return np.where(crystalline, -distance, distance)
        margin *= 2


@checked
def interface_width(order: ArrayLike, distance: ArrayLike, *, reach: float = REACH) -> Interface:
    """Width d_c of the interface: how fast the order decays from the nuclei into the matrix.

    Least-squares fit of ``far + (surface - far) exp(-x / d_c)`` to the normalised bond-
    orientational order of all atoms with ``0 <= x < reach``, each with the same weight, so no bins
    are chosen. The layer at ``x = 0`` belongs to the nuclei; it is included because the atoms
    beyond it are picked by an order below 0.5, which alone would flatten the start of the decay.

    The papers say that d_c comes from an exponential fit, but not to what. On their models this
    definition gives 3.1 (Ta, printed 3.0), 4.1 (Pd1, printed 4.2) and, without the rule on
    scattered atoms, 3.3 angstrom (glass, printed 3.69; 2.7 with the rule). A reach of 10 to 20
    angstrom moves these by 0.1 to 0.5.

    Parameters
    ----------
    order
        Shape (n,): normalised bond-orientational order; atoms with NaN are left out.
    distance
        Shape (n,): signed distance to the surface, angstrom (:func:`surface_distance`).
    reach
        Farthest distance from the surface, angstrom.

    Returns
    -------
    All NaN if there is no surface, if fewer than ten atoms are in reach, or if the order does not
    fall from the surface on, or still falls at the end of the reach.

    Raises
    ------
    InputError
        For arrays of different shapes, or a reach that is not a length above 1 angstrom.

    Notes
    -----
    MATLAB: none; the papers' code for the interface is not public
    """
    order = np.asarray(order, dtype=np.float64)
    distance = np.asarray(distance, dtype=np.float64)
    if order.shape != distance.shape or order.ndim != 1:
        raise InputError(
            "order and distance",
            f"shapes {order.shape} and {distance.shape}",
            "one number of each for every atom",
        )
    if not (np.isfinite(reach) and reach > 1):
        raise InputError("reach", f"{reach!r}", "a length above 1 angstrom")
    used = np.isfinite(order) & np.isfinite(distance) & (distance >= 0) & (distance < reach)
    x, y = distance[used], order[used]
    nothing = Interface(np.nan, np.nan, np.nan, len(x))
    if len(x) < 10 or np.ptp(x) < 1:
        return nothing
    nearest = float(x.min())  # zero, except for a selection of atoms without the surface

    def line(width: float) -> tuple[float, float, NDArray[np.float64]]:
        """Best straight line in ``exp((nearest - x) / width)``, and its residual."""
        decay = np.exp((nearest - x) / width)
        centred = decay - decay.mean()
        slope = float(centred @ y / (centred @ centred))
        far = float(y.mean() - slope * decay.mean())
        return slope, far, y - far - slope * decay

    def bend(width: float) -> float:
        """Derivative of the sum of squares by the width, up to a positive factor."""
        slope, _, rest = line(width)
        return -slope * float(rest @ ((x - nearest) * np.exp((nearest - x) / width)))

    # The zero of the derivative is sharp, where the minimum itself is flat to half the digits.
    trials = np.geomspace(SHORTEST_WIDTH, reach, 41)
    best = int(np.argmin([float((line(w)[2] ** 2).sum()) for w in trials]))
    low, high = trials[max(best - 1, 0)], trials[min(best + 1, len(trials) - 1)]
    if best in (0, len(trials) - 1) or not bend(low) < 0 < bend(high):
        return nothing  # a step, a straight or a level line, no decay
    width = float(brentq(bend, low, high, xtol=1e-13))
    slope, far, _ = line(width)
    if slope <= 0:
        return nothing
    return Interface(width, far + slope * float(np.exp(nearest / width)), far, len(x))


def _check_order(atoms: ase.Atoms, order: ArrayLike) -> NDArray[np.float64]:
    order = np.asarray(order, dtype=np.float64)
    if order.shape != (len(atoms),):
        raise InputError("order", f"shape {order.shape}", f"one number for each of {len(atoms)}")
    return order


def _count_within(atoms: ase.Atoms, chosen: NDArray[np.bool_], reach: float) -> NDArray[np.int64]:
    """Chosen atoms within a distance of every atom, itself included if chosen."""
    images = periodic_images(atoms, reach)
    near = images.positions[chosen[images.atom]]
    if len(near) == 0:
        return np.zeros(len(atoms), dtype=np.int64)
    found = cKDTree(near).query_ball_point(
        images.positions[: len(atoms)], reach, return_length=True
    )
    return np.asarray(found, dtype=np.int64)
