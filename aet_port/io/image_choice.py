"""Choice of an image, or stack of images, in a file that holds several things.

Microscope files hold plots, transforms, colour pictures and thumbnails beside the images. A reader
lists all it finds as :class:`Candidate`; what can be no frame of a tilt series carries the reason
and is left out before counting. One rule then chooses for all formats: by number, name, detector or
group if one is given, else the only candidate left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from aet_port.core.errors import DataFileError, short
from aet_port.io.settings import ReadSettings

T = TypeVar("T")
_LISTED = 12  # names in an error


@dataclass(frozen=True, eq=False)
class Candidate(Generic[T]):
    """A thing in a file that may be an image or a stack of images.

    Parameters
    ----------
    name
        Name under which it is offered.
    item
        What the reader needs to read it.
    problem
        Why it can be no frame, in words such as ``"a plot"``; None if it can.
    detector
        Name of the detector, if the file states it.
    group
        Path in an HDF5 file.
    expected
        What to say instead, in an error about this candidate alone.
    doubt
        Why it is left out if something else in the file is beyond doubt, such as ``"a reduced
        copy"``; it can still be named.
    """

    name: str
    item: T
    problem: str | None = None
    detector: str | None = None
    group: str | None = None
    expected: str | None = None
    doubt: str | None = None


def choose(
    file: str | Path, candidates: Sequence[Candidate[T]], read: ReadSettings, expected: str
) -> Candidate[T]:
    """The image that ``read`` names, or else the only one.

    Parameters
    ----------
    file
        Named in errors.
    candidates
        Contents of the file, in their order.
    read
        Its ``image`` (number among the images that can be frames, or name), ``detector`` and
        ``group``.
    expected
        What a file of this kind should hold.

    Raises
    ------
    DataFileError
        If nothing in the file can be a frame, several things can and none is named, or the one
        named is not there or can be no frame.
    """
    able = [item for item in candidates if item.problem is None]
    usable = [item for item in able if item.doubt is None] or able
    wanted = _wanted(read)
    fitting = _fitting(usable, read)
    if not fitting and not isinstance(_number(read.image), int):
        fitting = _fitting(able, read)
    if len(fitting) == 1:
        return fitting[0]
    if not fitting and wanted:
        refused = [item for item in _fitting(candidates, read) if item.problem]
        if refused and not isinstance(_number(read.image), int):
            raise DataFileError(file, _left_out(refused), _another(usable, expected))
    if not usable:
        raise DataFileError(
            file,
            _left_out(candidates),
            next((c.expected for c in candidates if c.expected), None) or expected,
        )
    raise DataFileError(file, _listing(usable), _advice(usable, wanted))


def _wanted(read: ReadSettings) -> str:
    """The choice made, as on the command line."""
    given = (("--image", read.image), ("--detector", read.detector), ("--group", read.group))
    return ", ".join(f"{option} {value}" for option, value in given if value is not None)


def _number(image: int | str | None) -> int | str | None:
    """``image`` as a number if it is written as one."""
    return int(image) if isinstance(image, str) and image.strip().isdigit() else image


def _fitting(items: Sequence[Candidate[T]], read: ReadSettings) -> list[Candidate[T]]:
    found = list(items)
    if read.group is not None:
        path = read.group.strip("/")
        found = [item for item in found if (item.group or "").strip("/") == path]
    if read.detector is not None:
        found = [item for item in found if _same(item.detector or item.name, read.detector)]
    if read.image is None:
        return found
    named = [item for item in found if _same(item.name, str(read.image))]
    number = _number(read.image)
    if isinstance(number, int) and not (isinstance(read.image, str) and named):
        return [item for item in found if items.index(item) == number]
    return named


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def _left_out(items: Sequence[Candidate[T]]) -> str:
    if not items:
        return "no image"
    if len(items) == 1:
        name = items[0].name
        return f"{items[0].problem}" + (f" ({short(name)})" if name else "")
    parts = [f"{short(item.name)} ({item.problem})" for item in items[:_LISTED]]
    more = "" if len(items) <= _LISTED else f" and {len(items) - _LISTED} more"
    return f"no image, but {', '.join(parts)}{more}"


def _listing(items: Sequence[Candidate[T]]) -> str:
    parts = [f"{number} {short(item.name)}" for number, item in enumerate(items[:_LISTED])]
    more = "" if len(items) <= _LISTED else f" and {len(items) - _LISTED} more"
    return f"{len(items)} image{'s' if len(items) > 1 else ''} ({', '.join(parts)}{more})"


def _another(usable: Sequence[Candidate[T]], expected: str) -> str:
    return f"one of {_listing(usable)}" if usable else expected


def _advice(usable: Sequence[Candidate[T]], wanted: str) -> str:
    options = ["--image NUMBER or NAME"]
    if any(item.detector for item in usable):
        options.append("--detector NAME")
    if any(item.group for item in usable):
        options.append("--group PATH")
    choice = f"choose with {', '.join(options)}, or the key of the same name in [input]"
    return f"one, not {wanted}; {choice}" if wanted else f"one; {choice}"
