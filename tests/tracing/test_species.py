import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import norm as normal

from aet_port.core.data import Volume
from aet_port.core.errors import InputError
from aet_port.tracing import local_classes
from aet_port.tracing.boxes import box_values, voxel_boxes
from aet_port.tracing.classes import (
    atom_or_not,
    class_histogram,
    class_posteriors,
    classes_and_non_atoms,
    lightest_split,
)
from aet_port.tracing.clustering import kmeans
from aet_port.tracing.local_classes import reclassify_locally
from aet_port.tracing.species import NOT_AN_ATOM, NOT_ASSIGNED, classify
from aet_port.tracing.upsampling import fine_grid

SPECIES = ("Co", "Pd", "Pt")
HEIGHTS = {"Co": 1.0, "Pd": 1.6, "Pt": 2.4}


@pytest.fixture(scope="session")
def three(golden):
    """Volume, positions (0-based voxels) and types of the golden cases."""
    case = golden("mg__initial_class_kmean_sub__three_species")
    return (
        case["in_rec"].astype(np.float64),
        case["in_model"].T - 1,
        case["out_atomtype"].ravel().astype(np.int64),
    )


def blurred(shape, voxels, heights, sigma=1.6):
    """Volume of Gaussians at voxel coordinates."""
    volume = np.zeros(shape)
    for place, height in zip(voxels, heights, strict=True):
        x, y, z = (
            np.exp(-((np.arange(n) - p) ** 2) / (2 * sigma**2))
            for n, p in zip(shape, place, strict=True)
        )
        volume += height * x[:, None, None] * y[:, None] * z
    return volume


@pytest.fixture(scope="module")
def sample():
    """A lattice of three species of known heights, slightly shaken; positions in voxels."""
    rng = np.random.default_rng(4)
    places = np.stack(np.meshgrid(*[np.arange(5, 48, 6)] * 3, indexing="ij"), -1).reshape(-1, 3)
    places = places + rng.uniform(-0.4, 0.4, places.shape)
    symbols = rng.choice(SPECIES, len(places), p=[0.4, 0.4, 0.2])
    heights = np.array([HEIGHTS[s] for s in symbols]) * rng.normal(1, 0.02, len(places))
    return places, symbols, heights


def as_volume(array):
    return Volume(array.astype(np.float32), 0.4)


@pytest.mark.parametrize("radius", [14, 22])
@pytest.mark.parametrize("norm", [1, 2])
def test_local_golden(golden, three, radius, norm):
    volume, positions, _ = three
    case = golden(f"mg__local_class_kmean_sub__radius{radius}")
    half, oversampling, sphere, patience = (
        int(case[f"in_{name}"].item()) for name in ("halfSize", "O_Ratio", "SPHyn", "StopCri")
    )
    values = box_values(volume, positions, half * oversampling, oversampling, bool(sphere))
    found = reclassify_locally(
        positions,
        values,
        case["in_curr_types"],
        case["in_Radius"].item(),
        norm,
        patience,
        reference_quirks=True,
    )
    expected = case["out_atomtype" if norm == 2 else "out_atomtype_lnorm1"].ravel()
    assert np.array_equal(found.types, expected)
    assert found.settled == (radius == 22)
    if radius == 14:  # fourteen atoms flip back and forth
        assert found.changes[-patience:] == [14] * patience


def test_local_equals_the_slow_way(rng):
    """Against means over masks as the definition has them, for several rounds."""
    positions = rng.uniform(0, 20, (150, 3))
    values = rng.normal(0, 1, (150, 7)) + rng.integers(0, 3, 150)[:, None]
    types = rng.integers(1, 4, 150)
    distance = cdist(positions, positions)
    for norm in (1, 2):
        found = reclassify_locally(positions, values, types, 7.0, norm, max_rounds=3)
        expected = types.copy()
        for changed in found.changes:
            near = (distance < 7.0) & (distance > 0)
            gaps = np.stack(
                [
                    [
                        np.linalg.norm(values[i] - values[near[i] & (expected == t)].mean(0), norm)
                        if (near[i] & (expected == t)).any()
                        else np.inf
                        for i in range(150)
                    ]
                    for t in (1, 2, 3)
                ]
            )
            new = gaps.argmin(axis=0) + 1
            assert changed == (new != expected).sum()
            expected = new
        assert np.array_equal(found.types, expected)


