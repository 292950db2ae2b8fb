"""Test of a model against null models on images that it was not made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.parallel import map_threads
from aet_port.detection.cross_validation import r_of_images
from aet_port.refinement.likelihood import Atoms, Likelihood, Views
from aet_port.validation.half_models import Half
from aet_port.validation.null_models import NULLS, Maker
from aet_port.validation.settings import HALVES

REJECTED = 1e-3  # p-value
FEWEST_DRAWS = 3  # for their standard deviation


@dataclass(frozen=True, repr=False)
class NullTest(Shown):
    """A null model compared with the model.

    Attributes
    ----------
    name
        The null model.
    differences
        Shape (n_images,): how much more improbable each image is with the null model, minus the
        logarithm of the likelihood ratio, mean over the draws.
    t, p
        Student's t of these differences and the probability of a larger one if the null model were
        no worse; None where it cannot be made.
    z
        Mean of the draws' differences of the total, in standard deviations of the draws; None with
        fewer than three.
    r_free
        Mean R1 of the images with the null model.
    r_free_model
        That with the model, of the same heights.
    draws
        Number of random models.
    worse
        Number of those that describe all images together worse than the model does.
    reason
        Why there is no test.
    """

    name: str
    differences: NDArray[np.float64]
    t: float | None
    p: float | None
    z: float | None
    r_free: float | None
    r_free_model: float | None
    draws: int
    worse: int
    reason: str = ""

    def _facts(self) -> dict[str, object]:
        return {
            "name": self.name,
            "rejected": self.rejected,
            "p": None if self.p is None else f"{self.p:.2g}",
            "draws": self.draws,
            "reason": self.reason or None,
        }

    @property
    def rejected(self) -> bool | None:
        """Whether the null model fails: p < 0.001 and every draw worse; None without a test."""
        return None if self.p is None else self.p < REJECTED and self.worse == self.draws

    def summary(self) -> dict[str, Any]:
        """The test as plain numbers."""
        found = {name: value for name, value in vars(self).items() if name != "differences"}
        return found | {
            "rejected": self.rejected,
            "log_likelihood_ratio": float(-self.differences.sum()) if self.p is not None else None,
        }


@checked
def against_nulls(
    halves: tuple[Half, Half], draws: int = HALVES.draws, seed: int = 0
) -> list[NullTest]:
    """Compare each half's atoms with null models made of them, on the other half's images.

    With the negative log-likelihoods ``c_p`` of image ``p`` for the model and ``c'_p`` for a null
    model (mean over the draws), both with the background that describes the image best, the
    differences ``d_p = c'_p - c_p`` are tested by Student's t, ``t = mean(d) / (std(d) / sqrt(n))``
    with ``n - 1`` degrees of freedom, one-sided: the images' noises are independent, and none was
    used for the atoms. A null model is rejected if p < 0.001 and each draw is worse in total; draws
    alone, as of a permutation test, would have to be a thousand for that p. Every
    atom has the mean height of its species (times its local factor), in the model as in the null
    models, so that shuffled species test the species and nothing else.

    Parameters
    ----------
    halves
        Both searches, with the images that they did not see.
    draws
        Number of random models of each null model and half.
    seed
        Seed of the random numbers.

    Returns
    -------
    One test for each null model of :data:`~.null_models.NULLS`.

    Notes
    -----
    MATLAB: none
    """
    tests = []
    atoms = [_of_species(half) for half in halves]
    costs = np.concatenate(
        [
            image_costs(half.likelihood, one, half.views)
            for half, one in zip(halves, atoms, strict=True)
        ]
    )
    r_model = float(np.mean([_r(half, one) for half, one in zip(halves, atoms, strict=True)]))
    for number, (name, make) in enumerate(NULLS.items()):
        rng = np.random.default_rng([seed, number])
        try:
            drawn = [_draw(halves, atoms, make, rng) for _ in range(draws)]
        except InputError as error:
            reason = f"{error.subject}: {error.found}"
            tests.append(NullTest(name, np.zeros(0), None, None, None, None, None, 0, 0, reason))
            continue
        table = np.array([cost for cost, _ in drawn]) - costs
        t, p = paired_t(table.mean(axis=0))
        totals = table.sum(axis=1)
        spread = float(totals.std(ddof=1)) if draws >= FEWEST_DRAWS else 0.0
        z = float(totals.mean() / spread) if spread > 0 else None
        tests.append(
            NullTest(
                name,
                table.mean(axis=0),
                t,
                p,
                z,
                float(np.mean([r for _, r in drawn])),
                r_model,
                draws,
                int(np.sum(totals > 0)),
            )
        )
    return tests


def paired_t(differences: NDArray) -> tuple[float, float]:
    """Student's t of a mean above zero, and its one-sided probability.

    Parameters
    ----------
    differences
        Shape (n,), n >= 2.

    Returns
    -------
    ``t`` and ``P(T > t)`` with ``n - 1`` degrees of freedom.

    Examples
    --------
    >>> t, p = paired_t([1.0, 2.0, 3.0])
    >>> round(t, 3), round(p, 3)
    (3.464, 0.037)
    """
    values = np.asarray(differences, dtype=np.float64)
    error = float(values.std(ddof=1) / np.sqrt(len(values)))
    if not error > 0:
        return (np.inf, 0.0) if values.mean() > 0 else (0.0, 1.0)
    t = float(values.mean()) / error
    return t, float(student.sf(t, len(values) - 1))


def image_costs(likelihood: Likelihood, atoms: Atoms, views: Views) -> NDArray[np.float64]:
    """Minus the log-likelihood of each image, with its best background; shape (n_images,)."""

    def one(number: int) -> float:
        ground = likelihood.ground(views, number)
        image = likelihood.expected_image(atoms, views, number) - ground
        image, _ = likelihood.with_best_ground(image, views.background[number], number)
        return likelihood.cost(image, number)

    return np.array(map_threads(one, range(len(likelihood)), likelihood.threads))


def _of_species(half: Half) -> Atoms:
    """The atoms with the mean height of their species, times the local factor."""
    found, atoms = half.found, half.atoms
    factors = found.model.atoms.arrays.get("local_factor", np.ones(len(atoms)))
    return replace(atoms, heights=found.species.means[atoms.kinds] * factors)


def _draw(
    halves: tuple[Half, Half], atoms: list[Atoms], make: Maker, rng: np.random.Generator
) -> tuple[NDArray[np.float64], float]:
    """Costs of all images with a random null model, and their mean R1."""
    nulls = [make(one, rng) for one in atoms]
    costs = [image_costs(h.likelihood, one, h.views) for h, one in zip(halves, nulls, strict=True)]
    r = [_r(half, one) for half, one in zip(halves, nulls, strict=True)]
    return np.concatenate(costs), float(np.mean(r))


def _r(half: Half, atoms: Atoms) -> float:
    views = replace(half.views, background=half.likelihood.best_background(atoms, half.views))
    return float(r_of_images(half.likelihood, atoms, views).mean())
