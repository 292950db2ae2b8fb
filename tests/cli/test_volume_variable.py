"""``--variable`` of the commands that read a volume."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from aet_port.io import read_model, write_model
from tests.cli.samples import Refused

PIXEL = 0.5
ATOMS = np.array([[8, 8, 8], [8, 16, 10], [16, 8, 12], [15, 15, 17]])


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    """A .mat file with the volume of four atoms and one of constant noise, no sizes stated."""
    x = np.indices((24, 25, 26)).transpose(1, 2, 3, 0)
    atoms = sum(np.exp(-((x - one) ** 2).sum(-1) / (2 * 1.6**2)) for one in ATOMS)
    path = tmp_path / "volumes.mat"
    scipy.io.savemat(path, {"atoms": atoms, "noise": np.ones_like(atoms), "word": "text"})
    return path


def test_trace_and_classify_take_the_array_named(
    volumes: Path, asked: Callable[..., Any], refused: Refused
) -> None:
    peaks, model = volumes.parent / "peaks.xyz", volumes.parent / "model.extxyz"
    size = ("--pixel-size", PIXEL, "--threads", 1)
    several = ("2 that fit", "atoms 24x25x26", "noise 24x25x26", "--variable NAME")
    refused("trace", volumes, "-o", peaks, *size, parts=several)
    refused("trace", volumes, "-o", peaks, *size, "--variable", "word", parts=("word, text",))
    facts = asked("trace", volumes, "-o", peaks, *size, "--variable", "atoms")
    assert facts["accepted"] == 4
    # Without noise the fit of the polynomial is off by no more than a few hundredths of a voxel.
    found = read_model(peaks).positions / PIXEL + np.array([12, 12, 13])
    order = np.lexsort(np.round(found).T[::-1])
    np.testing.assert_allclose(found[order], ATOMS[np.lexsort(ATOMS.T[::-1])], atol=0.1)
    write_model(model, read_model(peaks))
    words = ("classify", volumes, model, "--species", "Ta", "-o", model.with_name("c.extxyz"))
    refused(*words, *size, parts=several)
    assert asked(*words, *size, "--variable", "atoms")["atoms"] == 4
