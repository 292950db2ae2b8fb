"""Settings of a stage: type, default, bounds, unit and help of each value, defined once.

The defaults of the stage's function, the section of a run's TOML file, the options of its command,
the annotated examples and the JSON schema are all read from these classes.
"""

from __future__ import annotations

import difflib
import math
import types
from collections.abc import Mapping
from typing import Any, Literal, Self, Union, get_args, get_origin

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from aet_port.core.errors import InputError, shown

REQUIRED: Any = ...
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum"}
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def setting(
    default: Any,
    help: str,
    *,
    unit: str = "",
    example: Any = None,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    also: str = "",
) -> Any:
    """A field of a :class:`Settings` class.

    Parameters
    ----------
    default
        The default value; :data:`REQUIRED` for none.
    help
        One sentence or phrase for help texts, examples and docs.
    unit
        Unit of a number, such as ``"angstrom"``.
    example
        Value shown in the annotated example files if there is no default.
    ge, gt, le
        Bounds: at least, above, at most. They apply to each element of a list. Every number has
        one on either side.
    also
        Another name of the command's option, where nothing else has this name.
    """
    extra: Any = {"unit": unit} if unit else {}
    given = {"ge": ge, "gt": gt, "le": le}
    # The names of bounds and examples in JSON schema.
    extra |= {_BOUNDS[name]: value for name, value in given.items() if value is not None}
    if also:
        extra["also"] = also
    if example is not None:
        extra["examples"] = [example]
    return Field(default, description=help, json_schema_extra=extra)


class Settings(BaseModel):
    """Base class of the settings of a stage; immutable, with all values checked.

    Raises
    ------
    InputError
        For an unknown name (the error gives the nearest known one), a value of another type, or one
        out of bounds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**{name: _native(value) for name, value in values.items()})
        except ValidationError as error:
            raise self._refusal(error, values) from None

    @model_validator(mode="after")
    def _within_bounds(self) -> Self:
        for name, field in type(self).model_fields.items():
            bounds = facts_of(field)["bounds"]
            value = getattr(self, name)
            inner = value.values() if isinstance(value, dict) else value
            for one in inner if isinstance(value, (tuple, dict)) else (value,):
                if isinstance(one, str) and "\0" in one:
                    raise InputError(name, shown(one), "text without the character NUL")
                number = isinstance(one, (int, float)) and not isinstance(one, bool)
                if number and not is_inside(one, bounds):
                    raise InputError(name, shown(getattr(self, name)), expectation(field))
        return self

    @classmethod
    def _refusal(cls, error: ValidationError, values: Mapping[str, Any]) -> InputError:
        first = error.errors()[0]
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, InputError):
            return cause
        name = str(first["loc"][0]) if first["loc"] else ""
        if first["type"] == "extra_forbidden":
            *inner, unknown = map(str, first["loc"])
            kind: Any = cls
            for key in inner:
                kind = kind.model_fields[key].annotation
            meant = nearest(unknown, kind.model_fields)
            return InputError(f"{unknown!r}", "an unknown setting", meant)
        if first["type"] == "missing" and name not in values:
            return InputError(
                name, "nothing", f"{name} = ...: {cls.model_fields[name].description}"
            )
        given = values.get(name)
        found = given.item() if isinstance(given, np.generic) else given
        return InputError(name, shown(found), expectation(cls.model_fields[name]))

    def changed(self, **values: Any) -> Self:
        """Copy with other values, checked again."""
        return type(self)(**(dict(self) | values))

    def plain(self) -> dict[str, Any]:
        """The values in types of JSON and TOML."""
        return self.model_dump(mode="json")


def facts_of(field: FieldInfo) -> dict[str, Any]:
    """Unit, bounds, example and other name of a field, as given to :func:`setting`."""
    extra = field.json_schema_extra
    stored: dict[str, Any] = dict(extra) if isinstance(extra, dict) else {}
    return {
        "unit": stored.get("unit", ""),
        "bounds": {name: stored[word] for name, word in _BOUNDS.items() if word in stored},
        "example": stored.get("examples", [None])[0],
        "also": stored.get("also", ""),
    }


def nearest(name: str, known: Mapping[str, Any]) -> str:
    """Text with the nearest known name for an unknown one, and all known names."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
    every = ", ".join(known)
    return f"{close[0]!r}; all: {every}" if close else f"one of {every}"


def expectation(field: FieldInfo) -> str:
    """What a field accepts, in words: type, bounds, unit."""
    facts = facts_of(field)
    bounds, unit = facts["bounds"], facts["unit"]
    limits = bounds_text(bounds)
    return _words(field.annotation, f"{limits} ({unit})" if unit else limits)


def bounds_text(bounds: Mapping[str, float]) -> str:
    """Bounds in words, with a space in front: `` between 1 and 20``; empty without any."""
    text = {name: _figures(value) for name, value in bounds.items()}
    if "gt" in text:
        above = " above zero" if bounds["gt"] == 0 else f" above {text['gt']}"
        return f"{above} and at most {text['le']}" if "le" in text else above
    if "ge" in text and "le" in text:
        return f" between {text['ge']} and {text['le']}"
    if "ge" in text:
        return f" of at least {text['ge']}"
    return f" of at most {text['le']}" if "le" in text else ""


def _figures(value: float) -> str:
    """A bound without an exponent where it is a whole number of up to seven digits."""
    return str(int(value)) if value == int(value) and abs(value) < 1e7 else f"{value:g}"


def is_inside(value: float, bounds: Mapping[str, float]) -> bool:
    """Whether a number is within bounds, as :func:`facts_of` gives them; NaN never is."""
    return (
        value >= bounds.get("ge", -math.inf)
        and value <= bounds.get("le", math.inf)
        and ("gt" not in bounds or value > bounds["gt"])
    )


def _native(value: Any) -> Any:
    """Convert lists to tuples and NumPy scalars to Python's."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {name: _native(one) for name, one in value.items()}
    return tuple(_native(one) for one in value) if isinstance(value, list) else value


def _words(hint: Any, limits: str) -> str:
    """A type in words; ``limits`` apply to its numbers."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        *others, last = map(repr, inner)
        return f"{', '.join(others)} or {last}" if others else last
    if origin is tuple:
        if len(inner) == 2 and inner[1] is Ellipsis:
            return f"a list, each {_words(inner[0], limits)}"
        return f"a list of {len(inner)}, each {_words(inner[0], limits)}"
    if origin is dict:
        return (
            f"a list of names and numbers, such as Co=0.3,Pd=0.7, each {_words(inner[1], limits)}"
        )
    if origin in (Union, types.UnionType):
        return " or ".join(_words(one, limits) for one in inner if one is not type(None))
    words = _WORDS.get(hint, "other settings")
    return words + limits if hint in (int, float) else words
