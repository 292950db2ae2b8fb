from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from aet_port.tracing import clustering as module
from aet_port.tracing.boxes import box_values
from aet_port.tracing.clustering import kmeans

CLOSE = Fraction(1, 10**13)  # the costs of up to nine clusters are added in double precision

# Squares of smaller values are not numbers in double precision.
anything = st.floats(-1e9, 1e9, allow_subnormal=False).map(lambda x: x if abs(x) > 1e-100 else 0.0)
few = st.lists(st.one_of(anything, st.integers(-3, 3).map(float)), min_size=1, max_size=12)
# Narrow clusters far from zero, where plain cumulative sums lose every digit.
narrow = st.lists(
    st.builds(lambda c, d: c * 1e6 + d * 1e-6, st.integers(-2, 2), st.integers(0, 9)),
    min_size=2,
    max_size=12,
)


def exact_cost(values: list[Fraction], norm: int) -> Fraction:
    """Cost of one cluster without rounding."""
    if norm == 2:
        mean = sum(values) / len(values)
        return sum((v - mean) ** 2 for v in values)
    median = sorted(values)[len(values) // 2]
    return sum(abs(v - median) for v in values)


def exact_cost_of(values: list[float], labels: np.ndarray, norm: int) -> Fraction:
    groups: dict[int, list[Fraction]] = {}
    for value, label in zip(values, labels.tolist(), strict=True):
        groups.setdefault(label, []).append(Fraction(value))
    return sum((exact_cost(group, norm) for group in groups.values()), Fraction(0))


def best_of_all(values: list[float], k: int, norm: int) -> Fraction:
    """Least cost over all ways to cut the sorted values into k pieces."""
    table = sorted(map(Fraction, values))
    costs = []
    for inner in combinations(range(1, len(table)), k - 1):
        cuts = [0, *inner, len(table)]
        pieces = [table[a:b] for a, b in pairwise(cuts)]
        costs.append(sum((exact_cost(piece, norm) for piece in pieces), Fraction(0)))
    return min(costs)


@settings(max_examples=150)
@given(values=st.one_of(few, narrow), k=st.integers(1, 4), norm=st.sampled_from([1, 2]))
def test_equals_the_best_of_all_partitions(values, k, norm):
    assume(len(set(values)) >= k)
    found = kmeans(values, k, norm)
    assert set(found.labels.tolist()) == set(range(k))
    best = best_of_all(values, k, norm)
    assert exact_cost_of(values, found.labels, norm) <= best * (1 + CLOSE)


@settings(max_examples=40)
@given(
    values=st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=7),
    norm=st.sampled_from([1, 2]),
)
def test_no_other_assignment_is_better(values, norm):
    """Also those whose clusters are no intervals: every assignment to two clusters."""
    assume(len(set(values)) >= 2)
    n = len(values)
    costs = [
        exact_cost_of(values, np.array([mask >> i & 1 for i in range(n)]), norm)
        for mask in range(1, 2**n - 1)
    ]
    assert exact_cost_of(values, kmeans(values, 2, norm).labels, norm) == min(costs)


@settings(max_examples=50)
@given(
    values=few,
    k=st.integers(1, 3),
    norm=st.sampled_from([1, 2]),
    factor=st.sampled_from([0.5, 2.0, 1024.0]),
    seed=st.integers(0, 9),
)
def test_order_scale_and_sign(values, k, norm, factor, seed):
    assume(len(set(values)) >= k)
    table = np.array(values)
    found = kmeans(table, k, norm)
    order = np.random.default_rng(seed).permutation(len(table))
    assert np.array_equal(kmeans(table[order], k, norm).labels, found.labels[order])
    assert np.array_equal(kmeans(factor * table, k, norm).labels, found.labels)
    turned = kmeans(-table, k, norm)
    assert exact_cost_of(values, turned.labels, norm) <= exact_cost_of(
        values, found.labels, norm
    ) * (1 + CLOSE)
    assert (np.diff(found.centres) > 0).all()
    for value, label in zip(table, found.labels, strict=True):  # equal numbers stay together
        assert (found.labels[table == value] == label).all()


