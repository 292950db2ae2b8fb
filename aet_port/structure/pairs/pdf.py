"""Pair distribution function of a particle or a periodic box, and its first valley."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import ase
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.structure.neighbours import check_atoms, heights
from aet_port.structure.pairs.pair_counting import pair_counts
from aet_port.structure.pairs.valley import fit_valley

R_MAX = 20.0  # angstrom, as in both papers
STEP = 0.02  # angstrom
SMOOTHING = 0.2  # angstrom, standard deviation; the reference smooths by 0.15 on bins of 0.1
RELATIVE = 0.07  # the same in distances of the first peak, for models on another scale
USUAL = (0.6, 1.6)  # times that: the range in which the smoothing in angstrom is kept
EXACT = 1e4  # pairs per bin at g = 1 where a curve comes without counts
PROMINENCE = 0.1  # how far g must rise again after the valley, in units of the first peak


@dataclass(frozen=True, repr=False)
class PairDistribution(Shown):
    """A pair distribution function on evenly spaced distances.

    Attributes
    ----------
    r
        Shape (n,): middle of each bin, angstrom.
    g
        Shape (n,): pair distribution, 1 for a uniform density.
    counts
        Shape (n,): pairs of atoms in each bin, each pair once.
    density
        Number density that normalises ``g``, atoms per cubic angstrom.
    """

    r: NDArray[np.float64]
    g: NDArray[np.float64]
    counts: NDArray[np.int64]
    density: float

    plot = methods.plot_pair_distribution
    """Plot g(r): :func:`aet_port.figures.structure_results.plot_pair_distribution`."""

    def _facts(self) -> dict[str, object]:
        return {
            "pairs": int(self.counts.sum()),
            "bins": len(self.r),
            "r up to": angstrom(self.r.max()),
            "density": f"{self.density:.4g} atoms per cubic angstrom",
        }

    @property
    def step(self) -> float:
        """Width of a bin, angstrom."""
        return float(2 * self.r[0])

    @cached_property
    def valley(self) -> float:
        """Lowest point after the first peak (:func:`first_valley`), not rounded; NaN if none."""
        return lowest_after_first_peak(self.r, self.g, self.counts)


@checked
def pair_distribution(
    atoms: AtomicModel | ase.Atoms, *, r_max: float | None = None, step: float = STEP
) -> PairDistribution:
    """Pair distribution function g(r) over all pairs of atoms.

    In a box periodic in three directions the ideal count is exact, ``4 pi r^2 dr`` times the
    density. Elsewhere it falls off with r, because part of each shell lies outside the sample: the
    isotropic covariogram of a body, relative to its volume, is ``1 - S r / 4 V`` + higher orders,
    and for a sphere exactly of the form ``a + b r + c r^3``. These three coefficients are fitted to
    ``counts / 4 pi r^2`` beyond 1.5 times the first peak, where g oscillates about 1. No surface
    has to be drawn, and the result does not depend on orientation or the order of the atoms. A
    sample too small for the fit is taken for the sphere with its radius of gyration.

    Parameters
    ----------
    r_max
        Angstrom; unless given, 20, or what the cell (half its height) or the particle
        (1.8 times the radius of a sphere with its radius of gyration) allows if that is less.
    step
        Width of a bin, angstrom.

    Raises
    ------
    InputError
        For unusable atoms, range or step.

    Notes
    -----
    MATLAB: 7_Data_analysis/Main_1_pdf_and_boo_entire_sample_Ta_film.m. Deviates: the reference
    samples 2,562 or more directions of every shell of every atom against an alpha shape; its bins
    are shifted by 0.01 step and its curve is scaled to 1 at the last bin.
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms, solid=True)
    if r_max is None:
        r_max = min(R_MAX, _range(atoms, step))
    counts = pair_counts(atoms, r_max, step)
    r = (np.arange(len(counts), dtype=np.float64) + 0.5) * step
    per_volume = 2 * counts / (len(atoms) * 4 * np.pi * r**2 * step)
    if atoms.pbc.all():
        density = len(atoms) / atoms.get_volume()
        return PairDistribution(r, per_volume / density, counts, float(density))
    ideal = _body(r, per_volume, step)
    if ideal is None:
        radius = _radius(atoms)
        ideal = len(atoms) / (4 / 3 * np.pi * radius**3) * _sphere(r / radius)
    return PairDistribution(r, per_volume / ideal, counts, float(ideal[0]))


