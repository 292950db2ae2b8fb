"""Two models from independent halves of one series' data, and how well they agree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.uncertainty import position_errors
from aet_port.detection.cross_validation import fitted_views, r_of_images, unseen
from aet_port.detection.loop import carry_out
from aet_port.detection.noise import ImageNoise
from aet_port.detection.outcome import Detection
from aet_port.detection.search import Search
from aet_port.detection.settings import DETECT, DetectSettings
from aet_port.refinement.likelihood import Atoms, Likelihood, Views
from aet_port.validation.atomic_shells import atomic_shell_correlation
from aet_port.validation.estimated_recall import RecallEstimate, clarity_of, estimate_recall
from aet_port.validation.fourier_shell import (
    GOLD_STANDARD,
    HALF,
    FourierShells,
    half_sets,
)
from aet_port.validation.matching import Matching, match_models
from aet_port.validation.settings import DEFAULTS, HALVES, Split

UNDECIDED = "X"
FEWEST_IMAGES = 4
TURNS = 5  # of matching and rotating


@dataclass(frozen=True)
class Half:
    """The atoms found in one half, and the images of the other.

    Attributes
    ----------
    found
        What the search found.
    likelihood, atoms, views
        Likelihood of the images that it did not see, its atoms, and its views of these images.
    """

    found: Detection
    likelihood: Likelihood
    atoms: Atoms
    views: Views


@dataclass(frozen=True, repr=False)
class HalfModels(Shown):
    """Agreement of two models from independent halves of the data.

    Attributes
    ----------
    halves
        The two searches.
    first, second
        Their models, in the frame of the first.
    full
        The model of all data.
    matching
        Pairs of atoms of the two (found: first, true: second).
    in_full
        Pairs of each half (found) and the full model (true).
    unseen
        Numbers of the images that each half did not see.
    volume
        Volume searched, cubic angstrom.
    fdr
        Accepted fraction of wrong atoms.
    """

    halves: tuple[Half, Half]
    first: AtomicModel
    second: AtomicModel
    full: AtomicModel
    matching: Matching
    in_full: tuple[Matching, Matching]
    unseen: tuple[NDArray[np.int64], NDArray[np.int64]]
    volume: float
    fdr: float

    def _facts(self) -> dict[str, object]:
        return {
            "atoms": f"{len(self.first)}, {len(self.second)}, of all data {len(self.full)}",
            "in both": self.matching.matched,
            "expected error of these": f"{self.common_error_pm:.1f} pm",
        }

    @property
    def found_of_other(self) -> tuple[float, float]:
        """Fraction of the second half's atoms found in the first, and the reverse."""
        pairs = self.matching
        return pairs.matched / pairs.n_truth, pairs.matched / pairs.n_found

    @property
    def common_error_pm(self) -> float:
        """Rms position error in the full model of the atoms in both halves, pm.

        Each half has twice the variance of the full model, their difference four times.
        """
        return 0.5 * self.matching.rmsd_pm

    @property
    def error_ratio(self) -> float | None:
        """Rms difference of the halves relative to that which their stated errors give."""
        pairs = self.matching
        parts = ((self.first, pairs.found_index), (self.second, pairs.truth_index))
        stated = [_mean_square(model, rows) for model, rows in parts]
        return None if None in stated else float(pairs.rmsd / np.sqrt(sum(stated)))  # type: ignore[arg-type]

    @property
    def expected_error_pm(self) -> float | None:
        """Rms position error of all atoms of the full model, pm: as stated, times the ratio.

        None if the model states no errors.
        """
        stated, ratio = _mean_square(self.full, slice(None)), self.error_ratio
        return None if stated is None or ratio is None else float(100 * ratio * np.sqrt(stated))

    @property
    def same_species(self) -> float | None:
        """Fraction of the common atoms with the same species in both; None if none is decided."""
        one = np.array(self.first.species)[self.matching.found_index]
        other = np.array(self.second.species)[self.matching.truth_index]
        decided = (one != UNDECIDED) & (other != UNDECIDED)
        return float(np.mean(one[decided] == other[decided])) if decided.any() else None

    @cached_property
    def recall(self) -> RecallEstimate:
        """Estimated recall of the full model."""
        every = np.arange(len(self.full))
        first, second = (np.isin(every, pairs.truth_index) for pairs in self.in_full)
        # Of the common atoms, those of which either half has a partner in the full model.
        known = np.isin(self.matching.found_index, self.in_full[0].found_index)
        known |= np.isin(self.matching.truth_index, self.in_full[1].found_index)
        clarity = clarity_of(self.full, self.halves[0].found.symbols, self.volume, self.fdr)
        return estimate_recall(clarity, (first, second), float(known.mean()))

    @cached_property
    def shells(self) -> FourierShells:
        """Atomic Fourier shell correlation of the two."""
        moved = self.second.atoms.copy()
        moved.positions -= self.matching.shift
        threads = self.halves[0].likelihood.threads
        return atomic_shell_correlation(self.first, AtomicModel(moved, "second"), threads=threads)

    def resolution(self, threshold: float) -> float:
        """Period in angstrom at which the correlation falls below a threshold.

        From the frequency of nearest neighbours on: at lower ones a dense sample has next to no
        signal but that of its outline.
        """
        places = self.full.positions
        usual = float(np.median(cKDTree(places).query(places, 2)[0][:, 1]))
        shells = self.shells
        kept = shells.frequency >= 1 / usual
        kept[0] = True
        return FourierShells(
            shells.frequency[kept], shells.correlation[kept], shells.samples[kept]
        ).resolution(threshold)

    def r_free(self) -> NDArray[np.float64]:
        """R1 of each image of the series for atoms found without it, shape (n_images,).

        With halves of counts, the mean of the two halves of the image.
        """
        found = [r_of_images(one.likelihood, one.atoms, one.views) for one in self.halves]
        numbers = np.concatenate(self.unseen)
        return np.bincount(numbers, np.concatenate(found)) / np.bincount(numbers)

    def counts_in_halves(self) -> dict[str, int]:
        """Number of the full model's atoms found in no half, in one, and in both."""
        times = sum(np.isin(np.arange(len(self.full)), one.truth_index) for one in self.in_full)
        return {name: int(np.sum(times == k)) for k, name in enumerate(("none", "one", "both"))}

    def summary(self) -> dict[str, Any]:
        """The agreement as plain numbers."""
        first, second = self.found_of_other
        shells, free = self.shells, self.r_free()
        return {
            "atoms": [len(self.first), len(self.second)],
            "atoms_of_all_data": len(self.full),
            "common": self.matching.matched,
            "found_in_first_of_second": first,
            "found_in_second_of_first": second,
            "full_model_in_halves": self.counts_in_halves(),
            "rmsd_between_halves_pm": self.matching.rmsd_pm,
            "expected_error_of_common_pm": self.common_error_pm,
            "expected_error_pm": self.expected_error_pm,
            "errors_relative_to_stated": self.error_ratio,
            "same_species": self.same_species,
            "r_free": float(free.mean()),
            "r_free_images": free.tolist(),
            "r_work": [float(one.found.r1.mean()) for one in self.halves],
            "recall_estimate": self.recall.summary(),
            "resolution_0.5": self.resolution(HALF),
            "resolution_0.143": self.resolution(GOLD_STANDARD),
            "shells": {
                "frequency": shells.frequency.tolist(),
                "correlation": shells.correlation.tolist(),
            },
        }


