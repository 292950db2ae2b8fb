"""Power spectra of images: two-dimensional, averaged over a series, and by spatial frequency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from aet_port.core.arguments import checked
from aet_port.core.data import pixel_length
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory
from aet_port.preprocessing.halo_fit import Halo, fit_halo
from aet_port.preprocessing.noise import check_images
from aet_port.preprocessing.settings import SPECTRUM, SpectrumSettings
from aet_port.preprocessing.spectra import both_halves, taper

SMALLEST = 16  # pixels along a side


@dataclass(frozen=True, repr=False)
class PowerSpectra(Shown):
    """Power spectra of the images of a series.

    Attributes
    ----------
    average
        Shape (nx, ny): power of each frequency averaged over the images, zero frequency at pixel
        n // 2. White noise of variance ``v`` has the power ``v``.
    frequency
        Shape (k,), 1/angstrom: the rings, from zero to half a cycle per pixel.
    profile
        Shape (k,): mean power in each ring, averaged over the images.
    profiles
        Shape (n, k): the same for each image.
    samples
        Shape (k,): number of frequencies in each ring, of the whole plane.
    pixel_size
        Angstrom.
    halo
        The amorphous halo of the averaged profile; None if there is none.
    reason
        Why there is none; empty if there is one.
    halos
        The halo of each image, None where it shows none.
    """

    average: NDArray[np.float64]
    frequency: NDArray[np.float64]
    profile: NDArray[np.float64]
    profiles: NDArray[np.float64]
    samples: NDArray[np.int64]
    pixel_size: float
    halo: Halo | None
    reason: str
    halos: tuple[Halo | None, ...]

    def _facts(self) -> dict[str, object]:
        return {
            "images": len(self.profiles),
            "pixels": self.average.shape,
            "rings": len(self.frequency),
            "halo": None if self.halo is None else f"{self.halo.frequency:.4g} 1/angstrom",
        }

    def summary(self) -> dict[str, Any]:
        """Position of the halo, and its spread over the images."""
        found = [one.frequency for one in self.halos if one is not None]
        facts: dict[str, Any] = {
            "images": len(self.profiles),
            "pixels": list(self.average.shape),
            "pixel_size": self.pixel_size,
            "highest_frequency": float(self.frequency[-1]),
            "halo": None if self.halo is None else self.halo.plain(),
            "images_with_halo": len(found),
        }
        if len(found) > 1:
            facts["halo_of_images"] = {
                "mean": float(np.mean(found)),
                "standard_deviation": float(np.std(found, ddof=1)),
            }
        if self.reason:
            facts["reason"] = self.reason
        return facts

    def rows(self) -> list[dict[str, float | int]]:
        """The averaged profile, one row for each ring."""
        spread = self.profiles.std(axis=0, ddof=1) if len(self.profiles) > 1 else None
        return [
            {
                "frequency": float(self.frequency[k]),
                "power": float(self.profile[k]),
                "samples": int(self.samples[k]),
            }
            | ({} if spread is None else {"standard_deviation": float(spread[k])})
            for k in range(len(self.frequency))
        ]


@checked
def power_spectra(
    images: ArrayLike, pixel_size: float, settings: SpectrumSettings = SPECTRUM
) -> PowerSpectra:
    """Power spectra of images and the position of the amorphous halo.

    ``P(q) = |F[w (z - m)]|^2 / sum w^2`` with a window ``w`` that tapers the edges and the mean
    ``m`` of the image under it. Rings of ``1 / (n pixel size)``, ``n`` the longer side, give the
    profile by frequency. The halo of disordered atoms is fitted in the averaged profile and in that
    of each image: see :func:`~aet_port.preprocessing.halo_fit.fit_halo`.

    Parameters
    ----------
    images
        Shape (n, nx, ny), 16 pixels or more along each side.
    pixel_size
        Angstrom.
    settings
        Range of frequencies in which the halo is searched.

    Returns
    -------
    Spectra, profiles and halos.

    Raises
    ------
    InputError
        For images of another shape, without signal, or a range without rings.

    Notes
    -----
    MATLAB: none; the papers show spectra without their code

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 2, (3, 64, 64))
    >>> found = power_spectra(noise, 0.35)
    >>> round(float(found.profile[1:].mean())), found.halo is None
    (4, True)
    """
    size = pixel_length("pixel_size", pixel_size)
    given = np.asarray(images)
    # Double-precision images, one spectrum, and the average.
    check_memory(
        "power spectra", 8.0 * given.size + 40.0 * float(np.prod(given.shape[-2:])), "crop"
    )
    stack = check_images(given)
    n, nx, ny = stack.shape
    if min(nx, ny) < SMALLEST:
        raise InputError("images", f"{nx} x {ny} pixels", f"{SMALLEST} or more along each side")
    window = taper((nx, ny))
    norm, weight = float(np.sum(window**2)), window / window.sum()
    spacing = 1 / (max(nx, ny) * size)
    away = np.hypot(fft.fftfreq(nx, size)[:, None], fft.rfftfreq(ny, size))
    ring = np.rint(away / spacing).astype(np.int64).ravel()
    count = max(nx, ny) // 2 + 1
    both = both_halves((nx, ny))
    samples = np.bincount(ring, both.ravel(), count)[:count]
    total = np.zeros(away.shape)
    profiles = np.empty((n, count))
    for image, profile in zip(stack, profiles, strict=True):
        power = np.abs(fft.rfft2((image - np.sum(weight * image)) * window)) ** 2 / norm
        total += power
        profile[:] = np.bincount(ring, (both * power).ravel(), count)[:count] / samples
    frequency = spacing * np.arange(float(count))
    mean = profiles.mean(axis=0)
    # The window leaves so many independent frequencies, half of them mirror images.
    independent = 0.5 * samples * norm**2 / (nx * ny * float(np.sum(window**4)))
    halo, reason = fit_halo(frequency, mean, independent * n, settings)
    halos = tuple(fit_halo(frequency, one, independent, settings)[0] for one in profiles)
    return PowerSpectra(
        _whole_plane(total / n, (nx, ny)),
        frequency,
        mean,
        profiles,
        np.rint(samples).astype(np.int64),
        size,
        halo,
        reason,
        halos,
    )


def _whole_plane(half: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """The spectrum of a real image from the half that ``fft.rfft2`` gives, zero in the middle."""
    nx, ny = shape
    whole = np.empty(shape)
    whole[:, : ny // 2 + 1] = half
    rest = np.arange(ny // 2 + 1, ny)
    whole[:, rest] = half[-np.arange(nx) % nx][:, ny - rest]
    return fft.fftshift(whole)
