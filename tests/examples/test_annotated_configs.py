"""The annotated configurations are those the settings classes make, and load as they stand."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from aet_port.core.settings import Settings
from aet_port.workflow.config import SECTIONS, load_config
from docs.settings_reference import EXAMPLES, example, run_schema, settings_page

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples"
KEY = re.compile(r"^(?P<off># )?(?P<key>[a-z_0-9]+) = (?P<value>.+?)(?:  #.*)?$")
# Keys that contradict others which stand there, or that need several species.
ALONE = {
    *("areas", "placement", "volume_shape", "model", "unassigned", "preset"),
    *("film_marker", "tilt_axis", "schedule", "rounds", "background", "crop"),
    *("composition", "calibration", "film_particles"),
}


def sections_in(text: str) -> dict[str, dict[str, tuple[bool, Any]]]:
    """Keys by section: whether each is in force, and its value; also those behind a #."""
    found: dict[str, dict[str, tuple[bool, Any]]] = {}
    section: dict[str, tuple[bool, Any]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
        elif match := KEY.match(line):
            value = tomllib.loads(f"value = {match['value']}")["value"]
            section[match["key"]] = (match["off"] is None, value)
    return found


@pytest.mark.parametrize("name", [path.name for path in sorted(FOLDER.glob("*.toml"))])
def test_it_loads(name: str) -> None:
    load_config(FOLDER / name)


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_is_what_the_settings_make(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == example(name), "make docs"


def test_pages_are_current() -> None:
    for name, text in (("settings.md", settings_page()), ("run.schema.json", run_schema())):
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == text, "make docs"


def test_every_key_is_shown_with_its_default() -> None:
    shown: dict[str, dict[str, tuple[bool, Any]]] = {}
    for name in EXAMPLES:
        for section, keys in sections_in(example(name)).items():
            shown[section] = keys | shown.get(section, {})

    def check(section: str, kind: type[Settings]) -> None:
        for key, field in kind.model_fields.items():
            default = None if field.is_required() else field.get_default()
            if isinstance(default, Settings):
                check(f"{section}.{key}", type(default))
                continue
            in_force, value = shown[section][key]
            if field.is_required() or (section, key) in (("input", "projections"),):
                assert in_force, key
            elif default not in (None, ()):
                assert in_force, key
                assert (tuple(value) if isinstance(value, list) else value) == default, key

    for section, kind in SECTIONS.items():
        if section != "simulate_frames":  # of `aet scoreboard`
            check(section, kind)


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_stands_behind_a_hash_is_taken_too(tmp_path: Path, name: str) -> None:
    lines = example(name).splitlines()
    for number, line in enumerate(lines):
        match = KEY.match(line)
        if match and match["off"] and match["key"] not in ALONE:
            lines[number] = line.removeprefix("# ")
    (tmp_path / name).write_text("\n".join(lines))
    assert load_config(tmp_path / name).sample.pixel_size == 0.35


def test_the_schema_knows_every_section_and_its_bounds() -> None:
    schema = json.loads(run_schema())
    assert set(schema["properties"]) == set(SECTIONS)
    fields = schema["$defs"]["ReconstructSettings"]["properties"]
    assert fields["iterations"]["default"] == 200
    assert fields["iterations"]["minimum"] == 1
    assert fields["step"]["exclusiveMinimum"] == 0
