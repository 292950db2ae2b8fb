"""Damages of files: of their bytes, of the words of a text, of the arrays in an .npz file."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Callable

import numpy as np

HEAD = 2048  # bytes from the start that are damaged most often
LARGE = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 10**12, 0x7FF0000000000000)
_WORDS = (
    *(b"0", b"-1", b"1e300", b"-1e300", b"1e-300", b"nan", b"inf", b"-inf", b"1e12", b"400000000"),
    *(b"1" * 400, b"99999999999999999999", b"true", b"null", b'""', b"[]", b"{}", b"'x'", b"\0"),
    *(b"[" * 2000, b"{" * 2000, b'{"a":' * 500, b"\xff\xfe", b"\x1b[31m", b"[/x]", b"../../x"),
    *(b"Xx", b"\xe5\x8e\x9f", b"a" * 70_000, b"1,5", b"0x10", b"1_000", b"#", b'"', b"\n", b" "),
)

Damage = Callable[[bytes, np.random.Generator], bytes]


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """A copy with one to three faults in its bytes."""
    result = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        end = len(result) if rng.random() < 0.2 else min(HEAD, len(result))
        at = int(rng.integers(0, max(end, 1)))
        kind = rng.integers(0, 6)
        if kind == 0:
            result[at % max(len(result), 1)] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            result[at : at + 4] = rng.bytes(4)
        elif kind == 2:
            value = LARGE[int(rng.integers(len(LARGE)))]
            order, code = "<>"[int(rng.integers(2))], "QI"[int(rng.integers(2))]
            field = struct.pack(order + code, value & (2**64 - 1 if code == "Q" else 2**32 - 1))
            result[at : at + len(field)] = field
        elif kind == 3:
            other = int(rng.integers(0, max(end, 1)))
            a, b = result[at : at + 8], result[other : other + 8]
            result[at : at + 8], result[other : other + 8] = b, a
        elif kind == 4:
            del result[int(rng.integers(0, len(result) + 1)) :]
        else:
            result += result[at:]
        if not result:
            break
    return bytes(result)


def damaged_anywhere(data: bytes, rng: np.random.Generator) -> bytes:
    """A copy with faults at places drawn evenly from the whole file."""
    result = bytearray(data)
    for _ in range(rng.integers(1, 9)):
        at = int(rng.integers(0, len(result)))
        if rng.random() < 0.5:
            result[at] ^= 1 << int(rng.integers(0, 8))
        else:
            result[at : at + 8] = rng.bytes(8)[: len(result) - at]
    if rng.random() < 0.1:
        del result[int(rng.integers(0, len(result))) :]
    return bytes(result)


def misspelt(data: bytes, rng: np.random.Generator) -> bytes:
    """A text in which words and numbers are others, are missing, or stand elsewhere."""
    if rng.random() < 0.2:
        return damaged(data, rng)
    words = re.split(rb"([\s,=\[\]{}:\"]+)", data)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(0, len(words)))
        kind = rng.integers(0, 5)
        if kind <= 1:
            at -= at % 2  # a word, not what stands between two
            words[at] = _WORDS[int(rng.integers(len(_WORDS)))]
        elif kind == 2:
            words[at] = b""
        elif kind == 3:
            other = int(rng.integers(0, len(words)))
            words[at], words[other] = words[other], words[at]
        else:
            words[at:at] = words[at : at + int(rng.integers(1, 20))]
    return b"".join(words)


def other_arrays(data: bytes, rng: np.random.Generator) -> bytes:
    """An .npz file that is sound, but for arrays of another shape, type or content."""
    if rng.random() < 0.3:
        return damaged_anywhere(data, rng) if rng.random() < 0.5 else damaged(data, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    names = list(members)
    name = names[int(rng.integers(len(names)))]
    kind = rng.integers(0, 4)
    if kind == 0:
        del members[name]
    elif kind == 1:  # a header or values of NumPy that are damaged, their checksum right
        members[name] = damaged(members[name], rng)
    elif kind == 2:
        members[name] = members[names[int(rng.integers(len(names)))]]
    else:
        members[name] = _as_npy(_other(_from_npy(members[name]), rng))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for one, content in members.items():
            archive.writestr(zipfile.ZipInfo(one), content)  # without the time of day
    return target.getvalue()


def _from_npy(data: bytes) -> np.ndarray:
    return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))


def _as_npy(array: np.ndarray) -> bytes:
    target = io.BytesIO()
    np.save(target, array, allow_pickle=False)
    return target.getvalue()


def _other(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another array in the place of one."""
    odd = (
        np.zeros(0),
        np.array(["text"]),
        np.array(True),
        np.full(array.shape, np.nan),
        np.zeros((*array.shape, 2)),
        array[..., None],
        array.ravel()[: max(array.size // 2, 1)],
        array.astype("c16") if array.dtype.kind in "iuf" else array,
        np.full(array.shape, -1e300),
        np.full(array.shape, 2**62),
        np.array(2**40),
        np.repeat(array.ravel(), 3),
    )
    return odd[int(rng.integers(len(odd)))]
