"""Methods that run a function of a higher layer, which is imported when the method is used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import MethodType
from typing import Any


class LateMethod:
    """A function of another module as a method: its first argument is the object.

    The function is looked up by name at the first use, so that the class may stand in a layer
    below it. ``help`` and ``inspect.signature`` show the function's own text and keywords.

    Parameters
    ----------
    module, name
        Where the function is, such as ``"aet_port.structure.analysis"`` and ``"analyze"``.

    Examples
    --------
    >>> class Word(str):
    ...     wrapped = LateMethod("textwrap", "wrap")
    >>> Word("two words").wrapped(width=5)
    ['two', 'words']
    """

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    @property
    def function(self) -> Callable[..., Any]:
        """The function itself; its module is imported."""
        found = getattr(import_module(self.module), self.name)
        if not callable(found):
            raise TypeError(f"{self.module}.{self.name} is no function")
        return found

    def __get__(self, instance: object, owner: type | None = None) -> Callable[..., Any]:
        return self.function if instance is None else MethodType(self.function, instance)

    def __repr__(self) -> str:
        return f"<LateMethod: {self.module}.{self.name}>"
