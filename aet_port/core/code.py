"""The code that is running, as records name it."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def code_version() -> str:
    """Version of aet-port that is running."""
    try:
        return version("aet-port")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "not installed"
