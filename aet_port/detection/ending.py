"""The end of a search, and of two ends the better one."""

from __future__ import annotations

from dataclasses import replace

from aet_port.detection.pruning import significant_errors
from aet_port.detection.search import Search
from aet_port.detection.state import SearchState


def end_of_search(search: Search, state: SearchState) -> SearchState:
    """Fit the atoms to convergence, and drop what is not significant.

    If heights were freed once more, the state before that is finished as well, and of the two ends
    the later one is taken if ``-ln L + n z^2 / 2`` is lower by more than ``fdr n z^2 / 2``. There
    ``n`` is the number of atoms and ``z`` the standard errors that the height of the least
    significant one must have (:func:`~.pruning.significant_errors`), so that each atom has the
    price of what that one gains. Where less is gained than the price of the accepted fraction of
    wrong atoms, the search has only exchanged doubtful ones.

    Parameters
    ----------
    search, state
        The search, and the state after its last round.

    Returns
    -------
    The end, with all rounds.

    Notes
    -----
    MATLAB: none
    """
    found = search.finish(state)
    if state.before is None:
        return found
    earlier = search.finish(state.before)
    gain = _cost(search, earlier) - _cost(search, found)
    if gain < search.settings.fdr * len(found.atoms) * _price(search, found):
        return replace(earlier, rounds=state.rounds, before=state.before)
    return found


def _price(search: Search, state: SearchState) -> float:
    """Log-likelihood that the least significant atom gains, ``z^2 / 2``."""
    least = significant_errors(search.searched, len(state.atoms), search.settings.fdr)
    return 0.5 * least**2


def _cost(search: Search, state: SearchState) -> float:
    """Negative log-likelihood, and the price of the atoms."""
    expected = search.expected(state)
    images = sum(search.likelihood.cost(one, number) for number, one in enumerate(expected))
    return images + _price(search, state) * len(state.atoms)
