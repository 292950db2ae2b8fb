import numpy as np
import pytest

from aet_port.core.errors import InputError
from aet_port.refinement.positions import _running_means, descend_atoms, descend_positions
from aet_port.refinement.projector import make_projector
from tests.refinement.golden_series import SINGLE, golden_series, load, number

# Single-precision residuals and coordinates, of sums over images; seen up to 2e-6 angstrom.
PLACE = 5e-6


def path_of(array):
    """MATLAB's (3, n_atoms, n_steps) as (n_steps, n_atoms, 3)."""
    return array.transpose(2, 1, 0)


@pytest.fixture(scope="module")
def made():
    """Projector, images, and the true positions, heights and B' of 12 atoms of three species."""
    rng = np.random.default_rng(8)
    angles = [[0, -50, 0], [2, -20, 0], [0, 10, 1], [0, 45, 0]]
    sight = make_projector(angles, 0.4, (51, 49), [28, 45, 78], threads=1)
    grid = np.stack(np.meshgrid([-2.8, 0, 2.8], [-1.4, 1.4], [-1.4, 1.4]), -1).reshape(-1, 3)
    positions, types = grid + rng.uniform(-0.2, 0.2, (12, 3)), np.arange(12) % 3
    heights, b_factors = np.array([1.0, 1.5, 2.5])[types], np.array([6.0, 7.0, 8.0])[types]
    return sight, sight.images(positions, heights, b_factors), positions, heights, b_factors


@pytest.mark.parametrize(
    "name",
    [
        "one_type_4it",
        "one_type_4it_large_step",
        "one_type_5it_small_step",
        "one_type_step_vector",
        "three_types_3it",
    ],
)
def test_film_golden(name):
    series = golden_series(f"am__gradient_XYZ_man__{name}")
    steps = int(number(series.case, "iterations"))
    found = descend_positions(
        series.projector,
        series.images,
        *series.atoms,
        steps,
        series.case["in_step_sz"],
        rule="film",
        keep_path=True,
    )
    expected = path_of(series.case["out_params"])
    np.testing.assert_allclose(found.path, expected, rtol=0, atol=PLACE)
    np.testing.assert_array_equal(found.path[-1], found.positions)
    np.testing.assert_allclose(found.errors, series.case["out_errR"].ravel(), rtol=SINGLE)
    # The last error belongs to the projections before the last step.
    images = series.projector.images(found.path[-2], *series.atoms[1:])
    expected = np.moveaxis(series.case["out_Projs"], 2, 0)
    np.testing.assert_allclose(images, expected, rtol=0, atol=SINGLE * expected.max())


def test_film_limit_golden():
    given = load("am__gradient_XYZ_man__one_type_radius0p05")
    series = golden_series({**load("am__gradient_XYZ_man__one_type_4it_large_step"), **given})
    steps, limit = int(number(given, "iterations")), number(given, "radius")
    found = descend_positions(
        series.projector,
        series.images,
        *series.atoms,
        steps,
        given["in_step_sz"],
        "film",
        limit,
        keep_path=True,
    )
    expected = path_of(given["out_params"])
    np.testing.assert_allclose(found.path, expected, rtol=0, atol=PLACE)
    np.testing.assert_allclose(found.errors, given["out_errR"].ravel(), rtol=SINGLE)
    distance = np.linalg.norm(found.positions - series.positions, axis=1)
    assert np.flatnonzero(distance > limit - 1e-9).tolist() == found.at_limit.tolist()
    assert len(found.at_limit) == 15
    assert "15 atoms (0-based [0, 1, 2, 3, 4]) are at the limit of 0.05" in found.warnings[0]


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("three_types_3it", 0),
        ("three_types_4it_matched_H", 0),
        ("three_types_large_step_clamped", 2),
        ("per_atom_parameters", 0),
    ],
)
def test_glass_golden(name, notes):
    series = golden_series(f"am__gradient_fixHB_XYZ__{name}")
    steps, step = int(number(series.case, "iterations")), series.case["in_step_sz"]
    home = series.case["in_model_ori"].T
    found = descend_positions(
        series.projector, series.images, *series.atoms, steps, step, origin=home, keep_path=True
    )
    parameters = series.case["out_params"]
    np.testing.assert_allclose(found.positions, parameters[2:].T, rtol=0, atol=PLACE)
    assert np.abs(found.positions - series.positions).max() > 0.1
    np.testing.assert_allclose(found.errors, series.case["out_errR"].ravel(), rtol=SINGLE)
    if "out_model_arr" in series.case:
        expected = path_of(series.case["out_model_arr"])
        np.testing.assert_allclose(found.path, expected, rtol=0, atol=PLACE)
    np.testing.assert_allclose(parameters[:2], series.atoms[1:], rtol=SINGLE)
    assert len(found.warnings) == notes


