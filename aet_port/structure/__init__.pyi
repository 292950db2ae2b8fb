from .analysis import StructureResult as StructureResult
from .analysis import analyze as analyze
from .bonds.angles import BondAngles as BondAngles
from .bonds.nuclei import (
    Interface as Interface,
)
from .bonds.nuclei import (
    Nuclei as Nuclei,
)
from .bonds.nuclei import (
    crystalline_atoms as crystalline_atoms,
)
from .bonds.nuclei import (
    find_nuclei as find_nuclei,
)
from .bonds.nuclei import (
    interface_width as interface_width,
)
from .bonds.nuclei import (
    surface_distance as surface_distance,
)
from .bonds.orientational import BondOrder as BondOrder
from .bonds.orientational import lattice_order as lattice_order
from .bonds.warren_cowley import ChemicalOrder as ChemicalOrder
from .neighbours import Neighbours as Neighbours
from .neighbours import find_neighbours as find_neighbours
from .pairs.debye import (
    StructureFactor as StructureFactor,
)
from .pairs.debye import (
    debye_structure_factor as debye_structure_factor,
)
from .pairs.density import (
    DensityMap as DensityMap,
)
from .pairs.density import (
    atom_density as atom_density,
)
from .pairs.density import (
    density_map as density_map,
)
from .pairs.diffraction import (
    DiffractionPdf as DiffractionPdf,
)
from .pairs.diffraction import (
    pdf_from_diffraction as pdf_from_diffraction,
)
from .pairs.partial_pdf import (
    PartialPdf as PartialPdf,
)
from .pairs.partial_pdf import (
    partial_pair_distribution as partial_pair_distribution,
)
from .pairs.pdf import (
    PairDistribution as PairDistribution,
)
from .pairs.pdf import (
    first_valley as first_valley,
)
from .pairs.pdf import (
    pair_distribution as pair_distribution,
)
from .pairs.peaks import PdfPeaks as PdfPeaks
from .pairs.peaks import bond_length as bond_length
from .polytetrahedral.bipyramid_shapes import (
    BipyramidGeometry as BipyramidGeometry,
)
from .polytetrahedral.bipyramid_shapes import (
    ideal_bipyramid as ideal_bipyramid,
)
from .polytetrahedral.bipyramids import Motifs as Motifs
from .polytetrahedral.bipyramids import find_motifs as find_motifs
from .polytetrahedral.networks import (
    Networks as Networks,
)
from .polytetrahedral.networks import (
    edge_sharing_pairs as edge_sharing_pairs,
)
from .polytetrahedral.networks import (
    find_networks as find_networks,
)
from .polytetrahedral.order import PolytetrahedralOrder as PolytetrahedralOrder
from .polytetrahedral.packing import (
    PackingCurve as PackingCurve,
)
from .polytetrahedral.packing import (
    packing_by_distortion as packing_by_distortion,
)
from .polytetrahedral.sharing import (
    Sharing as Sharing,
)
from .polytetrahedral.sharing import (
    find_sharing as find_sharing,
)
from .polytetrahedral.sharing import (
    icosahedral_filling as icosahedral_filling,
)
from .short_range import ShortRangeOrder as ShortRangeOrder
from .voronoi.alpha_shapes import AlphaShape as AlphaShape
from .voronoi.analysis import Voronoi as Voronoi
from .voronoi.analysis import voronoi_analysis as voronoi_analysis
from .voronoi.tetrahedra import (
    Tetrahedra as Tetrahedra,
)
from .voronoi.tetrahedra import (
    delaunay as delaunay,
)
from .voronoi.tetrahedra import (
    face_pairs as face_pairs,
)
from .voronoi.tetrahedra import (
    find_tetrahedra as find_tetrahedra,
)

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
    "surface_distance",
    "voronoi_analysis",
]