def _mean_square(model: AtomicModel, rows: NDArray | slice) -> float | None:
    """Mean square position error of some atoms as the model states it, square angstrom."""
    errors = position_errors(model.atoms)
    return None if errors is None else float(np.mean(errors[rows] ** 2))


@checked
def search_halves(
    series: TiltSeries,
    full: AtomicModel,
    symbols: tuple[str, ...],
    settings: DetectSettings = DETECT,
    *,
    split: Split = HALVES.split,
    radius: float = DEFAULTS.radius,
    seed: int = HALVES.seed,
    threads: int | None = None,
    progress: bool = False,
) -> HalfModels:
    """Search two halves of a series independently, and compare the atoms found.

    Parameters
    ----------
    series
        Images as measured, as given to :func:`aet_port.detect`.
    full
        The model found in all of them.
    symbols, settings
        Species and settings of that search.
    split
        ``"tilts"``: even and odd images; ``"counts"``: every image in two, see
        :func:`split_counts`.
    radius
        Largest distance of a pair of atoms, angstrom.
    seed
        Seed of the split of counts.
    threads, progress
        As in that function.

    Returns
    -------
    Both models and their agreement.

    Raises
    ------
    InputError
        For fewer than four images, and as in that function.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle, simulate_tilt_series
    >>> truth = amorphous_particle(30, "Ta")
    >>> angles = [[0, theta, 0] for theta in range(-66, 67, 12)]
    >>> series = simulate_tilt_series(truth, angles, pixel_size=0.5, shape=(36, 36))
    >>> found = aet.detect(series, "Ta", threads=1)
    >>> halves = search_halves(series, found.model, ("Ta",), threads=1)
    >>> halves.matching.matched, halves.counts_in_halves()
    (30, {'none': 0, 'one': 0, 'both': 30})
    """
    if len(series) < FEWEST_IMAGES:
        raise InputError(series.name, f"{len(series)} images", f"{FEWEST_IMAGES} or more")
    whole = Search(series, symbols, settings, threads)
    every = np.arange(len(series))
    seen = (every[0::2], every[1::2])
    if split == "counts":
        seen = (every, every)
        parts = split_counts(series, whole.noise, seed)
        settings = _of_halved_counts(settings, whole.noise)
    else:
        parts = half_sets(series)
    made = []
    for own, other in (parts, parts[::-1]):
        search = Search(own, symbols, settings, threads)
        found = carry_out(search, progress=progress)
        likelihood, atoms, views = unseen(search, found, other)
        made.append(
            Half(found, likelihood, atoms, fitted_views(likelihood, atoms, views, settings))
        )
    first, second = (one.found.model for one in made)
    if settings.angles:
        second, full = (turned_onto(model, first, radius) for model in (second, full))
    in_full = (match_models(first, full, radius), match_models(second, full, radius))
    return HalfModels(
        (made[0], made[1]), first, second, full, match_models(first, second, radius), in_full,
        seen[::-1], whole.searched, settings.fdr,
    )  # fmt: skip


