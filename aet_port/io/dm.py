"""Gatan DigitalMicrograph files, versions 3 and 4.

A file is a header and a tree of tags. Structure numbers are big-endian, values in the byte order
given in the header; lengths have 4 bytes in version 3 and 8 bytes in version 4. An entry is

    kind (20 a directory, 21 a value) | name length (2 bytes) | name | in version 4: entry length

a directory ``sorted | open | number of entries | entries``, a value ``%%%% | number of type words |
type words | bytes``. The format is not published; this follows C. Boothroyd's description.

Axis order: DigitalMicrograph stores the image's horizontal direction fastest, then the vertical,
then the section. The horizontal direction becomes x, the vertical (downwards) y.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError
from aet_port.io.arrays import existing_file, reading, real_array
from aet_port.io.raw_images import RawImages
from aet_port.io.settings import READ, ReadSettings
from aet_port.io.statements import Stated, stated
from aet_port.io.units import angstrom, degrees, is_angle

DM_SUFFIXES = (".dm3", ".dm4")
DM_FILE = "a DigitalMicrograph file (.dm3, .dm4) with an image or a stack of images"
# Type words of values -> NumPy types, and of images.
_SCALARS = {2: "i2", 3: "i4", 4: "u2", 5: "u4", 6: "f4", 7: "f8", 8: "?", 9: "i1", 10: "u1"}
_SCALARS |= {11: "i8", 12: "u8"}
_STRUCT, _STRING, _ARRAY = 15, 18, 20
_IMAGES = {1: "i2", 2: "f4", 6: "u1", 7: "i4", 9: "i1", 10: "u2", 11: "u4", 12: "f8", 14: "u1"}
_IMAGES |= {39: "i8", 40: "u8"}
_DEEPEST = 64  # largest depth of directories; a deeper tree means a damaged file


class _Tags:
    """Reader of the tag tree; ``at`` is the position in ``data``."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path, self.data, self.at = path, data, 0
        version = self.number(">i4")
        if version not in (3, 4):
            raise DataFileError(path, f"version {version} in the header", DM_FILE)
        self.long = ">i4" if version == 3 else ">i8"
        self.number(self.long)  # length of the file, which several programs write incorrectly
        order = self.number(">i4")
        if order not in (0, 1):
            raise DataFileError(path, f"byte order {order} in the header", "0 (big) or 1 (little)")
        self.order = "<" if order else ">"
        self.version = version

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        if count < 0 or self.at + count > len(self.data):
            found = f"{len(self.data)} bytes, {count} more needed at byte {self.at}"
            raise DataFileError(self.path, found, "a complete file; it is truncated or damaged")
        part = self.data[self.at : self.at + count]
        self.at += count
        return part

    def number(self, kind: str) -> int:
        """The next integer."""
        return int(np.frombuffer(self.take(np.dtype(kind).itemsize), kind)[0])

    def directory(self, depth: int = 0) -> dict[str, Any]:
        """Entries of a directory by name, unnamed ones by index."""
        if depth > _DEEPEST:
            raise DataFileError(self.path, f"tags {depth} deep", "a sound tag tree")
        self.take(2)
        count = self.number(self.long)
        entries: dict[str, Any] = {}
        for index in range(count):
            kind = self.take(1)[0]
            name = self.take(self.number(">u2")).decode("latin-1") or str(index)
            end = None
            if self.version == 4:
                length = self.number(self.long)
                end = self.at + length
            if kind == 20:
                value = self.directory(depth + 1)
            elif kind == 21:
                value = self.value()
            else:
                found = f"tag kind {kind} at byte {self.at}"
                raise DataFileError(self.path, found, "20 (directory) or 21 (value)")
            if end is not None and end != self.at:
                found = f"a tag {name!r} that ends at byte {self.at} instead of {end}"
                raise DataFileError(self.path, found, "a sound tag tree")
            while name in entries:  # names may repeat; keep all entries
                name += "'"
            entries[name] = value
        return entries

    def value(self) -> Any:
        """A value: number, text, list of a structure, or array."""
        if self.take(4) != b"%%%%":
            raise DataFileError(self.path, f"no %%%% before byte {self.at}", "a sound tag tree")
        count = self.number(self.long)
        if not 0 < count <= len(self.data) // 4:
            raise DataFileError(self.path, f"{count} type words at byte {self.at}", "at least 1")
        item = np.dtype(self.long).itemsize
        words = [int(word) for word in np.frombuffer(self.take(count * item), self.long)]
        value, rest = self.of_type(words)
        if rest:
            raise DataFileError(self.path, f"{len(rest)} type words too many", "a sound tag tree")
        return value

    def of_type(self, words: list[int]) -> tuple[Any, list[int]]:
        """The value described by the type words, and the words left over."""
        if words[0] == _STRING:
            length, rest = _word(self, words, 1), words[2:]
            return self.take(2 * length).decode(_utf16(self.order), "replace"), rest
        if words[0] == _ARRAY:
            kind, rest = self.layout(words[1:])
            length = _word(self, rest, 0)
            return np.frombuffer(self.take(length * kind.itemsize), kind), rest[1:]
        kind, rest = self.layout(words)
        value = np.frombuffer(self.take(kind.itemsize), kind)[0]
        return (list(value.item()) if kind.names else value.item()), rest

    def layout(self, words: list[int]) -> tuple[np.dtype, list[int]]:
        """NumPy type of a number or a structure of numbers, and the words left over."""
        code = _word(self, words, 0)
        if code in _SCALARS:
            return np.dtype(self.order + _SCALARS[code]), words[1:]
        if code != _STRUCT:
            raise DataFileError(self.path, f"value type {code} at byte {self.at}", "a known type")
        fields = []
        n_fields = _word(self, words, 2)
        for index in range(n_fields):
            kind = _word(self, words, 4 + 2 * index)
            if kind not in _SCALARS:
                raise DataFileError(self.path, f"value type {kind} in a structure", "a number")
            fields.append((f"f{index}", self.order + _SCALARS[kind]))
        return np.dtype(fields), words[3 + 2 * n_fields :]


