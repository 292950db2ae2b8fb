"""Depositing a model with its analysis: in one transaction, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from ase.data import chemical_symbols
from numpy.typing import NDArray

from aet_port.data import AtomicModel, TiltSeries
from aet_port.errors import InputError
from aet_port.io.files import sha256
from aet_port.structure import StructureResult
from mdb.bank import Bank, utc_now
from mdb.ids import canonical_json, digest, model_hash, next_id, prefix
from mdb.mro_tables import mro_tables
from mdb.network_tables import network_tables
from mdb.order_tables import measure_table, order_tables
from mdb.packing_tables import packing_tables

KINDS = ("experiment", "md_snapshot", "synthetic")


@dataclass(frozen=True)
class Provenance:
    """A file that a model was made from: its role, its name, the SHA-256 of its bytes."""

    role: str
    file_name: str
    sha256: str

    @classmethod
    def of(cls, role: str, path: str | Path) -> Provenance:
        """Provenance of a file on disk."""
        return cls(role, Path(path).name, sha256(path))


@dataclass(frozen=True)
class Reconstruction:
    """How the volume that a model was traced in was made.

    Parameters
    ----------
    algorithm
        Such as ``"RESIRE"``.
    parameters
        Anything with a JSON form.
    r_mean
        R factor, mean over projections.
    tilt_series
        The projections; only their number, geometry and name are stored.
    """

    algorithm: str
    parameters: dict[str, Any] = field(default_factory=dict)
    r_mean: float | None = None
    tilt_series: TiltSeries | None = None


@dataclass(frozen=True)
class Deposit:
    """What a deposit came to.

    Attributes
    ----------
    id
        Model id, such as ``TaXX00001``.
    new
        False if the same model was there already; then nothing of it was stored again.
    analysis
        Number of the analysis, if one was given.
    new_analysis
        False if the same analysis was there already, or none was given.
    """

    id: str
    new: bool
    analysis: int | None = None
    new_analysis: bool = False


def deposit(
    bank: Bank,
    model: AtomicModel,
    *,
    kind: str = "experiment",
    sample: str | None = None,
    reconstruction: Reconstruction | None = None,
    analysis: StructureResult | None = None,
    provenance: Sequence[Provenance] = (),
    r1_mean: float | None = None,
) -> Deposit:
    """Store a model, and its analysis if given, whole or not at all.

    The same model (kind, species, positions, cell, periodicity, types) is recognised by its content
    hash and keeps its first names, reconstruction and provenance; a further analysis of it is
    added beside those it has. Nothing is updated in place.

    Parameters
    ----------
    model
        Its atoms may carry an integer array ``type``; other per-atom arrays are not stored.
    kind
        ``"experiment"``, ``"md_snapshot"`` or ``"synthetic"``.
    sample
        Name of the sample, the model's name unless given.
    r1_mean
        R factor of the refined model.

    Raises
    ------
    InputError
        For another kind, NaN, dummy species, an analysis that belongs to other atoms, or parameters
        without a JSON form.
    BankError
        If the bank cannot be written.
    """
    if kind not in KINDS:
        raise InputError("kind", f"{kind!r}", f"one of {', '.join(KINDS)}")
    letters = prefix(chemical_symbols[number] for number in np.unique(model.atoms.numbers))
    if not np.isfinite(model.positions).all():
        raise InputError(
            f"{model.name}: positions", "NaN or infinite values", "finite numbers only"
        )
    types = _types(model)
    content = model_hash(model, kind, types)
    if analysis is not None:
        _belongs(analysis, model)
    with bank.transaction() as connection:
        known = _one(connection, "SELECT model_id FROM model WHERE content_hash = ?", content)
        if known is None:
            last = _one(
                connection,
                "SELECT max(model_id) FROM model WHERE starts_with(model_id, ?)",
                letters,
            )
            model_id = next_id(letters, last)
            sample_id = _sample(connection, sample or model.name)
            reconstruction_id = _reconstruction(connection, reconstruction, sample_id)
            connection.execute(
                "INSERT INTO model VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    model_id,
                    sample_id,
                    reconstruction_id,
                    kind,
                    model.name,
                    content,
                    len(model),
                    np.asarray(model.atoms.cell).ravel().tolist(),
                    model.atoms.pbc.tolist(),
                    r1_mean,
                    _code_version(),
                    utc_now(),
                ],
            )
            _insert(connection, "atom", {"model_id": model_id}, _atom_table(model, types))
            for entry in provenance:
                connection.execute(
                    "INSERT INTO provenance VALUES (?, ?, ?, ?)",
                    [model_id, entry.role, entry.file_name, entry.sha256],
                )
        else:
            model_id = str(known)
        number, added = None, False
        if analysis is not None:
            number, added = _analysis(connection, model_id, content, analysis)
    return Deposit(model_id, known is None, number, added)


def _code_version() -> str:
    try:
        return version("aet-port")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "not installed"


def _one(connection: duckdb.DuckDBPyConnection, sql: str, *values: Any) -> Any:
    """First column of the first row, or None."""
    # All rows are fetched, because a result left unfinished blocks the connection.
    rows = connection.execute(sql, list(values)).fetchall()
    return rows[0][0] if rows else None


def _next(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """Number after the highest in the key of ``table``."""
    return int(_one(connection, f"SELECT coalesce(max({table}_id), 0) + 1 FROM {table}"))


def _sample(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    known = _one(connection, "SELECT sample_id FROM sample WHERE name = ?", name)
    if known is not None:
        return int(known)
    number = _next(connection, "sample")
    connection.execute("INSERT INTO sample VALUES (?, ?)", [number, name])
    return number


def _reconstruction(
    connection: duckdb.DuckDBPyConnection, given: Reconstruction | None, sample_id: int
) -> int | None:
    if given is None:
        return None
    series_id = None
    series = given.tilt_series
    if series is not None:
        series_id = _next(connection, "tilt_series")
        tilts = series.angles[:, 1]
        connection.execute(
            "INSERT INTO tilt_series VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                series_id,
                sample_id,
                series.name,
                len(series),
                series.pixel_size,
                *series.detector,
                float(tilts.min()),
                float(tilts.max()),
            ],
        )
    number = _next(connection, "reconstruction")
    connection.execute(
        "INSERT INTO reconstruction VALUES (?, ?, ?, ?, ?)",
        [number, series_id, given.algorithm, canonical_json(given.parameters), given.r_mean],
    )
    return number


def _types(model: AtomicModel) -> NDArray[np.int16] | None:
    """Array ``type`` of the atoms, if they have one."""
    given = model.atoms.arrays.get("type")
    if given is None:
        return None
    types = np.asarray(given)
    if types.shape != (len(model),) or not np.array_equal(types, types.astype(np.int16)):
        raise InputError(
            f"{model.name}: type",
            f"{types.dtype} of shape {types.shape}",
            "a small integer per atom",
        )
    return types.astype(np.int16)


def _belongs(analysis: StructureResult, model: AtomicModel) -> None:
    """Refuse an analysis whose tetrahedra are not at the model's atoms."""
    found = analysis.tetrahedra
    highest = int(found.vertices.max(initial=-1))
    if highest >= len(model):
        raise InputError("analysis", f"atom {highest} of a model of {len(model)}", "its own model")
    # Corners of a periodic box are wrapped: there only the distances between them compare.
    if not model.atoms.pbc.any() and not np.array_equal(
        model.positions[found.vertices], found.corners
    ):
        raise InputError("analysis", "tetrahedra at other positions", "an analysis of this model")
    if analysis.order is not None and len(analysis.order.groups) != len(model):
        raise InputError(
            "analysis", f"the order of {len(analysis.order.groups)} atoms", f"of all {len(model)}"
        )


