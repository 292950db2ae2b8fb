"""Comparison of measured and calculated projections of a run, for its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.errors import DataFileError
from aet_port.io import read_volume
from aet_port.refinement.r_factors import agreement
from aet_port.reporting.content import Projections
from aet_port.reporting.memory import check_projections
from aet_port.resire import fourier_slice, single_axis
from aet_port.resire.grid import make_grid
from aet_port.resire.memory import needed_memory
from aet_port.resire.real_space import RealSpaceProjector
from aet_port.resire.realspace_projector import RadonProjector
from aet_port.workflow.config import RunConfig
from aet_port.workflow.model_projections import project_refined

MODEL_IMAGES = "refined model"  # what calculated projections are of


@dataclass(frozen=True)
class Compared:
    """Measured and calculated projections with their R1.

    Attributes
    ----------
    shown
        Measured and calculated.
    r1
        Shape (n,): R1 of each calculated projection; None if there are none.
    name
        Source of the calculated projections; empty if there are none.
    """

    shown: Projections
    r1: NDArray[np.float64] | None
    name: str


def compare_projections(
    config: RunConfig,
    volume_file: Path,
    series: TiltSeries,
    model: AtomicModel | None,
    refined: Mapping[str, Any] | None,
    threads: int,
) -> Compared:
    """Compare the projections of a run with those of its refined model, or else of its volume.

    Parameters
    ----------
    config
        Configuration of the run.
    volume_file
        The volume that was reconstructed from the series.
    series
        The tilt series that the stages used.
    model, refined
        The refined model and the record of its refinement; None if there is none.
    threads
        Number of threads of the projectors.

    Raises
    ------
    DataFileError
        If the volume can't be read or its shape is not that of the run.
    InputError
        If more memory is needed than is left.

    Notes
    -----
    MATLAB: none
    """
    tilt = series.angles[:, 1].astype(np.float64)
    calculated, name = None, ""
    if config.refine is not None and refined is not None and model is not None:
        name = MODEL_IMAGES
        note = "Calculated from the refined model."
        calculated = project_refined(config, series, model, refined, threads)
    elif config.reconstruct.extended:
        note = (
            "calculated projections, because those of an extended film include what lies outside "
            "the volume that the run kept"
        )
    else:
        name = "volume"
        note = "Calculated from the reconstructed volume."
        calculated = _of_volume(config, volume_file, series, threads)
    shown = Projections(tilt, series.images, calculated, series.pixel_size, note)
    r1 = None if calculated is None else agreement(calculated, series.images).r1
    return Compared(shown, r1, name)


def _of_volume(config: RunConfig, path: Path, series: TiltSeries, threads: int) -> NDArray:
    settings = config.reconstruct
    grid = make_grid(series.detector, series.angles, settings.oversampling, n_z=settings.n_z)
    # Volume, its copy and the images, as in a reconstruction.
    check_projections(needed_memory(grid, settings, threads))
    array = read_volume(path, series.pixel_size).array
    if array.shape != grid.shape:
        raise DataFileError(path, f"shape {array.shape}", f"{grid.shape}, as the run made it")
    swapped = np.ascontiguousarray(np.moveaxis(array, 1, 2), dtype=np.float32)
    if settings.projector == "radon":
        return RadonProjector(grid, series.angles).project(swapped, threads)
    if settings.projector == "real-space":
        quirks = settings.precision.startswith("reference")
        return RealSpaceProjector(grid, reference_quirks=quirks).project(swapped, threads)
    project = single_axis.project if grid.single_axis else fourier_slice.project
    return project(swapped, grid, threads)
