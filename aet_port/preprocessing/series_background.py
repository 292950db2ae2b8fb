"""Background of projections that did not come through preprocessing: seen, and subtracted.

A dark level or a background that was not subtracted gives a reconstruction a pedestal with the
outline of the field of view, and atoms in it that do not exist.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from aet_port.core.arguments import checked
from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.core.white_noise import sixth_differences
from aet_port.preprocessing.background import FLAT_FLANK, remove_background, sample_mask
from aet_port.preprocessing.settings import DEFAULTS, SeriesBackground

BORDER = 0.04  # width of the border relative to the image
EMPTY = 0.15  # signal at the border relative to that at the centre, below which it is vacuum
BLOCKS = 12  # blocks along an axis whose mean is compared
LAST_PERCENT = 2.33  # standard deviations that the lowest percent of normal deviates is below
SEEN = 0.02  # of the mean signal of the sample; less changes no atom
WIDE = 3.0  # smoothing of what a quadric leaves of a background, of the usual one
CORNER = 0.08  # side of a corner relative to the image
CERTAIN = 5.0  # standard errors of the level of an image
ROOMY = 0.5  # of the images outside the sample, above which it is far from the border
KEY = "background_subtracted"  # in the metadata of a series, and in records


@dataclass(frozen=True)
class FoundBackground:
    """The background of a series.

    Attributes
    ----------
    kind
        ``"none"``, ``"constant"`` or ``"smooth"``.
    backgrounds
        Shape (n, nx, ny), or (n, 1, 1) for a constant of each image; zeros for none.
    of_signal
        Its mean, relative to the mean signal of the sample.

    Examples
    --------
    >>> import numpy as np
    >>> from aet_port.preprocessing import find_background
    >>> x = np.arange(48.0) - 24
    >>> disc = 90 * np.exp(-(x[:, None] ** 2 + x**2) / 40)
    >>> counts = np.random.default_rng(0).poisson(np.stack([disc + 25] * 5))
    >>> found = find_background(counts, "auto")
    >>> found.kind, found.backgrounds.shape
    ('constant', (5, 1, 1))
    """

    kind: SeriesBackground
    backgrounds: NDArray[np.float64]
    of_signal: float

    def __str__(self) -> str:
        return (
            f"a {self.kind} background of {100 * self.of_signal:.1f} % of the sample's mean signal"
        )


def fills_images(images: NDArray, *, level: bool = False) -> bool:
    """Whether the sample reaches the border of the images, as a film does.

    Parameters
    ----------
    images
        Shape (n, nx, ny). Their mean is judged, in which even few electrons per pixel stand out
        from the noise.
    level
        Whether a plane through the corners is taken off first, for a background that slopes, and
        noise is allowed for in the darkest part, for few electrons on a background.

    Returns
    -------
    False if the border is vacuum: its signal above the darkest part is less than 15 % of that of
    the centre.
    """
    common = np.asarray(images, dtype=np.float64).mean(axis=0)
    frame, (nx, ny) = border_of(common.shape), common.shape
    if level:
        common = common - _surface(common, _corners(common.shape).max(axis=0), 1)
    block = (max(3, nx // BLOCKS), max(3, ny // BLOCKS))
    lowest = float(np.percentile(ndimage.uniform_filter(common, block), 1))
    if level:
        # The darkest block of a hundred is so many standard errors too dark by its noise alone.
        noise = np.sqrt(np.mean(sixth_differences(common)[frame] ** 2) / np.prod(block))
        lowest += LAST_PERCENT * float(noise)
    rise = float(common[nx // 4 : -(nx // 4), ny // 4 : -(ny // 4)].mean()) - lowest
    return bool(common[frame].mean() - lowest > EMPTY * rise)


def border_of(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The outermost pixels of an image, 4 % of its width and two at least."""
    frame = np.ones(shape, dtype=bool)
    frame[tuple(slice(w, -w) for w in (max(2, round(BORDER * n)) for n in shape))] = False
    return frame


