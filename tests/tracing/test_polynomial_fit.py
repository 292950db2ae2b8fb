import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from aet_port.tracing.peaks import local_maxima
from aet_port.tracing.polynomial_fit import (
    ORDERS,
    TERMS,
    Fits,
    _moments,
    _solve,
    evaluate_polynomial,
    fit_peaks,
    keep_apart,
    stationary_point,
)
from aet_port.tracing.upsampling import FineGrid, fine_grid

SIDE = np.arange(-3, 4)
BALL = np.stack(np.meshgrid(SIDE, SIDE, SIDE, indexing="ij"), axis=-1).reshape(-1, 3)
BALL = BALL[(BALL**2).sum(axis=1) <= 3.5**2]


def as_fine(values):
    """A grid whose fine values are the given ones."""
    starts = [np.minimum(np.arange(n), n - 2) for n in values.shape]
    weights = [np.eye(2)[np.arange(n) - s] for n, s in zip(values.shape, starts, strict=True)]
    return FineGrid(values, tuple(starts), tuple(weights))


def slow_coefficients(values, position):
    """Weighted least squares by numpy; ``values`` on the box of 7 voxels."""
    relative = BALL - position
    weight = np.exp(-(relative**2).sum(axis=1) / 9)
    design = (relative[:, None, :] ** ORDERS).prod(axis=2) * weight[:, None]
    scale = np.linalg.norm(design, axis=0)
    fit = np.linalg.lstsq(design / scale, values[tuple((BALL + 3).T)] * weight, rcond=None)[0]
    return fit / scale


def slow_fit(values, rounds=14, calm=7, limit=0.5):
    position, quiet, flag = np.zeros(3), 0, 0
    for number in range(1, rounds + 2):
        if number > rounds:
            flag = -4
        coefficients = slow_coefficients(values, position)
        step, falling = stationary_point(coefficients)
        if not falling[0]:
            return position, -1, False, coefficients
        step = np.clip(step[0], -limit, limit)
        position = position + step
        if np.abs(position).max() > 3:
            return position, -2, False, coefficients
        quiet = quiet + 1 if np.abs(step).max() < limit else 0
        if quiet == calm:
            return position, flag, True, coefficients
    return position, flag, False, coefficients


def test_orders_golden(golden):
    assert np.array_equal(
        ORDERS, golden("mg__polynomial_orders__loop_and_meshgrid")["out_fitCoeff_loop"][:, :3]
    )


def test_evaluation_golden(golden):
    case = golden("mg__calculate_3D_polynomial_Rogers__random_coeff")
    assert np.array_equal(case["in_Order"], ORDERS)
    points = np.stack([case["in_X"], case["in_Y"], case["in_Z"]], axis=-1)
    values = evaluate_polynomial(points, case["in_Coeff"].ravel(), case["in_Pos"].ravel())
    # Another order of the sum of 35 terms of up to 1e3.
    np.testing.assert_allclose(values, case["out"], rtol=1e-12, atol=1e-11)


def test_stationary_point_golden(golden):
    case = golden("mg__calc_dX_dY_dZ_Rogers__random_coeff")
    assert np.array_equal(case["in_Orders"], ORDERS)
    points, falling = stationary_point(case["in_Coeff"].T)
    expected = case["out_dXYZ"]
    assert np.array_equal(falling, (expected != -100).any(axis=1))
    assert 5 < falling.sum() < 35
    np.testing.assert_allclose(points[falling], expected[falling], rtol=1e-12)
    assert np.isnan(points[~falling]).all()


@given(st.tuples(*[st.floats(-3, 3)] * 3), st.integers(0, 2**32))
def test_one_fit_equals_lstsq(position, seed):
    values = np.random.default_rng(seed).random((7, 7, 7))
    position = np.array(position)
    moments, right = np.empty((9, 9, 9)), np.empty((5, 5, 5))
    _moments(values, position, moments, right)
    found = np.empty(TERMS)
    _solve(moments, right, np.empty((TERMS, TERMS)), found)
    expected = slow_coefficients(values, position)
    # Compared as fitted values, weighted: away from the centre the coefficients themselves are
    # badly determined. Normal equations lose half of the digits at the corner of the box.
    weight = np.exp(-((BALL - position) ** 2).sum(axis=1) / 9)
    error = (evaluate_polynomial(BALL, found - expected, position) * weight) / weight.max()
    assert np.abs(error).max() < 1e-8 * (1 + np.abs(position).max() ** 6)


