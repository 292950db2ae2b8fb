"""The end of a search, and of two ends the better one."""

from __future__ import annotations

from dataclasses import replace

from aet_port.detection.pruning import significant_errors
from aet_port.detection.search import Search
from aet_port.detection.state import SearchState


def end_of_search(search: Search, state: SearchState) -> SearchState:
    """Fit the atoms to convergence, and drop what is not significant.

    If heights were freed once more, the state before that is finished as well, and the one of
    higher likelihood is the end. Each atom costs as much as the least significant one gains.

    Parameters
    ----------
    search, state
        The search, and the state after its last round.
    """
    found = search.finish(state)
    if state.before is None:
        return found
    earlier = search.finish(state.before)
    if _cost(search, earlier) < _cost(search, found):
        return replace(earlier, rounds=state.rounds, before=state.before)
    return found


def _cost(search: Search, state: SearchState) -> float:
    """Negative log-likelihood, and the price of the atoms."""
    expected = search.expected(state)
    least = significant_errors(search.searched, len(state.atoms), search.settings.fdr)
    images = sum(search.likelihood.cost(one, number) for number, one in enumerate(expected))
    return images + 0.5 * least**2 * len(state.atoms)
