"""Rows of the tables of polytetrahedral order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from aet_port.structure.polytetrahedral.bipyramids import FOLDS
from aet_port.structure.polytetrahedral.order import PolytetrahedralOrder


def packing_tables(packing: PolytetrahedralOrder) -> dict[str, pa.Table]:
    """Rows of every table of polytetrahedral order, without the number of their analysis."""
    shape, joints, curve = packing.geometry, packing.sharing, packing.curve
    pairs = np.concatenate([joints.vertex_pairs, joints.edge_pairs])
    first, second = joints.motif[pairs].reshape(-1, 2).astype(np.int32).T
    at_vertex, at_edge = len(joints.vertex_pairs), len(joints.edge_pairs)
    dihedral = np.concatenate([np.zeros(at_vertex), joints.dihedral])
    share = curve.populations.ravel()
    tables = {
        "bipyramid": {
            "motif": shape.motif.astype(np.int32),
            "alpha": shape.alpha,
            "beta": shape.beta.mean(axis=1),
            "gamma": shape.gamma.mean(axis=1),
            "theta": shape.theta,
            "amorphous": packing.amorphous[shape.motif],
        },
        "motif_contact": {
            "motif_1": np.ascontiguousarray(first),
            "motif_2": np.ascontiguousarray(second),
            "contact": pa.DictionaryArray.from_arrays(
                np.repeat(np.array([0, 1], dtype=np.int8), [at_vertex, at_edge]),
                ["vertex", "edge"],
            ),
            "dihedral": pa.array(dihedral, mask=np.arange(len(pairs)) < at_vertex),
        },
        "partial_icosahedron": {
            "atom": packing.filling.atom.astype(np.int32),
            "sites": packing.filling.sites.astype(np.int16),
        },
        "packing": {
            "delta": np.repeat(curve.delta, len(FOLDS)),
            "tetrahedra": np.repeat(curve.tetrahedra.astype(np.int32), len(FOLDS)),
            "atoms": np.repeat(curve.atoms, len(FOLDS)),
            "fold": np.tile(np.array(FOLDS, dtype=np.int8), len(curve)),
            "motifs": curve.motifs.ravel().astype(np.int32),
            "population": pa.array(share, mask=np.isnan(share)),
        },
    }
    return {name: pa.table(columns) for name, columns in tables.items()}
