"""The door of public functions: the types of their arguments, checked against the annotations.

Lists become arrays where an array is asked for. Masked, complex and object arrays are refused,
since all that follows would silently take the data below the mask or the real part.
"""

from __future__ import annotations

import collections.abc
import inspect
import os
import types
import typing
from collections.abc import Callable, Mapping
from functools import update_wrapper
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import InputError, reason, shown

F = TypeVar("F", bound=Callable[..., Any])
Check = Callable[[Any], Any]  # the value to go on with

_MOST = 1000  # elements of a sequence that are looked at
_REAL, _ANY = "biuf", "biufcSUMmV"
_SCALARS: dict[Any, tuple[tuple[type, ...], str]] = {
    bool: ((bool, np.bool_), "true or false"),
    int: ((int, np.integer), "a whole number"),
    float: ((int, float, np.integer, np.floating), "a number"),
    complex: ((int, float, complex, np.number), "a number"),
    str: ((str,), "text"),
    Path: ((str, os.PathLike), "the path of a file"),
}
_ARRAY_KINDS = {np.complexfloating: "biufc", np.character: "SU", np.object_: _ANY + "O"}


class _Numbers:
    """Stands for ``numpy.typing.ArrayLike``."""


class Unfit(Exception):
    """A value that does not fit: what was found, and what would."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found)
        self.found, self.expected = found, expected


def checked(function: F) -> F:
    """Decorate a public function so that its arguments are checked before it runs.

    Raises
    ------
    InputError
        When the function is called with an argument of a wrong type; it names the argument.
    """
    door = _Door(function)

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*door.positional(args), **door.named(kwargs))

    # With the globals of its module, so that doctest takes it for one of the module's functions.
    made = types.FunctionType(
        call.__code__, _globals(function), function.__name__, None, call.__closure__
    )
    return typing.cast(F, update_wrapper(made, function))


def _globals(function: Callable[..., Any]) -> dict[str, Any]:
    return typing.cast(dict[str, Any], getattr(inspect.unwrap(function), "__globals__", {}))


def real_array(name: str, value: Any) -> NDArray[Any]:
    """An array of real numbers; the check of data types, which are no functions.

    Parameters
    ----------
    name
        Of the argument, for the error.
    value
        Array, or lists of numbers.

    Raises
    ------
    InputError
        For anything else, masked and complex arrays included.
    """
    try:
        return typing.cast(NDArray[Any], _of_array(_REAL)(value))
    except Unfit as unfit:
        raise InputError(name, unfit.found, unfit.expected) from None


class _Door:
    """Checks of the parameters of one function, made when it is called first."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.checks: dict[str, Check] | None = None
        self.order: list[str] = []
        self.rest = ""  # parameters that take all further ones
        self.others = ""

    def positional(self, values: tuple[Any, ...]) -> list[Any]:
        checks = self._made()
        names = self.order + [self.rest] * (len(values) - len(self.order))
        return [
            _passed(checks, name, value) for name, value in zip(names, values, strict=False)
        ] + [*values[len(names) :]]

    def named(self, values: dict[str, Any]) -> dict[str, Any]:
        checks = self._made()
        return {
            name: _passed(checks, name if name in checks else self.others, value, name)
            for name, value in values.items()
        }

    def _made(self) -> dict[str, Check]:
        if self.checks is None:
            space = _globals(self.function)
            made = {}
            for name, one in inspect.signature(self.function).parameters.items():
                if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD):
                    self.order.append(name)
                if one.kind == one.VAR_POSITIONAL:
                    self.rest = name
                if one.kind == one.VAR_KEYWORD:
                    self.others = name
                check = _check(_hint(one.annotation, space))
                if check is not None:
                    made[name] = check
            self.checks = made
        return self.checks


def _passed(checks: Mapping[str, Check], key: str, value: Any, name: str = "") -> Any:
    check = checks.get(key)
    if check is None:
        return value
    try:
        return check(value)
    except Unfit as unfit:
        raise InputError(name or key, unfit.found, unfit.expected) from None


def _hint(annotation: Any, space: dict[str, Any]) -> Any:
    """The type that an annotation stands for; Any if it is known to type checkers only."""
    if annotation is inspect.Parameter.empty:
        return Any
    if not isinstance(annotation, str):
        return annotation
    try:
        # typing would break ArrayLike up, and then nobody knows whether texts are meant too.
        return eval(annotation, space, {"ArrayLike": _Numbers})
    except (NameError, AttributeError, TypeError):
        return Any


def _check(hint: Any) -> Check | None:
    """The check for a type; None where every value fits."""
    hint = _without_alias(hint)
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any or hint is object:
        return None
    if hint in _SCALARS:
        return _of_scalar(hint)
    if hint is None or hint is type(None):
        return _of_class(type(None), "None")
    if origin is Literal:
        return _of_literal(inner)
    if hint is _Numbers:
        return _of_array(_REAL)
    if origin in (Union, types.UnionType):
        return _of_union(inner)
    if origin is np.ndarray or hint is np.ndarray:
        return _of_array(_kinds(inner))
    if origin is tuple:
        return _of_tuple(inner)
    if origin in (collections.abc.Mapping, dict):
        return _of_class(collections.abc.Mapping, "a mapping, such as a dictionary")
    if origin in (collections.abc.Sequence, list, collections.abc.Collection):
        return _of_sequence(inner[0])
    if origin is collections.abc.Iterable:
        return _of_class(collections.abc.Iterable, "a list")
    if origin is collections.abc.Callable or hint is collections.abc.Callable:
        return _of_callable
    if inspect.isclass(hint) and not _is_duck(hint):
        return _of_class(hint, f"{_article(hint.__name__)} {hint.__name__}")
    return None


