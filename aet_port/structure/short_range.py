"""The short-range order of a model in one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import AtomicModel, as_atoms
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
from aet_port.structure.neighbours import check_atoms, heights
from aet_port.structure.pairs.density import atom_density
from aet_port.structure.pairs.partial_pdf import ALL, R_MAX, PartialPdf, partial_pair_distribution
from aet_port.structure.pairs.partial_pdf import ALPHA as PDF_ALPHA
from aet_port.structure.pairs.peaks import PdfPeaks, bond_length, pdf_peaks
from aet_port.structure.voronoi.alpha_shapes import alpha_shape
from aet_port.structure.voronoi.analysis import Voronoi, voronoi_analysis

SURFACE_ALPHA = 5.0  # angstrom: excludes surface atoms as in the glass paper's averages
FEWEST = 100  # smallest number of disordered atoms for a separate pair distribution


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
        Shape (n,): the type of each atom if the atoms have an array ``type``, else its symbol.
    bonds
        Bond-orientational order.
    nuclei
        Crystalline atoms and their clusters.
    distance
        Shape (n,): signed distance to the surface of the nuclei, angstrom; NaN without nuclei.
    interface
        Width of the crystalline-amorphous interface.
    pdf
        Pair and partial pair distribution functions of the disordered atoms, or of all atoms if
        fewer than 100 are disordered (``pdf_of``).
    pdf_of
        ``"disordered"`` or ``"all"``.
    peaks
        Minima and peaks of the pair distribution function.
    bond_lengths
        First peak of each partial pair distribution function, by pair of groups, angstrom.
    voronoi
        Voronoi cells, faces below 1 % of the surface removed.
    surface
        Shape (n,): atoms on the surface of the sample (alpha shape).
    chemistry
        Partial coordination numbers and Warren-Cowley parameters of the ``inner`` atoms; None if
        there are none.
    density
        Shape (n,): mass over the volume of the Voronoi cell, g/cm^3; NaN where the cell is open.
    angles
        Bond angles.
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
    voronoi: Voronoi
    surface: NDArray[np.bool_]
    chemistry: ChemicalOrder | None
    density: NDArray[np.float64]
    angles: BondAngles

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
        """Disordered atoms below the surface whose Voronoi cell is closed: (n,)."""
        return inner_atoms(self.nuclei, self.surface, self.voronoi)

    def measures(self) -> dict[str, tuple[float, str]]:
        """Single figures by name, each with its unit ("1" for pure numbers)."""
        inner = self.inner
        cells = self.voronoi
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
        result["coordination_number"] = (cells.mean_coordination(inner), "1")
        if self.chemistry is not None:
            names, numbers = self.chemistry.names, self.chemistry.coordination
            for group, number in zip(names, numbers, strict=True):
                result[f"coordination_number {group}"] = (float(number), "1")
        for edges, share in zip((3, 4, 5, 6), cells.face_fractions(inner), strict=True):
            result[f"faces_of_{edges}_edges"] = (float(share), "1")
        result["distorted_icosahedra"] = (cells.distorted_icosahedra(inner), "1")
        weights = 1 / self.density[inner]
        result["mean_density"] = (float(1 / weights.mean()) if inner.any() else np.nan, "g/cm^3")
        return result

    def summary(self) -> dict[str, Any]:
        """Figures for a table or JSON: plain numbers and lists, None for what is undefined."""
        ranking = self.voronoi.ranking(self.inner)[:10]
        names = () if self.chemistry is None else self.chemistry.names
        order = None if self.chemistry is None else self.chemistry.warren_cowley
        return {
            "order_of": "atoms below the surface that are not crystalline",
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
            "warren_cowley": {
                f"{a}-{b}": plain(float(order[i, j]))
                for i, a in enumerate(names)
                for j, b in enumerate(names)
                if order is not None
            },
        }


def short_range_order(atoms: AtomicModel | ase.Atoms, cutoff: float) -> ShortRangeOrder:
    """Bond order, nuclei, pair distributions, Voronoi cells, chemical order, density, bond angles.

    Parameters
    ----------
    atoms
        A particle or film, or a simulation box. An array ``type`` groups them instead of their
        species.
    cutoff
        Longest bond, angstrom; the first valley of the pair distribution function.

    Raises
    ------
    InputError
        For unusable atoms or cut-off.

    MATLAB: 7_Data_analysis_sro/Main_1_pdf_and_boo_calculation_all_atoms.m,
    Main_2_pdf_calculation_amorphous_region.m, Main_3_voronoi_calculation_amorphous_region.m and
    7_Data_analysis/Main_2_pdf_and_voronoi_amorphous_region_Ta_film.m
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms, solid=True)
    groups = atom_groups(atoms)
    bonds = bond_order(atoms, cutoff)
    scattered = bool(heights(atoms).min() > 2 * SURROUNDINGS)
    nuclei = find_nuclei(atoms, bonds.normalised, cutoff, scattered=scattered)
    distance = surface_distance(atoms, nuclei.crystalline, cutoff)
    disordered = ~nuclei.crystalline
    pdf_of = "disordered" if disordered.sum() >= FEWEST else "all"
    chosen = disordered if pdf_of == "disordered" else np.ones(len(atoms), dtype=bool)
    part, alpha = atoms[chosen], max(PDF_ALPHA, cutoff)
    # A box without its nuclei is not filled, so the shells are measured there too.
    holed = bool(atoms.pbc.any()) and len(part) < len(atoms)
    reach = min(R_MAX, float(heights(atoms).min()) / 2)
    outline = alpha_shape(part, alpha, margin=reach) if holed else None
    pdf = partial_pair_distribution(part, groups=groups[chosen], alpha=alpha, shape=outline)
    cells = voronoi_analysis(atoms)
    surface = surface_atoms(atoms, cutoff)
    inner = inner_atoms(nuclei, surface, cells)
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
        peaks=pdf_peaks(pdf.r, pdf.g[ALL]),
        bond_lengths={pair: bond_length(pdf.r, g) for pair, g in pdf.g.items() if pair != ALL},
        voronoi=cells,
        surface=surface,
        chemistry=chemical_order(groups, cells, inner) if inner.any() else None,
        density=atom_density(atoms, cells.volume),
        angles=bond_angles(atoms, cutoff),
    )


def atom_groups(atoms: AtomicModel | ase.Atoms) -> NDArray[np.str_]:
    """Group of each atom, shape (n,): its ``type`` if there are types, otherwise its symbol."""
    atoms = as_atoms(atoms)
    given = atoms.arrays.get("type")
    return np.array(atoms.get_chemical_symbols() if given is None else [str(k) for k in given])


def surface_atoms(atoms: AtomicModel | ase.Atoms, cutoff: float = 0.0) -> NDArray[np.bool_]:
    """Atoms on the surface of a sample, shape (n,); none in a box periodic in all directions.

    The surface is that of the alpha shape of radius 5 angstrom, or 5/4 of the cut-off if that is
    more. This reproduces the coordination numbers of the glass paper.

    Raises
    ------
    InputError
        For unusable atoms.
    """
    atoms = as_atoms(atoms)
    result = np.zeros(len(atoms), dtype=bool)
    if not atoms.pbc.all():
        result[alpha_shape(atoms, max(SURFACE_ALPHA, 1.25 * cutoff)).surface_atoms] = True
    return result


def inner_atoms(nuclei: Nuclei, surface: NDArray[np.bool_], cells: Voronoi) -> NDArray[np.bool_]:
    """Disordered atoms below the surface whose Voronoi cell is closed, shape (n,)."""
    return ~nuclei.crystalline & ~surface & cells.closed
