"""A figure for each step from raw frames to a tilt series."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from aet_port.core.frame_series import FrameSeries
from aet_port.figures.styles import BLUE, GREY, ORANGE, Drawing, save_figures
from aet_port.preprocessing.background import BackgroundRemoval
from aet_port.preprocessing.noise import NoiseModel
from aet_port.preprocessing.outcome import Preprocessed

SQUARE, WIDE = (4.8, 4.2), (6.4, 4.0)  # inches
STEPS = 24  # number of intensity levels in the noise figure
FEWEST = 50  # smallest number of pixels of a level shown there


def write_preprocess_figures(
    frames: FrameSeries, done: Preprocessed, folder: str | Path, form: str = "png"
) -> list[Path]:
    """Write a figure of every step that was done.

    ``frame`` (a raw frame with its bad pixels), ``noise`` (if estimated), ``drift`` (if a tilt has
    several frames), ``denoising``, ``background`` (if subtracted), ``shifts``, ``common_lines``,
    ``aligned``. Images are those of the middle tilt.

    Parameters
    ----------
    frames
        The raw frames.
    done
        Result of the preprocessing.
    folder, form
        As in :func:`aet_port.figures.styles.save_figures`, whose errors are raised.

    Returns
    -------
    The files written.
    """
    return save_figures(_figures(frames, done), folder, form)


def _figures(frames: FrameSeries, done: Preprocessed) -> dict[str, Drawing]:
    middle = len(done.series) // 2
    theta = done.series.angles[:, 1]
    size = done.series.pixel_size
    bad = [
        item.pixels for item in done.bad_pixels if item.tilt == middle and item.frame in (0, None)
    ]
    marked = np.concatenate(bad) if bad else np.empty((0, 2), dtype=np.int64)
    result: dict[str, Drawing] = {
        "frame": (partial(picture, image=frames.frames[middle][0], marked=marked), SQUARE)
    }
    if done.noise is not None:
        result["noise"] = (partial(noise, frames=frames, model=done.noise), WIDE)
    rates = np.array([[np.nan] * 2 if item is None else item.rate for item in done.drifts])
    if np.isfinite(rates).any():
        label = "drift (pixels per frame)"
        result["drift"] = (partial(by_tilt, theta=theta, values=rates, label=label), WIDE)
    if done.method != "none":
        pair = np.concatenate([done.averaged[middle], done.denoised[middle]])
        result["denoising"] = (partial(picture, image=pair), (8.4, 4.2))
    if done.removal is not None:
        sections = partial(
            background, image=done.denoised[middle], removal=done.removal, index=middle
        )
        result["background"] = (sections, WIDE)
    moved = partial(by_tilt, theta=theta, values=done.alignment.shifts, label="shift (pixels)")
    result["shifts"] = (moved, WIDE)
    result["common_lines"] = (
        partial(common_lines, images=done.alignment.images, pixel_size=size),
        WIDE,
    )
    result["aligned"] = (partial(picture, image=done.series.images[middle]), SQUARE)
    return result


def picture(axes: Axes, image: NDArray, marked: NDArray[np.int64] | None = None) -> None:
    """An image with x to the right and y upwards, and circles around marked pixels (n, 2)."""
    shown = axes.imshow(np.asarray(image, dtype=np.float64).T, origin="lower", cmap="gray")
    axes.figure.colorbar(shown, ax=axes, label="intensity")
    if marked is not None and len(marked):
        axes.plot(*marked.T, "o", fillstyle="none", color=ORANGE, label="bad pixels")
        axes.legend(frameon=False)
    axes.set(xlabel="x (pixels)", ylabel="y (pixels)")


def noise(axes: Axes, frames: FrameSeries, model: NoiseModel) -> None:
    """Variance against mean: half the squared difference of diagonal neighbours, and the model.

    Signal that changes within a pixel adds to the points, so they lie above the line where the
    sample is sharp; the model is fitted to differences of higher order.
    """
    stack = frames.stack().astype(np.float64)
    first, second = stack[:, :-1, :-1], stack[:, 1:, 1:]
    level, half = (first + second).ravel() / 2, (first - second).ravel() ** 2 / 2
    lowest, highest = np.percentile(level, (0.1, 99.9))
    edges = np.linspace(lowest, highest, STEPS + 1)
    which = np.digitize(level, edges) - 1
    inside = (which >= 0) & (which < STEPS)
    count = np.bincount(which[inside], minlength=STEPS)
    full = count >= FEWEST
    mean = np.bincount(which[inside], level[inside], STEPS)[full] / count[full]
    variance = np.bincount(which[inside], half[inside], STEPS)[full] / count[full]
    axes.plot(mean, variance, "o", color=BLUE, label="neighbouring pixels")
    axes.plot(mean, model.variance(mean), color=ORANGE, label="fitted noise")
    axes.set(xlabel="intensity", ylabel="variance")
    axes.legend(frameon=False)


def by_tilt(
    axes: Axes, theta: NDArray[np.float64], values: NDArray[np.float64], label: str
) -> None:
    """Values (n, 2) along x and y against the tilt angle."""
    order = np.argsort(theta, kind="stable")
    for column, (name, colour) in enumerate((("x", BLUE), ("y", ORANGE))):
        axes.plot(theta[order], values[order, column], "o-", markersize=3, color=colour, label=name)
    axes.axhline(0, color=GREY, linewidth=1)
    axes.set(xlabel="tilt angle (degrees)", ylabel=label)
    axes.legend(frameon=False)


def background(axes: Axes, image: NDArray, removal: BackgroundRemoval, index: int) -> None:
    """The row through the middle of an image, with its background and the sample region."""
    row = image.shape[1] // 2
    x = np.arange(image.shape[0])
    axes.plot(x, image[:, row], color=BLUE, label="image")
    axes.plot(x, removal.backgrounds[index][:, row], color=ORANGE, label="background")
    inside = removal.masks[index][:, row]
    top = float(image[:, row].max())
    axes.fill_between(x, 0, top, where=inside, color=GREY, alpha=0.25, label="mask")
    axes.set(xlabel="x (pixels)", ylabel="intensity")
    axes.legend(frameon=False)


def common_lines(axes: Axes, images: NDArray[np.float64], pixel_size: float) -> None:
    """Sums over x of all aligned images in one plot; for a particle they should coincide."""
    lines = images.sum(axis=1) * pixel_size
    y = (np.arange(lines.shape[1]) - lines.shape[1] // 2) * pixel_size
    for line in lines:
        axes.plot(y, line, color=BLUE, alpha=0.2, linewidth=0.8)
    axes.plot(y, lines.mean(axis=0), color=ORANGE, label="mean")
    axes.set(xlabel="along the tilt axis (angstrom)", ylabel="sum over x (angstrom)")
    axes.legend(frameon=False)
