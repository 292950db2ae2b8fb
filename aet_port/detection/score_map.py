"""Score map: where the residual images ask for one more atom, in standard deviations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import fft

from aet_port.core.geometry import euler_rotations
from aet_port.core.parallel import chunks, map_threads
from aet_port.resire.back_projection import descend
from aet_port.resire.grid import Grid

COARSE = 4  # voxels between points at which noise and sensitivity are computed
LEAST_SEEN = 0.08  # fraction of the largest sensitivity below which nothing is searched


@dataclass(frozen=True)
class ScoreMap:
    """Back-projected residual, with its noise and its response to an atom.

    Attributes
    ----------
    volume
        Shape (nx, nz, ny): filtered back-projection.
    noise
        Its standard deviation, on every :data:`COARSE`-th voxel.
    response
        Its value at the position of an atom of height one, likewise.
    skewness
        Skewness of the noise, likewise: counting makes high maxima more frequent than low minima.
    pixel_size
        Angstrom.
    """

    volume: NDArray[np.float32]
    noise: NDArray[np.float32]
    response: NDArray[np.float32]
    skewness: NDArray[np.float32]
    pixel_size: float

    def scores(self) -> NDArray[np.float32]:
        """Volume (nx, ny, nz) in units of its own standard deviation."""
        scaled = self.volume.copy()
        _divide(scaled, self.noise, COARSE)
        return np.ascontiguousarray(scaled.transpose(0, 2, 1))

    def maxima(self, least: float, sign: float = 1.0, threads: int = 1) -> NDArray[np.float64]:
        """Local maxima of at least ``least`` standard deviations, highest first.

        Scores ``z`` are corrected for the skewness ``g`` of the noise to first order,
        ``z - g (z^2 - 1) / 6`` (E. A. Cornish, R. A. Fisher, Rev. Inst. Int. Stat. 5, 307 (1938)),
        so that noise has as many maxima as minima.

        Parameters
        ----------
        least
            Smallest score.
        sign
            -1 for minima, whose heights and scores are returned as positive.
        threads
            Number of threads.

        Returns
        -------
        Shape (n, 6): x, y, z in angstrom, height, its standard error, and the response relative to
        the largest. Height over error is the corrected score.
        """
        floor = LEAST_SEEN * float(self.response.max())

        def slab(bounds: tuple[int, int]) -> NDArray:
            return _maxima(
                self.volume, self.noise, self.response, self.skewness, floor, least, sign, COARSE,
                *bounds,
            )  # fmt: skip

        parts = map_threads(slab, chunks(self.volume.shape[0], 16), threads)
        found = np.concatenate(parts)
        order = np.argsort(-found[:, 3] / found[:, 4], kind="stable")
        centre = np.array(self.volume.shape)[[0, 2, 1]] // 2
        found[:, :3] = (found[:, :3] - centre) * self.pixel_size
        found[:, 5] /= float(self.response.max())
        return found[order]


class ScoreFilter:
    """Filters of the back-projection for given views and probe.

    In Fourier space the slice of image j is multiplied by ``H_j = P / (P^2 D_j + v / a)``: ``P`` is
    the transfer function of an atom, ``v`` the noise variance of a pixel, ``a`` the mean square
    height of the missing atoms per pixel, and ``D_j`` the number of slices that sample the same
    frequency, ``sum_i exp[-pi (L k.n_i)^2]`` over the beam directions ``n_i`` for an object of size
    ``L``. It is the Wiener filter for atoms at random positions: for many of them a deconvolution,
    for few the matched filter.

    Parameters
    ----------
    angles
        Shape (n_images, 3): phi, theta, psi in degrees.
    shape
        Pixels of an image.
    pixel_size
        Angstrom.
    extent
        ``L``, angstrom.
    threads
        Number of threads.
    margin
        Pixels around the images in which atoms may lie whose tails the images show.

    Notes
    -----
    MATLAB: none
    """

    def __init__(
        self,
        angles: NDArray,
        shape: tuple[int, int],
        pixel_size: float,
        extent: float,
        threads: int = 1,
        margin: int = 0,
    ) -> None:
        self.rotations = euler_rotations(angles)
        self.shape, self.pixel_size, self.threads = shape, pixel_size, threads
        self.margin = margin
        self.canvas = tuple(fft.next_fast_len(int(1.5 * n) + 2 * margin, real=True) for n in shape)
        self.qx = fft.fftfreq(self.canvas[0], pixel_size)[:, None]
        self.qy = fft.rfftfreq(self.canvas[1], pixel_size)[None, :]
        self.q = np.hypot(self.qx, self.qy)
        beams = self.rotations[:, 2]

        def one(number: int) -> NDArray:
            a, b = beams @ self.rotations[number, 0], beams @ self.rotations[number, 1]
            out = np.empty(self.q.shape, np.float32)
            _density(self.qx[:, 0], self.qy[0], a * extent, b * extent, out)
            return out

        self.density = map_threads(one, range(len(angles)), threads)

    def score(
        self,
        residual: NDArray,
        variance: NDArray,
        shifts: NDArray,
        profile: NDArray,
        missing: float,
        volume_shape: tuple[int, int, int],
        counted: NDArray | None = None,
    ) -> ScoreMap:
        """Back-project residual images.

        Parameters
        ----------
        residual
            Shape (n_images, nx, ny): measured minus expected, electrons.
        variance
            Shape (n_images, nx, ny): noise variance of the pixels.
        shifts
            Shape (n_images, 2), angstrom.
        profile
            Transfer function of an atom at ``q``.
        missing
            ``a``, square electrons per pixel.
        volume_shape
            Voxels along x, y, z.
        counted
            Shape (n_images, nx, ny): the part of the variance that comes from counting; unless
            given, the noise is taken as symmetric.

        Returns
        -------
        The map.
        """
        n = len(residual)
        wide = (self.shape[0] + 2 * self.margin, self.shape[1] + 2 * self.margin)
        window = (slice(0, wide[0]), slice(0, wide[1]))
        inner = tuple(slice(self.margin, self.margin + side) for side in self.shape)
        filtered, spread, response = (np.empty((n, *wide), np.float32) for _ in range(3))
        third = np.zeros((n, *wide), np.float32)
        mask = np.zeros(wide, np.float32)
        mask[inner] = 1
        seen = fft.rfft2(mask, self.canvas)

        def one(k: int) -> None:
            noise = float(variance[k].mean()) / missing
            kernel = (profile / (profile**2 * self.density[k] + noise)).astype(np.float32)
            turn = np.exp(2j * np.pi * (self.qx * shifts[k, 0] + self.qy * shifts[k, 1]))
            moved = (kernel * turn).astype(np.complex64)
            padded = np.zeros(wide, np.float32)
            padded[inner] = residual[k]
            filtered[k] = fft.irfft2(fft.rfft2(padded, self.canvas) * moved, self.canvas)[window]
            padded[inner] = variance[k]
            drawn = fft.irfft2(kernel, self.canvas)
            spectrum = fft.rfft2(padded, self.canvas) * fft.rfft2(drawn**2)
            spread[k] = np.maximum(fft.irfft2(spectrum, self.canvas)[window], 0)
            if counted is not None:
                padded[inner] = counted[k]
                cubes = fft.rfft2(padded, self.canvas) * fft.rfft2(drawn**3)
                third[k] = fft.irfft2(cubes, self.canvas)[window]
            overlap = drawn * fft.irfft2(profile.astype(np.float32), self.canvas)
            response[k] = fft.irfft2(seen * fft.rfft2(overlap), self.canvas)[window]

        map_threads(one, range(n), self.threads)
        x, y, z = volume_shape
        grid = Grid(wide, volume_shape, volume_shape, self.rotations)
        volume = np.zeros((x, z, y), np.float32)
        descend(volume, filtered, grid, -1.0, False, self.threads)
        coarse = [np.arange(0, m + COARSE, COARSE, dtype=np.float64) - m // 2 for m in (x, z, y)]
        noise, cube, sensed = (np.zeros([len(c) for c in coarse], np.float32) for _ in range(3))
        moves = shifts / self.pixel_size

        def slab(bounds: tuple[int, int]) -> None:
            xs, zs, ys = coarse
            _sum_seen(
                spread, third, response, self.rotations, moves, xs, zs, ys, noise, cube, sensed,
                *bounds,
            )  # fmt: skip

        map_threads(slab, chunks(len(coarse[0]), 4), self.threads)
        skewness = np.divide(cube, noise**1.5, out=np.zeros_like(cube), where=noise > 0)
        return ScoreMap(volume, np.sqrt(noise), sensed, skewness, self.pixel_size)


@njit(cache=True, nogil=True)
def _density(qx, qy, a, b, out):  # type: ignore[no-untyped-def]
    for i in range(qx.size):
        for j in range(qy.size):
            total = 0.0
            for k in range(a.size):
                far = qx[i] * a[k] + qy[j] * b[k]
                far *= far
                if far < 4.0:
                    total += np.exp(-np.pi * far)
            out[i, j] = total


@njit(cache=True, nogil=True)
def _sum_seen(  # type: ignore[no-untyped-def]
    spread, third, response, rotations, moves, xs, zs, ys, noise, cube, sensed, first, last
):
    nx, ny = spread.shape[1], spread.shape[2]
    for i in range(first, last):
        for j in range(zs.size):
            for m in range(ys.size):
                for k in range(spread.shape[0]):
                    r = rotations[k]
                    u = r[0, 0] * xs[i] + r[0, 1] * ys[m] + r[0, 2] * zs[j] + nx // 2
                    v = r[1, 0] * xs[i] + r[1, 1] * ys[m] + r[1, 2] * zs[j] + ny // 2
                    a, b = int(np.floor(u + 0.5)), int(np.floor(v + 0.5))
                    if 0 <= a < nx and 0 <= b < ny:
                        noise[i, j, m] += spread[k, a, b]
                        cube[i, j, m] += third[k, a, b]
                        sensed[i, j, m] += response[k, a, b]


@njit(cache=True, nogil=True)
def _between(coarse, i, j, k, step):  # type: ignore[no-untyped-def]
    """Trilinear interpolation of a coarse volume at a voxel."""
    a, b, c = i // step, j // step, k // step
    p, q, r = (i - a * step) / step, (j - b * step) / step, (k - c * step) / step
    low = (1 - q) * ((1 - r) * coarse[a, b, c] + r * coarse[a, b, c + 1]) + q * (
        (1 - r) * coarse[a, b + 1, c] + r * coarse[a, b + 1, c + 1]
    )
    a += 1
    high = (1 - q) * ((1 - r) * coarse[a, b, c] + r * coarse[a, b, c + 1]) + q * (
        (1 - r) * coarse[a, b + 1, c] + r * coarse[a, b + 1, c + 1]
    )
    return (1 - p) * low + p * high


@njit(cache=True, nogil=True)
def _divide(volume, noise, step):  # type: ignore[no-untyped-def]
    for i in range(volume.shape[0]):
        for j in range(volume.shape[1]):
            for k in range(volume.shape[2]):
                sd = _between(noise, i, j, k, step)
                volume[i, j, k] = volume[i, j, k] / sd if sd > 0 else 0.0


@njit(cache=True, nogil=True)
def _highest(volume, sign, i, j, k):  # type: ignore[no-untyped-def]
    value = sign * volume[i, j, k]
    for a in range(i - 1, i + 2):
        for b in range(j - 1, j + 2):
            for c in range(k - 1, k + 2):
                if sign * volume[a, b, c] > value:
                    return False
    return True


@njit(cache=True, nogil=True)
def _vertex(low, middle, high):  # type: ignore[no-untyped-def]
    bend = low - 2 * middle + high
    if bend == 0:
        return 0.0
    return min(max(0.5 * (low - high) / bend, -0.5), 0.5)


@njit(cache=True, nogil=True)
def _maxima(volume, noise, response, skewness, floor, least, sign, step, first, last):  # type: ignore[no-untyped-def]
    n_x, n_z, n_y = volume.shape
    found = []
    for i in range(max(1, first), min(n_x - 1, last)):
        for j in range(1, n_z - 1):
            for k in range(1, n_y - 1):
                value = sign * volume[i, j, k]
                if value <= 0 or not _highest(volume, sign, i, j, k):
                    continue
                sd, seen = _between(noise, i, j, k, step), _between(response, i, j, k, step)
                if seen < floor or sd <= 0:
                    continue
                score = value / sd
                skew = sign * _between(skewness, i, j, k, step)
                score -= skew * (score * score - 1) / 6
                if score < least:
                    continue
                dx = _vertex(volume[i - 1, j, k], volume[i, j, k], volume[i + 1, j, k])
                dz = _vertex(volume[i, j - 1, k], volume[i, j, k], volume[i, j + 1, k])
                dy = _vertex(volume[i, j, k - 1], volume[i, j, k], volume[i, j, k + 1])
                found.append((i + dx, k + dy, j + dz, value / seen, value / seen / score, seen))
    out = np.empty((len(found), 6))
    for n in range(len(found)):
        for m in range(6):
            out[n, m] = found[n][m]
    return out
