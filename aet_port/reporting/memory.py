"""Memory that a report needs, compared with what is left before it is made."""

from __future__ import annotations

from aet_port.core.memory import check_memory

PER_ATOM = 6e3  # bytes: results of the analysis, views and the page. MEASURED
ADVICE = "a machine with more memory left, or a report of a smaller model"


def check_report(n_atoms: int) -> None:
    """Refuse the report of a model for which there is not enough memory.

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
    check_memory("report", PER_ATOM * n_atoms, ADVICE)


def check_projections(needed: float) -> None:
    """Refuse the projections of a report, which need ``needed`` bytes.

    Raises
    ------
    InputError
        With both figures.
    """
    check_memory("projections of the report", needed, ADVICE)
