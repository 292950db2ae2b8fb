"""What the readers of the versions of .mat files have in common: stored variables, their values.

Values are plain: numbers are arrays in MATLAB's orientation, text is a str, a structure or object a
dict of its fields, a cell array or an array of structures an object array.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SPARE = 100_000_000  # bytes that may be allocated whatever the size of the file
INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_OBJECT_MARK = 0xDD000000
MOST_EMPTY = 10**6  # structures without fields, which need no bytes in the file
MAX_DEPTH = 64  # structures and cells within each other


class DamagedError(ValueError):
    """Contents that contradict themselves, such as 10 numbers for an array of 3 x 4."""


class Unread(NamedTuple):
    """In place of a value that is neither numbers nor text, such as a function handle.

    ``is_object`` tells that it is an object, which mat-io may be able to read.
    """

    kind: str
    is_object: bool = False


@dataclass(frozen=True)
class StoredVariable:
    """A variable of a .mat file whose contents have not been read yet.

    Parameters
    ----------
    name
        Its name.
    kind
        Its MATLAB class, such as double, struct or string.
    shape
        Its size; None if the file does not state it apart from the contents.
    load
        Reads the value; raises if the contents are damaged.
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None
    load: Callable[[], Any]


def class_of(kind: np.dtype) -> str:
    """MATLAB's name of a type of numbers."""
    return {"float64": "double", "float32": "single", "bool": "logical"}.get(kind.name, kind.name)


def check_count(found: int, shape: tuple[int, ...], what: str = "numbers") -> None:
    """Raise :class:`DamagedError` unless an array of this shape has ``found`` elements."""
    wanted = 1
    for length in shape:
        wanted *= int(length)
    if min(shape, default=0) < 0 or found != wanted:
        size = " x ".join(map(str, shape))
        raise DamagedError(f"{found} {what} for an array of {size}")


def check_empty(shape: tuple[int, ...]) -> None:
    """Raise :class:`DamagedError` for a size such as 0 x 10**9, along which NumPy would count."""
    if max(shape, default=0) > MOST_EMPTY and 0 in shape:
        raise DamagedError(f"an empty array of {' x '.join(map(str, shape))}")


def dense_matrix(
    rows: NDArray, starts: NDArray, values: NDArray, shape: tuple[int, int]
) -> NDArray | Unread:
    """The full matrix of a sparse one, given by columns as MATLAB stores it.

    Parameters
    ----------
    rows, values
        Row (from 0) and value of each stored element, column after column.
    starts
        Where each column starts in ``rows``, and the end of the last.
    shape
        Rows and columns. A matrix far larger than its elements is not read.
    """
    n_rows, n_columns = (int(n) for n in shape)
    starts = np.asarray(starts, dtype=np.int64).reshape(-1)
    if n_rows < 0 or len(starts) != n_columns + 1 or starts[0] != 0 or (np.diff(starts) < 0).any():
        raise DamagedError("columns of a sparse matrix out of order")
    n = int(starts[-1])
    if n > min(len(rows), len(values)):
        raise DamagedError(f"{min(len(rows), len(values))} of {n} elements of a sparse matrix")
    rows, values = np.asarray(rows[:n], dtype=np.int64), values[:n]
    if n and (rows.min() < 0 or rows.max() >= n_rows):
        raise DamagedError("an element outside a sparse matrix")
    if n_rows * n_columns * values.itemsize > SPARE + 2 * n * (values.itemsize + rows.itemsize):
        return Unread(f"sparse matrix of {n_rows} x {n_columns}")
    full = np.zeros((n_rows, n_columns), dtype=values.dtype)
    full[rows, np.repeat(np.arange(n_columns), np.diff(starts))] = values
    return full


def text_rows(rows: list[str]) -> str | NDArray[np.str_]:
    """Text of a character array, an array of its rows if it has several."""
    if len(rows) > 1:
        return np.array(rows)
    return rows[0] if rows else ""


def rows_or_one(shape: tuple[int, ...], items: list[Any]) -> Any:
    """Items of an array of structures in MATLAB's order; the structure itself if it is one."""
    return items[0] if len(items) == 1 else cell_array(shape, items)


def cell_array(shape: tuple[int, ...], items: list[Any]) -> NDArray[np.object_]:
    """Object array of items in MATLAB's order."""
    cells = np.empty(len(items), dtype=object)
    # One by one: an assignment at once would merge arrays of equal shape.
    for index, item in enumerate(items):
        cells[index] = item
    return cells.reshape(shape, order="F")


def check_objects_in(value: Any) -> None:
    """Check the numbers that stand for objects: a mark, the size, one number each, the class.

    Raises
    ------
    DamagedError
        If there are more or fewer than the size states.
    """
    if isinstance(value, dict):
        for item in value.values():
            check_objects_in(item)
    elif isinstance(value, np.ndarray) and value.dtype == object:
        for item in value.flat:
            check_objects_in(item)
    elif isinstance(value, np.ndarray) and value.dtype == np.uint32 and value.size > 2:
        numbers = value.ravel(order="F")
        if numbers[0] == _OBJECT_MARK:
            n = int(numbers[1])
            shape = tuple(map(int, numbers[2 : 2 + n]))
            check_count(len(numbers) - n - 3, shape, "objects")
            check_empty(shape)


def check_object_records(value: Any, order: str = "=") -> None:
    """Check the table of all objects of a file, along which mat-io steps by the counts in it.

    Parameters
    ----------
    value
        Bytes of the table; anything else is not checked.
    order
        Byte order of its numbers.

    Raises
    ------
    DamagedError
        If a count is negative or a part lies outside, so that mat-io would not come to an end.
    """
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8:
        return
    raw = value.tobytes(order="F")
    kind = np.dtype(f"{order}i4")
    offsets = np.frombuffer(raw[:40], kind)[2:].tolist()
    # Properties of saved and of other objects by three numbers each, dynamic ones by one.
    for part, width in ((1, 3), (3, 3), (4, 1)):
        start, end = offsets[part : part + 2]
        if not 0 <= start <= end <= len(raw):
            raise DamagedError("a table of objects outside the file")
        numbers = np.frombuffer(raw[start : start + (end - start) // 4 * 4], kind)
        at = int(numbers[0]) if width == 3 and numbers.size else 0
        while at < len(numbers):
            if at < 0 or numbers[at] < 0:
                raise DamagedError("a negative count in the table of objects")
            at += 1 + width * int(numbers[at])
            at += at % 2


def unread_objects(value: Any) -> bool:
    """Whether a value holds objects that were not read."""
    if isinstance(value, Unread):
        return value.is_object
    if isinstance(value, dict):
        return any(map(unread_objects, value.values()))
    if isinstance(value, np.ndarray) and value.dtype == object:
        return any(map(unread_objects, value.flat))
    return False
