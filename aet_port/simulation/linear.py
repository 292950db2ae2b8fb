"""Linear simulation of a tilt series: projected atoms, then the noise of a given electron dose."""

from __future__ import annotations

import math
from collections.abc import Mapping

import ase
import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_model
from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.core.geometry import euler_rotations
from aet_port.core.memory import check_memory
from aet_port.core.scattering import adf_cross_section, scattering_factor
from aet_port.simulation.settings import (
    B_FACTOR,
    LARGER_PIXELS,
    SIMULATE,
    TA_FILM_DOSE,
    TwoGaussians,
)

# Number of tilts, first and last angle in degrees of the measured series. Film paper,
# Supplementary Table 1; glass paper, main text.
TILT_SERIES = {
    "ta-film": (46, -63.4, 55.5),
    "pd1": (52, -72.0, 66.4),
    "pd2": (54, -72.4, 69.4),
    "glass": (55, -69.4, 72.6),
}
MARGIN = 6.0  # angstrom around the detector, wider than the tail of any element
WIDE = 6.0  # standard deviations of a Gaussian within that margin, if they are more
GAUSSIAN_FLOOR = 1e-9  # a Gaussian is cut off where it falls below this fraction of its peak
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


@checked
def tilt_angles(kind: str = "ta-film", offset: float = 0.0) -> NDArray[np.float64]:
    """Equally spaced Euler angles with the range and number of tilts of a published series.

    Parameters
    ----------
    kind
        ``"ta-film"`` (46 tilts, -63.4 to +55.5 degrees), ``"pd1"``, ``"pd2"`` or ``"glass"``.
    offset
        Degrees. The measured series are not exactly single-axis: their phi and psi are some tenths
        of a degree. With an ``offset``, (phi, psi) follows a circle of that radius.

    Returns
    -------
    Shape (n, 3): phi, theta, psi in degrees.

    Raises
    ------
    InputError
        For an unknown kind or an offset that is not finite.

    Notes
    -----
    MATLAB: none; the measured angles are in the files ``angles.mat``
    """
    if kind not in TILT_SERIES:
        raise InputError("kind", f"{kind!r}", "one of " + ", ".join(TILT_SERIES))
    if not np.isfinite(offset):
        raise InputError("offset", f"{offset!r}", "a finite number of degrees")
    count, first, last = TILT_SERIES[kind]
    angles = np.zeros((count, 3))
    angles[:, 1] = np.linspace(first, last, count)
    turn = GOLDEN_ANGLE * np.arange(count)
    angles[:, 0], angles[:, 2] = offset * np.cos(turn), offset * np.sin(turn)
    return angles


