"""Unit styles of LAMMPS, as far as its files state them."""

from __future__ import annotations

import re

# Styles with lengths in angstrom, and their unit of time in femtoseconds.
TIME_UNITS = {"metal": 1000.0, "real": 1.0}
# Unit of length of the other styles, in angstrom; that of lj is the sample's own.
_LENGTHS = {
    "lj": None,
    "nano": 10.0,
    "electron": 0.529177210903,
    "micro": 1e4,
    "cgs": 1e8,
    "si": 1e10,
}
_STATED = re.compile(rf"\bunits\s*[=:]?\s*({'|'.join([*TIME_UNITS, *_LENGTHS])})\b", re.IGNORECASE)


def stated_units(title: str) -> str | None:
    """The style that the first line of a data file names; None if it names none.

    Parameters
    ----------
    title
        Such as LAMMPS writes it: ``LAMMPS data file via write_data, ..., units = metal``.

    Examples
    --------
    >>> stated_units("LAMMPS data file via write_data, timestep = 0, units = lj")
    'lj'
    """
    match = _STATED.search(title)
    return match[1].lower() if match else None


def without_units(style: str, words: str) -> str:
    """How to read lengths of another style; empty for one that LAMMPS doesn't have.

    Parameters
    ----------
    style
        The style.
    words
        What states it, to be taken out of the file.

    Examples
    --------
    >>> without_units("nano", "these two lines")
    '; without these two lines --scale 10 turns its lengths into angstrom'
    """
    if style not in _LENGTHS:
        return ""
    length = _LENGTHS[style]
    if length is None:
        return f"; without {words} --scale takes the length sigma in angstrom"
    return f"; without {words} --scale {length:.10g} turns its lengths into angstrom"
