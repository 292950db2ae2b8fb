"""Settings of the structure analysis."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from aet_port.core.errors import InputError
from aet_port.core.limits import LARGEST_SEED
from aet_port.core.settings import Settings, setting

SMALLEST_RING, LARGEST_RING = 3, 24  # atoms
MOST_Q = 100_000  # points of a structure factor
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


class StructureFactorSettings(Settings):
    """See :func:`aet_port.structure.pairs.scattering_methods.scattering_of`."""

    method: Literal["auto", "box", "pdf", "debye"] = setting(
        "auto",
        "From the reciprocal-lattice vectors of a periodic box, through the pair distribution, or"
        " by Debye's sum over a particle; auto: box or debye, or pdf if only some directions are"
        " periodic.",
    )
    weights: Literal["electrons", "xrays", "atoms"] = setting(
        "electrons",
        "What the species count in the total: scattering factors of electrons or of X-rays, or all"
        " atoms alike.",
    )
    q_min: float = setting(
        0.5, "Smallest scattering vector, 2 pi / d.", unit="1/angstrom", ge=0, le=1000
    )
    q_max: float = setting(
        15.0, "Largest scattering vector, 2 pi / d.", unit="1/angstrom", gt=0, le=1000
    )
    q_step: float = setting(
        0.05,
        "Step of the scattering vector, the width of a bin for a box; 0: each length of a box's"
        " vectors by itself, as for the reflections of a crystal.",
        unit="1/angstrom",
        ge=0,
        le=100,
    )
    vectors: int = setting(
        500,
        "About how many reciprocal-lattice vectors of a bin are used, drawn at random where a box"
        " has more; of a crystal more are needed, or --q-step 0, not to miss reflections.",
        ge=1,
        le=10_000_000,
    )
    r_max: float | None = setting(
        None,
        "Range of the pair distribution for the method pdf; 20 unless given, or what the box or"
        " particle allows if that is less.",
        unit="angstrom",
        example=20.0,
        gt=0,
        le=1000,
    )
    window: Literal["lorch", "none"] = setting(
        "lorch", "Window that ends the integral over the pair distribution, method pdf."
    )

    @model_validator(mode="after")
    def _range(self) -> Self:
        if not self.q_min < self.q_max:
            raise InputError("q_max", f"{self.q_max:g}", f"a number above q_min, {self.q_min:g}")
        if self.q_step == 0 and self.method in ("pdf", "debye"):
            raise InputError("q_step", "0", f"a step above zero for the method {self.method}")
        if (self.q_max - self.q_min) / (self.q_step or 1) > MOST_Q:
            expected = f"a step with at most {MOST_Q} points between q_min and q_max"
            raise InputError("q_step", f"{self.q_step:g}", expected)
        return self

    @property
    def spacing(self) -> float:
        """Step of q where it is continuous, 1/angstrom: without bins, that of the defaults."""
        return self.q_step or FACTOR_DEFAULTS.q_step


DEFAULTS = AnalyzeSettings()
DENSITY_DEFAULTS = DensityMapSettings()
FACTOR_DEFAULTS = StructureFactorSettings()
MAP_DEFAULTS = ChemicalMapSettings()
OF_DRAWS = ("resample", "sigma", "seed")  # settings without effect on an analysis itself
# Settings of measures on request, which motifs and networks don't depend on.
ON_REQUEST = (
    *("templates", "template_rmsd", "lattice_spacing", "chemical_radius"),
    *("rings", "voids"),
)
