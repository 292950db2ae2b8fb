"""ADF-STEM tilt series of a model by multislice, with abTEM (extra ``multislice``, GPL-3)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.checkpoint import check_content, save_npz
from aet_port.core.errors import CheckpointError, InputError, MissingDependencyError
from aet_port.core.geometry import centre, euler_rotations
from aet_port.core.memory import check_memory
from aet_port.core.parallel import map_processes, map_tasks
from aet_port.core.progress import progress_bar
from aet_port.core.records import parsing, read_npz
from aet_port.core.scattering import electron_wavelength, scattering_parameters
from aet_port.simulation.settings import REACH, Microscope, Numerics
from aet_port.simulation.slices import odd_points, sliced_potential

BATCH = 24  # plane waves propagated at a time; more only need more memory
ANGSTROM_PER_MM = 1e7
COARSER = (
    "a smaller --window, thicker slices (--slice-thickness), a coarser grid or a smaller model"
)
DEPTH_MARGIN = 1.0  # angstrom of vacuum above the first and below the last atom


@dataclass(frozen=True)
class _Tilt:
    """One image with all that a remote worker needs."""

    number: int
    positions: NDArray[np.float64]  # angstrom, in the frame of the detector
    symbols: tuple[str, ...]
    pixel_size: float
    shape: tuple[int, int]
    microscope: Microscope
    numerics: Numerics
    seed: int
    folder: Path | None

    @property
    def path(self) -> Path | None:
        return None if self.folder is None else self.folder / f"tilt_{self.number:04d}.npz"

    def key(self) -> str:
        """Hash of everything that the image depends on."""
        facts = [
            self.number,
            self.symbols,
            self.pixel_size,
            self.shape,
            self.microscope.plain(),
            self.numerics.plain(),
            self.seed if self.numerics.phonons else None,
        ]
        digest = hashlib.sha256(json.dumps(facts).encode())
        digest.update(np.ascontiguousarray(self.positions).tobytes())
        return digest.hexdigest()


def multislice_images(
    model: AtomicModel,
    angles: ArrayLike,
    pixel_size: float,
    shape: tuple[int, int],
    microscope: Microscope | None = None,
    numerics: Numerics | None = None,
    *,
    seed: int = 0,
    workers: int = 1,
    scheduler: str | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> NDArray[np.float64]:
    """ADF-STEM images of a model, with a focused probe at every pixel propagated by multislice.

    For each tilt the atoms are rotated into the frame of the detector, ``R @ r``, with the beam
    along its third axis; the probe of pixel ``(i, j)`` is at detector position
    ``((i, j) - n // 2) pixel_size``, so that images match those of
    :func:`aet_port.simulation.linear.project_atoms`. Source size, dose and errors are applied by
    :mod:`aet_port.simulation.acquisition`.

    Parameters
    ----------
    model
        Positions in angstrom with the origin on the rotation centre.
    angles
        Shape (n, 3): phi, theta, psi in degrees.
    pixel_size
        Angstrom.
    shape
        Number of pixels (nx, ny) of an image.
    microscope, numerics
        Microscope and numerical settings; defaults of the two classes unless given.
    seed
        Seed of the thermal displacements, which differ for each tilt.
    workers
        Number of processes, each computing one tilt with one thread; one needs about 2 GB for a
        particle of 3 nm.
    scheduler
        Address of a Dask scheduler that distributes the tilts to its workers instead.
    checkpoint
        Folder with a file for each finished tilt. Tilts found there are not computed again; it may
        be deleted once the images are stored.
    progress
        Whether to report progress on standard error.

    Returns
    -------
    Shape (n, nx, ny), double precision: fraction of incident electrons that reach the detector.
    The result does not depend on the number of processes.

    Raises
    ------
    MissingDependencyError
        If abTEM is not installed.
    InputError
        For numbers out of range or an image without atoms.
    CheckpointError
        If a file in the folder belongs to other images or cannot be read.

    Notes
    -----
    MATLAB: none; the reference ships multislice images without the code that made them
    """
    _import_abtem()  # raises before any work is done
    if not (np.isfinite(pixel_size) and pixel_size > 0):
        raise InputError("pixel_size", f"{pixel_size!r}", "a length above zero, in angstrom")
    if len(shape) != 2 or min(shape) < 1:
        raise InputError("shape", f"{shape!r}", "two numbers of pixels above zero")
    if seed < 0:
        raise InputError("seed", str(seed), "zero or more")
    for symbol in sorted(set(model.species)):
        scattering_parameters(symbol)  # raises for symbols without a potential
    microscope, numerics = microscope or Microscope(), numerics or Numerics()
    numerics.grid(microscope)
    folder = None if checkpoint is None else Path(checkpoint).absolute()
    rotations = euler_rotations(np.asarray(angles, dtype=np.float64))
    nx, ny = (int(n) for n in shape)
    tilts = [
        _Tilt(
            number,
            model.positions @ rotation.T,
            tuple(model.species),
            float(pixel_size),
            (nx, ny),
            microscope,
            numerics,
            int(seed),
            folder,
        )
        for number, rotation in enumerate(rotations)
    ]
    at_once = 1 if scheduler is not None else min(workers, len(tilts))
    largest = max(_box(tilt, tilt.positions[_on_image(tilt)]).memory(tilt) for tilt in tilts)
    check_memory("multislice", at_once * largest, COARSER)
    images = np.empty((len(tilts), nx, ny))
    with progress_bar("multislice", len(tilts), progress) as bar:
        for number, image in enumerate(_computed(tilts, workers, scheduler)):
            images[number] = image
            bar.advance()
    return images


def _computed(tilts: list[_Tilt], workers: int, scheduler: str | None) -> Iterator[NDArray]:
    if scheduler is None:
        yield from map_processes(_image, tilts, workers)
    else:
        yield from map_tasks(_image, tilts, scheduler)


def _import_abtem() -> ModuleType:
    try:
        import abtem
    except ImportError as error:
        raise MissingDependencyError("a multislice simulation", "multislice") from error
    return abtem


@contextmanager
def _one_thread(abtem: ModuleType) -> Iterator[None]:
    """Context in which the order of sums does not depend on the machine and its configuration."""
    import dask
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    settings = {
        "device": "cpu",
        "precision": "float32",
        "fft": "fftw",
        # FFT plans chosen by timing would differ in the last digits from run to run.
        "fftw.planning_effort": "FFTW_ESTIMATE",
        "fftw.threads": 1,
        "dask.chunk-size": "128 MB",
        "diagnostics.progress_bar": False,
    }
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(1))
        stack.enter_context(dask.config.set(scheduler="synchronous"))
        stack.enter_context(abtem.config.set(settings))
        yield


def _image(tilt: _Tilt) -> NDArray[np.float64]:
    """The image of one tilt, from its file if that exists."""
    path, key = tilt.path, tilt.key()
    if path is not None and path.exists():
        return _stored(path, key)
    abtem = _import_abtem()
    configurations = max(1, tilt.numerics.phonons)
    total = np.zeros(tilt.shape)
    with _one_thread(abtem):
        for number in range(configurations):
            total += _scan(abtem, tilt, _displaced(tilt, number))
    total /= configurations
    if path is not None:
        save_npz(path, {"key": np.array(key), "image": total})
    return total


def _stored(path: Path, key: str) -> NDArray[np.float64]:
    advice = "the file this program wrote; delete it"
    stored = read_npz(path, expected=advice, kind=CheckpointError)
    with parsing(path, "image", advice, CheckpointError):
        check_content(path, stored)
        found, image = str(stored["key"]), np.asarray(stored["image"], dtype=np.float64)
    if found != key:
        raise CheckpointError(
            path, "an image of another model or setting", "the same series, or another folder"
        )
    return image


def _displaced(tilt: _Tilt, configuration: int) -> NDArray[np.float64]:
    """Positions with thermal displacements drawn for this tilt and configuration."""
    if not tilt.numerics.phonons:
        return tilt.positions
    rng = np.random.default_rng([tilt.seed, tilt.number, configuration])
    return tilt.positions + rng.normal(0.0, tilt.numerics.displacement, tilt.positions.shape)


def _on_image(tilt: _Tilt) -> NDArray[np.bool_]:
    """Which atoms are within reach of a probe on the image, shape (n_atoms,)."""
    middle = np.array([centre(n) for n in tilt.shape])
    low = -middle * tilt.pixel_size - REACH
    high = (np.array(tilt.shape) - 1 - middle) * tilt.pixel_size + REACH
    inside = ((tilt.positions[:, :2] >= low) & (tilt.positions[:, :2] <= high)).all(axis=1)
    if not inside.any():
        raise InputError(
            f"model, image {tilt.number}",
            "no atom on the image",
            "an image of more pixels, or positions in angstrom about the rotation centre",
        )
    return inside


class _Box(NamedTuple):
    """The periodic box of a calculation."""

    origin: NDArray[np.float64]
    sides: tuple[float, float, float]  # angstrom
    points: tuple[int, int]
    factors: tuple[int, int] | None  # of PRISM's interpolation

    def memory(self, tilt: _Tilt) -> float:
        """Bytes of potential and waves, in single precision."""
        grid = float(math.prod(self.points))
        slices = math.ceil(self.sides[2] / tilt.numerics.slice_thickness)
        waves = 1.0
        if self.factors is not None:
            # Plane waves within the convergence angle, of which every factor-th is propagated.
            radius = tilt.microscope.semiangle * 1e-3 / electron_wavelength(tilt.microscope.energy)
            every = self.sides[0] * self.sides[1] / math.prod(self.factors)
            waves = BATCH + np.pi * radius**2 * every
        return 4 * grid * slices + 8 * grid * waves


def _box(tilt: _Tilt, atoms: NDArray[np.float64]) -> _Box:
    """Box around atoms (n, 3) in the detector frame."""
    numerics = tilt.numerics
    low, high = atoms.min(axis=0), atoms.max(axis=0)
    # Beyond this the periodic images of atoms are farther from a probe than its own window.
    needed = high[:2] - low[:2] + 2 * REACH
    sampling = numerics.grid(tilt.microscope)
    factors = None
    if not numerics.window:
        points = [odd_points(n / sampling) for n in needed]
        sides = [n * sampling for n in points]
    else:
        every = [int(np.ceil(n / numerics.window)) for n in needed]
        single = odd_points(numerics.window / sampling)
        points, sides = [f * single for f in every], [f * numerics.window for f in every]
        factors = (every[0], every[1])
    depth = float(high[2] - low[2] + 2 * DEPTH_MARGIN)
    origin = np.array([*((low + high)[:2] - sides) / 2, low[2] - DEPTH_MARGIN])
    return _Box(origin, (sides[0], sides[1], depth), (points[0], points[1]), factors)


def _scan(abtem: ModuleType, tilt: _Tilt, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """The image of one set of positions (n_atoms, 3) in the detector frame, without averaging."""
    microscope, numerics = tilt.microscope, tilt.numerics
    chosen = _on_image(tilt)
    atoms = positions[chosen]
    box = _box(tilt, atoms)
    middle = [centre(n) for n in tilt.shape]
    probes = (np.indices(tilt.shape).reshape(2, -1).T - middle) * tilt.pixel_size
    near = np.isfinite(cKDTree(atoms[:, :2]).query(probes, distance_upper_bound=REACH)[0])
    potential = sliced_potential(
        abtem,
        atoms - box.origin,
        np.array(tilt.symbols)[chosen],
        box.sides,
        box.points,
        numerics,
    )
    optics: dict[str, Any] = {
        "energy": microscope.energy * 1e3,
        "semiangle_cutoff": microscope.semiangle,
    }
    aberrations = {
        # abTEM measures the defocus from the entrance plane of the probe.
        "defocus": microscope.defocus - box.origin[2],
        "Cs": microscope.cs_mm * ANGSTROM_PER_MM,
    }
    detector = abtem.AnnularDetector(microscope.inner, microscope.outer)
    scan = abtem.CustomScan(probes[near] - box.origin[:2])
    if box.factors is None:
        probe = abtem.Probe(**optics, **aberrations)
        measured = probe.scan(potential, scan=scan, detectors=detector, lazy=False)
    else:
        matrix = abtem.SMatrix(potential=potential, interpolation=box.factors, **optics)
        ctf = abtem.CTF(**optics, **aberrations)
        measured = matrix.scan(
            scan=scan, detectors=detector, ctf=ctf, max_batch_multislice=BATCH, lazy=False
        )
    image = np.zeros(len(probes))
    image[near] = np.asarray(measured.array, dtype=np.float64)
    return image.reshape(tilt.shape)
