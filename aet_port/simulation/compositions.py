"""Samples named by composition and number of atoms, such as ``Co45Pd38Pt17:5000``."""

from __future__ import annotations

import re

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.simulation.alloys import amorphous_alloy, check_fractions
from aet_port.simulation.samples import amorphous_particle

_PART = r"([A-Z][a-z]?)(\d+(?:\.\d+)?)?"
_SAMPLE = re.compile(rf"((?:{_PART})+):(\d+)")
EXPECTED = "composition:atoms, such as Ta:1000 or Co45Pd38Pt17:5000"


def is_composition(text: str) -> bool:
    """Whether a text has the form of :func:`sample_of`."""
    return _SAMPLE.fullmatch(text) is not None


@checked
def sample_of(text: str, seed: int = 0, density: float | None = None) -> AtomicModel:
    """Make the glass particle that a text names.

    Parameters
    ----------
    text
        Symbols, each with its share (1 unless given; shares are relative), then a colon and the
        number of atoms.
    seed
        Seed of the sample.
    density
        Atoms per cubic angstrom, as in :func:`amorphous_alloy`.

    Returns
    -------
    The particle: :func:`amorphous_particle`, or :func:`amorphous_alloy` of several species.

    Raises
    ------
    InputError
        For a text of another form, a symbol twice, and as in these functions.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> model = sample_of("CuTa3:40")
    >>> model.species.count("Cu"), model.species.count("Ta")
    (10, 30)
    """
    found = _SAMPLE.fullmatch(text)
    if found is None:
        raise InputError("sample", repr(text), EXPECTED)
    parts = re.findall(_PART, found[1])
    shares = {symbol: float(share or 1) for symbol, share in parts}
    if len(shares) < len(parts):
        raise InputError("sample", repr(text), "each species only once")
    atoms, total = int(found[4]), sum(shares.values())
    if not total > 0:
        raise InputError("sample", repr(text), "shares above zero")
    fractions = check_fractions({symbol: share / total for symbol, share in shares.items()})
    if len(fractions) == 1:
        return amorphous_particle(atoms, next(iter(fractions)), seed, density)
    return amorphous_alloy(atoms, fractions, seed, density)
