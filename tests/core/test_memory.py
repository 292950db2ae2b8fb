"""What stages need of memory is compared with what is left, before they start."""

from __future__ import annotations

import resource
import subprocess
import sys
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from scipy import ndimage

import aet_port as aet
from aet_port.core import memory
from aet_port.core.errors import InputError
from aet_port.core.memory import available_memory, check_memory, size_text
from aet_port.core.sub_areas import SubAreas, patch_volumes
from aet_port.detection import PlanSettings, plan_table
from aet_port.refinement.residual_maps import residual_map
from aet_port.resire.grid import make_grid
from aet_port.resire.memory import needed_memory
from aet_port.resire.settings import ReconstructSettings
from aet_port.simulation import amorphous_particle, project_atoms
from aet_port.simulation.raw_frames import take_frames
from aet_port.simulation.settings import RawFrameSettings, SimulateSettings
from aet_port.structure import find_neighbours
from aet_port.tracing import tight_support
from aet_port.tracing.boxes import box_values
from aet_port.tracing.local_classes import reclassify_locally
from md_sim import AlloyProtocol, Protocol, quench_alloy, run_quench

GB = 1e9


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with 100 MB left."""
    monkeypatch.setattr(memory, "available_memory", lambda: 1e8)


def test_what_is_left_is_no_more_than_the_machine_has() -> None:
    left = available_memory()
    pages = resource.getpagesize() * float(__import__("os").sysconf("SC_PHYS_PAGES"))
    assert 0 < left <= pages


def _group(folder: Path, most: str, used: int, cached: int, version: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    limit, use, freed = memory._FILES[version]
    (folder / limit).write_text(f"{most}\n")
    (folder / use).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{freed} {cached}\n")


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 8 GB available and no control groups yet."""
    (tmp_path / "meminfo").write_text("MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\n")
    (tmp_path / "cgroup").write_text("")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "_ROOT", tmp_path / "fs")
    monkeypatch.setattr(memory, "_of_process", lambda: iter(()))
    return tmp_path


def test_without_control_groups(system: Path) -> None:
    assert available_memory() == 8_000_000 * 1024


def test_a_control_group_of_version_2(system: Path) -> None:
    (system / "cgroup").write_text("0::/job/step\n")
    _group(system / "fs", "max", 10, 0, 0)
    _group(system / "fs" / "job", "3000000000", 1_000_000_000, 500_000_000, 0)
    _group(system / "fs" / "job" / "step", "max", 900_000_000, 0, 0)
    assert available_memory() == 2_500_000_000  # that of the outer group, its cache freed


def test_a_control_group_of_version_1(system: Path) -> None:
    (system / "cgroup").write_text("7:cpu:/x\n4:memory:/docker/abc\n0::/\n")
    _group(system / "fs" / "memory", "2000000000", 500_000_000, 0, 1)  # as seen in a container
    assert available_memory() == 1_500_000_000


def test_a_full_control_group_leaves_nothing(system: Path) -> None:
    (system / "cgroup").write_text("0::/\n")
    _group(system / "fs", "1000", 2000, 0, 0)
    assert available_memory() == 0


