"""RESIRE with the reference's order of operations and rounding, for verification, not speed.

The published volumes were made in single precision with a particular order of sums. With the same
order a reconstruction agrees with the published one to 1e-6; the fast projectors, which round
differently, agree to 1e-5. All volumes are held as (nx, ny, nz) here.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy import fft

from aet_port.core.geometry import centred_range, centred_window, crop_centred
from aet_port.resire.fused import fma
from aet_port.resire.grid import Grid

Paper = Literal["glass", "film"]


@njit(cache=True, parallel=True)
def _trilinear(real, imag, kx, ky, kz, out_real, out_imag):  # type: ignore[no-untyped-def]
    """Interpolate at 0-based points; zero outside the closed grid, the last plane included."""
    n_x, n_y, n_z = real.shape
    for n in prange(kx.size):
        x, y, z = kx[n], ky[n], kz[n]
        out_real[n], out_imag[n] = 0.0, 0.0
        if 0 <= x <= n_x - 1 and 0 <= y <= n_y - 1 and 0 <= z <= n_z - 1:
            x0, y0, z0 = min(int(x), n_x - 2), min(int(y), n_y - 2), min(int(z), n_z - 2)
            tx, ty, tz = x - x0, y - y0, z - z0
            for i in range(2):
                for j in range(2):
                    for k in range(2):
                        w = (tx if i else 1 - tx) * (ty if j else 1 - ty) * (tz if k else 1 - tz)
                        out_real[n] += w * real[x0 + i, y0 + j, z0 + k]
                        out_imag[n] += w * imag[x0 + i, y0 + j, z0 + k]


@njit(cache=True, parallel=True)
def _add_back_projection(image, rotation, fused, once_rounded, total):  # type: ignore[no-untyped-def]
    """Add the bilinear back-projection of one image, rounding each sum to the type of ``total``.

    ``rotation`` (2, 3) and the voxel coordinates have that type too. ``once_rounded`` says whether
    the detector coordinate is rounded again after adding the 1-based centre, ``fused`` how the
    rotation is rounded (:mod:`aet_port.resire.fused`).
    """
    o_x, o_y, o_z = total.shape
    d_x, d_y = image.shape
    real = total.dtype.type
    for x in prange(o_x):
        rx = real(x - o_x // 2)
        for y in range(o_y):
            ry = real(y - o_y // 2)
            for z in range(o_z):
                rz = real(z - o_z // 2)
                if fused:
                    a = fma(rotation[0, 2], rz, fma(rotation[0, 1], ry, rotation[0, 0] * rx))
                    b = fma(rotation[1, 2], rz, fma(rotation[1, 1], ry, rotation[1, 0] * rx))
                else:
                    a = (rotation[0, 0] * rx + rotation[0, 1] * ry) + rotation[0, 2] * rz
                    b = (rotation[1, 0] * rx + rotation[1, 1] * ry) + rotation[1, 2] * rz
                if once_rounded:
                    u = np.float64(a + real(d_x // 2 + 1)) - 1.0
                    v = np.float64(b + real(d_y // 2 + 1)) - 1.0
                else:
                    u = np.float64(a) + (d_x // 2)
                    v = np.float64(b) + (d_y // 2)
                if 0 <= u <= d_x - 1 and 0 <= v <= d_y - 1:
                    i, j = min(int(u), d_x - 2), min(int(v), d_y - 2)
                    p, q = u - i, v - j
                    low = image[i, j] * (1 - p) * (1 - q) + image[i + 1, j] * p * (1 - q)
                    high = image[i, j + 1] * (1 - p) * q + image[i + 1, j + 1] * p * q
                    total[x, y, z] += real(low + high)


class LiteralProjector:
    """Projections and gradient computed as in the reference.

    Parameters
    ----------
    grid
        Sizes and rotations.
    measured
        Shape (n, detector x, detector y).
    dtype
        The reference's ``dtype``: single for every published volume.
    paper
        ``"glass"`` or ``"film"``; the two codes add the terms of the gradient in different order.

    Notes
    -----
    MATLAB: 2_RESIRE_package/src/@RESIRE_Reconstructor/{interp_pj_realspace,reconstruct}.m (glass),
    2_RESIRE_package/src/@RESIRE_reconstructor/{interp_pj_realspace,reconstruct}.m (film)
    """

    def __init__(self, grid: Grid, measured: NDArray, dtype: type, paper: Paper) -> None:
        self.grid, self.dtype, self.paper = grid, dtype, paper
        self.rotations: NDArray = np.ascontiguousarray(grid.rotations[:, :2].astype(dtype))
        self.constant: NDArray = np.zeros(grid.shape, dtype)
        for image, rotation in zip(measured.astype(np.float64), self.rotations, strict=True):
            _add_back_projection(image, rotation, paper == "glass", False, self.constant)

    def project(self, volume: NDArray) -> NDArray:
        """Projections (n, detector x, detector y) in double precision of a volume (nx, ny, nz)."""
        n_x, n_y, n_z = self.grid.padded
        padded = np.zeros(self.grid.padded, volume.dtype)
        padded[centred_window(padded.shape, volume.shape)] = volume
        spectrum = fft.fftshift(fft.fftn(fft.ifftshift(padded), overwrite_x=True))
        del padded
        real, imag = spectrum.real.astype(np.float64), spectrum.imag.astype(np.float64)
        del spectrum
        x, y = (
            a.ravel() for a in np.meshgrid(centred_range(n_x), centred_range(n_y), indexing="ij")
        )
        images = np.empty((len(self.rotations), *self.grid.detector))
        sample_real, sample_imag = np.empty(x.size), np.empty(x.size)
        matrices = self.grid.slice_matrices
        kind = matrices.dtype.type
        for image, matrix in zip(images, matrices, strict=True):
            kx, ky, kz = (row[0] * x.astype(kind) + row[1] * y.astype(kind) for row in matrix)
            kz = kz * kind(n_z) / kind(n_x)
            points: Any = (
                (k + kind(n // 2 + 1)).astype(np.float64) - 1.0
                for k, n in ((kx, n_x), (ky, n_y), (kz, n_z))
            )
            kx, ky, kz = points
            _trilinear(real, imag, kx, ky, kz, sample_real, sample_imag)
            central = (sample_real + 1j * sample_imag).reshape(n_x, n_y)
            whole = fft.fftshift(fft.ifft2(fft.ifftshift(central))).real
            image[:] = crop_centred(whole, self.grid.detector)
        return images

    def gradient(self, projected: NDArray) -> NDArray:
        """Back-projection of the projections minus that of the measurement, shape (nx, ny, nz)."""
        glass = self.paper == "glass"
        total = -self.constant if glass else np.zeros_like(self.constant)
        for image, rotation in zip(projected, self.rotations, strict=True):
            rounded = glass and self.dtype == np.float32
            _add_back_projection(image, rotation, glass, rounded, total)
        return total if glass else total - self.constant
