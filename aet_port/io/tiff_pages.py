"""Pages of TIFF files as stored, and what the tags of the first page of the chosen series say.

Colour previews, thumbnails and reduced copies are no images; of several series of pages one is
chosen (:mod:`aet_port.io.image_choice`). A tag that cannot be read is named in a warning, unless
the pixels depend on it.
"""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aet_port.core.errors import DataFileError, MissingDependencyError, short
from aet_port.io.arrays import Sections, existing_file, reading, real_array
from aet_port.io.image_choice import Candidate, choose
from aet_port.io.settings import READ, ReadSettings

VENDORS = (
    "fei_metadata",
    "imagej_metadata",
    "tvips_metadata",
    "sem_metadata",
    "sis_metadata",
    "ome_metadata",
)
_VENDOR_TAGS = {
    "fei_metadata": (34680, 34682),
    "tvips_metadata": (37706,),
    "sem_metadata": (34118,),
    "sis_metadata": (33471, 33560),
}
_OME_IMAGE = re.compile(r"<(?:\w+:)?Image\b")
_RATIO = 1032  # largest ratio of deflate
_LARGEST_TAG = 2**20  # bytes
_PAGE_NAME = 285
# Tags that say where the pixels are and what they are; a fault in another one does not matter.
_OF_PIXELS = {*range(254, 269), *range(273, 282), 284, *range(317, 348), 530, 531, 532}
_LOGGED_TAG = re.compile(r"TiffTag[. ](\d+)|<tifffile\.read_(\w+)|<(\w+_metadata|\w+_tags)>")


@dataclass(frozen=True, eq=False)
class TiffContents:
    """Pages of a TIFF file.

    Parameters
    ----------
    sections
        Pages, and the pixel size and origin that this package writes.
    tags
        Tags of the first page of the series by number, those of moderate size.
    notes
        Metadata of vendors by their names in :data:`VENDORS`.
    """

    sections: Sections
    tags: dict[int, Any] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def description(self) -> str:
        """The image description; empty if there is none."""
        return str(self.tags.get(270) or "")


def read_tiff(path: str | Path, expected: str) -> Sections:
    """Read the pages of a TIFF stack, (page, row y, column x).

    Raises
    ------
    DataFileError
        If it is missing, truncated, in colour, or holds several stacks.
    """
    return read_tiff_pages(path, expected).sections


def read_tiff_pages(path: str | Path, expected: str, read: ReadSettings = READ) -> TiffContents:
    """Read the pages of a TIFF stack, and the tags of the first page of the series.

    Parameters
    ----------
    path
        The file.
    expected
        What it should hold, for errors.
    read
        Its ``image``, the number or name of the series of pages, is needed only if there are
        several.

    Raises
    ------
    DataFileError
        If it is missing, truncated, in colour, or holds several stacks to choose from.

    Warns
    -----
    UserWarning
        If a tag on which the pixels do not depend cannot be read.
    """
    import tifffile

    found = existing_file(path, expected)
    with reading(found, expected), _logged() as records, tifffile.TiffFile(found) as tiff:
        candidates = [_candidate(found, series) for series in tiff.series]
        series = choose(found, candidates, read, "one stack of grey pages").item
        _check_log(found, records, expected)
        array = _decoded(found, series)
        _check_log(found, records, expected)
        page = series.keyframe
        tags = {tag.code: tag.value for tag in _readable(page)}
        notes = {kind: value for kind in VENDORS if (value := _vendor(tiff, series, kind))}
    ignored = {record.getMessage() for record in records}
    if ignored:
        text = f"{found}: metadata not read: {short(sorted(ignored)[0])}"
        warnings.warn(text, UserWarning, stacklevel=3)
    contents = TiffContents(Sections(array, (0.0, 0.0, 0.0), None), tags, notes)
    length, origin = 0.0, None
    if '"voxel_size_angstrom"' in contents.description:
        with reading(found, "voxel_size_angstrom and origin_angstrom as numbers"):
            own = json.loads(contents.description)
            length = float(own["voxel_size_angstrom"])
            if "origin_angstrom" in own:
                origin = np.array(own["origin_angstrom"], dtype=np.float64)
    pixels = real_array(found, array, expected)
    return TiffContents(Sections(pixels, (length, length, length), origin), tags, notes)


