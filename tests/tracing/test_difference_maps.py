import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import Volume
from aet_port.core.errors import InputError
from aet_port.tracing import difference_maps as module
from aet_port.tracing.difference_maps import difference_map
from aet_port.tracing.map_peaks import apart

SIZE, WIDTH = 0.5, 0.7  # angstrom
HEIGHTS = {"Co": 2.0, "Pt": 5.0}
ORIGIN = np.array([3.0, -7.0, 1.0])


def gaussians(positions, heights, shape=(40, 36, 44)):
    """Volume of Gaussians, every voxel evaluated."""
    volume = np.zeros(shape)
    for position, height in zip(positions, heights, strict=True):
        x, y, z = (
            np.exp(-((np.arange(n) * SIZE + o - p) ** 2) / (2 * WIDTH**2))
            for n, o, p in zip(shape, ORIGIN, position, strict=True)
        )
        volume += height * x[:, None, None] * y[:, None] * z
    return volume


@pytest.fixture(scope="module")
def truth():
    """Positions, symbols and volume of a shaken lattice."""
    rng = np.random.default_rng(2)
    places = np.stack(np.meshgrid(*[np.arange(3, 17, 3.4)] * 3, indexing="ij"), -1).reshape(-1, 3)
    places = places + rng.uniform(-0.3, 0.3, places.shape) + ORIGIN
    symbols = rng.choice(["Co", "Pt"], len(places))
    volume = gaussians(places, [HEIGHTS[s] for s in symbols])
    return places, symbols, volume


def as_volume(array):
    return Volume(array, SIZE, ORIGIN)


def test_right_model_leaves_nothing(truth):
    places, symbols, volume = truth
    found = difference_map(as_volume(volume), AtomicModel.from_positions(places, list(symbols)))
    assert found.width == pytest.approx(WIDTH, abs=2e-3)
    for symbol, height in HEIGHTS.items():
        assert found.heights[symbol] == pytest.approx(height, rel=0.01)
    assert np.abs(found.difference.array).max() < 0.02 * HEIGHTS["Pt"]
    assert len(found.missing) == len(found.extra) == 0
    assert np.abs(found.atom_scores).max() < 0.02
    assert np.array_equal(found.difference.origin, ORIGIN)


def test_missing_and_extra_atoms(truth):
    places, symbols, volume = truth
    rng = np.random.default_rng(3)
    noisy = volume + rng.normal(0, 0.05, volume.shape)
    lost = (
        np.flatnonzero(symbols == "Pt")[:2].tolist() + np.flatnonzero(symbols == "Co")[:1].tolist()
    )
    kept = np.setdiff1d(np.arange(len(places)), lost)
    invented = np.array([[4.7, 4.7, 4.7], [11.5, 8.1, 11.4]]) + ORIGIN
    model = AtomicModel.from_positions(
        np.concatenate([places[kept], invented]), [*symbols[kept], "Co", "Pt"]
    )
    found = difference_map(as_volume(noisy), model, width=WIDTH)
    gaps = np.linalg.norm(found.missing[:, None] - places[lost], axis=2)
    assert sorted(gaps.argmin(axis=1)) == [0, 1, 2]
    assert gaps.min(axis=1).max() < 0.1
    # In units of the height of cobalt, best first.
    expected = [HEIGHTS["Pt"] / HEIGHTS["Co"]] * 2 + [1]
    np.testing.assert_allclose(found.missing_scores, expected, rtol=0.1)
    assert (np.diff(found.missing_scores) <= 0).all()
    assert sorted(found.extra) == [len(kept), len(kept) + 1]
    np.testing.assert_allclose(found.extra_scores, 1, atol=0.1)
    assert np.array_equal(found.atom_scores[found.extra], found.extra_scores)
    others = np.delete(found.atom_scores, found.extra)
    assert np.abs(others).max() < 0.2
    # A higher bar leaves fewer.
    assert len(difference_map(as_volume(noisy), model, width=WIDTH, threshold=2).missing) == 2


