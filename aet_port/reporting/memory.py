"""Memory that a report needs, compared with what is left before it is made."""

from __future__ import annotations

from aet_port.core.memory import check_memory

# Bytes of the pictures, views and text of a page, and of the results for each atom. Of amorphous
# particles of 10,000 and 40,000 atoms in a bank the growth of the process is 1.06 and 1.00 of it,
# of distorted crystals, which have fewer motifs, 0.6.
PAGE, PER_ATOM = 7e7, 1.2e3
ADVICE = "a machine with more memory left, or a report of a smaller model"


def check_report(n_atoms: int) -> None:
    """Refuse the report of a model for which there is not enough memory.

    Its analysis, if it is computed again, compares by itself.

    Parameters
    ----------
    n_atoms
        Number of its atoms.

    Raises
    ------
    InputError
        With both figures.

    Examples
    --------
    >>> check_report(1000)
    """
    check_memory("report", PAGE + PER_ATOM * n_atoms, ADVICE)


def check_projections(needed: float) -> None:
    """Refuse the projections of a report, which need ``needed`` bytes.

    Raises
    ------
    InputError
        With both figures.
    """
    check_memory("projections of the report", needed, ADVICE)
