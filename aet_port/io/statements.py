"""Metadata as files state them: several sources for one value, some unreadable, some contradictory.

A reader collects what a file and its neighbours state about pixel size, tilt angles and tilt axis,
unreadable values included, and decides nothing. Here one rule decides for all formats: a value
given by the user wins, and a differing one in a file is named in a warning; else the first usable
statement counts, and an unusable one is an error only if there is no other.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import AetError, DataFileError, InputError, reason, short

T = TypeVar("T")
Angles = NDArray[np.float64]
SAME_SIZE = 1e-3  # relative; rounding of pixel sizes from several sources
SAME_ANGLE = 0.1  # degrees; rounding of nominal angles from several sources
SAME_AXIS = 0.5  # degrees
GIVEN_ANGLES = (
    "a file of angles: after that of the projections, by --angles (aet preprocess), or angles in "
    "[input]"
)


@dataclass(frozen=True, eq=False)
class Stated(Generic[T]):
    """A value that a file states, or why it cannot be used.

    Parameters
    ----------
    source
        Where it stands, in words: ``"header"``, ``"s.mrc.mdoc"``.
    value
        The value in the package's units; None if it cannot be used.
    problem
        Why not.
    certain
        Whether it is believed if no other source states it. Many programs that don't know the pixel
        size write 1 angstrom.
    """

    source: str
    value: T | None
    problem: AetError | None = None
    certain: bool = True


def stated(source: str, find: Callable[[], T | None], certain: bool = True) -> list[Stated[T]]:
    """What ``find`` returns as a list of one statement, its error included; empty for None."""
    try:
        value = find()
    except AetError as error:
        return [Stated(source, None, error)]
    return [] if value is None else [Stated(source, value, certain=certain)]


def why(problem: AetError) -> str:
    """The problem on one line, without the file, which the text around it names."""
    if isinstance(problem, InputError):
        return short(f"found {problem.found}; expected {problem.expected}")
    return reason(problem)


def _usable(
    subject: str, statements: Sequence[Stated[Any]], what: str, advice: str
) -> list[Stated[Any]]:
    """Usable statements, the certain ones if there are any; problems are errors or warnings."""
    good = [item for item in statements if item.problem is None]
    bad = [(item.source, item.problem) for item in statements if item.problem is not None]
    sure = [item for item in good if item.certain]
    good = sure or good
    if bad and not sure:
        problem = bad[0][1]
        if isinstance(problem, DataFileError):
            raise DataFileError(problem.path, problem.found, f"{problem.expected}; {advice}")
        if isinstance(problem, InputError):
            raise InputError(problem.subject, problem.found, f"{problem.expected}; {advice}")
        raise problem
    for source, problem in bad:
        warnings.warn(
            f"{subject}: {what} in the {source} not used ({why(problem)})",
            UserWarning,
            stacklevel=4,
        )
    return good


def settled_size(
    file: str | Path, statements: Sequence[Stated[float]], given: float | None
) -> float:
    """The pixel size in angstrom.

    Raises
    ------
    InputError
        If none is known, or only 1 angstrom by a program that may not know it.
    DataFileError
        If sources contradict each other, or the only one cannot be used.

    Warns
    -----
    UserWarning
        If a file states another size than the one given.
    """
    subject, option = f"{file}: pixel size", "--pixel-size on the command line"
    advice = f"or give it: pixel_size=..., {option}, pixel_size in [sample]"
    known = [item for item in statements if item.value is not None and item.certain]
    if given is not None:
        other = next((item for item in known if not _close(item.value, given, SAME_SIZE)), None)
        if other is not None and given > 0:  # an impossible one is refused where it is used
            _contradicted(
                file,
                f"a pixel size of {given:.6g} angstrom",
                f"{other.value:.6g} angstrom in the {other.source}",
            )
        return given
    good = _usable(str(file), statements, "the pixel size", advice)
    wanted = f"the pixel size in angstrom: pixel_size=..., {option}, pixel_size in [sample]"
    if not good:
        raise InputError(subject, "none in the file", wanted)
    if not good[0].certain:
        found = f"{good[0].value:g} angstrom in the {good[0].source}"
        raise InputError(subject, f"{found}, which stands for an unknown one", wanted)
    size = float(good[0].value or np.nan)
    for item in good[1:]:
        if not _close(item.value, size, SAME_SIZE):
            found = f"pixels of {item.value:.6g} angstrom in the {item.source}"
            expected = f"{size:.6g} angstrom, as in the {good[0].source}; {advice}"
            raise DataFileError(file, found, expected)
    return size


def settled_angles(
    file: str | Path, statements: Sequence[Stated[Angles]], given: Angles | None
) -> Angles | None:
    """Tilt angles in degrees, one per image or per tilt; None if no source has any.

    Raises
    ------
    AetError
        If the only source cannot be used.

    Warns
    -----
    UserWarning
        If a file states other angles than those given, or two files do.
    """
    known = [item for item in statements if item.value is not None]
    if given is not None:
        other = next((item for item in known if not _same_angles(item.value, given)), None)
        if other is not None:
            _contradicted(file, "angles", f"others in {other.source}")
        return given
    advice = f"or give {GIVEN_ANGLES}"
    good = _usable(str(file), statements, "the angles", advice)
    for item in good[1:]:
        if not _same_angles(item.value, good[0].value):
            warnings.warn(
                f"{file}: the angles of {good[0].source} are used; those of {item.source} differ",
                UserWarning,
                stacklevel=3,
            )
    return np.asarray(good[0].value, dtype=np.float64) if good else None


def fitting_angles(
    file: str | Path,
    statements: Sequence[Stated[Angles]],
    n_images: int,
    frames_per_tilt: int | Sequence[int] | None,
) -> list[Stated[Angles]]:
    """The statements about angles; those whose number fits neither images nor tilts are unusable.

    Parameters
    ----------
    file
        The file of the images, for errors.
    statements
        As for :func:`settled_angles`.
    n_images
        Number of images.
    frames_per_tilt
        Number of images of each tilt, or one for all; None if that follows from the angles.
    """
    known = frames_per_tilt
    if known is None:
        fits = {n for n in range(1, n_images + 1) if n_images % n == 0}
    else:
        fits = {n_images, n_images // max(known, 1) if isinstance(known, int) else len(known)}
    return [_fitting(str(file), item, n_images, fits) for item in statements]


def _fitting(file: str, item: Stated[Angles], n_images: int, fits: set[int]) -> Stated[Angles]:
    if item.value is None or len(item.value) in fits:
        return item
    expected = f"{n_images}, one per image of {file}"
    if fits == {n_images} and n_images % len(item.value) == 0:
        expected += "; frames of one tilt are averaged by `aet preprocess`"
    elif len(fits) > 1:
        expected += ", or one per tilt"
    problem = DataFileError(item.source, f"{len(item.value)} angles", expected)
    return Stated(item.source, None, problem)


def settled_axis(
    file: str | Path, statements: Sequence[Stated[float]], given: float | None
) -> float | None:
    """Direction of the tilt axis from y towards x in degrees; None if no source states it.

    Raises
    ------
    AetError
        If the only source cannot be used.

    Warns
    -----
    UserWarning
        If a file states another direction than the one given, or two files do.
    """
    known = [item for item in statements if item.value is not None]
    if given is not None:
        other = next((item for item in known if _turn_between(item.value, given) > SAME_AXIS), None)
        if other is not None:
            _contradicted(
                file,
                f"a tilt axis at {given:g} degrees from y towards x",
                f"{other.value:g} degrees in the {other.source}",
            )
        return given
    advice = "or give the tilt axis: --tilt-axis ANGLE, tilt_axis in [input] or [preprocess]"
    good = _usable(str(file), statements, "the tilt axis", advice)
    for item in good[1:]:
        if _turn_between(item.value, good[0].value) > SAME_AXIS:
            warnings.warn(
                f"{file}: the tilt axis at {good[0].value:g} degrees of the {good[0].source} is "
                f"used, not {item.value:g} degrees of the {item.source}; give --tilt-axis",
                UserWarning,
                stacklevel=3,
            )
    return good[0].value if good else None


def _contradicted(file: str | Path, given: str, found: str) -> None:
    warnings.warn(f"{file}: {given} given; {found} not used", UserWarning, stacklevel=4)


def _close(one: float | None, other: float, relative: float) -> bool:
    return one is not None and bool(np.isclose(one, other, rtol=relative, atol=0))


def half_turn(angle: float) -> float:
    """An angle in degrees, brought to between -180 and 180 where it is not."""
    return angle if abs(angle) <= 180 else float((angle + 180) % 360 - 180)


def _turn_between(one: float | None, other: float | None) -> float:
    """Angle between two directions of an axis with an arrow, 0 to 180 degrees."""
    turn = abs((one or 0.0) - (other or 0.0)) % 360
    return min(turn, 360 - turn)


def _same_angles(one: Angles | None, other: Angles | None) -> bool:
    """Whether two lists may describe the same tilts; lists of other lengths are compared by range.

    A single angle for a stack is the stage's at one moment and contradicts nothing.
    """
    if one is None or other is None or len(one) == 1:
        return True
    if len(one) == len(other):
        return bool(np.abs(one - other).max() <= SAME_ANGLE)
    ends = np.array([[np.min(values), np.max(values)] for values in (one, other)])
    return bool(np.abs(np.diff(ends, axis=0)).max() <= SAME_ANGLE)