def test_lonely_atom_keeps_its_type():
    positions = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [50, 0, 0]]
    values = np.array([[1.0], [1.1], [5.0], [5.2]])
    assert reclassify_locally(positions, values, [1, 1, 2, 2], 5).types[3] == 2
    coded = reclassify_locally(positions, values, [1, 1, 2, 2], 5, reference_quirks=True)
    assert coded.types[3] == 1


def test_rounds_are_limited(golden, three):
    types = golden("mg__local_class_kmean_sub__radius14")["in_curr_types"]
    values = box_values(*three[:2], 3)
    found = reclassify_locally(three[1], values, types, 14, max_rounds=2)
    assert len(found.changes) == 2
    assert not found.settled


def test_kernel_in_plain_python(three, monkeypatch):
    volume, positions, types = three
    values = box_values(volume, positions, 1)
    expected = reclassify_locally(positions, values, types, 22)
    monkeypatch.setattr(local_classes, "_nearest_type", local_classes._nearest_type.py_func)
    assert np.array_equal(reclassify_locally(positions, values, types, 22).types, expected.types)


@pytest.mark.parametrize("sphere", [True, False])
def test_atom_or_not_golden(golden, three, sphere):
    case = golden("mg__initial_class_L1norm__halfsize3")
    peaks = golden("mg__initial_class_kmean__three_species_plus_nonatoms")["in_model"].T - 1
    # The case stores its boxes in single precision; these are the ones in double.
    cubes = box_values(three[0], peaks, 3, sphere=False)
    assert np.array_equal(
        cubes.T.reshape(case["in_box_arr"].shape, order="F").astype(np.float32), case["in_box_arr"]
    )
    mean = case["in_mean_box"].ravel(order="F")
    key = f"SPHyn{int(sphere)}"
    constant = case["out_fit_constant"].item()
    atoms, distances, _ = atom_or_not(cubes, mean, sphere, constant, reference_quirks=True)
    expected = case[f"out_Rs_{key}"]
    # Double precision, relative to the largest.
    np.testing.assert_allclose(distances, expected, rtol=0, atol=1e-12 * expected.max())
    assert np.array_equal(atoms, case[f"out_atomtype_{key}"].ravel() == 1)
    for quirks in (True, False):
        fitted, _, background = atom_or_not(cubes, mean, True, reference_quirks=quirks)
        assert np.array_equal(fitted, case["out_atomtype_SPHyn1"].ravel() == 1)
        # The solver of the golden stopped at 0.238; the optimum has a fifth of its cost.
        assert background == pytest.approx(0.0744, abs=1e-4)
    whole, distances, _ = atom_or_not(cubes, mean, sphere=False)
    assert distances.shape == (2, len(cubes))
    assert np.array_equal(whole, case["out_atomtype_SPHyn1"].ravel() == 1)


@pytest.mark.parametrize("quirks", [True, False])
def test_species_and_non_atoms_golden(golden, three, quirks):
    case = golden("mg__initial_class_kmean__three_species_plus_nonatoms")
    positions = case["in_model"].T - 1
    cubes = box_values(three[0], positions, 3, sphere=False)
    types, is_atom = classes_and_non_atoms(cubes, 3, reference_quirks=quirks)
    assert np.array_equal(positions[is_atom], case["out_model"].T - 1)
    assert np.array_equal(types[is_atom], case["out_atomtype"].ravel())
    assert (types[~is_atom] == 0).all()
    assert (case["in_true_type"].ravel()[~is_atom] == 0).all()


@pytest.mark.parametrize(
    ("key", "steps", "bins", "sphere"),
    [("half1_bins70", 1, 70, True), ("half2_bins25", 2, 25, True), ("half1_SPHyn0", 1, 70, False)],
)
def test_histogram_golden(golden, three, key, steps, bins, sphere):
    case = golden("mg__plot_class_hist__half1_half2")
    expected = case[f"out_peak_info_{key}"]
    sums = voxel_boxes(*three[:2], steps, sphere, reference_quirks=True).sum(axis=1)
    found = class_histogram(sums, case["in_types"], 3, bins)
    np.testing.assert_allclose(found.centres, expected[0], rtol=0, atol=1e-12 * expected[0].max())
    assert np.array_equal(found.total, expected[1])
    assert np.array_equal(found.counts, expected[2:])
    assert np.array_equal(found.counts.sum(axis=0), found.total)


