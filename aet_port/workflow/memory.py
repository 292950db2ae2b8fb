"""Memory that the stages of a run need, compared with what is left before the first one starts.

Each stage compares again when it starts: here are those of which the sizes of the images, or of the
model that is simulated, tell beforehand how much they need. They take it one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import TiltSeries
from aet_port.core.memory import check_memory
from aet_port.core.parallel import check_threads
from aet_port.detection import memory as of_detect
from aet_port.preprocessing import chain as of_preprocess
from aet_port.refinement import memory as of_refine
from aet_port.resire import memory as of_reconstruct
from aet_port.resire.grid import make_grid
from aet_port.simulation import raw_frames as of_frames
from aet_port.simulation import tilt_series as of_simulate
from aet_port.simulation.settings import LARGER_PIXELS
from aet_port.tracing import memory as of_classify
from aet_port.workflow.config import RunConfig
from aet_port.workflow.series import input_data
from aet_port.workflow.synthetic_stages import kept_truth, nominal_angles

Need = tuple[str, float, str]  # stage, bytes, what to change


@dataclass(frozen=True)
class Extent:
    """What a tilt series and its sample are known to hold before the run.

    Attributes
    ----------
    angles
        Shape (n, 3), degrees.
    detector
        Number of pixels of an image along x and y.
    pixel_size
        Angstrom.
    n_atoms
        Number of atoms; zero if it is not known.
    """

    angles: NDArray[np.float64]
    detector: tuple[int, int]
    pixel_size: float
    n_atoms: int = 0


def check_new_run(
    config: RunConfig,
    *,
    threads: int | None = None,
    scheduler: str | None = None,
    memo: dict[str, Any] | None = None,
) -> None:
    """Read all input data of a run, and refuse stages that need more memory than is left.

    Parameters
    ----------
    config
        Settings of the run.
    threads
        Number of threads; all cores unless given.
    scheduler
        Address of a Dask scheduler; the memory of its workers is theirs to compare.
    memo
        Where the true model of a simulation is kept for its stages.

    Raises
    ------
    InputError
        With the name of the stage and both figures.
    AetError
        If the data can't be read or used.
    """
    used = check_threads(threads)
    if config.simulated:
        needs = _of_simulation(config, used, {} if memo is None else memo)
        _check(needs, scheduler)
        return
    for data in input_data(config):
        if not isinstance(data, TiltSeries):
            continue  # how the images will be cropped is not known: the first stage compares
        extent = Extent(data.angles, data.detector, data.pixel_size)
        _check(stage_needs(config, extent, used), scheduler)


def _check(needs: Iterator[Need], scheduler: str | None) -> None:
    for stage, needed, advice in needs if scheduler is None else ():
        check_memory(stage, needed, advice)


def _of_simulation(config: RunConfig, threads: int, memo: dict[str, Any]) -> Iterator[Need]:
    """Needs of the stages that make the images, and of those that follow."""
    settings, frames, steps = config.simulate, config.simulate_frames, config.preprocess
    if settings is None:
        raise AssertionError("a run that simulates its data")
    truth, angles = kept_truth(config, memo), np.atleast_2d(np.asarray(nominal_angles(config)))
    shape = settings.shape or (
        of_simulate.series_shape(truth, angles, settings)
        if frames is None
        else of_simulate.fitting_shape(truth, angles, settings.pixel_size)
    )
    extent = Extent(angles, shape, settings.pixel_size, len(truth))
    n = len(angles)
    if frames is None:
        yield "simulate", of_simulate.needed_memory(n, shape), LARGER_PIXELS
    else:
        wide = (shape[0] + 2 * frames.border, shape[1] + 2 * frames.border)
        needed = of_frames.needed_memory(n, frames.n_frames, wide)
        yield "simulate_frames", needed, of_frames.FEWER_FRAMES
        held = 4.0 * n * frames.n_frames * math.prod(wide)
        yield "preprocess", of_preprocess.needed_memory(held, n, wide), of_preprocess.LESS
        if steps is None or steps.crop is None:
            return
        extent = replace(extent, detector=steps.crop)
    yield from stage_needs(config, extent, threads)


def stage_needs(config: RunConfig, extent: Extent, threads: int) -> Iterator[Need]:
    """Name, bytes and advice of the stages that work on a tilt series and its model.

    Parameters
    ----------
    config
        Settings of the run.
    extent
        Sizes of series and sample.
    threads
        Number of threads.
    """
    n, kinds = len(extent.angles), len(config.species)
    resire, shape = config.reconstruct, extent.detector
    if config.refine_angles is not None or not config.from_counts:
        ratios, film = resire.oversampling, resire.extended
        grid = make_grid(shape, extent.angles, ratios, film, resire.n_z)
        stage = "refine_angles" if config.from_counts else "reconstruct"
        yield stage, of_reconstruct.needed_memory(grid, resire, threads), of_reconstruct.LESS
    if config.from_counts:
        needed = of_detect.needed_memory(n, shape, extent.pixel_size, config.detect)
        yield "detect", needed, of_detect.LESS
        return
    voxels = shape[0] * shape[1] * (resire.n_z or shape[0])
    if kinds > 1:
        needed = of_classify.needed_memory(voxels, extent.n_atoms, config.classify)
        yield "classify", needed, of_classify.LESS
    refine = config.refine
    if refine is not None and refine.method == "lbfgs":
        canvas, _ = of_refine.canvas_of(shape, extent.pixel_size)
        item = 8 if refine.precision == "double" else 4
        needed = of_refine.needed_memory(canvas, kinds, extent.n_atoms, threads, item)
        yield "refine", needed, of_refine.LESS
