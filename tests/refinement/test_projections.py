import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from aet_port.refinement import gaussian_windows, projections, projector
from aet_port.refinement.projections import (
    gaussian_volume,
    image_scale,
    normalise_sums,
    relative_error,
    scaled_projections,
)
from aet_port.refinement.projector import Projector, form_factor, make_projector
from tests.refinement.golden_series import DOUBLE, SINGLE, golden_series, load, number, stack

PIXEL = 0.4
ANGLES = np.array([[0, 20, 0], [3, -50, 2], [10, 65, -4]])


def close(found, expected, tolerance):
    """Relative to the largest value."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def few_atoms(n=12, seed=0, reach=4.0):
    """Positions, heights and B' of some atoms near the centre."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-reach, reach, (n, 3)), rng.uniform(1, 3, n), rng.uniform(4, 12, n)


def plain_images(sight, positions, heights, b_factors):
    """The projections written down as sums over a window, one atom after the other."""
    nx, ny = sight.shape
    half = np.arange(-sight.half_width, sight.half_width + 1)
    images = np.zeros((len(sight), nx, ny))
    for image, rotation in zip(images, sight.rotations, strict=True):
        for position, height, b in zip(positions, heights, b_factors, strict=True):
            place = rotation @ position / sight.pixel_size
            nearest = np.floor(place + 0.5)
            decay = (np.pi * sight.pixel_size) ** 2 / b
            pairs = zip(nearest, place, strict=True)
            x, y, z = (np.exp(-decay * (half + m - p) ** 2) for m, p in pairs)
            window = np.ix_(half + int(nearest[0]) + nx // 2, half + int(nearest[1]) + ny // 2)
            image[window] += height * np.outer(x, y) * z.sum()
        if sight.spectrum is not None:
            image[:] = np.fft.irfft2(np.fft.rfft2(image) * sight.spectrum, s=sight.shape)
    return images


@pytest.mark.parametrize("name", ["make_fixedfa_man__sizes", "make_fixedfa_man3d__sizes"])
def test_form_factor_golden(name):
    case = load(f"am__{name}")
    count = sum(key.endswith("_size") for key in case)
    assert count == (2 if "3d" in name else 4)
    for k in range(1, count + 1):
        shape = tuple(case[f"in_{k}_size"].ravel().astype(int))
        shape = shape * 2 if len(shape) == 1 else shape  # MATLAB's zeros(n) is a square
        elements = case[f"in_{k}_Z"].ravel().astype(int).tolist()
        found = form_factor(shape, number(case, f"{k}_Res"), elements)
        close(found, case[f"out_{k}"].reshape(shape, order="F"), DOUBLE)


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("am__Cal_Bproj_2type__three_types", "least_squares"),
        ("am__Cal_Bproj_2type__two_types", "least_squares"),
        ("mg__Cal_Bproj_2type2__three_types_signed_para", "least_squares"),
        ("am__Cal_Bproj__one_type_33x31", "sum"),
        ("am__Cal_Bproj__one_type_32x36_even", "sum"),
    ],
)
def test_scaled_projections_golden(name, scale):
    series = golden_series(name)
    found = scaled_projections(series.projector, *series[2:], scale)
    close(found.images, stack(series.case["out_Projs"]), SINGLE)
    close([found.heights, found.b_factors], series.case["out_param"], SINGLE)


def test_absolute_projections_golden():
    series = golden_series("am__Cal_HBproj__three_types")
    close(series.projector.images(*series.atoms), stack(series.case["out_Projs"]), SINGLE)


def test_projections_of_the_fit_golden():
    case = load("am__calcLinearPjs_fit__three_types")
    n, types = int(number(case, "volSize")), case["in_atoms"].ravel().astype(int) - 1
    elements, half = case["in_Z_arr"].ravel().astype(int).tolist(), number(case, "CropHalfWidth")
    sight = make_projector(case["in_angles"].T, number(case, "Res"), (n, n), elements, int(half))
    heights, b_factors = case["in_para"]
    found = sight.images(case["in_model"].T, heights[types], b_factors[types])
    close(found, stack(case["out_Projs"]), DOUBLE)