def test_species_are_found(sample):
    places, symbols, heights = sample
    volume = as_volume(blurred((53, 53, 53), places, heights))
    positions = volume.to_positions(places)
    for upsampling in ("linear", "spline"):
        found = classify(volume, positions, SPECIES, upsampling=upsampling, non_atoms="none")
        assert found.species == symbols.tolist()
        assert found.settled
        assert found.changes[-1] == 0
        assert found.is_atom.all()
        assert (found.confidence > 0.999).all()
        assert found.counts == {s: (symbols == s).sum() for s in SPECIES}
    model = found.model(positions, "named")
    assert model.name == "named"
    assert model.species == symbols.tolist()
    arrays = model.atoms.arrays
    np.testing.assert_array_equal(arrays["intensity"], found.intensities)
    np.testing.assert_array_equal(arrays["confidence"], found.confidence)
    np.testing.assert_array_equal(arrays["type"], [SPECIES.index(s) + 1 for s in symbols])


def test_permuted_and_rotated(sample):
    places, _, heights = sample
    volume = blurred((53, 53, 53), places, heights)
    first = classify(as_volume(volume), (places - 26) * 0.4, SPECIES, non_atoms="none")
    order = np.random.default_rng(0).permutation(len(places))
    second = classify(as_volume(volume), (places[order] - 26) * 0.4, SPECIES, non_atoms="none")
    assert np.array_equal(second.types, first.types[order])
    turned = as_volume(volume.transpose(1, 2, 0)[::-1])  # voxel 26 of 53 is the centre
    moved = ((places - 26) * 0.4)[:, [1, 2, 0]] * [-1, 1, 1]
    third = classify(turned, moved, SPECIES, non_atoms="none")
    assert np.array_equal(third.types, first.types)
    # Sums of single-precision voxels in another order.
    np.testing.assert_allclose(third.intensities, first.intensities, rtol=1e-12)


def test_local_rounds_mend_what_varies_over_the_sample(sample):
    """With intensities that fall by 45 % across the sample global classes must fail."""
    places, symbols, heights = sample
    fall = 1 - 0.45 * np.arange(53) / 52
    volume = as_volume(blurred((53, 53, 53), places, heights) * fall[:, None, None])
    positions = volume.to_positions(places)
    truth = np.array([SPECIES.index(s) + 1 for s in symbols])
    plain = classify(volume, positions, SPECIES, radius=0, non_atoms="none")
    local = classify(volume, positions, SPECIES, radius=6.0, non_atoms="none")
    assert plain.changes == ()
    assert np.array_equal(plain.types, local.global_types)
    wrong = (plain.types != truth).mean(), (local.types != truth).mean()
    assert wrong[0] > 0.15
    assert wrong[1] < 0.3 * wrong[0]
    assert local.changes[0] > 0


def test_unassigned_and_retyped(sample):
    places = sample[0]
    rng = np.random.default_rng(1)
    heights = rng.choice([1.0, 1.3, 2.4], len(places)) * rng.normal(1, 0.08, len(places))
    volume = as_volume(blurred((53, 53, 53), places, heights))
    positions = volume.to_positions(places)
    every = classify(volume, positions, SPECIES, radius=0, non_atoms="none")
    found = classify(volume, positions, SPECIES, radius=0, unassigned=0.9, non_atoms="none")
    doubtful = every.confidence < 0.9
    assert 5 < doubtful.sum() < 100
    # Most of them lie between the two classes that overlap.
    gap = np.abs(every.intensities - every.centres[:2].mean()) / np.ptp(every.centres[:2])
    assert np.median(gap[doubtful]) < 0.25 < np.median(gap[~doubtful])
    assert np.array_equal(found.types == NOT_ASSIGNED, doubtful)
    assert np.array_equal(found.types[~doubtful], every.types[~doubtful])
    assert np.array_equal(found.confidence[~doubtful], every.confidence[~doubtful])
    assert found.counts["X"] == doubtful.sum()
    first, sure = np.flatnonzero(doubtful)[0], np.flatnonzero(~doubtful)[0]
    assert found.species[first] == "X"
    assert found.model(positions).species[first] == "X"
    by_hand = found.retyped({first: "Pt", sure: "Co"})
    assert (by_hand.species[first], by_hand.species[sure]) == ("Pt", "Co")
    assert by_hand.confidence[first] == found.posteriors[first, 2] < 0.5
    assert by_hand.counts["X"] == doubtful.sum() - 1
    others = np.ones(len(places), bool)
    others[[first, sure]] = False
    assert np.array_equal(found.types[others], by_hand.types[others])
    with pytest.raises(InputError, match="retype: species: found Fe for atom 1"):
        found.retyped({1: "Fe"})
    with pytest.raises(InputError, match="retype: atom: found 9999"):
        found.retyped({9999: "Co"})