def test_moved_atom_is_no_candidate(truth):
    """What is left beside an atom slightly out of place lies within the least distance."""
    places, symbols, volume = truth
    moved = places.copy()
    moved[7] += [0.5, 0, 0]
    model = AtomicModel.from_positions(moved, list(symbols))
    assert len(difference_map(as_volume(volume), model, width=WIDTH, threshold=0.2).missing) == 0
    near = difference_map(
        as_volume(volume), model, width=WIDTH, threshold=0.2, minimum_distance=0.1
    )
    assert len(near.missing) == 1


def test_candidates_keep_apart():
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 6, (200, 3))
    chosen = apart(places, 1.5)
    kept = places[chosen]
    gaps = np.linalg.norm(kept[:, None] - kept, axis=2) + 9 * np.eye(len(kept))
    assert gaps.min() > 1.5
    assert (np.diff(chosen) > 0).all()
    assert chosen[0] == 0
    for number in np.setdiff1d(np.arange(200), chosen):  # each one left out is near an earlier one
        earlier = chosen[chosen < number]
        assert np.linalg.norm(places[earlier] - places[number], axis=1).min() <= 1.5


def test_rotation_of_the_sample(truth):
    places, symbols, volume = truth
    model = AtomicModel.from_positions(places[3:], list(symbols[3:]))
    first = difference_map(as_volume(volume), model, width=WIDTH)
    turned = AtomicModel.from_positions(places[3:][:, [2, 0, 1]], list(symbols[3:]))
    second = difference_map(
        Volume(volume.transpose(2, 0, 1), SIZE, ORIGIN[[2, 0, 1]]), turned, width=WIDTH
    )
    assert len(first.missing) == 3
    order = [
        int(np.linalg.norm(second.missing - row, axis=1).argmin())
        for row in first.missing[:, [2, 0, 1]]
    ]
    np.testing.assert_allclose(second.missing[order], first.missing[:, [2, 0, 1]], atol=1e-8)
    np.testing.assert_allclose(second.missing_scores[order], first.missing_scores, rtol=1e-9)


def test_kernels_in_plain_python(truth, monkeypatch):
    places, _, volume = truth
    voxels = (places[:3] - ORIGIN) / SIZE
    expected = module.amplitudes(volume, voxels, 1.4)
    layer = np.zeros((9, 8, 7))
    module.add_gaussians(layer, voxels[:1] % 7, 1.1, 6)
    for name in ("_profile", "add_gaussians", "_matched"):
        monkeypatch.setattr(module, name, getattr(module, name).py_func)
    np.testing.assert_allclose(module.amplitudes(volume, voxels, 1.4), expected, rtol=1e-13)
    plain = np.zeros((9, 8, 7))
    module.add_gaussians(plain, voxels[:1] % 7, 1.1, 6)
    np.testing.assert_allclose(plain, layer, rtol=1e-13)


def test_bad_input(truth):
    places, symbols, volume = truth
    model = AtomicModel.from_positions(places, list(symbols), "found")
    away = model.atoms.copy()
    away.positions[[2, 5]] = 100
    with pytest.raises(InputError, match=r"2 of 125 atoms outside: 2, 5; .* \(found\)"):
        difference_map(as_volume(volume), AtomicModel(away, "found"))
    with pytest.raises(InputError, match="threshold: found 0"):
        difference_map(as_volume(volume), model, threshold=0)
    with pytest.raises(InputError, match="minimum_distance: found -1"):
        difference_map(as_volume(volume), model, minimum_distance=-1)
    with pytest.raises(InputError, match="width: found nan"):
        difference_map(as_volume(volume), model, width=np.nan)
    dark = gaussians(places, np.where(symbols == "Co", 0.0, 5.0)) - 0.01
    with pytest.raises(InputError, match="species Co: found a height of -"):
        difference_map(as_volume(dark), model, width=WIDTH)
