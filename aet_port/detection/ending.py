"""The end of a search, and of two ends the better one."""

from __future__ import annotations

from dataclasses import replace

from aet_port.detection.pruning import significant_errors
from aet_port.detection.search import Search
from aet_port.detection.state import SearchState


def end_of_search(search: Search, state: SearchState) -> SearchState:
    """Fit the atoms to convergence, and drop what is not significant.

    If heights were freed once more, the state before that is finished as well. The later end must
    have the higher likelihood, each atom at the price of what the least significant one gains, and
    by more than the price of the accepted fraction of wrong atoms: else the search has only
    exchanged doubtful atoms.

    Parameters
    ----------
    search, state
        The search, and the state after its last round.
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
    """Log-likelihood that the least significant atom gains."""
    least = significant_errors(search.searched, len(state.atoms), search.settings.fdr)
    return 0.5 * least**2


def _cost(search: Search, state: SearchState) -> float:
    """Negative log-likelihood, and the price of the atoms."""
    expected = search.expected(state)
    images = sum(search.likelihood.cost(one, number) for number, one in enumerate(expected))
    return images + _price(search, state) * len(state.atoms)