def test_equals_the_steps_on_the_whole_upsampled_volume(sample):
    """The published order: upsample, sum over unit steps, k-means, local rounds in fine voxels."""
    places, _, heights = sample
    volume = as_volume(blurred((53, 53, 53), places, heights * (1.3 - 0.012 * places[:, 0])))
    found = classify(
        volume,
        volume.to_positions(places),
        SPECIES,
        upsampling="spline",
        radius=7.0,
        non_atoms="none",
    )
    fine, fine_places = fine_grid(volume.array, "spline").full(), 3 * places - 2
    values = box_values(fine, fine_places, 3)
    first = kmeans(values.sum(axis=1), 3).labels + 1
    local = reclassify_locally(fine_places, values, first, 7.0 / 0.4 * 3, reference_quirks=True)
    np.testing.assert_allclose(found.intensities, values.sum(axis=1), rtol=1e-12)
    assert np.array_equal(found.global_types, first)
    assert np.array_equal(found.types, local.types)
    assert found.changes == tuple(local.changes)
    assert found.changes[0] > 0


def test_darkest_class_is_split_in_two():
    sums = np.array([1.0, 1.1, 0.9, 3.0, 3.1, 9.0, 9.2, 20.0, 21.0])
    # Three classes: to 3.1, to 9.2, above; the first is split at 2.
    expected = sums > 2
    assert np.array_equal(lightest_split(sums, 3), expected)
    assert np.array_equal(lightest_split(sums[::-1], 3), expected[::-1])
    with pytest.raises(InputError, match="2 clusters of 1 distinct"):
        lightest_split([1, 1, 5, 9], 3)


@pytest.mark.parametrize("how", ["kmeans", "split", "gaussians"])
def test_peaks_that_are_no_atoms(sample, how):
    places, symbols, heights = sample
    rng = np.random.default_rng(8)
    n = 500 if how == "gaussians" else 60
    weak = places[rng.choice(len(places), n, replace=n > len(places))] + 3.0
    weak = weak[(weak < 49).all(axis=1)]
    one = ("Ta",) if how == "gaussians" else SPECIES
    if how == "gaussians":
        heights = 2.0 * rng.normal(1, 0.05, len(places))
    volume = blurred((53, 53, 53), places, heights, sigma=1.2)
    volume += 0.02 * rng.random(volume.shape)
    every = np.concatenate([places, weak])
    read = as_volume(volume)
    found = classify(read, read.to_positions(every), one, non_atoms=how)
    assert found.is_atom[: len(places)].all()
    assert not found.is_atom[len(places) :].any()
    assert (found.types[len(places) :] == NOT_AN_ATOM).all()
    assert (found.posteriors[len(places) :] == 0).all()
    kept = found.model(read.to_positions(every))
    assert len(kept) == len(places)
    assert kept.species == (["Ta"] * len(places) if how == "gaussians" else symbols.tolist())


def test_one_species(sample):
    places, _, heights = sample
    volume = as_volume(blurred((53, 53, 53), places, heights))
    found = classify(volume, volume.to_positions(places), ["Ta"], non_atoms="none")
    assert set(found.species) == {"Ta"}
    assert (found.confidence == 1).all()
    assert found.changes == ()


