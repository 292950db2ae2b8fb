"""Models to deposit, and what a whole bank looks like."""

from __future__ import annotations

import ase
import numpy as np

from aet_port.data import AtomicModel
from aet_port.structure import StructureResult, analyze
from mdb import Bank
from tests.structure.samples import close_packed


def particle(seed: int = 0, radius: float = 6.0) -> tuple[AtomicModel, StructureResult]:
    """A small disordered particle and its analysis."""
    atoms = close_packed(seed, radius=radius)
    return AtomicModel(atoms, name=f"particle {seed}"), analyze(atoms, cutoff=4.0)


def alloy(symbols: str, scale: float = 3.0) -> AtomicModel:
    """Atoms of a formula in a row, for what does not need a structure."""
    atoms = ase.Atoms(symbols)
    atoms.positions[:, 0] = scale * np.arange(len(atoms))
    return AtomicModel(atoms, name=symbols)


BROKEN = {
    "a model without all its atoms": """
        SELECT model_id FROM model LEFT JOIN atom USING (model_id)
        GROUP BY model_id, n_atoms HAVING count(atom) <> n_atoms""",
    "an analysis without all its tetrahedra": """
        SELECT analysis_id FROM analysis LEFT JOIN tetrahedron USING (analysis_id)
        GROUP BY analysis_id, n_tetrahedra HAVING count(tetrahedron) <> n_tetrahedra""",
    "an analysis without all its motifs": """
        SELECT analysis_id FROM analysis LEFT JOIN motif USING (analysis_id)
        GROUP BY analysis_id, n_motifs HAVING count(motif) <> n_motifs""",
    "a motif without all its tetrahedra": """
        SELECT analysis_id, motif FROM motif LEFT JOIN motif_tetrahedron USING (analysis_id, motif)
        GROUP BY analysis_id, motif, fold HAVING count(place) <> fold""",
    "a network without all its motifs": """
        SELECT analysis_id, network FROM network
        LEFT JOIN network_member USING (analysis_id, network)
        GROUP BY analysis_id, network, size HAVING count(motif) <> size""",
    "an analysis without pair distribution": """
        SELECT analysis_id FROM analysis ANTI JOIN pdf USING (analysis_id)""",
    "an order without all atoms": """
        SELECT analysis_id FROM analysis JOIN model USING (model_id)
        LEFT JOIN atom_order USING (analysis_id) GROUP BY analysis_id, n_atoms
        HAVING count(atom) NOT IN (0, n_atoms)""",
    "a Voronoi tessellation without all atoms": """
        SELECT analysis_id FROM analysis JOIN model USING (model_id)
        LEFT JOIN voronoi USING (analysis_id) GROUP BY analysis_id, n_atoms
        HAVING count(atom) NOT IN (0, n_atoms)""",
    "an order without the rest of it": """
        SELECT analysis_id FROM (SELECT DISTINCT analysis_id FROM atom_order)
        WHERE analysis_id NOT IN (SELECT analysis_id FROM voronoi)
        OR analysis_id NOT IN (SELECT analysis_id FROM partial_pdf)
        OR analysis_id NOT IN (SELECT analysis_id FROM bond_angle)
        OR analysis_id NOT IN (SELECT analysis_id FROM measure)""",
    "a packing without its bipyramids": """
        SELECT analysis_id FROM (SELECT DISTINCT analysis_id FROM packing) AS packing
        WHERE (SELECT count(*) FROM motif
               WHERE motif.analysis_id = packing.analysis_id AND fold = 5)
           <> (SELECT count(*) FROM bipyramid WHERE bipyramid.analysis_id = packing.analysis_id)""",
    "a network of solutes without all its centres": """
        SELECT analysis_id, mro FROM mro LEFT JOIN mro_member USING (analysis_id, mro)
        GROUP BY analysis_id, mro, size HAVING count(atom) <> size""",
    "centres of no network": "SELECT * FROM mro_member ANTI JOIN mro USING (analysis_id, mro)",
    "bipyramids of no analysis": "SELECT * FROM bipyramid ANTI JOIN analysis USING (analysis_id)",
    "an order of no analysis": "SELECT * FROM atom_order ANTI JOIN analysis USING (analysis_id)",
    "measures of no analysis": "SELECT * FROM measure ANTI JOIN analysis USING (analysis_id)",
    "atoms of no model": "SELECT * FROM atom ANTI JOIN model USING (model_id)",
    "tetrahedra of no analysis": "SELECT * FROM tetrahedron ANTI JOIN analysis USING (analysis_id)",
    "motifs of no analysis": "SELECT * FROM motif ANTI JOIN analysis USING (analysis_id)",
    "members of no network": """
        SELECT * FROM network_member ANTI JOIN network USING (analysis_id, network)""",
    "pair distributions of no analysis": "SELECT * FROM pdf ANTI JOIN analysis USING (analysis_id)",
}


def assert_whole(bank: Bank) -> None:
    """Every entry of the bank is there with all its rows, and no row without its entry."""
    for what, sql in BROKEN.items():
        rows = bank.query(sql).to_pylist()
        assert not rows, f"{what}: {rows[:3]}"
