"""Elements as files name them: symbols in any case, atomic numbers, isotopes of hydrogen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import ase
import numpy as np
from ase.data import atomic_masses, atomic_numbers, chemical_symbols
from numpy.typing import NDArray

ISOTOPES = {"D": 2.01410177811, "T": 3.01604928199}  # hydrogen; atomic mass units
_FORTRAN = re.compile(r"(?<=[\d.])[dD](?=[+-]?\d)")


@cache
def element(word: str) -> tuple[int, float | None] | None:
    """Atomic number of a word, and the mass of an isotope; None for what is no element.

    Parameters
    ----------
    word
        A symbol in upper or lower case (``X`` is that of no element), an atomic number, or ``D``
        or ``T`` for heavy hydrogen.

    Examples
    --------
    >>> element("Cu"), element("CU"), element("29"), element("Copper")
    ((29, None), (29, None), (29, None), None)
    >>> element("D")
    (1, 2.01410177811)
    """
    if word.isascii() and word.isdecimal():
        number = int(word) if len(word) < 4 else 0
        return (number, None) if 0 < number < len(chemical_symbols) else None
    symbol = word.capitalize()
    if symbol in ISOTOPES:
        return 1, ISOTOPES[symbol]
    found = atomic_numbers.get(symbol)
    return None if found is None else (found, None)


def unknown_element(words: Sequence[str]) -> int | None:
    """Place of the first word that is no element; None if all are."""
    unknown = {word for word in set(words) if element(word) is None}
    return next((k for k, word in enumerate(words) if word in unknown), None) if unknown else None


def numbers_and_masses(
    words: Sequence[str],
) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
    """Atomic numbers of words that are elements, and masses if there are isotopes among them."""
    pairs = {word: element(word) or (0, None) for word in set(words)}
    numbers = np.array([pairs[word][0] for word in words], dtype=np.int64)
    if all(mass is None for _, mass in pairs.values()):
        return numbers, None
    masses = {w: atomic_masses[n] if m is None else m for w, (n, m) in pairs.items()}
    return numbers, np.array([masses[word] for word in words])


def set_elements(atoms: ase.Atoms, words: Sequence[str]) -> None:
    """Give atoms the elements that words name; isotopes keep their mass."""
    atoms.numbers, masses = numbers_and_masses(words)
    if masses is not None:
        atoms.set_masses(masses)


def real_number(word: str) -> float:
    """The value of a number as any program writes it, Fortran's ``1.0D+00`` too.

    Raises
    ------
    ValueError
        For anything else.
    """
    try:
        return float(word)
    except ValueError:
        return float(usual_exponents(word))


def usual_exponents(text: str) -> str:
    """Text in which exponents of Fortran are those of all others.

    Examples
    --------
    >>> usual_exponents("Pd 1.5D+00 -2d-3")
    'Pd 1.5e+00 -2e-3'
    """
    return _FORTRAN.sub("e", text)
