from .analysis import analyze
from .atom_arrays import atom_quantities
from .bonds.angles import BondAngles
from .bonds.chemical_maps import ChemicalMap, chemical_map, write_chemical_map
from .bonds.local_chemistry import LocalChemistry, local_chemical_order
from .bonds.nuclei import (
    Interface,
    Nuclei,
    crystalline_atoms,
    find_nuclei,
    interface_width,
    surface_distance,
)
from .bonds.orientational import BondOrder, lattice_order
from .bonds.templates import StructureTypes, structure_types
from .bonds.warren_cowley import ChemicalOrder
from .data_frames import to_dataframe
from .intervals import Interval, Intervals
from .length_units import nearest_neighbour, scale_remark
from .neighbours import Neighbours, find_neighbours
from .order_means import Statistic
from .pairs.box_scattering import box_structure_factor
from .pairs.debye import (
    debye_structure_factor,
)
from .pairs.density import (
    DensityMap,
    atom_density,
    density_map,
)
from .pairs.density_interpolation import interpolated_density, write_density_map
from .pairs.diffraction import (
    DiffractionPdf,
    pdf_from_diffraction,
)
from .pairs.partial_pdf import (
    PartialPdf,
    partial_pair_distribution,
)
from .pairs.pdf import (
    PairDistribution,
    first_valley,
    pair_distribution,
)
from .pairs.peaks import PdfPeaks, bond_length
from .pairs.scattering_methods import scattering_of
from .pairs.structure_factors import StructureFactor, average_structure_factor
from .polytetrahedral.bipyramid_shapes import (
    BipyramidGeometry,
    ideal_bipyramid,
)
from .polytetrahedral.bipyramids import Motifs, find_motifs
from .polytetrahedral.gain_of_packing import density_gains
from .polytetrahedral.networks import (
    Networks,
    edge_sharing_pairs,
    find_networks,
)
from .polytetrahedral.order import PolytetrahedralOrder
from .polytetrahedral.packing import (
    PackingCurve,
    packing_by_distortion,
)
from .polytetrahedral.sharing import (
    Sharing,
    find_sharing,
    icosahedral_filling,
)
from .populations import Population, choose_population
from .resampling import resample
from .rings.ring_lists import Rings
from .rings.ring_statistics import RingStatistics, find_rings
from .short_range import ShortRangeOrder
from .structure_result import StructureResult
from .voids.void_list import Voids, find_voids
from .voronoi.alpha_shapes import AlphaShape
from .voronoi.analysis import Voronoi, voronoi_analysis
from .voronoi.tetrahedra import (
    Tetrahedra,
    delaunay,
    face_pairs,
    find_tetrahedra,
)

__all__ = [
    "AlphaShape",
    "BipyramidGeometry",
    "BondAngles",
    "BondOrder",
    "ChemicalMap",
    "ChemicalOrder",
    "DensityMap",
    "DiffractionPdf",
    "Interface",
    "Interval",
    "Intervals",
    "LocalChemistry",
    "Motifs",
    "Neighbours",
    "Networks",
    "Nuclei",
    "PackingCurve",
    "PairDistribution",
    "PartialPdf",
    "PdfPeaks",
    "PolytetrahedralOrder",
    "Population",
    "RingStatistics",
    "Rings",
    "Sharing",
    "ShortRangeOrder",
    "Statistic",
    "StructureFactor",
    "StructureResult",
    "StructureTypes",
    "Tetrahedra",
    "Voids",
    "Voronoi",
    "analyze",
    "atom_density",
    "atom_quantities",
    "average_structure_factor",
    "bond_length",
    "box_structure_factor",
    "chemical_map",
    "choose_population",
    "crystalline_atoms",
    "debye_structure_factor",
    "delaunay",
    "density_gains",
    "density_map",
    "edge_sharing_pairs",
    "face_pairs",
    "find_motifs",
    "find_neighbours",
    "find_networks",
    "find_nuclei",
    "find_rings",
    "find_sharing",
    "find_tetrahedra",
    "find_voids",
    "first_valley",
    "icosahedral_filling",
    "ideal_bipyramid",
    "interface_width",
    "interpolated_density",
    "lattice_order",
    "local_chemical_order",
    "nearest_neighbour",
    "packing_by_distortion",
    "pair_distribution",
    "partial_pair_distribution",
    "pdf_from_diffraction",
    "resample",
    "scale_remark",
    "scattering_of",
    "structure_types",
    "surface_distance",
    "to_dataframe",
    "voronoi_analysis",
    "write_chemical_map",
    "write_density_map",
]
