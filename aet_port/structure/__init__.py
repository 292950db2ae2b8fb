"""Structure analysis of any ``ase.Atoms``, periodic or not.

Functions named as their module are imported from there, for example
``from aet_port.structure.bond_order import bond_order``.
"""

from aet_port.structure.alpha_shape import AlphaShape
from aet_port.structure.analysis import StructureResult, analyze
from aet_port.structure.bipyramid_geometry import BipyramidGeometry, ideal_bipyramid
from aet_port.structure.bipyramids import Motifs, find_motifs
from aet_port.structure.bond_angles import BondAngles
from aet_port.structure.bond_order import BondOrder, lattice_order
from aet_port.structure.chemical_order import ChemicalOrder
from aet_port.structure.density import DensityMap, atom_density, density_map
from aet_port.structure.diffraction import DiffractionPdf, pdf_from_diffraction
from aet_port.structure.neighbours import Neighbours, find_neighbours
from aet_port.structure.networks import Networks, edge_sharing_pairs, find_networks
from aet_port.structure.nuclei import (
    Interface,
    Nuclei,
    crystalline_atoms,
    find_nuclei,
    interface_width,
    surface_distance,
)
from aet_port.structure.packing import PackingCurve, packing_by_distortion
from aet_port.structure.partial_pdf import PartialPdf, partial_pair_distribution
from aet_port.structure.pdf import PairDistribution, first_valley, pair_distribution
from aet_port.structure.pdf_peaks import PdfPeaks, bond_length
from aet_port.structure.polytetrahedral_order import PolytetrahedralOrder
from aet_port.structure.sharing import Sharing, find_sharing, icosahedral_filling
from aet_port.structure.short_range_order import ShortRangeOrder
from aet_port.structure.structure_factor import StructureFactor, debye_structure_factor
from aet_port.structure.tetrahedra import Tetrahedra, delaunay, face_pairs, find_tetrahedra
from aet_port.structure.voronoi import Voronoi, voronoi_analysis

__all__ = [
    "AlphaShape",
    "BipyramidGeometry",
    "BondAngles",
    "BondOrder",
    "ChemicalOrder",
    "DensityMap",
    "DiffractionPdf",
    "Interface",
    "Motifs",
    "Neighbours",
    "Networks",
    "Nuclei",
    "PackingCurve",
    "PairDistribution",
    "PartialPdf",
    "PdfPeaks",
    "PolytetrahedralOrder",
    "Sharing",
    "ShortRangeOrder",
    "StructureFactor",
    "StructureResult",
    "Tetrahedra",
    "Voronoi",
    "analyze",
    "atom_density",
    "bond_length",
    "crystalline_atoms",
    "debye_structure_factor",
    "delaunay",
    "density_map",
    "edge_sharing_pairs",
    "face_pairs",
    "find_motifs",
    "find_neighbours",
    "find_networks",
    "find_nuclei",
    "find_sharing",
    "find_tetrahedra",
    "first_valley",
    "icosahedral_filling",
    "ideal_bipyramid",
    "interface_width",
    "lattice_order",
    "packing_by_distortion",
    "pair_distribution",
    "partial_pair_distribution",
    "pdf_from_diffraction",
    "structure_factor",
    "surface_distance",
    "voronoi_analysis",
]
