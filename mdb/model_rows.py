"""Rows of the tables of a model: its atoms, their arrays, and where it came from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from ase.data import chemical_symbols
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.uncertainty import COVARIANCES, P_EXISTS, P_SPECIES, SIGMA_HEIGHT, SIGMAS
from mdb.hashing import canonical_json
from mdb.records import Details, Edit, Provenance, Reconstruction

LONGEST_TEXT = 1_000_000  # characters of a name or of the remarks of a model
_EXACT = 2**53  # up to here a double holds every integer
# Arrays with a column of their own: what it takes, and kinds of NumPy types that hold that.
_COLUMNS = {
    "type": ("a small integer per atom", "iuf"),
    "confidence": ("a number per atom", "iuf"),
    "b_factor": ("a number per atom", "iuf"),
    "flag": ("a text per atom", "U"),
    **dict.fromkeys(
        (*SIGMAS, *COVARIANCES, SIGMA_HEIGHT, P_EXISTS, P_SPECIES), ("a number per atom", "iuf")
    ),
}
# Column of each of these arrays: of ``atom`` for the type, of ``atom_fit`` for all others.
ARRAY_COLUMNS = {name: "p_species" if name == P_SPECIES else name for name in _COLUMNS}


def atom_columns(
    model: AtomicModel, beside: Collection[str] = ()
) -> dict[str, NDArray[Any] | None]:
    """What tables ``atom`` and ``atom_fit`` take from the arrays of a model, by name of the array.

    Each of shape (n_atoms,); None where there is no such array, or nothing in it.

    Parameters
    ----------
    beside
        Arrays that are not taken, because they stand in ``atom_value``: those of models that were
        stored before there was a column for them.

    Raises
    ------
    InputError
        For an array that its column can't hold.
    """
    arrays = model.atoms.arrays
    return {
        name: _atom_column(model, name, np.asarray(arrays[name])) if name in arrays else None
        for name in _COLUMNS
        if name not in beside
    }


def _atom_column(model: AtomicModel, name: str, given: NDArray[Any]) -> NDArray[Any] | None:
    expected, kinds = _COLUMNS[name]
    if given.shape == (len(model),) and given.dtype.kind in kinds:
        if name == "flag":
            return given if (given != "").any() else None
        if name != "type":
            # One bit pattern for all NaN, because NULL is read as it.
            absent = np.isnan(given)
            return None if absent.all() else np.where(absent, np.nan, given).astype(np.float64)
        if np.isfinite(given).all() and np.array_equal(given, given.astype(np.int16)):
            return given.astype(np.int16)
    raise InputError(f"{model.name}: {name}", f"{given.dtype} of shape {given.shape}", expected)


def further_arrays(model: AtomicModel, beside: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """The arrays of a model that have no column of their own.

    Parameters
    ----------
    beside
        Arrays that count as such, see :func:`atom_columns`.

    Raises
    ------
    InputError
        For an array that holds neither texts nor numbers that a double holds exactly.
    """
    found = {}
    own = {"numbers", "positions", *_COLUMNS} - {*beside}
    for name, given in model.atoms.arrays.items():
        if name in own:
            continue
        values = np.asarray(given)
        if values.shape[:1] != (len(model),):
            shape = f"shape {values.shape}"
            raise InputError(
                f"{model.name}: array {name}", shape, f"a row for each of {len(model)} atoms"
            )
        if values.dtype.kind == "O" and all(isinstance(value, str) for value in values.flat):
            values = values.astype(str)
        kind = values.dtype.kind
        if kind == "U" and any("\0" in text for text in values.flat):
            raise InputError(f"{model.name}: array {name}", "a NUL character", "text without it")
        exact = kind in "bU" or (kind == "f" and values.dtype.itemsize <= 8)
        exact |= kind in "iu" and bool((np.abs(values.astype(np.float64)) <= _EXACT).all())
        if not exact:
            found_kind = f"{values.dtype} of shape {values.shape}"
            raise InputError(f"{model.name}: array {name}", found_kind, "numbers or texts")
        found[name] = values
    return found


def atom_tables(
    model: AtomicModel, columns: Mapping[str, NDArray[Any] | None]
) -> dict[str, pa.Table]:
    """Rows of ``atom`` and, if anything of that is known, of ``atom_fit``, one for each atom.

    What is not known of any atom has no column.
    """
    numbers, kinds = np.unique(model.atoms.numbers, return_inverse=True)
    x, y, z = (np.ascontiguousarray(column) for column in model.positions.T)
    species = pa.DictionaryArray.from_arrays(
        pa.array(kinds.astype(np.int8)), [chemical_symbols[number] for number in numbers]
    )
    atom = np.arange(len(model), dtype=np.int32)
    rows = {"atom": atom, "species": species, "x": x, "y": y, "z": z}
    fits: dict[str, Any] = {}
    for name, column in columns.items():
        if column is not None:
            kind = column.dtype.kind
            absent = column == "" if kind == "U" else np.isnan(column) if kind == "f" else None
            table = rows if name == "type" else fits
            table[ARRAY_COLUMNS[name]] = pa.array(column, mask=absent)
    found = {"atom": pa.table(rows)}
    return found | ({"atom_fit": pa.table({"atom": atom, **fits})} if fits else {})


def array_tables(arrays: Mapping[str, NDArray[Any]]) -> dict[str, pa.Table]:
    """Rows of ``atom_array`` and ``atom_value``."""
    if not arrays:
        return {}
    values = []
    for name, array in arrays.items():
        rows = array.reshape(len(array), -1)
        n, width = rows.shape
        text = array.dtype.kind == "U"
        flat = rows.ravel()
        values.append(
            pa.table(
                {
                    "name": pa.DictionaryArray.from_arrays(np.zeros(n * width, np.int8), [name]),
                    "atom": np.repeat(np.arange(n, dtype=np.int32), width),
                    "component": np.tile(np.arange(width, dtype=np.int32), n),
                    "value": pa.nulls(n * width, pa.float64()) if text else flat.astype(np.float64),
                    "text": pa.array(flat) if text else pa.nulls(n * width, pa.string()),
                }
            )
        )
    heads = {
        "name": list(arrays),
        "dtype": [array.dtype.str for array in arrays.values()],
        "shape": pa.array([array.shape[1:] for array in arrays.values()], pa.list_(pa.int32())),
    }
    return {
        "atom_array": pa.table(heads),
        "atom_value": pa.concat_tables([t.unify_dictionaries() for t in values]),
    }


def remarks(model: AtomicModel, details: Details) -> str | None:
    """The remarks that came with a model, as JSON; what has no JSON form is told as text.

    Raises
    ------
    InputError
        If they are too long.
    """
    found: dict[str, Any] = {}
    for key, value in {**model.atoms.info, **model.metadata}.items():
        try:
            canonical_json({str(key): value})
        except InputError:
            value = str(value)
        found[str(key)] = value
    found |= details.info or {}
    return short(model.name, canonical_json(found, "info")) if found else None


def short(subject: str, text: str) -> str:
    """A text that is not too long.

    Raises
    ------
    InputError
        If it is longer than a million characters.
    """
    if len(text) > LONGEST_TEXT:
        raise InputError(
            f"text of {subject[:80]}", f"{len(text)} characters", f"at most {LONGEST_TEXT}"
        )
    return text


def origin_tables(given: Reconstruction | None) -> dict[str, pa.Table]:
    """Rows of ``reconstruction``, ``tilt_series`` and ``projection``.

    Raises
    ------
    InputError
        For parameters without JSON form, or not one R factor, shift or scale per projection.
    """
    if given is None:
        return {}
    head = {
        "algorithm": given.algorithm,
        "parameters": canonical_json(given.parameters),
        "r_mean": given.r_mean,
        "r_global": given.r_global,
    }
    tables = {"reconstruction": row(head)}
    series = given.tilt_series
    if series is None:
        return tables
    n, tilts = len(series), series.angles[:, 1]
    tables["tilt_series"] = row(
        {
            "name": short("tilt series", series.name),
            "n_projections": n,
            "pixel_size": series.pixel_size,
            "nx": series.detector[0],
            "ny": series.detector[1],
            "tilt_min": float(tilts.min()),
            "tilt_max": float(tilts.max()),
        }
    )
    phi, theta, psi = np.ascontiguousarray(series.angles.T, dtype=np.float64)
    columns = {"projection": np.arange(n, dtype=np.int32), "phi": phi, "theta": theta, "psi": psi}
    shapes = {"shifts": (n, 2), "scales": (n,), "r_factors": (n,)}
    for name, shape in shapes.items():
        values = getattr(given, name)
        if values is None:
            continue
        values = np.asarray(values, dtype=np.float64)
        if values.shape != shape:
            raise InputError(f"reconstruction: {name}", f"shape {values.shape}", f"shape {shape}")
        if name == "shifts":
            columns["shift_x"], columns["shift_y"] = np.ascontiguousarray(values.T)
        else:
            columns["scale" if name == "scales" else "r1"] = values
    tables["projection"] = pa.table(columns)
    return tables


def detail_tables(
    details: Details, provenance: Sequence[Provenance], edits: Sequence[Edit]
) -> dict[str, pa.Table]:
    """Rows of ``species_fit``, ``provenance`` and ``atom_edit``."""
    fits, log = details.species, range(len(edits))
    places = [edit.position if edit.position is not None else (None,) * 3 for edit in edits]
    tables = {
        "species_fit": {
            "species": [fit.species for fit in fits],
            "type": pa.array([fit.type for fit in fits], pa.int16()),
            "height": pa.array([fit.height for fit in fits], pa.float64()),
            "b_factor": pa.array([fit.b_factor for fit in fits], pa.float64()),
        },
        "provenance": {
            "role": [entry.role for entry in provenance],
            "file_name": [entry.file_name for entry in provenance],
            "sha256": [entry.sha256 for entry in provenance],
            "verified": pa.array([entry.verified for entry in provenance], pa.bool_()),
        },
        "atom_edit": {
            "edit": pa.array(log, pa.int32()),
            "action": [edit.action for edit in edits],
            "atom": pa.array([edit.atom for edit in edits], pa.int32()),
            "species": pa.array([edit.species for edit in edits], pa.string()),
            **{
                axis: pa.array([place[k] for place in places], pa.float64())
                for k, axis in enumerate("xyz")
            },
            "reason": pa.array([edit.reason for edit in edits], pa.string()),
            "author": pa.array([edit.author for edit in edits], pa.string()),
        },
    }
    made = {name: pa.table(columns) for name, columns in tables.items()}
    return {name: table for name, table in made.items() if table.num_rows}


def row(values: Mapping[str, Any]) -> pa.Table:
    """A table of one row; what is None has no column."""
    return pa.table({name: [value] for name, value in values.items() if value is not None})
