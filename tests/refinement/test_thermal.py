import numpy as np
import pytest
from scipy.optimize import least_squares

from aet_port.core.errors import InputError
from aet_port.refinement.projections import image_scale, relative_error, scaled_projections
from aet_port.refinement.projector import make_projector
from aet_port.refinement.thermal import descend_heights, descend_thermal, scan_b
from aet_port.refinement.thermal_fit import fit_thermal
from tests.refinement.golden_series import SINGLE, golden_series, number

LOW, HIGH = [[1.0, 1.0, 1.0], [3.0, 3.0, 3.0]], [[1.0, 4.0, 6.0], [20.0, 20.0, 20.0]]
TRUTH = np.array([2.0, 3.1, 7.0]), np.array([6.0, 7.5, 9.0])


@pytest.fixture(scope="module")
def made():
    """Projector, images of known heights and B', positions and species."""
    rng = np.random.default_rng(4)
    angles = [[0, -50, 0], [0, 0, 0], [0, 45, 0]]
    sight = make_projector(angles, 0.4, (49, 47), [28, 45, 78], threads=1)
    positions, types = rng.uniform(-4.5, 4.5, (18, 3)), np.arange(18) % 3
    images = sight.images(positions, TRUTH[0][types], TRUTH[1][types])
    return sight, images, positions, types


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("am__gradient_B__one_type_4it", "sum"),
        ("am__gradient_B__one_type_4it_large_step", "sum"),
        ("am__gradient_B_2type__three_types_4it", "common"),
        ("am__gradient_B_2type__three_types_4it_step300", "common"),
        ("am__gradient_HB__three_types_3it", "absolute"),
        ("mg__gradient_B_2type_difB__three_types_4it", "relative"),
        ("mg__gradient_B_2type_difB__three_types_4it_step300", "relative"),
    ],
)
def test_descent_golden(name, rule):
    series = golden_series(name)
    steps, step = int(number(series.case, "iterations")), number(series.case, "step_sz")
    found = descend_thermal(series.projector, *series[2:], steps, step, rule)
    heights, b_factors = series.case["out_param"]
    start = series.b_factors if rule != "common" else np.full(3, series.b_factors.mean())
    np.testing.assert_allclose(found.heights, heights, rtol=SINGLE)
    np.testing.assert_allclose(found.b_factors, b_factors, rtol=SINGLE)
    np.testing.assert_allclose(found.errors, series.case["out_errR"].ravel(), rtol=SINGLE)
    # The move itself, where it is larger than the rounding of single precision.
    moved = np.abs(b_factors - start) > 1e-3
    np.testing.assert_allclose(
        (found.b_factors - start)[moved], (b_factors - start)[moved], rtol=1e-3
    )
    assert len(found.warnings) == ("large" in name or "2type__three_types_4it_step300" in name)


@pytest.mark.parametrize("name", ["gradient_H_all", "gradient_HB_all"])
def test_heights_of_the_atoms_golden(name):
    series = golden_series(f"am__{name}__three_types_4it_small_step")
    steps, step = int(number(series.case, "iterations")), number(series.case, "step_sz")
    found = descend_heights(series.projector, series.images, *series.atoms, steps, step)
    np.testing.assert_allclose(found.heights, series.case["out_params"][0], rtol=SINGLE)
    np.testing.assert_allclose(found.b_factors, series.case["out_params"][1], rtol=SINGLE)
    assert np.abs(found.heights - series.atoms[1]).max() > 0.1
    if name == "gradient_H_all":
        np.testing.assert_allclose(found.errors, series.case["out_errR"].ravel(), rtol=SINGLE)


@pytest.mark.parametrize("name", ["gradient_H_all", "gradient_HB_all"])
def test_heights_with_too_large_a_step_golden(name):
    """Heights start 20 times too large, and all atoms fall to zero."""
    series = golden_series(f"am__{name}__three_types_3it")
    steps, step = int(number(series.case, "iterations")), number(series.case, "step_sz")
    found = descend_heights(series.projector, series.images, *series.atoms, steps, step)
    np.testing.assert_array_equal(found.heights, series.case["out_params"][0])
    assert "14 atoms lost their height" in found.warnings[0]
    if name == "gradient_H_all":
        np.testing.assert_allclose(found.errors, series.case["out_errR"].ravel(), rtol=SINGLE)


def test_scan_golden():
    series = golden_series("am__Main_position_refinement_Pd1.loop__one_round")
    found = scan_b(series.projector, series.images, series.positions, 6.0)
    assert found.coarse.shape == found.fine.shape == (41, 2)
    np.testing.assert_allclose(found.coarse[:, 0], np.arange(2, 10.1, 0.2), rtol=1e-12)
    for table, name in ((found.coarse, "err_arr"), (found.fine, "err_arr2")):
        expected = series.case[f"out_{name}"].ravel()
        np.testing.assert_allclose(table[:, 1], expected, rtol=SINGLE)
    assert found.b_factor == pytest.approx(series.case["out_scan_B_final"].item(), rel=1e-12)
    assert found.error == found.fine[:, 1].min()
    best = series.projector.images(series.positions, found.height, found.b_factor)
    assert relative_error(best, series.images) == pytest.approx(found.error, rel=1e-12)


