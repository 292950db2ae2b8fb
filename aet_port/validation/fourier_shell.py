"""Fourier shell correlation of two reconstructions from halves of the projections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from aet_port.core.arguments import checked
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory
from aet_port.resire.reconstruction import reconstruct
from aet_port.resire.settings import DEFAULTS, Projector

HALF, GOLD_STANDARD = 0.5, 0.143  # the two customary thresholds
SMALLER = "smaller volumes: crop or bin them"


@dataclass(frozen=True, repr=False)
class FourierShells(Shown):
    """Agreement of two volumes shell by shell of spatial frequency.

    Attributes
    ----------
    frequency
        Shape (k,), 1/angstrom, from zero to the highest frequency common to all three axes.
    correlation
        Shape (k,): between -1 and 1; NaN in a shell where a volume has no signal.
    samples
        Shape (k,): number of Fourier coefficients in each shell.
    filling
        Fraction of the coefficients that are independent: below 1 where a mask leaves only a part
        of the volumes.
    """

    frequency: NDArray[np.float64]
    correlation: NDArray[np.float64]
    samples: NDArray[np.int64]
    filling: float = 1.0

    def half_bit(self) -> NDArray[np.float64]:
        """Half-bit threshold of each shell, shape (k,).

        ``(0.2071 + 1.9102 / sqrt(n)) / (1.2071 + 0.9102 / sqrt(n))``: half a bit of information for
        each voxel of the sum of both halves (van Heel and Schatz, J. Struct. Biol. 151, 250
        (2005)). ``n`` is the number of independent coefficients in the shell: half of all, because
        real volumes have the symmetry of Friedel, times ``filling``.
        """
        independent = np.maximum(0.5 * self.samples * self.filling, 1.0)
        root = 1 / np.sqrt(independent)
        return (0.2071 + 1.9102 * root) / (1.2071 + 0.9102 * root)

    def resolution(self, threshold: float | ArrayLike = GOLD_STANDARD) -> float:
        """Period in angstrom at which the correlation first falls below ``threshold``.

        The threshold is one number, or one of each shell such as :meth:`half_bit`. The curve is
        interpolated linearly between shells. If it never falls below, the result is the period of
        the last shell, the best possible for the voxel size; if it starts below, infinity.
        """
        limit = np.broadcast_to(np.asarray(threshold, dtype=np.float64), self.frequency.shape)
        low = np.flatnonzero(~(self.correlation[1:] >= limit[1:])) + 1
        if len(low) == 0:
            return float(1 / self.frequency[-1])
        k = int(low[0])
        if k == 1:
            return float("inf")
        above, below = (float(self.correlation[i] - limit[i]) for i in (k - 1, k))
        part = above / (above - below) if np.isfinite(below) else 0.0
        return float(
            1 / (self.frequency[k - 1] + part * (self.frequency[k] - self.frequency[k - 1]))
        )

    def summary(self) -> dict[str, float]:
        """The two customary resolutions in angstrom."""
        return {
            "resolution_0.5": self.resolution(HALF),
            "resolution_0.143": self.resolution(GOLD_STANDARD),
        }

    def resolutions(self) -> list[dict[str, Any]]:
        """Resolution by each customary criterion: its name, the period, and a remark.

        The period in angstrom is None where the curve is below the threshold from the first shell
        on. Where it never falls below, the volumes agree up to the last shell, and smaller voxels
        might show a finer period.
        """
        rows: list[dict[str, Any]] = []
        for name, threshold in (
            ("0.143", GOLD_STANDARD),
            ("0.5", HALF),
            ("half bit", self.half_bit()),
        ):
            period, remark = self.resolution(threshold), ""
            if (self.correlation >= threshold)[1:].all():
                remark = "not reached: as fine as the voxels allow"
            if not np.isfinite(period):
                remark = "below the threshold from the first shell on"
            rows.append(
                {
                    "criterion": name,
                    "resolution": period if np.isfinite(period) else None,
                    "remark": remark,
                }
            )
        return rows

    def rows(self) -> list[dict[str, Any]]:
        """The curve: frequency (1/angstrom), correlation, samples and half-bit threshold."""
        columns = (self.frequency, self.correlation, self.samples, self.half_bit())
        return [
            {
                "frequency": float(q),
                "correlation": float(c) if np.isfinite(c) else None,
                "samples": int(n),
                "half_bit": float(limit),
            }
            for q, c, n, limit in zip(*columns, strict=True)
        ]


@checked
def fourier_shell_correlation(
    first: Volume, second: Volume, mask: ArrayLike | None = None
) -> FourierShells:
    """Correlation of two volumes in shells of spatial frequency.

    ``FSC(q) = Re sum F_1 conj F_2 / sqrt(sum |F_1|^2 sum |F_2|^2)`` over the coefficients whose
    frequency is nearest to ``q`` (Harauz and van Heel, Optik 73, 146 (1986)). The spacing of
    shells is that of the coefficients along the longest axis.

    Parameters
    ----------
    first, second
        Volumes of the same shape, voxel size and position.
    mask
        Weights of the same shape by which both volumes are multiplied, such as the object's
        outline. A sharp edge correlates by itself, so use a soft one.

    Returns
    -------
    The correlation of each shell, up to the highest frequency common to all three axes.

    Raises
    ------
    InputError
        For different shapes or voxel sizes, or a mask outside which the whole signal lies.

    Notes
    -----
    MATLAB: none; the papers give no FSC
    """
    if first.shape != second.shape or not np.isclose(first.voxel_size, second.voxel_size):
        raise InputError(
            second.name,
            f"shape {second.shape}, voxels of {second.voxel_size:g} angstrom",
            f"{first.shape} and {first.voxel_size:g} angstrom like {first.name}",
        )
    shape, size = first.shape, first.voxel_size
    if min(shape) < 4:
        raise InputError(first.name, f"shape {shape}", "at least 4 voxels along each axis")
    item = max(4, *(one.array.dtype.itemsize for one in (first, second)))
    # Both half transforms, and one volume times the mask.
    check_memory("Fourier shell correlation", 3.0 * item * float(np.prod(shape)), SMALLER)
    weights = None if mask is None else np.asarray(mask)
    if weights is not None and (weights.shape != shape or not np.isfinite(weights).all()):
        raise InputError("mask", f"shape {weights.shape}, or not finite", f"shape {shape}, finite")
    one, other = (_spectrum(volume, weights) for volume in (first, second))
    spacing = 1 / (max(shape) * size)
    qx, qy = (fft.fftfreq(n, size) for n in shape[:2])
    qz = fft.rfftfreq(shape[2], size)
    # The highest frequency of the axis with the smallest range.
    count = int(np.floor(min(np.abs(q).max() for q in (qx, qy, qz)) / spacing + 1e-9)) + 1
    in_plane = qy[:, None] ** 2 + qz[None, :] ** 2
    # Planes of the half transform stand for their mirror images too, except the first and, for an
    # even number, the last.
    twice = np.full(len(qz), 2.0)
    twice[0] = 1.0
    if shape[2] % 2 == 0:
        twice[-1] = 1.0
    both = np.broadcast_to(twice, in_plane.shape).ravel()
    cross, power, power_other, samples = np.zeros((4, count))
    for k, x in enumerate(qx):
        shell = np.rint(np.sqrt(x**2 + in_plane) / spacing).astype(np.int64).ravel()
        a, b = one[k].ravel(), other[k].ravel()
        for total, values in (
            (cross, a.real * b.real + a.imag * b.imag),
            (power, a.real**2 + a.imag**2),
            (power_other, b.real**2 + b.imag**2),
            (samples, 1.0),
        ):
            total += np.bincount(shell, both * values, minlength=count)[:count]
    product = power * power_other
    correlation = np.full(count, np.nan)
    np.divide(cross, np.sqrt(product), out=correlation, where=product > 0)
    frequency = spacing * np.arange(float(count))
    return FourierShells(frequency, correlation, samples.astype(np.int64), _filling(weights))


def _spectrum(volume: Volume, weights: NDArray | None) -> NDArray[np.complexfloating]:
    """Half transform of a volume within the mask, in the volume's precision."""
    seen = volume.array
    if weights is not None:
        seen = seen * weights.astype(seen.dtype, copy=False)
    if not seen.any():
        raise InputError(volume.name, "nothing inside the mask", "a volume with a signal there")
    return fft.rfftn(seen)


