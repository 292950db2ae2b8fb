"""How well the stated uncertainties of a model agree with the truth: positions, existence, species.

The error bars of positions are judged by ordinary pairs only: each atom is the nearest of the other
model to its partner, and no atom without a partner lies within the radius of matching. Elsewhere an
atom is missing or invented, which ``p_exists`` is to tell, not the error bar of its neighbour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import gammaincinv

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.display import Shown
from aet_port.core.uncertainty import P_EXISTS, P_SPECIES, SIGMAS, position_covariances
from aet_port.validation.matching import Matching
from aet_port.validation.probabilities import Reliability, binomial_interval, reliability
from aet_port.validation.settings import SCORE

MINIMUM_PAIRS = 30  # pairs below which nothing is said of the error bars
MINIMUM_ATOMS = 100  # atoms below which nothing is said of probabilities
UNKNOWN = "X"  # ASE's symbol of no element
LEVELS = (0.5, 0.68, 0.95)  # of the ellipsoids
FAR = 4.0  # standard errors; 63 in a million of a normal distribution lie beyond
NORMAL_MEDIAN = 0.6744897501960817  # of |z|


@dataclass(frozen=True, repr=False)
class ZScores(Shown):
    """Deviations of ordinary pairs in units of their stated errors.

    Attributes
    ----------
    index
        Shape (n,): atoms of the found model.
    z
        Shape (n, 3): found minus true coordinate over its standard error.
    squares
        Shape (n,): ``d^T C^-1 d`` of the deviation ``d`` and its covariance ``C``.
    left_out
        Number of pairs that are not ordinary, or have no usable covariance.
    """

    index: NDArray[np.int64]
    z: NDArray[np.float64]
    squares: NDArray[np.float64]
    left_out: int

    def _facts(self) -> dict[str, object]:
        rms = ", ".join(f"{one:.3g}" for one in self.rms)
        return {"pairs": len(self.z), "left out": self.left_out, "rms x, y, z": rms}

    @property
    def rms(self) -> NDArray[np.float64]:
        """Root mean square by coordinate, shape (3,); 1 for correct error bars."""
        return np.sqrt(np.mean(self.z**2, axis=0))

    @property
    def rms_error(self) -> NDArray[np.float64]:
        """Standard error of :attr:`rms`, ``std(z^2) / (2 rms sqrt(n))``, shape (3,)."""
        spread = np.std(self.z**2, axis=0, ddof=1) / np.sqrt(len(self.z))
        return np.asarray(spread / (2 * np.maximum(self.rms, np.finfo(float).tiny)))

    @property
    def robust(self) -> NDArray[np.float64]:
        """``median |z| / 0.6745``, shape (3,): like the rms, but few far atoms don't change it."""
        return np.asarray(np.median(np.abs(self.z), axis=0) / NORMAL_MEDIAN)

    @property
    def far(self) -> int:
        """Number of pairs with a coordinate more than :data:`FAR` standard errors off."""
        return int(np.any(np.abs(self.z) > FAR, axis=1).sum())

    def coverage(self, level: float) -> tuple[float, float, float]:
        """Fraction of the pairs inside their ellipsoids of a level, and its 95 % interval.

        The ellipsoid is ``d^T C^-1 d <= q``, ``q`` the quantile ``level`` of chi-square with three
        degrees of freedom.
        """
        inside = int(np.sum(self.squares <= 2 * gammaincinv(1.5, level)))
        return (inside / len(self.squares), *binomial_interval(inside, len(self.squares)))

    def plain(self) -> dict[str, Any]:
        """Results for JSON."""
        return {
            "pairs": len(self.z),
            "left_out": self.left_out,
            "rms": self.rms.tolist(),
            "rms_error": self.rms_error.tolist(),
            "robust": self.robust.tolist(),
            "far": self.far,
            "coverage": {f"{level:g}": list(self.coverage(level)) for level in LEVELS},
        }


@dataclass(frozen=True, repr=False)
class Calibration(Shown):
    """Calibration of the uncertainties of a model.

    Attributes
    ----------
    positions
        z-scores of the positions.
    existence
        Reliability of ``p_exists``: right is an atom with a partner in the truth.
    species
        Reliability of ``probability``, of the pairs: right is the species of the truth.
    missing
        Why a part is None, by its name.
    """

    positions: ZScores | None
    existence: Reliability | None
    species: Reliability | None
    missing: dict[str, str]

    def _facts(self) -> dict[str, object]:
        parts = {"positions": self.positions, "existence": self.existence, "species": self.species}
        return {name: "stated" if one else self.missing[name] for name, one in parts.items()}

    def plain(self) -> dict[str, Any]:
        """Results for JSON; parts that are missing are null, with the reason in ``missing``."""
        parts = {"positions": self.positions, "existence": self.existence, "species": self.species}
        found: dict[str, Any] = {name: one and one.plain() for name, one in parts.items()}
        return found | {"missing": self.missing}


