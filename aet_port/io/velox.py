"""EMD files of Velox (HDF5): images of a detector with all settings of the microscope as JSON.

``Data/Image/<id>/Data`` is (y, x, frame); ``Metadata`` holds JSON as zero-terminated bytes, in one
column for each frame or one for all. Its numbers are text in SI units: ``BinaryResult`` has pixel
size and detector, ``Optics`` the voltage, ``Scan`` the dwell time, ``Stage`` the tilt ``AlphaTilt``
in radians.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError
from aet_port.io.arrays import existing_file, reading, real_array
from aet_port.io.raw_images import RawImages
from aet_port.io.settings import READ, ReadSettings
from aet_port.io.statements import Stated, stated
from aet_port.io.units import angstrom

VELOX_FILE = "an EMD file of Velox with images"
IMAGES = "Data/Image"


def read_velox(path: str | Path, read: ReadSettings = READ) -> RawImages:
    """Read the frames of one detector.

    Parameters
    ----------
    path
        The file.
    read
        Its ``detector``, the name of the detector such as ``"HAADF"``, is needed only if the file
        holds images of several detectors, of which none or several are HAADF.

    Returns
    -------
    RawImages, with the stage tilt of each frame. Metadata: ``velox``, the JSON of the first frame,
    with ``voltage_kv``, ``dwell_time_us`` and ``detector``.

    Raises
    ------
    DataFileError
        If the file is missing, truncated or not from Velox, or holds only spectra, several
        detectors to choose from, pixels that are not square, or the transform of an image.

    MATLAB: none
    """
    import h5py

    file = existing_file(path, VELOX_FILE)
    with reading(file, VELOX_FILE), h5py.File(file, "r") as handle:
        images = handle.get(IMAGES)
        if not isinstance(images, h5py.Group) or len(images) == 0:
            raise DataFileError(file, f"no {IMAGES}", VELOX_FILE)
        chosen = _chosen(file, images, read.detector)
        data = chosen["Data"]
        if data.ndim != 3 or data.dtype.kind not in "iuf":
            raise DataFileError(
                file, f"an array of shape {data.shape} of {data.dtype}", "images (y, x, frame)"
            )
        array = real_array(file, data[()], VELOX_FILE).transpose(2, 1, 0)
        table = chosen["Metadata"][()]
        n = len(array)
        if table.shape[1] not in (1, n):
            raise DataFileError(
                file, f"{table.shape[1]} records for {n} frames", "one for each or all"
            )
        notes = [_record(file, column) for column in table.T]
        tilts = [_number(note, "Stage", "AlphaTilt") for note in notes]
        angles: list[Stated[NDArray[np.float64]]] = []
        if None not in tilts:
            each = np.rad2deg(np.array(tilts, dtype=np.float64))
            angles = [Stated("AlphaTilt of the stage", np.broadcast_to(each, n).copy())]
        first = notes[0]
        metadata: dict[str, Any] = {"velox": first, "detector": _detector(first)}
        volts, dwell = (
            _number(first, "Optics", "AccelerationVoltage"),
            _number(first, "Scan", "DwellTime"),
        )
        metadata |= {} if volts is None else {"voltage_kv": volts / 1e3}
        metadata |= {} if dwell is None else {"dwell_time_us": dwell * 1e6}
        return RawImages(
            np.ascontiguousarray(array),
            angles,
            stated("BinaryResult", lambda: _pixel_size(file, first)),
            frames_per_tilt=None if angles else [n],
            metadata=metadata,
        )


def _chosen(file: Path, images: Any, detector: str | None) -> Any:
    """The group of the detector, or of the only one, or of the only HAADF."""
    groups = [images[name] for name in sorted(images)]
    if len(groups) == 1 and detector is None:
        return groups[0]
    names = [_detector(_record(file, group["Metadata"][:, 0])) for group in groups]
    wanted = [
        group
        for group, name in zip(groups, names, strict=True)
        if (name == detector if detector is not None else name.upper().startswith("HAADF"))
    ]
    if len(wanted) != 1:
        raise DataFileError(
            file,
            f"images of {', '.join(names)}",
            f"one of detector {detector or 'HAADF'}; choose with --detector NAME",
        )
    return wanted[0]


def _record(file: Path, column: NDArray) -> dict[str, Any]:
    text = bytes(np.asarray(column, dtype=np.uint8)).rstrip(b"\0").decode("utf-8", "replace")
    found = json.loads(text) if text else {}
    if not isinstance(found, dict):
        raise DataFileError(file, "metadata that are not a JSON object", VELOX_FILE)
    return found


def _entry(note: dict[str, Any], *keys: str) -> Any:
    value: Any = note
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _number(note: dict[str, Any], *keys: str) -> float | None:
    value = _entry(note, *keys)
    return None if value in (None, "") else float(value)


def _detector(note: dict[str, Any]) -> str:
    return str(_entry(note, "BinaryResult", "Detector") or "unknown")


def _pixel_size(file: Path, note: dict[str, Any]) -> float | None:
    unit = _entry(note, "BinaryResult", "PixelUnitX")
    sides = [_number(note, "BinaryResult", "PixelSize", side) for side in ("width", "height")]
    known = [angstrom(file, side, unit) for side in sides if side is not None]
    if not known or known[0] is None:
        return None
    if not np.allclose(np.array(known, dtype=np.float64), known[0], rtol=1e-3, atol=0):
        raise DataFileError(
            file, f"pixels of {known[0]:.6g} x {known[1]:.6g} angstrom", "square pixels"
        )
    return known[0]
