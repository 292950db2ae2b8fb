"""Accuracy of a found model: recall, precision, species, RMSD of all atoms and of each species."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_model
from aet_port.core.display import Shown
from aet_port.validation.matching import BIN, Matching, match_models
from aet_port.validation.settings import DEFAULTS


@dataclass(frozen=True, repr=False)
class Precision(Shown):
    """Comparison of a found model with the true one.

    Attributes
    ----------
    matching
        The pairs, with their differences and the common shift.
    species
        Symbols of the true model, then those found only in the other; each part in order.
    confusion
        Shape (s, s): number of pairs by true (row) and found (column) species.
    true_atoms, found_atoms
        Shape (s,): number of atoms of each species in the two models.
    rmsd_by_species
        Shape (s,), angstrom: RMSD of the pairs by true species; NaN without pairs.
    deviations
        Shape (k,), angstrom: distance of each pair with the common shift removed.
    """

    matching: Matching
    species: tuple[str, ...]
    confusion: NDArray[np.int64]
    true_atoms: NDArray[np.int64]
    found_atoms: NDArray[np.int64]
    rmsd_by_species: NDArray[np.float64]
    deviations: NDArray[np.float64]

    plot = methods.plot_precision
    """Plot the histogram of distances: :func:`aet_port.figures.model_results.plot_precision`."""

    def _facts(self) -> dict[str, object]:
        return {
            "species": " ".join(self.species),
            "pairs": self.matching.matched,
            "recall": f"{100 * self.recall:.4g} %",
            "precision": f"{100 * self.precision:.4g} %",
            "right species": f"{100 * self.species_fraction:.4g} %",
            "RMSD": f"{self.rmsd_pm:.2f} pm",
        }

    @property
    def recall(self) -> float:
        """Fraction of the true atoms that were found, regardless of species."""
        return 1 - len(self.matching.missed) / self.matching.n_truth

    @property
    def precision(self) -> float:
        """Fraction of the found atoms that are true, regardless of species."""
        return 1 - len(self.matching.spurious) / self.matching.n_found

    @property
    def rmsd_pm(self) -> float:
        """RMSD of all pairs in picometres."""
        return self.matching.rmsd_pm

    @property
    def right_species(self) -> int:
        """Number of pairs with the correct species."""
        return int(np.trace(self.confusion))

    @property
    def species_fraction(self) -> float:
        """Fraction of the pairs with the correct species."""
        return self.right_species / self.matching.matched

    @property
    def identified(self) -> float:
        """Fraction of the true atoms found with the correct species, the papers' "identified"."""
        return self.right_species / self.matching.n_truth

    def histogram(self, width: float = BIN) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Histogram of deviations: counts (m,) and edges (m + 1,) in angstrom, 0 to the radius.

        Raises
        ------
        InputError
            For a width not above zero.
        """
        return self.matching.histogram(width)

    def rows(self) -> list[tuple[str, int, int, int, str, str, str]]:
        """Table rows by species: true, found and correct atoms, recall, precision, RMSD."""
        lines = []
        for k, symbol in enumerate(self.species):
            right, there, here = (
                int(self.confusion[k, k]),
                int(self.true_atoms[k]),
                int(self.found_atoms[k]),
            )
            rmsd = self.rmsd_by_species[k]
            lines.append(
                (
                    symbol,
                    there,
                    here,
                    right,
                    f"{100 * right / there:.2f} %" if there else "",
                    f"{100 * right / here:.2f} %" if here else "",
                    f"{100 * rmsd:.2f}" if np.isfinite(rmsd) else "",
                )
            )
        return lines

    def summary(self) -> dict[str, Any]:
        """Results for JSON; lengths in picometres except the shift, which is in angstrom."""
        by_species = {
            symbol: {
                "true": int(self.true_atoms[k]),
                "found": int(self.found_atoms[k]),
                "right": int(self.confusion[k, k]),
                "rmsd_pm": float(100 * self.rmsd_by_species[k]),
            }
            for k, symbol in enumerate(self.species)
        }
        confusion = {
            true: dict(zip(self.species, row.tolist(), strict=True))
            for true, row in zip(self.species, self.confusion, strict=True)
        }
        return {
            "matched": self.matching.matched,
            "missed": len(self.matching.missed),
            "spurious": len(self.matching.spurious),
            "rmsd_pm": round(self.rmsd_pm, 3),
            "shift": [round(float(s), 4) for s in self.matching.shift],
            "recall": self.recall,
            "precision": self.precision,
            "right_species": self.right_species,
            "species_fraction": self.species_fraction,
            "identified": self.identified,
            "species": by_species,
            "confusion": confusion,
        }


@checked
def score(
    found: AtomicModel | ase.Atoms,
    truth: AtomicModel | ase.Atoms,
    radius: float = DEFAULTS.radius,
    align: bool = True,
    reference_quirks: bool = False,
) -> Precision:
    """Match two models and compute recall, precision, correct species and RMSD.

    Parameters
    ----------
    found, truth
        The models.
    radius
        Largest distance of a pair in angstrom.
    align
        Whether to remove a common shift.
    reference_quirks
        If True, use the glass paper's rule: every true atom takes the nearest found one, which may
        be taken several times, and the RMSD is made of standard deviations, for a species about its
        own mean. By default pairs are one-to-one, see
        :func:`aet_port.validation.matching.match_models`, and the RMSD is the root mean square.

    Returns
    -------
    The pairs, with recall, precision, species and RMSD.

    Raises
    ------
    InputError
        As in :func:`aet_port.validation.matching.match_models`.

    Notes
    -----
    MATLAB: 10_Multislice_AET_simulations/4_results/Compare_MG_multislice_posres.m

    Examples
    --------
    >>> import aet_port as aet
    >>> places = [[0, 0, 0], [3, 0, 0], [0, 3, 0]]
    >>> truth = aet.AtomicModel.from_positions(places, ["Ta", "Ta", "Pd"])
    >>> found = aet.AtomicModel.from_positions(places[:2], ["Ta", "Pd"])
    >>> result = aet.score(found, truth)
    >>> result.confusion  # rows: true Pd, Ta; columns: found Pd, Ta
    array([[0, 0],
           [1, 1]])
    >>> result.precision, result.species_fraction
    (1.0, 0.5)
    """
    found, truth = as_model(found, "found"), as_model(truth, "truth")
    if reference_quirks:
        turned = match_models(truth.positions, found.positions, radius, reference_quirks=True)
        matching = replace(
            turned,
            found_index=turned.truth_index,
            truth_index=turned.found_index,
            differences=-turned.differences,
            shift=-turned.shift,
            n_found=turned.n_truth,
            n_truth=turned.n_found,
        )
    else:
        matching = match_models(found.positions, truth.positions, radius, align)
    real = sorted(set(truth.species))
    species = (*real, *sorted(set(found.species) - set(real)))
    numbers = {symbol: k for k, symbol in enumerate(species)}
    true_kind = np.array([numbers[symbol] for symbol in truth.species])
    found_kind = np.array([numbers[symbol] for symbol in found.species])
    rows, columns = true_kind[matching.truth_index], found_kind[matching.found_index]
    n = len(species)
    confusion = np.bincount(rows * n + columns, minlength=n * n).reshape(n, n)
    rmsd = np.full(n, np.nan)
    for k in np.unique(rows):
        part = matching.differences[rows == k]
        if reference_quirks:
            spread = part.std(axis=0, ddof=1) if len(part) > 1 else np.zeros(3)
            rmsd[k] = np.sqrt(np.sum(spread**2))
        else:
            rmsd[k] = np.sqrt(np.mean(np.sum(part**2, axis=1)))
    return Precision(
        matching,
        species,
        confusion,
        np.bincount(true_kind, minlength=n),
        np.bincount(found_kind, minlength=n),
        rmsd,
        np.linalg.norm(matching.differences, axis=1),
    )
