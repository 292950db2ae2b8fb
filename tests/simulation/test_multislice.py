"""Multislice images: where they lie, how strong they are, and that they can be taken up again."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import CheckpointError, InputError, MissingDependencyError
from aet_port.core.geometry import euler_rotations
from aet_port.core.scattering import electron_wavelength, scattering_factor
from aet_port.simulation import amorphous_particle, project_atoms
from aet_port.simulation.acquisition import blur_source
from aet_port.simulation.multislice import multislice_images
from aet_port.simulation.settings import Microscope, Numerics

pytestmark = pytest.mark.skipif(find_spec("abtem") is None, reason="abTEM is not installed")

multislice = import_module("aet_port.simulation.multislice")
# Small angles and window: coarse grids and few plane waves, a fraction of a second per image.
OPTICS = Microscope(semiangle=15.0, inner=20.0, outer=45.0)
GRID = Numerics(slice_thickness=4.0, window=8.0, phonons=0)
FAR = np.array([40.0, 0.0, 0.0])
PIXEL, SHAPE = 0.6, (26, 23)
TILTS = np.array([[0.0, -50.0, 0.0], [20.0, 35.0, -15.0], [75.0, 5.0, 40.0]])


@pytest.fixture(scope="module")
def particle() -> AtomicModel:
    return amorphous_particle(30, "Ta", seed=3)


def images_of(model: AtomicModel, tilts: NDArray, **options: object) -> NDArray:
    return multislice_images(model, tilts, PIXEL, SHAPE, OPTICS, GRID, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def images(particle: AtomicModel) -> NDArray:
    return images_of(particle, TILTS)


def likeness(first: NDArray, second: NDArray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def test_images_lie_as_linear_ones(particle: AtomicModel, images: NDArray) -> None:
    linear = project_atoms(particle, TILTS, PIXEL, SHAPE)
    blurred = blur_source(images, PIXEL, 1.0)
    alike = np.array([[likeness(a, b) for b in linear] for a in blurred])
    assert np.array_equal(alike.argmax(axis=1), np.arange(len(TILTS)))
    for image, wanted in zip(blurred, linear, strict=True):
        same = likeness(image, wanted)
        assert same > 0.93  # channelling and the shape of the probe make the difference
        square = image[:23], wanted[:23]
        for other in (image[::-1], image[:, ::-1], image[::-1, ::-1]):
            assert likeness(other, wanted) < same - 0.1
        assert likeness(square[0].T, square[1]) < same - 0.1


def test_an_atom_stands_on_its_pixel() -> None:
    """The centre of mass of one atom's image is (R r)[:2] / pixel + n // 2."""
    places = np.array([[2.0, -1.3, 4.0]])
    tilt, pixel, shape = TILTS[1:2], 0.3, (41, 40)
    atom = AtomicModel.from_positions(places, "Ta")
    image = multislice_images(atom, tilt, pixel, shape, OPTICS, GRID)[0]
    x, y = np.indices(shape)
    found = [float((axis * image).sum() / image.sum()) for axis in (x, y)]
    expected = (euler_rotations(tilt)[0] @ places[0])[:2] / pixel + np.array(shape) // 2
    # Pixels beyond 4 angstrom are taken for dark, which cuts the tails unevenly by a pixel.
    assert found == pytest.approx(expected, abs=0.03)


