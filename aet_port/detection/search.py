"""A round of the search for atoms: add, fit, drop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.core.geometry import extended_object_shape
from aet_port.core.parallel import check_threads
from aet_port.detection.candidates import (
    LATER,
    LOWEST,
    SPARSE,
    WELL,
    apart,
    missing_power,
    select,
)
from aet_port.detection.evidence import local_covariances, radial_frequencies
from aet_port.detection.fit import Freed, fit_atoms
from aet_port.detection.height_drift import local_heights
from aet_port.detection.memory import check_search
from aet_port.detection.mixture import Species, mixture_of_heights
from aet_port.detection.noise import ImageNoise, image_noise
from aet_port.detection.probe import Probe, choose_probe, fit_probe
from aet_port.detection.pruning import (
    SIGNIFICANT,
    beside,
    not_told_apart,
    significant_errors,
    too_low,
)
from aet_port.detection.score_map import ScoreFilter, ScoreMap
from aet_port.detection.settings import DETECT, DetectSettings
from aet_port.detection.state import Round, SearchState
from aet_port.detection.surroundings import background_terms, first_background, first_dispersion
from aet_port.refinement.likelihood import Atoms, Likelihood, Views
from aet_port.tracing.composition_prior import prior_of

# Distances in covalent radii of the smallest species: two atoms repel each other below the first,
# are one atom below the second, and no candidate is nearer to an atom than the third.
REPEL, MERGE, EXCLUDE = 1.65, 1.2, 0.95
USUAL = 0.85  # of the median distance of nearest neighbours, the first of them at most
FIRST_B = 5.0  # square angstrom, B' of the probe before it is fitted
HIGHEST = 2.0  # of the heaviest species' height, that an atom may have
SETTLING = 3  # round from which background and form of the probe may follow the atoms freely
KNOWN = 0.03  # net change below which heights follow the species
MANY = 0.02  # of the atoms, dropped in a round, above which the others are fitted again
FALLEN, FINAL_STEPS = 0.9, 25  # of the atoms before, below which a round is undone; of the last fit
UNEXPLAINED = 4.0  # power of the residuals that is no noise, in later rounds
AROUND = 3.0  # angstrom around the images of an extended sample in which atoms are searched
ENOUGH = 5  # atoms of each species for a mixture of heights
NONE = np.empty((0, 6))  # candidates
CHOICES = range(1, 7)  # rounds in which the form of the probe is chosen


class Search:
    """The search for atoms in one tilt series.

    Parameters
    ----------
    series, symbols, settings, threads
        As given to :func:`aet_port.detection.loop.detect`.

    Attributes
    ----------
    forms
        Rounds in which the form of the probe is chosen.
    searched
        Volume searched, cubic angstrom.
    """

    def __init__(
        self,
        series: TiltSeries,
        symbols: Sequence[str],
        settings: DetectSettings = DETECT,
        threads: int | None = None,
    ) -> None:
        check_search(series, settings)
        self.series, self.symbols, self.settings = series, tuple(symbols), settings
        self.composition = prior_of(settings.composition, settings.composition_error, self.symbols)
        self.threads = check_threads(threads)
        self.noise: ImageNoise = image_noise(series.images, settings, series.name)
        self.images = self.noise.electrons(series.images)
        shape, size = series.detector, series.pixel_size
        terms = background_terms(shape, self.noise.extended)
        self.likelihood = Likelihood(
            self.images, size, self.noise.read_noise**2, self.noise.counting, terms, self.threads
        )
        radius = min(covalent_radii[atomic_numbers[symbol]] for symbol in self.symbols)
        self.repel = settings.least_distance or REPEL * radius
        n_z = shape[0] if settings.depth is None else max(3, round(settings.depth / size))
        self.margin = round(AROUND / size) if self.noise.extended else 0
        wide = (shape[0] + 2 * self.margin, shape[1] + 2 * self.margin)
        self.volume = (
            extended_object_shape(wide, n_z, series.angles) if self.margin else (*shape, n_z)
        )
        if self.margin:  # how much wider it is, only the images tell
            check_search(series, settings, self.volume)
        self.searched = float(np.prod(self.volume)) * self.series.pixel_size**3
        self._filter: ScoreFilter | None = None
        self.forms = CHOICES

    def distances(self, positions: NDArray) -> tuple[float, float, float]:
        """Distances in angstrom below which atoms repel each other, merge, and are no candidates.

        Covalent radii are too long for some metals; the atoms found tell.
        """
        repel = self.repel
        if self.settings.least_distance is None and len(positions) > ENOUGH:
            nearest = cKDTree(positions).query(positions, 2)[0][:, 1]
            repel = min(repel, USUAL * float(np.median(nearest)))
        return repel, repel * MERGE / REPEL, repel * EXCLUDE / REPEL

    def start(self) -> SearchState:
        """Nothing found yet, the background as at the border of the images."""
        n = len(self.images)
        background = np.zeros((n, len(self.likelihood.terms)))
        background[:, 0] = self.noise.levels
        if self.noise.extended:
            background[:] = first_background(self.images, self.likelihood.terms)
        return SearchState(
            Atoms(np.empty((0, 3)), np.empty(0), np.empty(0, np.int64)),
            Views(self.series.angles.astype(np.float64), np.zeros((n, 2)), background, np.zeros(2)),
            Probe(max(FIRST_B, 1.5 * self.series.pixel_size**2 * np.pi**2), 25.0),
            np.empty((0, 4, 4)),
            np.empty(0),
            dispersion=first_dispersion(self.likelihood),
        )

    def _dispersed(self, state: SearchState, expected: NDArray, number: int) -> SearchState:
        """The dispersion after a fit, if residuals are far more than noise and missing atoms."""
        if state.dispersion > 1 or number >= LATER:
            misfit = self.likelihood.misfit(expected)
            state = replace(state, dispersion=misfit if misfit > UNEXPLAINED else 1.0)
            self.likelihood.dispersion = state.dispersion
        return state

    def expected(self, state: SearchState) -> NDArray[np.float32]:
        """Expected images, shape (n_images, nx, ny), electrons."""
        self._use_probe(state)
        return self.likelihood.expected(state.atoms, state.views)

    def _use_probe(self, state: SearchState) -> None:
        profiles = [state.probe.profile(self.likelihood.q, symbol) for symbol in self.symbols]
        self.likelihood.use_profiles(profiles)
        self.likelihood.dispersion = state.dispersion

    def variance(self, state: SearchState, expected: NDArray) -> NDArray[np.float32]:
        """Noise variance of the pixels, from the images themselves while there are no atoms."""
        if not len(state.atoms):
            expected = np.maximum(ndimage.gaussian_filter(self.images, (0, 3, 3)), 0)
        return np.float32(1) / self.likelihood.weights(expected)

    def score_map(self, state: SearchState, expected: NDArray) -> ScoreMap:
        """Score map of what the expected images lack."""
        size = self.series.pixel_size
        if self._filter is None or (self.settings.angles and len(state.rounds) <= SETTLING + 1):
            extent = min(self.series.detector) * size
            self._filter = ScoreFilter(
                state.views.angles, self.series.detector, size, extent, self.threads, self.margin
            )
        maker = self._filter
        residual, variance = self.images - expected, self.variance(state, expected)
        profile = state.probe.mean(maker.q, self.symbols)
        sparse = SPARSE[min(len(state.rounds), len(SPARSE) - 1)]
        missing = missing_power(residual, variance, profile, maker.q, maker.canvas, sparse)
        counts = self.noise.counting and state.dispersion == 1
        counted = variance - np.float32(self.likelihood.read_variance) if counts else None
        return maker.score(
            residual, variance, state.views.shifts, profile, missing, self.volume, counted
        )

    def find(self, state: SearchState, expected: NDArray) -> tuple[NDArray[np.float64], float]:
        """Candidates (n, 6) for new atoms, and the threshold of their scores."""
        found = self.score_map(state, expected)
        maxima, minima = (found.maxima(LOWEST, sign, self.threads) for sign in (1.0, -1.0))
        _, merge, exclude = self.distances(state.atoms.positions)
        maxima = apart(maxima, state.atoms.positions, exclude, merge)
        explained = state.dispersion == 1
        only_missing = explained and not (self.noise.extended or self.settings.angles)
        return select(maxima, minima, len(state.rounds), state.lightest, explained, only_missing)

    def round(self, state: SearchState, more: NDArray = NONE) -> SearchState:
        """Add what the residual asks for and ``more`` (k, 6), fit all, drop the insignificant."""
        if not state.freed and state.settled(self.noise.extended):
            # Where the dose is low, heights and their means drift together, and right atoms that no
            # longer fit are dropped; the images alone bring them back.
            state = replace(state, known=0, before=state)
        given, number, before = state, len(state.rounds), len(state.atoms)
        expected = self.expected(state)
        candidates, score = self.find(state, expected)
        merge = self.distances(state.atoms.positions)[1]
        candidates = np.concatenate([candidates, apart(more, candidates[:, :3], merge, merge)])
        state = self.with_candidates(state, candidates, expected)
        if not len(state.atoms):
            raise InputError(
                self.series.name,
                f"no atom above {score:.1f} standard deviations of the noise",
                "images with more signal, or the right pixel size and angles",
            )
        dropped, old = 0, np.arange(len(state.atoms)) < before
        # Background and probe settle only together where matter lies outside the images.
        for turn in range(2 if number == 0 or self.noise.extended else 1):
            self.some_left(state)
            state, deviance = self.fitted(state, max(number, turn), self.settings.max_steps)
            expected = self.expected(state)
            state = self._dispersed(state, expected, number)
            covariances = self.covariances(state, expected)
            free, errors = self.free_heights(state, covariances)
            kept = (free > SIGNIFICANT * errors) | (old & beside(state.atoms, candidates))
            dropped += int(np.sum(~kept))
            state = replace(state, atoms=state.atoms[kept], covariances=covariances[kept])
            free, errors, old = free[kept], errors[kept], old[kept]
        self.some_left(state)
        species = self.species(state, free, errors, old if number >= SETTLING else None)
        low, double = self.lost(state.atoms.positions, free, errors, species)
        lost = (low & ~(old & beside(state.atoms, candidates))) | double
        kinds = species.posterior(free, errors).argmax(axis=1)
        if number == 0 and len(self.symbols) > 1:
            kinds = state.atoms.kinds  # classes are not reliable yet
        state = replace(
            state,
            atoms=state.atoms.with_kinds(kinds)[~lost],
            covariances=state.covariances[~lost],
            free=free[~lost],
            species=species,
        )
        count, dropped = len(state.atoms), dropped + int(np.sum(lost))
        if number >= SETTLING and dropped > MANY * count:
            # What was added in vain has taken something from background, probe and neighbours.
            state, deviance = self.fitted(state, number, self.settings.max_steps)
            covariances = self.covariances(state, self.expected(state))
            free, _ = self.free_heights(state, covariances)
            state = replace(state, covariances=covariances, free=free)
        if given.known and count < FALLEN * before:
            # Heights and their means have run away from each other: as if nothing had been found.
            last, tried = given.rounds[-1], len(candidates)
            undone = replace(last, added=tried, dropped=tried, threshold=score)
            return replace(given, known=given.known + 1, rounds=[*given.rounds, undone])
        known = state.known > 0 or (number >= SETTLING - 1 and count - before < KNOWN * count)
        row = Round(count, len(candidates), dropped, score, deviance)
        return replace(state, known=state.known + known, rounds=[*state.rounds, row])

    def species(
        self, state: SearchState, free: NDArray, errors: NDArray, old: NDArray | None = None
    ) -> Species:
        """Mixture of the heights of atoms that nearly all images show, old ones if given."""
        inside = self.likelihood.seen(state.atoms, state.views) >= WELL * len(self.images)
        if old is not None:
            inside &= old
        if np.sum(inside) < ENOUGH * len(self.symbols):
            inside[:] = True
        means = None if state.species is None else state.species.means
        # Earlier, light atoms are still missing, and what was found has another composition.
        late = len(state.rounds) >= min(SETTLING - 1, self.settings.max_rounds)
        prior = self.composition if late else None
        found = mixture_of_heights(free[inside], errors[inside], self.symbols, means, prior)
        if state.prior is None:
            return found
        # All atoms of a species follow its mean together, five times as stiffly as each alone where
        # they overlap on the images, so that their free heights overshoot.
        return replace(found, means=0.2 * found.means + 0.8 * state.prior.means)

    def some_left(self, state: SearchState) -> None:
        """Refuse a state with too few atoms for its species."""
        if len(state.atoms) < 2 * len(self.symbols):
            raise InputError(
                self.series.name,
                f"{len(state.atoms)} significant atoms",
                f"enough for {len(self.symbols)} species: more dose, or the right pixel size",
            )

    def lost(
        self, positions: NDArray, free: NDArray, errors: NDArray, species: Species
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Atoms lower than the lightest species can be, and one of two in one place."""
        return (
            too_low(free, errors, species, self.settings.fdr),
            not_told_apart(positions, free, errors, self.distances(positions)[1]),
        )

    def with_candidates(
        self, state: SearchState, candidates: NDArray, expected: NDArray
    ) -> SearchState:
        """Add candidates (n, 4 or more) as atoms: positions in angstrom, heights in electrons."""
        first, new = len(state.atoms), candidates[:, 3]
        kind = 0 if state.rounds else len(self.symbols) // 2
        atoms = Atoms(
            np.concatenate([state.atoms.positions, candidates[:, :3]]),
            np.concatenate([state.atoms.heights, new]),
            np.concatenate([state.atoms.kinds, np.full(len(new), kind, np.int64)]),
        )
        added = replace(state, atoms=atoms)
        if not len(new):
            return added
        if not first:
            expected = np.maximum(ndimage.gaussian_filter(self.images, (0, 1, 1)), 0)
        which = np.arange(first, len(atoms))
        own = self.covariances(added, expected, which)
        return replace(added, covariances=np.concatenate([state.covariances, own]))

    def covariances(
        self, state: SearchState, expected: NDArray, which: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Covariance of height and position of atoms, neighbours free."""
        profile = state.probe.mean(radial_frequencies(self.series.pixel_size), self.symbols)
        return local_covariances(
            self.likelihood, state.atoms, state.views, profile, expected, state.faintest, which
        )

    def free_heights(
        self, state: SearchState, covariances: NDArray
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Heights as the images alone ask for, and their standard errors."""
        variance, heights = covariances[:, 0, 0], state.atoms.heights
        if state.prior is not None:
            heights = heights + variance * state.prior.improbability(heights)[1]
        return heights, np.sqrt(variance)

    def fitted(self, state: SearchState, number: int, steps: int) -> tuple[SearchState, float]:
        """Fit atoms, views and probe; return the deviance per pixel too."""
        self._use_probe(state)
        turned = self.settings.angles and number > 0
        background = self.settings.background and (number >= SETTLING or self.noise.extended)
        freed = Freed(
            turned,
            (self.settings.shifts or self.settings.angles) and number > 0,
            background,
            (
                number >= SETTLING and self.settings.scan_shear in ("x", "both"),
                number >= SETTLING and self.settings.scan_shear in ("y", "both"),
            ),
        )
        fit = fit_atoms(
            self.likelihood,
            state.atoms,
            state.views,
            state.metric,
            freed=freed,
            least_distance=self.distances(state.atoms.positions)[0],
            species=state.prior,
            max_steps=steps,
            highest=np.inf if state.species is None else HIGHEST * state.species.means[-1],
        )
        probe = state.probe
        # Matter outside the images would be taken for the tail of the probe.
        if number in self.forms and not self.noise.extended:
            probe = choose_probe(
                self.likelihood, fit.atoms, fit.views, probe, self.symbols, background
            )
        probe, scale, views, cost = fit_probe(
            self.likelihood, fit.atoms, fit.views, probe, self.symbols, background
        )
        atoms = replace(fit.atoms, heights=fit.atoms.heights * scale)
        species = None if state.species is None else state.species.scaled(scale)
        state = replace(state, atoms=atoms, views=views, probe=probe, species=species)
        return state, 2 * cost / self.images.size

    def steady(self, state: SearchState) -> bool:
        """Whether the last round changed next to nothing, after heights were freed if unsure."""
        return (state.freed > 0 or not state.unsure) and state.settled(self.noise.extended)

    def ended(self, state: SearchState) -> bool:
        """Whether it is steady or had all its rounds, as many again once heights are freed."""
        return len(state.rounds) >= self.settings.max_rounds + state.freed or self.steady(state)

    def finish(self, state: SearchState) -> SearchState:
        """Fit to convergence, drop what is not significant, and fit again."""
        for steps in (FINAL_STEPS, self.settings.max_steps):
            state, _ = self.fitted(state, CHOICES.stop, steps)  # the form of the probe stays
            covariances = self.covariances(state, self.expected(state))
            free, errors = self.free_heights(state, covariances)
            species = self.species(state, free, errors)
            places, radius = state.atoms.positions, self.settings.local_radius
            least = errors * significant_errors(self.searched, len(free), self.settings.fdr)
            lost = (free < least) | np.logical_or(*self.lost(places, free, errors, species))
            local = local_heights(
                places, free, errors, species, self.symbols, radius, self.composition
            )
            state = replace(
                state,
                atoms=state.atoms.with_kinds(local.kinds)[~lost],
                covariances=covariances[~lost],
                free=free[~lost],
                species=species,
            )
            self.some_left(state)
            if not lost.any():
                break
        return state
