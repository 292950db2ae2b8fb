"""``aet diffraction``: files, calibration and what it refuses."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aet_port.diffraction import RingGeometry
from tests.cli.samples import Aet
from tests.diffraction.samples import GEOMETRY, PIXEL, glass, gold, pattern


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pattern") / "glass.npy"
    np.save(path, pattern(glass(11), 9).astype(np.float32))
    return path


def table(path: Path) -> dict[str, np.ndarray]:
    rows = list(csv.DictReader(path.read_text().splitlines()))
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}


def test_files_and_facts(image: Path, asked: Callable[..., Any], tmp_path: Path) -> None:
    words = ("--reciprocal-pixel", PIXEL, "--composition", "Ta=1", "--density", 0.055)
    found = asked("diffraction", image, *words, "-o", tmp_path / "out")
    assert found["centre"] == pytest.approx(GEOMETRY.centre, abs=0.05)
    assert found["axes_ratio"] == pytest.approx(GEOMETRY.ratio, abs=0.001)
    assert found["first_peak"] == pytest.approx(2.85, abs=0.05)
    stored = json.loads((tmp_path / "out" / "diffraction.json").read_text())
    assert stored == found
    pdf = table(tmp_path / "out" / "pdf.csv")
    top = int(np.argmax(np.where(pdf["r"] > 2.2, pdf["g"], 0)))
    assert pdf["r"][top] == pytest.approx(found["first_peak"])
    assert pdf["g"][top] == pytest.approx(found["first_peak_height"])
    rings = table(tmp_path / "out" / "intensity.csv")
    np.testing.assert_allclose(rings["q"], 2 * np.pi * PIXEL * rings["radius_pixels"], rtol=1e-12)
    used = np.isfinite(rings["s"])
    assert [rings["q"][used][0], rings["q"][used][-1]] == pytest.approx(found["q_used"])
    mask = np.load(tmp_path / "out" / "mask.npy")
    assert 1 - mask.mean() == pytest.approx(found["masked_fraction"])
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"pattern.png", "intensity.png", "structure_factor.png", "pdf.png"} < names


def test_pixel_size_by_rings_of_a_standard(
    image: Path, asked: Callable[..., Any], tmp_path: Path
) -> None:
    standard = tmp_path / "gold.npy"
    np.save(standard, gold(3, RingGeometry((158.0, 161.0))).astype(np.float32))
    found = asked("diffraction", image, "--crystal", "Au", "--standard", standard)
    assert found["reciprocal_pixel"] == pytest.approx(PIXEL, rel=0.004)
    assert found["calibration"]["rings"] >= 5


def test_a_tiff_and_a_mask_without_a_pixel_size(
    image: Path, asked: Callable[..., Any], aet: Aet, tmp_path: Path
) -> None:
    counts = np.load(image)
    Image.fromarray(counts.T.astype(np.int32)).save(tmp_path / "glass.tif")
    mask = np.ones_like(counts)
    mask[:, :150] = 0
    np.save(tmp_path / "mask.npy", mask)
    words = ("--beam-stop", tmp_path / "mask.npy", "--centre", 163.4, 156.7)
    found = asked("diffraction", tmp_path / "glass.tif", *words)
    assert found["masked_fraction"] == pytest.approx(150 / 320)
    assert "reciprocal_pixel" not in found
    line = aet("diffraction", image, "--composition", "Ta=1").err
    assert "--reciprocal-pixel" in line


def test_pixel_size_of_the_file(image: Path, asked: Callable[..., Any], tmp_path: Path) -> None:
    """A sidecar in 1/nm beside a TIFF."""
    counts = np.load(image)
    Image.fromarray(counts.T.astype(np.int32)).save(tmp_path / "glass.tif")
    about = {"pixel_size": 10 * PIXEL, "pixel_size_unit": "1/nm"}
    (tmp_path / "glass.tif.json").write_text(json.dumps(about))
    found = asked("diffraction", tmp_path / "glass.tif", "--ellipse", "none")
    assert found["reciprocal_pixel"] == pytest.approx(PIXEL)


def test_what_does_not_fit_is_refused(image: Path, aet: Aet) -> None:
    for words, expected in (
        (("--lattice", 4), "--lattice: found no crystal"),
        (("--standard", image), "--standard: found no crystal"),
        (("--crystal", "Au", "--reciprocal-pixel", 1), "--crystal: found --reciprocal-pixel"),
        (
            ("--composition", "Ta"),
            "--composition: found 'Ta'; expected a list of names and numbers",
        ),
        (("--composition", "Ta=-1"), "--composition: found"),
        (("--q-min", 3, "--q-max", 2), "--q-max: found 2"),
    ):
        outcome = aet("diffraction", image, *words)
        assert outcome.code == 2
        assert expected in outcome.err
