"""Every command that reads tilt angles refuses what looks like radians, and names the option."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aet_port.io import matlab, write_model
from aet_port.simulation import amorphous_particle
from tests.cli.samples import Refused
from tests.io.mrc_files import sections_of, write_mrc_bytes


@pytest.mark.parametrize("name", ["rad.tlt", "rad.mat"])
@pytest.mark.parametrize(
    "words",
    [
        ("reconstruct", "s.mrc", "ANGLES", "-o", "o.mrc"),
        ("refine-angles", "s.mrc", "ANGLES", "--pixel-size", 0.5, "-o", "ra"),
        ("refine", "s.mrc", "ANGLES", "true.xyz", "-o", "r.xyz"),
        ("detect", "s.mrc", "ANGLES", "--species", "Au", "-o", "d.extxyz"),
        ("check-model", "s.mrc", "ANGLES", "true.xyz", "-o", "c.extxyz"),
        ("preprocess", "s.mrc", "--angles", "ANGLES", "-o", "out"),
        ("simulate", "true.xyz", "--angles", "ANGLES", "-o", "s.npy", "--pixel-size", 0.5),
        ("run", "run.toml", "--out", "run"),
    ],
)
def test_every_command_refuses_radians(
    name: str,
    words: tuple,
    tmp_path: Path,
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_mrc_bytes(tmp_path / "s.mrc", sections_of(25, 20, 18))
    radians = np.deg2rad(np.arange(-72.0, 73, 6))
    np.savetxt(tmp_path / "rad.tlt", radians, fmt="%.5f")
    matlab.write_mat(tmp_path / "rad.mat", {"angles": radians[:, None]})
    write_model(tmp_path / "true.xyz", amorphous_particle(13, "Au", seed=1))
    (tmp_path / "run.toml").write_text(
        'sample = { name = "p", species = "Au", pixel_size = 0.5 }\n'
        f'input = {{ projections = "s.mrc", angles = "{name}" }}\n'
    )
    parts = (name, "25 angles between -1.257 and 1.257", "look like radians", "--angle-unit")
    refused(*(name if word == "ANGLES" else word for word in words), parts=parts)
