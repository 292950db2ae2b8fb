"""The end of a search: of two ends the better one, and atoms in the gaps that it leaves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.stats import norm

from aet_port.detection.gaps import places_in_gaps
from aet_port.detection.pruning import significant_errors
from aet_port.detection.search import Search
from aet_port.detection.state import SearchState

TURNS = 3  # times that gaps are tried, at most
MANY = 0.2  # gaps for each atom, above which they belong to the structure


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
    if state.before is not None:
        earlier = search.finish(state.before)
        gain = _cost(search, earlier) - _cost(search, found)
        if gain < search.settings.fdr * len(found.atoms) * _price(search, found):
            found = replace(earlier, rounds=state.rounds, before=state.before)
    return with_gaps_filled(search, found)


def with_gaps_filled(search: Search, state: SearchState) -> SearchState:
    """Try atoms in the gaps between those found, while that makes the likelihood higher.

    Where heights are unsure, neighbours take over what the images show of a missing atom, and no
    score map has a maximum there. So an atom of the lightest species is put into each gap
    (:func:`~.gaps.places_in_gaps`), all are fitted with free heights, and what is not significant
    is dropped. The end of that is taken if it has more atoms, by ``k``, and its ``-ln L`` is lower
    by more than ``k z_g^2 / 2 + fdr n z^2 / 2``, where ``z_g`` follows from ``fdr`` as ``z`` of
    :func:`end_of_search` does, but from the number of gaps instead of that of places in the volume
    searched. Open structures, as that of silicon, have a gap for every third atom, which says
    nothing; there, none is tried.

    Parameters
    ----------
    search, state
        The search, and its end.

    Returns
    -------
    The end, as it was or with other atoms.

    Notes
    -----
    MATLAB: none
    """
    for _ in range(TURNS):
        gaps = places_in_gaps(state.atoms.positions) if state.unsure else np.empty((0, 3))
        if not 0 < len(gaps) < MANY * len(state.atoms):
            break
        light = np.full((len(gaps), 1), state.lightest)
        tried = np.hstack([gaps, light, np.zeros((len(gaps), 2))])
        freed = search.round(replace(state, known=0), tried)
        found = search.finish(replace(freed, known=state.known, rounds=state.rounds))
        price, fdr, count = _price(search, found), search.settings.fdr, len(found.atoms)
        if count <= len(state.atoms):
            break
        of_gap = 0.5 * float(norm.isf(min(fdr * count / len(gaps), 0.5))) ** 2
        gain = _cost(search, state) - _cost(search, found)
        gain += (price - of_gap) * (count - len(state.atoms))
        if gain < fdr * count * price:
            break
        state = found
    return state


def _price(search: Search, state: SearchState) -> float:
    """Log-likelihood that the least significant atom gains, ``z^2 / 2``."""
    least = significant_errors(search.searched, len(state.atoms), search.settings.fdr)
    return 0.5 * least**2


def _cost(search: Search, state: SearchState) -> float:
    """Negative log-likelihood, and the price of the atoms."""
    expected = search.expected(state)
    images = sum(search.likelihood.cost(one, number) for number, one in enumerate(expected))
    return images + _price(search, state) * len(state.atoms)
