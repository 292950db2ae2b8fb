"""Rows of the tables of medium-range order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from aet_port.structure.medium_range.order import SoluteOrder


def mro_tables(solutes: SoluteOrder) -> dict[str, pa.Table]:
    """Rows of every table of medium-range order, without the number of their analysis."""
    networks, shared = solutes.found.networks, solutes.shared
    orientation = [network.orientation.ravel().tolist() for network in networks]
    number = np.arange(len(networks), dtype=np.int32)
    size = solutes.found.size
    members = [network.atoms for network in networks] or [np.zeros(0, dtype=np.int64)]
    first, second = np.ascontiguousarray(shared.pairs.reshape(-1, 2).astype(np.int32).T)
    tables = {
        "mro": {
            "mro": number,
            "solute": [solutes.solute] * len(networks),
            "lattice": [network.lattice for network in networks],
            "size": size.astype(np.int32),
            "length": solutes.length,
            "volume": solutes.volume,
            "lattice_constant": np.array([n.lattice_constant for n in networks], dtype=np.float64),
            "rms": np.array([n.rms for n in networks], dtype=np.float64),
            "orientation": pa.array(orientation, pa.list_(pa.float64())),
        },
        "mro_member": {
            "mro": np.repeat(number, size),
            "atom": solutes.centres[np.concatenate(members)].astype(np.int32),
        },
        "shared_atom": {
            "centre_1": first,
            "centre_2": second,
            "shared": shared.shared.astype(np.int16),
        },
    }
    return {name: pa.table(columns) for name, columns in tables.items()}
