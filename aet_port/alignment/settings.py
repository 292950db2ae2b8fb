"""Settings of the refinement of tilt angles and image shifts."""

from __future__ import annotations

from typing import Literal

from aet_port.core.settings import Settings, setting

Method = Literal["gauss-newton", "scan"]


class RefineAnglesSettings(Settings):
    """``[refine_angles]``: see :func:`aet_port.alignment.from_volume.refine_angles`.

    The settings of RESIRE not named here are those of ``[reconstruct]``.
    """

    method: Method = setting(
        "gauss-newton", "Gauss-Newton steps on all images, or the papers' scan over trial angles."
    )
    max_rounds: int = setting(80, "Largest number of rounds.", ge=1, le=10_000)
    iterations: int = setting(10, "RESIRE iterations in each round.", ge=1, le=10_000)
    tolerance: float = setting(
        0.001, "Stop when R1 falls by less than this fraction in six rounds.", gt=0, le=1
    )
    max_correction: float = setting(
        5.0,
        "Largest allowed angle correction; a larger one is an error.",
        unit="degrees",
        gt=0,
        le=180,
    )


DEFAULTS = RefineAnglesSettings()
