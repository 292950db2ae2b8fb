"""Rows of the tables of tetrahedra, motifs and networks, and of the pair distribution."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aet_port.structure import StructureResult


def network_tables(found: StructureResult) -> dict[str, pa.Table]:
    """Rows of tetrahedra, motifs, networks and pair distribution, without their analysis."""
    tetrahedra, motifs, pdf = found.tetrahedra, found.motifs, found.pdf
    tables = {
        "tetrahedron": {
            "tetrahedron": _index(len(tetrahedra)),
            **{f"atom_{k + 1}": tetrahedra.vertices[:, k].astype(np.int32) for k in range(4)},
            "distortion": tetrahedra.distortion,
            "volume": tetrahedra.volume,
        },
        "motif": {
            "motif": _index(len(motifs)),
            "fold": motifs.fold.astype(np.int8),
            "cap_1": motifs.caps[:, 0].astype(np.int32),
            "cap_2": motifs.caps[:, 1].astype(np.int32),
            "ring": _lists(motifs.ring),
        },
        "pdf": {"r": pdf.r, "g": pdf.g, "pairs": pdf.counts},
    }
    member, place = np.nonzero(motifs.tetrahedra >= 0)
    tables["motif_tetrahedron"] = {
        "motif": member.astype(np.int32),
        "place": place.astype(np.int8),
        "tetrahedron": motifs.tetrahedra[member, place].astype(np.int32),
    }
    every = list(found.networks.values())
    start = np.cumsum([0, *(len(networks) for networks in every)])
    length = np.concatenate([networks.length for networks in every])
    spanning = np.concatenate([networks.spanning for networks in every])
    tables["network"] = {
        "network": _index(start[-1]),
        "fold": np.concatenate([np.full(len(n), n.fold, dtype=np.int8) for n in every]),
        "size": np.concatenate([networks.size for networks in every]).astype(np.int32),
        "atoms": np.concatenate([networks.atoms for networks in every]).astype(np.int32),
        "length": pa.array(length, mask=spanning),
        "spanning": spanning,
    }
    labels = [n.label + first for n, first in zip(every, start[:-1], strict=True)]
    tables["network_member"] = {
        "network": np.concatenate(labels).astype(np.int32),
        "motif": np.concatenate([networks.motif for networks in every]).astype(np.int32),
    }
    return {name: pa.table(columns) for name, columns in tables.items()}


def _index(n: int) -> NDArray[np.int32]:
    return np.arange(n, dtype=np.int32)


def _lists(padded: NDArray[np.int64]) -> pa.ListArray:
    """Rows padded with -1 as lists of 32-bit integers."""
    real = padded >= 0
    offsets = np.concatenate([[0], np.cumsum(real.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(padded[real].astype(np.int32)))
