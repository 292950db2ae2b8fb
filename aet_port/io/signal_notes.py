"""Metadata of a HyperSpy signal: acquisition, tilts of ETSpy, records of this package."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.io.exchange_record import RECORD

_INSTRUMENTS = ("TEM", "SEM")
_LOADED = 10_000_000  # elements of an array that is looked at
_LARGEST = 1000  # elements of an array that is kept as metadata
HORIZONTAL = -90.0  # tilt axis of ETSpy, in degrees from y towards x; tested by reconstruction
_SIGNAL = "_sig_"  # HyperSpy's mark of a signal among the metadata


def at(notes: Any, path: str) -> Any:
    """The entry at a path such as ``General.title``; None if there is none."""
    for key in path.split("."):
        if not isinstance(notes, dict):
            return None
        if key not in notes:
            # HyperSpy has underscores where instruments have blanks, and a mark before signals.
            named = {str(one).replace(" ", "_").removeprefix(_SIGNAL): one for one in notes}
            key = named.get(key.replace(" ", "_"), key)
        notes = notes.get(key)
    return notes


@dataclass(frozen=True, eq=False)
class SignalNotes:
    """Metadata in HyperSpy's arrangement, with what RosettaSciIO maps to it."""

    metadata: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, found: dict[str, Any]) -> SignalNotes:
        """The notes of a signal as RosettaSciIO returns it."""
        metadata = _in_memory(found.get("metadata") or {})
        original = found.get("original_metadata") or {}
        for source, target in (found.get("mapping") or {}).items():
            path, convert = target if isinstance(target, tuple | list) else (target, None)
            value = _in_memory(at(original, source))
            if value is None or at(metadata, path) is not None:
                continue
            try:
                _put(metadata, path, value if convert is None else convert(value))
            except Exception:  # a value that nobody asked for must not stop the reading
                continue
        return cls(metadata)

    @property
    def title(self) -> str:
        """Title of the signal, or else the name of the file it came from; may be empty."""
        title = at(self.metadata, "General.title")
        return str(title or at(self.metadata, "General.original_filename") or "")

    def number(self, path: str) -> float | None:
        """A number above zero at a path below the microscope's entry."""
        for instrument in _INSTRUMENTS:
            value = at(self.metadata, f"Acquisition_instrument.{instrument}.{path}")
            try:
                number = float(value)
            except (TypeError, ValueError):
                continue
            if np.isfinite(number) and number > 0:
                return number
        return None

    def stage_tilt(self) -> NDArray[np.float64] | None:
        """Stage tilt in degrees, one number or one per image."""
        for instrument in _INSTRUMENTS:
            value = at(self.metadata, f"Acquisition_instrument.{instrument}.Stage.tilt_alpha")
            if value is None:
                continue
            try:
                tilts = np.asarray(value, dtype=np.float64).reshape(-1)
            except (TypeError, ValueError):
                continue
            if tilts.size and np.isfinite(tilts).all():
                return tilts
        return None

    def etspy_tilts(self) -> NDArray[np.float64] | None:
        """Tilts of ETSpy's TomoStack in degrees, (n,) or (n, frames); None if nobody set them."""
        found = at(self.metadata, "Tomography.tilts")
        if isinstance(found, dict):
            found = found.get("data")
        if found is None:
            return None
        tilts = np.asarray(found, dtype=np.float64)
        if tilts.ndim > 1 and tilts.shape[-1] == 1:
            tilts = tilts[..., 0]
        return tilts if tilts.any() else None

    def tilt_axis(self) -> float | None:
        """Direction of the tilt axis in degrees from y towards x; None if not stated.

        ETSpy's tilt axis is horizontal; that of this package vertical, until somebody turns the
        images, which ETSpy notes.
        """
        if self.text(RECORD) is not None:
            turned = at(self.metadata, "Tomography.tiltaxis")
            known = isinstance(turned, int | float | np.number)
            return HORIZONTAL if known and abs(float(turned) - 90) < 45 else None
        return HORIZONTAL if at(self.metadata, "Signal.signal_type") == "TomoStack" else None

    def text(self, key: str) -> str | None:
        """Text that is stored as bytes under ``key``."""
        found = at(self.metadata, f"{key}.record")
        if found is None:
            return None
        if isinstance(found, str):
            return found
        return bytes(np.asarray(found, dtype=np.uint8)).decode("utf-8", "replace")

    def common(self) -> dict[str, Any]:
        """Voltage and dwell time, as far as known, under the keys of all formats."""
        volts, dwell = self.number("beam_energy"), self.number("dwell_time")
        return {
            key: value
            for key, value in (
                ("voltage_kv", volts),
                ("dwell_time_us", None if dwell is None else dwell * 1e6),
            )
            if value is not None
        }


def _in_memory(value: Any) -> Any:
    """Metadata with their arrays loaded, so that the file can be closed; not the large ones."""
    if isinstance(value, dict):
        return {key: _in_memory(item) for key, item in value.items()}
    if hasattr(value, "compute"):
        return np.asarray(value.compute(scheduler="synchronous")) if value.size < _LOADED else None
    return value


def _put(notes: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    for key in above:
        notes = notes.setdefault(key, {})
    notes[last] = value


def plain_notes(value: Any) -> Any:
    """Metadata in the types of JSON; what JSON cannot hold as text, and no large arrays."""
    if isinstance(value, np.generic):
        return plain_notes(value.item())
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, dict):
        found = {}
        for key, item in value.items():
            if key == RECORD:
                continue
            inner = str(key).startswith(_SIGNAL) and isinstance(item, dict)
            found[str(key).removeprefix(_SIGNAL)] = plain_notes(item.get("data") if inner else item)
        return found
    if isinstance(value, list | tuple):
        return [plain_notes(item) for item in value]
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        small = int(np.prod(value.shape)) <= _LARGEST
        return plain_notes(np.asarray(value).tolist()) if small else f"array of {value.shape}"
    return str(value)
