"""Saturated, dead and hot pixels of raw frames.

A saturated frame is clipped: its histogram has a peak at its highest value. A dead or hot pixel is
far below or above the median of its eight neighbours; the scatter of that difference is estimated
from the image itself as a function of local intensity, so that shot noise is not flagged.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.frame_series import FrameSeries
from aet_port.core.progress import progress_bar

THRESHOLD = 8.0  # standard deviations; Gaussian noise in 1e6 pixels never exceeds it
_BINS = 12  # bins of local intensity
_FAINT = 2e-3  # fraction of the image's range; without noise, dark parts have no scatter
_PILE = 2.0  # a clipped histogram's last value is this much more frequent than the one below
_FEWEST = 4  # equal highest values; fewer may be chance


class BadPixelWarning(UserWarning):
    """Frames with saturated, dead or hot pixels."""


@dataclass(frozen=True, eq=False)
class BadPixels:
    """Unusable pixels of one frame or of all frames of a tilt.

    Parameters
    ----------
    tilt
        Index of the tilt.
    frame
        Index of the frame within the tilt; None if the pixel is bad in the mean of all frames.
    kind
        ``saturated``, ``dead`` or ``hot``.
    pixels
        Shape (n, 2): x and y indices.
    """

    tilt: int
    frame: int | None
    kind: str
    pixels: NDArray[np.int64]

    def __str__(self) -> str:
        where = "all frames" if self.frame is None else f"frame {self.frame}"
        x, y = self.pixels[0]
        return (
            f"tilt {self.tilt}, {where}: {len(self.pixels)} {self.kind} pixels, "
            f"the first at ({x}, {y})"
        )


def saturated_mask(image: NDArray, limit: float | None = None) -> NDArray[np.bool_]:
    """Mask of pixels at which an image (nx, ny) is clipped.

    With ``limit``, every pixel at or above it. Without, the highest value counts as clipped if at
    least 4 pixels have it and they are more than twice as many as those with the value below (the
    histogram of an unclipped image falls off), or if it is the highest value of an integer type.
    """
    if limit is not None:
        return image >= limit
    top = image.max()
    at_top = image == top
    if image.dtype.kind in "iu" and top == np.iinfo(image.dtype).max:
        return at_top
    count = int(at_top.sum())
    if count < _FEWEST or count == image.size:
        return np.zeros(image.shape, dtype=bool)
    below = image[~at_top].max()
    if count <= _PILE * int((image == below).sum()):
        return np.zeros(image.shape, dtype=bool)
    return at_top


def _neighbour_median(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of the eight neighbours; the image is mirrored at its border."""
    nx, ny = image.shape
    padded = np.pad(image, 1, mode="symmetric" if min(nx, ny) < 2 else "reflect")
    shifted = [
        padded[i : i + nx, j : j + ny] for i in range(3) for j in range(3) if (i, j) != (1, 1)
    ]
    return np.median(np.stack(shifted), axis=0)


def outlier_masks(
    image: NDArray, threshold: float = THRESHOLD, step: float | None = None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks of dead and hot pixels of an image (nx, ny).

    r = image - median of the 8 neighbours is compared with ``threshold`` times its scatter s(m),
    where s is half the distance between the 16 and 84 % quantiles of r among pixels with similar
    neighbour median m (12 bins of equal population). s is at least ``step`` (by default 1 for
    integers, otherwise their rounding), 0.2 % of the image's range, and a quarter of the width of
    the central 98 % of r, which matters for few sharp atoms on a smooth background.
    """
    values = image.astype(np.float64)
    median = _neighbour_median(values)
    residual = values - median
    if step is None:
        whole = image.dtype.kind in "iu" or bool((values == np.rint(values)).all())
        step = 1.0 if whole else float(np.spacing(np.abs(image).max()))
    dark, bright = np.quantile(values, [0.01, 0.99])
    step = max(step, _FAINT * (bright - dark))
    order = np.argsort(median, axis=None, kind="stable")
    scatter = np.empty(values.size)
    for part in np.array_split(order, min(_BINS, max(1, values.size // 64))):
        low, below, above, high = np.quantile(residual.flat[part], [0.01, 0.16, 0.84, 0.99])
        scatter[part] = max((above - below) / 2, (high - low) / 4, step)
    limit = threshold * scatter.reshape(values.shape)
    return residual < -limit, residual > limit


@checked
def find_bad_pixels(
    series: FrameSeries,
    saturation: float | None = None,
    threshold: float = THRESHOLD,
    warn: bool = True,
    show_progress: bool = False,
) -> list[BadPixels]:
    """Find saturated, dead and hot pixels of each frame, and dead and hot ones of each tilt's mean.

    Parameters
    ----------
    series
        Raw frames, before any correction.
    saturation
        Value at which the detector saturates; unless given, clipping is recognised from the counts.
    threshold
        Standard deviations from the neighbours beyond which a pixel is dead or hot.
    warn
        Whether to issue a :class:`BadPixelWarning` for each finding, with tilt and frame index.
    show_progress
        Whether to report progress on standard error.

    Returns
    -------
    list of BadPixels, in the order of tilts and frames, with the mean of a tilt last.
    """
    found: list[BadPixels] = []

    def note(tilt: int, frame: int | None, kind: str, mask: NDArray[np.bool_]) -> None:
        if mask.any():
            found.append(BadPixels(tilt, frame, kind, np.argwhere(mask)))

    with progress_bar("looking for bad pixels", len(series), show_progress) as report:
        for t, frames in enumerate(series.frames):
            for f, image in enumerate(frames):
                saturated = saturated_mask(image, saturation)
                dead, hot = outlier_masks(image, threshold)
                note(t, f, "saturated", saturated)
                note(t, f, "dead", dead)
                note(t, f, "hot", hot & ~saturated)
            if len(frames) > 1:
                # Single counts on a dark background must not be flagged in the mean either.
                step = float(len(frames) ** -0.5) if (frames == np.rint(frames)).all() else None
                mean = frames.mean(axis=0, dtype=np.float64)
                dead, hot = outlier_masks(mean, threshold, step)
                note(t, None, "dead", dead)
                note(t, None, "hot", hot)
            report.advance()
    if warn:
        for item in found:
            warnings.warn(f"{series.name}: {item}", BadPixelWarning, stacklevel=3)
    return found