def test_fit_golden():
    """The optimum of the reference, whose solver stopped at a relative 1e-8 of the residual."""
    case = golden_series("mg__Main_position_refinement.HBfit__bounded_lsq", start="x0")
    low, high = case.case["in_lb"], case.case["in_ub"]
    found = fit_thermal(case.projector, *case[2:], low, high)
    expected = case.case["out_para"]
    # At an optimum parameters are known to the root of the residual's tolerance.
    np.testing.assert_allclose(found.heights / found.heights[0], expected[0], rtol=2e-5)
    np.testing.assert_allclose(found.b_factors, expected[1], rtol=2e-5)
    assert found.warnings == ()

    def residual(heights, b_factors):
        images = scaled_projections(case.projector, *case[2:5], heights, b_factors).images
        return np.sum((images - case.images) ** 2)

    assert residual(found.heights, found.b_factors) <= residual(*expected)
    assert residual(*expected) == pytest.approx(case.case["out_resnorm"].item(), rel=1e-6)


def test_fit_equals_the_plain_least_squares(made):
    """The reduced problem against the full residual with numerical derivatives."""
    sight, images, positions, types = made
    noisy = images + np.random.default_rng(0).normal(0, 0.3, images.shape)
    found = fit_thermal(sight, noisy, positions, types, [1, 1, 1], [8, 8, 8], LOW, HIGH)

    def residual(x):
        heights, b_factors = np.array([1.0, *x[:2]]), x[2:]
        projections = sight.images(positions, heights[types], b_factors[types])
        return (image_scale(projections, noisy) * projections - noisy).ravel()

    low, high = [1, 1, 3, 3, 3], [4, 6, 20, 20, 20]
    plain = least_squares(
        residual, [1.5, 2, 8, 8, 8], "3-point", (low, high), x_scale="jac", xtol=1e-12, ftol=1e-12
    )
    np.testing.assert_allclose(found.heights[1:] / found.heights[0], plain.x[:2], rtol=1e-6)
    np.testing.assert_allclose(found.b_factors, plain.x[2:], rtol=1e-6)


def test_fit_recovers_the_truth_and_names_bounds(made):
    sight, images, positions, types = made
    start = [1, 1, 1], [10, 10, 10]
    found = fit_thermal(sight, images, positions, types, *start, LOW, HIGH)
    # Noise-free: what is left is the rounding of inner products.
    np.testing.assert_allclose(found.heights, TRUTH[0], rtol=1e-7)
    np.testing.assert_allclose(found.b_factors, TRUTH[1], rtol=1e-7)
    assert found.errors[0] < 1e-7
    assert found.warnings == ()
    low, high = np.array(LOW), np.array(HIGH)
    high[1, 2], low[0, 1] = 8.0, 2.0
    held = fit_thermal(sight, images, positions, types, *start, low, high, ("Ni", "Rh", "Pt"))
    assert held.b_factors[2] == 8.0
    assert held.warnings == (
        "the height ratio of Rh is at its lower bound, 2",
        "the B' of Pt is at its upper bound, 8",
    )


def test_what_has_equal_bounds_is_held(made):
    sight, images, positions, types = made
    both = [[1.0, 1.5, 3.0], [6.0, 7.0, 8.0]]
    found = fit_thermal(sight, images, positions, types, *both, both, both)
    np.testing.assert_allclose(found.heights / found.heights[0], both[0], rtol=1e-14)
    np.testing.assert_array_equal(found.b_factors, both[1])
    few = fit_thermal(
        sight, images, positions, types, *both, LOW, HIGH, max_evaluations=1, tolerance=1e-12
    )
    assert "did not converge in 1" in few.warnings[0]


def test_descent_follows_its_formula(made):
    """One step, written down again from images of each species."""
    sight, images, positions, types = made
    heights, b_factors = np.array([1.0, 1.4, 3.0]), np.array([7.0, 7.0, 8.0])
    found = descend_thermal(sight, images, positions, types, heights, b_factors, 1, 50.0)
    projections = sight.images(positions, heights[types], b_factors[types])
    k = image_scale(projections, images)
    residual = k * projections - images
    bare = make_projector([[0, -50, 0], [0, 0, 0], [0, 45, 0]], 0.4, (49, 47), None)
    rate = 50.0 / sight.largest_factor**2 / 3 / 49**2 / 6
    new_h, new_b = np.empty(3), np.empty(3)
    for j in range(3):
        layers = [
            bare.layers(positions[types == j], sight.decays(b_factors)[j], i) for i in (0, 1, 2)
        ]
        value, slope = (np.vdot(residual, [layer[m] for layer in layers]) for m in (0, 1))
        new_h[j] = heights[j] - rate * value
        new_b[j] = sight.decays(b_factors)[j] - rate / 9**6 * k * heights[j] * slope
    np.testing.assert_allclose(found.heights, k * new_h / new_h[0], rtol=1e-12)
    np.testing.assert_allclose(found.b_factors, sight.decays(new_b), rtol=1e-12)
    assert found.errors == pytest.approx([relative_error(k * projections, images)], rel=1e-12)


