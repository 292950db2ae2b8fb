"""Settings of the structure analysis."""

from __future__ import annotations

from aet_port.core.settings import Settings, setting


class AnalyzeSettings(Settings):
    """``[analyze]``: see :func:`aet_port.structure.analysis.analyze`."""

    cutoff: float | None = setting(
        None,
        "Distance up to which two atoms are neighbours; the first valley of the pair distribution"
        " unless given.",
        unit="angstrom",
        example=4.12,
        gt=0,
    )
    delta: float = setting(0.255, "Largest distortion of an accepted tetrahedron.", gt=0)


DEFAULTS = AnalyzeSettings()