@pytest.mark.parametrize("method", ["linear", "spline"])
def test_equals_slow_loop(rng, method):
    grid = fine_grid(rng.random((9, 8, 8)), method)
    maxima, _ = local_maxima(grid)
    maxima = maxima[:60]
    fits = fit_peaks(grid, maxima)
    padded = np.pad(grid.full(), 10)
    for n, corner in enumerate(maxima + 7):
        box = padded[tuple(slice(c, c + 7) for c in corner)]
        position, flag, settled, coefficients = slow_fit(box)
        assert (fits.flags[n], fits.settled[n]) == (flag, settled)
        # The solvers' rounding, amplified by up to 15 steps.
        np.testing.assert_allclose(fits.shifts[n], position, atol=1e-8)
        np.testing.assert_allclose(fits.coefficients[n], coefficients, atol=1e-8)


def test_every_outcome_is_met(rng):
    grid = fine_grid(rng.random((14, 14, 14)), "spline")
    maxima, _ = local_maxima(grid)
    assert set(fit_peaks(grid, maxima).flags) >= {0, -1, -4}
    # Few rounds: flag -4, also where the one round too many settles the peak.
    late = fit_peaks(grid, maxima, max_iterations=6)
    assert set(late.flags[late.settled]) == {-4}


def test_leaves_the_box():
    values = np.fromfunction(
        lambda x, y, z: 20 - 0.5 * ((x - 9) ** 2 + (y - 5) ** 2 + (z - 5) ** 2), (11, 11, 11)
    )
    fits = fit_peaks(as_fine(values), np.array([[5, 5, 5]], np.int32))
    assert fits.flags.tolist() == [-2]


@settings(max_examples=30)
@given(
    centre=st.tuples(*[st.floats(-0.8, 0.8)] * 3),
    seed=st.integers(0, 2**32),
)
def test_exact_quartic_gives_its_maximum(centre, seed):
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    curvature = turn @ np.diag(-rng.uniform(0.3, 1, 3)) @ turn.T
    coefficients = np.zeros(TERMS)
    order = ORDERS.sum(axis=1)
    coefficients[order == 3] = rng.uniform(-0.005, 0.005, (order == 3).sum())
    coefficients[order == 4] = rng.uniform(-0.002, 0.002, (order == 4).sum())
    grid_points = np.stack(np.meshgrid(SIDE, SIDE, SIDE, indexing="ij"), axis=-1)
    relative = grid_points - np.array(centre)
    values = 10 + np.einsum("...i,ij,...j", relative, curvature, relative)
    values += evaluate_polynomial(relative, coefficients)
    fits = fit_peaks(as_fine(values), np.array([[3, 3, 3]], np.int32))
    assert fits.flags.tolist() == [0]
    # Newton's steps double the digits; seven of them leave the rounding of the fit.
    np.testing.assert_allclose(fits.shifts[0], centre, atol=1e-9)


def test_threads_do_not_matter(rng):
    grid = fine_grid(rng.random((12, 12, 12)), "spline")
    available = numba.get_num_threads()
    results = []
    try:
        for threads in (1, available):
            numba.set_num_threads(threads)
            maxima, heights = local_maxima(grid)
            results.append([maxima, heights, *vars(fit_peaks(grid, maxima)).values()])
    finally:
        numba.set_num_threads(available)
    for one, many in zip(*results, strict=True):
        assert one.tobytes() == many.tobytes()


@given(st.integers(0, 2**32), st.floats(0, 4))
def test_keep_apart_equals_slow_rule(seed, distance):
    rng = np.random.default_rng(seed)
    n = 80
    positions = rng.random((n, 3)) * [12, 9, 6]
    flags = rng.choice([0, 0, 0, -1, -2, -4], n).astype(np.int8)
    settled = (flags == 0) | ((flags == -4) & (rng.random(n) < 0.5))
    fits = Fits(np.zeros((n, 3)), flags, settled, np.zeros((n, 0)))
    expected = flags.copy()
    for i in range(n):
        brighter = positions[:i][expected[:i] == 0]
        gaps = np.sqrt(((brighter - positions[i]) ** 2).sum(axis=1))
        if settled[i] and gaps.size and gaps.min() < distance:
            expected[i] = -3
    assert np.array_equal(keep_apart(positions, fits, distance), expected)
    assert np.array_equal(fits.flags, flags)


def test_bad_input():
    grid = fine_grid(np.zeros((4, 4, 4)))
    none = np.zeros((0, 3), np.int32)
    for name in ("max_iterations", "settled_iterations", "maximum_shift"):
        with pytest.raises(InputError, match=name):
            fit_peaks(grid, none, **{name: 0})
    with pytest.raises(InputError, match="minimum_distance"):
        keep_apart(np.zeros((0, 3)), fit_peaks(grid, none), -1.0)
