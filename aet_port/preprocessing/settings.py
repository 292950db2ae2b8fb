"""Settings of the way from raw frames to a clean tilt series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from aet_port.core.errors import InputError
from aet_port.core.scan_distortion import ScanDistortion
from aet_port.preprocessing.film_alignment import Region
from aet_port.preprocessing.noise import NoiseModel

Denoiser = Literal["auto", "bm3d", "nlm", "wiener", "none"]


@dataclass(frozen=True)
class PreprocessSettings:
    """What is done to raw frames.

    Parameters
    ----------
    slow_axis
        The direction in which line follows line: 0 (lines run along y, the tilt axis) or 1.
    repair
        Whether dead and hot pixels take the median of their neighbours.
    saturation
        Value at which the detector saturates; clipping is recognised without it.
    offset
        Value of a pixel that no electron reaches.
    noise
        Of one raw frame; estimated unless given.
    max_drift, jitter
        Of :func:`~.drift.correct_drift`.
    denoise
        ``"bm3d"``, ``"nlm"``, the first of them that is installed (``"auto"``), ``"wiener"`` (by
        the spectrum of all frames, :func:`~.frame_spectrum.wiener_filter`), or ``"none"``.
    strength
        Of :func:`~.denoising.denoise` or the Wiener filter; None searches it (one for the latter).
    background
        Whether it is subtracted; None: unless a film is aligned, which leaves no border.
    margin, smoothing
        Of :func:`~.background.remove_background`, pixels.
    clear_outside
        Whether pixels outside the sample's mask become zero.
    distortion
        Of the scan coils, from a calibration; or ``"estimate"``. For 1000 atoms the estimate is
        off by 0.1 to 0.2 %; a refinement of the atoms (``scan_shear``) finds what it leaves.
    tilt_axis
        Its direction, degrees from y towards x; or ``"find"``.
    film_marker
        Aligns a film by this region, see :func:`~.film_alignment.align_film`; a particle unless
        given.
    second_background
        Whether the background is estimated once more on the aligned images.
    """

    slow_axis: int = 0
    repair: bool = True
    saturation: float | None = None
    offset: float = 0.0
    noise: NoiseModel | None = None
    max_drift: float | None = None
    jitter: bool = False
    denoise: Denoiser = "auto"
    strength: float | None = 1.0
    background: bool | None = None
    margin: float = 8.0
    smoothing: float = 5.0
    clear_outside: bool = True
    distortion: ScanDistortion | Literal["estimate"] | None = None
    tilt_axis: float | Literal["find"] | None = None
    film_marker: Region | None = None
    second_background: bool = False

    def __post_init__(self) -> None:
        if self.slow_axis not in (0, 1):
            raise InputError("slow_axis", f"{self.slow_axis!r}", "0 (x) or 1 (y)")
        if self.denoise not in get_args(Denoiser):
            known = ", ".join(get_args(Denoiser))
            raise InputError("denoise", f"{self.denoise!r}", f"one of {known}")
        if self.strength is not None and not 0 < self.strength < np.inf:
            raise InputError("strength", f"{self.strength!r}", "a number above zero, or None")
        if isinstance(self.distortion, str) and self.distortion != "estimate":
            raise InputError("distortion", f"{self.distortion!r}", "a ScanDistortion or 'estimate'")
        axis = self.tilt_axis
        if (
            axis is not None
            and axis != "find"
            and not (isinstance(axis, int | float) and abs(axis) <= 90)
        ):
            raise InputError("tilt_axis", f"{axis!r}", "degrees between -90 and 90, or 'find'")
        if self.distortion == "estimate" and axis is not None:
            # A turn by a is shear_y = a, shear_x = -a: the two cannot be told apart.
            raise InputError(
                "distortion", "'estimate' together with a tilt axis", "a calibrated distortion"
            )
        if not self.with_background and self.needs_background:
            raise InputError(
                "background",
                "False with a distortion or a tilt axis to be found, or for a particle",
                "True: these steps need a sample on zero",
            )

    @property
    def with_background(self) -> bool:
        """Whether a background is subtracted."""
        return self.film_marker is None if self.background is None else self.background

    @property
    def needs_background(self) -> bool:
        """Whether a step depends on a sample that stands on zero."""
        found = self.distortion == "estimate" or self.tilt_axis == "find"
        return found or self.film_marker is None
