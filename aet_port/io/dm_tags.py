"""Tag tree of Gatan DigitalMicrograph files, versions 3 and 4.

A file is a header and a tree of tags. Structure numbers are big-endian, values in the byte order
given in the header; lengths have 4 bytes in version 3 and 8 bytes in version 4. An entry is

    kind (20 a directory, 21 a value) | name length (2 bytes) | name | in version 4: entry length

a directory ``sorted | open | number of entries | entries``, a value ``%%%% | number of type words |
type words | bytes``. The format is not published; this follows C. Boothroyd's description.

The file is mapped into memory, not read: arrays are views, and nothing is allocated because a
number in the file says so. A value of an unknown type is skipped where its length is known (version
4); in version 3 the tags after it cannot be found, those before it are kept.
"""

from __future__ import annotations

import mmap
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from aet_port.core.errors import DataFileError, short
from aet_port.io.arrays import existing_file, reading

DM_FILE = "a DigitalMicrograph file (.dm3, .dm4) with an image or a stack of images"
SOUND = "a sound tag tree"
# Type words of values -> NumPy types.
_SCALARS = {2: "i2", 3: "i4", 4: "u2", 5: "u4", 6: "f4", 7: "f8", 8: "?", 9: "i1", 10: "u1"}
_SCALARS |= {11: "i8", 12: "u8"}
_STRUCT, _STRING, _ARRAY = 15, 18, 20
_DEEPEST = 64  # largest depth of directories; a deeper tree means a damaged file
_TYPE_WORDS = 4096  # largest number of type words of a value
_KEPT = 4096  # longest array that is kept as a list of numbers


class _Unknown(Exception):
    """A value whose type is not known, so that its length is not known either."""


class _Tags:
    """Reader of the tag tree; ``at`` is the position in ``data``."""

    def __init__(self, path: Path, data: Any) -> None:
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
        self.skipped: list[str] = []
        self.lost = False

    def need(self, count: int) -> None:
        """Refuse ``count`` bytes that the file does not have."""
        if count < 0 or self.at + count > len(self.data):
            found = f"{len(self.data)} bytes, {count} more needed at byte {self.at}"
            raise DataFileError(self.path, found, "a complete file; it is truncated or damaged")

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        self.need(count)
        part = bytes(self.data[self.at : self.at + count])
        self.at += count
        return part

    def number(self, kind: str) -> int:
        """The next integer."""
        return int(np.frombuffer(self.take(np.dtype(kind).itemsize), kind)[0])

    def directory(self, depth: int = 0) -> dict[str, Any]:
        """Entries of a directory by name, unnamed ones by index."""
        if depth > _DEEPEST:
            raise DataFileError(self.path, f"tags {depth} deep", SOUND)
        self.take(2)
        count = self.number(self.long)
        if count < 0:
            raise DataFileError(self.path, f"{count} tags before byte {self.at}", SOUND)
        entries: dict[str, Any] = {}
        seen: Counter[str] = Counter()
        for index in range(count):
            kind = self.take(1)[0]
            name = self.take(self.number(">u2")).decode("latin-1") or str(index)
            end = None
            if self.version == 4:
                length = self.number(self.long)
                self.need(length)
                end = self.at + length
            try:
                value = self.entry(kind, depth)
            except _Unknown as unknown:
                self.skipped.append(f"{name} ({unknown})")
                if end is None:
                    self.lost = True
                    return entries
                self.at = end
                continue
            if self.lost:
                return entries | {name: value}
            if end is not None and end != self.at:
                found = f"a tag {name!r} that ends at byte {self.at} instead of {end}"
                raise DataFileError(self.path, found, SOUND)
            seen[name] += 1
            # Names may repeat; all entries are kept.
            entries[name if seen[name] == 1 else f"{name} ({seen[name]})"] = value
        return entries

    def entry(self, kind: int, depth: int) -> Any:
        """The value or directory of an entry."""
        if kind == 20:
            return self.directory(depth + 1)
        if kind != 21:
            found = f"tag kind {kind} at byte {self.at}"
            raise DataFileError(self.path, found, "20 (directory) or 21 (value)")
        return self.value()

    def value(self) -> Any:
        """A value: number, text, list of a structure, or array."""
        if self.take(4) != b"%%%%":
            raise DataFileError(self.path, f"no %%%% before byte {self.at}", SOUND)
        count = self.number(self.long)
        if not 0 < count <= _TYPE_WORDS:
            raise DataFileError(self.path, f"{count} type words at byte {self.at}", "at least 1")
        item = np.dtype(self.long).itemsize
        words = [int(word) for word in np.frombuffer(self.take(count * item), self.long)]
        value, rest = self.of_type(words)
        if rest:
            raise DataFileError(self.path, f"{len(rest)} type words too many", SOUND)
        return value

    def of_type(self, words: list[int]) -> tuple[Any, list[int]]:
        """The value described by the type words, and the words left over."""
        if words[0] == _STRING:
            length, rest = _word(words, 1), words[2:]
            return self.take(2 * length).decode(_utf16(self.order), "replace"), rest
        if words[0] == _ARRAY:
            kind, rest = self.layout(words[1:])
            length = _word(rest, 0)
            self.need(length * kind.itemsize)
            at, self.at = self.at, self.at + length * kind.itemsize
            if length * kind.itemsize == 0:
                return np.zeros(0, kind), rest[1:]
            return np.frombuffer(self.data, kind, length, at), rest[1:]
        kind, rest = self.layout(words)
        value = np.frombuffer(self.take(kind.itemsize), kind)[0]
        return (list(value.item()) if kind.names else value.item()), rest

    def layout(self, words: list[int]) -> tuple[np.dtype, list[int]]:
        """NumPy type of a number or a structure of numbers, and the words left over."""
        code = _word(words, 0)
        if code in _SCALARS:
            return np.dtype(self.order + _SCALARS[code]), words[1:]
        if code != _STRUCT:
            raise _Unknown(f"value type {code}")
        fields = []
        n_fields = _word(words, 2)
        if n_fields == 0:
            raise _Unknown("an empty structure")
        for index in range(n_fields):
            kind = _word(words, 4 + 2 * index)
            if kind not in _SCALARS:
                raise _Unknown(f"value type {kind} in a structure")
            fields.append((f"f{index}", self.order + _SCALARS[kind]))
        return np.dtype(fields), words[3 + 2 * n_fields :]


