"""Frames as a GIF, or as an MP4 by ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aet_port.core.errors import InputError, MissingDependencyError, OutputError, short
from aet_port.core.files import check_target, write_whole

VIDEO_SUFFIXES = (".gif", ".mp4")
COLOURS = 255  # of a GIF
MOST_FPS = 50.0  # a GIF keeps times in hundredths of a second, and viewers show no less than two


def write_video(path: str | Path, frames: Iterator[NDArray[np.uint8]], fps: float = 20.0) -> Path:
    """Write frames as a video that is repeated without end (GIF) or played once (MP4).

    Equal frames give identical files, with one version of the libraries.

    Parameters
    ----------
    path
        ``.gif``, which needs nothing else, or ``.mp4`` (H.264), which needs the extra ``video`` or
        a program ffmpeg in the search path.
    frames
        Images of one shape (height, width, 3), made while they are written.
    fps
        Frames per second, at most 50; a GIF rounds the time of a frame to 0.01 s.

    Returns
    -------
    The file.

    Raises
    ------
    InputError
        For another suffix, no frames, or a number of frames per second out of range.
    MissingDependencyError
        If an MP4 is asked for without ffmpeg.
    OutputError
        If the file can't be written.
    """
    target = Path(path)
    check_target(target, VIDEO_SUFFIXES)
    if not 0 < fps <= MOST_FPS:
        raise InputError("fps", f"{fps!r}", f"above zero, at most {MOST_FPS:g}")
    program = ffmpeg_program() if target.suffix.lower() == ".mp4" else ""
    first = next(frames, None)
    if first is None:
        raise InputError("frames", "none", "one or more")
    every = chain([first], frames)
    if program:
        return write_whole(target, lambda part: _write_mp4(program, part, first, every, fps))
    return write_whole(target, lambda part: _write_gif(part, first, every, fps))


def ffmpeg_program() -> str:
    """Path of the program ffmpeg: that of imageio-ffmpeg, else one in the search path.

    Raises
    ------
    MissingDependencyError
        If there is none.
    """
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return str(get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        found = shutil.which("ffmpeg")
        if found is None:
            raise MissingDependencyError("MP4 (a GIF needs nothing else)", "video") from None
        return found


def _write_gif(
    path: Path, first: NDArray[np.uint8], frames: Iterator[NDArray[np.uint8]], fps: float
) -> None:
    # One palette for all frames, so that colours don't flicker.
    palette = Image.fromarray(first).quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
    images = (
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in frames
    )
    start = next(images)
    start.save(
        path,
        format="GIF",
        save_all=True,
        append_images=images,
        duration=max(20, 10 * round(100 / fps)),
        loop=0,
        optimize=False,
        disposal=1,
    )


def _write_mp4(
    program: str,
    path: Path,
    first: NDArray[np.uint8],
    frames: Iterator[NDArray[np.uint8]],
    fps: float,
) -> None:
    height, width = first.shape[:2]
    # H.264 wants even sides; bitexact and one thread leave out what varies between calls.
    command = [
        *(program, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"),
        *("-s", f"{width}x{height}", "-r", f"{fps:g}", "-i", "-", "-an"),
        *("-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-c:v", "libx264", "-pix_fmt", "yuv420p"),
        *("-crf", "18", "-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact"),
        *("-movflags", "+faststart", "-f", "mp4", str(path)),
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            for frame in frames:
                process.stdin.write(np.ascontiguousarray(frame).tobytes())
            process.stdin.close()
        except BrokenPipeError:
            pass  # it says below what went wrong
        said = process.stderr.read().decode("utf-8", "replace")
    if process.returncode:
        raise OutputError(path, f"ffmpeg: {short(said)}", "a .gif, or another ffmpeg with libx264")
