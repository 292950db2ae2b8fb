"""Data returned by the readers of image files of all formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.io.statements import Stated, settled_angles, settled_size
from aet_port.io.units import ReciprocalSize


@dataclass(frozen=True, eq=False)
class RawImages:
    """Images of one file and what it and the files beside it state about them.

    Parameters
    ----------
    images
        Shape (n, nx, ny), in the type stored.
    angles
        Tilt angles in degrees by source, the most reliable first: shape (n,) or one per tilt.
    pixel_sizes
        Pixel sizes in angstrom by source, the most reliable first.
    tilt_axes
        Directions of the tilt axis in degrees from y towards x by source.
    frames_per_tilt
        Number of frames of each tilt; None if not in the file.
    metadata
        All other information, in the types of JSON.
    """

    images: NDArray
    angles: Sequence[Stated[NDArray[np.float64]]] = ()
    pixel_sizes: Sequence[Stated[float]] = ()
    tilt_axes: Sequence[Stated[float]] = ()
    frames_per_tilt: list[int] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def pixel_size(self) -> float | None:
        """Pixel size in angstrom; None if no source states it.

        Raises
        ------
        AetError
            If the sources contradict each other, or the only one cannot be used.
        """
        known = [item for item in self.pixel_sizes if item.certain]
        return settled_size("images", known, None) if known else None

    @property
    def reciprocal_size(self) -> float | None:
        """Pixel size of a diffraction pattern in 1/angstrom, as 1/d; None if none is stated."""
        problems = [item.problem for item in self.pixel_sizes]
        return next((one.per_angstrom for one in problems if isinstance(one, ReciprocalSize)), None)

    def tilt_angles(self) -> NDArray[np.float64] | None:
        """Tilt angles in degrees; None if no source states them.

        Raises
        ------
        AetError
            If the only source cannot be used.
        """
        return settled_angles("images", self.angles, None)