def cone_cross_section(symbol: str) -> float:
    """Kinematic cross section for a cone of incident waves, which the sum over a scan amounts to.

    Every wave of the cone scatters by itself: the mean over their angles of the part of
    ``f(k - k0)^2`` that the detector sees, on a grid of 1 mrad.
    """
    wavelength = electron_wavelength(OPTICS.energy)
    mrad = np.arange(-60, 61)
    x, y = np.meshgrid(mrad, mrad, indexing="ij")
    size = np.hypot(x, y)
    seen = np.argwhere((size >= OPTICS.inner) & (size < OPTICS.outer))
    sent = np.argwhere(size <= OPTICS.semiangle)[::7]
    angles = np.linalg.norm(seen[:, None] - sent, axis=2)
    squares = scattering_factor(angles * 1e-3 / wavelength, symbol) ** 2
    gamma = 1 + OPTICS.energy / 510.99895
    return float(gamma**2 * squares.sum(axis=0).mean() * 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("parametrization", ["lobato", "kirkland"])
def test_light_atoms_scatter_their_cross_section(parametrization: str) -> None:
    """Fraction of electrons: the sum over the scan times a pixel's area is the cross section."""
    grid = GRID.changed(parametrization=parametrization, window=16.0)
    # Apart, and at different places between the points of the grid.
    places = [[-6.0, 0.03, 0.0], [6.0, -6.05, 0.0], [6.07, 6.0, 0.0]]
    model = AtomicModel.from_positions(places, "Al")
    image = multislice_images(model, [[0, 0, 0]], 0.5, (45, 45), OPTICS, grid)[0]
    quarters = [image[:24].sum(), image[24:, :22].sum(), image[24:, 22:].sum()]
    # Measured 0.948 to 0.950; 3 % are lost beyond the 4 angstrom that are scanned.
    assert np.array(quarters) * 0.5**2 == pytest.approx(cone_cross_section("Al"), rel=0.07)
    assert np.ptp(quarters) < 0.01 * np.mean(quarters)
    assert image.min() >= 0


def test_prism_and_every_probe_alone_agree() -> None:
    pair = AtomicModel.from_positions([[0.0, 0.6, 3.0], [0.4, -1.2, -3.0]], "Ta")
    made = [
        multislice_images(pair, [[0, 0, 0]], 0.8, (12, 12), OPTICS, GRID.changed(window=window))
        for window in (8.0, 0.0)
    ]
    assert likeness(*made) > 0.999
    # A window of 8 angstrom resolves 3 mrad; the edges of the detector are as coarse.
    assert made[0].sum() == pytest.approx(made[1].sum(), rel=0.1)


def test_defocus_is_counted_along_the_beam() -> None:
    pair = AtomicModel.from_positions([[-2.5, 0, 20.0], [2.5, 0, -20.0]], "Ta")
    peaks = []
    for defocus in (20.0, -20.0):
        optics = OPTICS.changed(semiangle=25.0, inner=30.0, defocus=defocus)
        image = multislice_images(pair, [[0, 0, 0]], 0.4, (22, 9), optics, GRID)[0]
        peaks.append((image[:11].max(), image[11:].max()))
    assert peaks[0][0] > 1.2 * peaks[0][1]
    assert peaks[1][1] > 1.2 * peaks[1][0]


@pytest.mark.slow
def test_two_processes_and_a_stop_change_nothing(
    particle: AtomicModel, images: NDArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    scan = multislice._scan

    def stopped(abtem: object, tilt: multislice._Tilt, positions: NDArray) -> NDArray:
        if len(made) == 1:
            raise KeyboardInterrupt
        made.append(tilt.number)
        return scan(abtem, tilt, positions)

    monkeypatch.setattr(multislice, "_scan", stopped)
    with pytest.raises(KeyboardInterrupt):
        images_of(particle, TILTS, checkpoint=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tilt_0000.npz"]
    monkeypatch.setattr(multislice, "_scan", scan)
    first = (tmp_path / "tilt_0000.npz").stat().st_mtime_ns
    assert np.array_equal(images_of(particle, TILTS, checkpoint=tmp_path, workers=2), images)
    assert len(list(tmp_path.iterdir())) == len(TILTS)
    assert (tmp_path / "tilt_0000.npz").stat().st_mtime_ns == first
    # The tilts of another model are refused, and so is half a file.
    moved = AtomicModel.from_positions(particle.positions + 0.1, "Ta")
    with pytest.raises(CheckpointError, match=r"tilt_0000\.npz: found an image of another model"):
        images_of(moved, TILTS, checkpoint=tmp_path)
    (tmp_path / "tilt_0001.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(CheckpointError, match=r"tilt_0001\.npz: found no readable image"):
        images_of(particle, TILTS, checkpoint=tmp_path)


def test_phonons_are_drawn_from_the_seed(particle: AtomicModel, images: NDArray) -> None:
    grid = GRID.changed(phonons=1)
    made = [
        multislice_images(particle, TILTS[:1], PIXEL, SHAPE, OPTICS, grid, seed=seed)[0]
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])
    # Atoms a few hundredths of an angstrom from their sites leave a like image.
    assert 0.9 < likeness(made[0], images[0]) < 1
    still = grid.changed(displacement=0.0)
    same = multislice_images(particle, TILTS[:1], PIXEL, SHAPE, OPTICS, still)[0]
    assert np.array_equal(same, images[0])


def test_atoms_off_the_image_change_nothing(particle: AtomicModel) -> None:
    far = np.concatenate([particle.positions, particle.positions + FAR])
    wide = AtomicModel.from_positions(far, "Ta")
    assert np.array_equal(*(images_of(model, np.zeros((1, 3))) for model in (wide, particle)))
    outside = AtomicModel.from_positions(particle.positions + FAR, "Ta")
    with pytest.raises(InputError, match="image 0: found no atom on the image"):
        images_of(outside, np.zeros((1, 3)))


def test_without_abtem_the_error_says_what_to_install(
    particle: AtomicModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "abtem", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'aet-port\[multislice\]'"):
        images_of(particle, TILTS)


def test_importing_the_module_leaves_abtem_alone() -> None:
    code = "import sys, aet_port.simulation.multislice; sys.exit('abtem' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (Microscope, {"energy": 0}, "energy: found 0"),
        (Microscope, {"inner": 20.0}, "detector: found 20.0 to 100.0 mrad"),
        (Microscope, {"outer": 30.0}, "detector: found 38.0 to 30.0 mrad"),
        (Microscope, {"defocus": np.nan}, "defocus: found nan"),
        (Numerics, {"window": 5.0}, "window: found 5.0"),
        (Numerics, {"slice_thickness": -1.0}, "slice_thickness: found -1.0"),
        (Numerics, {"sampling": 0.0}, "sampling: found 0.0"),
        (Numerics, {"parametrization": "doyle"}, "'lobato' or 'kirkland'"),
        (Numerics, {"phonons": -1}, "phonons: found -1"),
        (Numerics, {"displacement": np.inf}, "displacement: found inf"),
    ],
)
def test_bad_settings(kind: type, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        kind(**options)


def test_bad_calls(particle: AtomicModel) -> None:
    with pytest.raises(
        InputError, match=r"sampling: found 0\.2 angstrom; expected at most 0\.1742"
    ):
        multislice_images(particle, TILTS, PIXEL, SHAPE, OPTICS, Numerics(sampling=0.2))
    with pytest.raises(InputError, match="seed: found -1"):
        images_of(particle, TILTS, seed=-1)
    with pytest.raises(InputError, match="pixel_size: found 0"):
        multislice_images(particle, TILTS, 0, SHAPE)
    with pytest.raises(InputError, match="shape: found"):
        multislice_images(particle, TILTS, PIXEL, (0, 4))
    with pytest.raises(InputError, match="workers: found 0"):
        images_of(particle, TILTS, workers=0)
    unknown = AtomicModel.from_positions([[0.0, 0, 0]], "X")
    with pytest.raises(InputError, match="element: found"):
        images_of(unknown, TILTS)
