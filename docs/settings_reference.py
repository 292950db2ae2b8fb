"""Settings of a run, from their classes: a page, a JSON schema, and the annotated examples."""

from __future__ import annotations

import json
import re
import textwrap
import types
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import create_model
from pydantic.fields import FieldInfo

from aet_port.core.settings import Settings, expectation, facts_of
from aet_port.workflow.config import ON_REQUEST, SECTIONS
from aet_port.workflow.toml_text import toml_value

WIDTH, COMMENT = 112, 34  # characters of a line of an example; where its comment starts
HEAD = """\
# Settings of a run

Made by `make docs` from the settings classes, which are also what the functions, the options of the
commands and the annotated [examples](../examples) take their defaults from. A run is one TOML file;
a wrong key or value is refused before any work starts, with the nearest key and the bounds.
[run.schema.json](run.schema.json) is the same for editors that complete and check TOML.
"""
PARTICLE = """\
# Every setting of a run on a tilt series, with its default. Keys behind a # have no default, or
# stand for what most runs do without. Copy this file, keep what you change, delete the rest.
#
#   aet run particle.toml --out particle
"""
PAPERS = """\
# Every setting of a run by the chain of the papers: a volume is reconstructed, its maxima are
# traced, and the atoms are refined against the images.
#
#   aet run papers.toml --out papers
"""
FRAMES = """\
# Every setting of a run that starts from raw frames, in the section that is for them; the other
# sections are those of particle.toml.
#
#   aet run frames.toml --out from_frames
"""
SIMULATED = """\
# Every setting of a run that simulates the tilt series of a model, finds the atoms again and
# compares; other sections are those of particle.toml. `aet precision MODEL` writes such a file.
#
#   aet run simulated.toml --out simulated
"""
_SHOWN = {
    "particle.toml": (
        PARTICLE,
        (
            "sample",
            "input",
            "refine_angles",
            "detect",
            "analyze",
        ),
    ),
    "papers.toml": (
        PAPERS,
        (
            "sample",
            "input",
            "refine_angles",
            "reconstruct",
            "trace",
            "select",
            "classify",
            "refine",
            "analyze",
        ),
    ),
    "frames.toml": (FRAMES, ("sample", "input", "preprocess")),
    "simulated.toml": (SIMULATED, ("sample", "input", "synthetic", "simulate", "compare")),
}
EXAMPLES = tuple(_SHOWN)
_GIVEN: dict[str, dict[str, Any]] = {
    "particle.toml": {"projections": "projections.mat", "angles": "angles.mat"},
    "papers.toml": {"projections": "projections.mat", "angles": "angles.mat"},
    "frames.toml": {"projections": "frames.mrc"},
    "simulated.toml": {},
}
_KEYS = {
    "particle.toml": lambda key: (
        key not in ("model", "model_reading", "areas", "placement", "volume_shape")
    ),
    "papers.toml": lambda key: key not in ("model", "model_reading"),
    "frames.toml": lambda key: key in ("projections", "angles"),
    "simulated.toml": lambda key: key in ("model", "model_reading", "angles"),
}
# Where a run needs a value though the class has a default.
_INSTEAD = {
    ("simulated.toml", "sample", "kind"): "synthetic",
    ("papers.toml", "sample", "preset"): "papers",
}
_NOTES = {
    "refine_angles": "Only there if angles and shifts are to be refined against a volume first.",
    "refine": "Only there if the model is to be refined against the projections.",
    "classify": "For several species.",
    "preprocess": "Its being there says that the input are raw frames.",
}


def settings_page() -> str:
    """The page of all settings, section by section."""
    parts = [HEAD]
    for name, settings in SECTIONS.items():
        parts += _page_of(name, settings, name in ON_REQUEST)
    return "\n".join(parts) + "\n"


def _page_of(name: str, settings: type[Settings], on_request: bool) -> Iterator[str]:
    yield f"\n## [{name}]\n"
    text = " ".join((settings.__doc__ or "").split("\n\n")[0].split())
    text = text.removeprefix(f"``[{name}]``: ")
    yield _plain(text[:1].upper() + text[1:])
    if on_request:
        yield "\nThe section is optional: without it the run does nothing of the kind."
    inner = []
    yield "\n| key | default | takes | what it is |\n|---|---|---|---|"
    for key, field in settings.model_fields.items():
        value = None if field.is_required() else field.get_default()
        if isinstance(value, Settings):
            inner.append((f"{name}.{key}", type(value)))
            continue
        shown = "required" if field.is_required() else _toml(value)
        takes = expectation(field).replace("|", "\\|")
        yield f"| `{key}` | {f'`{shown}`' if shown else ''} | {takes} | {field.description} |"
    for section, kind in inner:
        yield from _page_of(section, kind, False)


def run_schema() -> str:
    """JSON schema of the TOML file of a run."""
    fields: dict[str, Any] = {
        name: (kind, ...) if name == "sample" else (kind | None, None)
        for name, kind in SECTIONS.items()
    }
    model = create_model("Run", **fields)
    schema = model.model_json_schema()
    schema["title"] = "Run of aet-port"
    return json.dumps(schema, indent=1) + "\n"


def example(name: str) -> str:
    """Text of an annotated example, one of :data:`EXAMPLES`."""
    head, sections = _SHOWN[name]
    lines = [head.rstrip()]
    for section in sections:
        lines += _example_section(name, section, SECTIONS[section])
    return "\n".join(lines) + "\n"


def _example_section(name: str, section: str, settings: type[Settings]) -> Iterator[str]:
    yield ""
    if section in _NOTES:
        yield f"# {_NOTES[section]}"
    yield f"[{section}]"
    inner = []
    for key, field in settings.model_fields.items():
        if section == "input" and not _KEYS[name](key):
            continue
        default = None if field.is_required() else field.get_default()
        if isinstance(default, Settings):
            inner.append((f"{section}.{key}", type(default)))
            continue
        given = _GIVEN[name].get(key) if section == "input" else None
        value = _INSTEAD.get((name, section, key), default if given is None else given)
        if field.is_required():
            value = facts_of(field)["example"]
        off = value is None or value == ()
        text = _toml(facts_of(field)["example"] if off else value)
        yield from _line(f"{'# ' if off else ''}{key} = {text}", _comment(field))
    for further, kind in inner:
        yield from _example_section(name, further, kind)


def _line(setting: str, comment: str) -> Iterator[str]:
    line = f"{setting:<{COMMENT}}  # {comment}"
    if len(line) <= WIDTH:
        yield line
    else:
        yield from textwrap.wrap(comment, WIDTH, initial_indent="# ", subsequent_indent="# ")
        yield setting


def _comment(field: FieldInfo) -> str:
    text, unit = str(field.description), facts_of(field)["unit"]
    if unit:
        text = f"{text.rstrip('.')} ({unit})."
    choices = _choices(field.annotation)
    if len(choices) > 1:
        text = f"{text.rstrip('.')}: {', '.join(choices)}."
    return text


def _choices(hint: Any) -> Sequence[str]:
    parts = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return [str(one) for part in parts if get_origin(part) is Literal for one in get_args(part)]


def _toml(value: Any) -> str:
    return "" if value is None else toml_value(value)


def _plain(text: str) -> str:
    text = re.sub(r":(?:func|class|mod|meth):`~?([^`]+)`", r"`\1`", text)
    return text.replace("``", "`")