@checked
def assess_calibration(
    found: AtomicModel, truth: AtomicModel, matching: Matching, bins: int = SCORE.bins
) -> Calibration:
    """Judge the uncertainties that a model states by the true atoms.

    Parameters
    ----------
    found, truth
        The models; uncertainties are the arrays of ``found`` that
        :mod:`aet_port.core.uncertainty` names.
    matching
        Their pairs, one to one.
    bins
        Largest number of bins of a reliability curve; of few atoms it has fewer, with
        at least 20 atoms each.

    Returns
    -------
    The parts for which there are enough values, and why others are missing.

    Raises
    ------
    InputError
        For a probability outside 0 to 1.

    Notes
    -----
    MATLAB: none; the reference states no uncertainties

    Examples
    --------
    >>> import numpy as np
    >>> import aet_port as aet
    >>> from aet_port.validation import assess_calibration
    >>> rng = np.random.default_rng(0)
    >>> places = 4.0 * np.stack(np.meshgrid(*3 * [np.arange(6)]), axis=-1).reshape(-1, 3)
    >>> truth = aet.AtomicModel.from_positions(places, "Ta")
    >>> sigma = np.full(len(places), 0.05)
    >>> found = aet.AtomicModel.from_positions(
    ...     places + rng.normal(0, 0.1, places.shape), "Ta", sigma_x=sigma, sigma_y=sigma,
    ...     sigma_z=sigma)
    >>> result = assess_calibration(found, truth, aet.match_models(found, truth))
    >>> np.round(result.positions.rms, 1)  # errors are twice as large as stated
    array([2.1, 2. , 1.9])
    >>> result.missing["existence"]
    'no array p_exists'
    """
    missing: dict[str, str] = {}
    positions = _positions(found, truth, matching, missing)
    paired = np.zeros(len(found), dtype=bool)
    paired[matching.found_index] = True
    existence = _claims(found.atoms.arrays, P_EXISTS, np.arange(len(found)), paired, bins)
    mine = np.array(found.species)[matching.found_index]
    right = mine == np.array(truth.species)[matching.truth_index]
    kinds = {*found.species, *truth.species}
    species: Reliability | str
    if UNKNOWN in kinds:
        species = "a model without species"
    elif len(kinds) == 1:
        species = "only one species"
    else:
        species = _claims(found.atoms.arrays, P_SPECIES, matching.found_index, right, bins)
    if isinstance(existence, str):
        missing["existence"] = existence
    if isinstance(species, str):
        missing["species"] = species
    return Calibration(
        positions,
        None if isinstance(existence, str) else existence,
        None if isinstance(species, str) else species,
        missing,
    )


def _claims(
    arrays: Mapping[str, NDArray], name: str, index: NDArray, right: NDArray, bins: int
) -> Reliability | str:
    """Reliability of an array of probabilities, or why there is none."""
    if name not in arrays:
        return f"no array {name}"
    claimed = np.asarray(arrays[name], dtype=np.float64)[index]
    count = int(np.isfinite(claimed).sum())
    if count < MINIMUM_ATOMS:
        return f"{count} atoms with {name}; at least {MINIMUM_ATOMS} are needed"
    return reliability(claimed, right, bins)


def _positions(
    found: AtomicModel, truth: AtomicModel, matching: Matching, missing: dict[str, str]
) -> ZScores | None:
    covariances = position_covariances(found.atoms)
    if covariances is None:
        missing["positions"] = f"no arrays {', '.join(SIGMAS)}"
        return None
    ordinary = ordinary_pairs(found, truth, matching)
    table = covariances[matching.found_index]
    usable = np.asarray(np.isfinite(table).all(axis=(1, 2)))
    usable[usable] = np.linalg.eigvalsh(table[usable])[:, 0] > 0
    chosen = ordinary & usable
    if chosen.sum() < MINIMUM_PAIRS:
        missing["positions"] = (
            f"{int(chosen.sum())} ordinary pairs with a covariance; at least {MINIMUM_PAIRS} needed"
        )
        return None
    off, table = -matching.differences[chosen], table[chosen]
    z = off / np.sqrt(np.einsum("kii->ki", table))
    squares = np.einsum("ki,ki->k", off, np.linalg.solve(table, off[..., None])[..., 0])
    return ZScores(matching.found_index[chosen], z, squares, int(np.sum(~chosen)))


def ordinary_pairs(found: AtomicModel, truth: AtomicModel, matching: Matching) -> NDArray[np.bool_]:
    """Which pairs are ordinary, as the module says; shape (k,)."""
    here, there = found.positions, truth.positions - matching.shift
    mine, its = here[matching.found_index], there[matching.truth_index]
    nearest: NDArray[np.bool_] = cKDTree(there).query(mine)[1] == matching.truth_index
    nearest &= cKDTree(here).query(its)[1] == matching.found_index
    alone = np.concatenate([here[matching.spurious], there[matching.missed]])
    if len(alone):
        tree = cKDTree(alone)
        for places in (mine, its):
            nearest &= ~np.isfinite(tree.query(places, distance_upper_bound=matching.radius)[0])
    return nearest
