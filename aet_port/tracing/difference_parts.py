"""Difference between a large volume and its model, part by part, so that it needs little memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import Volume
from aet_port.core.errors import InputError
from aet_port.tracing.difference_maps import (
    MINIMUM_DISTANCE,
    add_gaussians,
    amplitudes,
    difference_map,
    reach,
)
from aet_port.tracing.map_peaks import apart, matched_heights, maxima

SAMPLE = 6.0e5  # voxels of the block on which width and heights are fitted
PART = 3.0e6  # voxels of a part, margins not counted


@dataclass(frozen=True)
class Leftovers:
    """What a model leaves unexplained in a volume.

    Attributes
    ----------
    heights
        Shape (n_atoms,): height of the Gaussian that fits the volume at each atom with its
        neighbours as in the model, in units of its species' height; NaN outside of the volume.
    places
        Shape (m, 3): maxima of the difference away from all atoms, angstrom, highest first.
    scores
        Shape (m,): height of a Gaussian there, in units of the lightest species' height.
    """

    heights: NDArray[np.float64]
    places: NDArray[np.float64]
    scores: NDArray[np.float64]


def leftovers(
    volume: Volume,
    model: AtomicModel,
    threshold: float,
    *,
    out: NDArray | None = None,
    minimum_distance: float = MINIMUM_DISTANCE,
    progress: Callable[[float], None] | None = None,
) -> Leftovers:
    """Maxima of a volume less its model and heights of its atoms, see :func:`difference_map`.

    Width and heights of the Gaussians are those of a block about the middle of the atoms.

    Parameters
    ----------
    volume, model
        Positions in the frame of the volume; atoms outside of it are left out.
    threshold
        Smallest score of a maximum.
    out
        Array of the volume's shape for the difference, such as a file mapped into memory.
    minimum_distance
        Angstrom, of a maximum from all atoms and from higher ones.
    progress
        Called with the fraction that is done.

    Raises
    ------
    InputError
        If a species does not show in the volume.

    Notes
    -----
    MATLAB: none; in the papers missing and extra atoms were found by eye
    """
    voxels, shape = volume.to_voxels(model.positions), np.array(volume.shape)
    inside = np.all((voxels > -0.5) & (voxels < shape - 0.5), axis=1)
    if not inside.any():
        raise InputError(model.name, "no atom in the volume", "a model in the volume's frame")
    symbols = sorted(set(model.species))
    kinds = np.array([symbols.index(symbol) for symbol in model.species])
    by_kind, sigma = _fit(volume, model, voxels, kinds, symbols, inside)
    half, least = reach(sigma), float(by_kind.min())
    found = np.full(len(model), np.nan)
    places, strengths = [], []
    step = max(1, int(PART // (shape[1] * shape[2])))
    for first in range(0, int(shape[0]), step):
        last = min(first + step, int(shape[0]))
        low, high = max(0, first - 2 * half), min(int(shape[0]), last + 2 * half)
        near = inside & (voxels[:, 0] > low - half) & (voxels[:, 0] < high + half)
        difference = np.array(volume.array[low:high], dtype=np.float64)
        moved = voxels[near] - [low, 0, 0]
        for kind, height in enumerate(by_kind):
            layer = np.zeros(difference.shape)
            chosen = np.ascontiguousarray(moved[kinds[near] == kind])
            add_gaussians(layer, chosen, sigma, half)
            difference -= height * layer
        own = inside & (voxels[:, 0] >= first - 0.5) & (voxels[:, 0] < last - 0.5)
        left = amplitudes(difference, voxels[own] - [low, 0, 0], sigma)
        found[own] = 1 + left / by_kind[kinds[own]]
        at, strength = maxima(matched_heights(difference, sigma), threshold * least)
        here = (at[:, 0] >= first - low - 0.5) & (at[:, 0] < last - low - 0.5)
        places.append(at[here] + [low, 0, 0])
        strengths.append(strength[here])
        if out is not None:
            out[first:last] = difference[first - low : last - low]
        if progress is not None:
            progress(last / float(shape[0]))
    at, strength = np.concatenate(places), np.concatenate(strengths)
    order = np.argsort(-strength, kind="stable")
    at, strength = volume.to_positions(at[order]), strength[order]
    far = cKDTree(model.positions).query(at)[0] >= minimum_distance
    chosen = apart(at[far], minimum_distance)
    return Leftovers(found, at[far][chosen], strength[far][chosen] / least)


def _fit(
    volume: Volume,
    model: AtomicModel,
    voxels: NDArray[np.float64],
    kinds: NDArray[np.int64],
    symbols: list[str],
    inside: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], float]:
    """Height of each species and width (voxels), on a block about the middle of the atoms."""
    shape = np.array(volume.shape)
    side = np.minimum(shape, round(SAMPLE ** (1 / 3)))
    while True:
        middle = np.median(voxels[inside], axis=0)
        low = np.clip(np.round(middle - side / 2).astype(int), 0, shape - side)
        there = inside & np.all((voxels >= low) & (voxels <= low + side - 1), axis=1)
        whole = bool((side == shape).all())
        if whole or set(kinds[there]) == set(kinds[inside]):
            break
        side = np.minimum(shape, 2 * side)  # a rare species
    box = tuple(slice(int(a), int(a + n)) for a, n in zip(low, side, strict=True))
    part = Volume(
        np.array(volume.array[box]), volume.voxel_size, volume.to_positions([low])[0], volume.name
    )
    block = AtomicModel.from_positions(
        model.positions[there], [model.species[k] for k in np.flatnonzero(there)], name=model.name
    )
    found = difference_map(part, block)
    median = float(np.median(list(found.heights.values())))
    # A species that only occurs outside of the volume has no height, and needs none.
    return np.array([found.heights.get(one, median) for one in symbols]), (
        found.width / volume.voxel_size
    )
