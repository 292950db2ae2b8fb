"""``aet video``: models, volumes and runs as GIF, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aet_port.core.data import Volume
from aet_port.io import write_volume
from tests.cli.samples import Refused, Sample

Asked = Callable[..., Any]
SMALL = ("--frames", 4, "--pixels", 48)


def frames(path: Path) -> int:
    with Image.open(path) as image:
        return int(getattr(image, "n_frames", 1))


def test_atoms_and_networks(sample: Sample, asked: Asked) -> None:
    model, video = sample.folder / "truth.xyz", sample.folder / "v.gif"
    found = asked("video", model, "-o", video, *SMALL, "--colours", "Ta=orange")
    assert (found["atoms"], found["frames"], frames(video)) == (200, 4, 4)
    words = ("--what", "networks", "--cutoff", 4.0, "--networks", 2)
    found = asked("video", model, "-o", video, *SMALL, *words)
    assert len(found["sizes"]) <= 2
    assert frames(video) == 4


def test_volume(tmp_path: Path, asked: Asked) -> None:
    array = np.zeros((12, 10, 14), np.float32)
    array[9, 4, 11] = 1
    write_volume(tmp_path / "volume.mrc", Volume(array, 0.5))
    found = asked("video", tmp_path / "volume.mrc", "-o", tmp_path / "v.gif", *SMALL)
    assert found["voxels"] == [12, 10, 14]
    assert frames(tmp_path / "v.gif") == 4


def test_run(finished: Path, asked: Asked) -> None:
    video = finished.parent / "v.gif"
    assert asked("video", finished, "-o", video, *SMALL)["atoms"] > 100
    assert asked("video", finished, "-o", video, *SMALL, "--what", "volume")["voxels"]


def test_what_is_refused(sample: Sample, refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    model, video = sample.folder / "truth.xyz", sample.folder / "v.gif"
    refused("video", model, "-o", sample.folder / "v.avi", parts=("v.avi", ".gif, .mp4"))
    refused("video", model, "-o", video, "--colours", "Ta", parts=("--colours: found Ta",))
    refused("video", model, "-o", video, "--colours", "Cu=red", parts=("--colours: found Cu",))
    refused("video", sample.folder / "none.xyz", "-o", video, parts=("none.xyz",))
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    monkeypatch.setenv("PATH", str(sample.folder))
    refused("video", model, "-o", sample.folder / "v.mp4", parts=("aet-port[video]",))
