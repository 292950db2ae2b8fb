"""Structure analysis of any ``ase.Atoms``, periodic or not."""

from aet_port.structure.analysis import StructureResult, analyze
from aet_port.structure.bipyramids import Motifs, find_motifs
from aet_port.structure.neighbours import Neighbours, find_neighbours
from aet_port.structure.networks import Networks, edge_sharing_pairs, find_networks
from aet_port.structure.pdf import PairDistribution, first_valley, pair_distribution
from aet_port.structure.tetrahedra import Tetrahedra, delaunay, face_pairs, find_tetrahedra

__all__ = [
    "Motifs",
    "Neighbours",
    "Networks",
    "PairDistribution",
    "StructureResult",
    "Tetrahedra",
    "analyze",
    "delaunay",
    "edge_sharing_pairs",
    "face_pairs",
    "find_motifs",
    "find_neighbours",
    "find_networks",
    "find_tetrahedra",
    "first_valley",
    "pair_distribution",
]
