"""Display of data and results: one line in a console, a small table in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import isnan
from typing import Any

import numpy as np

from aet_port.core.html_pages import render_page

LONGEST = 60  # largest number of characters of a text
MOST = 4  # largest number of elements of a tuple or a list to write out


class Shown:
    """Mixin with a one-line ``repr`` and, in notebooks, a table with the same content.

    A class lists what to show in ``_facts``; otherwise a dataclass shows all its fields. Arrays are
    shown by their shape. A dataclass needs ``repr=False``, so that Python does not generate a
    ``repr``.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> @dataclass(frozen=True, repr=False)
    ... class Grid(Shown):
    ...     values: np.ndarray
    ...     step: float
    >>> Grid(np.zeros((4, 3)), 0.5)
    <Grid: values 4 x 3, step 0.5>
    """

    __slots__ = ()

    def _facts(self) -> Mapping[str, object]:
        """Values to show, by name; ``name`` comes first and None is left out."""
        if not is_dataclass(self):
            return {}
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def __repr__(self) -> str:
        facts = _texts(self._facts())
        name = facts.pop("name", None)
        head = type(self).__name__ + ("" if name is None else f" '{name}'")
        rest = ", ".join(f"{fact} {text}" for fact, text in facts.items())
        return f"<{head}: {rest}>" if rest else f"<{head}>"

    def _repr_html_(self) -> str:
        values = {"caption": type(self).__name__, "rows": _texts(self._facts())}
        return render_page("aet_port.core/facts.html.jinja", values)


def _texts(facts: Mapping[str, object]) -> dict[str, str]:
    return {
        # Names are often paths, which differ at the end.
        fact: shorten(value, keep_end=True)
        if fact == "name" and isinstance(value, str)
        else _text(value)
        for fact, value in facts.items()
        if value is not None
    }


def _text(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, str):
        return shorten(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    shape = getattr(value, "shape", None)
    if shape == ():  # a NumPy scalar
        return _text(value.item())
    if isinstance(shape, tuple):
        return times(shape)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Shown):
        return type(value).__name__
    if hasattr(value, "__len__"):
        short = isinstance(value, list | tuple) and 0 < len(value) <= MOST
        if short and all(isinstance(one, int | float | str) for one in value):
            return f"({', '.join(_text(one) for one in value)})"
        return count(len(value), "entry", "entries")
    return shorten(str(value))


def shorten(text: str, longest: int = LONGEST, *, keep_end: bool = False) -> str:
    """Text in one line of printable characters, truncated if it is long.

    Parameters
    ----------
    longest
        Largest number of characters.
    keep_end
        Whether to cut off the beginning instead of the end.

    Examples
    --------
    >>> shorten("two\\nlines")
    'two lines'
    """
    line = " ".join(text.split())
    line = line if line.isprintable() else ascii(line)[1:-1]
    if len(line) <= longest:
        return line
    return "..." + line[3 - longest :] if keep_end else line[: longest - 3] + "..."


def times(shape: tuple[int, ...]) -> str:
    """A shape in words.

    Examples
    --------
    >>> times((64, 64, 32))
    '64 x 64 x 32'
    """
    return " x ".join(str(n) for n in shape)


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun.

    Examples
    --------
    >>> count(1, "atom"), count(12, "atom")
    ('1 atom', '12 atoms')
    """
    return f"{number} {one if number == 1 else many or one + 's'}"


def angstrom(length: float) -> str:
    """A length with its unit; NaN is undefined.

    Examples
    --------
    >>> angstrom(0.345)
    '0.345 angstrom'
    """
    return "undefined" if isnan(length) else f"{length:.6g} angstrom"


def average(values: Any, unit: str = "") -> str:
    """The mean of the finite values with its unit, or that there are none.

    Examples
    --------
    >>> import numpy as np
    >>> average(np.array([1.0, 2.0, np.nan]), "degrees"), average(np.array([np.nan]))
    ('1.5 degrees', 'undefined')
    """
    numbers = np.asarray(values, dtype=np.float64)
    finite = numbers[np.isfinite(numbers)]
    return f"{finite.mean():.4g} {unit}".rstrip() if finite.size else "undefined"