def test_exact_projections_golden():
    case = load("am__My_create_volProjs__three_types")
    types = case["in_atoms"].ravel().astype(int) - 1
    atoms = (case["in_model"].T, *(case[f"in_{k}"].ravel()[types] for k in ("Heights", "Bfactors")))
    half, pixel = int(number(case, "CropHalfWidth")), number(case, "Res")
    factor = case["in_1_fixedfa"].reshape((33, 31), order="F")
    first = make_projector(case["in_angles"], pixel, (33, 31), factor, half)
    close(first.images(*atoms), stack(case["out_1"]), DOUBLE)
    # Without a factor the reference takes the mean of these two.
    second = make_projector(case["in_angles"][:2], pixel, (32, 32), [78, 28], half)
    close(second.images(*atoms), stack(case["out_2"]), DOUBLE)


def test_projections_without_factor_golden():
    case = load("am__calcLinearPjs__three_types")
    n, types = int(number(case, "volSize")), case["in_atoms"].ravel().astype(int) - 1
    heights, widths = case["in_para"][:, types]
    sight = make_projector([[0, 0, 0]], 1.0, (n, n), None, int(number(case, "halfWidth")))
    for image, *turned in zip(
        stack(case["out_Projs"]), *(case[f"in_{axis}_rot"] for axis in "XYZ"), strict=True
    ):
        found = sight.images(np.stack(turned, axis=1), heights, np.pi**2 * widths)
        close(found[0], image, SINGLE)


def test_volume_golden():
    case = load("am__HB_fixedfa_recon_all__volumes")
    types, positions = case["in_atoms"].ravel().astype(int) - 1, case["in_model"].T
    half = int(number(case, "1_halfWidth"))
    heights, decays = (case[f"in_1_{name}"].ravel()[types] for name in "hb")
    plain = gaussian_volume(positions, heights, np.pi**2 / decays, 1.0, (32, 32, 32), None, half)
    close(plain, case["out_1"], SINGLE)  # stored as single
    pixel, elements = number(case, "2_fixedfa_Res"), case["in_2_fixedfa_Z"].ravel().astype(int)
    found = gaussian_volume(
        positions * pixel,
        heights,
        (np.pi * pixel) ** 2 / decays,
        pixel,
        (32, 32, 32),
        elements.tolist(),
        half,
    )
    close(found, case["out_2"], SINGLE)
    heights, decays = (case[f"in_3_{name}"].ravel() for name in "hb")
    half = int(number(case, "3_halfWidth"))
    each = gaussian_volume(positions, heights, np.pi**2 / decays, 1.0, (30, 30, 30), None, half)
    close(each, case["out_3"], DOUBLE)
    # An atom narrower than a voxel rings below zero where it is filtered.
    assert gaussian_volume([[0, 0, 0]], 1.0, 0.5, 1.0, (20, 20, 20), ["Ta"]).min() == 0


def test_image_sums_golden():
    case = load("mg__ImageNorm__2d_3d")
    first, second = case["in_values"].ravel()
    close(normalise_sums(stack(case["in_1"]), first), stack(case["out_1"]), DOUBLE)
    close(normalise_sums(case["in_2"], second), case["out_2"], DOUBLE)
    with pytest.raises(InputError, match="image 1"):
        normalise_sums(np.array([[[1.0]], [[0.0]]]), 1.0)


@pytest.mark.parametrize("elements", [None, ["Ta", "Pd"]])
@pytest.mark.parametrize("shape", [(41, 44), (44, 41)])
def test_images_are_the_plain_sums(elements, shape):
    sight = make_projector(ANGLES, PIXEL, shape, elements, 3)
    atoms = few_atoms()
    close(sight.images(*atoms), plain_images(sight, *atoms), DOUBLE)


def test_an_atom_on_a_pixel_border_goes_where_matlab_rounds():
    sight = make_projector([[0, 0, 0]], 1.0, (21, 21), None, 2)
    for x, nearest in ((-1.5, -2), (-0.5, -1), (0.5, 1), (1.5, 2)):
        image = sight.images([[x, 0, 0]], 1.0, 5.0)[0]
        columns = np.flatnonzero(image.any(axis=1)) - 10
        assert columns.tolist() == list(range(nearest - 2, nearest + 3))


