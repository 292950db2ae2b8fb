"""SHA-256 of content: of arrays, of tables, of parameters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError


def digest(parts: Iterable[bytes | NDArray[Any]]) -> str:
    """SHA-256 over byte strings and arrays, each preceded by its length to keep them apart."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, bytes):
            part = np.frombuffer(part, dtype=np.uint8)
        total.update(part.nbytes.to_bytes(8, "little"))
        total.update(np.ascontiguousarray(part).ravel().view(np.uint8).data)
    return total.hexdigest()


def model_hash(model: AtomicModel, kind: str, columns: Mapping[str, NDArray[Any] | None]) -> str:
    """SHA-256 of kind, cell, periodicity, species, positions and of all that is given per atom.

    Parameters
    ----------
    columns
        What else is stored of every atom, by name; None is left out.
    """
    positions = np.ascontiguousarray(model.positions, dtype="<f8")
    cell = np.ascontiguousarray(np.asarray(model.atoms.cell), dtype="<f8")
    numbers = np.ascontiguousarray(model.atoms.numbers, dtype="<i4")
    pbc = model.atoms.pbc.tobytes()
    parts: list[bytes | NDArray[Any]] = [b"model 1", kind.encode(), positions, cell, pbc, numbers]
    given = {name: column for name, column in columns.items() if column is not None}
    types = given.pop("type", None)
    if types is not None:
        parts.append(np.ascontiguousarray(types, dtype="<i2"))
    for name in sorted(given):
        column = given[name]
        if column.dtype.kind == "U":  # characters of a fixed width, which is no content
            column = np.frombuffer("\0".join(column.ravel().tolist()).encode(), dtype=np.uint8)
        parts += [f"{name} {given[name].dtype.kind} {given[name].shape}".encode(), column]
    return digest(parts)


def table_digest(tables: Mapping[str, pa.Table]) -> str:
    """SHA-256 of the values of tables, whatever their widths, chunks and the order of columns.

    A column of NULL alone counts as absent, so that a later schema changes no hash.
    """
    total = hashlib.sha256()
    for name in sorted(tables):
        table = tables[name]
        if not table.num_rows:
            continue
        total.update(f"table {name} {table.num_rows}\n".encode())
        for column in sorted(table.column_names):
            values = table[column]
            if values.null_count == len(values):
                continue
            total.update(f"column {column}\n".encode())
            plain = [chunk.cast(_plain(chunk.type)) for chunk in values.chunks]
            _update(total, plain[0] if len(plain) == 1 else pa.concat_arrays(plain))
    return total.hexdigest()


def entry_digest(tables: Mapping[str, pa.Table]) -> str:
    """SHA-256 of all tables of an entry, as :func:`table_digest`: what is stored as its checksum.

    The columns of ``atom_fit`` count as columns of ``atom``, where they stood in earlier schemas:
    models stored then keep their checksums. If its rows are not one for each atom, in the order of
    the atoms, they count as a table that no sound model has, so that no checksum agrees.
    """
    fits = tables.get("atom_fit")
    if fits is None or not fits.num_rows:
        return table_digest(tables)
    atoms = tables["atom"]
    if not fits["atom"].equals(atoms["atom"]):
        return table_digest(tables)
    for name in fits.column_names:
        if name != "atom":
            atoms = atoms.append_column(name, fits[name])
    rest = {name: table for name, table in tables.items() if name != "atom_fit"}
    return table_digest({**rest, "atom": atoms})


def _plain(kind: pa.DataType) -> pa.DataType:
    """The one type that stands for all that hold the same values."""
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float64()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us")
    if pa.types.is_boolean(kind):
        return pa.uint8()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.large_list(_plain(kind.value_type))
    return pa.large_string()


def _update(total: Any, values: pa.Array) -> None:
    """Feed an array of a plain type to a hash: where it is NULL, its lengths, its values."""
    if values.null_count:
        total.update(np.packbits(values.is_null().to_numpy(zero_copy_only=False)).data)
    if pa.types.is_large_list(values.type):
        lengths = pc.fill_null(pc.list_value_length(values), -1)
        total.update(lengths.to_numpy().astype("<i8").data)
        _update(total, values.flatten())
    elif pa.types.is_large_string(values.type):
        lengths = pc.fill_null(pc.binary_length(values), -1)
        total.update(lengths.to_numpy().astype("<i8").data)
        filled = pc.fill_null(values, "")
        _, offsets, characters = filled.buffers()
        bounds = np.frombuffer(offsets, "<i8")[filled.offset :]
        first, last = bounds[0], bounds[len(values)]
        total.update(b"" if characters is None else memoryview(characters)[first:last])
    else:
        if values.null_count:
            values = pc.fill_null(values, pa.scalar(0, pa.int64()).cast(values.type))
        total.update(values.to_numpy(zero_copy_only=False).view(np.uint8).data)


def canonical_json(values: Mapping[str, Any], subject: str = "parameters") -> str:
    """JSON with sorted keys; NaN and infinities are refused because JSON has none.

    Raises
    ------
    InputError
        If a value has no JSON form.
    """
    try:
        text = json.dumps(values, sort_keys=True, allow_nan=False, default=_plain_value)
        json.dumps(values, ensure_ascii=False, default=_plain_value).encode()  # is it all letters?
        return text
    except (TypeError, ValueError) as error:
        raise InputError(subject, str(error), "numbers, texts, lists and mappings") from error


def _plain_value(value: Any) -> Any:
    """NumPy numbers and arrays as Python's own."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"a value of type {type(value).__name__}")