@checked
def find_background(images: NDArray, how: SeriesBackground) -> FoundBackground:
    """The background of projections of a sample on an empty border.

    Parameters
    ----------
    images
        Shape (n, nx, ny).
    how
        ``"constant"``: the mean of each image outside the sample; ``"smooth"``: interpolated across
        the sample (:func:`aet_port.preprocessing.background.remove_background`); ``"auto"``: one of
        them if the vacuum around the sample is not zero, none for a film that fills the images;
        ``"none"``.

    Returns
    -------
    What is to be subtracted.

    Notes
    -----
    With ``"auto"`` a level counts as seen if it is above 2 % of the mean signal of the sample and
    five standard errors, both in the median of the images. It is smooth rather than constant if a
    quadratic surface through the vacuum varies by as much.

    MATLAB: none

    Examples
    --------
    >>> import numpy as np
    >>> from aet_port.preprocessing import find_background
    >>> x = np.arange(48.0) - 24
    >>> disc = 90 * np.exp(-(x[:, None] ** 2 + x**2) / 40)
    >>> counts = np.random.default_rng(0).poisson(np.stack([disc + 25] * 5))
    >>> find_background(counts, "auto").backgrounds.ravel().round()
    array([25., 25., 25., 25., 25.])
    >>> find_background(counts - 25, "auto").kind
    'none'
    """
    nothing = FoundBackground("none", np.zeros((len(images), 1, 1)), 0.0)
    stack = np.asarray(images, dtype=np.float64)
    if how == "none" or (how == "auto" and _no_particle(stack)):
        return nothing
    masks, signals, levels, errors, slopes = _measured(stack)
    signal, level = float(np.median(signals)), float(np.median(levels))
    if how == "auto":
        least = max(SEEN * signal, CERTAIN * float(np.median(errors)))
        corners = [stack[:, corner].mean(axis=1) for corner in _corners(stack.shape[1:])]
        dark = sorted(corners, key=np.mean)
        # The tails of a sample near the border vary like a background, but not into all corners.
        sloped = float(np.median(slopes)) > least and bool(
            np.mean(~masks) > ROOMY or dark[-1].mean() - dark[0].mean() > least
        )
        seen = signal > 0 and (sloped or abs(level) > least)
        if not seen or min(abs(corner.mean()) for corner in corners) < least / 2:
            return nothing
        if not sloped and abs(level - np.median(dark[:2])) > least:
            levels = np.mean(dark[:2], axis=0)
        how = "smooth" if sloped else "constant"
    found = levels[:, None, None]
    if how == "smooth":
        # What the surface leaves varies little, so that it is averaged over many pixels.
        pairs = zip(stack, masks, strict=True)
        surfaces = np.stack([_surface(image, ~mask, 2) for image, mask in pairs])
        rest = remove_background(stack - surfaces, masks, smoothing=WIDE * DEFAULTS.smoothing)
        found = surfaces + rest.backgrounds
    return FoundBackground(how, found, level / signal if signal > 0 else 0.0)


