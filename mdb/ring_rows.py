"""Rows of the tables of rings and voids."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from aet_port.structure import RingStatistics, Voids


def ring_tables(found: RingStatistics) -> dict[str, pa.Table]:
    """Rows of ``ring`` and ``atom_ring``, without the number of their analysis."""
    counts, through = [], []
    for rings in found.both:
        n = len(rings.through)
        some = rings.sizes.astype(np.int16)
        fractions = (rings.atom_fraction, rings.smallest_fraction, rings.largest_fraction)
        numbers = [rings.counts, *(np.rint(n * one) for one in fractions)]
        counts.append(
            pa.table(
                {
                    "definition": pa.array([rings.definition] * len(some), pa.string()),
                    "size": some,
                    **{
                        name: values.astype(np.int32)
                        for name, values in zip(
                            ("rings", "atoms", "smallest", "largest"), numbers, strict=True
                        )
                    },
                }
            )
        )
        column, atom = np.nonzero(rings.through.T)
        through.append(
            pa.table(
                {
                    "definition": pa.array([rings.definition] * len(atom), pa.string()),
                    "size": some[column],
                    "atom": atom.astype(np.int32),
                    "rings": rings.through[atom, column].astype(np.int32),
                }
            )
        )
    return {"ring": pa.concat_tables(counts), "atom_ring": pa.concat_tables(through)}


def void_tables(found: Voids) -> dict[str, pa.Table]:
    """Rows of ``void_space``, ``void`` and ``atom_void``, without the number of their analysis."""
    fraction = np.array([found.free_fraction]), np.array([found.free_error])
    x, y, z = np.ascontiguousarray(found.centres.T)
    touched = np.flatnonzero(np.isfinite(found.touching))
    tables = {
        "void_space": {
            "measured_to": pa.array([found.measured_to], pa.string()),
            "voids": np.array([len(found)], dtype=np.int32),
            "free_fraction": pa.array(fraction[0], mask=np.isnan(fraction[0])),
            "free_error": pa.array(fraction[1], mask=np.isnan(fraction[1])),
        },
        "void": {
            "void": np.arange(len(found), dtype=np.int32),
            **{"x": x, "y": y, "z": z},
            "radius": found.radii,
        },
        "atom_void": {"atom": touched.astype(np.int32), "radius": found.touching[touched]},
    }
    return {name: pa.table(columns) for name, columns in tables.items()}
