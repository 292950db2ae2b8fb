"""Images of one view before, during and after a tilt series: has the structure changed?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from aet_port.core.arguments import checked
from aet_port.core.data import pixel_length
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.image_shift import fourier_shift
from aet_port.core.memory import check_memory
from aet_port.core.progress import progress_bar
from aet_port.preprocessing.noise import check_images
from aet_port.validation.image_noise import ImageNoise, find_noise
from aet_port.validation.image_pairs import PairMeasures, compare_pair, signal_of
from aet_port.validation.settings import STABILITY, StabilitySettings

SMALLEST = 32  # pixels along a side
EULER = 0.5772156649
WHITE = (0.8, 1.25)  # ratio of the power of noise beyond the atoms to that of the noise model
CHANCE = 4.0  # standard deviations of that ratio which chance may make
TESTS = 2  # of each pair: chi-square and largest deviation


@dataclass(frozen=True, repr=False)
class PairStability(Shown):
    """Comparison of two images of one view.

    Attributes
    ----------
    first, second
        Numbers of the images.
    measures
        What was measured.
    expected, spread
        Mean and standard deviation of the same measures between images of one structure with the
        noise of these.
    p_chi_square, p_deviation
        Probability of a chi-square, and of a largest deviation, as high as those measured if only
        noise differs.
    changed
        Whether the structure changed beyond noise; None if that can't be told.
    reason
        In words.
    """

    first: int
    second: int
    measures: PairMeasures
    expected: PairMeasures
    spread: PairMeasures
    p_chi_square: float
    p_deviation: float
    changed: bool | None
    reason: str

    def _facts(self) -> dict[str, object]:
        verdict = {True: "yes", False: "no", None: "undecided"}
        return {
            "images": (self.first, self.second),
            "correlation": self.measures.correlation,
            "chi-square": self.measures.chi_square,
            "deviation": self.measures.deviation,
            "changed": verdict[self.changed],
        }

    def row(self, names: Sequence[str] = ()) -> dict[str, Any]:
        """All values as one row of a table, lengths in angstrom."""
        found, null, spread = self.measures, self.expected, self.spread
        named = {
            key: names[k] if names else k
            for key, k in (("first", self.first), ("second", self.second))
        }
        return named | {
            "shift_x": found.shift_x,
            "shift_y": found.shift_y,
            "shift_error": float(np.hypot(spread.shift_x, spread.shift_y) / np.sqrt(2)),
            "scale": found.scale,
            "correlation": found.correlation,
            "correlation_expected": null.correlation,
            "r_factor": found.r_factor,
            "r_factor_expected": null.r_factor,
            "chi_square": found.chi_square,
            "chi_square_expected": null.chi_square,
            "chi_square_spread": spread.chi_square,
            "p_chi_square": self.p_chi_square,
            "deviation": found.deviation,
            "deviation_expected": null.deviation,
            "p_deviation": self.p_deviation,
            "deviation_x": found.x,
            "deviation_y": found.y,
            "changed": self.changed,
            "reason": self.reason,
        }


@dataclass(frozen=True, repr=False)
class Stability(Shown):
    """Result of :func:`compare_views`.

    Attributes
    ----------
    pairs
        Every pair of images.
    noise
        Noise of the images.
    maps
        By pair of numbers, smoothed deviations in standard deviations, shape (nx, ny).
    pixel_size
        Angstrom.
    """

    pairs: tuple[PairStability, ...]
    noise: ImageNoise
    maps: dict[tuple[int, int], NDArray[np.float64]]
    pixel_size: float

    def _facts(self) -> dict[str, object]:
        verdict = {True: "yes", False: "no", None: "undecided"}
        return {"pairs": len(self.pairs), "changed": verdict[self.changed]}

    @property
    def changed(self) -> bool | None:
        """Whether any pair differs beyond noise; None if none does and some can't be told."""
        found = [one.changed for one in self.pairs]
        return True if True in found else None if None in found else False

    def summary(self) -> dict[str, Any]:
        """Verdict and noise."""
        return {
            "images": 1 + max(one.second for one in self.pairs),
            "pairs": len(self.pairs),
            "changed": self.changed,
            **self.noise.summary(self.pixel_size),
        }