@checked
def subtract_background(
    series: TiltSeries,
    how: SeriesBackground,
    *,
    keep_level: bool = False,
    film: bool | None = None,
    warn: bool = True,
) -> TiltSeries:
    """A tilt series without its background.

    Parameters
    ----------
    series
        The projections.
    how
        As in :func:`find_background`.
    keep_level
        With ``"auto"``, keep the mean background of each image, for a fit of counts that has a
        background of its own: counting noise is that of all electrons.
    film
        With ``"auto"``, true for a sample known to be wider than its images: nothing is done.
    warn
        Whether to warn.

    Returns
    -------
    The series, with what was subtracted in its metadata (:func:`background_facts`); unchanged if
    nothing was.

    Warns
    -----
    UserWarning
        If ``"auto"`` subtracts something, or the sample seems dark on a bright background.

    Notes
    -----
    MATLAB: none; the repositories start from images without background

    Examples
    --------
    >>> import numpy as np
    >>> import aet_port as aet
    >>> from aet_port.preprocessing import subtract_background
    >>> x = np.arange(48.0) - 24
    >>> disc = 90 * np.exp(-(x[:, None] ** 2 + x**2) / 40)
    >>> counts = np.random.default_rng(0).poisson(np.stack([disc + 25] * 5))
    >>> series = aet.TiltSeries(counts, [-60, -30, 0, 30, 60], pixel_size=0.5)
    >>> clean = subtract_background(series, "constant")
    >>> bool(abs(clean.images[:, :6].mean()) < 0.5)
    True
    """
    images, automatic = series.images, how == "auto"
    if automatic and film:
        return series
    if automatic and dark_on_bright(images):
        said = (
            "the sample seems darker than its surroundings, but atoms must be bright: invert "
            "bright-field images"
        )
        if warn:
            warnings.warn(f"{series.name}: {said}", UserWarning, stacklevel=3)
        return series
    found = find_background(images, how)
    if found.kind == "none" or (keep_level and automatic and found.kind == "constant"):
        return series
    taken = found.backgrounds
    if keep_level and automatic:
        taken = taken - taken.mean(axis=(1, 2), keepdims=True)
    if automatic and warn:
        warnings.warn(
            f"{series.name}: {found} is subtracted; --background none (background = 'none' in "
            "[input]) keeps it",
            UserWarning,
            stacklevel=3,
        )
    facts = {KEY: {"kind": found.kind, "of_signal": found.of_signal}}
    return replace(
        series,
        images=(images - taken).astype(images.dtype),
        metadata=series.metadata | facts,
    )


def background_facts(series: TiltSeries) -> dict[str, Any]:
    """What :func:`subtract_background` took off a series, for its record; empty if nothing."""
    return {KEY: series.metadata[KEY]} if KEY in series.metadata else {}


def dark_on_bright(images: NDArray) -> bool:
    """Whether the sample is a dark particle on a bright background."""
    return _no_particle(images) and not fills_images(-images)


def _no_particle(images: NDArray) -> bool:
    return fills_images(images) and fills_images(images, level=True)


def _measured(stack: NDArray) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray]:
    """Of each image: mask, signal of the sample, level and its error, variation of the vacuum."""
    masks, corners = np.empty(stack.shape, dtype=bool), _corners(stack.shape[1:])
    rows = np.empty((4, len(stack)))
    for number, image in enumerate(stack):
        masks[number] = _mask(image - _surface(image, corners.max(axis=0), 1), number)
        outside = ~masks[number]
        level, shape = image[outside].mean(), _surface(image, outside, 2)[outside]
        error = (image[outside] - shape).std() / np.sqrt(outside.sum())
        # Noise alone gives a surface of five free terms this variance.
        variance = shape.var() - 5 * error**2
        rows[:, number] = (
            image[~outside].mean() - level,
            level,
            error,
            np.sqrt(max(variance, 0.0)),
        )
    return masks, *rows


def _mask(image: NDArray, number: int) -> NDArray[np.bool_]:
    """Where the sample is; all but the two darkest corners, if it leaves nothing else."""
    margin = min(DEFAULTS.margin, min(image.shape) / 12)
    try:
        return sample_mask(image, margin, index=number, flank=FLAT_FLANK)[0]
    except InputError:
        dark = sorted(_corners(image.shape), key=lambda corner: float(image[corner].mean()))
        return ~(dark[0] | dark[1])


def _corners(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The four corners, shape (4, nx, ny)."""
    corners = np.zeros((4, *shape), dtype=bool)
    x, y = (max(4, round(CORNER * n)) for n in shape)
    ends = [(a, b) for a in (slice(x), slice(-x, None)) for b in (slice(y), slice(-y, None))]
    for corner, end in zip(corners, ends, strict=True):
        corner[end] = True
    return corners


def _surface(image: NDArray, where: NDArray[np.bool_], order: int) -> NDArray[np.float64]:
    """Polynomial surface through pixels of an image: a plane, or with order 2 a quadric."""
    x, y = (np.linspace(-1, 1, n) for n in image.shape)
    terms = [
        np.outer(x**i, y**j) for i in range(order + 1) for j in range(order + 1) if i + j <= order
    ]
    table = np.stack([term[where] for term in terms], axis=1)
    weights = np.linalg.lstsq(table, image[where], rcond=None)[0]
    return np.tensordot(weights, np.stack(terms), axes=1)
