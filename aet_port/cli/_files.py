"""Where files that a configuration names with ``reference:`` lie."""

from __future__ import annotations

from pathlib import Path


def resolve(name: str) -> Path:
    """The file of the published data that ``reference:name`` stands for.

    Raises
    ------
    DataFileError
        If it is not at hand.
    """
    from matlab_reference import locate_reference

    return locate_reference(*Path(name).parts)