def test_compiled_kernels_are_their_python(monkeypatch):
    """The compiled functions against the same statements without the compiler."""
    sight = make_projector(ANGLES[:1], PIXEL, (31, 33), ["Ta"], 4)
    positions, heights, b_factors = few_atoms(3, reach=2.5)
    residual = np.random.default_rng(1).normal(size=(1, 31, 33))
    compiled = (
        sight.images(positions, heights, b_factors),
        *sight.gradients(residual, positions, heights, b_factors),
        sight.layers(positions, 0.2, 0),
        gaussian_volume(positions, heights, b_factors, PIXEL, (31, 33, 32)),
    )
    for module, names in (
        (gaussian_windows, ("nearest_pixel", "gaussian_profile", "_depth")),
        (projector, ("add_atoms", "add_slopes", "read_atoms")),
        (projections, ("nearest_pixel", "gaussian_profile", "_add_blobs")),
    ):
        for name in names:
            function = getattr(module, name)
            monkeypatch.setattr(module, name, getattr(function, "py_func", function))
    plain = (
        sight.images(positions, heights, b_factors),
        *sight.gradients(residual, positions, heights, b_factors),
        sight.layers(positions, 0.2, 0),
        gaussian_volume(positions, heights, b_factors, PIXEL, (31, 33, 32)),
    )
    for one, other in zip(compiled, plain, strict=True):
        close(one, other, 1e-14)


def test_gradients_are_finite_differences():
    sight = make_projector(ANGLES, PIXEL, (43, 40), None)
    positions, heights, b_factors = few_atoms(6)
    weights = np.random.default_rng(2).normal(size=(3, 43, 40))

    def product(positions, heights, decays):
        images = sight.images(positions, heights, (np.pi * PIXEL) ** 2 / decays)
        return np.vdot(weights, images)

    decays = sight.decays(b_factors)
    slopes = sight.gradients(weights, positions, heights, b_factors)
    tiny = 1e-5
    for k in range(6):
        one = np.zeros(6)
        one[k] = tiny
        rise = product(positions, heights + one, decays) - product(positions, heights - one, decays)
        # Second-order differences lose 1e-10 to the step and about as much to rounding.
        assert slopes.heights[k] == pytest.approx(rise / (2 * tiny), rel=1e-6)
        rise = product(positions, heights, decays + one) - product(positions, heights, decays - one)
        assert slopes.decays[k] == pytest.approx(rise / (2 * tiny), rel=1e-6)
        for axis in range(3):
            move = np.zeros((6, 3))
            move[k, axis] = tiny * PIXEL
            rise = product(positions + move, heights, decays)
            rise -= product(positions - move, heights, decays)
            assert slopes.positions[k, axis] == pytest.approx(rise / (2 * tiny), rel=1e-6)


def test_layers_are_the_image_and_its_slope():
    sight = make_projector(ANGLES, PIXEL, (40, 40), ["Ta"])
    positions = few_atoms()[0]
    decay, tiny = 0.2, 1e-5

    def image(decay):
        return sight.images(positions, 1.0, (np.pi * PIXEL) ** 2 / decay)[1]

    value, slope = sight.layers(positions, decay, 1)
    close(value, image(decay), DOUBLE)
    # Curvature over the step is 1e-10 of the slope.
    close(slope, (image(decay + tiny) - image(decay - tiny)) / (2 * tiny), 1e-8)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(-3, 3), st.integers(-3, 3))
def test_order_and_shifts_of_atoms(seed, x, y):
    sight = make_projector([[0, 0, 0]], PIXEL, (45, 45), ["Ta"])
    positions, heights, b_factors = few_atoms(5, seed, 3.0)
    # Off the borders of pixels, where rounding decides which window is taken.
    positions = (np.floor(positions / PIXEL) + 0.3) * PIXEL
    order = np.random.default_rng(seed).permutation(5)
    images = sight.images(positions, heights, b_factors)
    close(sight.images(positions[order], heights[order], b_factors[order]), images, DOUBLE)
    moved = sight.images(positions + PIXEL * np.array([x, y, 7]), heights, b_factors)
    close(moved, np.roll(images, (x, y), axis=(1, 2)), DOUBLE)


def test_turning_object_and_series_together_changes_nothing():
    """Heights gradients stay, position gradients turn with the object."""
    sight = make_projector(ANGLES, PIXEL, (44, 44), ["Ta"])
    positions, heights, b_factors = few_atoms(8)
    turn = make_projector([[20, 40, -70]], PIXEL, (44, 44), None).rotations[0]
    turned = Projector(sight.rotations @ turn.T, *(getattr(sight, f) for f in FIELDS))
    images = sight.images(positions, heights, b_factors)
    close(turned.images(positions @ turn.T, heights, b_factors), images, DOUBLE)
    one = sight.gradients(images, positions, heights, b_factors)
    other = turned.gradients(images, positions @ turn.T, heights, b_factors)
    close(other.heights, one.heights, DOUBLE)
    close(other.positions, one.positions @ turn.T, DOUBLE)


