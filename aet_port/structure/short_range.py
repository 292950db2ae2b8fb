"""The short-range order of a model in one call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import ase
import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown, angstrom
from aet_port.core.records import plain
from aet_port.structure.bonds.angles import BondAngles, bond_angles
from aet_port.structure.bonds.nuclei import (
    SURROUNDINGS,
    Interface,
    Nuclei,
    find_nuclei,
    interface_width,
    surface_distance,
)
from aet_port.structure.bonds.orientational import BondOrder, bond_order
from aet_port.structure.bonds.warren_cowley import ChemicalOrder, chemical_order
from aet_port.structure.length_units import size_of_units
from aet_port.structure.neighbours import check_atoms, find_neighbours, heights
from aet_port.structure.order_means import Statistic, order_statistics
from aet_port.structure.pairs.density import atom_density
from aet_port.structure.pairs.pair_counting import STEP
from aet_port.structure.pairs.partial_pdf import ALL as ALL_PAIRS
from aet_port.structure.pairs.partial_pdf import ALPHA as PDF_ALPHA
from aet_port.structure.pairs.partial_pdf import R_MAX, PartialPdf, partial_pair_distribution
from aet_port.structure.pairs.pdf import PairDistribution
from aet_port.structure.pairs.peaks import PdfPeaks
from aet_port.structure.pairs.stated_features import stated_peaks
from aet_port.structure.populations import ALL, DISORDERED, Population, choose_population
from aet_port.structure.voronoi.alpha_shapes import alpha_shape
from aet_port.structure.voronoi.analysis import Voronoi, voronoi_analysis
from aet_port.structure.voronoi.triangulation import Triangulation, triangulate

SURFACE_ALPHA = 5.0  # angstrom: excludes surface atoms as in the glass paper's averages
FEWEST = 100  # smallest number of atoms for a pair distribution of their own
LEAST_CENTRES = 10  # atoms of a group below which no Warren-Cowley parameter is stated
OTHERS = " of all atoms"  # behind the name of a measure that is not of the population


@dataclass(frozen=True, repr=False)
class ShortRangeOrder(Shown):
    """Short-range order of one model.

    Attributes
    ----------
    cutoff
        Longest bond, angstrom.
    scattered
        Whether the film paper's rule on scattered crystalline atoms was applied; it needs a
        periodic cell more than 16 angstrom high.
    groups
        Shape (n,): the symbol of each atom, or its array ``type`` if two types are one element.
    bonds
        Bond-orientational order.
    nuclei
        Crystalline atoms and their clusters.
    distance
        Shape (n,): signed distance to the surface of the nuclei, angstrom; NaN without nuclei.
    interface
        Width of the crystalline-amorphous interface.
    pdf
        Pair and partial pair distribution functions of the atoms of the population, or of all atoms
        if these are fewer than 100 (``pdf_of``).
    pdf_of
        ``"disordered"``, ``"all"``, ``"inner"`` or ``"chosen"``.
    peaks
        Minima and peaks of the pair distribution function; NaN for what isn't stated.
    bond_lengths
        First peak of each partial pair distribution function, by pair of groups, angstrom; NaN
        where too few pairs or none lie within the cut-off.
    bond_lengths_of_all
        First peaks among all atoms, ``("*", "*")`` for all pairs, if ``pdf`` is that of some.
    voronoi
        Voronoi cells, faces below 1 % of the surface removed.
    surface
        Shape (n,): atoms on the surface of the sample (alpha shape).
    chemistry, chemistry_of_all
        Partial coordination numbers and Warren-Cowley parameters of the ``inner`` atoms, and of all
        atoms below the surface; None if there are none.
    density
        Shape (n,): mass over the volume of the Voronoi cell, g/cm^3; NaN where the cell is open.
    angles
        Bond angles.
    population
        The atoms that the statistics are made of.
    region
        Shape (n,): atoms of the pair distribution and of the statistics of motifs.
    reasons
        By name of a measure, why it is not stated, or why it differs from another one.
    """

    cutoff: float
    scattered: bool
    groups: NDArray[np.str_]
    bonds: BondOrder
    nuclei: Nuclei
    distance: NDArray[np.float64]
    interface: Interface
    pdf: PartialPdf
    pdf_of: str
    peaks: PdfPeaks
    bond_lengths: dict[tuple[str, str], float]
    bond_lengths_of_all: dict[tuple[str, str], float]
    voronoi: Voronoi
    surface: NDArray[np.bool_]
    chemistry: ChemicalOrder | None
    density: NDArray[np.float64]
    angles: BondAngles
    population: Population
    region: NDArray[np.bool_]
    chemistry_of_all: ChemicalOrder | None = None
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def inner_volumes(self) -> NDArray[np.float64]:
        """Voronoi volumes, NaN for open cells and those on the surface, which reach far out."""
        inner = self.voronoi.closed & ~self.surface
        return np.where(inner, self.voronoi.volume, np.nan)

    def _facts(self) -> dict[str, object]:
        return {
            "atoms": len(self.groups),
            "cut-off": angstrom(self.cutoff),
            "crystalline": int(self.nuclei.crystalline.sum()),
            "on the surface": int(self.surface.sum()),
            "mean coordination": f"{self.voronoi.mean_coordination(self.inner):.4g}",
        }

    @property
    def inner(self) -> NDArray[np.bool_]:
        """Atoms of the population below the surface whose Voronoi cell is closed: (n,)."""
        return self.population.mask & ~self.surface & self.voronoi.closed

    def statistics(self) -> dict[str, Statistic]:
        """Means over atoms by name, each with its number of atoms and standard error.

        Those of the population, and, if this is not all atoms, those `` of all atoms``.
        """
        below = ~self.surface & self.voronoi.closed
        everything = np.ones(len(self.groups), dtype=bool)
        parts = {"": (self.population.mask, self.inner)}
        if not self.population.mask.all():
            parts[OTHERS] = (everything, below)
        return {
            f"{name}{of}": one
            for of, (mask, counted) in parts.items()
            for name, one in order_statistics(
                self.bonds, self.voronoi, self.density, self.groups, mask, counted
            ).items()
        }

    def measures(self) -> dict[str, tuple[float, str]]:
        """Single figures by name, each with its unit ("1" for pure numbers)."""
        result = {
            "crystalline_fraction": (float(self.nuclei.crystalline.mean()), "1"),
            "nuclei": (float(len(self.nuclei)), "1"),
            "interface_width": (self.interface.width, "angstrom"),
            "first_minimum": (self.peaks.first_minimum, "angstrom"),
            "second_minimum": (self.peaks.second_minimum, "angstrom"),
        }
        for number, place in enumerate(self.peaks.peaks, start=1):
            result[f"peak_{number}"] = (float(place), "angstrom")
        for (a, b), length in self.bond_lengths.items():
            result[f"bond_length {a}-{b}"] = (length, "angstrom")
        for (a, b), length in self.bond_lengths_of_all.items():
            name = "peak_1" if (a, b) == ALL_PAIRS else f"bond_length {a}-{b}"
            result[f"{name}{OTHERS}"] = (length, "angstrom")
        result |= {name: (one.value, one.unit) for name, one in self.statistics().items()}
        if not self.population.mask.all() and self.chemistry_of_all is not None:
            of_all = warren_cowley_statistics(self.chemistry_of_all)
            result |= {f"warren_cowley {k}{OTHERS}": (v.value, "1") for k, v in of_all.items()}
        return result

    def every_reason(self) -> dict[str, str]:
        """``reasons``, and those of Warren-Cowley parameters of too few atoms, by name."""
        order = {} if self.chemistry is None else warren_cowley_statistics(self.chemistry)
        return dict(self.reasons) | {
            f"warren_cowley {name}": f"{one.atoms} central atoms, fewer than {LEAST_CENTRES}"
            for name, one in order.items()
            if not np.isfinite(one.value) and 0 < one.atoms < LEAST_CENTRES
        }

    def summary(self) -> dict[str, Any]:
        """Figures for a table or JSON: plain numbers and lists, None for what is undefined."""
        ranking = self.voronoi.ranking(self.inner)[:10]
        order = {} if self.chemistry is None else warren_cowley_statistics(self.chemistry)
        return {
            "order_of": self.population.description,
            "atoms_of": self.population.name,
            "inner_atoms": int(self.inner.sum()),
            "surface_atoms": int(self.surface.sum()),
            "crystalline_atoms": int(self.nuclei.crystalline.sum()),
            "largest_nuclei": self.nuclei.size[:5].tolist(),
            "pdf_of": self.pdf_of,
            **{name: plain(value) for name, (value, _) in self.measures().items()},
            "voronoi_top": {
                "<" + ",".join(map(str, index)) + ">": round(share, 6)
                for index, _, share in ranking
            },
            "warren_cowley": {name: plain(one.value) for name, one in order.items()},
            "statistics": {
                name: {"atoms": one.atoms, "standard_error": plain(one.error)}
                for name, one in (
                    self.statistics()
                    | {f"warren_cowley {name}": one for name, one in order.items()}
                ).items()
            },
            "reasons": self.every_reason(),
        }


def warren_cowley_statistics(chemistry: ChemicalOrder) -> dict[str, Statistic]:
    """Warren-Cowley parameters by pair of groups, with the number of central atoms behind each.

    Of fewer than 10 atoms there is none.

    Notes
    -----
    MATLAB: none
    """
    names, errors = chemistry.names, chemistry.standard_error
    return {
        f"{a}-{b}": Statistic(
            float(chemistry.warren_cowley[i, j]) if known else np.nan,
            "1",
            int(chemistry.atoms[i]),
            float(errors[i, j]) if known else np.nan,
        )
        for i, a in enumerate(names)
        for known in (chemistry.atoms[i] >= LEAST_CENTRES,)
        for j, b in enumerate(names)
    }


def short_range_order(
    atoms: AtomicModel | ase.Atoms,
    cutoff: float,
    *,
    population: str | ArrayLike | None = None,
    distribution: PairDistribution | None = None,
    triangulation: Triangulation | None = None,
) -> ShortRangeOrder:
    """Bond order, nuclei, pair distributions, Voronoi cells, chemical order, density, bond angles.

    Parameters
    ----------
    atoms
        A particle or film, or a simulation box. An array ``type`` groups them instead of their
        species if two types are one element.
    cutoff
        Longest bond, angstrom; the first valley of the pair distribution function.
    population
        Atoms that the statistics are made of
        (:func:`aet_port.structure.populations.choose_population`).
    distribution
        Pair distribution of all atoms, if known.
    triangulation
        Of all atoms, if known and they have no periodic directions.

    Raises
    ------
    InputError
        For unusable atoms or cut-off.

    Notes
    -----
    MATLAB: 7_Data_analysis_sro/Main_1_pdf_and_boo_calculation_all_atoms.m,
    Main_2_pdf_calculation_amorphous_region.m, Main_3_voronoi_calculation_amorphous_region.m and
    7_Data_analysis/Main_2_pdf_and_voronoi_amorphous_region_Ta_film.m
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms, solid=True)
    groups = atom_groups(atoms)
    bonds = bond_order(atoms, cutoff)
    size = size_of_units(cutoff)
    around = SURROUNDINGS * size
    scattered = bool(heights(atoms).min() > 2 * around)
    nuclei = find_nuclei(atoms, bonds.normalised, cutoff, scattered=scattered, surroundings=around)
    distance = surface_distance(atoms, nuclei.crystalline, cutoff)
    cells = voronoi_analysis(atoms)
    if triangulation is None and not atoms.pbc.any():
        triangulation = triangulate(atoms.positions)
    surface = surface_atoms(atoms, cutoff, triangulation)
    below = ~surface & cells.closed
    chosen = choose_population(population, nuclei.crystalline, below)
    reasons = {} if chosen.reason is None else {"atoms_of": chosen.reason}
    pdf_of, region = chosen.name, chosen.mask
    if population is None:
        pdf_of, region = DISORDERED, ~nuclei.crystalline
    if region.sum() < FEWEST and not region.all():
        reasons["pdf_of"] = f"{int(region.sum())} {pdf_of} atoms, fewer than {FEWEST}"
        pdf_of, region = ALL, np.ones(len(atoms), dtype=bool)
    elif region.all() and len(atoms) < FEWEST:
        pdf_of = ALL
    part, alpha = atoms[region], max(PDF_ALPHA * size, cutoff)
    # A box without its nuclei is not filled, so the shells are measured there too.
    holed = bool(atoms.pbc.any()) and len(part) < len(atoms)
    reach = min(R_MAX * size, float(heights(atoms).min()) / 2)
    outline = None
    if holed:
        outline = alpha_shape(part, alpha, margin=reach)
    elif region.all() and not atoms.pbc.any():
        outline = alpha_shape(atoms, alpha, triangulation=triangulation)
    pdf = partial_pair_distribution(
        part,
        groups=groups[region],
        r_max=R_MAX * size,
        step=STEP * size,
        alpha=alpha,
        shape=outline,
    )
    stated = stated_peaks(
        atoms, pdf, find_neighbours(atoms, cutoff), groups, region, cutoff, distribution
    )
    inner = chosen.mask & below
    return ShortRangeOrder(
        cutoff=float(cutoff),
        scattered=scattered,
        groups=groups,
        bonds=bonds,
        nuclei=nuclei,
        distance=distance,
        interface=interface_width(bonds.normalised, distance),
        pdf=pdf,
        pdf_of=pdf_of,
        peaks=stated.peaks,
        bond_lengths=stated.bond_lengths,
        bond_lengths_of_all=stated.of_all,
        voronoi=cells,
        surface=surface,
        chemistry=chemical_order(groups, cells, inner) if inner.any() else None,
        density=atom_density(atoms, cells.volume),
        angles=bond_angles(atoms, cutoff),
        population=chosen,
        region=region,
        chemistry_of_all=chemical_order(groups, cells, below) if below.any() else None,
        reasons=reasons | stated.reasons,
    )


