"""Data returned by readers of raw microscope files to :func:`aet_port.io.frames.read_frames`."""

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
        Shape (n, nx, ny), in the type stored.
    angles
        Shape (n,) or one per tilt, in ``angle_unit``; None if not in the file.
    pixel_size
        Angstrom; None if not in the file.
    frames_per_tilt
        Number of frames of each tilt; None if not in the file.
    metadata
        All other information, in the types of JSON.
    angle_unit
        Unit as in the file; empty if not given. It is checked only when the angles are used, so
        that unusable ones can be replaced.
    angle_source
        The file that contains the angles, for errors.
    """

    images: NDArray
    angles: NDArray[np.float64] | None = None
    pixel_size: float | None = None
    frames_per_tilt: list[int] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    angle_unit: str = "degree"
    angle_source: Path | None = None

    def tilt_angles(self) -> NDArray[np.float64] | None:
        """The angles in degrees; None if not in the file.

        Raises
        ------
        InputError
            For another unit, or for angles without a unit that look like radians.
        """
        if self.angles is None:
            return None
        return degrees(self.angle_source or "file", self.angles, self.angle_unit)
