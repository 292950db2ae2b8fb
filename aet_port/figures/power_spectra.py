"""Figures of power spectra: an image with its spectrum as inset, the average, the profile."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.figures.styles import BLUE, GREY, ORANGE, Drawing, save_figures
from aet_port.preprocessing.halo_fit import Halo
from aet_port.preprocessing.image_spectra import PowerSpectra
from aet_port.preprocessing.spectra import taper

SQUARE, WIDE = (5.0, 5.0), (6.4, 4.0)  # inches
INSET = 0.36  # of the image's width
REACH = 2.2  # times the frequency of the halo, that is shown of a spectrum


def spectrum_map(
    axes: Axes, power: NDArray[np.float64], pixel_size: float, halo: Halo | None = None
) -> None:
    """A two-dimensional power spectrum, logarithmic, with the halo's position as dashed ring.

    Parameters
    ----------
    power
        Shape (nx, ny), zero frequency at pixel n // 2.
    pixel_size
        Angstrom, of the image.
    halo
        The halo; without one the whole spectrum is shown.
    """
    nx, ny = power.shape
    logs = np.log(np.maximum(power, np.finfo(np.float64).tiny))
    low, high = np.percentile(logs, [2.0, 99.9])
    # Pixel i stands for the frequency (i - n // 2) / (n pixel size), its edges half a pixel off.
    (left, right), (bottom, top) = (
        [(k - n // 2) / (n * pixel_size) for k in (-0.5, n - 0.5)] for n in (nx, ny)
    )
    extent = (left, right, bottom, top)
    axes.imshow(logs.T, origin="lower", cmap="gray", vmin=low, vmax=high, extent=extent)
    reach = 0.5 / pixel_size
    if halo is not None:
        reach = min(reach, REACH * halo.frequency)
        ring = Circle((0, 0), halo.frequency, fill=False, color=ORANGE, linestyle="--", linewidth=1)
        axes.add_patch(ring)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.set(xlabel="$q_x$ (1/angstrom)", ylabel="$q_y$ (1/angstrom)")


def image_with_spectrum(
    axes: Axes, image: NDArray, pixel_size: float, halo: Halo | None = None
) -> None:
    """An image with its power spectrum as inset, as in the papers' figures of raw images.

    Parameters
    ----------
    image
        Shape (nx, ny).
    pixel_size
        Angstrom.
    halo
        The halo to mark in the inset.
    """
    nx, ny = image.shape
    given = np.asarray(image, dtype=np.float64)
    extent = (0, nx * pixel_size, 0, ny * pixel_size)
    axes.imshow(given.T, origin="lower", cmap="gray", extent=extent, interpolation="nearest")
    axes.set(xlabel="x (angstrom)", ylabel="y (angstrom)", aspect="equal")
    window = taper((nx, ny))
    seen = (given - np.sum(window * given) / window.sum()) * window
    inset = axes.inset_axes((1 - INSET, 1 - INSET, INSET, INSET))
    spectrum_map(inset, np.abs(np.fft.fftshift(np.fft.fft2(seen))) ** 2, pixel_size, halo)
    inset.set(xlabel="", ylabel="", xticks=[], yticks=[])
    for side in inset.spines.values():
        side.set_color("white")


def spectrum_profile(axes: Axes, found: PowerSpectra) -> None:
    """Power against spatial frequency, averaged over the images, with the position of the halo.

    Parameters
    ----------
    found
        The spectra.
    """
    for profile in found.profiles if len(found.profiles) > 1 else ():
        axes.plot(found.frequency[1:], profile[1:], color=GREY, linewidth=0.3, alpha=0.5)
    axes.plot(found.frequency[1:], found.profile[1:], color=BLUE, label="average")
    if found.halo is not None:
        halo = found.halo
        words = f"halo {halo.frequency:.3f} 1/angstrom, {halo.period:.2f} angstrom"
        axes.axvline(halo.frequency, color=ORANGE, linestyle="--", linewidth=1, label=words)
    axes.set(
        yscale="log",
        xlim=(0, found.frequency[-1]),
        xlabel="spatial frequency (1/angstrom)",
        ylabel="power",
    )
    axes.legend(frameon=False, fontsize=8)


def write_spectrum_figures(
    folder: str | Path,
    found: PowerSpectra,
    images: NDArray,
    shown: int | None = None,
    form: str = "png",
) -> list[Path]:
    """Write ``image_with_spectrum``, ``power_spectrum`` and ``power_profile``.

    Parameters
    ----------
    found
        Spectra of the images.
    images
        Shape (n, nx, ny).
    shown
        Number of the image with inset, from 0; the middle one unless given.
    folder, form
        As in :func:`aet_port.figures.styles.save_figures`, whose errors are raised.

    Returns
    -------
    The files written.

    Raises
    ------
    InputError
        Also for an image that does not exist.
    """
    number = len(images) // 2 if shown is None else shown
    if not 0 <= number < len(images):
        raise InputError("--shown", str(number), f"a number from 0 to {len(images) - 1}")
    size = found.pixel_size
    figures: dict[str, Drawing] = {
        "image_with_spectrum": (
            partial(
                image_with_spectrum,
                image=images[number],
                pixel_size=size,
                halo=found.halos[number] or found.halo,
            ),
            SQUARE,
        ),
        "power_spectrum": (
            partial(spectrum_map, power=found.average, pixel_size=size, halo=found.halo),
            SQUARE,
        ),
        "power_profile": (partial(spectrum_profile, found=found), WIDE),
    }
    return save_figures(figures, folder, form)
