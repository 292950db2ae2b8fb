"""R-free of atoms found in counts: images left out of the search, compared with its atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.detection.loop import carry_out
from aet_port.detection.outcome import Detection
from aet_port.detection.search import Search
from aet_port.detection.settings import DETECT, DetectSettings
from aet_port.refinement.likelihood import Atoms, Likelihood, Views
from aet_port.refinement.r_factors import some_images

FOLDS = 5
UNIT = 0.01  # angstrom of shift, in which the cost has about equal curvature
SHIFT_STEPS = 20
FARTHEST = 2.0  # angstrom that an image left out may be shifted


@dataclass(frozen=True)
class FreeAgreement:
    """R factors of searches with some images left out.

    Attributes
    ----------
    fold
        Shape (n_images,): the fold in which an image was left out.
    r_free
        Shape (n_images,): R1 of each image for the atoms found without it.
    r_work
        Shape (folds,): mean R1 of the images used.
    found
        What was found in each fold.
    """

    fold: NDArray[np.int64]
    r_free: NDArray[np.float64]
    r_work: NDArray[np.float64]
    found: tuple[Detection, ...]

    def summary(self) -> dict[str, Any]:
        """Mean R factors, those of the images left out, and the atoms found in each fold."""
        return {
            "r_free": float(self.r_free.mean()),
            "r_work": float(self.r_work.mean()),
            "r_free_images": self.r_free.tolist(),
            "atoms_in_folds": [len(one.model) for one in self.found],
        }


def with_r_free(
    found: Detection,
    series: TiltSeries,
    settings: DetectSettings,
    *,
    threads: int | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Summary of a detection, with the R factors of images left out if ``folds`` asks for them.

    Parameters
    ----------
    found
        The detection.
    series, settings, threads, progress
        As given to :func:`aet_port.detection.loop.detect`.

    Returns
    -------
    The summary as plain numbers, and with ``folds`` that of :class:`FreeAgreement`.
    """
    if settings.folds is None:
        return found.summary()
    free = cross_validate_detection(
        series, found.symbols, settings, settings.folds, threads=threads, progress=progress
    )
    return found.summary() | free.summary()


def cross_validate_detection(
    series: TiltSeries,
    species: str | Sequence[str],
    settings: DetectSettings = DETECT,
    folds: int = FOLDS,
    *,
    threads: int | None = None,
    progress: bool = False,
) -> FreeAgreement:
    """R-free: search the atoms in all images but every ``folds``-th, then compare those left out.

    Image ``p`` is left out in fold ``p mod folds``. The search starts anew in each fold, so that
    nothing of an image left out enters its atoms. As in the search, each image left out has the
    background, and with ``shifts`` or ``angles`` the shift, that describe it best; angles are those
    given. A. T. Brünger, Nature 355, 472 (1992), with images in place of reflections.

    Parameters
    ----------
    series, species, settings
        As in :func:`aet_port.detection.loop.detect`.
    folds
        Number of folds, at least two.
    threads, progress
        As there.

    Returns
    -------
    R factors and what was found in each fold.

    Raises
    ------
    InputError
        For fewer than two folds or more than half the number of images, and as in that function.

    Notes
    -----
    MATLAB: none
    """
    if not 2 <= folds <= len(series) // 2:
        raise InputError("folds", f"{folds}", f"2 to half of the {len(series)} images")
    symbols = (species,) if isinstance(species, str) else tuple(species)
    settings = settings.model_copy(update={"trials": 0})
    fold = np.arange(len(series)) % folds
    free, work, every = np.empty(len(series)), [], []
    for number in range(folds):
        held, used = fold == number, fold != number
        search = Search(some_images(series, used), symbols, settings, threads)
        found = carry_out(search, progress=progress)
        free[held] = _r_of(search, found, some_images(series, held), settings)
        work.append(float(found.r1.mean()))
        every.append(found)
    return FreeAgreement(fold, free, np.array(work), tuple(every))


def _r_of(
    search: Search, found: Detection, rest: TiltSeries, settings: DetectSettings
) -> NDArray[np.float64]:
    """R1 of each image of a series that the search did not see."""
    likelihood, atoms, views = unseen(search, found, rest)
    return r_of_images(likelihood, atoms, fitted_views(likelihood, atoms, views, settings))


def unseen(search: Search, found: Detection, rest: TiltSeries) -> tuple[Likelihood, Atoms, Views]:
    """Likelihood of images that a search did not see, its atoms, and its views of them.

    Parameters
    ----------
    search, found
        The search and its result.
    rest
        Images not used in it, in the same unit.

    Returns
    -------
    Likelihood with the noise and the probe of the search; its atoms; views at the angles of
    ``rest``, without shifts, with the mean background of the search.
    """
    own, noise = search.likelihood, search.noise
    images = noise.electrons(rest.images)
    likelihood = Likelihood(
        images, rest.pixel_size, own.read_variance, own.counting, own.terms, own.threads
    )
    likelihood.use_profiles([found.probe.profile(likelihood.q, symbol) for symbol in found.symbols])
    likelihood.dispersion = own.dispersion
    unit = noise.unit * rest.pixel_size**2
    kinds = found.model.atoms.arrays["posterior"].argmax(axis=1)
    atoms = Atoms(
        found.model.positions, found.model.atoms.arrays["height"] / unit, kinds.astype(np.int64)
    )
    background = np.zeros((len(rest), len(own.terms)))
    background[:, 0] = noise.levels.mean()
    return likelihood, atoms, Views(rest.angles, np.zeros((len(rest), 2)), background, found.shears)


def fitted_views(
    likelihood: Likelihood, atoms: Atoms, views: Views, settings: DetectSettings
) -> Views:
    """Views with the shifts and backgrounds that describe the images best, where these are free."""
    if settings.shifts or settings.angles:
        views = _shifted(likelihood, atoms, views, settings.background)
    if settings.background:
        views = replace(views, background=likelihood.best_background(atoms, views))
    return views


def r_of_images(likelihood: Likelihood, atoms: Atoms, views: Views) -> NDArray[np.float64]:
    """R1 of each image, ``sum |calculated - measured| / sum |measured|``, shape (n_images,)."""
    expected, images = likelihood.expected(atoms, views), likelihood.images
    difference = np.abs(expected - images).sum(axis=(1, 2), dtype=np.float64)
    return np.asarray(difference / np.abs(images).sum(axis=(1, 2), dtype=np.float64))


def _shifted(likelihood: Likelihood, atoms: Atoms, views: Views, background: bool) -> Views:
    """The shifts that describe the images best."""
    shape = views.shifts.shape

    def function(x: NDArray) -> tuple[float, NDArray]:
        moved = replace(views, shifts=(x * UNIT).reshape(shape))
        slopes = likelihood.slopes(atoms, moved, background)
        return float(slopes.cost.sum()), slopes.shifts.ravel() * UNIT

    bounds = [(-FARTHEST / UNIT, FARTHEST / UNIT)] * views.shifts.size
    options = {"maxiter": SHIFT_STEPS}
    done = minimize(
        function, views.shifts.ravel(), jac=True, method="L-BFGS-B", bounds=bounds, options=options
    )
    return replace(views, shifts=(done.x * UNIT).reshape(shape))
