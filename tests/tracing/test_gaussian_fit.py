import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from aet_port.core.errors import InputError
from aet_port.tracing.boxes import box_points
from aet_port.tracing.gaussian_fit import fit_gaussian_3d, gaussian_3d

BOX = box_points(7)[0]


def test_values_golden(golden):
    case = golden("mg__calc_gauss3D_PD__three_parameter_sets")
    points = box_points(case["in_BoxSize"].item())[0]
    for number, parameters in enumerate(case["in_params"]):
        expected = case["out"][..., number]
        # Double precision, relative to the height.
        np.testing.assert_allclose(
            gaussian_3d(parameters, points), expected, rtol=0, atol=1e-12 * expected.max()
        )


@pytest.mark.parametrize("name", ["isotropic_fixed_angles", "anisotropic_all_free"])
def test_optimum_golden(golden, name):
    case = golden(f"mg__fit_gauss3D_PD__{name}")
    points = box_points(case["in_BoxSize"].item())[0]
    fit = fit_gaussian_3d(
        case["in_init_guess"],
        points,
        case["in_ydata"],
        case.get("in_fixed"),
        case["in_lb"],
        case["in_ub"],
    )
    # The optimum, not the way to it: another solver leaves 1e-8 in the parameters and their
    # square in the cost. Angles of nearly equal axes mean nothing.
    assert fit.cost <= case["out_resnorm"].item() * (1 + 1e-10)
    assert fit.cost == pytest.approx(case["out_resnorm"].item(), rel=1e-8)
    expected = case["out_x"].ravel()
    np.testing.assert_allclose(fit.parameters[:5], expected[:5], rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.sort(fit.parameters[5:8]), np.sort(expected[5:8]), atol=1e-5)
    if "out_residual" in case:
        np.testing.assert_allclose(fit.residual, case["out_residual"], rtol=0, atol=1e-5)
        assert np.array_equal(fit.parameters[8:], case["in_init_guess"].ravel()[8:])
    else:
        np.testing.assert_allclose(
            gaussian_3d(fit.parameters, points), case["out_model"], atol=1e-5
        )


def test_angles_turn_the_axes():
    parameters = [0.1, 2, 0.3, -0.2, 0.1, 0.9, 0.4, 0.1, 20, 35, -50]
    turn = Rotation.from_euler("ZYZ", [-50, 35, 20], degrees=True).as_matrix()
    distance = np.moveaxis(BOX, 0, -1) - [0.3, -0.2, 0.1]
    squares = (distance @ turn.T) ** 2
    expected = 0.1 + 2 * np.exp(-squares @ [0.9, 0.4, 0.1])
    np.testing.assert_allclose(gaussian_3d(parameters, BOX), expected, rtol=1e-13)


def test_own_gaussian_is_found():
    parameters = np.array([0.2, 3, 0.4, -0.6, 0.2, 0.3, 0.4, 0.5, 10, 20, 30])
    values = gaussian_3d(parameters, BOX)
    start = [0, 2, 0, 0, 0, 0.4, 0.4, 0.4, 1, 1, 1]
    fit = fit_gaussian_3d(start, BOX, values)
    np.testing.assert_allclose(fit.parameters[:5], parameters[:5], atol=1e-9)
    assert fit.background == fit.parameters[0]
    assert fit.cost < 1e-20
    # A bound that cuts the optimum off is where the fit ends.
    bound = np.full(11, np.inf)
    bound[1] = 2.5
    assert fit_gaussian_3d(start, BOX, values, upper=bound).parameters[1] == pytest.approx(2.5)


def test_bad_input():
    start, values = np.r_[0, 1, np.zeros(3), np.ones(3), np.zeros(3)], np.ones((7, 7, 7))
    with pytest.raises(InputError, match="start: found 10 numbers"):
        fit_gaussian_3d(start[:10], BOX, values)
    with pytest.raises(InputError, match="values: found shapes"):
        fit_gaussian_3d(start, BOX, values[1:])
    with pytest.raises(InputError, match="finite: False"):
        fit_gaussian_3d(start, BOX, values * np.nan)
    with pytest.raises(InputError, match="parameter 1 out of bounds"):
        fit_gaussian_3d(start, BOX, values, upper=np.r_[1, 0.5, np.ones(9)])
    with pytest.raises(InputError, match="every parameter fixed"):
        fit_gaussian_3d(start, BOX, values, fixed=np.ones(11))
    with pytest.raises(InputError, match="bounds: found 3"):
        fit_gaussian_3d(start, BOX, values, lower=np.zeros(3))
    with pytest.raises(InputError, match="parameters: found 3"):
        gaussian_3d(np.ones(3), BOX)
    with pytest.raises(InputError, match="points: found shape"):
        gaussian_3d(start, BOX[:2])
