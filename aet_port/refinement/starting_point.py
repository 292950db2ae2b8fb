"""Initial heights and B factors of a refinement, by linear least squares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.refinement.forward import Forward
from aet_port.refinement.parameters import Parameters
from aet_port.refinement.quasi_newton import Vector

START_IMAGES = 8  # images to which heights and B factors are first fitted
START_B = np.geomspace(2.0, 30.0, 12)  # square angstrom, values tried on them


def start_values(
    forward: Forward,
    positions: NDArray,
    images: NDArray,
    heights: Mapping[str, float] | None = None,
    b_factors: float | Mapping[str, float] | None = None,
    offsets: bool = False,
) -> Parameters:
    """Initial heights and B factors, by linear least squares on some of the images.

    Parameters
    ----------
    forward
        The forward model of the images.
    positions
        Shape (n_atoms, 3), angstrom.
    images
        Shape (n_images, nx, ny), measured.
    heights
        Heights by symbol; fitted unless given.
    b_factors
        One value for all or values by symbol; unless given, the best common one of several.
    offsets
        Whether each image may have a constant, which is then excluded from the fit.

    Raises
    ------
    InputError
        If a given value is missing for a species or not above zero, or a fitted height is zero or
        less.
    """
    kinds = forward.kinds
    given = None if heights is None else _by_kind("heights", heights, kinds)
    widths = (
        [np.full(len(kinds), b) for b in START_B]
        if b_factors is None
        else [_by_kind("b_factors", b_factors, kinds)]
    )
    chosen = np.unique(np.linspace(0, len(forward) - 1, START_IMAGES).astype(int))
    best: tuple[float, Parameters] | None = None
    for b in widths:
        if given is not None and len(widths) == 1:
            return Parameters.start(positions, given, b, len(forward))
        trial = Parameters.start(positions, np.ones(len(kinds)), b, len(forward))
        matrix, right = np.zeros((len(kinds), len(kinds))), np.zeros(len(kinds))
        for number in chosen:
            parts = forward.parts(trial, number).reshape(len(kinds), -1).astype(np.float64)
            image = images[number].reshape(-1).astype(np.float64)
            if offsets:
                parts = parts - parts.mean(axis=1, keepdims=True)
                image = image - image.mean()
            matrix += parts @ parts.T
            right += parts @ image
        found = np.asarray(
            np.linalg.lstsq(matrix, right, rcond=None)[0] if given is None else given, np.float64
        )
        left = float(found @ matrix @ found - 2 * right @ found)  # residual, minus a constant
        if best is None or left < best[0]:
            best = left, replace(trial, heights=found)
    assert best is not None
    for kind, height in zip(kinds, best[1].heights, strict=True):
        if not height > 0:
            raise InputError(
                f"heights: {kind}",
                f"{height:.4g} in the fit to the images",
                f"images that show the {kind} atoms; check angles, origin and pixel size, or"
                " give the heights",
            )
    return best[1]


def _by_kind(name: str, values: float | Mapping[str, float], kinds: list[str]) -> Vector:
    found = []
    for kind in kinds:
        if isinstance(values, Mapping) and kind not in values:
            raise InputError(name, f"nothing for {kind}", f"a value for {kind}")
        value = float(values[kind] if isinstance(values, Mapping) else values)
        if not (np.isfinite(value) and value > 0):
            raise InputError(name, f"{value!r} for {kind}", "a number above zero")
        found.append(value)
    return np.array(found)