def test_three_species_golden(golden):
    case = golden("mg__initial_class_kmean_sub__three_species")
    volume, positions = case["in_rec"].astype(float), case["in_model"].T - 1
    sums = box_values(volume, positions, 3).sum(axis=1)
    # Double precision: sums of 179 values, relative to the largest.
    np.testing.assert_allclose(sums, case["out_box_sum"].ravel(), rtol=0, atol=1e-12 * sums.max())
    assert np.array_equal(kmeans(sums, 3).labels + 1, case["out_atomtype"].ravel())
    assert np.array_equal(kmeans(sums, 3, 1).labels + 1, case["out_atomtype_lnorm1"].ravel())
    fine = box_values(volume, positions, 3, 3).sum(axis=1)
    assert np.array_equal(kmeans(fine, 3).labels + 1, case["out_atomtype_half1_OR3"].ravel())


@pytest.mark.parametrize("norm", [1, 2])
def test_uniform_start_may_end_higher(norm, rng):
    centres = rng.choice([1.0, 1.2, 3.0], 300, p=[0.6, 0.3, 0.1])
    values = centres + rng.normal(0, 0.06, 300)
    best = kmeans(values, 3, norm)
    runs = [kmeans(values, 3, norm, "uniform", seed) for seed in range(30)]
    costs = np.array([run.cost for run in runs])
    assert (costs >= best.cost * (1 - 1e-12)).all()
    assert np.isclose(costs, best.cost).any()
    if norm == 2:
        assert (costs > 1.01 * best.cost).any()
    for run in runs:
        assert (np.diff(run.centres) > 0).all()
        # Settled: every number belongs to the nearest centre.
        gaps = np.abs(values[:, None] - run.centres)
        assert (gaps[np.arange(300), run.labels] == gaps.min(axis=1)).all()
        assert run.rounds >= 2
    again = kmeans(values, 3, norm, "uniform", 7)
    assert np.array_equal(again.labels, runs[7].labels)


def test_empty_cluster_takes_the_farthest():
    values = [0.0, 0.0, 0.0, 1.0, 100.0]
    for seed in range(20):  # two of three centres lie in the gap
        found = kmeans(values, 3, start="uniform", seed=seed)
        assert set(found.labels.tolist()) == {0, 1, 2}
        assert found.cost == 0


def test_many_numbers(rng):
    """As many as a particle has atoms: against the slow dynamic programme on the distinct ones."""
    values = rng.choice([1.0, 1.7, 3.0], 400) + rng.normal(0, 0.2, 400)
    table = np.sort(values)
    totals = np.concatenate([[0], np.cumsum(table)])
    squares = np.concatenate([[0], np.cumsum(table**2)])
    least = np.full(401, np.inf)
    least[0] = 0
    for _ in range(4):
        after = np.full(401, np.inf)
        for j in range(1, 401):
            i = np.arange(j)
            cost = squares[j] - squares[i] - (totals[j] - totals[i]) ** 2 / (j - i)
            after[j] = (least[:j] + cost).min()
        least = after
    # Plain cumulative sums are good to about 1e-13 here.
    assert kmeans(values, 4).cost == pytest.approx(least[-1], rel=1e-10)


def test_kernels_in_plain_python(rng, monkeypatch):
    values = rng.normal(0, 1, 30)
    expected = [kmeans(values, 3, norm).labels for norm in (1, 2)]
    for name in ("_two_sum", "_two_product", "_add", "_multiply", "_prefix_sums", "_cost", "_fill"):
        monkeypatch.setattr(module, name, getattr(module, name).py_func)
    for norm, labels in zip((1, 2), expected, strict=True):
        assert np.array_equal(kmeans(values, 3, norm).labels, labels)


def test_bad_input():
    with pytest.raises(InputError, match="3 clusters of 2 distinct values"):
        kmeans([1, 1, 2, 2], 3)
    with pytest.raises(InputError, match="0 clusters"):
        kmeans([1, 2], 0)
    with pytest.raises(InputError, match="1 NaN or infinite"):
        kmeans([1, np.nan], 1)
    with pytest.raises(InputError, match="norm: found 3"):
        kmeans([1, 2], 1, norm=3)
    with pytest.raises(InputError, match="start: found 'plus'"):
        kmeans([1, 2], 1, start="plus")


def test_lloyds_that_never_settles(monkeypatch):
    monkeypatch.setattr(module, "MAX_ROUNDS", 1)
    with pytest.raises(InputError, match="still change after 1 rounds"):
        kmeans([1, 2, 5], 2, start="uniform")
