"""Shape of an atom in the images: the probe, with or without the scattering factor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from aet_port.core.arguments import checked
from aet_port.core.parallel import map_threads
from aet_port.core.scattering import scattering_factor
from aet_port.refinement.likelihood import Atoms, Likelihood, Views

STEPS = 8  # Gauss-Newton steps at most
SETTLED = 1.0  # fall of the cost at which they end
BROADEST = 20.0  # square angstrom, largest B of the narrow Gaussian
WIDEST = 60.0  # square angstrom, its largest value; wider is background
SAMPLE, SAMPLE_PIXELS = 10, 600_000  # images, or pixels if more, that choose the probe's form
# Gain that a probe without scattering factor, and one of two Gaussians, must bring: of the cost of
# images without atoms, and at least.
WITHOUT_FACTOR, TWO = 1e-4, 3e-5
LEAST_WITHOUT, LEAST_TWO = 10.0, 5.0
WIDE = 25.0  # square angstrom, first guess of the wide Gaussian's B


@dataclass(frozen=True)
class Probe:
    """Transfer function of an atom, ``F(q) [w exp(-B_1 q^2) + (1 - w) exp(-B_2 q^2)]``.

    Attributes
    ----------
    narrow, wide
        ``B_1 <= B_2`` in square angstrom; ``B = 2 pi^2 sigma^2`` for a Gaussian of standard
        deviation sigma.
    weight
        ``w``, fraction of the narrow Gaussian.
    form_factor
        Whether ``F(q)`` is the electron scattering factor of the species relative to that at zero,
        otherwise one: an incoherent image of point-like atoms.
    """

    narrow: float
    wide: float
    weight: float = 1.0
    form_factor: bool = True

    def profile(self, q: NDArray, symbol: str) -> NDArray[np.float64]:
        """Transfer function of one species at frequencies ``q`` in 1/angstrom."""
        return self.envelope(q) * self._factor(q, symbol)

    def envelope(self, q: NDArray) -> NDArray[np.float64]:
        """The part without the scattering factor."""
        square = q * q
        narrow = np.exp(-self.narrow * square)
        if self.weight == 1:
            return np.asarray(narrow)
        return np.asarray(self.weight * narrow + (1 - self.weight) * np.exp(-self.wide * square))

    def _factor(self, q: NDArray, symbol: str) -> NDArray | float:
        if not self.form_factor:
            return 1.0
        return scattering_factor(q, symbol) / scattering_factor(0.0, symbol)

    def profiles(self, q: NDArray, symbols: Sequence[str]) -> list[NDArray[np.float64]]:
        """Transfer functions of several species; one for all if they don't differ."""
        kinds = symbols if self.form_factor else symbols[:1]
        return [self.profile(q, symbol) for symbol in kinds]

    def mean(self, q: NDArray, symbols: Sequence[str]) -> NDArray[np.float64]:
        """Mean transfer function of the species."""
        return np.asarray(np.mean(self.profiles(q, symbols), axis=0))


class ProbeFit(NamedTuple):
    """A fitted probe, the factor of all heights, the views, and the cost."""

    probe: Probe
    scale: float
    views: Views
    cost: float


class _Normal(NamedTuple):
    """Gauss-Newton matrix, gradient, cost, and the background of each image."""

    normal: NDArray[np.float64]
    slope: NDArray[np.float64]
    cost: float
    background: NDArray[np.float64]


class _Spectra:
    """Spectra of the drawn atoms by image, the same for every probe; kept of a sample of images."""

    def __init__(self, likelihood: Likelihood, atoms: Atoms, views: Views) -> None:
        self._made, self._room = lambda n: likelihood.layers(atoms, views, n), _sample(likelihood)
        self._kept: dict[int, NDArray] = {}

    def __getitem__(self, number: int) -> NDArray:
        found = self._kept.get(number)
        if found is None:
            found = self._made(number)
            if len(self._kept) < self._room:
                self._kept[number] = found
        return found