def atom_groups(atoms: AtomicModel | ase.Atoms) -> NDArray[np.str_]:
    """Group of each atom, shape (n,): its symbol, or its ``type`` if two types are one element."""
    atoms = as_atoms(atoms)
    given = atoms.arrays.get("type")
    symbols = np.array(atoms.get_chemical_symbols())
    if given is None:
        return symbols
    pairs = set(zip(given.tolist(), symbols.tolist(), strict=True))
    shared = len(pairs) > len({symbol for _, symbol in pairs})
    return np.array([str(kind) for kind in given]) if shared else symbols


def surface_atoms(
    atoms: AtomicModel | ase.Atoms,
    cutoff: float = 0.0,
    triangulation: Triangulation | None = None,
) -> NDArray[np.bool_]:
    """Atoms on the surface of a sample, shape (n,); none in a box periodic in all directions.

    The surface is that of the alpha shape of radius 5 angstrom, or 5/4 of the cut-off if that is
    more. This reproduces the coordination numbers of the glass paper.

    Parameters
    ----------
    cutoff
        Longest bond, angstrom, which says of what scale the coordinates are.
    triangulation
        Of these atoms, if known and they have no periodic directions.

    Raises
    ------
    InputError
        For unusable atoms.
    """
    atoms = as_atoms(atoms)
    result = np.zeros(len(atoms), dtype=bool)
    if not atoms.pbc.all():
        radius = SURFACE_ALPHA * (size_of_units(cutoff) if cutoff else 1.0)
        shape = alpha_shape(atoms, max(radius, 1.25 * cutoff), triangulation=triangulation)
        result[shape.surface_atoms] = True
    return result
