"""Metadata of FEI TIA: the XML text in ``.emi`` files.

The format of ``.emi`` is not published, but it contains an XML text for each series. Its tilt is
the entry ``Stage A`` with a unit.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from aet_port.core.errors import DataFileError
from aet_port.io.arrays import existing_file, reading
from aet_port.io.file_names import natural_key

EMI_FILE = "a TIA file (.emi) with an <ObjectInfo> text"
_XML = re.compile(rb"<ObjectInfo>.*?</ObjectInfo>", re.DOTALL)


def series_number(file: Path) -> int | None:
    """The number at the end of ``name_1.ser``."""
    tail = file.stem.rpartition("_")[2]
    return int(tail) if tail.isascii() and tail.isdigit() else None


def emi_of(file: Path) -> Path | None:
    """The .emi of a .ser: ``name_1.ser`` belongs to ``name.emi``."""
    for stem in (file.stem, file.stem.rpartition("_")[0]):
        for suffix in (".emi", ".EMI"):
            beside = file.with_name(stem + suffix)
            if stem and beside.is_file():
                return beside
    return None


def ser_files(emi: Path) -> list[Path]:
    """The .ser files of a .emi, in the order of their numbers."""
    wanted = re.compile(re.escape(emi.stem) + r"(_\d+)?\.ser", re.IGNORECASE)
    found = [item for item in emi.parent.iterdir() if wanted.fullmatch(item.name)]
    return sorted(found, key=natural_key)


def read_emi(path: str | Path, number: int | None = None) -> dict[str, Any]:
    """Read the XML text of a .emi file as nested dictionaries; repeated elements become lists.

    Parameters
    ----------
    path
        The file.
    number
        Number of the series (``name_<number>.ser``, from 1), if the file describes several.

    Raises
    ------
    DataFileError
        If the file is missing or holds no readable description of a series.
    """
    file = existing_file(path, EMI_FILE)
    with reading(file, EMI_FILE):
        texts = [text for text in _XML.findall(file.read_bytes()) if b"<Experiment" in text]
        if not texts:
            raise DataFileError(file, "no <ObjectInfo> text", EMI_FILE)
        index = 0 if not number or number > len(texts) else number - 1
        info = ET.fromstring(texts[index].decode("utf-8", "replace"))
        return {"ObjectInfo": _nested(info)}


def _nested(node: ET.Element) -> Any:
    if len(node) == 0:
        return (node.text or "").strip()
    found: dict[str, Any] = {}
    for child in node:
        value = _nested(child)
        if child.tag not in found:
            found[child.tag] = value
        elif isinstance(found[child.tag], list):
            found[child.tag].append(value)
        else:
            found[child.tag] = [found[child.tag], value]
    return found


def described(notes: dict[str, Any], label: str) -> tuple[float, str] | None:
    """Value and unit of an entry of ``ExperimentalDescription``."""
    entries = _below(notes, "ObjectInfo", "ExperimentalDescription", "Root", "Data")
    for entry in entries if isinstance(entries, list) else [entries]:
        if isinstance(entry, dict) and entry.get("Label") == label:
            value = _float(entry.get("Value"))
            return None if value is None else (value, str(entry.get("Unit", "")))
    return None


def common_notes(notes: dict[str, Any]) -> dict[str, float]:
    """Voltage and dwell time under the keys common to all formats."""
    common = {}
    conditions = ("ObjectInfo", "ExperimentalConditions", "MicroscopeConditions")
    volts = _float(_below(notes, *conditions, "AcceleratingVoltage"))
    if volts:
        common["voltage_kv"] = volts / 1e3
    seconds = _float(_below(notes, "ObjectInfo", "AcquireInfo", "DwellTimePath"))
    if seconds:
        common["dwell_time_us"] = seconds * 1e6
    return common


def _below(tree: Any, *keys: str) -> Any:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _float(text: Any) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if abs(value) < float("inf") else None
