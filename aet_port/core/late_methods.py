"""Methods that call a function of a higher layer, imported when the method is used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import MethodType
from typing import Any


class LateMethod:
    """A function of another module as a method, with the object as its first argument.

    The function is looked up by name at the first use, so that the class can be in a lower layer.
    ``help`` and ``inspect.signature`` show the docstring and keywords of the function.

    Parameters
    ----------
    module, name
        Module and function, such as ``"aet_port.structure.analysis"`` and ``"analyze"``.

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
            raise TypeError(f"{self.module}.{self.name} is not a function")
        return found

    def __get__(self, instance: object, owner: type | None = None) -> Callable[..., Any]:
        return self.function if instance is None else MethodType(self.function, instance)

    def __repr__(self) -> str:
        return f"<LateMethod: {self.module}.{self.name}>"