def _sample(likelihood: Likelihood) -> int:
    """Number of images that choose the form of the probe."""
    return max(SAMPLE, SAMPLE_PIXELS // likelihood.images[0].size)


@checked
def fit_probe(
    likelihood: Likelihood,
    atoms: Atoms,
    views: Views,
    probe: Probe,
    symbols: Sequence[str],
    background: bool,
    images: Sequence[int] | None = None,
    spectra: _Spectra | None = None,
) -> ProbeFit:
    """Fit the probe to the images, atoms fixed, except for a common factor of their heights.

    Levenberg-Marquardt steps of the weighted squared residual. The background of each image, if it
    is fitted, is eliminated: it has its least-squares value throughout.

    Parameters
    ----------
    likelihood
        Images and noise.
    atoms, views
        The present fit; the kinds of the atoms are indices of ``symbols``.
    probe
        Start. With ``weight`` one, only the width is fitted.
    symbols
        Species.
    background
        Whether the background is fitted too.
    images
        Numbers of the images to use, all unless given.
    spectra
        Those of the same atoms, if they have been drawn before.

    Returns
    -------
    The probe, the factor of all heights, the views with the fitted background, and the cost.
    """
    names = ["scale", "narrow", "wide", "weight"] if probe.weight < 1 else ["scale", "narrow"]
    chosen = range(len(likelihood)) if images is None else images
    spectra = _Spectra(likelihood, atoms, views) if spectra is None else spectra
    scale, damping = 1.0, 1e-3
    found = _normal(likelihood, spectra, views, probe, symbols, scale, names, chosen, background)
    for _ in range(STEPS):
        stiff = found.normal + damping * np.diag(np.diag(found.normal))
        step = -np.linalg.solve(stiff, found.slope)
        moved = dict(zip(names, step, strict=True))
        trial = _moved(probe, moved)
        new = _normal(
            likelihood, spectra, views, trial, symbols, scale + moved["scale"], names, chosen,
            background,
        )  # fmt: skip
        if new.cost >= found.cost:
            damping *= 10
            if damping > 1e3:
                break
            continue
        fallen = found.cost - new.cost
        probe, scale = trial, scale + moved["scale"]
        found = new
        damping = max(damping / 10, 1e-6)
        if fallen < SETTLED:
            break
    if background and images is None:
        views = replace(views, background=found.background)
    return ProbeFit(probe, scale, views, found.cost)


def _moved(probe: Probe, step: dict[str, float]) -> Probe:
    narrow = min(probe.narrow + float(np.clip(step["narrow"], -1.5, 1.5)), BROADEST)
    if "weight" not in step:
        return replace(probe, narrow=narrow)
    wide = min(max(probe.wide + float(np.clip(step["wide"], -6, 6)), narrow + 1), WIDEST)
    weight = float(np.clip(probe.weight + step["weight"], 0.3, 0.98))
    return replace(probe, narrow=narrow, wide=wide, weight=weight)


def choose_probe(
    likelihood: Likelihood,
    atoms: Atoms,
    views: Views,
    probe: Probe,
    symbols: Sequence[str],
    background: bool,
) -> Probe:
    """The form of the probe that describes the images best.

    One or two Gaussians, with or without scattering factor, are fitted to some of the images. The
    scattering factor is given up, and a second Gaussian taken, only for a clear gain: while atoms
    are missing, the tail of a probe takes over some of their intensity.

    Parameters
    ----------
    likelihood, atoms, views, probe, symbols, background
        As in :func:`fit_probe`.

    Returns
    -------
    The form chosen, fitted.
    """
    images = range(0, len(likelihood), max(1, len(likelihood) // _sample(likelihood)))
    spectra = _Spectra(likelihood, atoms, views)
    signal = _signal(likelihood, atoms, views, images)
    fits = []
    for form_factor in (True, False):
        for weight in (1.0, 0.8):
            start = probe
            if (form_factor, weight < 1) != (probe.form_factor, probe.weight < 1):
                start = replace(probe, form_factor=form_factor, weight=weight)
                if weight < 1 and probe.weight == 1:
                    start = replace(start, wide=max(WIDE, probe.narrow + 10))
            found = fit_probe(likelihood, atoms, views, start, symbols, background, images, spectra)
            handicap = 0.0 if form_factor else WITHOUT_FACTOR * signal + LEAST_WITHOUT
            handicap += 0.0 if weight == 1 else TWO * signal + LEAST_TWO
            fits.append((found.cost + handicap, found.probe))
    return min(fits, key=lambda one: one[0])[1]


def _signal(likelihood: Likelihood, atoms: Atoms, views: Views, images: Sequence[int]) -> float:
    """Cost of images without atoms, ``sum 1/2 w (M - <M>)^2`` over the expected pixels ``M``."""

    def one(number: int) -> float:
        expected = likelihood.expected_image(atoms, views, number)
        weights = likelihood.weights(expected).astype(np.float64)
        seen = (expected - likelihood.ground(views, number)).astype(np.float64)
        seen -= np.sum(weights * seen) / np.sum(weights)
        return float(0.5 * np.sum(weights * seen**2))

    return sum(map_threads(one, images, likelihood.threads))


def _normal(
    likelihood: Likelihood,
    spectra: _Spectra,
    views: Views,
    probe: Probe,
    symbols: Sequence[str],
    scale: float,
    names: Sequence[str],
    images: Sequence[int],
    background: bool,
) -> _Normal:
    """Gauss-Newton matrix, gradient and cost of the parameters named."""
    square = likelihood.q**2
    narrow, wide = np.exp(-probe.narrow * square), np.exp(-probe.wide * square)
    w = probe.weight
    parts = {
        "scale": probe.envelope(likelihood.q),
        "narrow": -w * square * narrow,
        "wide": -(1 - w) * square * wide,
        "weight": narrow - wide,
    }
    columns = np.stack([parts[name] for name in names]).astype(np.float32)
    drawn = np.exp(2 * np.pi**2 * (likelihood.q * likelihood.pixel_size) ** 2)
    factors = np.stack([drawn * probe._factor(likelihood.q, s) for s in symbols]).astype(np.float32)

    terms = likelihood.terms.reshape(len(likelihood.terms), -1).astype(np.float64)

    def one(number: int) -> tuple[NDArray, NDArray, float, NDArray]:
        layers = np.sum(spectra[number] * factors, axis=0)
        images = fft.irfft2(columns * layers, s=likelihood.canvas)[:, *likelihood.window]
        expected = np.float32(scale) * images[0] + likelihood.ground(views, number)
        images[1:] *= scale
        flat = likelihood.weights(expected).reshape(-1).astype(np.float64)
        # The columns of the derivatives, and the residual.
        lines = np.empty((len(names) + 1, flat.size))
        lines[:-1] = images.reshape(len(names), -1)
        lines[-1] = (expected - likelihood.images[number]).reshape(-1)
        coefficients = views.background[number]
        if background:
            weighted = terms * flat
            share = np.linalg.solve(_products(weighted, terms), _products(weighted, lines))
            lines -= np.einsum("tl,tp->lp", share, terms, optimize=False)
            coefficients = coefficients - share[:, -1]
            expected = (likelihood.images[number].reshape(-1) + lines[-1]).reshape(expected.shape)
        products = _products(lines[:-1] * flat, lines)
        return products[:, :-1], products[:, -1], likelihood.cost(expected, number), coefficients

    results = map_threads(one, images, likelihood.threads)
    return _Normal(
        np.sum([r[0] for r in results], axis=0),
        np.sum([r[1] for r in results], axis=0),
        float(np.sum([r[2] for r in results])),
        np.array([r[3] for r in results]),
    )


def _products(first: NDArray, second: NDArray) -> NDArray[np.float64]:
    """Scalar products of rows, without BLAS, whose threads would compete with ours."""
    return np.asarray(np.einsum("ip,jp->ij", first, second, optimize=False))
