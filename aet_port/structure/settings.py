"""Settings of the structure analysis."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from aet_port.core.errors import InputError
from aet_port.core.settings import Settings, setting

SMALLEST_RING, LARGEST_RING = 3, 24  # atoms
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
    )
    delta: float = setting(0.255, "Largest distortion of an accepted tetrahedron.", gt=0)
    rings: int = setting(
        0,
        "Size of the largest rings of bonds that are counted, 3 to 24 atoms; 0: none. In dense"
        " packings, where few rings have more than 6, larger sizes take long.",
        ge=0,
        le=LARGEST_RING,
    )
    voids: Literal["none", "centres", "surfaces"] = setting(
        "none",
        "Largest empty spheres between the atoms, which end at the centres or at the surfaces of"
        " the atoms (covalent radii); none: they are not searched.",
    )
    resample: int = setting(
        0,
        "Number of models drawn from the uncertainties of the atoms, for an interval of every"
        " result; 0: none, else at least 5. Each takes as long as three or four analyses.",
        ge=0,
    )
    sigma: float | None = setting(
        None,
        "Standard error of each coordinate of every atom for these draws, instead of the errors"
        " that the model states.",
        unit="pm",
        example=10.0,
        gt=0,
    )
    seed: int = setting(0, "Seed of these draws.", ge=0)

    @model_validator(mode="after")
    def _three_atoms(self) -> Self:
        if 0 < self.rings < SMALLEST_RING:
            expected = f"a size from {SMALLEST_RING} to {LARGEST_RING}, or 0 for none"
            raise InputError("rings", str(self.rings), expected)
        return self

    @model_validator(mode="after")
    def _enough_draws(self) -> Self:
        if 0 < self.resample < LEAST_DRAWS:
            expected = f"at least {LEAST_DRAWS} drawn models, or 0 for none"
            raise InputError("resample", str(self.resample), expected)
        return self


DEFAULTS = AnalyzeSettings()
ON_REQUEST = ("rings", "voids")  # measures that are left out unless asked for
OF_DRAWS = ("resample", "sigma", "seed")  # settings without effect on an analysis itself
