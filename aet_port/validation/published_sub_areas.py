"""The published sub-areas of the Ta film: which atoms lie well inside some of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.sub_areas import SubAreas
from aet_port.io.matlab import read_sub_area_table
from aet_port.validation.published_models import FILM, Find

SUB_AREAS = (FILM, "1_Measured_data", "Ta_film", "Sub_area_projections_for_sAET")
FILM_PIXEL = 0.3216  # angstrom
FILM_VOXELS = (401, 351, 341)
PUBLISHED = (1, 2, 3, 17, 18, 19)  # sub-areas whose projections are known to be at hand


def placed_sub_areas(find: Find) -> SubAreas:
    """The sub-areas in the volume of the film, voxels.

    Parameters
    ----------
    find
        Function from the parts of a path to a file of the public data.

    Raises
    ------
    DataFileError
        If the table of the sub-areas is missing or holds something else.

    Notes
    -----
    MATLAB: 2_RESIRE_package/Main_RESIRE_Ta_film_sAET.m (alignPara.mat)
    """
    table = read_sub_area_table(find(*SUB_AREAS, "alignPara.mat"))
    return SubAreas.from_published(table.centres, table.half_widths)


def inside_sub_areas(
    find: Find, positions: ArrayLike, margin: float, areas: Sequence[int] = PUBLISHED
) -> NDArray[np.bool_]:
    """Atoms of the Ta film that lie deep inside the common field of some sub-areas.

    Parameters
    ----------
    find
        Function from the parts of a path to a file of the public data.
    positions
        Shape (n, 3), angstrom about the middle of the film, as published and as `aet run` writes.
    margin
        Least distance from the border of the field along x and y, angstrom.
    areas
        Sub-areas by their numbers from 1.

    Returns
    -------
    Shape (n,).

    Raises
    ------
    DataFileError
        If the table of the sub-areas is missing or holds something else.
    InputError
        For a sub-area that the table does not have.

    Notes
    -----
    MATLAB: none
    """
    voxels = np.asarray(positions, dtype=np.float64) / FILM_PIXEL + [n // 2 for n in FILM_VOXELS]
    depth = placed_sub_areas(find).border_distance(voxels, [area - 1 for area in areas])
    return np.asarray(depth * FILM_PIXEL > margin)
