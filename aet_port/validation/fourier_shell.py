"""Fourier shell correlation of two reconstructions from halves of the projections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from aet_port.core.arguments import checked
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.resire.reconstruction import reconstruct
from aet_port.resire.settings import DEFAULTS

HALF, GOLD_STANDARD = 0.5, 0.143  # the two customary thresholds


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
    """

    frequency: NDArray[np.float64]
    correlation: NDArray[np.float64]
    samples: NDArray[np.int64]

    def resolution(self, threshold: float = GOLD_STANDARD) -> float:
        """Period in angstrom at which the correlation first falls below ``threshold``.

        The curve is interpolated linearly between shells. If it never falls below, the result is
        the period of the last shell, the best possible for the voxel size; if it starts below,
        infinity.
        """
        low = np.flatnonzero(~(self.correlation[1:] >= threshold)) + 1
        if len(low) == 0:
            return float(1 / self.frequency[-1])
        k = int(low[0])
        if k == 1:
            return float("inf")
        above, below = self.correlation[k - 1], self.correlation[k]
        part = (above - threshold) / (above - below) if np.isfinite(below) else 0.0
        return float(
            1 / (self.frequency[k - 1] + part * (self.frequency[k] - self.frequency[k - 1]))
        )

    def summary(self) -> dict[str, float]:
        """The two customary resolutions in angstrom."""
        return {
            "resolution_0.5": self.resolution(HALF),
            "resolution_0.143": self.resolution(GOLD_STANDARD),
        }


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

    Raises
    ------
    InputError
        For different shapes or voxel sizes, or a mask outside which the whole signal lies.

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
    weights = np.ones(shape) if mask is None else np.asarray(mask, dtype=np.float64)
    if weights.shape != shape or not np.isfinite(weights).all():
        raise InputError("mask", f"shape {weights.shape}, or not finite", f"shape {shape}, finite")
    spectra = []
    for volume in (first, second):
        seen = volume.array * weights
        if not seen.any():
            raise InputError(volume.name, "nothing inside the mask", "a volume with a signal there")
        spectra.append(fft.fftn(seen))
    one, other = spectra
    spacing = 1 / (max(shape) * size)
    axes = np.meshgrid(*(fft.fftfreq(n, size) for n in shape), indexing="ij", sparse=True)
    shell = np.rint(np.sqrt(sum(q**2 for q in axes)) / spacing).astype(np.int64).ravel()
    # The highest frequency of the axis with the smallest range.
    count = int(np.floor(min(np.abs(q).max() for q in axes) / spacing + 1e-9)) + 1

    def sums(values: NDArray) -> NDArray:
        return np.bincount(shell, values.ravel(), minlength=count)[:count]

    power = sums(np.abs(one) ** 2) * sums(np.abs(other) ** 2)
    cross = sums((one * np.conj(other)).real)
    correlation = np.full(count, np.nan)
    np.divide(cross, np.sqrt(power), out=correlation, where=power > 0)
    samples = np.bincount(shell, minlength=count)[:count]
    return FourierShells(spacing * np.arange(float(count)), correlation, samples)


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
    iterations, oversampling, step, extended, n_z, positivity, threads, progress
        As of :func:`aet_port.resire.reconstruct`, the same for both; for a film (``extended``) the
        part seen by the untilted detector is compared.

    Returns
    -------
    The correlation of the two volumes.

    MATLAB: none
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
            threads=threads,
            progress=progress,
        ).cropped()
        for half in half_sets(series)
    )
    return fourier_shell_correlation(first, second, mask)
