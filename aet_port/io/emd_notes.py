"""Metadata of EMD files: attributes and small data sets, and what they say about the microscope."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import short
from aet_port.io.hdf5_tree import (
    as_text,
    attributes,
    check_size,
    member,
    plain_value,
    small_value,
    walk,
)
from aet_port.io.units import degrees, unit_or, unit_word

_STAGE = {"stage a", "stage alpha", "alpha", "alpha tilt", "tilt", "tilt angle", "stage tilt"}
_TILT_AXIS = {"tilt axis", "tilt axis angle", "tilt axis degrees"}
_VOLTAGE = {"voltage", "accelerating voltage", "high tension", "voltage kv"}


def series_metadata(
    file: Path, handle: Any, chosen: Any
) -> tuple[dict[str, Any], dict[str, Any], str | None]:
    """Metadata of the series, the attributes of the file, and why its JSON cannot be used."""
    import h5py

    own, problem = member(chosen, "metadata"), None
    if isinstance(own, h5py.Dataset):
        try:
            check_size(file, own, "metadata")
            found = json.loads(as_text(plain_value(own[()])))
            if isinstance(found, dict):
                return found, {}, None
            problem = f"{type(found).__name__} instead of a dictionary"
        except Exception as error:  # damage; h5py raises every kind
            problem = short(str(error))
    notes = _everything(handle, chosen)
    volts = _volts(notes)
    metadata = {"emd": notes} | ({} if volts is None else {"voltage_kv": volts})
    return metadata, notes, problem


def _everything(handle: Any, chosen: Any) -> dict[str, Any]:
    """Attributes and data sets of a file by their paths, except the data and its axes."""
    import h5py

    found: dict[str, Any] = {f"@{key}": value for key, value in attributes(handle).items()}
    for name, item in walk(handle):
        found |= {f"{name}@{key}": value for key, value in attributes(item).items()}
        own = isinstance(item, h5py.Dataset) and item.parent == chosen
        if not isinstance(item, h5py.Dataset) or (own and re.search(r"/(data|dim\d+)$", item.name)):
            continue
        value = small_value(item)
        if value is not None:
            found[name] = value
    return found


def notes_of_choice(notes: dict[str, Any], chosen: str, all_sets: list[str]) -> dict[str, Any]:
    """Attributes of the chosen data set, then those of the file; not those of the other ones."""
    own = {key: value for key, value in notes.items() if _below(key, chosen)}
    others = [path for path in all_sets if not _below(chosen, path)]
    common = {
        key: value
        for key, value in notes.items()
        if key not in own and not any(_below(key, path) for path in others)
    }
    return own | common


def _below(key: str, path: str) -> bool:
    """Whether a path or the key of an attribute is that of a group or below it."""
    return key == path or key.startswith((f"{path}/", f"{path}@"))


def _named(notes: dict[str, Any], names: set[str]) -> list[tuple[float, str, str]]:
    """Numbers whose key ends in one of the names: value, unit and key."""
    found = []
    for key, value in notes.items():
        word = key.replace("@", "/").rpartition("/")[2].lower().replace("_", " ")
        match = re.fullmatch(r"(.*?)\s*(?:[\[(](.*)[\])])?", word)
        item = value[0] if isinstance(value, list) and len(value) == 1 else value
        if match is None or match[1] not in names or isinstance(item, bool):
            continue
        if isinstance(item, int | float) and np.isfinite(item):
            unit = match[2] or notes.get(f"{key}_units") or notes.get(f"{key} units") or ""
            found.append((float(item), str(unit), key))
    return found


def stage_angle(
    file: Path, notes: dict[str, Any], otherwise: str | None
) -> NDArray[np.float64] | None:
    """The tilt of the stage, if an attribute states it."""
    for value, unit, _ in _named(notes, _STAGE):
        return degrees(file, [value], unit_or(unit, otherwise))
    return None


def tilt_axis(file: Path, notes: dict[str, Any]) -> float | None:
    """Direction of the tilt axis from y towards x in degrees, if an attribute states it."""
    for value, unit, _ in _named(notes, _TILT_AXIS):
        return float(degrees(file, [value], unit)[0])
    return None


def _volts(notes: dict[str, Any]) -> float | None:
    """Accelerating voltage in kilovolt, from an attribute such as ``microscope@voltage``."""
    for key, value in notes.items():
        name = key.replace("@", "/").rpartition("/")[2]
        if name.lower().replace("_", " ") not in _VOLTAGE:
            continue
        item = value[0] if isinstance(value, list) and value else value
        if isinstance(item, int | float) and not isinstance(item, bool) and item > 0:
            units = unit_word(str(notes.get(f"{key} units", notes.get(f"{key}_units", ""))))
            # Without a unit: no microscope operates below 10 V or above 10 MV.
            return float(item) if units == "kv" or (units != "v" and item < 1e4) else item / 1e3
    return None