def _candidate(file: Path, series: Any) -> Candidate[Any]:
    """A series of pages, and why it can be no stack of images."""
    page = series.keyframe
    shape = " x ".join(str(side) for side in series.shape)
    named = page.tags.get(_PAGE_NAME)
    name = series.name or (named and str(named.value)) or f"page {page.index} ({shape})"
    problem = None
    if "S" in series.axes:
        problem = "colour pages"
    elif series.dtype is None or series.dtype.kind not in "biuf":
        problem = f"pages of type {series.dtype}"
    elif int(page.subfiletype) & 4:
        problem = "a mask"
    elif len(series.shape) < 2 or 0 in series.shape:
        problem = f"an array of shape {series.shape}"
    elif problem := _too_large(file, series):
        problem = f"{problem}, a damaged file"
    doubt = "a reduced copy" if int(page.subfiletype) & 1 else None
    return Candidate(name, series, problem, doubt=doubt)


def _too_large(file: Path, series: Any) -> str | None:
    """How the pages promise more pixels than the file can hold; None if they do not."""
    page = series.keyframe
    bits = page.bitspersample if isinstance(page.bitspersample, int) else 8
    promised = series.dtype.itemsize if bits >= 8 else bits / 8
    for side in series.shape:  # Python's numbers, which do not overflow
        promised *= side
    total = file.stat().st_size
    if promised > total * (1 if int(page.compression) == 1 else _RATIO):
        shape = " x ".join(str(side) for side in series.shape)
        return f"{shape} pixels in {total} bytes"
    return None


def _readable(page: Any) -> Iterator[Any]:
    for tag in page.tags:
        try:
            if tag.valuebytecount <= _LARGEST_TAG and tag.value is not None:
                yield tag
        except Exception:  # a damaged tag that nobody asked for
            continue


def _vendor(tiff: Any, series: Any, kind: str) -> Any:
    """Metadata of a vendor in the types of JSON; None if there are none that can be read."""
    page = series.keyframe
    try:
        if kind == "ome_metadata":
            return _ome(tiff, series)
        if kind == "imagej_metadata":
            # ImageJ describes all pages in the first one, which is then the first of the series.
            value: Any = tiff.imagej_metadata if page.index == 0 else _imagej(page.description)
        else:
            # tifffile's own properties look at the first page of the file.
            value = {}
            for code in _VENDOR_TAGS[kind]:
                found = page.tags.valueof(code)
                value |= found if isinstance(found, dict) else {}
        return json.loads(json.dumps(value, default=str))
    except Exception:  # damaged metadata that nobody asked for
        return None


def _imagej(description: str) -> dict[str, str]:
    """Entries of a description by ImageJ; none if it is another one."""
    lines = description.splitlines() if description.startswith("ImageJ=") else []
    return {key: value for key, _, value in (line.partition("=") for line in lines)}


def _ome(tiff: Any, series: Any) -> str | None:
    """The OME metadata of a series; the first page of the file has those of all."""
    page = series.keyframe
    if series.kind != "ome" and page.index > 0:
        return page.description if page.is_ome else None
    text = tiff.ome_metadata
    starts = [found.start() for found in _OME_IMAGE.finditer(text or "")]
    if len(starts) < 2:
        return text
    if len(starts) != len(tiff.series):
        return None  # which of them is of this series is not known
    number = [id(one) for one in tiff.series].index(id(series))
    return text[starts[number] : [*starts, len(text)][number + 1]]


@contextmanager
def _logged() -> Iterator[list[logging.LogRecord]]:
    """Records that the library only logs (missing pages, truncation, damaged tags)."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = records.append  # type: ignore[method-assign, assignment]
    logger = logging.getLogger("tifffile")
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield records
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate


def _check_log(path: Path, records: list[logging.LogRecord], expected: str) -> None:
    """Refuse a file with a fault in the pixels, or in a tag on which they depend."""
    for record in records:
        text = record.getMessage()
        tag = _LOGGED_TAG.search(text)
        if tag is None or (tag[1] is not None and int(tag[1]) in _OF_PIXELS):
            raise DataFileError(path, f"unreadable contents ({short(text)})", expected)


def _decoded(path: Path, series: Any) -> np.ndarray:
    """Pixels of a TIFF series.

    Raises
    ------
    MissingDependencyError
        If they are compressed (LZW, ZSTD, JPEG, ...) and imagecodecs is not installed.
    """
    try:
        return series.asarray(maxworkers=1)
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        method = getattr(series.keyframe.compression, "name", "unknown")
        feature = f"{path}: reading a TIFF compressed by {method}"
        raise MissingDependencyError(feature, "formats") from error