@settings(max_examples=40)
@given(
    x=st.lists(st.floats(-100, 100), min_size=6, max_size=30),
    seed=st.integers(0, 5),
)
def test_posteriors_are_those_of_the_gaussians(x, seed):
    x = np.array(x)
    types = np.random.default_rng(seed).permutation(np.arange(len(x)) % 3 + 1)
    found, means, widths = class_posteriors(x, types, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
    assert ((found >= 0) & (found <= 1)).all()
    within = np.sqrt(np.mean((x - means[types - 1]) ** 2))
    if widths.min() > 1e-6 * max(within, 1e-3):
        weights = np.bincount(types, minlength=4)[1:] / len(x)
        density = weights * normal.pdf(x[:, None], means, widths)
        sound = density.sum(axis=1) > 1e-200
        expected = density[sound] / density[sound].sum(axis=1, keepdims=True)
        np.testing.assert_allclose(found[sound], expected, rtol=1e-6, atol=1e-12)


def test_class_without_spread():
    found, _, widths = class_posteriors([1, 1.2, 5], [1, 1, 2], 2)
    assert widths[1] == 0
    assert (found.argmax(axis=1) == [0, 0, 1]).all()
    found, _, _ = class_posteriors([1, 1, 5], [1, 1, 2], 2)
    assert found.tolist() == [[1, 0], [1, 0], [0, 1]]


def test_bad_input(sample):
    places, _, heights = sample
    volume = as_volume(blurred((53, 53, 53), places, heights))
    positions = volume.to_positions(places)
    away = positions.copy()
    away[[4, 9]] = [20.0, 0, 0], [0, 0, -10.41]
    with pytest.raises(InputError, match=r"volume: found 2 of 512 atoms outside: 4, 9;"):
        classify(volume, away, SPECIES, non_atoms="none")
    with pytest.raises(
        InputError, match=r"species Co, Pd, Pt: found 2 distinct intensities of 3 atoms"
    ):
        classify(volume, positions[[0, 1, 1]], SPECIES, non_atoms="none")
    with pytest.raises(InputError, match="at least 4, one for each species and one for non-atoms"):
        classify(volume, positions[:3], SPECIES, non_atoms="kmeans")
    with pytest.raises(InputError, match="species: found 'Qq'"):
        classify(volume, positions, ["Co", "Qq"], non_atoms="none")
    with pytest.raises(InputError, match="species: found 'X'"):
        classify(volume, positions, ["X"], non_atoms="none")
    with pytest.raises(InputError, match="species: found none"):
        classify(volume, positions, [], non_atoms="none")
    with pytest.raises(InputError, match="each symbol only once"):
        classify(volume, positions, ["Co", "Co"], non_atoms="none")
    with pytest.raises(InputError, match="unassigned: found 2"):
        classify(volume, positions, SPECIES, unassigned=2, non_atoms="none")
    with pytest.raises(InputError, match="radius: found -1"):
        classify(volume, positions, SPECIES, radius=-1, non_atoms="none")
    with pytest.raises(InputError, match="non_atoms: found 'dark'"):
        classify(volume, positions, SPECIES, non_atoms="dark")
    with pytest.raises(InputError, match="upsampling: found 'cubic'"):
        classify(volume, positions, SPECIES, upsampling="cubic", non_atoms="none")
    with pytest.raises(InputError, match="positions: found 2; expected the 512"):
        classify(volume, positions, SPECIES, non_atoms="none").model(positions[:2])
    values = np.ones((3, 2))
    with pytest.raises(InputError, match="radius: found nan"):
        reclassify_locally(positions[:3], values, [1, 1, 2], np.nan)
    with pytest.raises(InputError, match="norm: found 3"):
        reclassify_locally(positions[:3], values, [1, 1, 2], 1, 3)
    with pytest.raises(InputError, match="3 types from 0"):
        reclassify_locally(positions[:3], values, [0, 1, 2], 1)
    with pytest.raises(InputError, match="cubes: found shapes"):
        atom_or_not(np.ones((2, 26)), np.ones(26))
    with pytest.raises(InputError, match="types: found 2 for 3"):
        class_histogram([1, 2, 3], [1, 2], 2)


def test_species_that_ends_without_atoms():
    """One atom a little apart from its many neighbours, which the local rounds take back."""
    places = np.stack(np.meshgrid(*[[5, 11, 17]] * 3, indexing="ij"), -1).reshape(-1, 3)
    heights = np.where(np.arange(27) == 13, 1.2, 1.0)
    volume = as_volume(blurred((23, 23, 23), places, heights))
    positions = volume.to_positions(places)
    assert classify(volume, positions, ["Co", "Pt"], radius=0, non_atoms="none").counts == {
        "Co": 26,
        "Pt": 1,
    }
    with pytest.raises(InputError, match=r"species Pt: found no atoms left after 2 local rounds"):
        classify(volume, positions, ["Co", "Pt"], non_atoms="none")