def test_a_limit_of_the_shell() -> None:
    """Of a process that may have 3 GB; the package takes less than 2 of them."""
    code = (
        "import resource as r; r.setrlimit(r.RLIMIT_AS, (3 * 10**9, 3 * 10**9))\n"
        "from aet_port.core.memory import available_memory; print(available_memory())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert 1e9 < float(found) < 3e9


def test_the_error_has_both_figures(little: None) -> None:
    check_memory("reconstruct", 99e6, "less")
    with pytest.raises(InputError) as caught:
        check_memory("reconstruct", 4.2e13, "less --oversampling")
    text = "reconstruct: found a need of about 42 TB of memory, with 100 MB left; expected less"
    assert str(caught.value).startswith(text)
    assert size_text(999) == "999 bytes"


ANGLES = np.stack([np.zeros(20), np.linspace(-60, 60, 20), np.zeros(20)], axis=1)


def test_a_grid_of_a_known_size() -> None:
    """1000 cubed voxels, oversampling 2: 4 GB of volume, 4 of its copy, 0.24 of images."""
    grid = make_grid((1000, 1000), ANGLES, 2.0)
    found = needed_memory(grid, ReconstructSettings(oversampling=2.0), 1)
    assert 8.2 * GB < found < 8.5 * GB
    tilted = make_grid((1000, 1000), ANGLES + np.array([1, 0, 0]), 2.0)
    # In addition spectra of (1001, 1000, 1000) and slices of (20, 1001, 2000) complex numbers.
    more = needed_memory(tilted, ReconstructSettings(oversampling=2.0), 1) - found
    assert 8.1 * GB < more < 8.7 * GB


MODEL = amorphous_particle(40, "Ta")
WIDE = aet.TiltSeries(np.ones((20, 600, 600), np.float32), ANGLES, 0.5)
SERIES = aet.TiltSeries(np.random.default_rng(0).random((20, 64, 64)), ANGLES, 0.5)
CRYSTAL = bulk("Ta", "bcc", a=3.3, cubic=True).repeat(16)
CUBE = np.ones((240, 240, 240), np.float32)
PLACES = np.random.default_rng(0).uniform(20, 200, (10_000, 3))  # voxels of the cube
AREAS = SubAreas(np.array([[20, 20, 20]]), np.array([[9, 9, 9]]))
ONES = np.ones(len(PLACES), np.int64)


def classified(**options: Any) -> Any:
    volume = aet.Volume(CUBE, 0.5)
    return aet.classify(volume, volume.to_positions(PLACES), ["Co", "Pt"], **options)


@pytest.mark.parametrize(
    ("work", "advice"),
    [
        (lambda: aet.reconstruct(SERIES, n_z=100_000), "--oversampling"),
        (lambda: aet.refine_angles(SERIES, n_z=100_000), "--oversampling"),
        (lambda: aet.detect(SERIES, "Ta", aet.detection.DetectSettings(depth=10_000.0)), "--depth"),
        (lambda: aet.trace(aet.Volume(CUBE, 0.5), upsampling="spline"), None),
        (lambda: aet.simulate(MODEL, ANGLES, SimulateSettings(shape=(9000, 9000))), "--shape"),
        (lambda: aet.simulate(MODEL, ANGLES, SimulateSettings(pixel_size=0.002)), "--pixel-size"),
        (lambda: project_atoms(MODEL, ANGLES, 0.5, (90_000, 90_000)), "--pixel-size"),
        (
            lambda: take_frames(
                lambda _: np.ones((20, 64, 64)), ANGLES, 0.5, RawFrameSettings(n_frames=10_000)
            ),
            "n_frames",
        ),
        (
            lambda: plan_table(
                MODEL, PlanSettings(tilts=(2000,)), SimulateSettings(shape=(900, 900))
            ),
            "--shape",
        ),
        (lambda: tight_support(CUBE), "--support"),
        (lambda: aet.refine(WIDE, MODEL, "published"), "cropped images"),
        (lambda: aet.refine(WIDE, MODEL, threads=9), "--threads"),
        (lambda: residual_map(WIDE, MODEL, threads=9), "--threads"),
        (lambda: classified(thirds=30), "--thirds"),
        (lambda: classified(non_atoms="gaussians"), "fewer atoms"),
        (lambda: classified(upsampling="spline"), "--upsampling linear"),
        (lambda: reclassify_locally(PLACES[:3000], PLACES[:3000], ONES[:3000], 500.0), "--radius"),
        (lambda: aet.remove_non_atoms(CUBE, PLACES), "fewer peaks"),
        (lambda: aet.match_models(PLACES[:2000], PLACES[:2000], 400.0), "--radius"),
        (lambda: patch_volumes(AREAS, {}, (2000, 2000, 2000)), "volume_shape"),
        (lambda: box_values(np.ones((9, 9, 9)), np.ones((99, 3)), 100), "--thirds"),
        (lambda: find_neighbours(CRYSTAL, 25.0), "--cutoff"),
        (lambda: run_quench(Protocol("Ta", 100, 5200.0), "x"), "--cells"),
        (lambda: quench_alloy(AlloyProtocol(cells=100), "x"), "--atoms"),
    ],
)
def test_stages_refuse_at_once(little: None, work: object, advice: str | None) -> None:
    with pytest.raises(
        InputError, match=r"a need of about .* of memory, with 100 MB left"
    ) as caught:
        work()  # type: ignore[operator]
    assert "\n" not in str(caught.value)
    assert advice is None or advice in caught.value.expected


@pytest.mark.parametrize("options", [{}, {"non_atoms": "gaussians"}, {"upsampling": "spline"}])
def test_a_classification_is_expected_to_need_what_it_takes(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    """The growth of traced memory of 2000 atoms; NumPy reports its arrays."""
    rng = np.random.default_rng(0)
    places = rng.uniform(10, 90, (2000, 3))
    bright = np.where(np.arange(2000) % 2, 3.0, 1.0) * rng.normal(1, 0.02, 2000)
    array = np.zeros((100, 100, 100), np.float32)
    np.maximum.at(array, tuple(np.rint(places).astype(int).T), bright)
    volume = aet.Volume(ndimage.gaussian_filter(array, 1.0), 0.4)
    expected: dict[str, float] = {}
    monkeypatch.setattr(
        "aet_port.tracing.species.check_memory",
        lambda work, needed, _: expected.setdefault(work, needed),
    )
    run = partial(
        aet.classify, volume, volume.to_positions(places), ["Co", "Pt"], radius=0, **options
    )
    run()  # what is imported and compiled is not the classification's
    tracemalloc.start()
    try:
        run()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Measured: 0.98 to 1.00 of it; more where caches of libraries are filled meanwhile.
    assert expected["classify"] == pytest.approx(peak, rel=0.3)
