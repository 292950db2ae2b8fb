"""Every error of the readers of MRC stacks and of what lies beside them says what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aet_port.core.errors import InputError
from aet_port.io import read_tilt_series
from aet_port.io.frames import read_frames
from aet_port.io.settings import ReadSettings
from aet_port.io.volumes import read_volume
from tests.cli.test_options import ALL
from tests.io.mrc_files import sections_of, write_mrc_bytes

N = 6
DOC = "".join(f"[ZValue = {i}]\nTiltAngle = {10 * i}\n" for i in range(N))
RADIANS = "\n".join(map(str, np.linspace(-1.2, 1.2, N)))
LIST = "\n".join(map(str, range(-30, 30, 10)))

# What lies beside a stack, how it is read, and the options and TOML keys that would help.
CASES: dict[str, tuple[dict[str, str], dict[str, Any], tuple[str, ...]]] = {
    "no pixel size": ({"s.tlt": LIST}, {"pixel": 0.0}, ("--pixel-size", "in [sample]")),
    "a pixel size of nobody": ({"s.tlt": LIST}, {"pixel": 1.0}, ("--pixel-size", "in [sample]")),
    "pixels not square": (
        {"s.tlt": LIST},
        {"cell": (2.5, 3.0, 1.0)},
        ("--pixel-size", "in [sample]"),
    ),
    "two pixel sizes": (
        {"s.mdoc": "PixelSpacing = 0.7\n" + DOC},
        {},
        ("--pixel-size", "in [sample]"),
    ),
    "an unusable pixel size": (
        {"s.mdoc": "PixelSpacing = wide\n" + DOC},
        {"pixel": 0.0},
        ("--pixel-size", "in [sample]"),
    ),
    "a sidecar with a pixel size in 1/nm": (
        {"s.json": '{"pixel_size": 1, "pixel_size_unit": "1/nm"}', "s.tlt": LIST},
        {"pixel": 0.0},
        ("--pixel-size", "in [sample]"),
    ),
    "no angles": ({}, {}, ("--angles", "in [input]")),
    "radians": ({"s.tlt": RADIANS}, {}, ("--angle-unit", "in [input]", "--angles")),
    "too few angles": ({"s.tlt": "1\n2\n3\n4\n"}, {}, ("--angles", "in [input]")),
    "too few sections": ({"s.mdoc": "[ZValue = 0]\nTiltAngle = 3\n"}, {}, ("--angles", "[input]")),
    "a section without an angle": (
        {"s.mdoc": DOC.replace("TiltAngle = 30\n", "")},
        {},
        ("--angles", "in [input]"),
    ),
    "an unreadable mdoc": ({"s.mdoc": "no sign\n"}, {}, ("--angles", "in [input]")),
    "angles about several axes": ({"s.tlt": "0 1 0\n" + "1 2 0\n" * 5}, {}, ("--angles", "[input")),
    "an unreadable list": ({"s.tlt": "1\n2\nthree\n"}, {}, ("--angles", "in [input]")),
    "a unit that is none": (
        {"s.csv": "angle (turns)\n" + LIST},
        {},
        ("--angles", "in [input]"),
    ),
    "an axis that is none": (
        {"s.mdoc": "[T = Tilt axis angle = 1000]\n" + DOC},
        {},
        ("--tilt-axis", "tilt_axis in [input]"),
    ),
    "no transforms": ({"s.tlt": LIST}, {"transforms": "beside"}, ("--transforms", "in [input]")),
    "too few transforms": (
        {"s.tlt": LIST, "s.xf": "1 0 0 1 0 0\n" * 4},
        {"transforms": "beside"},
        ("--transforms", "in [input]"),
    ),
    "a bad transform": (
        {"s.tlt": LIST, "s.xf": "1 0 0 1 0\n"},
        {"transforms": "beside"},
        ("--transforms", "in [input]"),
    ),
}


def frames_of(path: Path, read: ReadSettings) -> object:
    return read_frames(path, read=read).tilt_angles()


def series_of(path: Path, read: ReadSettings) -> object:
    return read_tilt_series(path, read=read)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("road", [frames_of, series_of])
@pytest.mark.parametrize("name", CASES)
def test_errors_name_the_option_and_the_key(
    tmp_path: Path, name: str, road: Callable[[Path, ReadSettings], object]
) -> None:
    beside, facts, words = CASES[name]
    settings = {key: facts[key] for key in facts if key == "transforms"}
    head = {key: facts[key] for key in facts if key != "transforms"}
    path = write_mrc_bytes(tmp_path / "s.mrc", sections_of(N, 5, 4), **head)
    for file, text in beside.items():
        (tmp_path / file).write_text(text)
    with pytest.raises(InputError) as caught:
        road(path, ReadSettings(**settings))
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_volume_of_unknown_size_names_the_option(tmp_path: Path) -> None:
    for pixel in (0.0, 1.0):
        path = write_mrc_bytes(tmp_path / "v.mrc", sections_of(3, 5, 4), pixel=pixel)
        with pytest.raises(InputError, match="--pixel-size"):
            read_volume(path)
    write_mrc_bytes(path, sections_of(3, 5, 4), cell=(5.0, 3.0, 3.0))
    with pytest.raises(InputError, match="--pixel-size"):
        read_volume(path)


def test_the_options_named_exist() -> None:
    """Of `aet reconstruct`; the angles are an argument there and an option of `aet preprocess`."""
    named = {word for _, _, words in CASES.values() for word in words if word.startswith("--")}
    commands = {one.name: one for one in ALL}
    known = {*commands["reconstruct"].options, *commands["preprocess"].options}
    assert named <= known
