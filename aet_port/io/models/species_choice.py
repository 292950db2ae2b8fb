"""What the caller says of the species of a file that does not name them all."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError, InputError
from aet_port.io.models.element_symbols import element

UNKNOWN = "X"  # ASE's symbol of no element
ONE = "one symbol for all atoms: --species Ta (in Python species='Ta')"
PER_TYPE = "a symbol for each atom type, in their order: --species Cu,Zr"
OWN = "none (leave out --species): the file names its own"
_BETWEEN = re.compile(r"[,;\s]+")


@dataclass(frozen=True)
class SpeciesChoice:
    """Symbols given for a file.

    Parameters
    ----------
    file
        The file, for errors.
    given
        Symbols that the file must need.
    default
        Symbols for a file that needs them; ``X`` alone stands for atoms of any type.
    """

    file: Path
    given: tuple[str, ...] | None = None
    default: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        file: Path,
        given: str | Sequence[str] | None,
        default: str | Sequence[str] | None = None,
    ) -> SpeciesChoice:
        """Check the symbols.

        Raises
        ------
        InputError
            For one that is no element.
        """
        return cls(file, _symbols(file, given), _symbols(file, default))

    @property
    def symbols(self) -> tuple[str, ...] | None:
        """Those that count."""
        return self.default if self.given is None else self.given

    def not_needed(self) -> None:
        """Refuse symbols for a file that names its own species.

        Raises
        ------
        InputError
            If some were given.
        """
        if self.given is not None:
            raise InputError(f"species for {self.file}", repr(_shown(self.given)), OWN)

    def of_all(self, n_atoms: int, what: str, advice: str = "") -> list[str]:
        """Symbols of atoms of which the file states neither species nor type.

        Parameters
        ----------
        what
            What the file has instead, for errors.
        advice
            A further way to name the species.

        Raises
        ------
        InputError
            Unless there is one symbol, or one per atom.
        """
        known = self.symbols
        if known is None:
            raise InputError(f"species of {self.file}", what, ONE + advice)
        if len(known) not in (1, n_atoms):
            found = f"{len(known)} symbols for {n_atoms} atoms"
            raise InputError(f"{self.file}: species", found, ONE + advice)
        return list(known) * n_atoms if len(known) == 1 else list(known)

    def are_types(self, words: Sequence[str]) -> bool:
        """Whether words in place of symbols are types rather than atomic numbers.

        They are if symbols are given for them, or if they are 1, 2, ... without a gap: no sample is
        of hydrogen and helium, and one of hydrogen alone is read with the symbol H for type 1.

        Parameters
        ----------
        words
            Symbol, atomic number or type of each atom.
        """
        kinds = set(words)
        if not kinds or not all(word.isascii() and word.isdecimal() for word in kinds):
            return False
        numbers = sorted({int(word[:9]) for word in kinds})
        if self.given is not None or numbers == list(range(1, len(numbers) + 1)):
            return True
        asked = () if self.default in (None, (UNKNOWN,)) else self.default
        return asked is not None and numbers[0] > 0 and numbers[-1] <= len(asked)

    def of_numbers(
        self, words: Sequence[str], place: Callable[[int], str]
    ) -> tuple[list[str], NDArray[np.int64]]:
        """Symbols of atoms by words that :meth:`are_types`, and these as numbers.

        Parameters
        ----------
        words
            Type of each atom.
        place
            See :meth:`of_types`.

        Raises
        ------
        InputError
            Without symbols.
        DataFileError
            For a type without a symbol.
        """
        types = np.array([int(word[:9]) for word in words])
        low, high = types.min(), types.max()
        shown = f"{low}" if low == high else f"{low} to {high}"
        return self.of_types(types, f"type numbers ({shown}) in place of symbols", place), types

    def of_types(
        self, types: NDArray[Any], what: str, place: Any = None, source: Path | None = None
    ) -> list[str]:
        """Symbols of atoms by their types 1, 2, ...

        Parameters
        ----------
        types
            Type of each atom.
        what
            What the file has of them, for errors.
        place
            Function of the number of an atom that gives its place in the file, for errors.
        source
            The file of the types, if another.

        Raises
        ------
        InputError
            Without symbols.
        DataFileError
            For a type without a symbol.
        """
        known = self.symbols
        if known is None:
            raise InputError(f"species of {self.file}", what, PER_TYPE)
        if known == (UNKNOWN,) and self.given is None:
            return [UNKNOWN] * len(types)
        wrong = np.flatnonzero(~np.isin(types, np.arange(1, len(known) + 1)))
        if wrong.size:
            where = "" if place is None else place(int(wrong[0]))
            found = f"type {types[wrong[0]]}{where}"
            expected = f"1 to {len(known)}, a symbol for each: --species A,B,..."
            raise DataFileError(self.file if source is None else source, found, expected)
        return [known[int(kind) - 1] for kind in types]


def _symbols(file: Path, given: str | Sequence[str] | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    words = _BETWEEN.split(given.strip(", ;")) if isinstance(given, str) else given
    symbols = tuple(str(word) for word in words)
    for symbol in symbols:
        if element(symbol) is None:
            raise InputError(f"species for {file}", repr(symbol), "a chemical symbol such as 'Ta'")
    return symbols


def _shown(symbols: tuple[str, ...]) -> str:
    return ",".join(symbols[:6]) + (",..." if len(symbols) > 6 else "")
