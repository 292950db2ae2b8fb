"""Rows of all tables of an analysis, and what makes two analyses the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.structure import StructureResult
from mdb.environment_rows import local_tables, missing_types, type_tables
from mdb.hashing import canonical_json, digest
from mdb.interval_rows import interval_table
from mdb.mro_rows import mro_tables
from mdb.network_rows import network_tables
from mdb.order_rows import measure_table, order_tables
from mdb.packing_rows import packing_tables
from mdb.plausibility_rows import reason_tables
from mdb.ring_rows import ring_tables, void_tables


def analysis_hash(found: StructureResult, model: str) -> str:
    """SHA-256 of the model's hash, the parameters and the whole numbers of the results.

    Reals are left out, because they may differ in the last digit between machines. Intervals follow
    from the model and the parameters, which name their number and seed.
    """
    results: list[NDArray[Any]] = [
        found.tetrahedra.vertices,
        found.motifs.tetrahedra,
        *(networks.label for networks in found.networks.values()),
        found.pdf.counts,
    ]
    if found.order is not None:
        results += [found.order.voronoi.indices, found.order.nuclei.label, found.order.surface]
    if found.solutes is not None:
        results += [found.solutes.centres, found.solutes.found.label()]
    if found.local_chemistry is not None and len(found.local_chemistry.names) > 1:
        results.append(found.local_chemistry.neighbours)
    if found.types is not None:
        results += [found.types.ptm, found.types.cna]
    if found.rings is not None:
        results += [rings.through for rings in found.rings.both]
    return digest([model.encode(), canonical_json(found.parameters).encode(), *results])


def analysis_tables(found: StructureResult) -> dict[str, pa.Table]:
    """Rows of every table of an analysis, without its number."""
    tables = network_tables(found) | reason_tables(found)
    measures: dict[str, tuple[float, str]] = {}
    if found.order is not None:
        tables |= order_tables(found.order)
        measures |= found.order.measures()
    if found.packing is not None:
        tables |= packing_tables(found.packing)
        measures |= found.packing.measures()
    if found.solutes is not None:
        tables |= mro_tables(found.solutes)
    if found.local_chemistry is not None:
        tables |= local_tables(found.local_chemistry)
    if found.types is not None:
        tables |= type_tables(found.types)
    elif "templates_reason" in found.parameters:  # asked for, but without OVITO
        tables |= missing_types(str(found.templates_reason))
    if found.rings is not None:
        tables |= ring_tables(found.rings)
    if found.voids is not None:
        tables |= void_tables(found.voids)
    if found.intervals is not None:
        tables["resampled_value"] = interval_table(found.intervals)
    if measures:
        tables["measure"] = measure_table(measures)
    return tables


def check_belongs(analysis: StructureResult, model: AtomicModel) -> None:
    """Refuse an analysis whose tetrahedra are not at the model's atoms.

    Raises
    ------
    InputError
        For an analysis of other atoms.
    """
    found = analysis.tetrahedra
    highest = int(found.vertices.max(initial=-1))
    if highest >= len(model):
        raise InputError(
            "analysis", f"atom {highest} in a model of {len(model)}", "that of this model"
        )
    # Corners of a periodic box are wrapped: there only the distances between them compare.
    if not model.atoms.pbc.any() and not np.array_equal(
        model.positions[found.vertices], found.corners
    ):
        raise InputError("analysis", "tetrahedra at other positions", "an analysis of this model")
    if analysis.order is not None and len(analysis.order.groups) != len(model):
        raise InputError(
            "analysis",
            f"the order of {len(analysis.order.groups)} atoms",
            f"that of all {len(model)}",
        )
