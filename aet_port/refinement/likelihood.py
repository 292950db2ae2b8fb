"""Likelihood of noisy images given atoms that each have their own height, with its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from aet_port.core.geometry import euler_rotations
from aet_port.core.parallel import check_threads, map_threads
from aet_port.refinement.gaussians import add_gaussians, read_gaussians
from aet_port.refinement.pixel_likelihood import pixel_cost, pixel_weights

MARGIN = 6.0  # angstrom around the detector, wider than the tail of any element
GROUND_STEPS = 3  # of the background, each gaining about two digits


@dataclass(frozen=True)
class Atoms:
    """Atoms with their own heights, as the images show them.

    Attributes
    ----------
    positions
        Shape (n, 3), angstrom, origin on the rotation centre.
    heights
        Shape (n,): electrons that one image receives from the atom.
    kinds
        Shape (n,): index of the profile of each atom.
    """

    positions: NDArray[np.float64]
    heights: NDArray[np.float64]
    kinds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.heights)

    def __getitem__(self, chosen: NDArray) -> Atoms:
        return Atoms(self.positions[chosen], self.heights[chosen], self.kinds[chosen])

    def with_kinds(self, kinds: NDArray[np.int64]) -> Atoms:
        """The same atoms with other profiles."""
        return replace(self, kinds=np.ascontiguousarray(kinds, dtype=np.int64))


@dataclass(frozen=True)
class Views:
    """How each image sees the atoms.

    Attributes
    ----------
    angles
        Shape (n_images, 3): phi, theta, psi in degrees.
    shifts
        Shape (n_images, 2): displacement of the atoms on the image, angstrom.
    background
        Shape (n_images, n_terms): coefficients of the background terms, electrons per pixel.
    shears
        Shape (2,): scan-coil shears of all images; a point at ``(x, y)`` from the centre appears at
        ``(x + shear_x y, y + shear_y x)``.
    """

    angles: NDArray[np.float64]
    shifts: NDArray[np.float64]
    background: NDArray[np.float64]
    shears: NDArray[np.float64]

    def rows(self) -> NDArray[np.float64]:
        """Matrices from positions to the detector, shape (n_images, 2, 3)."""
        return np.einsum("ij,njk->nik", self.shear_matrix(), euler_rotations(self.angles)[:, :2])

    def shear_matrix(self) -> NDArray[np.float64]:
        """Matrix of the shears, shape (2, 2)."""
        return np.array([[1.0, self.shears[0]], [self.shears[1], 1.0]])


@dataclass(frozen=True)
class Slopes:
    """Cost and its derivatives.

    Attributes
    ----------
    cost
        Shape (n_images,): minus the logarithm of the likelihood, zero for a perfect fit.
    positions, heights
        Derivatives by the positions (n, 3) and heights (n,) of the atoms.
    rotations
        Shape (n_images, 2, 3): derivative by the first two rows of each rotation, before the shear.
    shifts, background
        Derivatives by shifts (n_images, 2) and background (n_images, n_terms).
    shears
        Derivatives by the two shears.
    """

    cost: NDArray[np.float64]
    positions: NDArray[np.float64]
    heights: NDArray[np.float64]
    rotations: NDArray[np.float64]
    shifts: NDArray[np.float64]
    background: NDArray[np.float64]
    shears: NDArray[np.float64]


class Likelihood:
    """Minus the log-likelihood of images under Poisson and read noise, or constant noise.

    With ``M`` the expected and ``I`` the measured electrons of a pixel and ``r`` the variance of
    the read noise, ``sum (M + r) - (I + r) - (I + r) ln[(M + r) / (I + r)]``: a Poisson law shifted
    by the read variance, which has the right mean and variance and allows negative pixels
    (D. L. Snyder et al., J. Opt. Soc. Am. A 12, 272 (1995)). For constant noise,
    ``1/2 sum (M - I)^2 / r``.

    Parameters
    ----------
    images
        Shape (n_images, nx, ny), electrons per pixel.
    pixel_size
        Angstrom.
    read_variance
        Variance of the read noise, square electrons.
    counting
        Whether the noise includes that of counting electrons.
    terms
        Shape (n_terms, nx, ny): background terms.
    threads
        Number of threads; results do not depend on it.

    Attributes
    ----------
    dispersion
        Variance of the residuals relative to that of the noise, by which the cost is divided
        (quasi-likelihood; R. W. M. Wedderburn, Biometrika 61, 439 (1974)): 1 where the model
        describes the images to within their noise.

    Notes
    -----
    MATLAB: none; the reference refines by least squares
    """

    def __init__(
        self,
        images: NDArray,
        pixel_size: float,
        read_variance: float,
        counting: bool,
        terms: NDArray,
        threads: int | None = None,
    ) -> None:
        self.images = np.ascontiguousarray(images, dtype=np.float32)
        self.pixel_size, self.read_variance, self.counting = pixel_size, read_variance, counting
        self.terms = np.ascontiguousarray(terms, dtype=np.float32)
        self.shape: tuple[int, int] = images.shape[1:]
        self.threads = check_threads(threads)
        self._margin = int(np.ceil(MARGIN / pixel_size))
        self.canvas = tuple(fft.next_fast_len(n + 2 * self._margin, real=True) for n in self.shape)
        self.window = tuple(slice(self._margin, self._margin + n) for n in self.shape)
        qx = fft.fftfreq(self.canvas[0], pixel_size)[:, None]
        qy = fft.rfftfreq(self.canvas[1], pixel_size)[None, :]
        self.q = np.hypot(qx, qy)
        self._drawn = np.exp(2 * np.pi**2 * (self.q * pixel_size) ** 2)
        self.filters = np.ones((1, *self.q.shape), np.float32)
        self.dispersion = 1.0

    def __len__(self) -> int:
        return len(self.images)

    def use_profiles(self, profiles: Sequence[NDArray]) -> None:
        """Set the transfer function of each kind of atom, sampled at ``q``, one at zero."""
        self.filters = np.stack([(p * self._drawn).astype(np.float32) for p in profiles])

    def places(self, atoms: Atoms, views: Views, number: int) -> NDArray[np.float64]:
        """Positions of the atoms on one image, pixels from its first one."""
        rotation = replace(views, angles=views.angles[number : number + 1]).rows()[0]
        return self._places(atoms, rotation, views.shifts[number])

    def _places(self, atoms: Atoms, rotation: NDArray, shift: NDArray) -> NDArray[np.float64]:
        seen = np.empty((len(atoms), 2))
        for row in range(2):  # no BLAS, whose threads would compete with ours
            seen[:, row] = sum(rotation[row, axis] * atoms.positions[:, axis] for axis in range(3))
        seen += shift
        return seen / self.pixel_size + [n // 2 for n in self.shape]

    def seen(self, atoms: Atoms, views: Views) -> NDArray[np.int64]:
        """Number of images on which each atom lies, shape (n_atoms,)."""
        count = np.zeros(len(atoms), np.int64)
        for number in range(len(self)):
            count += self.on_image(self.places(atoms, views, number))
        return count

    def on_image(self, places: NDArray) -> NDArray[np.bool_]:
        """Which of some places (n, 2), in pixels from the first one, lie on an image."""
        return np.all((places > -0.5) & (places < np.array(self.shape) - 0.5), axis=1)

    def layers(self, atoms: Atoms, views: Views, number: int) -> NDArray:
        """Spectra of the drawn atoms of one image, by kind, on the half spectrum."""
        return self._layers(atoms, self.places(atoms, views, number) + self._margin)

    def _layers(self, atoms: Atoms, places: NDArray) -> NDArray:
        drawn = np.zeros((len(self.filters), *self.canvas), np.float32)
        add_gaussians(drawn, places, atoms.heights, atoms.kinds)
        return fft.rfft2(drawn)

    def expected(self, atoms: Atoms, views: Views) -> NDArray[np.float32]:
        """Expected images, electrons per pixel."""
        images = np.empty((len(self), *self.shape), np.float32)

        def one(number: int) -> None:
            images[number] = self.expected_image(atoms, views, number)

        map_threads(one, range(len(self)), self.threads)
        return images

    def expected_image(self, atoms: Atoms, views: Views, number: int) -> NDArray:
        """Expected pixels of one image, electrons."""
        return self._expected(self.layers(atoms, views, number), views, number)

    def _expected(self, layers: NDArray, views: Views, number: int) -> NDArray:
        return self._drawn_image(layers) + self.ground(views, number)

    def _drawn_image(self, layers: NDArray) -> NDArray:
        spectrum = np.sum(layers * self.filters, axis=0)
        return np.ascontiguousarray(fft.irfft2(spectrum, s=self.canvas)[self.window])

    def ground(self, views: Views, number: int) -> NDArray[np.float32]:
        """Background of one image, shape (nx, ny), electrons per pixel."""
        return self._sum_of_terms(views.background[number])

    def best_background(self, atoms: Atoms, views: Views) -> NDArray[np.float64]:
        """Background of each image that describes it best, shape (n_images, n_terms)."""

        def one(number: int) -> NDArray:
            image = self._drawn_image(self.layers(atoms, views, number))
            return self.with_best_ground(image, views.background[number], number)[1]

        return np.array(map_threads(one, range(len(self)), self.threads))

    def with_best_ground(
        self, image: NDArray, start: NDArray, number: int
    ) -> tuple[NDArray, NDArray[np.float64]]:
        """Expected image with the background that describes the measured one best.

        Weighted least squares, the weights ``1 / (M + r)`` from the expected pixels of the step
        before: at its fixed point the likelihood has its maximum.

        Parameters
        ----------
        image
            Expected pixels (nx, ny) without background, electrons.
        start
            Shape (n_terms,): coefficients of the background from which the weights start.
        number
            Number of the image.

        Returns
        -------
        Expected pixels with background, and its coefficients.
        """
        terms = self.terms.reshape(len(self.terms), -1)
        lack = (self.images[number] - image).reshape(-1)
        coefficients = np.asarray(start, dtype=np.float64)
        for _ in range(GROUND_STEPS):
            whole = image + self._sum_of_terms(coefficients)
            weighted = terms * self.weights(whole).reshape(-1)
            # No BLAS, whose threads would compete with ours.
            products = np.einsum("ip,jp->ij", weighted, terms, dtype=np.float64, optimize=False)
            right = np.einsum("ip,p->i", weighted, lack, dtype=np.float64, optimize=False)
            coefficients = np.linalg.solve(products, right)
        return image + self._sum_of_terms(coefficients), coefficients

    def _sum_of_terms(self, coefficients: NDArray) -> NDArray[np.float32]:
        total = np.zeros(self.shape, np.float32)
        for weight, term in zip(coefficients, self.terms, strict=True):
            total += np.float32(weight) * term
        return total

    def slopes_of_image(
        self, atoms: Atoms, views: Views, rotation: NDArray, number: int, best_ground: bool = False
    ) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Cost of one image and its derivatives.

        Parameters
        ----------
        atoms, views, best_ground
            As of :meth:`slopes`.
        rotation
            Shape (2, 3): the row of :meth:`Views.rows` that belongs to it.
        number
            Number of the image.

        Returns
        -------
        Cost; derivatives by the background terms (n_terms,); by the height of each atom and its
        place on the image in angstrom, (n_atoms, 3).
        """
        places = self._places(atoms, rotation, views.shifts[number]) + self._margin
        if best_ground:
            image = self._drawn_image(self._layers(atoms, places))
            image, _ = self.with_best_ground(image, views.background[number], number)
        else:
            image = self._expected(self._layers(atoms, places), views, number)
        cost = self._cost_and_slope(image, number)
        ground = np.array([np.sum(term * image, dtype=np.float64) for term in self.terms])
        canvas = np.zeros(self.canvas, np.float32)
        canvas[self.window] = image
        pull = fft.irfft2(self.filters * fft.rfft2(canvas), s=self.canvas)
        found = np.zeros((len(atoms), 3))
        read_gaussians(pull, places, atoms.kinds, found)
        found[:, 1:] *= (atoms.heights / self.pixel_size)[:, None]
        return cost, ground, found

    def slopes(self, atoms: Atoms, views: Views, best_ground: bool = False) -> Slopes:
        """Cost and its derivatives by every parameter.

        Parameters
        ----------
        atoms, views
            The parameters.
        best_ground
            Take the background that describes each image best instead of that of ``views``, so
            that the derivatives by the other parameters are those of the cost minimised by it.

        Returns
        -------
        The cost and its derivatives.
        """
        plain, matrix = euler_rotations(views.angles)[:, :2], views.shear_matrix()
        rotations = np.einsum("ij,njk->nik", matrix, plain)

        def one(number: int) -> tuple[float, NDArray, NDArray]:
            return self.slopes_of_image(atoms, views, rotations[number], number, best_ground)

        results = map_threads(one, range(len(self)), self.threads)
        n = len(self)
        cost, background = np.empty(n), np.empty((n, len(self.terms)))
        heights, positions = np.zeros(len(atoms)), np.zeros((len(atoms), 3))
        by_rotation, shifts = np.empty((n, 2, 3)), np.empty((n, 2))
        for number, (value, ground, found) in enumerate(results):
            cost[number], background[number] = value, ground
            heights += found[:, 0]
            pulls = found[:, 1:]
            # No BLAS, whose threads would compete with ours.
            for row in range(2):
                pull = pulls[:, row]
                for axis in range(3):
                    positions[:, axis] += pull * rotations[number, row, axis]
                    by_rotation[number, row, axis] = np.sum(pull * atoms.positions[:, axis])
            shifts[number] = pulls.sum(axis=0)
        shears = np.array([np.sum(by_rotation[:, i] * plain[:, 1 - i]) for i in range(2)])
        by_rotation = np.einsum("ji,njk->nik", matrix, by_rotation)
        return Slopes(cost, positions, heights, by_rotation, shifts, background, shears)

    def cost(self, expected: NDArray, number: int) -> float:
        """Cost of one expected image."""
        return self._cost_and_slope(np.array(expected, dtype=np.float32), number)

    def _cost_and_slope(self, image: NDArray, number: int) -> float:
        """Cost of an expected image; its derivative by the expected pixels replaces them."""
        cost = pixel_cost(image, self.images[number], self.read_variance, self.counting)
        if self.dispersion != 1:
            image /= np.float32(self.dispersion)
        return float(cost) / self.dispersion

    def weights(self, expected: NDArray) -> NDArray[np.float32]:
        """Inverse variance of each pixel, that of the residuals if these exceed the noise."""
        return self.plain_weights(expected) / np.float32(self.dispersion)

    def plain_weights(self, expected: NDArray) -> NDArray[np.float32]:
        """Inverse noise variance of each pixel."""
        return pixel_weights(expected, self.read_variance, self.counting)

    def misfit(self, expected: NDArray) -> float:
        """Power of the residuals at the frequencies of atoms, relative to that of the noise.

        Equal to chi-square per pixel where residuals of neighbouring pixels are independent; where
        they are alike, what matters for atoms is how much of them looks like atoms.

        Parameters
        ----------
        expected
            Shape (n_images, nx, ny): expected images, electrons.
        """
        power = np.mean((self.filters / self._drawn) ** 2, axis=0) * self.q**2

        def one(number: int) -> float:
            weights = self.plain_weights(expected[number])
            canvas = np.zeros(self.canvas, np.float32)
            canvas[self.window] = (expected[number] - self.images[number]) * np.sqrt(weights)
            found = np.abs(fft.rfft2(canvas)) ** 2
            return float(np.sum(power * found, dtype=np.float64))

        total = sum(map_threads(one, range(len(self)), self.threads))
        return total / (float(np.sum(power, dtype=np.float64)) * self.images.size)
