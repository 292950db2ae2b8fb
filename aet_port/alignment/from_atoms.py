"""Refinement of tilt angles against an atomic model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from aet_port.alignment.from_volume import AngleRefinement, refine_angles
from aet_port.alignment.settings import DEFAULTS, Method
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.simulation.linear import B_FACTOR, project_atoms


def refine_angles_to_model(
    series: TiltSeries,
    model: AtomicModel,
    b_factor: float | Mapping[str, float] = B_FACTOR,
    intensities: Mapping[str, float] | None = None,
    *,
    method: Method = DEFAULTS.method,
    max_rounds: int = DEFAULTS.max_rounds,
    tolerance: float = DEFAULTS.tolerance,
    max_correction: float = DEFAULTS.max_correction,
    threads: int | None = None,
    progress: bool = False,
) -> AngleRefinement:
    """Refine angles as :func:`~aet_port.alignment.from_volume.refine_angles`, against a model.

    Calculated images are linear projections of the model, which defines the frame: a rotation or
    displacement of the whole series relative to it is found like that of a single image.

    Parameters
    ----------
    series
        Projections and angles.
    model
        Positions in angstrom, the origin on the rotation centre.
    b_factor, intensities
        As in :func:`aet_port.simulation.linear.project_atoms`; the scale of an image does not
        matter.
    method, max_rounds, tolerance, max_correction, threads, progress
        As in :func:`~aet_port.alignment.from_volume.refine_angles`.

    Notes
    -----
    MATLAB: none
    """
    project = partial(
        project_atoms,
        model,
        pixel_size=series.pixel_size,
        shape=series.detector,
        b_factor=b_factor,
        intensities=intensities,
    )
    return refine_angles(
        series,
        project=project,
        method=method,
        max_rounds=max_rounds,
        tolerance=tolerance,
        max_correction=max_correction,
        threads=threads,
        progress=progress,
    )
