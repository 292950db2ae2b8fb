"""Smoothing, smallest distance from the species, and maxima left out, in the search for peaks."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from aet_port.core.data import Volume
from aet_port.core.errors import InputError
from aet_port.tracing.peak_search import distance_between, trace
from aet_port.tracing.peaks import Peaks

SIZE = 0.4  # angstrom
WIDTH = 0.5  # angstrom, standard deviation of an atom


def volume_of(positions: NDArray, heights: NDArray, shape: tuple[int, int, int]) -> Volume:
    """Gaussian atoms at positions in angstrom from the centre of the volume."""
    x, y, z = (SIZE * (g - n // 2) for g, n in zip(np.indices(shape), shape, strict=True))
    array = np.zeros(shape)
    for (a, b, c), height in zip(positions, heights, strict=True):
        array += height * np.exp(-((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / (2 * WIDTH**2))
    return Volume(array, SIZE, name="vol.mrc")


def pair(distance: float) -> Volume:
    places = np.array([[-distance / 2, 0.1, 0], [distance / 2, 0.1, 0]])
    return volume_of(places, np.array([1.0, 0.8]), (24, 20, 20))


@pytest.mark.parametrize("species", ["Si", ["Si"], ["Si", "Ge"], ["Si", "Au"]])
def test_neighbours_in_silicon_are_both_found(species):
    volume = pair(1.9)  # as near as any two atoms of amorphous silicon
    found = volume.to_positions(trace(volume, threshold=0.1, species=species).accepted)
    assert len(found) == 2
    # Their tails overlap, and the fit takes a ball of voxels: 0.1 angstrom.
    np.testing.assert_allclose(found, [[-0.95, 0.1, 0], [0.95, 0.1, 0]], atol=0.1)


@pytest.mark.parametrize(
    "given",
    [
        {},  # nothing known of the species: as published
        {"species": "Ta"},
        {"species": ["Co", "Pd", "Pt"]},
        {"species": "Si", "minimum_distance": 2.0},
    ],
)
def test_as_published_the_fainter_one_is_lost(given):
    volume = pair(1.9)
    assert len(trace(volume, threshold=0.1, **given).accepted) == 1
    # What was given wins, also zero.
    for distance in (0.0, 1.6):
        others = given | {"minimum_distance": distance}
        assert len(trace(volume, threshold=0.1, **others).accepted) == 2


def test_one_blob_in_two_maxima_stays_one_atom():
    volume = pair(1.5)
    assert len(trace(volume, threshold=0.1, minimum_distance=0).accepted) == 2
    assert len(trace(volume, threshold=0.1, species="Si").accepted) == 1


def test_distances():
    metals = ["Al", "Ti", "Fe", "Co", "Ni", "Cu", "Zr", "Ru", "Rh", "Pd", "Ag", "Ta", "Ir", "Pt"]
    assert {distance_between(one) for one in metals} == {2.0}
    assert distance_between(()) == distance_between(metals) == 2.0
    shortest_bonds = {"Si": 2.35, "Ge": 2.45, "C": 1.34, "Se": 2.32, "P": 2.2}
    for symbol, bond in shortest_bonds.items():
        found = distance_between(symbol)
        assert found == min(2.0, 1.5 * covalent_radii[atomic_numbers[symbol]])
        assert 0.65 * bond < found < 0.87 * bond
    assert distance_between("Si") == pytest.approx(1.665)
    assert distance_between(["Al", "Si", "C", "Pt"]) == distance_between("C")
    for wrong in ("Xx", "X", ["Si", "si"]):
        with pytest.raises(InputError, match=r"species: found '.*'; expected chemical symbols"):
            distance_between(wrong)


@pytest.fixture(scope="module")
def noisy() -> tuple[Volume, NDArray]:
    """Atoms 3 angstrom apart in the noise of voxels, and their positions."""
    rng = np.random.default_rng(4)
    places = 3.0 * (np.argwhere(np.ones((4, 4, 4))) - 1.5) + rng.uniform(-0.2, 0.2, (64, 3))
    volume = volume_of(places, rng.uniform(0.7, 1.0, 64), (44, 44, 44))
    return replace(volume, array=volume.array + rng.normal(0, 0.2, volume.shape)), places


@pytest.mark.parametrize("upsampling", ["linear", "spline"])
def test_smoothing_removes_maxima_of_noise(noisy, upsampling):
    volume, places = noisy

    def spurious_and_errors(smoothing: float) -> tuple[int, NDArray]:
        peaks = trace(volume, threshold=0.12, upsampling=upsampling, smoothing=smoothing)
        found = volume.to_positions(peaks.accepted)
        far = cKDTree(places).query(found)[0] > 1
        return int(far.sum()), cKDTree(found).query(places)[0]

    spurious, errors = spurious_and_errors(0.0)
    fewer, smaller = spurious_and_errors(0.5)
    assert spurious > 300
    assert fewer < 3
    # Smoothed, an atom has a third of its height, which is 14 times the noise: 0.1 angstrom.
    assert (smaller < 0.4).all()
    assert np.sqrt(np.mean(smaller**2)) < min(0.15, np.sqrt(np.mean(errors**2)))


@pytest.mark.parametrize("upsampling", ["linear", "spline"])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_smoothing_is_a_gaussian_in_angstrom(noisy, upsampling, kind):
    volume = Volume(noisy[0].array.astype(kind), SIZE)
    before = volume.array.copy()
    found = trace(volume, threshold=0.1, upsampling=upsampling, smoothing=0.6)
    assert np.array_equal(volume.array, before)  # the caller's array is not written to
    smooth = gaussian_filter(before.astype(np.float64), 0.6 / SIZE, mode="constant")
    wanted = trace(Volume(smooth, SIZE), threshold=0.1, upsampling=upsampling)
    assert len(found) == len(wanted) > 60
    # Single precision rounds the smoothed volume, 1e-7 of its height.
    np.testing.assert_allclose(found.heights, wanted.heights, rtol=1e-6)
    np.testing.assert_allclose(found.positions, wanted.positions, atol=1e-4)


def test_no_smoothing_is_the_default(noisy):
    volume, _ = noisy
    one, two = trace(volume, threshold=0.6), trace(volume, threshold=0.6, smoothing=0.0)
    assert np.array_equal(one.shifts, two.shifts)
    with pytest.raises(InputError, match=r"smoothing: found -0\.1; expected .* between 0 and"):
        trace(volume, smoothing=-0.1)


def test_maxima_left_out_are_said(tmp_path):
    places = 4.0 * (np.argwhere(np.ones((2, 2, 2))) - 0.5)
    volume = volume_of(places, np.linspace(1, 0.3, 8), (24, 24, 24))
    text = r"^vol\.mrc: 8 local maxima, of which only the brightest 5 were fitted, .*: raise max_p"
    with pytest.warns(UserWarning, match=text) as caught:
        some = trace(volume, threshold=0.1, max_peaks=5)
    assert f"down to a height of {some.heights[4]:.4g};" in str(caught[0].message)
    assert (len(some), some.n_maxima) == (5, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        every = trace(volume, threshold=0.1, max_peaks=8)
    assert (len(every), every.n_maxima, every.warning("vol.mrc")) == (8, 8, None)
    assert np.array_equal(every.maxima[:5], some.maxima)
    # Whoever reads the file is told as well.
    again = Peaks.load(some.save(tmp_path / "peaks.npz"))
    assert again.warning("vol.mrc") == str(caught[0].message)
    old = Peaks.load(replace(some, n_maxima=None).save(tmp_path / "old.npz"))
    assert (old.n_maxima, old.warning("vol.mrc")) == (None, None)
