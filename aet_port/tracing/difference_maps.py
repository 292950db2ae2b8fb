"""Difference between a volume and a model: candidates for missing and extra atoms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.spatial import cKDTree

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import Volume
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory
from aet_port.tracing.boxes import refuse_outside
from aet_port.tracing.map_peaks import apart, matched_heights, maxima

FLOOR = 1e-6  # a Gaussian is cut off where it falls below this fraction of its peak
NARROWEST, WIDEST = 0.15, 1.5  # angstrom, standard deviation of an atom in a volume
MINIMUM_DISTANCE = 2.0  # angstrom between two atoms, both papers
THRESHOLD = 0.5


@dataclass(frozen=True, repr=False)
class DifferenceMap(Shown):
    """Result of :func:`difference_map`.

    Parameters
    ----------
    difference
        Volume minus model.
    heights
        Height of the Gaussian of each species, in units of the volume.
    width
        Standard deviation of the Gaussians, angstrom.
    missing
        Shape (m, 3), angstrom: possible positions of missing atoms, highest score first.
    missing_scores
        Shape (m,): height of a Gaussian there, in units of the lightest species' height.
    extra
        Indices of possibly spurious atoms, highest score first.
    extra_scores
        Shape of ``extra``: missing fraction of the atom's height; 1 where the volume is empty.
    atom_scores
        Shape (n,): the same for every atom.
    """

    difference: Volume
    heights: Mapping[str, float]
    width: float
    missing: NDArray[np.float64]
    missing_scores: NDArray[np.float64]
    extra: NDArray[np.int64]
    extra_scores: NDArray[np.float64]
    atom_scores: NDArray[np.float64]


@checked
def difference_map(
    volume: Volume,
    model: AtomicModel,
    *,
    width: float | None = None,
    threshold: float = THRESHOLD,
    minimum_distance: float = MINIMUM_DISTANCE,
) -> DifferenceMap:
    """Volume minus model, with the peaks and atoms that do not match.

    The model is a Gaussian ``h exp(-r^2 / (2 s^2))`` at each atom, with one width for all and a
    height for each species, both fitted to the volume by least squares. At position ``x`` the
    difference contains a Gaussian of height ``a = sum d g / sum g^2``, ``g`` the unit Gaussian
    about ``x``. Where ``a`` has a maximum above ``threshold`` times the smallest height, away from
    all atoms, an atom may be missing. An atom of height ``h`` whose own ``a`` is below
    ``-threshold h`` is possibly spurious.

    Parameters
    ----------
    volume
        The reconstruction.
    model
        Positions in angstrom, in the frame of the volume.
    width
        Standard deviation in angstrom; fitted unless given.
    threshold
        Smallest score of a candidate.
    minimum_distance
        Smallest distance (angstrom) of a missing atom from all atoms and other candidates.

    Raises
    ------
    InputError
        For atoms outside the volume (with their indices), parameters out of range, or a species
        that does not show in the volume, with a height not above zero.

    Notes
    -----
    MATLAB: none; in the papers missing and extra atoms were found by eye in such a map
    """
    if not 0 < threshold < np.inf:
        raise InputError("threshold", f"{threshold!r}", "a score above zero")
    if not 0 <= minimum_distance < np.inf:
        raise InputError("minimum_distance", f"{minimum_distance!r}", "zero or more, in angstrom")
    if width is not None and not 0 < width < np.inf:
        raise InputError("width", f"{width!r}", "a length above zero in angstrom")
    voxels = volume.to_voxels(model.positions)
    outside = (voxels < -0.5) | (voxels > np.array(volume.shape) - 0.5)
    refuse_outside(
        volume.name,
        np.any(outside, axis=1),
        f"atoms inside its {volume.shape} voxels ({model.name})",
    )
    symbols = sorted(set(model.species))
    kinds = np.array([symbols.index(s) for s in model.species])
    # The volume, a layer for each species, the model and two filtered maps.
    needed = 8.0 * volume.array.size * (len(symbols) + 4)
    check_memory("difference map", needed, "a smaller volume: crop or bin it")
    array = np.asarray(volume.array, dtype=np.float64)
    size = volume.voxel_size
    if width is None:
        width = _fitted_width(array, voxels, kinds, size)
    sigma = width / size
    heights, fitted = _fitted(array, voxels, kinds, sigma)
    dark = [s for s, h in zip(symbols, heights, strict=True) if not h > 0]
    if dark:
        found = f"a height of {heights[symbols.index(dark[0])]:.3g}"
        raise InputError(f"species {', '.join(dark)}", found, "atoms that show in the volume")
    difference = np.subtract(array, fitted, out=fitted)
    own = amplitudes(difference, voxels, sigma) / heights[kinds]
    least = float(heights.min())
    places, strength = maxima(matched_heights(difference, sigma), threshold * least)
    far = cKDTree(voxels).query(places)[0] * size >= minimum_distance
    chosen = apart(places[far] * size, minimum_distance)
    missing, scores = places[far][chosen], strength[far][chosen] / least
    extra = np.argsort(own, kind="stable")
    extra = extra[own[extra] < -threshold]
    return DifferenceMap(
        Volume(difference, size, volume.origin, f"{volume.name} less {model.name}"),
        dict(zip(symbols, heights.tolist(), strict=True)),
        float(width),
        volume.to_positions(missing),
        scores,
        extra,
        -own[extra],
        -own,
    )


def _fitted_width(
    array: NDArray[np.float64], voxels: NDArray[np.float64], kinds: NDArray[np.int64], size: float
) -> float:
    """Width in angstrom with the least squared difference."""

    def cost(width: float) -> float:
        _, fitted = _fitted(array, voxels, kinds, width / size)
        np.subtract(array, fitted, out=fitted)
        return float(np.vdot(fitted, fitted))

    # Below half a voxel a Gaussian is no longer sampled.
    low = max(NARROWEST, 0.5 * size)
    found = minimize_scalar(
        cost, bounds=(low, max(WIDEST, 2 * low)), method="bounded", options={"xatol": 1e-3}
    )
    return float(found.x)


def _fitted(
    array: NDArray[np.float64], voxels: NDArray[np.float64], kinds: NDArray[np.int64], sigma: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Best heights of the species and the resulting model."""
    number = int(kinds.max()) + 1
    layers = np.zeros((number, *array.shape))
    for k in range(number):
        add_gaussians(layers[k], np.ascontiguousarray(voxels[kinds == k]), sigma, reach(sigma))
    flat = layers.reshape(number, -1)
    heights = np.linalg.lstsq(flat @ flat.T, flat @ array.ravel(), rcond=None)[0]
    # In place, as the layers may be large.
    fitted = np.multiply(layers[0], heights[0], out=layers[0])
    for k in range(1, number):
        fitted += heights[k] * layers[k]
    return heights, fitted.copy() if number > 1 else fitted