def test_all_parameters_golden():
    series = golden_series("am__gradient_HB_XYZ__three_types_3it_matched_H")
    steps, step = int(number(series.case, "iterations")), number(series.case, "step_sz")
    home = series.case["in_model_ori"].T

    def fit(quirks):
        return descend_atoms(
            series.projector,
            series.images,
            *series.atoms,
            steps,
            step,
            origin=home,
            reference_quirks=quirks,
        )

    found, right = fit(True), fit(False)
    heights, b_factors, *positions = series.case["out_params"]
    np.testing.assert_allclose(found.heights, heights, rtol=SINGLE)
    np.testing.assert_allclose(found.b_factors, b_factors, rtol=SINGLE)
    np.testing.assert_allclose(found.positions, np.transpose(positions), rtol=0, atol=PLACE)
    # The order of the atoms is a small effect here, and none is left without it.
    np.testing.assert_allclose(right.positions, found.positions, rtol=0, atol=1e-5)
    assert np.abs(right.positions - found.positions).max() > 1e-7


def test_all_parameters_far_from_the_data_golden():
    """Heights start 20 times too large: each step moves far, and rounding grows with it."""
    series = golden_series("am__gradient_HB_XYZ__three_types_3it")
    steps, step = int(number(series.case, "iterations")), number(series.case, "step_sz")
    home = series.case["in_model_ori"].T
    found = descend_atoms(
        series.projector,
        series.images,
        *series.atoms,
        steps,
        step,
        origin=home,
        reference_quirks=True,
    )
    heights, b_factors, *positions = series.case["out_params"]
    # Ten times the tolerance of the other cases: three steps multiply the rounding of the first.
    np.testing.assert_allclose(found.heights, heights, rtol=0, atol=1e-4 * heights.max())
    np.testing.assert_allclose(found.b_factors, b_factors, rtol=1e-4)
    np.testing.assert_allclose(found.positions, np.transpose(positions), rtol=0, atol=1e-4)
    assert "the height of 10 atoms" in found.warnings[-1]


def test_running_means_are_those_of_a_loop():
    rng = np.random.default_rng(5)
    heights, decays, *slopes = rng.uniform(1, 2, (4, 9))
    expected = []
    h, b = heights.copy(), decays.copy()
    for k in range(9):
        expected.append((h.mean(), b.mean()))
        b[k] -= 0.1 / 4**4 / h.mean() ** 2 * slopes[1][k]
        h[k] -= 0.1 / h.mean() * slopes[0][k]
    for function in (_running_means, _running_means.py_func):
        found = function(heights, decays, *slopes, 0.1, 4)
        np.testing.assert_allclose(np.transpose(found), expected, rtol=1e-14)


@pytest.mark.parametrize("rule", ["glass", "film"])
def test_one_step_follows_its_formula(made, rule):
    sight, images, positions, heights, b_factors = made
    start = positions + np.random.default_rng(1).normal(0, 0.1, positions.shape)
    found = descend_positions(sight, images, start, heights, b_factors, 1, 0.5, rule)
    residual = sight.images(start, heights, b_factors) - images
    slopes = sight.gradients(residual, start, heights, b_factors).positions / 2
    b = sight.decays(b_factors)
    if rule == "glass":
        rate = 0.5 / heights.mean() ** 2 / b.mean() ** 2 / 16 / 4 / (51 * 49)
    else:
        squares = sum(
            x**2 + y**2 + z**2 for x in range(-4, 5) for y in range(-4, 5) for z in range(-4, 5)
        )
        rate = (0.5 / (8 * squares * (51 + 49) / 2) / (heights**2 * b**2))[:, None]
    expected = start - rate * slopes * 0.4
    np.testing.assert_allclose(found.positions, expected, rtol=0, atol=1e-13)
    assert np.abs(found.positions - start).max() > 1e-6


