"""``aet power-spectrum``: tables, figures, and what is refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aet_port.preprocessing import power_spectra
from tests.cli.samples import Aet, Refused
from tests.preprocessing.test_image_spectra import PIXEL, images

Asked = Callable[..., Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    np.save(tmp_path / "images.npy", images(0.43, 2.0, number=3).astype(np.float32))
    return tmp_path / "images.npy"


def test_spectrum_of_a_file(file: Path, asked: Asked, aet: Aet, tmp_path: Path) -> None:
    words = ("power-spectrum", file, "--pixel-size", PIXEL)
    found = asked(*words, "--figures", tmp_path / "f", "-o", tmp_path / "average.npy")
    expected = power_spectra(np.load(file), PIXEL)
    assert expected.halo is not None
    assert found["halo"]["frequency"] == pytest.approx(expected.halo.frequency)
    assert (found["images"], len(found["halos"])) == (3, 3)
    np.testing.assert_allclose(np.load(tmp_path / "average.npy"), expected.average)
    assert len(list((tmp_path / "f").glob("*.png"))) == 3
    table = list(csv.DictReader(io.StringIO(aet(*words, "--csv").out)))
    np.testing.assert_allclose([float(row["power"]) for row in table], expected.profile)
    text = aet(*words).out
    assert f"{expected.halo.frequency:.4f} +- " in text


def test_what_is_refused(file: Path, refused: Refused, tmp_path: Path) -> None:
    refused("power-spectrum", file, parts=("images.npy: pixel size", "--pixel-size"))
    words = ("power-spectrum", file, "--pixel-size", PIXEL)
    refused(*words, "-o", tmp_path / "a.mrc", parts=("a.mrc", ".npy"))
    refused(*words, "--lowest", 0.9, parts=("lowest: found 0.9", "0.8"))
    refused(*words, "--figures", tmp_path, "--shown", 3, parts=("--shown: found 3",))
