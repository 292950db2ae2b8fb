"""Settings of the comparison of two models."""

from __future__ import annotations

from typing import Literal

from aet_port.core.settings import Settings, setting

Split = Literal["tilts", "counts"]


class CompareSettings(Settings):
    """``[compare]``: comparison of the models found with the true one."""

    radius: float = setting(
        1.5, "Largest distance of a matched pair of atoms.", unit="angstrom", gt=0
    )


class HalfSetSettings(Settings):
    """Validation of a model by halves of its data and by null models."""

    split: Split = setting(
        "tilts", "Halves: even and odd tilts, or each electron in one of two halves of every image."
    )
    draws: int = setting(5, "Number of random models of each null model.", ge=1)
    seed: int = setting(0, "Seed of null models and of the split of counts.", ge=0)


DEFAULTS = CompareSettings()
HALVES = HalfSetSettings()