def test_film_steps_are_half_a_pixel_at_most(made):
    sight, images, positions, *rest = made
    start = positions + np.random.default_rng(1).normal(0, 0.1, positions.shape)
    found = descend_positions(sight, images, start, *rest, 1, 1e6, "film", 10.0)
    moves = np.abs(found.positions - start)
    assert moves.max() == pytest.approx(0.5 * 0.4, rel=1e-12)
    assert (moves > 0.199).mean() > 0.9


@pytest.mark.parametrize(("rule", "step"), [("glass", 15.0), ("film", 400.0)])
def test_positions_come_back(made, rule, step):
    sight, images, positions, *rest = made
    start = positions + np.random.default_rng(1).normal(0, 0.1, positions.shape)
    found = descend_positions(sight, images, start, *rest, 40, step, rule)
    before, after = (np.sqrt(np.mean((p - positions) ** 2)) for p in (start, found.positions))
    assert before > 0.09
    assert after < 0.02
    assert found.errors[-1] < 0.2 * found.errors[0]
    assert found.warnings == ()
    assert found.path is None


def test_all_parameters_come_closer(made):
    sight, images, positions, heights, b_factors = made
    start = positions + np.random.default_rng(1).normal(0, 0.1, positions.shape)
    found = descend_atoms(sight, images, start, 1.1 * heights, b_factors, 30)
    assert found.errors[-1] < 0.6 * found.errors[0]
    assert np.abs(found.positions - positions).max() < np.abs(start - positions).max()
    mean = np.abs(found.heights / heights - 1).mean()
    assert mean < 0.1


@pytest.mark.parametrize("function", [descend_positions, descend_atoms])
def test_order_of_the_atoms_does_not_matter(made, function):
    sight, images, positions, *rest = made
    start = positions + np.random.default_rng(1).normal(0, 0.1, positions.shape)
    order = np.random.default_rng(2).permutation(12)
    one = function(sight, images, start, *rest, 3)
    other = function(sight, images, start[order], *(v[order] for v in rest), 3)
    np.testing.assert_allclose(one.positions[order], other.positions, rtol=0, atol=1e-12)


def test_diverging_descents_say_so(made):
    sight, images, positions, heights, b_factors = made
    found = descend_positions(sight, images, positions + 0.1, heights, b_factors, 3, 3000.0)
    assert "the descent on positions diverges: R1 rose from" in found.warnings[0]
    assert "are at the limit of 1 angstrom from their initial positions" in found.warnings[1]
    with pytest.raises(InputError, match=r"step: found 1e\+06, all heights or widths"):
        descend_atoms(sight, images, positions, 2 * heights, b_factors, 3, 1e6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"iterations": 0}, "iterations"),
        ({"step": [1.0, -1.0]}, "step"),
        ({"step": []}, "step"),
        ({"rule": "best"}, "rule"),
        ({"limit": 0.0}, "limit"),
        ({"origin": np.zeros((2, 3))}, "origin"),
        ({"heights": 0.0}, "heights: found zero"),
        ({"heights": np.ones(3)}, "heights"),
        ({"b_factors": np.inf}, "b_factors: found zero"),
        ({"images": np.zeros((4, 51, 49))}, "images"),
        ({"positions": np.full((12, 3), 12.0)}, "12 of 12 atoms"),
    ],
)
def test_bad_input_is_named(made, change, words):
    names = ("projector", "images", "positions", "heights", "b_factors")
    arguments = {**dict(zip(names, made, strict=True)), "iterations": 1, **change}
    with pytest.raises(InputError, match=words):
        descend_positions(**arguments)
    if "rule" not in change and not isinstance(change.get("step"), list):
        with pytest.raises(InputError, match=words):
            descend_atoms(**arguments)