def _filling(weights: NDArray | None) -> float:
    """Share of the volume that a mask leaves, ``(sum w^2)^2 / (n sum w^4)``."""
    if weights is None:
        return 1.0
    square = np.square(weights, dtype=np.float64)
    return float(square.sum() ** 2 / (square.size * np.vdot(square, square)))


@checked
def half_sets(series: TiltSeries) -> tuple[TiltSeries, TiltSeries]:
    """Split a series into even and odd projections (the first is even), in order.

    Raises
    ------
    InputError
        For fewer than two projections.
    """
    if len(series) < 2:
        raise InputError(series.name, "one projection", "two or more, to be split into halves")
    even, odd = (
        replace(
            series,
            images=series.images[start::2],
            angles=series.angles[start::2],
            name=f"{series.name}, {name} projections",
        )
        for start, name in ((0, "even"), (1, "odd"))
    )
    return even, odd


@checked
def half_volumes(
    series: TiltSeries,
    *,
    iterations: int = DEFAULTS.iterations,
    oversampling: float | Sequence[float] = DEFAULTS.oversampling,
    step: float = DEFAULTS.step,
    extended: bool = DEFAULTS.extended,
    n_z: int | None = DEFAULTS.n_z,
    positivity: bool = DEFAULTS.positivity,
    projector: Projector = DEFAULTS.projector,
    threads: int | None = None,
    progress: bool = False,
) -> tuple[Volume, Volume]:
    """Reconstruct the even and the odd projections of a series independently.

    Parameters
    ----------
    series
        The whole series.
    iterations, oversampling, step, extended, n_z, positivity, projector, threads, progress
        As of :func:`aet_port.resire.reconstruct`, the same for both.

    Returns
    -------
    Both volumes, of one shape; of a film (``extended``) the part seen by the untilted detector.

    Raises
    ------
    InputError
        As in :func:`half_sets` and :func:`aet_port.resire.reconstruct`.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> from aet_port.simulation import amorphous_particle, simulate_tilt_series
    >>> angles = [[0, theta, 0] for theta in range(-66, 67, 12)]
    >>> series = simulate_tilt_series(amorphous_particle(20, "Ta"), angles, 0.6, (32, 32))
    >>> even, odd = half_volumes(series, iterations=5, oversampling=2.0)
    >>> even.shape == odd.shape == (32, 32, 32)
    True
    """
    first, second = (
        reconstruct(
            half,
            iterations=iterations,
            oversampling=oversampling,
            step=step,
            extended=extended,
            n_z=n_z,
            positivity=positivity,
            projector=projector,
            threads=threads,
            progress=progress,
        ).cropped()
        for half in half_sets(series)
    )
    return first, second


