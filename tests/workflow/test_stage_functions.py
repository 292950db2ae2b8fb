"""Stages with the settings of a configuration."""

from __future__ import annotations

from pathlib import Path

import numba
import numpy as np
import pytest

from aet_port.core.data import TiltSeries, Volume
from aet_port.core.errors import InputError
from aet_port.io import write_volume
from aet_port.resire import reconstruct
from aet_port.resire.settings import ReconstructSettings
from aet_port.tracing import remove_non_atoms, tight_support
from aet_port.tracing.peak_search import trace
from aet_port.tracing.settings import SelectSettings, TraceSettings
from aet_port.workflow import stage_functions as stages
from aet_port.workflow.stage_functions import (
    reconstruct_series,
    select_peaks,
    trace_volume,
    write_peaks,
)


@pytest.fixture(scope="module")
def series() -> TiltSeries:
    rng = np.random.default_rng(0)
    return TiltSeries(rng.random((5, 12, 10), dtype=np.float32), np.linspace(-60, 60, 5), 0.5)


@pytest.fixture(scope="module")
def volume() -> Volume:
    """Bright and faint blobs on a grid."""
    x, y, z = np.meshgrid(*[np.arange(n) for n in (30, 28, 26)], indexing="ij")
    array = np.zeros((30, 28, 26))
    for number, place in enumerate(np.ndindex(4, 4, 4)):
        a, b, c = 4 + 6 * np.array(place)
        height = 1.0 if number % 3 else 0.2 + 0.002 * number
        array += height * np.exp(-((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / 2.0)
    return Volume(array.astype(np.float32), 0.5)


def test_reconstruct_reads_the_files_it_is_told(series: TiltSeries, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    support = (rng.random((12, 10, 12)) > 0.3).astype(np.float32)
    initial = rng.random((12, 10, 12), dtype=np.float32)
    mask = rng.random((5, 12, 10), dtype=np.float32)
    write_volume(tmp_path / "support.npy", Volume(support, 0.5))
    write_volume(tmp_path / "initial.mrc", Volume(initial, 0.5))
    np.save(tmp_path / "mask.npy", mask)
    settings = ReconstructSettings(
        iterations=3,
        oversampling=(2, 1.5, 2),
        step=1.5,
        support="support.npy",
        initial="initial.mrc",
        mask="mask.npy",
    )
    found = reconstruct_series(series, settings, lambda name: tmp_path / name, threads=1)
    wanted = reconstruct(
        series,
        iterations=3,
        oversampling=(2, 1.5, 2),
        step=1.5,
        support=support,
        initial=initial,
        mask=mask,
    )
    assert np.array_equal(found.volume.array, wanted.volume.array)
    assert np.array_equal(found.r1, wanted.r1)


def test_trace_and_select(volume: Volume, tmp_path: Path) -> None:
    settings = TraceSettings(upsampling="spline", threshold=0.1, minimum_distance=1.5, max_peaks=50)
    with pytest.warns(UserWarning, match="64 local maxima"):
        peaks = trace_volume(volume, settings, threads=1)
    with pytest.warns(UserWarning, match="64 local maxima"):
        wanted = trace(volume, **dict(settings))
    assert len(peaks) == 50
    assert np.array_equal(peaks.positions, wanted.positions)
    peaks = trace_volume(volume, TraceSettings(threshold=0.1))
    support = tight_support(volume.array)
    np.save(tmp_path / "support.npy", support.astype(np.float32))
    for given in ("tight", "support.npy"):
        chosen = select_peaks(
            volume,
            peaks.accepted,
            SelectSettings(support=given),
            lambda name: tmp_path / name,
            threads=1,
        )
        wanted_choice = remove_non_atoms(volume.array, peaks.accepted, support=support)
        assert np.array_equal(chosen.atoms, wanted_choice.atoms)
    free = select_peaks(volume, peaks.accepted, SelectSettings())
    assert np.array_equal(free.is_atom, remove_non_atoms(volume.array, peaks.accepted).is_atom)


def test_threads_are_used_and_given_back(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []
    monkeypatch.setattr(stages, "trace", lambda *_, **options: used.append(numba.get_num_threads()))
    before = numba.get_num_threads()
    trace_volume(volume, TraceSettings(), threads=1)
    trace_volume(volume, TraceSettings(), threads=10_000)
    assert used == [1, numba.config.NUMBA_NUM_THREADS]
    assert numba.get_num_threads() == before
    with pytest.raises(InputError, match="threads"):
        trace_volume(volume, TraceSettings(), threads=0)


def test_peaks_need_a_known_suffix(volume: Volume, tmp_path: Path) -> None:
    peaks = trace_volume(volume, TraceSettings(threshold=0.1))
    with pytest.raises(InputError, match=r"peaks\.csv; expected a name ending in \.npz"):
        write_peaks(tmp_path / "peaks.csv", peaks, volume)
    assert not list(tmp_path.iterdir())


def test_species_give_the_smallest_distance() -> None:
    x, y, z = 0.3 * (np.indices((30, 24, 24)) - 12)
    array = sum(np.exp(-((x - a) ** 2 + y**2 + z**2) / 0.5) for a in (0.0, 1.9))
    volume = Volume(array, 0.3)
    settings = TraceSettings(threshold=0.1)
    assert len(trace_volume(volume, settings).accepted) == 1
    assert len(trace_volume(volume, settings, ("Ta",)).accepted) == 1
    assert len(trace_volume(volume, settings, ("Si",)).accepted) == 2
    given = settings.changed(minimum_distance=2.0)
    assert len(trace_volume(volume, given, ("Si",)).accepted) == 1
