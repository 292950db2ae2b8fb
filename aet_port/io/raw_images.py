"""What a reader of raw microscope data hands to :func:`aet_port.io.frames.read_frames`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.io.units import degrees


@dataclass(frozen=True, eq=False)
class RawImages:
    """Images of one file.

    Parameters
    ----------
    images
        Shape (n, nx, ny), the type as stored, x first.
    angles
        Shape (n,) or one per tilt, in ``angle_unit``; None if the file does not tell.
    pixel_size
        Angstrom; None if the file does not tell.
    frames_per_tilt
        Frames of each tilt; None if the file does not tell.
    metadata
        Everything else, in the types of JSON.
    angle_unit
        As the file spells it; empty if it does not tell. It is judged only when the angles are
        used, so that others can be given in the place of unusable ones.
    angle_source
        The file that told the angles; errors name it.
    """

    images: NDArray
    angles: NDArray[np.float64] | None = None
    pixel_size: float | None = None
    frames_per_tilt: list[int] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    angle_unit: str = "degree"
    angle_source: Path | None = None

    def tilt_angles(self) -> NDArray[np.float64] | None:
        """The angles in degrees; None if the file does not tell.

        Raises
        ------
        InputError
            For another unit, or for angles without a unit that look like radians.
        """
        if self.angles is None:
            return None
        return degrees(self.angle_source or "file", self.angles, self.angle_unit)
