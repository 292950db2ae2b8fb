"""Parameters of named queries: how they are written in the comment of a query, and checked."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from numbers import Integral, Real

import numpy as np

from aet_port.core.errors import InputError

Value = str | int | float | bool

# `$name TYPE`, a range, a default or `required`, and after a colon what it is.
_PARAMETER = re.compile(
    r"\$(?P<name>\w+) (?P<type>VARCHAR|INTEGER|DOUBLE|BOOLEAN)"
    r"(?: (?P<least>-?\d+)\.\.(?P<most>-?\d*))?"
    r"(?: = (?P<default>[^:,]+)|, (?P<required>required))?: (?P<description>.+)"
)
_WORDS = {
    "VARCHAR": "a text",
    "INTEGER": "a whole number",
    "DOUBLE": "a number",
    "BOOLEAN": "true or false",
}
_LARGEST = 2**31 - 1  # of an INTEGER


@dataclass(frozen=True)
class Parameter:
    """A parameter of a named query.

    Attributes
    ----------
    name
        Its name, without the ``$``.
    type
        ``VARCHAR``, ``INTEGER``, ``DOUBLE`` or ``BOOLEAN``.
    description
        What it is.
    default
        Value unless given; None where the query then takes all.
    required
        Whether it must be given.
    least, most
        Range of a number, both included; None where it has no end.
    """

    name: str
    type: str
    description: str
    default: Value | None = None
    required: bool = False
    least: int | None = None
    most: int | None = None

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        words = _WORDS[self.type]
        if self.least is not None:
            words += f" from {self.least}" + ("" if self.most is None else f" to {self.most}")
        return words

    def usage(self) -> tuple[str, str]:
        """How it is given, and what it is."""
        value = "..." if self.default is None else _text(self.default)
        return f"{self.name}={value}", f"{self.description}{' (required)' * self.required}"

    def check(self, value: object) -> Value:
        """``value`` as the type of the parameter; a text is read as that type.

        Raises
        ------
        InputError
            If it is not of that type or range.
        """
        found = _read(value) if self.type != "VARCHAR" and isinstance(value, str) else value
        result = _as(self.type, found)
        if result is None or (isinstance(result, str) and not _writable(result)):
            raise self._wrong(value)
        if not isinstance(result, str) and (
            (self.least is not None and result < self.least)
            or (self.most is not None and result > self.most)
        ):
            raise self._wrong(value)
        return result

    def _wrong(self, value: object) -> InputError:
        return InputError(f"parameter {self.name}", shown(value), self.expected)


def parse_parameter(query: str, line: str) -> Parameter:
    """A parameter from its line in the comment of a query, without the ``--``.

    Such as ``$model VARCHAR: only this model``, ``$n INTEGER 1.. = 10: how many`` (at least 1; 10
    unless given) or ``$analysis INTEGER, required: the analysis``.

    Raises
    ------
    InputError
        If it is written in another way.
    """
    match = _PARAMETER.fullmatch(line)
    if match is None:
        raise InputError(f"query {query}", repr(line), "a parameter such as `$n INTEGER = 10: ...`")
    found = Parameter(
        match["name"],
        match["type"],
        match["description"],
        required=match["required"] is not None,
        least=int(match["least"]) if match["least"] else None,
        most=int(match["most"]) if match["most"] else None,
    )
    if match["default"] is None:
        return found
    return replace(found, default=found.check(match["default"]))


def _read(text: str) -> object:
    """A number, or true or false, from a text; the text itself if it is neither."""
    plain = text.strip().lower()
    if plain in ("true", "false"):
        return plain == "true"
    for kind in (int, float):
        try:
            return kind(plain)
        except ValueError:
            continue
    return text


def _as(kind: str, value: object) -> Value | None:
    """The value as Python's own type for an SQL type; None if it is not of it."""
    if kind == "VARCHAR":
        return str(value) if isinstance(value, str) else None
    if kind == "BOOLEAN":
        return bool(value) if isinstance(value, bool | np.bool_) else None
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    if kind == "INTEGER":
        whole = int(value) if isinstance(value, Integral) else None
        return whole if whole is not None and abs(whole) <= _LARGEST else None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number beyond the largest real one
        return None


def _writable(text: str) -> bool:
    """Whether a text has a form in UTF-8; what a shell hands over may not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def shown(value: object) -> str:
    """A value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
