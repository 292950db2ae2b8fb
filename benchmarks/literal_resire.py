"""One RESIRE iteration as in the glass paper's script, in NumPy and Numba, as a baseline.

Rotated coordinates are computed once and stored, the whole padded volume is transformed, and every
slice is sampled in double precision and transformed back completely, in one thread.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import fft

from aet_port.core.data import TiltSeries
from aet_port.core.geometry import centred_range, centred_window, crop_centred
from aet_port.resire.grid import Grid


@njit(cache=True)
def interpolate_2d(data, x, y, out):  # type: ignore[no-untyped-def]
    """Bilinear values at 0-based points, zero outside the closed grid."""
    n_x, n_y = data.shape
    for n in range(x.size):
        out[n] = 0.0
        if 0 <= x[n] <= n_x - 1 and 0 <= y[n] <= n_y - 1:
            i, j = min(int(x[n]), n_x - 2), min(int(y[n]), n_y - 2)
            p, q = x[n] - i, y[n] - j
            out[n] = (data[i, j] * (1 - p) + data[i + 1, j] * p) * (1 - q)
            out[n] += (data[i, j + 1] * (1 - p) + data[i + 1, j + 1] * p) * q


@njit(cache=True)
def interpolate_3d(data, x, y, z, out):  # type: ignore[no-untyped-def]
    """Trilinear complex values at 0-based points, zero outside the closed grid."""
    n_x, n_y, n_z = data.shape
    for n in range(x.size):
        out[n] = 0.0
        if 0 <= x[n] <= n_x - 1 and 0 <= y[n] <= n_y - 1 and 0 <= z[n] <= n_z - 1:
            i, j, k = min(int(x[n]), n_x - 2), min(int(y[n]), n_y - 2), min(int(z[n]), n_z - 2)
            p, q, r = x[n] - i, y[n] - j, z[n] - k
            a = data[i, j, k] * (1 - p) + data[i + 1, j, k] * p
            b = data[i, j + 1, k] * (1 - p) + data[i + 1, j + 1, k] * p
            c = data[i, j, k + 1] * (1 - p) + data[i + 1, j, k + 1] * p
            d = data[i, j + 1, k + 1] * (1 - p) + data[i + 1, j + 1, k + 1] * p
            out[n] = (a * (1 - q) + b * q) * (1 - r) + (c * (1 - q) + d * q) * r


class LiteralResire:
    """Stored coordinates and constant term of a cubic reconstruction; see the module."""

    def __init__(self, series: TiltSeries, grid: Grid, step: float) -> None:
        self.series, self.grid = series, grid
        self.step = step / len(series) / series.detector[0]
        axes = [centred_range(n).astype(np.float32) for n in grid.shape]
        voxels = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")])
        rows = grid.rotations[:, :2].astype(np.float32)
        self.rotated = [r @ voxels + np.float32(grid.shape[0] // 2) for r in rows]
        n_x, n_y, _ = grid.padded
        plane = np.meshgrid(centred_range(n_x), centred_range(n_y), indexing="ij")
        flat = np.stack([a.ravel() for a in plane]).astype(np.float64)
        self.slices = [r[:2].T @ flat + n_x // 2 for r in grid.rotations]
        self.r_factor = 1.0
        self.constant = np.zeros(grid.shape, np.float32)
        for image, (x, y) in zip(series.images.astype(np.float64), self.rotated, strict=True):
            self.constant += self._back(image, x, y)

    def _back(self, image: NDArray, x: NDArray, y: NDArray) -> NDArray:
        out = np.empty(x.size)
        interpolate_2d(image, x.astype(np.float64), y.astype(np.float64), out)
        return out.reshape(self.grid.shape)

    def iterate(self, volume: NDArray) -> NDArray:
        """The volume (nx, ny, nz) after one more iteration, in single precision."""
        big = np.zeros(self.grid.padded, np.float32)
        big[centred_window(big.shape, volume.shape)] = volume
        spectrum = fft.fftshift(fft.fftn(fft.ifftshift(big))).astype(np.complex128)
        slices = np.empty((len(self.slices), *self.grid.padded[:2]), np.complex128)
        for central, (x, y, z) in zip(slices, self.slices, strict=True):
            interpolate_3d(spectrum, x, y, z, central.reshape(-1))
        whole = fft.fftshift(fft.ifft2(fft.ifftshift(slices, axes=(1, 2))), axes=(1, 2)).real
        projected = [crop_centred(image, self.grid.detector) for image in whole]
        r_factors = [
            np.abs(p - b).sum() / np.abs(b).sum()
            for p, b in zip(projected, self.series.images, strict=True)
        ]
        self.r_factor = float(np.mean(r_factors))
        gradient = -self.constant
        for image, (x, y) in zip(projected, self.rotated, strict=True):
            gradient += self._back(image, x, y)
        return np.maximum(volume - np.float32(self.step) * gradient, 0)
