"""The errors of the package, which name the subject, what was found, and what was expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class AetError(Exception):
    """Base class of all errors that a user can cause and correct; commands print it on one line.

    It names the subject, what was found, and what was expected.

    Examples
    --------
    >>> import aet_port as aet
    >>> try:
    ...     aet.AtomicModel.from_positions([[0, 0, 0]], "Tantalum")
    ... except aet.AetError as error:
    ...     print(error)
    model: species: found 'Tantalum'; expected a chemical symbol such as 'Ta'
    """

    exit_code = 2  # of the command that it ends: bad input

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors of remote workers arrive pickled, and no __init__ accepts the complete text that
        # Exception would pass.
        return _restore, (type(self), str(self), dict(vars(self)))


def shown(value: object, most: int = 120) -> str:
    """What was found, as Python writes it, on one line and cut to ``most`` characters.

    Examples
    --------
    >>> shown(1e300), shown(list(range(1000)), 20)
    ('1e+300', '[0, 1, 2, 3, 4, 5...')
    """
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a number of too many digits, or a class whose text fails
        text = f"a {type(value).__name__}"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def reason(error: BaseException) -> str:
    """One short line with the reason for an error in a library."""
    return short(str(error)) or type(error).__name__


def short(text: str) -> str:
    """``text`` on one line of at most 120 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 120 else line[:117] + "..."


def shown_path(path: object) -> str:
    """A path as it is shown in errors: in full if it is one, else as Python writes it, cut."""
    text = str(path) if isinstance(path, (str, Path)) else shown(path)
    return text if text.isprintable() and len(text) < 1000 else shown(text)


def _restore(kind: type[AetError], text: str, facts: dict[str, Any]) -> AetError:
    error = kind.__new__(kind)
    error.args = (text,)
    vars(error).update(facts)
    return error


class InputError(AetError, ValueError):
    """An argument or array that cannot be used.

    Parameters
    ----------
    subject
        The argument (and file, if there is one) that is wrong.
    found
        What was found there.
    expected
        What would have been accepted, or what to do.
    """

    def __init__(self, subject: str, found: str, expected: str) -> None:
        self.subject, self.found, self.expected = subject, found, expected
        super().__init__(f"{subject}: found {found}; expected {expected}")


class DataFileError(InputError):
    """A file that is missing, unreadable, truncated or has unexpected contents."""

    def __init__(self, path: str | Path, found: str, expected: str) -> None:
        self.path = Path(path)
        super().__init__(shown_path(path), found, expected)


class OutputError(AetError, OSError):
    """A result that could not be written; no partial file is left."""

    def __init__(self, path: str | Path, reason: str, advice: str) -> None:
        self.path = Path(path)
        super().__init__(f"{shown_path(path)}: could not be written ({reason}); {advice}")


class EmptyResultError(AetError, RuntimeError):
    """A computation of usable input of which nothing came out; commands end with exit code 1.

    Parameters
    ----------
    subject
        What was computed.
    found
        What came out.
    advice
        What to check or change.
    """

    exit_code = 1

    def __init__(self, subject: str, found: str, advice: str) -> None:
        super().__init__(f"{subject}: {found}; {advice}")


class CheckpointError(DataFileError):
    """A checkpoint that belongs to another run or cannot be read."""


class MissingDependencyError(AetError, ImportError):
    """An optional library that a function needs is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs an optional library; install it with: pip install 'aet-port[{extra}]'"
        )
