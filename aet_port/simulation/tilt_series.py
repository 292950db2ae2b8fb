"""Simulation of measured tilt series: engine, microscope, errors and noise."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import ase
import numpy as np
from numpy.typing import ArrayLike

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_model
from aet_port.core.errors import InputError, OutputError
from aet_port.core.files import check_target, partial_folder, sync_file, sync_folder
from aet_port.core.geometry import euler_rotations
from aet_port.core.memory import check_memory
from aet_port.core.scattering import adf_cross_section
from aet_port.io import write_tilt_series
from aet_port.simulation.acquisition import Acquired, acquire
from aet_port.simulation.linear import project_atoms
from aet_port.simulation.multislice import multislice_images
from aet_port.simulation.settings import LARGER_PIXELS, SIMULATE, SimulateSettings

SERIES_SUFFIXES = (".npy", ".mat", ".mrc", ".mrcs", ".st", ".ali", ".tif", ".tiff")
WIDEST = 16_384  # pixels of the side of an image
VACUUM = 3.0  # angstrom between the outermost atom and the edge of an image


def fitting_shape(
    model: AtomicModel, angles: ArrayLike, pixel_size: float, shift_error: float = 0.0
) -> tuple[int, int]:
    """Number of pixels (nx, ny), both odd, of images that show the whole model at every tilt.

    Parameters
    ----------
    model
        Positions in angstrom about the rotation centre.
    angles
        Shape (n, 3): phi, theta, psi in degrees.
    pixel_size
        Angstrom.
    shift_error
        Largest displacement of the images, pixels.
    """
    reach = np.zeros(2)
    for rotation in euler_rotations(angles):
        seen = np.abs(model.positions @ rotation[:2].T).max(axis=0)
        reach = np.maximum(reach, seen)
    nx, ny = (odd_size(float(r), pixel_size, shift_error) for r in reach)
    return nx, ny


def odd_size(reach: float, pixel_size: float, more: float = 0.0) -> int:
    """Odd number of pixels for a radius in angstrom about the centre, plus vacuum.

    Raises
    ------
    InputError
        For images that no detector has, because of an atom far from the others or small pixels.
    """
    pixels = 2 * int(np.ceil((reach + VACUUM) / pixel_size + more)) + 1
    if pixels > WIDEST:
        raise InputError(
            "atoms: positions",
            f"an atom {reach:.4g} angstrom from the origin, for which an image needs"
            f" {pixels} pixels",
            f"atoms that {WIDEST} pixels hold: remove stray atoms, or raise --pixel-size",
        )
    return pixels


def series_shape(
    model: AtomicModel, angles: ArrayLike, settings: SimulateSettings
) -> tuple[int, int]:
    """Number of pixels (nx, ny) of images that show the whole model in spite of all errors.

    Parameters
    ----------
    model, angles
        As in :func:`fitting_shape`.
    settings
        Pixel size, and errors of angles and positions.
    """
    errors = settings.acquisition
    radius = float(np.linalg.norm(model.positions, axis=1).max())
    turned = radius * np.radians(2 * errors.angle_error) / settings.pixel_size
    return fitting_shape(model, angles, settings.pixel_size, errors.shift_error + turned)


def needed_memory(n_images: int, shape: tuple[int, int]) -> float:
    """Bytes of a simulated series of ``n_images`` of ``shape`` pixels.

    In double precision: images, moved images, electrons, counts, read noise.
    """
    return 8.0 * 5 * n_images * math.prod(shape)


@checked
def simulate(
    model: AtomicModel | ase.Atoms,
    angles: ArrayLike,
    settings: SimulateSettings = SIMULATE,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> Acquired:
    """Simulate the tilt series of a model as it would be measured.

    Images of the model at the true angles are made by linear projection
    (:func:`aet_port.simulation.linear.project_atoms`) or multislice; then errors of angles and
    positions, source size and counting noise are applied (:mod:`aet_port.simulation.acquisition`).

    Parameters
    ----------
    model
        Positions in angstrom with the origin on the rotation centre.
    angles
        Shape (n, 3): nominal phi, theta, psi in degrees.
    settings
        Engine, microscope, errors and noise, see :class:`SimulateSettings`.
    workers, scheduler, checkpoint, progress
        As in :func:`~.multislice.multislice_images`; not used by the linear engine.

    Returns
    -------
    The series with its true angles and shifts.

    Raises
    ------
    AetError
        For anything that engine or acquisition can't use.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle
    >>> from aet_port.simulation.settings import SimulateSettings
    >>> particle = amorphous_particle(20, "Ta")
    >>> angles = [[0, theta, 0] for theta in range(-60, 61, 12)]
    >>> made = aet.simulate(particle, angles, SimulateSettings(pixel_size=0.6, shape=(32, 32)))
    >>> len(made.series), made.series.detector
    (11, (32, 32))
    """
    model = as_model(model)
    optics, errors = settings.microscope, settings.acquisition
    shape = settings.shape or series_shape(model, angles, settings)
    number = len(np.atleast_2d(np.asarray(angles)))
    check_memory("simulate", needed_memory(number, shape), LARGER_PIXELS)
    if settings.engine == "linear":
        intensities = {
            symbol: adf_cross_section(symbol, optics.energy, optics.inner, optics.outer)
            for symbol in sorted(set(model.species))
        }
        project = partial(
            project_atoms,
            model,
            pixel_size=settings.pixel_size,
            shape=shape,
            b_factor=settings.b_factor,
            intensities=intensities,
            probe=settings.linear_probe,
        )
    else:
        project = partial(
            multislice_images,
            model,
            pixel_size=settings.pixel_size,
            shape=shape,
            microscope=optics,
            numerics=settings.numerics,
            seed=errors.seed,
            workers=workers,
            scheduler=scheduler,
            checkpoint=checkpoint,
            progress=progress,
        )
    name = f"{settings.engine} series of {model.name}"
    return acquire(project, angles, settings.pixel_size, errors, name)


def write_measured(
    path: str | Path, acquired: Acquired, record: Mapping[str, Any]
) -> dict[str, Path]:
    """Write a series, its nominal angles and the truth, either all of them or none.

    Parameters
    ----------
    path
        Image file: .npy, .mat, .mrc and variants, .tif. The angles are written to
        ``STEM_angles.txt`` beside it, or into the same .mat file, the truth to ``STEM_truth.json``.
    acquired
        The series.
    record
        Plain values to write before the truth.

    Returns
    -------
    Paths by role: ``projections``, ``angles``, ``truth``.

    Raises
    ------
    InputError
        For another suffix.
    OutputError
        If a file cannot be written.
    """
    target = Path(path)
    check_target(target, SERIES_SUFFIXES)
    angles = (
        target if target.suffix.lower() == ".mat" else target.with_name(f"{target.stem}_angles.txt")
    )
    files = {
        "projections": target,
        "angles": angles,
        "truth": target.with_name(f"{target.stem}_truth.json"),
    }
    text = json.dumps(dict(record) | acquired.truth(), indent=1) + "\n"
    try:
        with partial_folder(target) as folder:
            written = {role: folder / file.name for role, file in files.items()}
            written["truth"].write_text(text, encoding="utf-8")
            write_tilt_series(written["projections"], written["angles"], acquired.series)
            for role in ("truth", "angles", "projections"):
                if written[role].exists():
                    sync_file(written[role])
                    os.replace(written[role], files[role])
            sync_folder(target.parent)
    except OSError as error:
        # The cause gives the reason; the error itself would name a temporary file.
        cause = error.__cause__ if isinstance(error, OutputError) else error
        reason = getattr(cause, "strerror", None) or str(cause)
        raise OutputError(target, reason, "free some space or choose another place") from error
    return files
