"""A volume and a model, opened for review."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.errors import InputError
from aet_port.reviewing.grid import Grid, open_volume
from aet_port.reviewing.images import ImagesOfAtoms
from aet_port.reviewing.leftovers import of_volume
from aet_port.reviewing.log import EditLog
from aet_port.reviewing.session import Session
from aet_port.tracing.edit_replay import Replay


def open_files(
    volume: str | Path | Volume | None,
    model: AtomicModel,
    *,
    edits: str | Path | None = None,
    voxel_size: float | None = None,
    variable: str | None = None,
    series: TiltSeries | None = None,
    species: tuple[str, ...] = (),
    author: str = "",
    at: int | None = None,
    hint: str = "",
) -> Session:
    """A model with a volume, and images if given.

    Parameters
    ----------
    volume
        A file or a volume in memory; None for atoms alone.
    model
        The model, in the frame of the volume.
    edits
        File of the edits, .csv or .jsonl; nothing may be changed without.
    voxel_size, variable
        Of the volume's file, see :func:`aet_port.io.read_volume`.
    series
        Images of the same sample.
    species
        Species that an atom may be given; those of the model unless given.
    author, at
        Who looks, and number of the atom to begin with.
    hint
        What to do when all is done.

    Raises
    ------
    AetError
        If a file can't be read, or the edits belong to another model.
    """
    grid: Grid | None = None
    if isinstance(volume, Volume):
        grid = Grid(volume)
    elif volume is not None:
        grid = open_volume(volume, voxel_size, variable)
    if grid is not None and not np.isfinite(grid.values(model.positions)).any():
        raise InputError(model.name, "no atom inside the volume", "a model in the volume's frame")
    known = species or tuple(sorted(set(model.species) - {"X"})) or ("X",)
    path = None if edits is None else Path(edits)
    images = None if series is None else ImagesOfAtoms(series)
    find = None if grid is None else of_volume(grid, model)
    return Session(
        model.name, model, EditLog(model, path), Replay.of(model), known, None, grid, images, find,
        hint, author, at,
    )  # fmt: skip