def _atom_table(model: AtomicModel, types: NDArray[np.int16] | None) -> pa.Table:
    n = len(model)
    numbers, kinds = np.unique(model.atoms.numbers, return_inverse=True)
    x, y, z = (np.ascontiguousarray(column) for column in model.positions.T)
    return pa.table(
        {
            "atom": np.arange(n, dtype=np.int32),
            "species": pa.DictionaryArray.from_arrays(
                pa.array(kinds.astype(np.int8)), [chemical_symbols[number] for number in numbers]
            ),
            "x": x,
            "y": y,
            "z": z,
            "type": pa.nulls(n, pa.int16()) if types is None else pa.array(types),
        }
    )


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, key: dict[str, Any], rows: pa.Table
) -> None:
    """Append Arrow rows to a table, the key of their model or analysis before each."""
    ((name, value),) = key.items()
    columns = ", ".join(f'"{column}"' for column in rows.column_names)
    connection.register("incoming", rows)
    try:
        connection.execute(
            f"INSERT INTO {table} ({name}, {columns}) SELECT ?, {columns} FROM incoming", [value]
        )
    finally:
        connection.unregister("incoming")


def _analysis(
    connection: duckdb.DuckDBPyConnection, model_id: str, content: str, found: StructureResult
) -> tuple[int, bool]:
    """Number of the analysis, and whether it was stored now."""
    parameters = canonical_json(found.parameters)
    # Whole numbers only: reals may differ in the last digit between machines.
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
    own = digest([content.encode(), parameters.encode(), *results])
    known = _one(connection, "SELECT analysis_id FROM analysis WHERE content_hash = ?", own)
    if known is not None:
        return int(known), False
    number = _next(connection, "analysis")
    connection.execute(
        "INSERT INTO analysis VALUES (?, ?, ?, ?, ?, ?, ?, 'passed', ?, ?, ?, ?)",
        [
            number,
            model_id,
            own,
            parameters,
            found.cutoff,
            found.delta,
            _code_version(),
            len(found.tetrahedra),
            len(found.face_pairs),
            len(found.motifs),
            utc_now(),
        ],
    )
    tables = network_tables(found)
    measures: dict[str, tuple[float, str]] = {}
    if found.order is not None:
        tables |= order_tables(found.order)
        measures |= found.order.measures()
    if found.packing is not None:
        tables |= packing_tables(found.packing)
        measures |= found.packing.measures()
    if found.solutes is not None:
        tables |= mro_tables(found.solutes)
    if measures:
        tables["measure"] = measure_table(measures)
    for name, rows in tables.items():
        _insert(connection, name, {"analysis_id": number}, rows)
    return number, True
