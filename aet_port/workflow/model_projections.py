"""Images calculated from the refined model of a run, and their R1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory
from aet_port.refinement.forward import Forward
from aet_port.refinement.memory import LESS
from aet_port.refinement.parameters import Parameters
from aet_port.refinement.r_factors import agreement, fit_images
from aet_port.workflow.config import RunConfig


def project_refined(
    config: RunConfig,
    series: TiltSeries,
    model: AtomicModel,
    refined: Mapping[str, Any],
    threads: int | None = None,
) -> NDArray:
    """Images calculated from a refined model.

    Parameters
    ----------
    config
        Configuration of the run.
    series
        The tilt series.
    model, refined
        The refined model and the record of its refinement.
    threads
        Number of threads; all cores unless given.

    Returns
    -------
    Shape (n, nx, ny).

    Raises
    ------
    InputError
        If the record is not that of this model, or more memory is needed than is left.
    """
    forward = Forward(
        model.species, series.angles, series.pixel_size, series.detector, threads=threads
    )
    images = float(np.dtype(np.float32).itemsize * len(series) * np.prod(series.detector))
    check_memory("projections of the model", forward.needed_memory + images, LESS)
    given = [refined.get(key) for key in ("heights", "b_factors")]
    for kind in forward.kinds:
        if not all(isinstance(one, dict) and kind in one for one in given):
            found = f"no height and B factor of {kind}"
            raise InputError("record of the refinement", found, "that of the refined model")
    heights, b_factors = (
        [refined[key][kind] for kind in forward.kinds] for key in ("heights", "b_factors")
    )
    begin = Parameters.start(model.positions, heights, b_factors, len(series))
    shears = np.array([refined.get(f"shear_{axis}", 0.0) for axis in "xy"])
    settings = config.refine
    # The run does not store shift, scale and offset of each image: fit them to the model. The
    # papers' schedule has none, and the R1 that it records is that of the images as they are.
    fitted = settings is not None and settings.method == "lbfgs"
    fits = settings.image_fits if settings is not None and fitted else []
    return forward.project(fit_images(forward, replace(begin, shears=shears), series.images, fits))


def refined_r1(
    config: RunConfig, series: TiltSeries, model: AtomicModel, refined: Mapping[str, Any]
) -> float:
    """R1 of a refined model, computed anew from it and the images, averaged over these."""
    calculated = project_refined(config, series, model, refined)
    return float(agreement(calculated, series.images).r1.mean())
