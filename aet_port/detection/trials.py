"""Trials: the search repeated on simulated images of the atoms found, where the truth is known."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.spatial import cKDTree

from aet_port.core.errors import InputError
from aet_port.detection.ending import with_gaps_filled
from aet_port.detection.frame import nearest_to_nominal
from aet_port.detection.outside import border_distances, continued
from aet_port.detection.pairs import mutual_pairs
from aet_port.detection.search import Search
from aet_port.detection.state import INSIDE, SearchState
from aet_port.refinement.likelihood import Likelihood

RADIUS = 1.0  # angstrom, farthest from a true atom that a right one lies
CLEAR = 3.0  # standard errors of an excess of power that is no chance
SMOOTH = 5  # pixels over which the strength of an excess is averaged
TINY = 1e-12  # smallest power
FOLLOWING = 1_000_000  # first seed of trials of trials
NO_HEIGHT = 0.1  # standard errors, least height of which a logarithm is taken


@dataclass(frozen=True)
class Trial:
    """What a search finds in simulated images, compared with the atoms simulated.

    Attributes
    ----------
    signs
        Shape (n, 4): :func:`signs_of` the atoms found.
    right
        Shape (n,): whether they are mutual nearest neighbours of a true one within 1 angstrom.
    sigma
        Shape (n,): stated error of a coordinate, rms over the three, angstrom.
    misfit
        Shape (n,): squared deviation of the position, by its stated covariance: 3 on average if the
        covariance is right; NaN for wrong atoms.
    scores
        Shape (n, 3): deviation of each coordinate in stated errors; NaN for wrong atoms.
    border
        Shape (n,): distance from the border of the images along y, angstrom.
    wrong_species
        Right atoms of another species than the true one.
    expected_wrong
        Number of them that the stated probabilities lead one to expect.
    truth, missed
        Number of atoms simulated, and of those of them that were not found.
    following
        A trial of what was found in this one, None if there was none.
    """

    signs: NDArray[np.float64]
    right: NDArray[np.bool_]
    sigma: NDArray[np.float64]
    misfit: NDArray[np.float64]
    scores: NDArray[np.float64]
    border: NDArray[np.float64]
    wrong_species: int
    expected_wrong: float
    truth: int
    missed: int
    following: Trial | None = None

    def __str__(self) -> str:
        wrong = int(np.sum(~self.right))
        return f"of {self.truth} atoms {self.missed} missed, {wrong} wrong ones found"


def signs_of(state: SearchState) -> NDArray[np.float64]:
    """What distinguishes right atoms from wrong ones.

    Parameters
    ----------
    state
        A search at its end.

    Returns
    -------
    Shape (n_atoms, 4): logarithm of the height in standard errors; how many standard deviations it
    is below the mean of its species, at most zero; distance of the nearest neighbour relative to
    the median; logarithm of the error of the position in angstrom.
    """
    errors = np.sqrt(state.covariances[:, 0, 0])
    kinds = state.mixture.posterior(state.free, errors).argmax(axis=1)
    spread = np.hypot(errors, state.mixture.spreads[kinds])
    nearest = cKDTree(state.atoms.positions).query(state.atoms.positions, 2)[0][:, 1]
    return np.stack(
        [
            np.log(np.maximum(state.free / errors, NO_HEIGHT)),
            np.minimum((state.free - state.mixture.means[kinds]) / spread, 0),
            nearest / np.median(nearest),
            np.log(sigma_of(state.covariances)),
        ],
        axis=1,
    )


def sigma_of(covariances: NDArray) -> NDArray[np.float64]:
    """Rms error of a coordinate, angstrom, from covariances (n, 4, 4) of height and position."""
    return np.asarray(np.sqrt(np.trace(covariances[:, 1:, 1:], axis1=1, axis2=2) / 3))


def run_trial(search: Search, state: SearchState, number: int = 0, *, twice: bool = False) -> Trial:
    """Simulate images of the atoms found, search their atoms, and compare.

    A parametric bootstrap (B. Efron and R. Tibshirani, An Introduction to the Bootstrap, 1993,
    chapter 6): the images have the noise of the measured ones and what the model leaves unexplained
    as further noise, and the search is the same, except that it knows the form of the probe and
    does not free heights once more.

    Parameters
    ----------
    search
        The search.
    state
        Its end.
    number
        Number of the trial, which seeds its noise.
    twice
        Whether what is found is given a trial of its own.

    Returns
    -------
    The comparison; only of atoms that half of the images show.
    """
    truth = continued(search.likelihood, state, number) if search.noise.extended else state
    again = _Again(search, state, simulated(search, state, truth, number))
    done = again.start()
    while not again.ended(done):
        done = again.round(done)
    done = with_gaps_filled(again, again.finish(done))
    nominal = search.series.angles
    true, mine = (nearest_to_nominal(one.atoms, one.views, nominal) for one in (truth, done))
    covariances = mine.turned(done.covariances[:, 1:, 1:])
    right, partner = mutual_pairs(mine.atoms.positions, true.atoms.positions, RADIUS)
    away = mine.atoms.positions - true.atoms.positions[partner]
    misfit = np.einsum("ni,ni->n", away, np.linalg.solve(covariances, away[:, :, None])[:, :, 0])
    misfit[~right] = np.nan
    scores = away / np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    scores[~right] = np.nan
    posterior = done.mixture.posterior(done.free, np.sqrt(done.covariances[:, 0, 0]))
    least = INSIDE * len(search.images)
    inside = search.likelihood.seen(mine.atoms, mine.views) >= least
    there = search.likelihood.seen(true.atoms, true.views) >= least
    right_inside, unmatched = right & inside, np.ones(len(there), bool)
    unmatched[partner[right]] = False
    other = posterior.argmax(axis=1) != truth.atoms.kinds[partner]
    following = None
    if twice:
        with suppress(InputError):  # too few atoms are left
            following = run_trial(again, done, FOLLOWING + number)
    return Trial(
        signs_of(done)[inside],
        right[inside],
        sigma_of(done.covariances)[inside],
        misfit[inside],
        scores[inside],
        border_distances(search.likelihood, mine.atoms, mine.views)[inside],
        int(np.sum(other & right_inside)),
        float(np.sum(1 - posterior.max(axis=1)[right_inside])),
        int(there.sum()),
        int(np.sum(there & unmatched)),
        following,
    )


def simulated(
    search: Search, state: SearchState, truth: SearchState, number: int
) -> NDArray[np.float32]:
    """Images of atoms with the noise of measured ones, shape (n_images, nx, ny), electrons.

    Where the model is wrong, the measured images deviate from the expected ones by more than their
    noise, and the simulated ones do likewise: by random fields with the spectrum of that excess,
    in proportion to the signal; of a film, in proportion to the excess at each place.

    Parameters
    ----------
    search
        The search.
    state
        Its end.
    truth
        The atoms to simulate.
    number
        Seed.
    """
    rng = np.random.default_rng([number, 31])
    fitted, noise = search.expected(state), search.noise
    residual = (search.images - fitted) * np.sqrt(search.likelihood.weights(fitted))
    excess = _excess_spectrum(residual)
    expected = fitted if truth is state else search.expected(truth)
    roots = np.sqrt(search.likelihood.weights(expected))
    if noise.extended:
        strength = _strength(residual, excess)
    else:
        strength = np.empty_like(expected)
        for index, image in enumerate(expected):
            strength[index] = image - search.likelihood.ground(state.views, index)
        strength *= roots
        strength /= np.sqrt(np.mean(strength**2, dtype=np.float64))
    strength /= roots
    del residual, roots  # each as large as the series
    images = np.empty_like(expected)
    for image, ideal, amplitude in zip(images, expected, strength, strict=True):
        counts = rng.poisson(np.maximum(ideal, 0)) if noise.counting else ideal
        field = fft.irfft2(fft.rfft2(rng.normal(size=ideal.shape)) * excess, s=ideal.shape)
        read = rng.normal(size=ideal.shape) * noise.read_noise
        image[:] = counts + read + field * amplitude
    return images


def _excess_spectrum(residual: NDArray) -> NDArray[np.float64]:
    """Amplitude of residuals in units of their noise beyond one, on the half spectrum.

    Root of the excess of the power, averaged over the images and over rings of frequencies; zero
    where it may be chance.
    """
    nx, ny = residual.shape[1:]
    power = np.zeros((nx, ny // 2 + 1))
    for image in residual:  # one by one: all spectra together are as large as the series
        power += np.abs(fft.rfft2(image)) ** 2
    power /= len(residual) * nx * ny
    ring = np.hypot(fft.fftfreq(nx)[:, None], fft.rfftfreq(ny)[None, :])
    ring = np.round(ring * max(nx, ny)).astype(np.int64)
    power[0, 0] = 1.0  # backgrounds are fitted
    count = np.bincount(ring.ravel())
    excess = np.bincount(ring.ravel(), power.ravel()) / count - 1
    # The power of noise scatters by its own mean; the half spectrum holds some values twice.
    standard = np.sqrt(2 / (len(residual) * count))
    return np.asarray(np.sqrt(np.where(excess > CLEAR * standard, excess, 0)))[ring]


def _strength(residual: NDArray, excess: NDArray) -> NDArray[np.float32]:
    """Strength of the excess at each pixel relative to its rms, shape (n_images, nx, ny).

    Matter outside the field of view of a film is seen next to the borders along y, and in images at
    high tilts along all of x. So the power is taken as a function of image and x times one of y:
    the power of the residuals beyond that of noise, after a Wiener filter, averaged over y, and
    over images and x.
    """
    wiener = excess**2 / (1 + excess**2)
    of_noise = max(float(np.sum(fft.irfft2(wiener, s=residual.shape[1:]) ** 2)), TINY)
    along_x = np.zeros(residual.shape[:2], np.float32)
    along_y = np.zeros(residual.shape[2], np.float32)
    for row, image in zip(along_x, residual, strict=True):
        power = fft.irfft2(fft.rfft2(image) * wiener, s=image.shape) ** 2 / of_noise - 1
        row[:] = ndimage.uniform_filter1d(power.mean(axis=1), SMOOTH, mode="nearest")
        along_y += power.mean(axis=0)
    found = np.maximum(along_x, 0)[:, :, None] * np.maximum(along_y, 0)
    return np.asarray(np.sqrt(found / max(float(found.mean(dtype=np.float64)), TINY)))


class _Again(Search):
    """The same search in other images, with the form of the probe known."""

    def __init__(self, search: Search, state: SearchState, images: NDArray) -> None:
        self.__dict__.update(vars(search))
        old = search.likelihood
        self.images, self.forms = images, range(0)
        self.likelihood = Likelihood(
            images, old.pixel_size, old.read_variance, old.counting, old.terms, old.threads
        )
        self._known = state.probe

    def start(self) -> SearchState:
        """Nothing found yet, but the probe."""
        return replace(super().start(), probe=self._known)

    def steady(self, state: SearchState) -> bool:
        """Whether it is settled: to free heights once more changes next to nothing in trials."""
        return state.settled(self.noise.extended)