@checked
def compare_views(
    images: ArrayLike,
    pixel_size: float,
    settings: StabilitySettings = STABILITY,
    *,
    progress: bool = False,
) -> Stability:
    """Compare images of one view, taken at different times, beyond their noise.

    Of each pair the second image is shifted onto the first, scaled and offset (both images have
    errors: Deming's regression), and the difference divided by the noise of both. Two numbers
    decide: chi-square, the mean power of that quotient at the frequencies of atoms, and its largest
    value after smoothing by the width of an atom, which a single displaced atom raises. How both
    are distributed where only noise differs is simulated: pairs of images with the signal common to
    both and fresh noise go through the same comparison, with the noise found again in each unless
    a gain is given. Probabilities come from Student's t
    (chi-square) and Gumbel's (largest deviation) with the moments of these draws; a
    pair is changed if one of them times the number of tests is below ``settings.significance``.
    Rotation or distortion between two images counts as change. Images that were denoised or
    interpolated carry no independent noise: for these nothing is decided.

    Parameters
    ----------
    images
        Shape (n, nx, ny), two or more, as measured, 32 pixels or more along each side.
    pixel_size
        Angstrom.
    settings
        Noise, width of an atom, number of draws.
    progress
        Whether to report progress on standard error.

    Returns
    -------
    Measures and verdict of each pair.

    Raises
    ------
    InputError
        For fewer than two images, other shapes, or images whose overlap is too small.

    Notes
    -----
    MATLAB: none; the papers compare such images by eye

    Examples
    --------
    >>> from aet_port.simulation import amorphous_particle, simulate_tilt_series
    >>> model = amorphous_particle(40, "Ta")
    >>> views = [
    ...     simulate_tilt_series(model, [[0, 0, 0]], 0.4, (64, 64), dose=1e4, seed=seed).images[0]
    ...     for seed in (1, 2)]
    >>> found = compare_views(views, 0.4, StabilitySettings(draws=20))
    >>> found.changed
    False
    """
    size = pixel_length("pixel_size", pixel_size)
    given = np.asarray(images)
    if given.ndim != 3 or len(given) < 2:
        raise InputError("images", f"shape {given.shape}", "two or more images, (n, nx, ny)")
    pairs = list(combinations(range(len(given)), 2))
    plane = 8.0 * float(np.prod(given.shape[1:]))
    check_memory("comparison of images", plane * (len(given) + len(pairs) + 30), "crop the images")
    stack = check_images(given)
    if min(stack.shape[1:]) < SMALLEST:
        found = f"{stack.shape[1]} x {stack.shape[2]} pixels"
        raise InputError("images", found, f"{SMALLEST} or more along each side")
    noise = find_noise(stack, settings)
    rng = np.random.default_rng(settings.seed)
    result, maps = [], {}
    with progress_bar("Comparing", len(pairs) * (settings.draws + 1), progress) as reporter:
        for i, j in pairs:
            measures, deviations, common = compare_pair(stack[i], stack[j], size, noise, settings)
            reporter.advance()
            signal = signal_of(common, size, settings)
            shift = np.array([measures.shift_x, measures.shift_y]) / size
            other = measures.scale * fourier_shift(signal, shift) + measures.offset
            draws = []
            for _ in range(settings.draws):
                pair = np.stack([noise.draw(one, rng) for one in (signal, other)])
                # The noise is found again, so that its error counts, unless it was given.
                used = noise if settings.gain is not None else find_noise(pair, settings)
                draws.append(compare_pair(pair[0], pair[1], size, used, settings)[0])
                reporter.advance()
            result.append(_judged(i, j, measures, draws, len(pairs) * TESTS, settings))
            maps[i, j] = deviations
    return Stability(tuple(result), noise, maps, size)


def _judged(
    first: int,
    second: int,
    measures: PairMeasures,
    draws: Sequence[PairMeasures],
    tests: int,
    settings: StabilitySettings,
) -> PairStability:
    table = np.array([one.values() for one in draws])
    expected = PairMeasures(*table.mean(axis=0).tolist())
    spread = PairMeasures(*table.std(axis=0, ddof=1).tolist())
    z = (measures.chi_square - expected.chi_square) / max(spread.chi_square, 1e-300)
    # Mean and spread of the draws are uncertain themselves: Student's t.
    p_chi = float(student.sf(z / np.sqrt(1 + 1 / len(draws)), len(draws) - 1))
    beta = max(spread.deviation, 1e-300) * np.sqrt(6) / np.pi
    mode = expected.deviation - EULER * beta
    p_max = float(-np.expm1(-np.exp(-np.clip((measures.deviation - mode) / beta, -30, 700))))
    white = measures.white / expected.white
    least = min(1.0, tests * min(p_chi, p_max))
    by_chance = CHANCE * spread.white / expected.white
    if not WHITE[0] <= white <= WHITE[1] and abs(white - 1) > by_chance:
        changed = None
        reason = (
            f"noise {white:.2f} times as strong as expected at high frequencies: images that were "
            "filtered, or another gain"
        )
    elif least < settings.significance:
        changed = True
        reason = f"differs beyond noise (p = {least:.1e} for {tests} tests)"
    else:
        changed = False
        reason = f"no difference beyond noise (p = {least:.2g} for {tests} tests)"
    return PairStability(first, second, measures, expected, spread, p_chi, p_max, changed, reason)
