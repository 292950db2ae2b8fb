"""K-means of numbers: exact optimum by dynamic programming, or Lloyd's with a random start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import InputError

MAX_ROUNDS = 1000  # Lloyd's algorithm usually converges within some tens
Start = Literal["optimal", "uniform"]


@dataclass(frozen=True)
class Clusters:
    """Result of :func:`kmeans`.

    Parameters
    ----------
    labels
        Shape (n,): cluster of each number, 0 for that of the smallest numbers.
    centres
        Shape (k,), ascending: means (``norm`` 2) or medians (``norm`` 1).
    cost
        Sum of the squared (``norm`` 2) or absolute (``norm`` 1) distances to the centres.
    rounds
        Number of rounds of Lloyd's algorithm; zero for the exact optimum.
    """

    labels: NDArray[np.int64]
    centres: NDArray[np.float64]
    cost: float
    rounds: int = 0


def kmeans(
    values: ArrayLike, k: int, norm: int = 2, start: Start = "optimal", seed: int = 0
) -> Clusters:
    """Divide numbers into ``k`` clusters with the smallest sum of distances to their centres.

    The optimal clusters of numbers are intervals. With ``D(m, j)`` the smallest cost of the ``j``
    smallest numbers in ``m`` clusters, ``D(m, j) = min_i D(m - 1, i) + cost(i, j)``; the best ``i``
    increases with ``j``, so each ``m`` needs ``n log n`` costs (Wang & Song, R Journal 3/2, 29
    (2011); Gronlund et al., arXiv:1701.07204). Costs come from cumulative sums in twice double
    precision, so that clusters much narrower than their distance from zero are still separated.
    Equal numbers stay together. For equal costs the lower boundaries are taken.

    Parameters
    ----------
    values
        Shape (n,), finite.
    k
        Number of clusters, at most the number of distinct values.
    norm
        2 for squared distances to the mean, 1 for absolute distances to the median.
    start
        ``"optimal"``: the exact, reproducible optimum. ``"uniform"``: Lloyd's algorithm from ``k``
        centres drawn uniformly between the extremes, which may end in a local minimum.
    seed
        Seed of the uniform start.

    Raises
    ------
    InputError
        For numbers that are not finite, fewer distinct ones than clusters, or if Lloyd's algorithm
        does not converge.

    Notes
    -----
    MATLAB: ``kmeans(values, k, 'Start', 'uniform')``, with ``'Distance', 'cityblock'`` for norm 1,
    in 4_Tracing_and_classification/src/initial_class_kmean*.m; as there, an empty cluster takes
    the number farthest from its centre. The random numbers differ from MATLAB's.
    """
    table = np.asarray(values, dtype=np.float64).ravel()
    if not np.isfinite(table).all():
        bad = int((~np.isfinite(table)).sum())
        raise InputError("values", f"{bad} NaN or infinite", "finite numbers")
    if norm not in (1, 2):
        raise InputError("norm", f"{norm}", "2 (means) or 1 (medians)")
    distinct, which, weights = np.unique(table, return_inverse=True, return_counts=True)
    if not 1 <= k <= len(distinct):
        found = f"{k} clusters of {len(distinct)} distinct values"
        raise InputError("k", found, "at least one, and no more clusters than distinct values")
    if start == "optimal":
        rounds = 0
        # Scaling by a power of two is exact and keeps squares in range.
        largest = np.abs(distinct).max()
        scaled = distinct if largest == 0 else np.ldexp(distinct, -int(np.frexp(largest)[1]))
        labels = _optimal(scaled, weights.astype(np.float64), k, norm)[which]
    elif start == "uniform":
        labels, rounds = _lloyd(table, k, norm, np.random.default_rng(seed))
    else:
        raise InputError("start", f"{start!r}", "'optimal' or 'uniform'")
    centres = _centres(table, labels, k, norm)
    gaps = np.abs(table - centres[labels])
    return Clusters(labels, centres, float((gaps**norm).sum()), rounds)


def _centres(
    table: NDArray[np.float64], labels: NDArray[np.int64], k: int, norm: int
) -> NDArray[np.float64]:
    middle = np.mean if norm == 2 else np.median
    return np.array([middle(table[labels == c]) for c in range(k)])


def _lloyd(
    table: NDArray[np.float64], k: int, norm: int, generator: np.random.Generator
) -> tuple[NDArray[np.int64], int]:
    centres = np.sort(generator.uniform(table.min(), table.max(), k))
    labels = np.full(len(table), -1)
    for number in range(1, MAX_ROUNDS + 1):
        gaps = np.abs(table[:, None] - centres)
        new = np.argmin(gaps, axis=1)
        for empty in np.flatnonzero(np.bincount(new, minlength=k) == 0):
            # Only from a cluster that has another number left.
            away = np.abs(table - centres[new])
            away[np.bincount(new, minlength=k)[new] < 2] = -1
            new[np.argmax(away)] = empty
            centres[empty] = table[np.argmax(away)]
        if np.array_equal(new, labels):
            rank = np.argsort(np.argsort(centres, kind="stable"), kind="stable")
            return rank[labels], number
        labels = new
        centres = _centres(table, labels, k, norm)
    raise InputError(
        "values", f"clusters that still change after {MAX_ROUNDS} rounds", "start='optimal'"
    )


def _optimal(
    values: NDArray[np.float64], weights: NDArray[np.float64], k: int, norm: int
) -> NDArray[np.int64]:
    """Cluster of each of the distinct, sorted values."""
    n = len(values)
    sums = _prefix_sums(values, weights)
    cut = np.zeros((k, n + 1), np.int64)
    before = np.full(n + 1, np.inf)
    before[0] = 0.0
    for m in range(k):
        after = np.full(n + 1, np.inf)
        _fill(values, sums, norm, m + 1, before, after, cut[m])
        before = after
    labels = np.empty(n, np.int64)
    end = n
    for m in range(k - 1, -1, -1):
        first = cut[m, end]
        labels[first:end] = m
        end = first
    return labels


# Twice double precision: a number is the unevaluated sum of two doubles (Dekker, Knuth).


@numba.njit(cache=True)
def _two_sum(a, b):  # type: ignore[no-untyped-def]
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@numba.njit(cache=True)
def _two_product(a, b):  # type: ignore[no-untyped-def]
    p = a * b
    s = 134217729.0 * a  # 2^27 + 1 splits the 53 bits into halves
    a1 = s - (s - a)
    a2 = a - a1
    s = 134217729.0 * b
    b1 = s - (s - b)
    b2 = b - b1
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2


@numba.njit(cache=True)
def _add(x, x_low, y, y_low):  # type: ignore[no-untyped-def]
    s, e = _two_sum(x, y)
    f, g = _two_sum(x_low, y_low)
    s, e = _two_sum(s, e + f)
    return _two_sum(s, e + g)


@numba.njit(cache=True)
def _multiply(x, x_low, y, y_low):  # type: ignore[no-untyped-def]
    p, e = _two_product(x, y)
    return _two_sum(p, e + (x * y_low + x_low * y))


@numba.njit(cache=True)
def _prefix_sums(values, weights):  # type: ignore[no-untyped-def]
    """Cumulative weights, weighted values and squares, the latter two with their low parts."""
    sums = np.zeros((5, len(values) + 1))
    for i in range(len(values)):
        v, w = values[i], weights[i]
        sums[0, i + 1] = sums[0, i] + w
        p, e = _two_product(v, w)
        sums[1, i + 1], sums[2, i + 1] = _add(sums[1, i], sums[2, i], p, e)
        q, f = _two_product(v, v)
        q, f = _multiply(q, f, w, 0.0)
        sums[3, i + 1], sums[4, i + 1] = _add(sums[3, i], sums[4, i], q, f)
    return sums


@numba.njit(cache=True)
def _cost(values, sums, norm, i, j):  # type: ignore[no-untyped-def]
    """Cost of one cluster of the values from i to j - 1."""
    weight = sums[0, j] - sums[0, i]
    s, s_low = _add(sums[1, j], sums[2, j], -sums[1, i], -sums[2, i])
    if norm == 2:
        q, q_low = _add(sums[3, j], sums[4, j], -sums[3, i], -sums[4, i])
        p, p_low = _multiply(s, s_low, s, s_low)
        # Weight times the cost: integers instead of a quotient.
        r, r_low = _multiply(q, q_low, weight, 0.0)
        return max(_add(r, r_low, -p, -p_low)[0] / weight, 0.0)
    low, high = i, j - 1  # the median: the first value with half of the weight up to it
    while low < high:
        middle = (low + high) // 2
        if 2.0 * (sums[0, middle + 1] - sums[0, i]) >= weight:
            high = middle
        else:
            low = middle + 1
    below, below_low = _add(sums[1, low], sums[2, low], -sums[1, i], -sums[2, i])
    t, t_low = _add(s, s_low, -2.0 * below, -2.0 * below_low)
    p, p_low = _two_product(values[low], weight - 2.0 * (sums[0, low] - sums[0, i]))
    return max(_add(t, t_low, -p, -p_low)[0], 0.0)


@numba.njit(cache=True)
def _fill(values, sums, norm, m, before, after, cut):  # type: ignore[no-untyped-def]
    """Smallest costs of j values in m clusters and first value of the last one, for every j."""
    n = len(values)
    # Ranges of j and of the best cut, instead of recursion.
    stack = [(m, n, m - 1, n - 1)]
    while stack:
        first, last, low, high = stack.pop()
        if first > last:
            continue
        j = (first + last) // 2
        best, place = np.inf, low
        for i in range(low, min(high, j - 1) + 1):
            cost = before[i] + _cost(values, sums, norm, i, j)
            if cost < best:
                best, place = cost, i
        after[j], cut[j] = best, place
        stack.append((first, j - 1, low, place))
        stack.append((j + 1, last, place, high))
