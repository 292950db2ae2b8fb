"""Settings of the comparison of two models."""

from __future__ import annotations

from aet_port.core.settings import Settings, setting


class CompareSettings(Settings):
    """``[compare]``: comparison of the models found with the true one."""

    radius: float = setting(
        1.5, "Largest distance of a matched pair of atoms.", unit="angstrom", gt=0
    )


DEFAULTS = CompareSettings()