def reach(sigma: float) -> int:
    """Voxels from its centre in which a Gaussian counts."""
    return int(np.ceil(sigma * np.sqrt(-2 * np.log(FLOOR))))


def amplitudes(
    difference: NDArray[np.float64], voxels: NDArray[np.float64], sigma: float
) -> NDArray[np.float64]:
    """Height of the Gaussian that fits the difference best at each place."""
    result = np.empty(len(voxels))
    _matched(difference, np.ascontiguousarray(voxels), sigma, reach(sigma), result)
    return result


@numba.njit(cache=True)
def _profile(at, sigma, half, length, weights):  # type: ignore[no-untyped-def]
    """Gaussian along one axis, for the voxels ``first`` to ``last - 1``."""
    nearest = int(np.floor(at + 0.5))
    first, last = max(nearest - half, 0), min(nearest + half + 1, length)
    for i in range(first, last):
        weights[i - first] = np.exp(-0.5 * ((i - at) / sigma) ** 2)
    return first, last


@numba.njit(cache=True)
def add_gaussians(layer, voxels, sigma, half):  # type: ignore[no-untyped-def]
    """Add a unit Gaussian at each place to an array."""
    wx, wy, wz = np.empty(2 * half + 1), np.empty(2 * half + 1), np.empty(2 * half + 1)
    for n in range(len(voxels)):
        i0, i1 = _profile(voxels[n, 0], sigma, half, layer.shape[0], wx)
        j0, j1 = _profile(voxels[n, 1], sigma, half, layer.shape[1], wy)
        k0, k1 = _profile(voxels[n, 2], sigma, half, layer.shape[2], wz)
        for i in range(i0, i1):
            for j in range(j0, j1):
                w = wx[i - i0] * wy[j - j0]
                for k in range(k0, k1):
                    layer[i, j, k] += w * wz[k - k0]


@numba.njit(cache=True, parallel=True)
def _matched(volume, voxels, sigma, half, result):  # type: ignore[no-untyped-def]
    """Height of the best-fitting Gaussian at each position."""
    for n in numba.prange(len(voxels)):
        wx, wy, wz = np.empty(2 * half + 1), np.empty(2 * half + 1), np.empty(2 * half + 1)
        i0, i1 = _profile(voxels[n, 0], sigma, half, volume.shape[0], wx)
        j0, j1 = _profile(voxels[n, 1], sigma, half, volume.shape[1], wy)
        k0, k1 = _profile(voxels[n, 2], sigma, half, volume.shape[2], wz)
        total, square = 0.0, 0.0
        for i in range(i0, i1):
            for j in range(j0, j1):
                w = wx[i - i0] * wy[j - j0]
                for k in range(k0, k1):
                    g = w * wz[k - k0]
                    total += g * volume[i, j, k]
                    square += g * g
        result[n] = total / square
