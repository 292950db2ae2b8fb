"""Peaks and minima of the pair distributions of some atoms, as far as they can be stated."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.structure.neighbours import Neighbours
from aet_port.structure.pairs.first_shell import (
    APART,
    FirstPeak,
    first_peak,
    peak_of_distances,
    shortest_bond,
)
from aet_port.structure.pairs.partial_pdf import ALL, PartialPdf
from aet_port.structure.pairs.pdf import PairDistribution, lowest_after_first_peak
from aet_port.structure.pairs.peaks import PdfPeaks, pdf_peaks

NOTHING = PdfPeaks(np.nan, np.nan, np.full(5, np.nan), np.nan)


@dataclass(frozen=True)
class StatedPeaks:
    """Peaks and minima of some atoms.

    Attributes
    ----------
    peaks
        Of the pairs of all groups; NaN for what is not stated.
    bond_lengths
        First peak of each pair of groups, angstrom; NaN for those not stated.
    of_all
        First peak by pair of groups (``("*", "*")`` for all) among all atoms, if these are only
        some of them.
    reasons
        By the name of a measure, why it is not stated, or why it differs from another one.
    """

    peaks: PdfPeaks
    bond_lengths: dict[tuple[str, str], float]
    of_all: dict[tuple[str, str], float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


def stated_peaks(
    atoms: ase.Atoms,
    pdf: PartialPdf,
    bonds: Neighbours,
    groups: NDArray[np.str_],
    region: NDArray[np.bool_],
    cutoff: float,
    distribution: PairDistribution | None = None,
) -> StatedPeaks:
    """Peaks, bond lengths and the reasons for those that are missing.

    First peaks are looked for where bonds can be, between 0.6 of the sum of the covalent radii and
    the cut-off, from at least 100 pairs, and if only some of the atoms are described they have to
    agree with those of all atoms to 5 %
    (:func:`aet_port.structure.pairs.first_shell.first_peak`). Without a first peak no other feature
    of the curve is stated. A first minimum that is not the cut-off is named.

    Parameters
    ----------
    atoms
        All n atoms.
    pdf
        Pair distributions of the atoms of ``region``.
    bonds
        Pairs of all atoms within the cut-off.
    groups, region
        Shape (n,): group of each atom, and the atoms that ``pdf`` is made of.
    cutoff
        Angstrom.
    distribution
        Pair distribution of all atoms in finer bins, if known; it gives the first minimum where all
        atoms are described.

    Notes
    -----
    MATLAB: none
    """
    found: dict[tuple[str, str], FirstPeak] = {}
    of_all: dict[tuple[str, str], float] = {}
    inside = region[bonds.first] & region[bonds.second]
    for pair, g in pdf.g.items():
        of_pair, shortest = _of_pair(atoms, bonds, groups, pair)
        expected = None
        if not region.all():
            whole = peak_of_distances(bonds.distances[of_pair], cutoff, shortest)
            expected = whole.place if whole.reason is None else None
            of_all[pair] = whole.place
        distances = bonds.distances[of_pair & inside]
        found[pair] = first_peak(pdf.r, g, distances, cutoff, shortest, expected)
    reasons = {
        f"bond_length {'-'.join(pair)}": one.reason
        for pair, one in found.items()
        if pair != ALL and one.reason is not None
    }
    lengths = {pair: one.place for pair, one in found.items() if pair != ALL}
    first = found[ALL]
    if first.reason is not None:
        reasons["peak_1"] = first.reason
        return StatedPeaks(NOTHING, lengths, of_all, reasons)
    shortest = shortest_bond(atoms.numbers)
    peaks = pdf_peaks(pdf.r, pdf.g[ALL], within=(shortest, cutoff))
    places = peaks.peaks.copy()
    places[0] = first.place
    minimum = _first_minimum(pdf, region, distribution)
    if np.isfinite(minimum) and abs(minimum / cutoff - 1) > APART:
        reasons["first_minimum"] = (
            f"{minimum:.3g} angstrom is not the cut-off, {cutoff:.3g}, which is given or that of"
            " all atoms"
        )
    peaks = replace(peaks, peaks=places, first_minimum=minimum)
    return StatedPeaks(peaks, lengths, of_all, reasons)


def _of_pair(
    atoms: ase.Atoms, bonds: Neighbours, groups: NDArray[np.str_], pair: tuple[str, str]
) -> tuple[NDArray[np.bool_], float]:
    """Which bonds are of two groups, and the shortest that there can be."""
    if pair == ALL:
        return np.ones(len(bonds), dtype=bool), shortest_bond(atoms.numbers)
    one, two = (groups == name for name in pair)
    forward = one[bonds.first] & two[bonds.second]
    shortest = shortest_bond(atoms.numbers[one], atoms.numbers[two])
    return forward | (two[bonds.first] & one[bonds.second]), shortest


def _first_minimum(
    pdf: PartialPdf, region: NDArray[np.bool_], distribution: PairDistribution | None
) -> float:
    if region.all() and distribution is not None:
        return distribution.valley
    g = pdf.g[ALL]
    end = int(np.argmax(np.isnan(g))) if np.isnan(g).any() else len(g)
    if end < 8:
        return float("nan")
    return lowest_after_first_peak(pdf.r[:end], g[:end], pdf.counts.sum(axis=(0, 1))[:end] // 2)
