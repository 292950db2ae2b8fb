"""Names of models in the style of the Materials Data Bank."""

from __future__ import annotations

from collections.abc import Iterable

from ase.data import atomic_numbers, chemical_symbols

from aet_port.core.errors import InputError

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
    number = 1 if last is None else int(last[LETTERS : LETTERS + DIGITS]) + 1
    if number >= 10**DIGITS:
        raise InputError("model id", f"{10**DIGITS - 1} models {letters}", "another bank for more")
    return f"{letters}{number:0{DIGITS}d}"


def version_id(entry: str, version: int) -> str:
    """Model id of a version of an entry: the entry's own for the first, ``TaXX00001v2`` and on."""
    return entry if version == 1 else f"{entry}v{version}"
