"""Settings of a RESIRE reconstruction."""

from __future__ import annotations

from typing import Literal

from aet_port.core.limits import LARGEST_IMAGE
from aet_port.core.settings import Settings, setting

Projector = Literal["fourier-slice", "real-space", "radon"]
Precision = Literal["single", "double", "reference-glass", "reference-film"]


class ReconstructSettings(Settings):
    """``[reconstruct]``: see :func:`aet_port.resire.reconstruction.reconstruct`."""

    iterations: int = setting(200, "Number of RESIRE iterations.", ge=1, le=100_000)
    oversampling: float | tuple[float, float, float] = setting(
        3.0,
        "Oversampling of the Fourier grid: one ratio, or one each along x, y and z.",
        ge=1,
        le=20,
    )
    step: float = setting(
        2.0, "Normalised step of the gradient descent, usually 1 to 3.", gt=0, le=100
    )
    extended: bool = setting(False, "Treat the sample as a film wider than the images.")
    n_z: int | None = setting(
        None,
        "Size of the volume along the beam; the x size of the images unless given.",
        unit="voxels",
        example=100,
        ge=1,
        le=LARGEST_IMAGE,
    )
    positivity: bool = setting(True, "Set negative voxels to zero in every iteration.")
    support: str | None = setting(
        None, "Volume file; voxels where it is zero are fixed at zero.", example="support.mrc"
    )
    mask: str | None = setting(
        None, "File with a weight for each pixel of the images.", example="mask.npy"
    )
    initial: str | None = setting(None, "Volume file with the initial volume.", example="start.mrc")
    projector: Projector = setting(
        "fourier-slice",
        "Projector: Fourier slices or real-space sums for any angles; radon: the film paper's for "
        "tilts about y.",
    )
    precision: Precision = setting(
        "single", "Floating-point precision; reference-* rounds as the papers' code does."
    )


DEFAULTS = ReconstructSettings()
