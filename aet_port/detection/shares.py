"""Fractions of atoms that trials show, corrected by trials of what the trials found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

LEVEL = 0.95  # of intervals


@dataclass(frozen=True)
class Share:
    """So many atoms of the trials, wrong or missed ones, and of trials of what these found.

    A trial simulates what was found, from which atoms that are hard to find are missing already, so
    that it shows too few wrong and missed ones. By how much, a trial of what it found tells: where
    that shows fewer still, the difference is added once, ``w_1 + max(w_1 - w_2, 0)`` (the estimate
    of a bias by an iterated bootstrap, P. Hall and M. Martin, Biometrika 75, 661, 1988). A fraction
    is never lowered, and at most one.

    Attributes
    ----------
    count, total
        Atoms meant, and all.
    again
        The same in trials of what the trials found.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> Share(80, 1000, Share(50, 1000)).fraction
    0.11
    """

    count: int
    total: int
    again: Share | None = None

    @classmethod
    def summed(cls, counts: Iterable[tuple[int, int]]) -> Share:
        """Of several trials together, each with its count and total."""
        parts = list(counts)
        return cls(sum(count for count, _ in parts), sum(total for _, total in parts))

    @property
    def fraction(self) -> float:
        """The fraction, corrected."""
        return self._corrected(0.0)

    @property
    def likely(self) -> float:
        """The same with half an atom added to each count, so that it is never zero."""
        return self._corrected(0.5)

    @property
    def interval(self) -> list[float]:
        """The 95 % interval of the fraction.

        That of a corrected one, ``2 w_1 - w_2``, from those of both: distances to their ends, twice
        that of ``w_1``, add in squares (G. Y. Zou and A. Donner, Statistics in Medicine 27, 1693,
        2008).
        """
        low, high = interval(self.count, self.total)
        if self.again is None or self.count * self.again.total <= self.again.count * self.total:
            return [low, high]
        one, two, found = self.count / self.total, self.again.fraction, self.fraction
        low_two, high_two = self.again.interval
        return [
            max(found - float(np.hypot(2 * (one - low), high_two - two)), 0.0),
            min(found + float(np.hypot(2 * (high - one), two - low_two)), 1.0),
        ]

    def _corrected(self, added: float) -> float:
        total = self.total + 2 * added
        first = (self.count + added) / total
        if self.again is None:
            return first
        more = max(first - self.again._corrected(added), 0.0)
        return min(first + more, (self.total + added) / total)


def interval(count: int, total: int) -> list[float]:
    """The 95 % interval of a fraction of which ``count`` in ``total`` were seen (Jeffreys)."""
    tail = (1 - LEVEL) / 2
    low = 0.0 if count == 0 else float(beta.ppf(tail, count + 0.5, total - count + 0.5))
    high = 1.0 if count == total else float(beta.isf(tail, count + 0.5, total - count + 0.5))
    return [low, high]
