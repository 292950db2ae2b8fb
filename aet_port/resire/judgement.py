"""Whether a series can be reconstructed, and what speaks against the volume made of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.core.plausibility import (
    CAUSES,
    ENOUGH,
    check_result,
    result_warnings,
    series_warnings,
)

UNSTABLE = 2.0  # step from which images of a single direction don't settle


def check_step(series: TiltSeries, step: float) -> None:
    """Refuse a step with which the volume of images from one direction does not settle.

    For one direction every iteration multiplies what is left by ``1 - step``; several directions
    share less, so that larger steps are stable.

    Raises
    ------
    InputError
        For a single direction and a step of 2 or more.
    """
    if step >= UNSTABLE and not np.ptp(series.angles, axis=0).any():
        raise InputError(
            f"{series.name}: angles",
            f"a single direction with a step of {step:g}, the limit of stability",
            "images at two or more angles, or --step 1 (step = 1)",
        )


def objections(
    series: TiltSeries, volume: NDArray, r1: NDArray, step: float, positivity: bool
) -> tuple[str, ...]:
    """What speaks against a reconstruction.

    Parameters
    ----------
    series
        The projections.
    volume
        Shape (nx, ny, nz).
    r1
        Shape (iterations, n): R1 of each projection; told from ten iterations on.
    step, positivity
        Settings of the reconstruction.

    Returns
    -------
    One phrase for each objection.

    Raises
    ------
    EmptyResultError
        If there is nothing in the volume.
    """
    images = series.images
    check_result(volume, f"{series.name}: reconstruction")
    found = series_warnings(images, series.angles, positivity=positivity)
    if len(r1) >= ENOUGH:
        causes = CAUSES
        if step > UNSTABLE and r1[-1].mean() >= 1:
            causes = f"R1 does not fall: use a smaller --step than {step:g}, or {CAUSES}"
        found += result_warnings(r1[-1], images, result="the volume", causes=causes)
    return tuple(found)