def _without_alias(hint: Any) -> Any:
    """The type behind an alias of Python 3.12 and later, such as NumPy's NDArray there."""
    kind: Any = getattr(typing, "TypeAliasType", ())
    if isinstance(hint, kind):
        return hint.__value__
    alias = get_origin(hint)
    return alias.__value__[get_args(hint)] if isinstance(alias, kind) else hint


def _is_duck(hint: type) -> bool:
    """Whether a class stands for all that look like it."""
    return getattr(hint, "_is_protocol", False) or typing.is_typeddict(hint)


def _found(value: Any) -> str:
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.generic)):
        return shown(value)
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}, shape {value.shape}"
    kind = type(value).__name__
    return f"{_article(kind)} {kind}"


def _article(word: str) -> str:
    return "an" if word[:1].lower() in "aeiou" else "a"


def _of_scalar(kind: Any) -> Check:
    accepted, expected = _SCALARS[kind]

    def check(value: Any) -> Any:
        # A truth value is a number to Python, which hides a wrong argument.
        wrong = kind in (int, float, complex) and isinstance(value, (bool, np.bool_))
        if wrong or not isinstance(value, accepted):
            raise Unfit(_found(value), expected)
        if kind is Path and "\0" in str(value):
            raise Unfit(shown(value), f"{expected}, without the character NUL")
        return value

    return check


def _of_class(kind: type, expected: str) -> Check:
    def check(value: Any) -> Any:
        if not isinstance(value, kind):
            raise Unfit(_found(value), expected)
        return value

    return check


def _of_callable(value: Any) -> Any:
    if not callable(value):
        raise Unfit(_found(value), "a function")
    return value


def _of_literal(allowed: tuple[Any, ...]) -> Check:
    *others, last = map(repr, allowed)
    expected = f"{', '.join(others)} or {last}" if others else last

    def check(value: Any) -> Any:
        if not any(type(value) in (type(one), np.str_) and value == one for one in allowed):
            raise Unfit(_found(value), expected)
        return value

    return check


def _of_union(parts: tuple[Any, ...]) -> Check | None:
    # Where a path is meant, a text is one; elsewhere it may hold any character.
    checks = [_check(part) for part in parts if part is not str or Path not in parts]
    if any(check is None for check in checks):
        return None

    def check(value: Any) -> Any:
        wanted, found = [], ""
        for one in checks:
            try:
                return one(value)  # type: ignore[misc]
            except Unfit as unfit:
                wanted.append(unfit.expected)
                # What an array lacks says more than that it is no text.
                found = unfit.found if len(unfit.found) > len(found) else found
        expected = " or ".join(dict.fromkeys(one for one in wanted if one != "None"))
        raise Unfit(found, expected)

    return check


def _kinds(inner: tuple[Any, ...]) -> str:
    """Kinds of numbers that an array may have, of the arguments of ``np.ndarray[...]``."""
    dtype = get_args(inner[1])[0] if len(inner) > 1 and get_args(inner[1]) else Any
    if not inspect.isclass(dtype):
        return _REAL
    for base, kinds in _ARRAY_KINDS.items():
        if issubclass(dtype, base):
            return kinds
    return _REAL


def _of_array(kinds: str) -> Check:
    def check(value: Any) -> Any:
        array = _as_array(value)
        if array.dtype.kind in kinds:
            return array
        words = (
            f"complex numbers ({array.dtype})"
            if array.dtype.kind == "c"
            else f"an array of {array.dtype}"
        )
        if isinstance(value, (str, bytes)) or np.ndim(array) == 0:
            words = _found(value)
        raise Unfit(words, "texts" if kinds == "SU" else "an array of real numbers")

    return check


def _as_array(value: Any) -> Any:
    if np.ma.isMaskedArray(value):
        if np.ma.is_masked(value):
            raise Unfit("a masked array", "an array without a mask: fill it, or leave values out")
        return np.asarray(value)
    if isinstance(value, np.ndarray):
        return value
    if value is None or isinstance(value, (Mapping, set, frozenset)):
        raise Unfit(_found(value), "an array of real numbers")
    try:
        return np.asarray(value)
    except Exception as error:  # rows of several lengths, or a class that fails
        found = f"{_found(value)} that is no array ({reason(error)})"
        raise Unfit(found, "an array of real numbers") from None


def _of_sequence(element: Any) -> Check:
    inner = _check(element)
    expected = "a list"

    def check(value: Any) -> Any:
        wrong = isinstance(value, (str, bytes))
        if wrong or not isinstance(value, (collections.abc.Sequence, np.ndarray)):
            raise Unfit(_found(value), expected)
        if inner is not None:
            for one in value[:_MOST]:
                _element(inner, one)
        return value

    return check


def _of_tuple(parts: tuple[Any, ...]) -> Check | None:
    if not parts:
        return None
    if len(parts) == 2 and parts[1] is Ellipsis:
        return _of_sequence(parts[0])
    checks = [_check(part) for part in parts]
    expected = f"a list of {len(parts)}"

    def check(value: Any) -> Any:
        if not isinstance(value, (tuple, list, np.ndarray)) or len(value) != len(checks):
            raise Unfit(_found(value), expected)
        for inner, one in zip(checks, value, strict=True):
            if inner is not None:
                _element(inner, one)
        return value

    return check


def _element(check: Check, value: Any) -> None:
    try:
        check(value)
    except Unfit as unfit:
        raise Unfit(f"a list with {unfit.found}", f"a list, each {unfit.expected}") from None