@checked
def half_set_correlation(
    series: TiltSeries,
    mask: ArrayLike | None = None,
    *,
    iterations: int = DEFAULTS.iterations,
    oversampling: float | Sequence[float] = DEFAULTS.oversampling,
    step: float = DEFAULTS.step,
    extended: bool = DEFAULTS.extended,
    n_z: int | None = DEFAULTS.n_z,
    positivity: bool = DEFAULTS.positivity,
    projector: Projector = DEFAULTS.projector,
    threads: int | None = None,
    progress: bool = False,
) -> FourierShells:
    """FSC between reconstructions of the even and of the odd projections.

    Parameters
    ----------
    series
        The whole series.
    mask
        Mask of the reconstructed shape, as in :func:`fourier_shell_correlation`.
    iterations, oversampling, step, extended, n_z, positivity, projector, threads, progress
        As of :func:`aet_port.resire.reconstruct`, the same for both; for a film (``extended``) the
        part seen by the untilted detector is compared.

    Returns
    -------
    The correlation of the two volumes.

    Notes
    -----
    MATLAB: none
    """
    halves = half_volumes(
        series,
        iterations=iterations,
        oversampling=oversampling,
        step=step,
        extended=extended,
        n_z=n_z,
        positivity=positivity,
        projector=projector,
        threads=threads,
        progress=progress,
    )
    return fourier_shell_correlation(*halves, mask)
