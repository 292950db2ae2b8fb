"""Linear images of a model, and the exact gradient of their misfit, one image at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, TypeVar

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from aet_port.core.errors import InputError
from aet_port.core.geometry import euler_rotations
from aet_port.core.parallel import check_threads, chunks, map_threads
from aet_port.core.scattering import scattering_factor
from aet_port.refinement.memory import canvas_of, needed_memory
from aet_port.refinement.parameters import Curvature, Misfit, Parameters

Precision = Literal["single", "double"]
Fitted = frozenset[str]
Result = TypeVar("Result")

SPREAD = 2.0  # square pixels: atoms are drawn as exp(-r^2 / SPREAD)
FLOOR = {"single": 1e-7, "double": 1e-14}  # fraction of the peak where Gaussians are cut off
NOTHING: Fitted = frozenset()


class Forward:
    """Images of atoms, ``c_p F^-1[sum_s H_s f_s(q)/f_s(0) exp(-B'_s q^2) S_s(q)] + o_p``.

    ``S_s(q) = sum_a exp(-2 pi i q u_a)`` over the atoms of a species at their detector positions
    ``u = A (R_p r)[:2] + shift_p``, ``A = [[1, shear_x], [shear_y, 1]]`` of the scan coils, ``f``
    the electron scattering factor, ``q`` in 1/angstrom: without shear the projections of
    :func:`aet_port.validation.project_atoms`. The atoms are drawn as narrow separable Gaussians of
    fixed width at their exact positions; the rest of the shape of an atom is a filter in Fourier
    space, whose derivatives with respect to H and B' need no further image. A shear moves atoms;
    its slight distortion of their shape is neglected. No images are kept: memory is needed for a
    few images per thread and the atoms.

    Parameters
    ----------
    species
        Chemical symbol of each atom.
    angles
        Shape (n_images, 3): phi, theta, psi in degrees.
    pixel_size
        Angstrom.
    shape
        Number of pixels (nx, ny) of an image.
    precision
        Precision of images and transforms, ``"single"`` or ``"double"``; positions and sums over
        images are always in double precision.
    threads
        Number of threads; all cores unless given. Results do not depend on it.

    Raises
    ------
    InputError
        For a species without scattering factor, wrong shapes, or a pixel size not above zero.

    Notes
    -----
    MATLAB: 5_Position_refinement/src/Cal_Bproj_2type.m and gradient_B_2type_difB.m,
    gradient_fixHB_XYZ.m (glass paper); there the residual in the gradient is not filtered, here
    the gradient is exact
    """

    def __init__(
        self,
        species: Sequence[str],
        angles: ArrayLike,
        pixel_size: float,
        shape: tuple[int, int],
        precision: Precision = "single",
        threads: int | None = None,
    ) -> None:
        if not (np.isfinite(pixel_size) and pixel_size > 0):
            raise InputError("pixel_size", f"{pixel_size!r}", "a length above zero, in angstrom")
        if len(shape) != 2 or min(shape) < 1:
            raise InputError("shape", f"{shape!r}", "two numbers of pixels above zero")
        if precision not in FLOOR:
            raise InputError("precision", f"{precision!r}", "'single' or 'double'")
        if len(species) == 0:
            raise InputError("species", "no atoms", "at least one atom")
        kinds, self.kind_of = np.unique(np.array(species), return_inverse=True)
        self.kinds: list[str] = kinds.tolist()
        self.rotations = euler_rotations(angles).astype(np.float64)
        self.pixel_size, self.shape = float(pixel_size), (int(shape[0]), int(shape[1]))
        self.threads = check_threads(threads)
        self._float = np.dtype(np.float32 if precision == "single" else np.float64)
        self._half = int(np.ceil(np.sqrt(-SPREAD * np.log(FLOOR[precision])) + 0.5))
        self._canvas, margin = canvas_of(self.shape, pixel_size)
        self._window = tuple(slice(margin, margin + n) for n in self.shape)
        self._qx = fft.fftfreq(self._canvas[0], pixel_size)[:, None]
        self._qy = fft.rfftfreq(self._canvas[1], pixel_size)[None, :]
        square = self._qx**2 + self._qy**2
        # The half spectrum represents both halves, except its first column and, for an even
        # number, its last, which are their own mirror images.
        twice = np.full(self._qy.shape, 2.0)
        twice[0, 0] = 1.0
        if self._canvas[1] % 2 == 0:
            twice[0, -1] = 1.0
        self._square = square
        self._weights = (twice / np.prod(self._canvas)).astype(self._float)
        root = np.sqrt(square)
        self._forms = np.stack(
            [scattering_factor(root, kind) / scattering_factor(0.0, kind) for kind in self.kinds]
        )

    def __len__(self) -> int:
        return len(self.rotations)

    @property
    def needed_memory(self) -> float:
        """Bytes of a fit with these images, see :mod:`aet_port.refinement.memory`."""
        kinds, atoms = len(self.kinds), len(self.kind_of)
        return needed_memory(self._canvas, kinds, atoms, self.threads, self._float.itemsize)

    @property
    def species(self) -> list[str]:
        """Chemical symbol of each atom."""
        return [self.kinds[kind] for kind in self.kind_of]

    def axes(self, parameters: Parameters) -> NDArray[np.float64]:
        """Matrices from positions to the detector, ``A R_p[:2]``, shape (n_images, 2, 3)."""
        matrix = np.eye(2)
        matrix[0, 1], matrix[1, 0] = parameters.shears
        return matrix @ self.rotations[:, :2]

    def detector(self, parameters: Parameters, number: int) -> NDArray[np.float64]:
        """Positions of the atoms on one image, 0-based pixels, shape (n_atoms, 2)."""
        axes = self.axes(parameters)[number]
        places = parameters.positions @ axes.T + parameters.shifts[number]
        return places / self.pixel_size + [n // 2 for n in self.shape]

    def seen(self, parameters: Parameters) -> NDArray[np.int64]:
        """Number of images on which each atom lies."""
        count = np.zeros(len(self.kind_of), np.int64)
        for number in range(len(self)):
            count += self._on_detector(self.detector(parameters, number))
        return count

    def project(self, parameters: Parameters) -> NDArray:
        """Calculated images, shape (n_images, nx, ny)."""
        filters = self._filters(parameters)
        images = np.empty((len(self), *self.shape), self._float)

        def one(number: int) -> None:
            picture = self._picture(filters, self._spectra(parameters, number)[0])
            images[number] = parameters.scales[number] * picture + parameters.offsets[number]

        for _ in self._in_order(one):
            pass
        return images

    def parts(self, parameters: Parameters, number: int) -> NDArray:
        """Image of each species with atoms of height one, shape (n_species, nx, ny)."""
        unit = replace(parameters, heights=np.ones(len(self.kinds)))
        spectra, _ = self._spectra(parameters, number)
        return fft.irfft2(self._filters(unit) * spectra, s=self._canvas)[:, *self._window]

    def misfit(self, parameters: Parameters, images: NDArray, fitted: Fitted = NOTHING) -> Misfit:
        """Squared residual and its gradient.

        Parameters
        ----------
        parameters
            Parameters at which it is evaluated.
        images
            Measured images, shape (n_images, nx, ny).
        fitted
            Any of ``"scales"`` and ``"offsets"``: these are not taken from ``parameters`` but set
            to their least-squares values for each image. The gradient with respect to all other
            parameters is still exact, because theirs vanishes there.
        """
        filters = self._filters(parameters)
        # With respect to ln H and B', in Fourier space: the filter, and the filter times -q^2.
        bent = -(self._square * filters).astype(self._float)

        def one(number: int) -> tuple[float, float, NDArray, NDArray, NDArray]:
            spectra, places = self._spectra(parameters, number)
            picture = self._picture(filters, spectra).astype(np.float64)
            image = images[number].astype(np.float64)
            scale, offset = _scale_and_offset(
                picture, image, parameters.scales[number], parameters.offsets[number], fitted
            )
            residual = scale * picture + offset - image
            canvas = np.zeros(self._canvas, self._float)
            canvas[self._window] = residual
            back = fft.rfft2(canvas)
            overlap = (np.conj(back) * spectra).real * self._weights
            species = scale * np.stack(
                [
                    np.sum(overlap * filters, axis=(1, 2), dtype=np.float64),
                    np.sum(overlap * bent, axis=(1, 2), dtype=np.float64),
                ]
            )
            pull = fft.irfft2(filters * back, s=self._canvas)
            slopes = np.empty((len(places), 2))
            _gather(pull, places, self.kind_of, SPREAD, self._half, slopes)
            slopes *= scale / self.pixel_size
            facts = np.array([np.sum(residual * picture), np.sum(residual), scale, offset])
            r1 = np.abs(residual).sum() / np.abs(image).sum()
            return 0.5 * float(np.sum(residual**2)), float(r1), slopes, species, facts

        values, r1 = np.empty(len(self)), np.empty(len(self))
        atoms, species = np.zeros((len(self.kind_of), 3)), np.zeros((2, len(self.kinds)))
        shifts, facts = np.empty((len(self), 2)), np.empty((len(self), 4))
        shears, axes = np.zeros(2), self.axes(parameters)
        for number, result in enumerate(self._in_order(one)):
            values[number], r1[number], slopes, by_species, facts[number] = result
            atoms += slopes @ axes[number]
            # shear_x moves atoms along x in proportion to y, shear_y along y in proportion to x.
            shears += np.sum(slopes * self._unsheared(parameters, number)[:, ::-1], axis=0)
            shifts[number] = slopes.sum(axis=0)
            species += by_species
        slope = Parameters(
            atoms,
            species[0] / parameters.heights,
            species[1],
            shifts,
            facts[:, 0],
            facts[:, 1],
            shears,
        )
        here = replace(parameters, scales=facts[:, 2], offsets=facts[:, 3])
        return Misfit(values, slope, here, r1)

    def curvature(self, parameters: Parameters) -> Curvature:
        """Blocks of the Gauss-Newton matrix; half the work of :meth:`misfit`."""
        filters = self._filters(parameters)
        bent = -(self._square * filters).astype(self._float)
        heights = parameters.heights[:, None, None].astype(self._float)
        count = len(self.kinds)
        directions = 2 * np.pi * np.stack(np.broadcast_arrays(self._qx, self._qy))

        def one(number: int) -> tuple[NDArray, NDArray, NDArray]:
            spectra, _ = self._spectra(parameters, number)
            columns = np.concatenate([filters / heights * spectra, bent * spectra])
            gram = np.empty((2 * count, 2 * count))
            for i in range(2 * count):
                for j in range(i + 1):
                    product = (np.conj(columns[i]) * columns[j]).real * self._weights
                    gram[i, j] = gram[j, i] = np.sum(product, dtype=np.float64)
            power = np.abs(np.sum(filters * spectra, axis=0)) ** 2 * self._weights
            shift = np.einsum("aij,bij,ij->ab", directions, directions, power)
            visible = self._on_detector(self.detector(parameters, number))
            return gram, shift, visible

        alone = np.empty(len(self.kinds))  # squared slope of one atom's image along a direction
        blur = self._square * (2 * np.pi) ** 2 / 2 * self._weights
        for kind, form in enumerate(filters.astype(np.float64) * self._laid_down()):
            alone[kind] = np.sum(form**2 * blur)
        species, shifts = np.zeros((2 * count, 2 * count)), np.empty((len(self), 2, 2))
        atoms, coupling = np.zeros((len(self.kind_of), 3, 3)), np.zeros((len(self.kind_of), 3, 2))
        shears, axes = np.zeros(2), self.axes(parameters)
        for number, (gram, shift, visible) in enumerate(self._in_order(one)):
            square = parameters.scales[number] ** 2
            rows = axes[number]
            atoms[visible] += square * rows.T @ rows
            arms = visible[:, None] * self._unsheared(parameters, number)[:, ::-1]
            coupling += square * rows.T * arms[:, None]
            shears += square * alone[self.kind_of] @ arms**2
            species += square * gram
            shifts[number] = square * shift
        each = alone[self.kind_of, None, None]
        return Curvature(atoms * each, species, shifts, np.diag(shears), coupling * each)

    def _in_order(self, one: Callable[[int], Result]) -> Iterator[Result]:
        """Results image by image, with as many in memory as there are threads."""
        for first, last in chunks(len(self), self.threads):
            yield from map_threads(one, range(first, last), self.threads)

    def _unsheared(self, parameters: Parameters, number: int) -> NDArray[np.float64]:
        """Positions of atoms relative to the image centre, without shear and shift, angstrom."""
        return parameters.positions @ self.rotations[number, :2].T

    def _on_detector(self, places: NDArray) -> NDArray[np.bool_]:
        inside = (places > -0.5) & (places < np.array(self.shape) - 0.5)
        return inside[:, 0] & inside[:, 1]

    def _laid_down(self) -> NDArray[np.float64]:
        """Spectrum of one atom as drawn, on the half spectrum."""
        width = SPREAD * (np.pi * self.pixel_size) ** 2
        return np.pi * SPREAD * np.exp(-width * self._square)

    def _filters(self, parameters: Parameters) -> NDArray:
        """Filters that turn drawn atoms into an image, by species, on the half spectrum."""
        width = SPREAD * (np.pi * self.pixel_size) ** 2
        rest = np.exp(-(parameters.b_factors[:, None, None] - width) * self._square)
        peak = parameters.heights / (self.pixel_size**2 * np.pi * SPREAD)
        with np.errstate(over="ignore"):  # named below
            filters = (peak[:, None, None] * self._forms * rest).astype(self._float)
        wrong = np.flatnonzero(~np.isfinite(filters).all(axis=(1, 2)))
        if wrong.size:
            kind = wrong[0]
            raise InputError(
                f"H and B' of {self.kinds[kind]}",
                f"{parameters.heights[kind]:g} and {parameters.b_factors[kind]:g}",
                "values with which the misfit is a finite number",
            )
        return filters

    def _spectra(self, parameters: Parameters, number: int) -> tuple[NDArray, NDArray]:
        """Spectra of the drawn atoms, by species, and their positions on the padded image."""
        places = self.detector(parameters, number) + [s.start for s in self._window]
        layers = np.zeros((len(self.kinds), *self._canvas), self._float)
        _lay_down(layers, places, self.kind_of, SPREAD, self._half)
        return fft.rfft2(layers), places

    def _picture(self, filters: NDArray, spectra: NDArray) -> NDArray:
        return fft.irfft2(np.sum(filters * spectra, axis=0), s=self._canvas)[self._window]


def _scale_and_offset(
    picture: NDArray, image: NDArray, scale: float, offset: float, fitted: Fitted
) -> tuple[float, float]:
    """Scale and offset as given, or by least squares of ``scale * picture + offset = image``."""
    if "scales" in fitted:
        if "offsets" in fitted:
            centred = picture - picture.mean()
            slope, power = np.sum(centred * image), np.sum(centred**2)
        else:
            slope, power = np.sum(picture * (image - offset)), np.sum(picture**2)
        scale = float(slope / power) if power > 0 else scale
    if "offsets" in fitted:
        offset = float(np.mean(image - scale * picture))
    return scale, offset


@njit(cache=True, nogil=True)
def _profile(line, table, offset, width, half):  # type: ignore[no-untyped-def]
    """Fill ``line`` with ``exp(-(j - offset)^2 / width)``, j from -half to half."""
    middle, up = np.exp(-(offset**2) / width), np.exp(2 * offset / width)
    line[half] = middle
    right = left = middle
    for j in range(1, half + 1):
        right *= up
        left /= up
        line[half + j], line[half - j] = right * table[j], left * table[j]


@njit(cache=True, nogil=True)
def _lay_down(layers, places, kinds, width, half):  # type: ignore[no-untyped-def]
    """Add ``exp(-(distance to place)^2 / width)`` of every atom to the layer of its species."""
    nx, ny = layers.shape[1], layers.shape[2]
    table = np.exp(-(np.arange(half + 1) ** 2) / width)
    along, across = np.empty(2 * half + 1, layers.dtype), np.empty(2 * half + 1, layers.dtype)
    for k in range(places.shape[0]):
        x, y = places[k, 0], places[k, 1]
        # Far outside; this also keeps the conversion to integers in range.
        if not (-half - 1 < x < nx + half and -half - 1 < y < ny + half):
            continue
        column, row = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
        _profile(along, table, x - column, width, half)
        _profile(across, table, y - row, width, half)
        low, high = max(0, row - half), min(ny, row + half + 1)
        piece = across[low - row + half : high - row + half]
        for a in range(max(0, column - half), min(nx, column + half + 1)):
            factor = along[a - column + half]
            line = layers[kinds[k], a, low:high]
            for b in range(line.size):
                line[b] += factor * piece[b]


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _gather(layers, places, kinds, width, half, slopes):  # type: ignore[no-untyped-def]
    """Derivative of ``sum layer * exp(-(distance to place)^2 / width)`` for every place."""
    nx, ny = layers.shape[1], layers.shape[2]
    table = np.exp(-(np.arange(half + 1) ** 2) / width)
    along, across = np.empty(2 * half + 1, layers.dtype), np.empty(2 * half + 1, layers.dtype)
    steep = np.empty(2 * half + 1, layers.dtype)
    for k in range(places.shape[0]):
        slopes[k, 0] = slopes[k, 1] = 0.0
        x, y = places[k, 0], places[k, 1]
        if not (-half - 1 < x < nx + half and -half - 1 < y < ny + half):
            continue
        column, row = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
        _profile(along, table, x - column, width, half)
        _profile(across, table, y - row, width, half)
        for b in range(2 * half + 1):
            steep[b] = across[b] * (row - half + b - y)
        low, high = max(0, row - half), min(ny, row + half + 1)
        piece, bent = across[low - row + half : high - row + half], steep[low - row + half :]
        sum_x = sum_y = 0.0
        for a in range(max(0, column - half), min(nx, column + half + 1)):
            line = layers[kinds[k], a, low:high]
            straight = bowed = layers.dtype.type(0)
            for b in range(line.size):
                straight += line[b] * piece[b]
                bowed += line[b] * bent[b]
            factor = along[a - column + half]
            sum_x += factor * (a - x) * straight
            sum_y += factor * bowed
        slopes[k, 0], slopes[k, 1] = 2 / width * sum_x, 2 / width * sum_y