@checked
def split_counts(
    series: TiltSeries, noise: ImageNoise, seed: int = 0
) -> tuple[TiltSeries, TiltSeries]:
    """Two series of half the dose whose noise is independent, from one.

    Each of the ``n`` counted electrons of a pixel goes to either half (binomial thinning, by which
    Poisson counts become two independent ones), and its read noise, of standard deviation ``r``, is
    divided by adding and subtracting ``N(0, r^2 / 4)``. Constant noise is divided in the same way.
    Both halves are in electrons, with half the signal and the read noise ``r / sqrt(2)``.

    Parameters
    ----------
    series
        Images as measured.
    noise
        Their noise; that of neighbouring pixels must be independent.
    seed
        Seed of the random numbers.

    Returns
    -------
    The two series.

    Notes
    -----
    MATLAB: none
    """
    rng = np.random.default_rng(seed)
    electrons = noise.electrons(series.images).astype(np.float64)
    first = 0.5 * electrons + rng.normal(0, 0.5 * noise.read_noise, electrons.shape)
    if noise.counting:
        whole = np.maximum(np.rint(electrons), 0).astype(np.int64)
        first += rng.binomial(whole, 0.5) - 0.5 * whole
    one, other = (
        replace(series, images=images.astype(np.float32), name=f"{series.name}, {name} counts")
        for images, name in ((first, "first half of the"), (electrons - first, "other half of the"))
    )
    return one, other


def _of_halved_counts(settings: DetectSettings, noise: ImageNoise) -> DetectSettings:
    """Settings for images of :func:`split_counts`."""
    changes: dict[str, Any] = {"extended": noise.extended}
    if noise.counting:
        changes |= {"counts_per_unit": 1.0, "read_noise": float(noise.read_noise / np.sqrt(2))}
    return settings.changed(**changes)


def turned_onto(model: AtomicModel, onto: AtomicModel, radius: float) -> AtomicModel:
    """A model turned about the origin so that its atoms lie nearest to those of another.

    Searches that fit angles may end in frames that differ by a small rotation.
    """
    atoms = model.atoms.copy()
    for _ in range(TURNS):
        pairs = match_models(onto, AtomicModel(atoms, model.name), radius)
        there = atoms.positions[pairs.truth_index] - pairs.shift
        turn, _ = Rotation.align_vectors(onto.positions[pairs.found_index], there)
        atoms.positions = turn.apply(atoms.positions)
    return AtomicModel(atoms, model.name)
