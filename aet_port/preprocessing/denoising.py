"""Denoising by BM3D or non-local means of variance-stabilised images, with a strength search."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError, MissingDependencyError
from aet_port.core.progress import progress_bar
from aet_port.preprocessing.noise import (
    NoiseModel,
    check_images,
    simulate_noise,
    stabilise,
    unstabilise,
    warn_of_saturation,
)

Method = Literal["auto", "bm3d", "nlm"]

LIMITS = (0.25, 6.0)  # strengths between which the search takes place
LEAST_PIXELS = 16  # along either axis: two blocks of BM3D
PATCH, REACH = 5, 7  # pixels of a patch of non-local means, and distance to other patches
SCAN = 9  # strengths tried over the whole range before the golden-section search
GOLDEN = (np.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class StrengthSearch:
    """Result of the search for the best denoising strength of a test image.

    Parameters
    ----------
    strength
        The best strength tried.
    correlation
        Correlation coefficient of denoised and noise-free pixels at that strength.
    before
        Correlation coefficient of noisy and noise-free pixels.
    strengths, correlations
        All that were tried, in order.
    method
        ``"bm3d"`` or ``"nlm"``.
    """

    strength: float
    correlation: float
    before: float
    strengths: NDArray[np.float64]
    correlations: NDArray[np.float64]
    method: str


def choose_method(method: Method = "auto") -> Literal["bm3d", "nlm"]:
    """Choose the denoiser: BM3D if it is installed, otherwise non-local means with a warning.

    Raises
    ------
    InputError
        For an unknown method.
    MissingDependencyError
        If ``bm3d`` is requested but not installed, or no denoiser is installed.

    Warns
    -----
    UserWarning
        If ``"auto"`` falls back to non-local means.
    """
    if method not in get_args(Method):
        raise InputError("method", f"{method!r}", "one of " + ", ".join(get_args(Method)))
    if method == "bm3d" and find_spec("bm3d") is None:
        raise MissingDependencyError("BM3D (free for non-commercial use only)", "denoise")
    if method != "nlm" and find_spec("bm3d") is not None:
        return "bm3d"
    if find_spec("skimage") is None:
        raise MissingDependencyError("denoising by non-local means (scikit-image)", "denoise")
    if method == "auto":
        warnings.warn(
            "bm3d is not installed: denoising by the non-local means of scikit-image; for BM3D "
            "(free for non-commercial use only) pip install 'aet-port[denoise]'",
            UserWarning,
            stacklevel=3,
        )
    return "nlm"


@checked
def denoise(
    images: ArrayLike,
    noise: NoiseModel,
    strength: float = 1.0,
    method: Method = "auto",
    show_progress: bool = False,
) -> NDArray[np.float64]:
    """Denoise images one by one.

    Pixels are variance-stabilised (:func:`aet_port.preprocessing.noise.stabilise`), which makes
    their noise white with a standard deviation of one; BM3D uses ``strength`` as that deviation
    (Dabov et al., IEEE Trans. Image Process. 16, 2080 (2007)), non-local means as its ``h``
    (Buades, Coll and Morel, CVPR 2005); the exact unbiased inverse follows.

    Parameters
    ----------
    images
        Shape (n, nx, ny), at least 16 pixels along both axes.
    noise
        Noise common to all images.
    strength
        Strength relative to the noise; 1 fits white noise; see :func:`search_strength`.
    method
        ``"bm3d"``, ``"nlm"``, or ``"auto"`` for the first of them that is installed.
    show_progress
        Whether to report progress on standard error.

    Returns
    -------
    Shape of ``images``, in their units.

    Raises
    ------
    InputError
        For a wrong shape, an image without signal (with its index) or a strength not above zero.
    MissingDependencyError
        If the library of the method is not installed.

    Warns
    -----
    UserWarning
        For saturated pixels (:class:`~aet_port.preprocessing.bad_pixels.BadPixelWarning`), with
        the index of the image, and for the fallback of ``"auto"``.

    Notes
    -----
    MATLAB: none; the papers used the BM3D package of its authors
    """
    stack = _checked(images)
    if not 0 < strength < np.inf:
        raise InputError("strength", f"{strength!r}", "a number above zero")
    apply = _DENOISERS[choose_method(method)]
    warn_of_saturation(stack)
    result = np.empty_like(stack)
    with progress_bar("denoising", len(stack), show_progress) as reporter:
        for image, out in zip(stack, result, strict=True):
            out[:] = unstabilise(apply(stabilise(image, noise), strength), noise)
            reporter.advance()
    return result


@checked
def search_strength(
    clean: ArrayLike,
    noise: NoiseModel,
    method: Method = "auto",
    evaluations: int = 30,
    limits: tuple[float, float] = LIMITS,
    seed: int = 0,
) -> StrengthSearch:
    """Find the best strength of :func:`denoise` for similar images on a simulated one.

    Noise as measured is added to a noise-free test image; the best strength gives the largest
    correlation coefficient of the denoised with the noise-free image (Methods of both papers).
    First nine strengths equally spaced in their logarithm are tried, then a golden-section search
    between the neighbours of the best, until it is known to 1 % or ``evaluations`` are used up.

    Parameters
    ----------
    clean
        Shape (nx, ny), or (n, nx, ny) to average over images: simulated projections of a similar
        sample, or denoised measured ones (:func:`pilot_image`). Small images suffice.
    noise
        Noise of the measured images.
    method
        As in :func:`denoise`.
    evaluations
        Largest number of strengths to try, 9 or more.
    limits
        Smallest and largest strength.
    seed
        Seed of the added noise.

    Raises
    ------
    InputError
        For images that :func:`denoise` refuses, fewer than 9 evaluations, or wrong limits.

    Warns
    -----
    UserWarning
        If the best strength lies at one of the limits.

    Notes
    -----
    MATLAB: none
    """
    images = np.asarray(clean, dtype=np.float64)
    images = _checked(images[None] if images.ndim == 2 else images, "clean")
    if evaluations < SCAN:
        raise InputError("evaluations", str(evaluations), f"{SCAN} or more")
    if not 0 < limits[0] < limits[1] < np.inf:
        raise InputError("limits", f"{limits!r}", "two numbers above zero, the smaller first")
    chosen = choose_method(method)
    noisy = simulate_noise(images, noise, seed)
    stable = stabilise(noisy, noise)
    tried: dict[float, float] = {}

    def score(exponent: float) -> float:
        if exponent not in tried:
            results = [_DENOISERS[chosen](image, float(np.exp(exponent))) for image in stable]
            tried[exponent] = _correlation(unstabilise(np.stack(results), noise), images)
        return tried[exponent]

    scan = [float(e) for e in np.linspace(np.log(limits[0]), np.log(limits[1]), SCAN)]
    best = max(range(SCAN), key=lambda i: score(scan[i]))
    low, high = scan[max(best - 1, 0)], scan[min(best + 1, SCAN - 1)]
    golden_section(score, low, high, 0.01, evaluations - SCAN)
    top = max(tried, key=lambda e: tried[e])
    if best in (0, SCAN - 1):
        warnings.warn(
            f"limits: the best strength, {np.exp(top):.3g}, lies at a limit of {limits}",
            UserWarning,
            stacklevel=3,
        )
    return StrengthSearch(
        float(np.exp(top)),
        tried[top],
        _correlation(noisy, images),
        np.exp(np.array(list(tried))),
        np.array(list(tried.values())),
        chosen,
    )


def pilot_image(images: ArrayLike, noise: NoiseModel, method: Method = "auto") -> NDArray:
    """Substitute for a noise-free image in :func:`search_strength`: the middle image, denoised.

    Its remaining noise counts as signal there, so a simulated image of a similar sample is better
    if there is one. Shape (nx, ny).
    """
    stack = _checked(images)
    middle = len(stack) // 2
    return denoise(stack[middle : middle + 1], noise, method=choose_method(method))[0]


def golden_section(
    function: Callable[[float], float], low: float, high: float, width: float, evaluations: int
) -> float:
    """Find the maximum of a function with a single maximum between ``low`` and ``high``.

    The golden-section search stops when the maximum is known to within ``width``, or after
    ``evaluations``; it returns the best point tried.
    """
    if evaluations < 2:
        return (low + high) / 2
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    used = 2
    while high - low > width and used < evaluations:
        if at_left >= at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = function(right)
        used += 1
    return left if at_left >= at_right else right


def _checked(images: ArrayLike, name: str = "images") -> NDArray[np.float64]:
    stack = check_images(images, name)
    if min(stack.shape[1:]) < LEAST_PIXELS:
        found = f"shape {stack.shape}"
        raise InputError(name, found, f"{LEAST_PIXELS} pixels or more along x and y")
    return stack


def _correlation(images: NDArray, clean: NDArray) -> float:
    pairs = zip(images, clean, strict=True)
    return float(np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]))


def _bm3d(image: NDArray, strength: float) -> NDArray:
    # Imported by name, because the package is optional and has no types.
    package = import_module("bm3d")
    profile = package.BM3DProfile()
    # White noise needs no variances of groups of blocks, which take 90 % of the time.
    profile.nf = 0
    # With several threads the order of sums is undefined.
    profile.num_threads = 1
    return np.asarray(package.bm3d(image, strength, profile=profile)).reshape(image.shape)


def _non_local_means(image: NDArray, strength: float) -> NDArray:
    restoration = import_module("skimage.restoration")
    return restoration.denoise_nl_means(
        image, patch_size=PATCH, patch_distance=REACH, h=strength, sigma=1.0, fast_mode=True
    )


_DENOISERS: dict[str, Callable[[NDArray, float], NDArray]] = {
    "bm3d": _bm3d,
    "nlm": _non_local_means,
}
