"""Signs that a tilt series, or what was made of it, can't be right.

R1 of a good series is that of its noise. Of simulated particles (80 Ta atoms, pixels of 0.35 and
0.5 angstrom, 24 tilts to 69 degrees, 30 RESIRE iterations) without noise it was 0.03 to 0.04; with
noise it stayed below the part of the signal that the noise makes up (0.09 of 0.10, 0.43 of 0.52,
0.87 of 0.97). Images shifted by 2 pixels, rms, had 0.33 to 0.38, by 4 pixels 0.50 to 0.56, angles
in radians 0.62 to 0.67. Models of published series have at most 0.28.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import EmptyResultError, InputError
from aet_port.core.white_noise import sixth_differences

UNEXPLAINED = 0.4  # R1 beyond the noise above which something is wrong
# The same where each image has its best scale, or each atom its height: angles in radians then
# have 0.32 to 0.36.
SCALED = 0.3
OUTLIER = 3.0  # times the median of the others, of a single image; good series have up to 2
WHOLE = 0.9  # R1 of an image of which nothing is explained
ENOUGH = 10  # iterations, below which R1 of a reconstruction tells nothing: 0.5 after 3 of them
NOISY = 0.8  # part of the images that is noise, above which a volume holds little else
UNEVEN = 2.0  # brightness relative to images at similar angles; dose and film thickness vary less
NEIGHBOURS = 4  # images at the nearest angles with which one is compared
CERTAIN = 5.0  # standard errors of the sum over an image
CAUSES = "check the angles (degrees?), the tilt axis (along y?), the alignment and the background"


def noise_part(images: NDArray) -> NDArray[np.float64]:
    """Part of each image that is noise: ``sum |noise| / sum |image|``, from sixth differences.

    Parameters
    ----------
    images
        Shape (n, nx, ny).

    Returns
    -------
    Shape (n,); zero for empty images. Too low where the noise was smoothed.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(0, 1, (1, 64, 64))
    >>> bool(abs(noise_part(noise)[0] - 1) < 0.05), float(noise_part(np.ones((1, 64, 64)))[0])
    (True, 0.0)
    """
    noise = np.array([np.abs(sixth_differences(image)).sum() for image in images])
    signal = np.abs(images).sum(axis=(1, 2), dtype=np.float64)
    # Rounding leaves differences of a constant image above zero.
    part = np.divide(noise, signal, out=np.zeros(len(noise)), where=signal > 0)
    return np.where(part < 1e-6, 0.0, part)


def check_series(images: NDArray, name: str, *, positivity: bool = True) -> None:
    """Raise an error for images of which nothing can be reconstructed.

    Parameters
    ----------
    images
        Shape (n, nx, ny).
    name
        Name of the series, for errors.
    positivity
        Whether the volume must not be negative.

    Raises
    ------
    InputError
        If every image is constant or, with ``positivity``, the images are negative on the whole.
    """
    if not np.ptp(images, axis=(1, 2)).any():
        raise InputError(
            f"{name}: images", "one value in all pixels of every image", "images of a sample"
        )
    totals, errors = _totals(images)
    if positivity and np.median(totals) < -CERTAIN * np.median(errors):
        raise InputError(
            f"{name}: images",
            f"negative values on the whole (the median of the images has a mean of "
            f"{np.median(totals) / images[0].size:.3g}), of which positivity leaves nothing",
            "bright atoms on a dark background: invert dark-on-bright images, or allow negative "
            "voxels with --no-positivity (positivity = false)",
        )


def series_warnings(images: NDArray, angles: NDArray, *, positivity: bool = True) -> list[str]:
    """Images that can't belong to the others: constant, negative, or far darker or brighter.

    The sum over an image is compared with the median of the images at the four nearest tilt angles;
    for a film, whose images become brighter as ``1 / cos(theta)``, multiplied by ``cos(theta)``.

    Parameters
    ----------
    images
        Shape (n, nx, ny).
    angles
        Shape (n, 3), degrees.
    positivity
        Whether the volume must not be negative.

    Returns
    -------
    One phrase for each kind of fault, naming the images; empty for a good series.
    """
    found = []
    constant = np.ptp(images, axis=(1, 2)) == 0
    if constant.any():
        found.append(f"{_named(constant)}: one value in all pixels; leave empty images out")
    totals, errors = _totals(images)
    negative = ~constant & (totals < -CERTAIN * errors)
    if positivity and negative.any() and not negative.all():
        found.append(
            f"{_named(negative)}: negative on the whole, unlike the others; they add nothing to a "
            "volume without negative voxels"
        )
    uneven = ~constant & ~negative & _uneven(totals, errors, angles)
    if uneven.any():
        first = int(np.argmax(uneven))
        usual = float(np.median(totals))
        found.append(
            f"{_named(uneven)}: more than {UNEVEN:g} times darker or brighter than those at "
            f"similar angles (the first {totals[first] / usual:.2g} of the usual sum); scale or "
            "leave them out"
        )
    return found


def result_warnings(
    r1: ArrayLike,
    images: NDArray,
    *,
    result: str = "the result",
    causes: str = CAUSES,
    most: float = UNEXPLAINED,
) -> list[str]:
    """What the R factors of a result say against it.

    ``sqrt(R1^2 - N^2)``, with the part N of the image that is noise, tells what the result leaves
    unexplained.

    Parameters
    ----------
    r1
        Shape (n,): R1 of each image.
    images
        Shape (n, nx, ny): the images.
    result
        What the R factors belong to.
    causes
        What to check.
    most
        What may be left unexplained; :data:`SCALED` if R1 is that of the best scale of each image,
        or of atoms with free heights.

    Returns
    -------
    One phrase for each objection; empty for a good result.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.random.default_rng(0).poisson(200.0, (3, 32, 32)).astype(float)
    >>> result_warnings([0.05, 0.05, 0.05], images)
    []
    >>> result_warnings([0.05, 0.05, 0.9], images)[0][:44]
    'image 2: R1 is 0.90, that of the others 0.05'
    """
    values = np.asarray(r1, dtype=np.float64)
    noise = noise_part(images)
    rest = np.sqrt(np.maximum(values**2 - noise**2, 0))
    usual, mean = float(np.median(rest)), float(values.mean())
    if usual > most:
        part = (
            f", of which the noise accounts for {noise.mean():.2f}" if noise.mean() > 0.05 else ""
        )
        return [f"R1 is {mean:.2f}{part}: {result} and the images hardly agree; {causes}"]
    found = []
    # Noise alone excuses no image whose residual is as large as itself where the others fit.
    lost = values > max(WHOLE, OUTLIER * float(np.median(values)))
    odd = (rest > max(most, OUTLIER * usual)) | lost
    if odd.any():
        others = float(values[~odd].mean())
        found.append(
            f"{_named(odd)}: R1 is {values[odd].max():.2f}, that of the others {others:.2f}: "
            f"{'it does' if odd.sum() == 1 else 'they do'} not fit {result}; check angle, "
            "shift and brightness, or leave out"
        )
    if mean > NOISY and noise.mean() > NOISY:
        found.append(
            f"R1 is {mean:.2f}: the images are nearly all noise ({100 * noise.mean():.0f} % of "
            f"their sum), and so is {result}; use more dose"
        )
    return found


def check_result(values: NDArray, what: str, advice: str = CAUSES) -> None:
    """Raise an error for a volume without anything in it.

    Parameters
    ----------
    values
        Any shape.
    what
        What it is.
    advice
        What to check or change.

    Raises
    ------
    EmptyResultError
        For a volume that is zero, or has one value, everywhere.
    """
    low, high = float(values.min()), float(values.max())
    if not high > low:
        where = "zero" if high == 0 else f"the same value {high:.3g}"
        raise EmptyResultError(what, f"the volume is {where} everywhere", advice)


def _totals(images: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum over each image, and its standard error by the noise."""
    noise = [np.sqrt(np.sum(sixth_differences(image) ** 2)) for image in images]
    return images.sum(axis=(1, 2), dtype=np.float64), np.array(noise)


