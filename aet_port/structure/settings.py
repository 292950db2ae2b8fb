"""Settings of the structure analysis."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from aet_port.core.errors import InputError
from aet_port.core.limits import LARGEST_SEED
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
        le=100,
    )
    delta: float = setting(0.255, "Largest distortion of an accepted tetrahedron.", gt=0, le=10)
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

    templates: bool = setting(
        False,
        "Match the surroundings of each atom with crystal lattices through OVITO (extra ovito):"
        " polyhedral template matching with strain, and common-neighbour analysis.",
    )
    template_rmsd: float = setting(
        0.1,
        "Largest root-mean-square deviation from a template, relative to the nearest-neighbour"
        " distance, at which an atom has its structure.",
        gt=0,
        le=1,
    )
    lattice_spacing: float | None = setting(
        None,
        "Nearest-neighbour distance of the unstrained lattice, from which strain is measured; the"
        " mean of the atoms of each structure unless given.",
        unit="angstrom",
        example=2.86,
        gt=0,
        le=100,
    )
    chemical_radius: float | None = setting(
        None,
        "Radius around each atom for its local Warren-Cowley parameters; the cut-off unless given.",
        unit="angstrom",
        example=3.6,
        gt=0,
        le=100,
    )

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


class ChemicalMapSettings(Settings):
    """Grid of a map: see :func:`aet_port.structure.bonds.chemical_maps.chemical_map`."""

    map_sigma: float | None = setting(
        None,
        "Standard deviation of the Gaussian for a map of the chemical order; the radius around each"
        " atom unless given.",
        unit="angstrom",
        example=5.0,
        gt=0,
        le=1000,
    )
    map_voxel: float = setting(
        1.0, "Voxel size of a map of the chemical order.", unit="angstrom", ge=0.01, le=1000
    )


class DensityMapSettings(Settings):
    """Map of the density: see :func:`aet_port.structure.interpolated_density`."""

    density_sigma: float | None = setting(
        None,
        "Standard deviation of the Gaussian for a map of the density; the cut-off, that is the"
        " distance of the first shell, unless given.",
        unit="angstrom",
        example=4.12,
        gt=0,
        le=1000,
    )
    density_voxel: float = setting(
        1.0, "Voxel size of a map of the density.", unit="angstrom", ge=0.01, le=1000
    )
    density_interpolation: Literal["linear", "nearest"] = setting(
        "linear",
        "How the density is interpolated between the atoms: linear, or nearest for that of the"
        " nearest atom.",
    )


DEFAULTS = AnalyzeSettings()
DENSITY_DEFAULTS = DensityMapSettings()
MAP_DEFAULTS = ChemicalMapSettings()
OF_DRAWS = ("resample", "sigma", "seed")  # settings without effect on an analysis itself
# Settings of measures on request, which motifs and networks don't depend on.
ON_REQUEST = (
    *("templates", "template_rmsd", "lattice_spacing", "chemical_radius"),
    *("rings", "voids"),
)
