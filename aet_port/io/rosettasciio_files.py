"""Opening files through RosettaSciIO: which plugin, which of several signals, how large.

RosettaSciIO (https://rosettasciio.readthedocs.io, GPL-3, the extra ``formats``) is imported only
when such a file is read. What its axes and metadata mean is left to
:mod:`aet_port.io.signal_axes` and :mod:`aet_port.io.signal_notes`.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import AetError, DataFileError, MissingDependencyError, reason, short
from aet_port.core.files import FOLDER_SUFFIXES
from aet_port.io.arrays import existing_file
from aet_port.io.exchange_record import RECORD, ExchangeRecord
from aet_port.io.hdf5_heaps import check_heaps
from aet_port.io.signal_axes import SignalAxis, described_axes
from aet_port.io.signal_notes import SignalNotes
from aet_port.io.stored_size import (
    PACKING,
    bytes_below,
    bytes_of_name,
    check_blockfile,
    check_hdf5,
    check_prz,
    check_size,
)

# Known without the library, so that a file can be recognised where it is not installed. Left out
# are formats of spectra and of pictures whose grey values are no counts (.png, .jpg).
OTHER_SUFFIXES = (
    ".hspy", ".zspy", ".blo", ".tvips", ".mib", ".prz", ".rpl", ".de5", ".nxs", ".unf",
    ".mrcz", ".asw", ".img", ".bcf", ".app5", ".nc",
)  # fmt: skip
OTHER_FILE = "images in a file of HyperSpy or of an instrument"
_HDF5 = (".hspy", ".de5", ".nxs", ".app5")
_UNPACKED = (".blo", ".tvips", ".mib", ".emi", ".rpl", ".unf", ".img", ".asw")
_DAMAGE = re.compile(r"larger than file|incomplete|truncat|corrupt|padd", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Signal:
    """One signal of a file: its data, not yet loaded, axes, and notes on the acquisition."""

    title: str
    data: Any
    axes: list[dict[str, Any]]
    notes: SignalNotes

    def refusal(self) -> str | None:
        """Why this cannot be images; None if it can."""
        kind = self.data.dtype.kind
        if kind == "c":
            return "complex numbers"
        if kind == "V":
            return "colours"
        if kind not in "biuf":
            return f"values of type {self.data.dtype}"
        if self.data.size == 0:
            return "no values"
        one = sum(axis.get("navigate") is not True for axis in self.axes) == 1
        return "spectra" if self.data.ndim < 2 or one else None

    def __str__(self) -> str:
        return f"{self.title!r} ({' x '.join(str(side) for side in self.data.shape)})"


def _plugins(file: Path) -> list[str]:
    """Modules of RosettaSciIO that read files with this suffix."""
    try:
        from rsciio import IO_PLUGINS
    except ImportError as error:
        feature = f"reading {file.suffix} files ({file})"
        raise MissingDependencyError(feature, "formats") from error
    wanted = file.suffix.lower().lstrip(".")
    return [
        item["api"]
        for item in IO_PLUGINS
        if wanted in {extension.lower() for extension in item["file_extensions"]}
    ]


@contextmanager
def _heard(file: Path) -> Iterator[list[str]]:
    """Collect what the library says; raise what means that data are missing."""
    heard: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: heard.append(short(record.getMessage()))  # type: ignore[method-assign]
    logger = logging.getLogger("rsciio")
    kept, propagate = logger.handlers[:], logger.propagate
    logger.handlers, logger.propagate = [handler], False
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield heard
        heard += [
            short(str(item.message))
            for item in caught
            if not issubclass(item.category, DeprecationWarning | FutureWarning | ResourceWarning)
        ]
    except AetError:
        raise
    except PermissionError as error:
        raise DataFileError(file, "no permission to read", OTHER_FILE) from error
    except ModuleNotFoundError as error:
        found = f"a format that needs the library {error.name}"
        advice = f"that it is installed: pip install {error.name}"
        raise DataFileError(file, found, advice) from error
    except Exception as error:  # libraries raise every kind; the cause stays attached
        found = f"unreadable contents ({reason(error)})"
        raise DataFileError(file, found, OTHER_FILE) from error
    finally:
        logger.handlers, logger.propagate = kept, propagate
    for text in heard:
        if "pickle" in text:
            # Unpickled it could run any program; without it the order of the axes is unknown.
            raise DataFileError(
                file,
                "metadata as Python objects, which are not read for safety",
                "a file of Panta Rhei 24.03 or later, or its export as .hspy",
            )
        if _DAMAGE.search(text):
            raise DataFileError(file, f"an incomplete file ({text})", OTHER_FILE)


def _check_header(file: Path) -> None:
    """Refuse headers with which the library would hang or fill the memory."""
    suffix = file.suffix.lower()
    if suffix in _HDF5:
        check_heaps(file)
        check_hdf5(file)
    elif suffix == ".blo":
        check_blockfile(file)
    elif suffix == ".prz":
        check_prz(file)


def _signals(file: Path) -> list[Signal]:
    """All signals of a file; their data are loaded only when used."""
    modules = _plugins(file)
    if not modules:
        raise DataFileError(file, f"a file of type {file.suffix or 'unknown'}", OTHER_FILE)
    failure: Exception | None = None
    for name in modules:
        reader = import_module(name).file_reader
        for options in ({"lazy": True}, {}):
            try:
                found = reader(str(file), **options)
            except ModuleNotFoundError:
                raise
            except NotImplementedError as error:
                failure = failure or error
                continue  # not piece by piece, then at once
            except Exception as error:  # several formats share a suffix: perhaps the next one
                failure = error
                if file.suffix.lower() in _HDF5 and options:
                    continue
                break
            return [_signal(item) for item in found if "data" in item and "axes" in item]
    assert failure is not None
    raise failure


def _signal(found: dict[str, Any]) -> Signal:
    notes = SignalNotes.of(found)
    return Signal(notes.title, found["data"], list(found["axes"]), notes)


def _chosen(file: Path, signals: list[Signal], image: int | str | None) -> Signal:
    """The signal asked for, or the only one that can be images."""
    numbered = {str(number): signal for number, signal in enumerate(signals)}
    fitting = [signal for signal in signals if signal.refusal() is None]
    listed = ", ".join(
        f"{number}: {signal}" for number, signal in numbered.items() if signal in fitting
    )
    if image is not None:
        wanted = [
            signal
            for number, signal in numbered.items()
            if image == signal.title or str(image).strip() == number
        ]
        if len(wanted) != 1:
            raise DataFileError(
                file, f"the images {listed or 'of no signal'}", f"one that is {image!r}: --image"
            )
        refusal = wanted[0].refusal()
        if refusal is not None:
            raise DataFileError(file, f"{refusal} in {wanted[0]}", "images of real numbers")
        return wanted[0]
    if not fitting:
        found = ", ".join(f"{signal.refusal()} in {signal}" for signal in signals) or "nothing"
        raise DataFileError(file, found, "images of real numbers")
    if len(fitting) > 1:
        raise DataFileError(
            file, f"{len(fitting)} signals ({listed})", "one; choose by number or name: --image"
        )
    return fitting[0]


def _close(lazy: Any) -> None:
    """Close the HDF5 file behind data that were read later than the header."""
    from rsciio.utils.file import get_file_handle

    handle = None if isinstance(lazy, np.ndarray) else get_file_handle(lazy, warn=False)
    if handle is not None and hasattr(handle, "id"):
        handle.close()


@dataclass(frozen=True, eq=False)
class OpenedSignal:
    """A chosen signal with its axes, its record, the other signals, and the library's warnings."""

    file: Path
    signal: Signal
    axes: list[SignalAxis]
    record: ExchangeRecord | None
    others: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, file: Path, signal: Signal) -> OpenedSignal:
        """Look at the axes and at the record of a signal."""
        axes = described_axes(file, signal.axes, signal.data.shape)
        text = signal.notes.text(RECORD)
        return cls(
            file, signal, axes, None if text is None else ExchangeRecord.from_text(file, text)
        )

    def load(self) -> NDArray:
        """The data, after a check that the file is as large as its header promises."""
        data = self.signal.data
        if not isinstance(data, np.ndarray):
            unpacked = self.file.suffix.lower() in _UNPACKED
            stored = bytes_of_name(self.file) if unpacked else PACKING * bytes_below(self.file)
            check_size(self.file, data.shape, data.nbytes, stored)
            data = np.asarray(data.compute(scheduler="synchronous"))
        return data.astype(data.dtype.newbyteorder("="), copy=False)


@contextmanager
def opened_signal(path: str | Path, image: int | str | None) -> Iterator[OpenedSignal]:
    """Open a file and choose one of its signals, which can be loaded until the file is closed.

    Parameters
    ----------
    path
        The file (or, for ``.zspy``, the folder).
    image
        Number (from 0) or name of the signal; needed only if several can be images.

    Raises
    ------
    DataFileError
        If the file is missing, damaged, incomplete or of another kind, or none or several of its
        signals can be images.
    MissingDependencyError
        If RosettaSciIO is not installed.
    """
    file = Path(path)
    if not (file.is_dir() and file.suffix.lower() in FOLDER_SUFFIXES):
        existing_file(file, OTHER_FILE)
    with _heard(file) as heard:
        _check_header(file)
        signals = _signals(file)
        try:
            opened = OpenedSignal.of(file, _chosen(file, signals, image))
            opened.others.extend(str(item) for item in signals if item is not opened.signal)
            opened.warnings.extend(heard)
            yield opened
        finally:
            for item in signals:
                _close(item.data)