@checked
def first_valley(distribution: PairDistribution) -> float:
    """Distance of the first minimum after the first maximum: the end of the first neighbour shell.

    g is smoothed by a Gaussian of 0.2 angstrom (0.07 of the first peak's distance where atoms are
    clearly not 2 to 5 angstrom apart). Its first minimum after which it rises again by a tenth of
    the first peak (noise and the shoulder of a bcc shell don't) says which shells it lies between;
    its place is the lowest point of Gaussians fitted to the counts of these
    (:func:`aet_port.structure.pairs.valley.fit_valley`), rounded to 0.01 angstrom so that rounding
    errors of the coordinates can't change the cut-off.

    Returns
    -------
    Angstrom.

    Raises
    ------
    InputError
        If g has no minimum there.
    """
    if np.isnan(distribution.valley):
        raise InputError(
            "atoms",
            "no first valley in the pair distribution",
            "more atoms, or a cut-off given by hand (--cutoff), in angstrom",
        )
    return round(distribution.valley, 2)


def lowest_after_first_peak(
    r: NDArray[np.float64], g: NDArray[np.float64], counts: NDArray[np.integer]
) -> float:
    """The minimum of :func:`first_valley`, not rounded; NaN if there is none.

    Parameters
    ----------
    r, g, counts
        Shape (n,): middle of each bin, pair distribution, and the pairs behind it; without any
        pairs, g is taken to be exact.

    Notes
    -----
    MATLAB: none
    """
    step = float(r[1] - r[0])
    width = SMOOTHING
    smooth = gaussian_filter1d(g, width / step)
    peak = _first_peak(smooth)
    scale = RELATIVE * float(r[peak]) / SMOOTHING
    if not USUAL[0] < scale < USUAL[1]:
        smooth = gaussian_filter1d(g, scale * SMOOTHING / step)
        peak = _first_peak(smooth)
    minima, _ = find_peaks(-smooth, prominence=PROMINENCE * smooth[peak])
    minima = minima[minima > peak]
    if len(minima) == 0:
        return float("nan")
    maxima, _ = find_peaks(smooth[minima[0] :])
    following = minima[0] + int(maxima[0]) if len(maxima) else len(r) - 1
    filled = counts > 0
    if filled.any():
        per_area = np.interp(r, r[filled], counts[filled] / g[filled] / r[filled] ** 2)
        pairs, ideal = counts.astype(np.float64), per_area * r**2
    else:
        pairs, ideal = EXACT * g, np.full(len(r), EXACT)
    return fit_valley(
        r,
        pairs,
        ideal,
        float(r[peak]),
        float(r[minima[0]]),
        float(r[following]),
    )


def _first_peak(smooth: NDArray[np.float64]) -> int:
    """Bin of the first maximum that reaches half of the highest one."""
    change = np.diff(smooth, prepend=0.0, append=0.0)
    maxima = np.flatnonzero((change[:-1] > 0) & (change[1:] <= 0) & (smooth >= smooth.max() / 2))
    return int(maxima[0]) if len(maxima) else 0


def _body(
    r: NDArray[np.float64], per_volume: NDArray[np.float64], step: float
) -> NDArray[np.float64] | None:
    """Ideal density of pairs by the fit of a covariogram; None if there is too little to fit."""
    far = r > 1.5 * r[_first_peak(gaussian_filter1d(per_volume, SMOOTHING / step))]
    if far.sum() * step < 2:
        return None
    powers = np.stack([np.ones_like(r), r, r**3], axis=1)
    coefficients, *_ = np.linalg.lstsq(powers[far], per_volume[far], rcond=None)
    ideal = powers @ coefficients
    # A covariogram falls with r and never below zero.
    return ideal if (ideal > 0).all() and ideal[0] >= ideal[-1] else None


def _sphere(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Isotropic covariogram of a sphere over its volume, at distances in units of its radius."""
    return 1 - 3 / 4 * x + x**3 / 16


def _radius(atoms: ase.Atoms) -> float:
    """Radius of the sphere with the atoms' radius of gyration, angstrom."""
    centred = atoms.positions - atoms.positions.mean(axis=0)
    return float(np.sqrt(5 / 3 * (centred**2).sum(axis=1).mean()))


def _range(atoms: ase.Atoms, step: float) -> float:
    """Largest range at which pairs are counted fully (box) or still plentiful (particle)."""
    limits = []
    if atoms.pbc.any():
        limits.append((np.ceil(heights(atoms).min() / 2 / step) - 1) * step)
    if not atoms.pbc.all():
        limits.append(1.8 * _radius(atoms))
    return float(min(limits))
