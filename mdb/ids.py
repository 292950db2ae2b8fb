"""Names of models in the style of the Materials Data Bank, and hashes of content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from aet_port.data import AtomicModel
from aet_port.errors import InputError

LETTERS = 4
DIGITS = 5


def prefix(symbols: Iterable[str]) -> str:
    """Four letters for a set of elements: symbols by atomic number as they fit, padded with X.

    ``{"Ni", "Rh", "Pt"}`` gives ``NiRh``, ``{"Ta"}`` gives ``TaXX``.

    Raises
    ------
    InputError
        If there is no symbol or one that is no chemical element.
    """
    elements = set(symbols)
    unknown = sorted(elements - set(chemical_symbols[1:]))  # the first, X, is a dummy
    if unknown or not elements:
        found = repr(unknown[0]) if unknown else "no species"
        raise InputError("species", found, "chemical symbols such as 'Ta'")
    letters = ""
    for symbol in sorted(elements, key=atomic_numbers.__getitem__):
        if len(letters) + len(symbol) > LETTERS:
            break
        letters += symbol
    return letters.ljust(LETTERS, "X")


def next_id(letters: str, last: str | None) -> str:
    """The model id after ``last`` (None for the first) among those that begin with ``letters``.

    Raises
    ------
    InputError
        If all 99,999 numbers of the prefix are taken.
    """
    number = 1 if last is None else int(last[LETTERS:]) + 1
    if number >= 10**DIGITS:
        raise InputError("model id", f"{10**DIGITS - 1} models {letters}", "another bank for more")
    return f"{letters}{number:0{DIGITS}d}"


def model_hash(model: AtomicModel, kind: str, types: NDArray[np.int16] | None) -> str:
    """SHA-256 of everything stored of a model but its names and R factors."""
    positions = np.ascontiguousarray(model.positions, dtype="<f8")
    cell = np.ascontiguousarray(np.asarray(model.atoms.cell), dtype="<f8")
    numbers = np.ascontiguousarray(model.atoms.numbers, dtype="<i4")
    parts = [b"model 1", kind.encode(), positions, cell, model.atoms.pbc.tobytes(), numbers]
    if types is not None:
        parts.append(np.ascontiguousarray(types, dtype="<i2"))
    return digest(parts)


def digest(parts: Iterable[bytes | NDArray[Any]]) -> str:
    """SHA-256 over byte strings and arrays, each preceded by its length to keep them apart."""
    total = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.tobytes()
        total.update(len(data).to_bytes(8, "little"))
        total.update(data)
    return total.hexdigest()


def canonical_json(values: dict[str, Any]) -> str:
    """JSON with sorted keys; NaN and infinities are refused because JSON has none.

    Raises
    ------
    InputError
        If a value has no JSON form.
    """
    try:
        return json.dumps(values, sort_keys=True, allow_nan=False, default=_plain)
    except (TypeError, ValueError) as error:
        raise InputError("parameters", str(error), "numbers, texts, lists and mappings") from error


def _plain(value: Any) -> Any:
    """NumPy numbers and arrays as Python's own."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"a value of type {type(value).__name__}")