FIELDS = ("pixel_size", "shape", "spectrum", "largest_factor", "half_width", "threads")


def test_results_do_not_depend_on_threads():
    angles = np.zeros((19, 3))
    angles[:, 1] = np.linspace(-60, 60, 19)
    atoms = few_atoms(20)
    found = []
    for threads in (1, 3):
        sight = make_projector(angles, PIXEL, (40, 40), ["Ta"], threads=threads)
        images = sight.images(*atoms)
        found.append((images, *sight.gradients(images, *atoms)))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_scales_and_errors():
    images = np.array([[[1.0, 2.0]], [[3.0, 0.0]]])
    assert image_scale(images / 4, images) == 4
    assert image_scale(np.full((2, 1, 2), 0.5), images, "sum") == 3
    assert relative_error(images / 2, images) == 0.5
    with pytest.raises(InputError, match="heights above zero"):
        image_scale(0 * images, images)


def test_a_wide_gaussian_of_no_decay_is_flat():
    sight = make_projector([[0, 0, 0]], PIXEL, (21, 21), None, 2)
    image = sight.images([[0, 0, 0]], 1.0, np.inf)[0]
    np.testing.assert_array_equal(np.unique(image), [0, 5])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"positions": [[0.0, 0, 0], [0, 7.0, 0]]}, r"1 of 2 atoms \(0-based 1\).*image 0.*atom 1"),
        ({"positions": [[0.0, 0, np.nan], [0, 0, 0]]}, "positions: found NaN for atoms 0"),
        ({"positions": np.zeros((3, 2))}, "positions"),
        ({"heights": [1.0, np.inf]}, "heights: found not usable for atoms 1"),
        ({"b_factors": [-1.0, 1.0]}, "b_factors: found not usable for atoms 0"),
        ({"b_factors": [0.0, 1.0]}, "b_factors: found not usable for atoms 0"),
        ({"b_factors": [1.0, 1.0, 1.0]}, r"b_factors: found shape \(3,\)"),
    ],
)
def test_bad_atoms_are_named(change, words):
    sight = make_projector([[0, 0, 0]], PIXEL, (40, 40), ["Ta"])
    atoms = {"positions": np.zeros((2, 3)), "heights": 1.0, "b_factors": 6.0, **change}
    with pytest.raises(InputError, match=words):
        sight.images(**atoms)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"angles": [0.0, 1.0]}, "angles"),
        ({"pixel_size": 0.0}, "pixel_size"),
        ({"shape": (8, 40)}, "shape"),
        ({"half_width": 0}, "half width"),
        ({"elements": []}, "elements"),
        ({"elements": ["Xx"]}, "element"),
        ({"elements": np.ones((4, 4))}, r"elements.*\(4, 4\)"),
        ({"threads": 0}, "threads"),
    ],
)
def test_bad_projectors_are_named(change, words):
    arguments = {"angles": [[0, 0, 0]], "pixel_size": 0.4, "shape": (40, 40), "elements": ["Ta"]}
    with pytest.raises(InputError, match=words):
        make_projector(**{**arguments, **change})


def test_bad_series_and_volumes_are_named():
    sight = make_projector([[0, 0, 0]], PIXEL, (40, 40), ["Ta"])
    with pytest.raises(InputError, match=r"images: found shape \(2, 40, 40\)"):
        sight.check_images(np.ones((2, 40, 40)))
    with pytest.raises(InputError, match="images: found NaN"):
        sight.check_images(np.full((1, 40, 40), np.nan))
    with pytest.raises(InputError, match="first species"):
        scaled_projections(
            sight, np.ones((1, 40, 40)), np.zeros((1, 3)), np.zeros(1, int), [0.0], [6.0]
        )
    with pytest.raises(InputError, match=r"atoms \(0-based 1\)"):
        gaussian_volume([[0, 0, 0], [9, 0, 0]], 1.0, 6.0, 1.0, (20, 20, 20))
    with pytest.raises(InputError, match="pixel_size"):
        form_factor((9, 9), -1.0, ["Ta"])
