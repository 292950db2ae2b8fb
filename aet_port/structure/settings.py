"""Settings of the structure analysis."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from aet_port.core.errors import InputError
from aet_port.core.limits import LARGEST_SEED
from aet_port.core.settings import Settings, setting

LEAST_DRAWS = 5  # drawn models below which no statistics are stated


class AnalyzeSettings(Settings):
    """``[analyze]``: see :func:`aet_port.structure.analysis.analyze`."""

    cutoff: float | None = setting(
        None,
        "Distance up to which two atoms are neighbours; the first valley of the pair distribution"
        " unless given.",
        unit="angstrom",
        example=4.12,
        gt=0,
        le=100,
    )
    delta: float = setting(0.255, "Largest distortion of an accepted tetrahedron.", gt=0, le=10)
    resample: int = setting(
        0,
        "Number of models drawn from the uncertainties of the atoms, for an interval of every"
        " result; 0: none, else at least 5. Each takes as long as three or four analyses.",
        ge=0,
        le=10_000,
    )
    sigma: float | None = setting(
        None,
        "Standard error of each coordinate of every atom for these draws, instead of the errors"
        " that the model states.",
        unit="pm",
        example=10.0,
        gt=0,
        le=10_000,
    )
    seed: int = setting(0, "Seed of these draws.", ge=0, le=LARGEST_SEED)

    @model_validator(mode="after")
    def _enough_draws(self) -> Self:
        if 0 < self.resample < LEAST_DRAWS:
            expected = f"at least {LEAST_DRAWS} drawn models, or 0 for none"
            raise InputError("resample", str(self.resample), expected)
        return self


DEFAULTS = AnalyzeSettings()
OF_DRAWS = ("resample", "sigma", "seed")  # settings without effect on an analysis itself
