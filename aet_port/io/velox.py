"""EMD files of Velox (HDF5): images of a detector with all settings of the microscope as JSON.

``Data/Image/<id>/Data`` is (y, x, frame); ``Metadata`` holds JSON as zero-terminated bytes, in one
column for each frame or one for all. Its numbers are text in SI units: ``BinaryResult`` has pixel
size and detector, ``Optics`` the voltage, ``Scan`` the dwell time, ``Stage`` the tilt ``AlphaTilt``
in radians. Transforms of a live FFT and results of DPC are pairs of numbers and no frames.

Direction of y: Velox shows the first row at the top, so that y runs down the screen: x, y and the
direction away from the viewer are right-handed, and the reconstruction is the mirror image unless
the signs of the angles are reversed. The direction of the tilt axis is not in the file; it depends
on the rotation of the scan.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import DataFileError
from aet_port.io.arrays import existing_file, reading
from aet_port.io.hdf5_heaps import check_heaps
from aet_port.io.hdf5_tree import check_size, member, stored_array
from aet_port.io.image_choice import Candidate, choose
from aet_port.io.raw_images import RawImages
from aet_port.io.settings import READ, ReadSettings
from aet_port.io.statements import Stated, stated
from aet_port.io.units import is_reciprocal, square_size

VELOX_FILE = "an EMD file of Velox with images"
IMAGES = "Data/Image"
_LABELS = ("Presentation", "Displays", "ImageDisplay")


@checked
def read_velox(path: str | Path, read: ReadSettings = READ) -> RawImages:
    """Read the frames of one detector.

    Parameters
    ----------
    path
        The file.
    read
        Its ``detector``, the name of the detector such as ``"HAADF"``, ``image`` or ``group`` is
        needed only if the file holds several images, of which none or several are HAADF;
        transforms and results of DPC are not counted, nor diffraction patterns beside images.

    Returns
    -------
    RawImages, with the stage tilt of each frame. Metadata: ``velox``, the JSON of the first frame,
    with ``voltage_kv``, ``dwell_time_us`` and ``detector``.

    Raises
    ------
    DataFileError
        If the file is missing, truncated or not from Velox, or holds only spectra, several
        detectors to choose from, or the transform of an image.

    Notes
    -----
    MATLAB: none
    """
    import h5py

    file = existing_file(path, VELOX_FILE)
    check_heaps(file)
    with reading(file, VELOX_FILE), h5py.File(file, "r") as handle:
        return images_of_velox(file, handle, read)


def images_of_velox(file: Path, handle: Any, read: ReadSettings) -> RawImages:
    """The frames of one detector in an open file; see :func:`read_velox`.

    Raises
    ------
    DataFileError
        As :func:`read_velox`.
    """
    import h5py

    images = member(handle, *IMAGES.split("/"))
    if not isinstance(images, h5py.Group) or len(images) == 0:
        raise DataFileError(file, f"no {IMAGES}", VELOX_FILE)
    chosen = _chosen(file, _candidates(images, _labels(handle)), read)
    array = stored_array(file, chosen["Data"], VELOX_FILE)
    if array.ndim == 2:
        array = array[:, :, np.newaxis]
    array = np.ascontiguousarray(array.transpose(2, 1, 0))
    n = len(array)
    notes, problem = _records(file, member(chosen, "Metadata"), n)
    first = notes[0] if notes else {}
    tilts = [_number(note, "Stage", "AlphaTilt") for note in notes]
    angles: list[Stated[NDArray[np.float64]]] = []
    if tilts and None not in tilts:
        each = np.rad2deg(np.array(tilts, dtype=np.float64))
        angles = [Stated("AlphaTilt of the stage", np.broadcast_to(each, n).copy())]
    if problem is not None:
        angles = [Stated("metadata", None, problem)]
    metadata: dict[str, Any] = {"velox": first, "detector": _detector(first)}
    volts = _number(first, "Optics", "AccelerationVoltage")
    dwell = _number(first, "Scan", "DwellTime")
    metadata |= {} if volts is None else {"voltage_kv": volts / 1e3}
    metadata |= {} if dwell is None else {"dwell_time_us": dwell * 1e6}
    return RawImages(
        array,
        angles,
        stated("BinaryResult", lambda: _pixel_size(file, first)),
        frames_per_tilt=None if angles else [n],
        metadata=metadata,
    )


def _labels(handle: Any) -> dict[str, str]:
    """Titles of the images by their ids, from the displays; what cannot be read is left out."""
    found: dict[str, str] = {}
    displays = member(handle, *_LABELS)
    for key in [] if displays is None else list(displays):
        try:
            note = json.loads(displays[key][0])
            found[note["dataPath"].rpartition("/")[2]] = str(note["display"]["label"])
        except Exception:  # nobody asked for it
            continue
    return found


def _candidates(images: Any, labels: dict[str, str]) -> list[Candidate[Any]]:
    """The images, and why some can be no frames."""
    import h5py

    found: list[Candidate[Any]] = []
    for key in sorted(images):
        group = member(images, key)
        data = member(group, "Data") if isinstance(group, h5py.Group) else None
        if not isinstance(data, h5py.Dataset):
            continue
        note = _first_record(group)
        detector = _detector(note)
        expected = f"images (y, x, frame); {VELOX_FILE}"
        problem = None
        if data.dtype.kind not in "iuf":
            names = "".join(data.dtype.names or ()).lower()
            kind = "a transform" if "half" in names else "a complex image"
            problem = f"{kind}, an array of shape {data.shape} of {data.dtype}"
        elif data.ndim not in (2, 3):
            problem = f"an array of shape {data.shape} of {data.dtype}"
        elif 0 in data.shape:
            problem = f"an array without values of shape {data.shape}"
        unit = str(_entry(note, "BinaryResult", "PixelUnitX") or "")
        doubt = f"calibrated in {unit}" if is_reciprocal(unit) else None
        name = labels.get(key, detector)
        found.append(Candidate(name, group, problem, detector, f"{IMAGES}/{key}", expected, doubt))
    return found


def _chosen(file: Path, found: list[Candidate[Any]], read: ReadSettings) -> Any:
    """The group of the image meant, or of the only one, or of the only HAADF."""
    if read.image is None and read.detector is None and read.group is None:
        sure = [item for item in found if not item.problem and not item.doubt]
        dark = [item for item in sure if (item.detector or "").upper().startswith("HAADF")]
        found = dark if len(dark) == 1 else found
    return choose(file, found, read, VELOX_FILE).item


def _records(file: Path, table: Any, n: int) -> tuple[list[dict[str, Any]], DataFileError | None]:
    """Settings of each frame, or of all; and why they cannot be used."""
    if table is None:
        return [], None
    try:
        check_size(file, table, "metadata of Velox")
        columns = np.asarray(table[()], dtype=np.uint8).T
        records = [_record(column) for column in columns]
    except Exception as error:  # h5py and JSON raise every kind
        found = f"metadata that cannot be read ({type(error).__name__})"
        return [], DataFileError(file, found, "JSON of Velox")
    if len(records) not in (1, n):
        found = f"{len(records)} records for {n} frames"
        return records[:1], DataFileError(file, found, "one for each or all")
    return records, None


def _first_record(group: Any) -> dict[str, Any]:
    """The first record; empty if there is none that can be read."""
    try:
        return _record(member(group, "Metadata")[:, 0])
    except Exception:  # missing, damaged, or of another kind
        return {}


def _record(column: NDArray) -> dict[str, Any]:
    text = bytes(np.asarray(column, dtype=np.uint8)).partition(b"\0")[0].decode("utf-8", "replace")
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}


def _entry(note: dict[str, Any], *keys: str) -> Any:
    value: Any = note
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _number(note: dict[str, Any], *keys: str) -> float | None:
    """A finite number, which Velox writes as text; None if it is missing or none."""
    try:
        value = float(_entry(note, *keys))
    except (TypeError, ValueError):
        return None
    return value if np.isfinite(value) else None


def _detector(note: dict[str, Any]) -> str:
    return str(_entry(note, "BinaryResult", "Detector") or "unknown")


def _pixel_size(file: Path, note: dict[str, Any]) -> float | None:
    """Pixel size in angstrom, if the file states one."""
    unit = _entry(note, "BinaryResult", "PixelUnitX")
    sides = []
    for side in ("width", "height"):
        text = _entry(note, "BinaryResult", "PixelSize", side)
        value = _number(note, "BinaryResult", "PixelSize", side)
        if text not in (None, "") and value is None:
            raise DataFileError(file, f"a {side} of pixels of {text!r}", "a number")
        sides += [] if value is None else [(value, str(unit or ""))]
    return square_size(file, sides) if len(sides) == 2 else None
