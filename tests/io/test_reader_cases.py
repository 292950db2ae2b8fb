"""MRC stacks as users have them, read as a whole: each was misread or refused once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aet_port.core.errors import InputError
from aet_port.io import read_tilt_series
from aet_port.io.frames import read_frames
from aet_port.simulation import amorphous_particle, project_atoms
from tests.io.mrc_files import write_mrc_bytes

TILTS = np.arange(-60.0, 61, 10)
EACH = np.repeat(TILTS, 3)
RNG = np.random.default_rng(0)
SECTIONS = RNG.poisson(9.0, (39, 20, 18)).astype(np.int16)


def doc(angles: np.ndarray, skip: int = -1) -> str:
    """Text of an .mdoc; ``skip`` is a section without an angle."""
    parts = [
        f"[ZValue = {i}]\n" + ("" if i == skip else f"TiltAngle = {angle:.6g}\n")
        for i, angle in enumerate(angles)
    ]
    return "PixelSpacing = 0.5\n" + "".join(parts)


@pytest.mark.parametrize(
    ("name", "text", "head", "warned"),
    [
        ("s.mrc.mdoc", doc(EACH), {"pixel": 1.0001}, r"0\.5 angstrom given; 1\.0001 .* header"),
        ("", "", {"cell": (9.0, 12.0, 39.0)}, None),
        ("s.mrc.mdoc", doc(EACH, 4), {}, None),
        ("s.mrc.mdoc", doc(EACH[:30]), {}, None),
        ("s.rawtlt", "1\n2\n", {}, None),
        ("s.json", "[1, 2]", {}, None),
        ("s.csv", "Label;Mean\n1;2,5\n", {}, None),
        ("s.mdoc", doc(EACH) + "a line without a sign\n", {}, None),
    ],
)
def test_what_is_given_wins(tmp_path: Path, name: str, text: str, head: dict, warned: str) -> None:
    """Binned, oblong, an angle missing, too few sections, a foreign file: nothing stops it."""
    path = write_mrc_bytes(tmp_path / "s.mrc", SECTIONS, **head)
    if name:
        (tmp_path / name).write_text(text)
    np.savetxt(tmp_path / "a.txt", EACH)
    if warned is None:
        series = read_frames(path, tmp_path / "a.txt", 0.5)
    else:
        with pytest.warns(UserWarning, match=warned):
            series = read_frames(path, tmp_path / "a.txt", 0.5)
    assert series.pixel_size == 0.5
    assert series.tilt_angles().tolist() == TILTS.tolist()
    np.testing.assert_array_equal(series.stack(), SECTIONS.transpose(0, 2, 1))


def test_readings_that_scatter_are_one_tilt(tmp_path: Path) -> None:
    read = EACH + np.round(RNG.uniform(-0.009, 0.009, 39), 3)
    path = write_mrc_bytes(tmp_path / "s.mrc", SECTIONS)
    (tmp_path / "s.mrc.mdoc").write_text(doc(read))
    means = read.reshape(13, 3).mean(axis=1)
    for counts in (None, 3):
        series = read_frames(path, frames_per_tilt=counts)
        assert series.frames_per_tilt == [3] * 13
        np.testing.assert_allclose(series.tilt_angles(), means, atol=1e-9)
    folder = tmp_path / "per_tilt"
    folder.mkdir()
    for index in range(13):
        part = slice(3 * index, 3 * index + 3)
        file = write_mrc_bytes(folder / f"t_{index}.mrc", SECTIONS[part])
        Path(f"{file}.mdoc").write_text(doc(read[part]))
    series = read_frames(folder)
    np.testing.assert_allclose(series.tilt_angles(), means, atol=1e-9)
    np.testing.assert_array_equal(series.stack(), SECTIONS.transpose(0, 2, 1))


def test_a_series_tilted_about_a_horizontal_axis(tmp_path: Path) -> None:
    """The axis in the .mdoc makes it the series that was projected, up to its mirror image."""
    atoms = amorphous_particle(20, "Ta", seed=1)
    angles = np.zeros((5, 3))
    angles[:, 1] = [-50, -20, 0, 20, 50]
    images = project_atoms(atoms, angles, 0.5, (40, 36))
    # Rows are x there: a quarter turn and a mirror, as in a file written by another convention.
    path = write_mrc_bytes(tmp_path / "s.mrc", images.astype(np.float32))
    (tmp_path / "s.mrc.mdoc").write_text(
        doc(angles[:, 1]).replace("\n", "\n[T = Tilt axis angle = -90.0, binning = 1]\n", 1)
    )
    read = read_tilt_series(path)
    assert read.detector == (40, 36)
    # Mirrored along x about its centre; the edge of an even side stays apart.
    np.testing.assert_array_equal(read.images[:, 1:], images[:, :0:-1].astype(np.float32))


def test_few_angles_near_zero_are_degrees(tmp_path: Path) -> None:
    """Two angles, or one orientation about three axes, tell nothing about their unit."""
    path = write_mrc_bytes(tmp_path / "s.mrc", SECTIONS[:2])
    np.savetxt(tmp_path / "a.txt", [-1.0, 1.0])
    assert read_tilt_series(path, tmp_path / "a.txt").angles[:, 1].tolist() == [-1, 1]
    np.savetxt(tmp_path / "a.txt", [[1.0, 0.5, -1], [1.0, 0.5, -1]])
    assert read_tilt_series(path, tmp_path / "a.txt").angles[0].tolist() == [1, 0.5, -1]
    np.savetxt(tmp_path / "a.txt", np.linspace(-1, 1, 9).reshape(3, 3))
    path = write_mrc_bytes(tmp_path / "s.mrc", SECTIONS[:3])
    with pytest.raises(InputError, match="look like radians"):
        read_tilt_series(path, tmp_path / "a.txt")