def _uneven(
    totals: NDArray[np.float64], errors: NDArray[np.float64], angles: NDArray
) -> NDArray[np.bool_]:
    uneven = np.zeros(len(totals), dtype=bool)
    if len(totals) < NEIGHBOURS or not np.median(totals) > CERTAIN * np.median(errors):
        return uneven
    theta = np.asarray(angles, dtype=np.float64)[:, 1]
    # A particle has the same sum at each tilt, a film that of its thickness along the beam.
    models = (totals, totals * np.abs(np.cos(np.deg2rad(theta))))
    alike = min(models, key=lambda one: np.median(np.abs(one / np.median(one) - 1)))
    for k in range(len(totals)):
        near = np.argsort(np.abs(theta - theta[k]), kind="stable")
        usual = float(np.median(alike[near[near != k][:NEIGHBOURS]]))
        ratio = alike[k] / usual if usual > 0 else 1.0
        clear = abs(totals[k] - np.median(totals)) > CERTAIN * errors[k]
        uneven[k] = clear and not 1 / UNEVEN <= ratio <= UNEVEN
    return uneven


def _named(which: NDArray[np.bool_], most: int = 6) -> str:
    numbers: Sequence[int] = np.flatnonzero(which).tolist()
    if len(numbers) == 1:
        return f"image {numbers[0]}"
    shown = ", ".join(map(str, numbers[:most]))
    return f"images {shown}" + (f" and {len(numbers) - most} more" if len(numbers) > most else "")
