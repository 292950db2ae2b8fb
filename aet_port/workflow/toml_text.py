"""Settings written as the text of a TOML file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from aet_port.core.settings import Settings


def config_text(sections: Mapping[str, Settings], title: str = "") -> str:
    """Write sections as the text of a TOML file; settings at their defaults are left out.

    Parameters
    ----------
    sections
        Settings by section name.
    title
        Comment line at the top.
    """
    lines = [f"# {title}"] if title else []
    for name, settings in sections.items():
        lines += ["", f"[{name}]"] if lines else [f"[{name}]"]
        lines += _toml(name, settings)
    return "\n".join(lines) + "\n"


def _toml(name: str, settings: Settings) -> Iterator[str]:
    inner = []
    default = {key: field.get_default() for key, field in type(settings).model_fields.items()}
    for key, value in settings:
        if value == default[key] or value is None:
            continue
        if isinstance(value, Settings):
            inner.append((f"{name}.{key}", value))
            continue
        yield f"{key} = {toml_value(value)}"
    for section, value in inner:
        yield f"\n[{section}]"
        yield from _toml(section, value)


def toml_value(value: Any) -> str:
    """A value of a setting as TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml_value(one)}" for key, one in value.items()) + "}"
    # JSON and TOML write text, numbers, booleans and lists alike.
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
