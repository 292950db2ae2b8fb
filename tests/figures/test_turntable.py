"""Turntables: what is drawn turns, once around, in one sense; videos decode frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import Volume
from aet_port.core.errors import InputError, MissingDependencyError, OutputError
from aet_port.figures import video_files
from aet_port.figures.turntable import turn_atoms, turn_networks, turn_volume
from aet_port.figures.video_files import write_video
from aet_port.simulation import amorphous_particle
from aet_port.structure import analyze

# Two atoms across the axis; red and blue, so that they can be told apart.
PAIR = AtomicModel.from_positions([[6.0, 0, 0], [-6.0, 0, 0]], ["Ta", "Pd"])
COLOURS = {"Ta": "red", "Pd": "blue"}


def place(frame: NDArray[np.uint8], channel: int) -> NDArray[np.float64]:
    """Centre of what is red (0) or blue (2) and little else: column and row from the middle."""
    others = [k for k in range(3) if k != channel]
    seen = frame[..., channel].astype(float) - frame[..., others].max(axis=-1)
    rows, columns = np.nonzero(seen > 40)
    return np.array([columns.mean(), rows.mean()]) - 0.5 * (np.array(frame.shape[1::-1]) - 1)


def test_atoms_turn_once_around_the_vertical() -> None:
    frames = list(turn_atoms(PAIR, 8, 120, COLOURS))
    assert len(frames) == 8
    assert {frame.shape for frame in frames} == {(120, 120, 3)}
    columns = np.array([place(frame, 0)[0] for frame in frames[:2] + frames[3:6] + frames[7:]])
    scale = 120 / (2 * (6 + 0.75 + 1))  # pixels per angstrom: radius of the turn, atom, margin
    angles = np.deg2rad(45 * np.array([0, 1, 3, 4, 5, 7]))
    np.testing.assert_allclose(columns, 6 * scale * np.cos(angles), atol=3)  # highlights
    # At a quarter the red atom is behind or before the blue one, and seen above or below it.
    quarter, three = (place(frames[k], 0)[1] for k in (2, 6))
    assert quarter * three < 0
    assert abs(quarter) == pytest.approx(6 * scale * np.sin(np.deg2rad(15)), abs=3)


def test_volume_turns_in_the_sense_of_the_atoms() -> None:
    array = np.zeros((31, 21, 31), np.float32)
    array[25, 10, 22] = 1
    position = np.array([25.0 - 15, 0, 22 - 15])
    frames = list(turn_volume(Volume(array, 1.0), 12, 124))
    atom = AtomicModel.from_positions([position, -position], ["Ta", "Pd"])
    for k, (frame, drawn) in enumerate(
        zip(frames, turn_atoms(atom, 12, 240, COLOURS), strict=True)
    ):
        where = np.argwhere(frame[..., 0] > 100).mean(axis=0)
        column = (where[1] - 0.5 * (frame.shape[1] - 1)) * np.hypot(31, 31) / frame.shape[1]
        angle = 2 * np.pi * k / 12
        expected = position[0] * np.cos(angle) + position[2] * np.sin(angle)
        assert column == pytest.approx(expected, abs=0.6)  # voxels
        scale = 240 / (2 * (np.linalg.norm(position) + 1.75))
        if abs(expected) > 3:  # else one atom hides the other
            assert place(drawn, 0)[0] / scale == pytest.approx(expected, abs=0.6)


def test_volume_upright_and_scaled_alike_in_all_frames() -> None:
    array = np.zeros((16, 24, 16), np.float32)
    array[8, 20, 8] = 2
    frames = list(turn_volume(Volume(array, 1.0), 4, 96))
    for frame in frames:
        row = np.argwhere(frame[..., 0] > 100).mean(axis=0)[0]
        assert row == pytest.approx((24 - 20 - 0.5) * frame.shape[0] / 24, abs=2.5)  # y upwards
    assert all(side % 2 == 0 for side in frames[0].shape[:2])
    with pytest.raises(InputError, match="nothing above zero"):
        turn_volume(Volume(-array, 1.0), 4, 96)
    with pytest.raises(InputError, match="colour map"):
        turn_volume(Volume(array, 1.0), 4, 96, "no such map")


def test_networks_turn() -> None:
    atoms = amorphous_particle(120, "Ta", seed=1).atoms
    found = analyze(atoms, cutoff=4.1, order=False)
    one, two = turn_networks(atoms, found, 2, 64)
    assert one.shape == (64, 64, 3)
    assert (one != two).any()


@pytest.mark.parametrize(
    ("colours", "frames", "pixels", "words"),
    [
        ({"Cu": "red"}, 4, 64, "--colours: found Cu; expected one of Pd, Ta"),
        ({"Ta": "no colour"}, 4, 64, "--colours: Ta: found 'no colour'"),
        ({}, 0, 64, "frames: found 0"),
        ({}, 4, 15, "pixels: found 15"),
    ],
)
def test_what_is_refused(colours: dict[str, str], frames: int, pixels: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        turn_atoms(PAIR, frames, pixels, colours)


def test_gif(tmp_path: Path) -> None:
    """It decodes to the frames that were written, with their time, and again to the same bytes."""
    expected = list(turn_atoms(PAIR, 6, 80, COLOURS))
    paths = [write_video(tmp_path / f"{k}.gif", iter(expected), fps=10) for k in range(2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with Image.open(paths[0]) as image:
        assert (image.n_frames, image.info["duration"], image.info["loop"]) == (6, 100, 0)
        decoded = [np.asarray(one.convert("RGB")) for one in ImageSequence.Iterator(image)]
    for one, other in zip(decoded, expected, strict=True):
        # 255 colours for shades of red, blue and the background.
        assert np.abs(one.astype(int) - other).mean() < 4


def still(number: int) -> Iterator[NDArray[np.uint8]]:
    for k in range(number):
        yield np.full((17, 21, 3), 40 * k, np.uint8)


def test_mp4(tmp_path: Path) -> None:
    pytest.importorskip("imageio_ffmpeg", reason="pip install 'aet-port[video]'")
    from imageio_ffmpeg import count_frames_and_secs

    paths = [write_video(tmp_path / f"{k}.mp4", still(5), fps=10) for k in range(2)]
    assert count_frames_and_secs(str(paths[0])) == (5, pytest.approx(0.5, abs=0.01))
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_mp4_by_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the program gets is the frames; what it says when it fails is in the error."""
    stub = tmp_path / "ffmpeg"
    stub.write_text('#!/bin/sh\nfor last; do :; done\ncat > "$last"\n')
    stub.chmod(0o755)
    monkeypatch.setattr(video_files, "ffmpeg_program", lambda: str(stub))
    write_video(tmp_path / "v.mp4", still(3))
    assert (tmp_path / "v.mp4").read_bytes() == b"".join(f.tobytes() for f in still(3))
    stub.write_text("#!/bin/sh\necho no encoder >&2\nexit 1\n")
    with pytest.raises(OutputError, match="no encoder"):
        write_video(tmp_path / "w.mp4", still(3))
    assert not (tmp_path / "w.mp4").exists()


def test_without_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match=r"aet-port\[video\]"):
        write_video(tmp_path / "v.mp4", still(2))


def test_videos_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.gif, \.mp4"):
        write_video(tmp_path / "v.avi", still(2))
    with pytest.raises(InputError, match="fps"):
        write_video(tmp_path / "v.gif", still(2), fps=60)
    with pytest.raises(InputError, match="frames: found none"):
        write_video(tmp_path / "v.gif", still(0))
