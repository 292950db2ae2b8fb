"""Difference of two volumes, the second scaled to the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aet_port.core.arguments import checked
from aet_port.core.data import Volume
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory


@dataclass(frozen=True, repr=False)
class VolumeDifference(Shown):
    """Result of :func:`subtract_volume`.

    Attributes
    ----------
    difference
        First volume minus scaled second one.
    scale, offset
        Of the second volume, by least squares; 1 and 0 if it was not scaled.
    correlation
        Pearson's coefficient of the two volumes.
    r_factor
        ``sum |difference| / sum |first|``.
    """

    difference: Volume
    scale: float
    offset: float
    correlation: float
    r_factor: float

    def summary(self) -> dict[str, Any]:
        """Scale and agreement."""
        return {
            "scale": self.scale,
            "offset": self.offset,
            "correlation": self.correlation,
            "r_factor": self.r_factor,
        }


@checked
def subtract_volume(first: Volume, second: Volume, *, scaled: bool = True) -> VolumeDifference:
    """Subtract a volume from another, after scaling it: ``d = v_1 - (a v_2 + b)``.

    Parameters
    ----------
    first, second
        Volumes of one shape and voxel size; voxels are compared by their number.
    scaled
        Whether ``a`` and ``b`` are fitted by least squares; otherwise they are 1 and 0.

    Returns
    -------
    The difference, at the place of the first volume.

    Raises
    ------
    InputError
        For volumes of different shape or voxel size, or one with the same value everywhere.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> array = np.random.default_rng(0).normal(size=(8, 8, 8))
    >>> first, second = Volume(3 * array + 1, 0.5), Volume(array, 0.5)
    >>> found = subtract_volume(first, second)
    >>> round(found.scale, 6), round(found.offset, 6), bool(found.r_factor < 1e-12)
    (3.0, 1.0, True)
    """
    if first.shape != second.shape or not np.isclose(
        first.voxel_size, second.voxel_size, rtol=1e-4
    ):
        raise InputError(
            second.name,
            f"shape {second.shape}, voxels of {second.voxel_size:g} angstrom",
            f"{first.shape} and {first.voxel_size:g} angstrom like {first.name}",
        )
    check_memory("difference of volumes", 32.0 * first.array.size, "smaller volumes: crop or bin")
    one, other = (np.asarray(volume.array, dtype=np.float64) for volume in (first, second))
    for volume, array in ((first, one), (second, other)):
        if not np.ptp(array):
            raise InputError(volume.name, "one value in all voxels", "the volume of a sample")
    middle, middle_other = one.mean(), other.mean()
    centred = other - middle_other
    cross = float(np.vdot(centred, one - middle))
    square = float(np.vdot(centred, centred))
    correlation = cross / np.sqrt(square * float(one.var()) * one.size)
    scale = cross / square if scaled else 1.0
    offset = float(middle - scale * middle_other) if scaled else 0.0
    difference = one - scale * other - offset
    r_factor = float(np.abs(difference).sum() / np.abs(one).sum())
    name = f"{first.name} less {second.name}"
    left = Volume(difference, first.voxel_size, first.origin, name)
    return VolumeDifference(left, scale, offset, float(correlation), r_factor)
