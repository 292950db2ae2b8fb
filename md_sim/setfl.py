"""Files of embedded-atom potentials: written as setfl, and looked at before a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.data import atomic_masses, atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import write_whole
from md_sim.eam_forms import EamForm

POINTS = 30_000  # of each table: Zhou's embedding energies have kinks that fewer would blur
STYLES = {".alloy": "eam/alloy", ".fs": "eam/fs", ".eam": "eam"}
WANTED = "a setfl (.eam.alloy), Finnis-Sinclair (.eam.fs) or funcfl (.eam) file of LAMMPS"


@dataclass(frozen=True)
class PotentialFile:
    """What a potential file says of itself.

    Attributes
    ----------
    path
        The file.
    style
        Pair style of LAMMPS: ``"eam/alloy"``, ``"eam/fs"`` or ``"eam"``.
    elements
        Symbols it has, in its order.
    cutoff
        Angstrom.
    """

    path: Path
    style: str
    elements: tuple[str, ...]
    cutoff: float


def write_setfl(path: str | Path, form: EamForm, comment: str, points: int = POINTS) -> Path:
    """Tabulate a potential as a setfl file (pair style ``eam/alloy``), whole or not at all.

    Parameters
    ----------
    path
        Ends in ``.eam.alloy``.
    comment
        First line, such as the publication.
    points
        Of each table.

    Raises
    ------
    InputError
        For another suffix or a comment of several lines.
    OutputError
        If the file can't be written.
    """
    target = Path(path)
    if not target.name.endswith(".eam.alloy"):
        raise InputError("potential file", str(target), "a name ending in .eam.alloy")
    if len(comment.splitlines()) != 1:
        raise InputError("comment", repr(comment), "one line")
    # The last point of the distances lies on the cut-off, where everything is zero.
    d_density, d_r = form.largest_density / (points - 1), form.cutoff / (points - 1)
    place = np.arange(points, dtype=np.float64)
    density, r = place * d_density, place * d_r
    number = atomic_numbers[form.element]
    lines = [
        comment,
        "Tabulated by aet-port from the analytic form",
        "embedding energy (eV), density, distance times pair energy (angstrom eV)",
        f"1 {form.element}",
        f"{points} {d_density!r} {points} {d_r!r} {form.cutoff!r}",
        f"{number} {float(atomic_masses[number])!r} {form.lattice_constant!r} {form.lattice}",
    ]
    for values in (form.embedding(density), form.density(r), r * form.pair(r)):
        lines += [f"{value:.16e}" for value in values.tolist()]
    text = "\n".join(lines) + "\n"
    return write_whole(target, lambda partial: partial.write_text(text, encoding="utf-8"))


def read_potential(path: str | Path, elements: tuple[str, ...]) -> PotentialFile:
    """Look at a potential file: its style, elements and cut-off, and whether its tables are whole.

    Parameters
    ----------
    path
        Of the file; its suffix tells the style.
    elements
        Symbols that the run needs.

    Raises
    ------
    DataFileError
        If the file is missing, is no such potential, is cut short, holds something that is no
        number, or lacks an element.
    """
    file = Path(path)
    if not file.is_file():
        raise DataFileError(file, "no such file", WANTED)
    style = STYLES.get(file.suffix.lower())
    if style is None:
        raise DataFileError(file, f"suffix {file.suffix!r}", WANTED)
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise DataFileError(file, str(error), WANTED) from error
    found = _funcfl(file, lines) if style == "eam" else _setfl(file, lines, style)
    lacking = [symbol for symbol in elements if symbol not in found.elements]
    if lacking:
        expected = f"a potential of {', '.join(elements)}"
        raise DataFileError(file, f"a potential of {', '.join(found.elements)}", expected)
    return found


def _numbers(file: Path, lines: list[str]) -> NDArray[np.float64]:
    words = " ".join(lines).replace("D", "E").replace("d", "e").split()  # D: Fortran's exponents
    try:
        return np.array(words, dtype=np.float64)
    except ValueError as error:
        raise DataFileError(file, f"{error} in the tables", "numbers") from error


def _setfl(file: Path, lines: list[str], style: str) -> PotentialFile:
    try:
        count, *symbols = lines[3].split()
        n_density, _, n_r, _, cutoff = lines[4].split()[:5]
        n, points, radii, reach = int(count), int(n_density), int(n_r), float(cutoff)
        if n != len(symbols) or n < 1 or min(points, radii) < 2 or not 0 < reach < 100:
            raise ValueError("a header that does not fit")
    except (ValueError, IndexError) as error:
        raise DataFileError(file, f"lines 4 and 5: {error}", WANTED) from error
    unknown = [symbol for symbol in symbols if symbol not in chemical_symbols]
    if unknown:
        raise DataFileError(file, f"element {unknown[0]!r} in line 4", "chemical symbols")
    densities = n if style == "eam/fs" else 1
    tables = n * (points + densities * radii) + n * (n + 1) // 2 * radii
    # Before its tables each element has a line of its number, mass, lattice constant and lattice.
    rest = [line for line in lines[5:] if line.strip()]
    values, place = 0, 0
    for k in range(n + 1):
        wanted = points + densities * radii if k < n else n * (n + 1) // 2 * radii
        place += k < n
        block, there = [], 0
        while there < wanted and place < len(rest):
            block.append(rest[place])
            there += len(rest[place].split())
            place += 1
        numbers = _numbers(file, block)
        values += len(numbers)
        if len(numbers) != wanted or not np.isfinite(numbers).all():
            expected = f"{tables}, all finite; the file is cut short or no potential"
            raise DataFileError(file, f"{values} values in the tables", expected)
    return PotentialFile(file, style, tuple(symbols), reach)


def _funcfl(file: Path, lines: list[str]) -> PotentialFile:
    try:
        number = int(lines[1].split()[0])
        n_density, _, n_r, _, cutoff = lines[2].split()[:5]
        expected, reach = int(n_density) + 2 * int(n_r), float(cutoff)
        symbol = chemical_symbols[number]
        if number < 1 or not 0 < reach < 100:
            raise ValueError("a header that does not fit")
    except (ValueError, IndexError) as error:
        raise DataFileError(file, f"lines 2 and 3: {error}", WANTED) from error
    values = _numbers(file, lines[3:])
    if len(values) != expected or not np.isfinite(values).all():
        raise DataFileError(
            file, f"{len(values)} values", f"{expected}; the file is cut short or no potential"
        )
    return PotentialFile(file, "eam", (symbol,), reach)