def _word(tags: _Tags, words: list[int], index: int) -> int:
    if index >= len(words) or words[index] < 0:
        raise DataFileError(tags.path, f"type words {words[:8]} at byte {tags.at}", "a known type")
    return words[index]


def _utf16(order: str) -> str:
    return "utf-16-le" if order == "<" else "utf-16-be"


def read_dm_tags(path: str | Path) -> dict[str, Any]:
    """Read the tag tree: numbers, text, lists of structures and arrays; images are flat arrays.

    Raises
    ------
    DataFileError
        If the file is missing, truncated or not a DigitalMicrograph file.
    """
    file = existing_file(path, DM_FILE)
    with reading(file, DM_FILE):
        return _Tags(file, file.read_bytes()).directory()


def _plain_tags(value: Any) -> Any:
    """Tags in the types of JSON; arrays of 2-byte numbers that encode text become text."""
    if isinstance(value, dict):
        return {key: _plain_tags(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        if value.dtype.names is None and value.dtype.str[1:] == "u2":
            text = value.tobytes().decode(_utf16(value.dtype.byteorder.replace("=", "<")), "ignore")
            if 2 * len(value) == len(text.encode("utf-16-le")) and all(
                letter.isprintable() or letter in "\r\n\t\0" for letter in text
            ):
                return text.rstrip("\0")
        return [list(item) if isinstance(item, tuple) else item for item in value.tolist()]
    return value


def _at(tree: Any, *keys: str) -> Any:
    """The tag below ``keys``; None if one is missing."""
    for key in keys:
        if not isinstance(tree, dict) or key not in tree:
            return None
        tree = tree[key]
    return tree


def _search(tree: Any, keys: tuple[str, ...]) -> Any:
    """The first tag named ``keys[-1]`` below directories ``keys[:-1]``, anywhere in the tree."""
    found = _at(tree, *keys)
    if found is not None or not isinstance(tree, dict):
        return found
    for item in tree.values():
        found = _search(item, keys)
        if found is not None:
            return found
    return None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else None


def read_dm(path: str | Path, read: ReadSettings = READ) -> RawImages:
    """Read the image or stack of a .dm3 or .dm4 file.

    Parameters
    ----------
    path
        The file.
    read
        Its ``image``, the number or name of the image, is needed only if there are several; the
        thumbnail is not counted.

    Returns
    -------
    RawImages. Pixel size from the calibration (any unit of length), angles from a third axis in
    degrees or radians or, if there is none, from ``Stage Alpha``: one angle, so that a stack is
    read as frames of one tilt unless other angles are given; ``voltage_kv`` and ``dwell_time_us``
    (DigiScan ``Sample Time``) in the metadata, and under ``dm`` all tags except the pixels.

    Raises
    ------
    DataFileError
        If the file is missing, truncated or damaged, has no image or several, or its image is
        complex, in colour, or not a stack of images.
    """
    file = Path(path)
    tree = read_dm_tags(file)
    thumbnails = {
        _at(item, "ImageIndex") for item in (_at(tree, "Thumbnails") or {}).values()
    }  # fmt: skip
    entries = list((_at(tree, "ImageList") or {}).values())
    if len(entries) == len(thumbnails) == 1:
        thumbnails = set()
    main = [item for index, item in enumerate(entries) if index not in thumbnails]
    if not main:
        raise DataFileError(file, "no image", DM_FILE)
    chosen = _chosen(file, main, read.image)
    data = _at(chosen, "ImageData") or {}
    images = _pixels(file, data)
    sizes, angles = _calibration(file, data, images.shape)
    tags = _at(chosen, "ImageTags") or {}
    alpha = _number(_search(tags, ("Microscope Info", "Stage Position", "Stage Alpha")))
    if not angles and alpha is not None:
        angles = [Stated("tag Stage Alpha", np.array([alpha]))]
    metadata: dict[str, Any] = {}
    volts = _number(_search(tags, ("Microscope Info", "Voltage")))
    if volts:
        metadata["voltage_kv"] = volts / 1e3
    dwell = _number(_search(tags, ("DigiScan", "Sample Time")))
    if dwell:
        metadata["dwell_time_us"] = dwell
    for item in entries:
        if isinstance(_at(item, "ImageData", "Data"), np.ndarray):
            item["ImageData"] = {k: v for k, v in item["ImageData"].items() if k != "Data"}
    metadata["dm"] = _plain_tags(tree)
    return RawImages(images, angles, sizes, metadata=metadata)


def _chosen(file: Path, images: list[Any], wanted: int | str | None) -> Any:
    """The image with a number or name, or the only one."""
    names = [str(_plain_tags(item.get("Name", "?"))) for item in images]
    listing = f"{len(images)} images ({', '.join(names)})"
    if wanted is None and len(images) > 1:
        raise DataFileError(file, listing, "one; choose with --image NUMBER or NAME")
    if isinstance(wanted, str):
        if names.count(wanted) != 1:
            raise DataFileError(file, listing, f"one image {wanted!r}; --image NUMBER or NAME")
        return images[names.index(wanted)]
    if wanted is not None and not 0 <= wanted < len(images):
        raise DataFileError(file, listing, f"--image from 0 to {len(images) - 1}, not {wanted}")
    return images[wanted or 0]


def _pixels(file: Path, data: dict[str, Any]) -> NDArray:
    """Images (n, nx, ny) of an ImageData directory."""
    sides = [int(side) for side in (_at(data, "Dimensions") or {}).values()]
    flat, code = data.get("Data"), data.get("DataType")
    if len(sides) not in (2, 3) or min(sides) < 1:
        raise DataFileError(file, f"an image of dimensions {sides}", "two, or three for a stack")
    if code not in _IMAGES:
        kinds = {3: "complex", 5: "complex", 13: "complex", 8: "colour", 23: "colour"}
        found = f"a {kinds.get(code, 'strange')} image (type {code})"  # type: ignore[arg-type]
        raise DataFileError(file, found, "an image of real numbers")
    if not isinstance(flat, np.ndarray) or flat.dtype.names is not None:
        raise DataFileError(file, "an image without pixels", DM_FILE)
    kind = np.dtype(flat.dtype.byteorder + _IMAGES[code])
    count = int(np.prod(sides))
    if flat.nbytes != count * kind.itemsize:
        found = f"{flat.nbytes} bytes of pixels for {sides} of type {kind}"
        raise DataFileError(file, found, f"{count * kind.itemsize} bytes")
    array = real_array(file, flat.view(kind), DM_FILE).reshape(sides[::-1])
    stack = array if array.ndim == 3 else array[np.newaxis]
    return np.ascontiguousarray(stack.transpose(0, 2, 1))


def _calibration(
    file: Path, data: dict[str, Any], shape: tuple[int, ...]
) -> tuple[list[Stated[float]], list[Stated[NDArray[np.float64]]]]:
    """Pixel size and angles, if the axes state them."""
    axes = list((_at(data, "Calibrations", "Dimension") or {}).values())
    units = [_plain_tags(axis.get("Units", "")) for axis in axes]
    units = [unit if isinstance(unit, str) else "" for unit in units]
    scales = [_number(axis.get("Scale")) or 0.0 for axis in axes]
    angles: list[Stated[NDArray[np.float64]]] = []
    if len(axes) == 3 and is_angle(units[2]):
        # DigitalMicrograph: value = (index - origin) * scale
        origin = _number(axes[2].get("Origin")) or 0.0
        values = (np.arange(shape[0]) - origin) * scales[2]
        angles = stated("calibration of the third axis", lambda: degrees(file, values, units[2]))

    def size() -> float | None:
        sizes = [angstrom(file, scales[i], units[i]) for i in range(min(len(axes), 2))]
        if len(sizes) < 2 or sizes[0] is None or sizes[1] is None:
            return None
        if not np.isclose(sizes[0], sizes[1], rtol=1e-4, atol=0):
            found = f"pixels of {sizes[0]:.6g} x {sizes[1]:.6g} angstrom"
            raise DataFileError(file, found, "square pixels")
        return sizes[0]

    return stated("calibration", size), angles