def _word(words: list[int], index: int) -> int:
    if index >= len(words) or words[index] < 0:
        raise _Unknown(f"type words {words[:8]}")
    return words[index]


def _utf16(order: str) -> str:
    return "utf-16-le" if order == "<" else "utf-16-be"


def read_dm_tags(path: str | Path) -> dict[str, Any]:
    """Read the tag tree: numbers, text, lists of structures and arrays; images are flat arrays.

    Raises
    ------
    DataFileError
        If the file is missing, truncated or not a DigitalMicrograph file.

    Warns
    -----
    UserWarning
        If tags of an unknown type were skipped.
    """
    file = existing_file(path, DM_FILE)
    with reading(file, DM_FILE), file.open("rb") as handle:
        if file.stat().st_size == 0:
            raise DataFileError(file, "an empty file", DM_FILE)
        tags = _Tags(file, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ))
        tree = tags.directory()
    if tags.skipped:
        after = " and all after them" if tags.lost else ""
        text = short(", ".join(tags.skipped))
        warnings.warn(f"{file}: tags not read{after}: {text}", UserWarning, stacklevel=2)
    return tree


def plain_tags(value: Any) -> Any:
    """Tags in the types of JSON; arrays of 2-byte numbers that encode text become text."""
    if isinstance(value, dict):
        return {key: plain_tags(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        if len(value) > _KEPT:
            return f"{len(value)} values"
        if value.dtype.names is None and value.dtype.str[1:] == "u2":
            text = value.tobytes().decode(_utf16(value.dtype.byteorder.replace("=", "<")), "ignore")
            if 2 * len(value) == len(text.encode("utf-16-le")) and all(
                letter.isprintable() or letter in "\r\n\t\0" for letter in text
            ):
                return text.rstrip("\0")
        return [list(item) if isinstance(item, tuple) else item for item in value.tolist()]
    return value


def tag(tree: Any, *keys: str) -> Any:
    """The tag below ``keys``; None if one is missing."""
    for key in keys:
        if not isinstance(tree, dict) or key not in tree:
            return None
        tree = tree[key]
    return tree


def search_tag(tree: Any, *keys: str) -> Any:
    """The first tag named ``keys[-1]`` below directories ``keys[:-1]``, anywhere in the tree."""
    found = tag(tree, *keys)
    if found is not None or not isinstance(tree, dict):
        return found
    for item in tree.values():
        found = search_tag(item, *keys)
        if found is not None:
            return found
    return None


def tag_number(value: Any) -> float | None:
    """A tag as a number; None if it is none, or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if np.isfinite(value) else None


def tag_text(value: Any) -> str:
    """A tag as text; empty if it is none."""
    found = plain_tags(value)
    return found.strip() if isinstance(found, str) else ""