@checked
def project_atoms(
    model: AtomicModel | ase.Atoms,
    angles: ArrayLike,
    pixel_size: float,
    shape: tuple[int, int],
    b_factor: float | Mapping[str, float] = B_FACTOR,
    intensities: Mapping[str, float] | None = None,
    probe: TwoGaussians | None = None,
) -> NDArray[np.float64]:
    """Linear (kinematic, incoherent) projections of a model, the forward model of the papers.

    Each atom contributes ``I(r) = I_0 F^-1[ f(q)/f(0) exp(-B' q^2) ]``, ``f`` its electron
    scattering factor, ``q`` in 1/angstrom, evaluated as in the reference: a Gaussian
    ``exp(-pi^2 r^2 / B')`` at the exact detector position, filtered by the scattering factor in
    Fourier space. An atom at ``r`` is projected to detector pixel
    ``(R @ r)[:2] / pixel_size + n // 2`` (0-based), ``R`` from
    :func:`aet_port.core.geometry.euler_rotation`. Atoms off the detector are ignored.

    With a probe of two Gaussians, ``I(r) = I_0 (w G_narrow(r) + (1 - w) G_wide(r))`` with
    normalised Gaussians ``G`` instead: the narrow one is drawn and its spectrum multiplied by
    ``w + (1 - w) exp(-2 pi^2 (sigma_wide^2 - sigma_narrow^2) q^2)``.

    Parameters
    ----------
    model
        Positions in angstrom with the origin on the rotation centre.
    angles
        Shape (n, 3): phi, theta, psi in degrees.
    pixel_size
        Angstrom.
    shape
        Number of pixels (nx, ny) of an image.
    b_factor
        ``B'`` in square angstrom, for all or by symbol. It includes thermal motion and probe size;
        the crystallographic B is four times as large.
    intensities
        ``I_0`` by symbol: contribution of one atom to the sum of an image times the pixel area.
        Unless given, its ADF cross section in square angstrom (``adf_cross_section``), so that a
        pixel holds the fraction of incident electrons that reach the detector.
    probe
        Two Gaussians instead of scattering factor and ``B'``, which is not used then.

    Returns
    -------
    Shape (n, nx, ny), double precision. The sum of an image times the pixel area is the sum of
    ``I_0`` of its atoms.

    Raises
    ------
    InputError
        For a pixel size not above zero, an empty shape, a symbol without value, or a ``B'`` (or
        narrow Gaussian) too small for the pixel size, for which the sampled Gaussian would not keep
        its intensity.

    Notes
    -----
    MATLAB: 5_Position_refinement/src/My_create_volProjs_from_model_exact_HB_fixedfa_fainput.m
    (same Gaussian and filter, there one filter for all types, peak heights instead of ``I_0``,
    and atoms near the edge of the volume are dropped or end in an error)
    """
    model = as_model(model)
    if not (np.isfinite(pixel_size) and pixel_size > 0):
        raise InputError("pixel_size", f"{pixel_size!r}", "a length above zero, in angstrom")
    if len(shape) != 2 or min(shape) < 1:
        raise InputError("shape", f"{shape!r}", "two numbers of pixels above zero")
    rotations = euler_rotations(angles)
    reach = MARGIN if probe is None else max(MARGIN, WIDE * probe.probe_widths[1])
    margin = int(np.ceil(reach / pixel_size))
    canvas = tuple(fft.next_fast_len(int(n) + 2 * margin, real=True) for n in shape)
    origin = np.array([n // 2 + margin for n in shape], dtype=np.float64)
    species = np.array(model.species)
    kinds = sorted(set(model.species))
    spectra = 8.0 * math.prod(canvas) * (3 * len(kinds) + 2)
    check_memory("simulate", 8.0 * len(rotations) * math.prod(shape) + spectra, LARGER_PIXELS)
    widths, filters = [], []
    both = None if probe is None else _two_gaussians(canvas, pixel_size, probe)
    for symbol in kinds:
        if probe is None:
            b = _value(b_factor, symbol, "b_factor")
        else:
            b = 2 * np.pi**2 * probe.probe_widths[0] ** 2
        width = b / (np.pi * pixel_size) ** 2
        # The sum over samples of a Gaussian varies with its position by 2 exp(-pi^2 width).
        if not width > 0.7:
            least = 0.7 * (np.pi * pixel_size) ** 2
            if probe is not None:
                raise InputError(
                    "probe_widths",
                    f"{probe.probe_widths[0]:g} angstrom",
                    f"more than {np.sqrt(least / 2) / np.pi:.2f} angstrom at a pixel size of"
                    f" {pixel_size:g} angstrom",
                )
            raise InputError(
                "b_factor",
                f"{b:g} for {symbol}",
                f"more than {least:.2f} square angstrom at a pixel size of {pixel_size:g} angstrom",
            )
        if intensities is None:
            intensity = adf_cross_section(symbol)
        else:
            intensity = _value(intensities, symbol, "intensities")
        widths.append(width)
        shape_factor = _form_factor(canvas, pixel_size, symbol) if both is None else both
        filters.append(intensity / (np.pi * b / np.pi**2) * shape_factor)
    images = np.empty((len(rotations), *shape))
    layers = np.empty((len(kinds), *canvas))
    for number, rotation in enumerate(rotations):
        places = model.positions @ rotation[:2].T / pixel_size + origin
        layers[:] = 0.0
        for layer, symbol, width in zip(layers, kinds, widths, strict=True):
            chosen = np.ascontiguousarray(places[species == symbol])
            _add_gaussians(layer, chosen, np.ones(len(chosen)), width, _half_width(width))
        spectrum = np.sum(fft.rfft2(layers) * np.stack(filters), axis=0)
        image = fft.irfft2(spectrum, s=canvas)
        images[number] = image[margin : margin + shape[0], margin : margin + shape[1]]
    return images


def add_noise(
    images: ArrayLike,
    pixel_size: float,
    dose: float = TA_FILM_DOSE,
    gaussian_sigma: float = 1.0,
    seed: int | np.random.Generator = 0,
    fraction_per_unit: float = 1.0,
    background: float = SIMULATE.acquisition.background,
) -> NDArray[np.float64]:
    """Add the Poisson-Gaussian noise of an ADF series recorded with a total electron dose.

    Of the ``N = dose / n_images * pixel_size^2`` electrons per pixel, the fraction ``p`` reaches
    the detector, where ``p`` is the noise-free image times ``fraction_per_unit``; the count is
    ``Poisson(N p + background) + Normal(0, gaussian_sigma)`` electrons. The result is that count
    divided by ``N fraction_per_unit``, in the units of the noise-free images and, without a
    background, equal to them on average.

    Parameters
    ----------
    images
        Shape (n_images, nx, ny), noise-free. Values slightly below zero (ringing, to 1 % of the
        largest value) count as zero.
    pixel_size
        Angstrom.
    dose
        Electrons per square angstrom for the whole series; 8.2e5 for the Ta film.
    gaussian_sigma
        Readout noise of the detector in electrons per pixel.
    seed
        Seed or generator of the random numbers.
    fraction_per_unit
        Scattered fraction of the incident electrons at an image value of one; 1 for
        :func:`project_atoms` with its default intensities.
    background
        Flat background in electrons per pixel and image; not subtracted from the result.

    Returns
    -------
    Shape of ``images``, double precision; with a Gaussian part some pixels are negative.

    Raises
    ------
    InputError
        For numbers not above zero, negative images, or a scattered fraction above one.

    Notes
    -----
    MATLAB: none; the reference ships noisy images without the code that made them
    """
    clean = np.asarray(images, dtype=np.float64)
    if clean.ndim != 3 or clean.size == 0:
        raise InputError(
            "images", f"shape {clean.shape}", "shape (n_images, nx, ny), no axis empty"
        )
    for name, value in (
        ("pixel_size", pixel_size),
        ("dose", dose),
        ("fraction_per_unit", fraction_per_unit),
    ):
        if not (np.isfinite(value) and value > 0):
            raise InputError(name, f"{value!r}", "a number above zero")
    if not (np.isfinite(gaussian_sigma) and gaussian_sigma >= 0):
        raise InputError("gaussian_sigma", f"{gaussian_sigma!r}", "electrons, zero or more")
    if not (np.isfinite(background) and background >= 0):
        raise InputError("background", f"{background!r}", "electrons, zero or more")
    if not np.isfinite(clean).all():
        raise InputError("images", "NaN or infinite values", "finite numbers only")
    if clean.min() < -0.01 * abs(clean.max()):
        raise InputError(
            "images", f"values down to {clean.min():.4g}", "noise-free images, not negative"
        )
    fraction = np.maximum(clean, 0) * fraction_per_unit
    if fraction.max() > 1:
        raise InputError(
            "images",
            f"a scattered fraction of {fraction.max():.3g}",
            "at most 1; the sample is too thick for the linear model, or lower fraction_per_unit",
        )
    electrons = dose / len(clean) * pixel_size**2
    rng = np.random.default_rng(seed)
    counts = rng.poisson(electrons * fraction + background).astype(np.float64)
    if gaussian_sigma > 0:
        counts += rng.normal(0.0, gaussian_sigma, size=counts.shape)
    return counts / (electrons * fraction_per_unit)


@checked
def simulate_tilt_series(
    model: AtomicModel | ase.Atoms,
    angles: ArrayLike,
    pixel_size: float,
    shape: tuple[int, int],
    dose: float | None = TA_FILM_DOSE,
    seed: int = 0,
    b_factor: float | Mapping[str, float] = B_FACTOR,
    gaussian_sigma: float = 1.0,
) -> TiltSeries:
    """Tilt series of a model: :func:`project_atoms`, then :func:`add_noise` unless dose is None.

    Parameters and errors as in these two; the images hold the fraction of incident electrons that
    reach the ADF detector, in single precision.

    MATLAB: none
    """
    model = as_model(model)
    images = project_atoms(model, angles, pixel_size, shape, b_factor)
    if dose is not None:
        images = add_noise(images, pixel_size, dose, gaussian_sigma, seed)
    facts = {"dose": dose, "seed": seed, "gaussian_sigma": gaussian_sigma, "b_factor": b_factor}
    return TiltSeries(
        images.astype(np.float32),
        np.asarray(angles, dtype=np.float64),
        pixel_size,
        name=f"simulated series of {model.name}",
        metadata=facts,
    )


def _value(values: float | Mapping[str, float], symbol: str, name: str) -> float:
    if isinstance(values, Mapping) and symbol not in values:
        raise InputError(name, f"nothing for {symbol}", f"a value for {symbol}")
    value = float(values[symbol] if isinstance(values, Mapping) else values)
    if not (np.isfinite(value) and value > 0):
        raise InputError(name, f"{value!r} for {symbol}", "a number above zero")
    return value


def _form_factor(canvas: tuple[int, ...], pixel_size: float, symbol: str) -> NDArray[np.float64]:
    """``f(q)/f(0)`` on the half spectrum of a padded image."""
    q = np.sqrt(_square_frequencies(canvas, pixel_size))
    return scattering_factor(q, symbol) / scattering_factor(0.0, symbol)


def _two_gaussians(
    canvas: tuple[int, ...], pixel_size: float, probe: TwoGaussians
) -> NDArray[np.float64]:
    """Spectrum of both Gaussians over that of the narrow one, on the half spectrum."""
    narrow, wide = probe.probe_widths
    drop = 2 * np.pi**2 * (wide**2 - narrow**2)
    part = probe.probe_fraction
    return part + (1 - part) * np.exp(-drop * _square_frequencies(canvas, pixel_size))


def _square_frequencies(canvas: tuple[int, ...], pixel_size: float) -> NDArray[np.float64]:
    """``q^2`` in 1/angstrom^2 on the half spectrum of a padded image."""
    qx = fft.fftfreq(canvas[0], pixel_size)
    qy = fft.rfftfreq(canvas[1], pixel_size)
    return np.asarray(qx[:, None] ** 2 + qy**2)


def _half_width(width: float) -> int:
    return int(np.ceil(np.sqrt(-width * np.log(GAUSSIAN_FLOOR))))


@njit(cache=True)
def _add_gaussians(image, places, heights, width, half):  # type: ignore[no-untyped-def]
    """Add ``height exp(-(distance to place)^2 / width)`` within ``half`` pixels of every place."""
    nx, ny = image.shape
    across = np.empty(2 * half + 1)
    for k in range(places.shape[0]):
        x, y = places[k, 0], places[k, 1]
        # Far outside; this also keeps the conversion to integers in range.
        if not (-half - 1 < x < nx + half and -half - 1 < y < ny + half):
            continue
        column, row = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
        for b in range(2 * half + 1):
            across[b] = np.exp(-((row - half + b - y) ** 2) / width)
        for a in range(max(0, column - half), min(nx, column + half + 1)):
            factor = heights[k] * np.exp(-((a - x) ** 2) / width)
            for b in range(max(0, row - half), min(ny, row + half + 1)):
                image[a, b] += factor * across[b - row + half]
