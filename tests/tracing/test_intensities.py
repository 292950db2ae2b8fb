import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from aet_port.tracing.intensities import histogram, sphere_offsets, sphere_values, two_gaussians

ROLES = {"Ta": (4, 7), "Pd1": (7, 4)}  # thirds for the classes and for the histogram
FITS = {
    "": {},
    "_constant_peakcenter2": {"second_centre": 4.8e5},
    "_constant_ratio": {"ratio": 1.6757},
    "_samewidth": {"same_width": True},
}


def case_of(golden, sample):
    case = golden(f"am__Main_remove_non_atom_peak_{sample}.kmean__cluster115")
    volume = golden("am__My_obtain_tight_support_ver1__cluster54x52x50")["in_RECvol"]
    positions = case["out_merged_model" if sample == "Ta" else "in_atom_pos_pixel"].T - 1
    return case, volume, positions


@pytest.mark.parametrize("sample", ROLES)
def test_values_golden(golden, sample):
    case, volume, positions = case_of(golden, sample)
    inner, outer = ROLES[sample]
    cubic = sphere_values(volume, positions, inner, "cubic")
    linear = sphere_values(volume, positions, outer, "linear")
    # Rounding of values of up to 100; sums of up to 1791 of them.
    np.testing.assert_allclose(cubic[:3].T, case["out_points_atom1"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(linear[:3].T, case["out_points_plot_atom1"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(cubic.sum(axis=1), case["out_intensity_integ"].ravel(), rtol=1e-12)
    np.testing.assert_allclose(
        cubic.max(axis=1), case["out_intensity_integ_max"].ravel(), rtol=1e-12
    )
    np.testing.assert_allclose(
        linear.sum(axis=1), case["out_intensity_integ_plot"].ravel(), rtol=1e-12
    )
    counts, centres = histogram(linear.sum(axis=1))
    assert np.array_equal(counts, case["out_hist_inten_plot"].ravel())
    np.testing.assert_allclose(centres, case["out_cen_integ_total_plot"].ravel(), rtol=1e-13)


def test_offsets():
    assert [len(sphere_offsets(n)) for n in (4, 7)] == [389, 1791]
    assert (np.linalg.norm(sphere_offsets(4), axis=1) <= 1.5).all()


positions = st.lists(st.tuples(*[st.floats(-1, 7)] * 3), min_size=1, max_size=5).map(np.array)


@settings(deadline=None)
@given(positions=positions, coefficients=st.lists(st.floats(-1, 1), min_size=10, max_size=10))
def test_cubic_keeps_quadratics(positions, coefficients):
    """Cubic convolution reproduces parabolas, up to the border and not beyond."""
    c = coefficients

    def quadratic(x, y, z):
        first = c[0] + c[1] * x + c[2] * y + c[3] * z
        return (
            first
            + c[4] * x * x
            + c[5] * y * y
            + c[6] * z * z
            + c[7] * x * y
            + c[8] * y * z
            + c[9] * x * z
        )

    volume = np.fromfunction(quadratic, (7, 3, 5))
    found = sphere_values(volume, positions, 2, "cubic")
    where = positions[:, None] + sphere_offsets(2)
    inside = ((where >= 0) & (where <= np.array(volume.shape) - 1)).all(axis=2)
    expected = np.where(inside, quadratic(*np.moveaxis(where, -1, 0)), 0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)


@settings(deadline=None)
@given(positions=positions)
def test_linear_keeps_trilinear_functions(positions):
    def trilinear(x, y, z):
        return (1 + x) * (2 - y) * (3 + 0.5 * z)

    volume = np.fromfunction(trilinear, (6, 2, 5))
    found = sphere_values(volume, positions, 2, "linear")
    where = positions[:, None] + sphere_offsets(2)
    inside = ((where >= 0) & (where <= np.array(volume.shape) - 1)).all(axis=2)
    expected = np.where(inside, trilinear(*np.moveaxis(where, -1, 0)), 0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)


def test_histogram_edges_belong_below():
    counts, centres = histogram([0, 1, 2, 2.5, 4], 4)
    assert counts.tolist() == [2, 1, 1, 1]
    assert centres.tolist() == [0.5, 1.5, 2.5, 3.5]


def test_histogram_of_equal_values():
    counts, centres = histogram([3.0, 3.0], 4)
    assert counts.sum() == 2
    assert np.abs(centres[counts > 0] - 3).max() <= 0.5


@pytest.mark.parametrize("variant", FITS)
def test_two_gaussians_golden(golden, variant):
    case = golden(f"am__My_two_gaussianfit{variant}__two_peaks")
    p = two_gaussians(case["in_x"], case["in_y"], case["in_init"], **FITS[variant])
    # Optima are compared; each solver stops within about 1e-7 of one.
    np.testing.assert_allclose(p, case["out_p"].ravel(), rtol=1e-6)
    x = case["in_x"].ravel()
    fit = p[0] * np.exp(-(((x - p[1]) / p[2]) ** 2)) + p[3] * np.exp(-(((x - p[4]) / p[5]) ** 2))
    residual = ((fit - case["in_y"].ravel()) ** 2).sum()
    np.testing.assert_allclose(residual, case["out_resnorm"].item(), rtol=1e-9)


def test_default_start_finds_both(rng):
    values = np.concatenate([rng.normal(20, 3, 3000), rng.normal(60, 8, 5000), [0, 100]])
    counts, centres = histogram(values)
    p = two_gaussians(centres, counts)
    np.testing.assert_allclose(p[[1, 4]], [20, 60], atol=1)
    np.testing.assert_allclose(p[[2, 5]], np.sqrt(2) * np.array([3, 8]), rtol=0.1)


def test_bad_input():
    volume = np.zeros((5, 5, 5))
    with pytest.raises(InputError, match="positions"):
        sphere_values(volume, np.zeros((3, 2)), 2, "linear")
    with pytest.raises(InputError, match="finite: False"):
        sphere_values(volume, np.full((1, 3), np.nan), 2, "linear")
    with pytest.raises(InputError, match="at least 3"):
        sphere_values(volume[:2], np.zeros((1, 3)), 2, "cubic")
    with pytest.raises(InputError, match="method"):
        sphere_values(volume, np.zeros((1, 3)), 2, "spline")
    with pytest.raises(InputError, match="thirds"):
        sphere_offsets(0)
    with pytest.raises(InputError, match="values"):
        histogram([])
    with pytest.raises(InputError, match="start"):
        two_gaussians(np.arange(10), np.ones(10), [1, 1, 1, 1, -1, 1])
    with pytest.raises(InputError, match="several constraints"):
        two_gaussians(np.arange(10), np.ones(10), ratio=2, same_width=True)
    with pytest.raises(InputError, match="counts"):
        two_gaussians(np.arange(10), np.ones(9))
