"""Effects of acquisition on a tilt series: angle errors, shifts, source blur, noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, ndimage

from aet_port.core.data import TiltSeries
from aet_port.core.display import Shown, angstrom, times
from aet_port.core.errors import InputError
from aet_port.core.image_shift import fourier_shift
from aet_port.simulation.linear import add_noise
from aet_port.simulation.settings import Acquisition

Project = Callable[[NDArray[np.float64]], NDArray[np.float64]]

FWHM = float(np.sqrt(8 * np.log(2)))  # of a Gaussian of standard deviation one


@dataclass(frozen=True, repr=False)
class Acquired(Shown):
    """A simulated series as measured, with its true angles and shifts.

    Attributes
    ----------
    series
        Images with all errors, in single precision, and the nominal angles.
    angles
        Shape (n, 3), degrees: the true angles of the images.
    shifts
        Shape (n, 2), pixels: a point at detector position ``x`` is moved to ``x + shift``.
    settings
        Settings of the errors.
    """

    series: TiltSeries
    angles: NDArray[np.float64]
    shifts: NDArray[np.float64]
    settings: Acquisition

    def _facts(self) -> dict[str, object]:
        return {
            "name": self.series.name,
            "images": len(self.series),
            "pixels": times(self.series.detector),
            "pixel size": angstrom(self.series.pixel_size),
            "largest shift": f"{float(np.abs(self.shifts).max()):.4g} pixels",
        }

    def truth(self) -> dict[str, Any]:
        """The true parameters as plain numbers."""
        return {
            "pixel_size": self.series.pixel_size,
            "nominal_angles": self.series.angles.tolist(),
            "true_angles": self.angles.tolist(),
            "shifts_in_pixels": self.shifts.tolist(),
            "acquisition": self.settings.plain(),
        }


def acquire(
    project: Project,
    angles: ArrayLike,
    pixel_size: float,
    settings: Acquisition | None = None,
    name: str = "simulated series",
) -> Acquired:
    """Simulate the acquisition of a tilt series: angle errors, blur, shifts and counting noise.

    ``image_k = noise(shift_k(blur(P(angles_k + error_k))))``. A flat background is counted with the
    signal and stays in the images.

    Parameters
    ----------
    project
        The engine ``P``, from angles (n, 3) to noise-free images (n, nx, ny), as the fraction of
        incident electrons.
    angles
        Shape (n, 3): nominal phi, theta, psi in degrees.
    pixel_size
        Angstrom.
    settings
        Errors and dose; no errors and the dose of the Ta film unless given.
    name
        Name of the series.

    Raises
    ------
    InputError
        For angles of another shape, and as in :func:`~.simulation.add_noise`.

    Notes
    -----
    MATLAB: none; the reference has no model of these errors
    """
    settings = settings or Acquisition()
    nominal = np.asarray(angles, dtype=np.float64)
    if nominal.ndim != 2 or nominal.shape[1] != 3 or len(nominal) == 0:
        raise InputError(
            "angles", f"shape {nominal.shape}", "shape (n, 3): phi, theta, psi in degrees, n > 0"
        )
    of_angles, of_shifts, of_noise = np.random.default_rng(settings.seed).spawn(3)
    true = nominal + _errors(settings.angle_error, settings, of_angles, nominal.shape)
    shifts = _errors(settings.shift_error, settings, of_shifts, (len(nominal), 2))
    images = blur_source(project(true), pixel_size, settings.source_size)
    if settings.shift_error:
        images = shift_images(images, shifts)
    if settings.dose:
        # A shift by a fraction of a pixel causes ringing; electron counts can't be negative.
        images = add_noise(
            np.maximum(images, 0),
            pixel_size,
            settings.dose,
            settings.read_noise,
            of_noise,
            background=settings.background,
        )
    series = TiltSeries(images.astype(np.float32), nominal, pixel_size, name=name)
    return Acquired(series, true, shifts, settings)


def _errors(
    size: float, settings: Acquisition, rng: np.random.Generator, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    drawn = (
        rng.uniform(-1, 1, shape) if settings.distribution == "uniform" else rng.normal(size=shape)
    )
    return size * drawn


def blur_source(images: ArrayLike, pixel_size: float, fwhm: float) -> NDArray[np.float64]:
    """Convolve images with a Gaussian source of full width at half maximum ``fwhm`` angstrom.

    The surroundings of the images are vacuum.

    Parameters
    ----------
    images
        Shape (n, nx, ny).
    pixel_size
        Angstrom.
    fwhm
        Full width at half maximum of the source, angstrom; zero for no blur.

    Notes
    -----
    MATLAB: none
    """
    clean = np.asarray(images, dtype=np.float64)
    if not fwhm:
        return clean
    sigma = fwhm / FWHM / pixel_size
    return ndimage.gaussian_filter(clean, sigma, axes=(1, 2), mode="constant")


def shift_images(images: ArrayLike, shifts: ArrayLike) -> NDArray[np.float64]:
    """Shift images by sub-pixel displacements: ``F^-1[ F[image] exp(-2 pi i q . shift) ]``.

    Content shifted out of an image is lost and replaced by vacuum on the other side.

    Parameters
    ----------
    images
        Shape (n, nx, ny).
    shifts
        Shape (n, 2), pixels: a point at ``x`` is moved to ``x + shift``.

    Raises
    ------
    InputError
        For other shapes or shifts that are not finite.

    Notes
    -----
    MATLAB: none
    """
    given, moves = np.asarray(images, dtype=np.float64), np.asarray(shifts, dtype=np.float64)
    if given.ndim != 3 or moves.shape != (len(given), 2):
        raise InputError(
            "shifts",
            f"shape {moves.shape} for images {given.shape}",
            "shape (n, 2) for (n, nx, ny)",
        )
    if not np.isfinite(moves).all():
        raise InputError("shifts", "NaN or infinite values", "pixels")
    nx, ny = given.shape[1:]
    # Vacuum of half an image width, so that nothing wraps around from the other side.
    border = int(np.ceil(np.abs(moves).max(initial=0))) + max(nx, ny) // 4
    canvas = [fft.next_fast_len(n + 2 * border, real=True) for n in (nx, ny)]
    moved = np.empty_like(given)
    for number, (image, shift) in enumerate(zip(given, moves, strict=True)):
        padded = np.zeros(canvas)
        padded[border : border + nx, border : border + ny] = image
        back = fourier_shift(padded, shift)
        moved[number] = back[border : border + nx, border : border + ny]
    return moved
