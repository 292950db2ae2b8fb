"""Images of a tilt series as a function of atoms, as calculated in the published refinement.

An atom with ``H`` and ``B'`` is a Gaussian ``H exp(-b (r - r_0)^2)`` with
``b = (pi pixel_size)^2 / B'``, ``r`` in pixels, sampled in a cube of ``2 half_width + 1`` pixels
around the nearest pixel in detector coordinates and summed along the beam. The images are
multiplied by a mean scattering factor in Fourier space. Nothing is stored per atom and image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.core.geometry import centred_range, euler_rotations
from aet_port.core.parallel import check_threads, chunks, map_threads
from aet_port.core.scattering import scattering_factor
from aet_port.refinement.gaussian_windows import add_atoms, add_slopes, read_atoms

HALF_WIDTH = 4  # pixels; the window of the published refinements
CHUNK = 8  # images whose gradients one thread adds; fixed, so that results are reproducible
Floats = NDArray[np.float64]


@checked
def form_factor(
    shape: tuple[int, ...], pixel_size: float, elements: Sequence[str | int]
) -> NDArray[np.float64]:
    """Mean electron scattering factor of some elements on a centred grid of frequencies.

    Parameters
    ----------
    shape
        Number of pixels along two or three axes; zero frequency is at index ``n // 2``.
    pixel_size
        Angstrom.
    elements
        Chemical symbols or atomic numbers, each with the same weight.

    Returns
    -------
    Array of ``shape``, angstrom.

    Raises
    ------
    InputError
        For a pixel size not above zero, or missing or unknown elements.

    Notes
    -----
    MATLAB: 5_Position_refinement/src/make_fixedfa_man.m (there a row), make_fixedfa_man3d.m
    """
    if not (np.isfinite(pixel_size) and pixel_size > 0):
        raise InputError("pixel_size", f"{pixel_size!r}", "a length above zero, in angstrom")
    if len(elements) == 0:
        raise InputError("elements", "none", "at least one chemical symbol or atomic number")
    axes = np.meshgrid(
        *(centred_range(n) / (n * pixel_size) for n in shape), indexing="ij", sparse=True
    )
    q = np.sqrt(sum(axis**2 for axis in axes))
    return np.mean([scattering_factor(q, element) for element in elements], axis=0)


class AtomGradients(NamedTuple):
    """Inner products of residual images with the derivatives of each atom's Gaussian.

    ``heights`` (n,) with respect to ``H``; ``decays`` (n,) to ``b`` in 1/pixel^2; ``positions``
    (n, 3) to the position in the object in pixels.
    """

    heights: Floats
    decays: Floats
    positions: Floats


@dataclass(frozen=True)
class Projector:
    """Images of a tilt series as a function of atoms; made by :func:`make_projector`.

    Heights and ``B'`` (square angstrom; infinite is allowed) are one number for all atoms or one
    for each; positions are (n_atoms, 3) in angstrom with the origin on the rotation centre.
    """

    rotations: Floats
    pixel_size: float
    shape: tuple[int, int]
    spectrum: Floats | None
    largest_factor: float
    half_width: int
    threads: int

    def __len__(self) -> int:
        return len(self.rotations)

    def decays(self, b_factors: ArrayLike) -> Floats:
        """``b = (pi pixel_size)^2 / B'`` in 1/pixel^2; the same formula converts back."""
        with np.errstate(divide="ignore"):
            return (np.pi * self.pixel_size) ** 2 / np.asarray(b_factors, dtype=np.float64)

    def check_images(self, images: NDArray) -> None:
        """Raise an InputError unless the images are finite and match these in number and size."""
        expected = (len(self), *self.shape)
        if np.shape(images) != expected:
            raise InputError("images", f"shape {np.shape(images)}", f"shape {expected}")
        if not np.isfinite(images).all() or not np.any(images):
            raise InputError("images", "NaN or nothing but zeros", "finite images with a signal")

    def check_inside(self, positions: ArrayLike) -> None:
        """Raise an InputError that names atoms whose window extends beyond an image."""
        pixels, _, _ = self._atoms(positions, 1.0, 1.0)
        for number in range(len(self)):
            self._places(pixels, number)

    def images(self, positions: ArrayLike, heights: ArrayLike, b_factors: ArrayLike) -> Floats:
        """Projections of atoms.

        Returns
        -------
        Shape (n_projections, nx, ny).

        Raises
        ------
        InputError
            If an atom's window extends beyond an image (the error names the atoms), or for an
            unusable height or ``B'``.

        Notes
        -----
        MATLAB: 5_Position_refinement/src/{Cal_HBproj,calcLinearPjs,calcLinearPjs_fit}.m,
        My_create_volProjs_from_model_exact_HB_fixedfa_fainput.m. These round rotated coordinates
        and Gaussians to single precision, except the last two, which drop atoms outside the volume.
        """
        pixels, height, decay = self._atoms(positions, heights, b_factors)
        images = np.zeros((len(self), *self.shape))

        def draw(number: int) -> None:
            places = self._places(pixels, number)
            add_atoms(images[number], places, height, decay, self.half_width)
            images[number] = self.filtered(images[number])

        map_threads(draw, range(len(self)), self.threads)
        return images

    def gradients(
        self,
        residual: NDArray,
        positions: ArrayLike,
        heights: ArrayLike,
        b_factors: ArrayLike,
    ) -> AtomGradients:
        """Inner products of ``residual`` (n_projections, nx, ny) with derivatives of the atoms.

        The derivatives are those of the Gaussians before the filter. They would be the gradient of
        half the squared residual if the residual were filtered with the form factor again, which
        the published refinement does not do.

        Raises
        ------
        InputError
            As in :meth:`images`.
        """
        pixels, height, decay = self._atoms(positions, heights, b_factors)

        def collect(part: tuple[int, int]) -> Floats:
            sums = np.zeros((len(pixels), 5))
            for number in range(*part):
                places, rotation = self._places(pixels, number), self.rotations[number]
                read_atoms(residual[number], places, decay, rotation, self.half_width, sums)
            return sums

        # Added in the order of the images, whichever thread finishes first.
        total = np.zeros((len(pixels), 5))
        for sums in map_threads(collect, chunks(len(self), CHUNK), self.threads):
            total += sums
        by_place = (2 * decay * height)[:, None] * total[:, 2:]
        return AtomGradients(total[:, 0], -height * total[:, 1], by_place)

    def layers(self, positions: Floats, decay: float, number: int) -> Floats:
        """Filtered image ``number`` of atoms of height 1 and its derivative by ``b``, (2, ...)."""
        result = np.zeros((2, *self.shape))
        places = self._places(positions / self.pixel_size, number)
        add_slopes(result[0], result[1], places, decay, self.half_width)
        return self.filtered(result)

    def filtered(self, images: NDArray) -> NDArray:
        """Images (..., nx, ny) multiplied by the form factor in Fourier space; the real part."""
        if self.spectrum is None:
            return images
        return fft.irfft2(fft.rfft2(images) * self.spectrum, s=self.shape, overwrite_x=True)

    def _places(self, pixels: Floats, number: int) -> Floats:
        """Detector coordinates from the centre in pixels; windows must lie inside the image."""
        places = pixels @ self.rotations[number].T
        nearest = _round(places[:, :2])
        size = np.array(self.shape)
        low = self.half_width - size // 2
        high = size - 1 - self.half_width - size // 2
        outside = np.flatnonzero(((nearest < low) | (nearest > high)).any(axis=1))
        if outside.size:
            first = outside[0]
            x, y = places[first, :2] + size // 2
            raise InputError(
                "positions",
                f"{outside.size} of {len(pixels)} atoms (0-based {few(outside)}) at the edge of "
                f"image {number} or outside, atom {first} at pixel ({x:.1f}, {y:.1f}) of "
                f"{size[0]} x {size[1]}",
                f"atoms {self.half_width} pixels inside every image; pad the images or leave "
                "these atoms out",
            )
        return places

    def _atoms(
        self, positions: ArrayLike, heights: ArrayLike, b_factors: ArrayLike
    ) -> tuple[Floats, Floats, Floats]:
        table = np.asarray(positions, dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != 3 or len(table) == 0:
            raise InputError("positions", f"shape {table.shape}", "shape (n_atoms, 3) in angstrom")
        bad = np.flatnonzero(~np.isfinite(table).all(axis=1))
        if bad.size:
            raise InputError("positions", f"NaN for atoms {few(bad)}", "finite numbers")
        height = per_atom("heights", heights, len(table))
        decay = self.decays(per_atom("b_factors", b_factors, len(table)))
        for name, good in (
            ("heights", np.isfinite(height)),
            ("b_factors", np.isfinite(decay) & (decay >= 0)),
        ):
            if not good.all():
                found = f"not usable for atoms {few(np.flatnonzero(~good))}"
                raise InputError(name, found, "numbers above zero")
        return table / self.pixel_size, height, decay


@checked
def make_projector(
    angles: ArrayLike,
    pixel_size: float,
    shape: tuple[int, int],
    elements: Sequence[str | int] | NDArray | None,
    half_width: int = HALF_WIDTH,
    threads: int | None = None,
) -> Projector:
    """Make the projector of a series.

    Parameters
    ----------
    angles
        Shape (n, 3): phi, theta, psi in degrees.
    pixel_size
        Angstrom.
    shape
        Number of pixels (nx, ny) of an image.
    elements
        Symbols or atomic numbers for :func:`form_factor`, or such a factor itself, centred, of
        ``shape``; None for no filter.
    half_width
        Half width, in pixels, of the window in which an atom's Gaussian is evaluated.
    threads
        Number of threads; all cores unless given. Results do not depend on it.

    Raises
    ------
    InputError
        For arguments of other shapes, or images smaller than an atom's window.
    """
    if half_width < 1 or len(shape) != 2 or min(shape) < 2 * half_width + 1:
        raise InputError(
            "shape",
            f"{shape!r} with a half width of {half_width!r} pixels",
            "two numbers of pixels of at least 2 half_width + 1, and a half width of 1 or more",
        )
    if not (np.isfinite(pixel_size) and pixel_size > 0):
        raise InputError("pixel_size", f"{pixel_size!r}", "a length above zero, in angstrom")
    rotations = euler_rotations(angles).astype(np.float64)
    factor, largest = None, 1.0
    if elements is not None:
        given = isinstance(elements, np.ndarray) and elements.ndim == 2
        full = np.asarray(elements) if given else form_factor(shape, pixel_size, list(elements))
        if full.shape != tuple(shape):
            raise InputError("elements", f"a factor of shape {full.shape}", f"shape {shape}")
        largest = float(np.abs(full).max())
        factor = np.ascontiguousarray(fft.ifftshift(full)[:, : shape[1] // 2 + 1], np.float64)
    size = (int(shape[0]), int(shape[1]))
    return Projector(
        rotations, float(pixel_size), size, factor, largest, half_width, check_threads(threads)
    )


def per_atom(name: str, values: ArrayLike, n: int) -> Floats:
    """Values for each of ``n`` atoms from one number or one for each; otherwise an InputError."""
    table = np.asarray(values, dtype=np.float64)
    if table.shape not in ((), (n,)):
        raise InputError(name, f"shape {table.shape}", f"one number, or one for each of {n} atoms")
    return np.ascontiguousarray(np.broadcast_to(table, (n,)))


def few(atoms: NDArray[np.integer]) -> str:
    """The first few atom indices, as text."""
    return ", ".join(str(k) for k in atoms[:5]) + (", ..." if len(atoms) > 5 else "")


def _round(places: Floats) -> Floats:
    """Round to the nearest integer, halves away from zero as in MATLAB."""
    return np.trunc(places + np.copysign(0.5, places))