def test_order_of_the_atoms_does_not_matter(made):
    sight, images, positions, types = made
    order = np.random.default_rng(3).permutation(len(types))
    start = [1.0, 1.4, 3.0], [7.0, 7.0, 8.0]
    one = descend_thermal(sight, images, positions, types, *start, 3)
    other = descend_thermal(sight, images, positions[order], types[order], *start, 3)
    np.testing.assert_allclose(one.heights, other.heights, rtol=1e-12)
    np.testing.assert_allclose(one.b_factors, other.b_factors, rtol=1e-12)


def test_diverging_descents_say_so(made):
    sight, images, positions, types = made
    names = ("Ni", "Rh", "Pt")
    wide = np.full(3, 8.0)
    risen = descend_thermal(
        sight, images, positions, types, 0.8 * TRUTH[0], wide, 2, 300, "absolute", names
    )
    assert "the descent on H and B' diverges: R1 rose from 0.2330 to" in risen.warnings[0]
    assert risen.warnings[1] == "the height of Ni, Rh fell to zero"
    with pytest.raises(InputError, match=r"step: found 1000, the height of Ni fell to zero"):
        descend_thermal(sight, images, positions, types, TRUTH[0], wide, 1, 1000, "relative", names)
    atoms = positions, TRUTH[0][types], TRUTH[1][types]
    with pytest.raises(InputError, match="heights: found not usable for atoms 0, 1"):
        descend_heights(sight, 1e5 * images, *atoms, 3, 1e305)
    with pytest.raises(InputError, match=r"step: found 1e\+150, with which step 1 gives no finite"):
        descend_heights(sight, 1e155 * images, *atoms, 3, 1e150)


def test_scan_leaves_out_what_has_no_gaussian(made):
    sight, images, positions, _ = made
    found = scan_b(sight, images, positions, 1.0, (2.0, 0.5), (0.5, 0.25))
    np.testing.assert_allclose(found.coarse[:, 0], np.arange(0.5, 3.1, 0.5))
    assert (found.fine[:, 0] > 0).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"types": [0, 0, 2] * 6}, "no atoms of species 1"),
        ({"types": [0, 1]}, "types"),
        ({"types": [-1, 1, 2] * 6}, "types: found indices -1 to 2"),
        ({"names": ("Ni", "Rh")}, "types: found indices 0 to 2; expected 0-based indices of 2"),
        ({"heights": [1.0, np.nan, 1.0]}, "heights"),
        ({"heights": [0.0, 1.0, 1.0]}, "heights"),
        ({"b_factors": [6.0]}, "b_factors"),
        ({"images": np.ones((1, 2, 3))}, "images"),
        ({"positions": np.full((18, 3), 20.0)}, "18 of 18 atoms"),
    ],
)
@pytest.mark.parametrize("function", [descend_thermal, fit_thermal])
def test_bad_input_is_named(made, function, change, words):
    names = ("projector", "images", "positions", "types")
    rest = {"heights": [1.0, 1.5, 2.0], "b_factors": [6.0, 6.0, 6.0]}
    more = {"iterations": 1} if function is descend_thermal else {"lower": LOW, "upper": HIGH}
    with pytest.raises(InputError, match=words):
        function(**{**dict(zip(names, made, strict=True)), **rest, **more, **change})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"iterations": 0}, "iterations"),
        ({"step": -1.0}, "step"),
        ({"rule": "best"}, "rule"),
        ({"rule": "sum"}, "3 species with rule='sum'"),
    ],
)
def test_bad_steps_are_named(made, change, words):
    with pytest.raises(InputError, match=words):
        descend_thermal(*made, [1, 1, 1], [6, 6, 6], **{"iterations": 1, **change})


def test_bad_bounds_and_scans_are_named(made):
    start = [1, 1, 1], [6, 6, 6]
    with pytest.raises(InputError, match="lower"):
        fit_thermal(*made, *start, [1, 1, 1], HIGH)
    with pytest.raises(InputError, match="bounds"):
        fit_thermal(*made, *start, HIGH, LOW)
    with pytest.raises(InputError, match="start"):
        scan_b(*made[:3], -1.0)
