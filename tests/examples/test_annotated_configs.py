"""The annotated configurations load, and show every key of a run with its default."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from aet_port.workflow import config as configuration
from aet_port.workflow.config import load_config

FOLDER = Path(__file__).resolve().parents[2] / "examples"
SECTIONS = configuration._SECTIONS
KEY = re.compile(r"^(?P<off># )?(?P<key>[a-z_0-9]+) = (?P<value>.+)$")


def shown(name: str) -> dict[str, dict[str, tuple[bool, Any]]]:
    """Keys by section: whether each is in force, and its value; also those behind a #."""
    found: dict[str, dict[str, tuple[bool, Any]]] = {}
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = found.setdefault(line.split("]")[0].strip("["), {})
        elif match := KEY.match(line):
            value = tomllib.loads(f"value = {match['value']}")["value"]
            section[match["key"]] = (match["off"] is None, value)
    return found


@pytest.mark.parametrize("name", [path.name for path in sorted(FOLDER.glob("*.toml"))])
def test_it_loads(name: str) -> None:
    load_config(FOLDER / name)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_shown_with_its_default(section: str) -> None:
    name = "frames.toml" if section == "preprocess" else "particle.toml"
    keys = shown(name)[section]
    known = {field.name: field for field in fields(SECTIONS[section])}
    assert set(keys) == set(known)
    for key, (in_force, value) in keys.items():
        default = known[key].default
        if default is MISSING or (section, key) == ("input", "angles"):
            assert in_force, key
        elif default in (None, ()):
            assert not in_force, key
        else:
            assert in_force, key
            assert value == default, key


def test_what_stands_behind_a_hash_is_taken_too(tmp_path: Path) -> None:
    """With the keys that go together brought into force, both files still load."""
    off = {
        "areas",
        "placement",
        "volume_shape",
        "unassigned",
        "film_marker",
        "tilt_axis",
        "schedule",
        "rounds",
        "background",
    }
    for name in ("particle.toml", "frames.toml"):
        lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            match = KEY.match(line)
            if match and match["off"] and match["key"] not in off:
                lines[number] = line.removeprefix("# ")
        (tmp_path / name).write_text("\n".join(lines))
        config = load_config(tmp_path / name)
        assert config.sample.pixel_size == 0.35
