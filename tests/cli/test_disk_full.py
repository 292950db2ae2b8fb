"""A disk that fills up: one line, no half file, and the work done so far is not lost.

The limit on the size of a file of this process stands for the full disk: writing beyond it fails
in the system, in whatever library writes, as it would there.
"""

from __future__ import annotations

import errno
import gc
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aet_port.core import files
from aet_port.core.checkpoint import Checkpoint
from tests.cli.samples import PIXEL, Aet, Refused, Sample, contents, results

FULL = "could not be written ("  # NumPy gives the bytes written instead of the system's reason
SETTINGS = ("--iterations", 20, "--oversampling", 2, "--json")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Context in which writing beyond ``size`` bytes of a file fails (Python ignores SIGXFSZ)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def commands(sample: Sample, finished_original: Path) -> dict[str, tuple[object, ...]]:
    """Both commands with checkpoints, beside what they make; all code is compiled by now."""
    volume, peaks = sample.folder / "volume.npy", sample.folder / "peaks.npz"
    shutil.copyfile(finished_original / "volume.npy", volume)
    shutil.copyfile(finished_original / "peaks/whole.npz", peaks)
    pair = (sample.folder / "projections.mat", sample.folder / "angles.mat")
    state = ("--checkpoint", sample.folder / "state.npz")
    return {
        "reconstruct": ("reconstruct", *pair, "-o", volume, *SETTINGS, *state),
        "trace": ("trace", volume, "-o", peaks, "--pixel-size", PIXEL, "--json", *state),
    }


@pytest.mark.parametrize(
    ("name", "result", "limit"),
    # The volume has 270 kB, the fits of 2000 peaks 50 kB.
    [("reconstruct", "volume.npy", 100_000), ("trace", "peaks.npz", 10_000)],
)
def test_no_room_for_the_checkpoint(
    sample: Sample,
    aet: Aet,
    refused: Refused,
    commands: dict[str, tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    result: str,
    limit: int,
) -> None:
    monkeypatch.setattr(Checkpoint, "due", lambda self: self.path is not None)
    wanted = (sample.folder / result).read_bytes()
    (sample.folder / result).unlink()
    before = contents(sample.folder)
    with files_of_at_most(limit):
        refused(
            *commands[name],
            parts=(sample.folder / "state.npz", "could not be written (File too large)", "space"),
        )
    assert contents(sample.folder) == before
    assert aet(*commands[name]).code == 0
    assert (sample.folder / result).read_bytes() == wanted


# mrcfile leaves its file to the garbage collector when it cannot write to it.
@pytest.mark.filterwarnings(
    r"ignore:.*\.another\.partial.*mrc:pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("suffix", ["npy", "mrc", "mat", "tif"])
def test_no_room_for_the_volume(
    sample: Sample, refused: Refused, commands: dict[str, object], suffix: str
) -> None:
    output = sample.folder / f"another.{suffix}"
    pair = (sample.folder / "projections.mat", sample.folder / "angles.mat")
    before = contents(sample.folder)
    with files_of_at_most(100_000):
        refused("reconstruct", *pair, "-o", output, *SETTINGS, parts=(output, FULL, "space"))
    gc.collect()  # here, where the filter holds
    assert contents(sample.folder) == before


@pytest.mark.parametrize("suffix", ["npz", "mat", "xyz"])
def test_no_room_for_the_peaks(
    sample: Sample, refused: Refused, commands: dict[str, object], suffix: str
) -> None:
    output = sample.folder / f"another.{suffix}"
    options = ("--pixel-size", PIXEL, "--json")
    before = contents(sample.folder)
    with files_of_at_most(4096):
        refused(
            *("trace", sample.folder / "volume.npy", "-o", output, *options),
            parts=(output, "File too large"),
        )
    assert contents(sample.folder) == before


@pytest.mark.parametrize(
    "limit",
    [
        300,  # already run.json does not fit
        3_000,  # the R factors do not
        100_000,  # the volume does not
    ],
)
def test_a_run_goes_on_when_there_is_room(
    sample: Sample,
    aet: Aet,
    refused: Refused,
    finished_original: Path,
    limit: int,
) -> None:
    out = sample.folder / "run"
    options = ("run", sample.config, "--resume", "--json", "--checkpoint-interval", 1000)
    options = (*options, "--no-report")
    with files_of_at_most(limit):
        refused(*options, "--out", out, parts=(out, FULL, "free some space"))
    assert not [path for path in out.rglob("*") if "partial" in path.name]
    assert aet(*options, "--out", out).code == 0
    assert results(out) == results(finished_original)


@pytest.mark.parametrize("kind", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_what_the_disk_reports_late(
    sample: Sample,
    refused: Refused,
    commands: dict[str, tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
    kind: int,
) -> None:
    """Network disks accept every write and fail when the file is to be kept."""

    def fail(_: int) -> None:
        raise OSError(kind, os.strerror(kind))

    output = sample.folder / "volume.npy"
    before = contents(sample.folder)
    monkeypatch.setattr(files.os, "fsync", fail)
    refused(*commands["reconstruct"], parts=(output, os.strerror(kind)))
    assert contents(sample.folder) == before  # the older volume is still there


def test_no_room_for_the_bank(sample: Sample, refused: Refused, aet: Aet) -> None:
    truth, bank = sample.folder / "truth.xyz", sample.folder / "bank.duckdb"
    deposit = ("mdb", "deposit", truth, "--bank", bank)
    with files_of_at_most(10_000):
        refused(*deposit, parts=(bank, "can't be made"))
    assert not bank.exists()
    assert not list(Path(sample.folder).glob(".bank*"))
    assert aet(*deposit).code == 0
