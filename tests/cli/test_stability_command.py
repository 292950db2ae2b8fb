"""``aet stability``: files, a series by numbers or tilt, exit codes, and what is refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.samples import Aet, Refused
from tests.validation.test_image_stability import MODEL, PIXEL, clean, displaced, noisy

Asked = Callable[..., Any]
QUICK = ("--pixel-size", PIXEL, "--gain", 1, "--draws", 12)


@pytest.fixture
def views(tmp_path: Path) -> Path:
    """Before and during the same, after with an atom displaced; and all three as a series."""
    moved, _ = displaced(2.0)
    models = {"before": MODEL, "during": MODEL, "after": moved}
    images = [noisy(clean(one, 400), seed) for seed, one in enumerate(models.values())]
    for name, image in zip(models, images, strict=True):
        np.save(tmp_path / f"{name}.npy", image[np.newaxis].astype(np.float32))
    np.save(tmp_path / "series.npy", np.stack(images).astype(np.float32))
    np.savetxt(tmp_path / "angles.txt", [0.0, 0.02, 30.0])
    return tmp_path


def test_files(views: Path, aet: Aet, asked: Asked) -> None:
    names = [views / f"{name}.npy" for name in ("before", "during", "after")]
    same = asked("stability", *names[:2], *QUICK, "--figures", views / "figures")
    assert same["changed"] is False
    assert (views / "figures" / "deviations_0_1.png").exists()
    outcome = aet("stability", *names, *QUICK, "--csv")
    assert outcome.code == 1
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert [(row["first"], row["second"]) for row in rows] == [
        ("before.npy", "during.npy"), ("before.npy", "after.npy"), ("during.npy", "after.npy"),
    ]  # fmt: skip
    text = aet("stability", *names, *QUICK).out
    assert "changed beyond noise  yes" in " ".join(text.split(" ")).replace("   ", "  ")


def test_series(views: Path, aet: Aet, asked: Asked) -> None:
    words = ("stability", views / "series.npy", *QUICK)
    found = asked(*words, "--angle", 0, "--angles", views / "angles.txt")
    assert [one["second"] for one in found["pairs"]] == ["image 1"]
    assert aet(*words, "--indices", "0,2").code == 1


def test_what_is_refused(views: Path, refused: Refused) -> None:
    series, one = views / "series.npy", views / "before.npy"
    refused("stability", series, *QUICK, parts=("--indices, --angle: found neither",))
    refused("stability", series, *QUICK, "--indices", "0,7", parts=("--indices: found 0,7", "0,2"))
    refused("stability", series, *QUICK, "--indices", "1,1", parts=("--indices: found 1,1",))
    refused("stability", one, series, *QUICK, parts=("series.npy: found 3 images", "--indices"))
    refused("stability", one, one, *QUICK, "--angle", 0, parts=("--angle: found 0", "2 files"))
    tilts = ("--angles", views / "angles.txt", "--angle", 30)
    refused("stability", series, *QUICK, *tilts, parts=("--angle: found 1 images at 30",))
    np.save(views / "small.npy", np.ones((1, 40, 40), np.float32))
    refused("stability", one, views / "small.npy", *QUICK, parts=("small.npy: found 40 x 40",))
