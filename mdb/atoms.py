"""A model of the bank as ``ase.Atoms``, with what is known of each atom as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import ase
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aet_port.core.records import parse_record
from aet_port.structure.bonds.templates import STRUCTURES
from aet_port.structure.polytetrahedral.bipyramids import FOLDS
from aet_port.structure.structure_result import NETWORK_FOLDS
from mdb.errors import BankError
from mdb.model_rows import ARRAY_COLUMNS

# Results of an analysis, as arrays of the atoms.
_ORDER = """
SELECT q4, q6, boo, crystalline, nucleus, signed_distance, n3, n4, n5, n6, cn,
       volume AS voronoi_volume, density, surface
FROM atom_order JOIN voronoi USING (analysis_id, atom) WHERE analysis_id = $id ORDER BY atom
"""
_TYPES = """
SELECT * EXCLUDE (analysis_id, atom) REPLACE (
    list_position($structures, ptm) - 1 AS ptm, list_position($structures, cna) - 1 AS cna)
FROM structure_type WHERE analysis_id = $id ORDER BY atom
"""
_LOCAL = """
SELECT group_2, warren_cowley FROM local_chemistry WHERE analysis_id = $id ORDER BY group_2, atom
"""
# Parameters name the reason why an analysis has no motifs.
_UNDEFINED = """
SELECT parameters->>'motifs_reason' IS NOT NULL AS undefined FROM analysis WHERE analysis_id = $id
"""
_CAPS = "SELECT atom, sites FROM partial_icosahedron WHERE analysis_id = $id"
_CORNERS = """
SELECT fold, unnest(list_concat([cap_1, cap_2], ring)) AS atom FROM motif WHERE analysis_id = $id
"""
_RINGS = "SELECT definition, size FROM ring WHERE analysis_id = $id"
_THROUGH = "SELECT definition, size, atom, rings FROM atom_ring WHERE analysis_id = $id"
_VOIDS = """
SELECT atom, radius FROM void_space LEFT JOIN atom_void USING (analysis_id)
WHERE analysis_id = $id
"""
# The largest network of each atom and fold, numbered from 1 within its fold.
_NETWORKS = """
SELECT fold, atom, min(place) AS place FROM (
    SELECT motif, unnest(list_concat([cap_1, cap_2], ring)) AS atom FROM motif
    WHERE analysis_id = $id
) JOIN network_member AS member USING (motif) JOIN (
    SELECT network, fold, row_number() OVER (PARTITION BY fold ORDER BY network) AS place
    FROM network WHERE analysis_id = $id
) USING (network) WHERE member.analysis_id = $id GROUP BY fold, atom
"""


def assemble(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    model_id: str,
    analysis: int | Literal["newest"] | None,
) -> ase.Atoms:
    """A model and the results of one analysis of it.

    The arrays ``type``, ``confidence``, ``b_factor`` and ``flag``, the uncertainties of
    :mod:`aet_port.core.uncertainty` and all further ones are there if they were deposited. An
    analysis adds ``q4``, ``q6``, ``boo``, ``crystalline``, ``nucleus``, ``signed_distance``, ``n3``
    to ``n6``, ``cn``, ``voronoi_volume``, ``density``, ``surface``, ``sites`` (bipyramids that the
    atom caps), ``motifs_3`` to ``motifs_8`` (number of motifs of each fold that the atom is a
    corner of), ``network_4`` to ``network_6`` (its largest network of these: 1 for the largest of
    all, 0 for none), ``folds`` (bits: 2^fold for each kind of motif), and what structure types
    and local chemical order are named by :func:`aet_port.structure.atom_quantities`; if it searched
    for them, ``king_rings_3``, ``primitive_rings_3`` and on (rings through the atom by size) and
    ``void_radius`` (largest empty sphere that touches it).
    What is undefined is NaN, or -1 where whole numbers stand. Where the analysis says that motifs
    are not defined (``motifs_reason``), ``sites``, ``motifs_3`` and on, ``network_4`` and on and
    ``folds`` are NaN for all atoms.

    Parameters
    ----------
    path
        Of the bank, for errors.
    analysis
        Number, ``"newest"`` or None.

    Raises
    ------
    BankError
        If there is no such model, or no such analysis of it.
    """
    heads = _ask(connection, "SELECT * FROM model WHERE model_id = $id", model_id).to_pylist()
    if not heads:
        raise BankError(path, f"no model {model_id!r}", "give an id that `aet mdb list` shows")
    head = heads[0]
    rows = _ask(connection, "SELECT * FROM atom WHERE model_id = $id ORDER BY atom", model_id)
    positions = np.stack([rows[axis].to_numpy() for axis in "xyz"], axis=1)
    atoms = ase.Atoms(
        rows["species"].to_pylist(),
        positions=positions,
        cell=np.reshape(head["cell"], (3, 3)),
        pbc=head["pbc"],
        info={} if head["info"] is None else parse_record(head["info"]),
    )
    if head["origin"] is not None:
        atoms.set_celldisp(head["origin"])
    fits = _ask(connection, "SELECT * FROM atom_fit WHERE model_id = $id ORDER BY atom", model_id)
    for name, column in ARRAY_COLUMNS.items():
        values = (rows if name == "type" else fits)[column]
        if values.null_count < len(values):
            atoms.set_array(name, _column(values))
    for name, array in _further(connection, model_id, len(rows)).items():
        atoms.set_array(name, array)
    number = _number(connection, path, model_id, analysis)
    if number is not None:
        for name, array in _results(connection, number, len(rows)).items():
            if name not in atoms.arrays:
                atoms.set_array(name, array)
    return atoms


def _ask(connection: duckdb.DuckDBPyConnection, sql: str, key: str | int) -> pa.Table:
    return connection.sql(sql, params={"id": key}).to_arrow_table()


def _column(values: pa.ChunkedArray) -> NDArray[Any]:
    """A column without NULL: NaN, -1 or no text in its place."""
    if pa.types.is_floating(values.type):
        return values.to_numpy()
    if pa.types.is_boolean(values.type):
        return values.to_numpy().astype(bool)
    if pa.types.is_integer(values.type):
        return pc.fill_null(values.cast(pa.int64()), -1).to_numpy()
    return np.array(pc.fill_null(values, "").to_pylist(), dtype=str)


def _further(
    connection: duckdb.DuckDBPyConnection, model_id: str, n_atoms: int
) -> dict[str, NDArray[Any]]:
    found = {}
    heads = _ask(connection, "SELECT * FROM atom_array WHERE model_id = $id", model_id)
    for head in heads.to_pylist():
        values = connection.sql(
            "SELECT value, text FROM atom_value WHERE model_id = $id AND name = $name "
            "ORDER BY atom, component",
            params={"id": model_id, "name": head["name"]},
        ).to_arrow_table()
        dtype = np.dtype(head["dtype"])
        flat = (
            np.array(values["text"].to_pylist(), dtype=dtype)
            if dtype.kind == "U"
            else values["value"].to_numpy().astype(dtype)
        )
        found[head["name"]] = flat.reshape(n_atoms, *head["shape"])
    return found


def _number(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    model_id: str,
    analysis: int | Literal["newest"] | None,
) -> int | None:
    if analysis is None:
        return None
    known = _ask(
        connection,
        "SELECT analysis_id FROM analysis WHERE model_id = $id AND status = 'passed' ORDER BY 1",
        model_id,
    )["analysis_id"].to_pylist()
    if analysis == "newest":
        return known[-1] if known else None
    if analysis not in known:
        raise BankError(
            path,
            f"no analysis {analysis} of {model_id} that passed",
            f"one of {', '.join(map(str, known))}" if known else "analyse it first",
        )
    return analysis


def _results(
    connection: duckdb.DuckDBPyConnection, number: int, n_atoms: int
) -> dict[str, NDArray[Any]]:
    order = _ask(connection, _ORDER, number)
    found = {name: _column(order[name]) for name in order.column_names} if order.num_rows else {}
    if _ask(connection, _UNDEFINED, number)["undefined"][0].as_py():
        names = ["folds", "sites", *(f"motifs_{fold}" for fold in FOLDS)]
        names += [f"network_{fold}" for fold in NETWORK_FOLDS]
        return found | {name: np.full(n_atoms, np.nan) for name in names}
    corners = _ask(connection, _CORNERS, number)
    folds = np.zeros(n_atoms, dtype=np.int64)
    bits = np.left_shift(1, corners["fold"].to_numpy().astype(np.int64))
    np.bitwise_or.at(folds, corners["atom"].to_numpy(), bits)
    found["folds"] = folds
    places, numbers = corners["atom"].to_numpy(), corners["fold"].to_numpy()
    for fold in FOLDS:
        found[f"motifs_{fold}"] = np.bincount(places[numbers == fold], minlength=n_atoms)
    networks = _ask(connection, _NETWORKS, number)
    places, numbers = networks["atom"].to_numpy(), networks["fold"].to_numpy()
    for fold in NETWORK_FOLDS:
        of_fold = numbers == fold
        found[f"network_{fold}"] = np.zeros(n_atoms, dtype=np.int64)
        found[f"network_{fold}"][places[of_fold]] = networks["place"].to_numpy()[of_fold]
    types = connection.sql(
        _TYPES, params={"id": number, "structures": list(STRUCTURES)}
    ).to_arrow_table()
    if types.num_rows:
        found |= {name: _column(types[name]) for name in types.column_names}
    local = _ask(connection, _LOCAL, number)
    alpha = local["warren_cowley"].to_numpy().reshape(-1, n_atoms)
    groups = local["group_2"].to_pylist()[::n_atoms]
    for name, values in zip(groups, alpha, strict=True):
        found[f"warren_cowley_{name}"] = values
    caps = _ask(connection, _CAPS, number)
    found["sites"] = np.zeros(n_atoms, dtype=np.int64)
    found["sites"][caps["atom"].to_numpy()] = caps["sites"].to_numpy()
    return found | _rings_and_voids(connection, number, n_atoms)


def _rings_and_voids(
    connection: duckdb.DuckDBPyConnection, number: int, n_atoms: int
) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    kinds = _ask(connection, _RINGS, number).to_pylist()
    if kinds:
        rows = _ask(connection, _THROUGH, number)
        definition, size, atom, rings = (column.to_numpy() for column in rows.columns)
        for kind in kinds:
            of_kind = (definition == kind["definition"]) & (size == kind["size"])
            values = np.zeros(n_atoms, dtype=np.int64)
            values[atom[of_kind]] = rings[of_kind]
            found[f"{kind['definition']}_rings_{kind['size']}"] = values
    voids = _ask(connection, _VOIDS, number)
    if voids.num_rows:
        found["void_radius"] = np.full(n_atoms, np.nan)
        touched = voids.filter(voids["atom"].is_valid())
        found["void_radius"][touched["atom"].to_numpy()] = touched["radius"].to_numpy()
    return found
