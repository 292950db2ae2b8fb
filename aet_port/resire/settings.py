"""Settings of a RESIRE reconstruction."""

from __future__ import annotations

from typing import Literal

from aet_port.core.settings import Settings, setting

Method = Literal["fourier-slice", "radon"]
Precision = Literal["single", "double", "reference-glass", "reference-film"]


class ReconstructSettings(Settings):
    """``[reconstruct]``: see :func:`aet_port.resire.reconstruction.reconstruct`."""

    iterations: int = setting(200, "Iterations of gradient descent.", ge=1)
    oversampling: float | tuple[float, float, float] = setting(
        3.0, "Oversampling of the Fourier grid: one ratio, or three for x, y, z.", ge=1
    )
    step: float = setting(2.0, "Normalised step of the gradient descent, usually 1 to 3.", gt=0)
    extended: bool = setting(False, "The sample is a film wider than the images.")
    n_z: int | None = setting(
        None,
        "Size of the volume along the beam; the x size of the images unless given.",
        unit="voxels",
        example=100,
        ge=1,
    )
    positivity: bool = setting(True, "Set negative voxels to zero in every iteration.")
    support: str | None = setting(
        None, "Volume file; voxels where it is zero are fixed at zero.", example="support.mrc"
    )
    mask: str | None = setting(None, "File of a weight for each pixel.", example="mask.npy")
    initial: str | None = setting(None, "Volume file to start from.", example="start.mrc")
    method: Method = setting("fourier-slice", "Projector.")
    precision: Precision = setting(
        "single", "Floating-point precision; reference-* rounds as the papers' code does."
    )


DEFAULTS = ReconstructSettings()
