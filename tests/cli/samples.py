"""The small synthetic sample of these tests, and what they ask of files and commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries

PIXEL = 0.7  # angstrom: coarse, but atoms lie four pixels apart
CONFIG = """\
[sample]
name = "small particle"
species = "Ta"
pixel_size = 0.7
kind = "synthetic"

[input]
projections = "projections.mat"
angles = "angles.mat"

[reconstruct]
iterations = 20
oversampling = 2

[select]
support = "tight"
merge_distance = 2.0

[analyze]
cutoff = 4.0
"""


class Sample(NamedTuple):
    """The truth, its tilt series, and a folder with both in several formats."""

    model: AtomicModel
    series: TiltSeries
    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "particle.toml"


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Aet = Callable[..., Outcome]
Refused = Callable[..., str]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its name there."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def results(folder: Path) -> dict[str, bytes]:
    """All files but those that hold times, and the lock that a killed writer leaves."""
    left_out = ("timings.json", "bank.duckdb", ".bank.duckdb.turn", "report.html")
    return {name: content for name, content in contents(folder).items() if name not in left_out}


def truncated(path: Path) -> None:
    """Cut the second half off a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
