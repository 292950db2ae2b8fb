"""Damaged files of microscopes: read or refused in one line, soon and without large allocations."""

from __future__ import annotations

import struct
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from aet_port.core.errors import AetError
from aet_port.io.frames import read_frames
from tests.io.test_dm import INFO, Writer, dm_tree, image_entry
from tests.io.test_ser import emi_bytes, ser_bytes
from tests.io.test_velox import record
from tests.io.test_velox import write as write_velox

ALLOWED = 100 * 2**20  # bytes beyond twice the size of the file
SECONDS = 5.0  # of computing
EACH = 40  # damaged copies of each file
NX, NY, N = 9, 7, 5


def _images() -> np.ndarray:
    return np.random.default_rng(1).poisson(40.0, (N, NX, NY)).astype(np.uint16)


def _dm(path: Path) -> None:
    pages = _images().transpose(0, 2, 1)
    axes = [(0.0, 0.05, "nm"), (0.0, 0.05, "nm"), (2.0, 3.0, "deg")]
    entries = image_entry(pages, axes, **INFO), image_entry(pages[0], axes[:2])
    entries[1]["ImageData"]["Dimensions"] = [NX * NY]  # a plot
    version = int(path.suffix[-1])
    path.write_bytes(Writer(version, "<").file(dm_tree(*entries)))


def _emd(path: Path, **storage: object) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("data/tomography")
        group.attrs["emd_group_type"] = 1
        file.create_group("microscope").attrs["voltage"] = 300.0
        group.create_dataset("data", data=_images().transpose(0, 2, 1), **storage)
        angles = (np.linspace(-20, 20, N), "angles", "[deg]")
        y, x = (np.arange(NY) * 0.05, "y", "[n_m]"), (np.arange(NX) * 0.05, "x", "[n_m]")
        for index, (values, name, units) in enumerate((angles, y, x), start=1):
            vector = group.create_dataset(f"dim{index}", data=values)
            vector.attrs["name"], vector.attrs["units"] = name, units


def _compressed_emd(path: Path) -> None:
    _emd(path, chunks=(1, NY, NX), compression="gzip")


def _velox(path: Path) -> None:
    write_velox(path, _images(), [record(0.1, width="5e-11", height="5e-11")])
    with h5py.File(path, "a") as file:
        half = np.zeros((NY, NX, 1), [("realFloatHalfEven", "<f4"), ("imagFloatHalfEven", "<f4")])
        file["Data/Image/b2/Data"] = half
        file["Data/Image/b2/Metadata"] = file["Data/Image/a1/Metadata"][()]


def _ser(path: Path) -> None:
    path.write_bytes(ser_bytes(list(_images().transpose(0, 2, 1)), step=5e-11))


def _emi(path: Path) -> None:
    path.write_bytes(emi_bytes("3.0"))
    path.with_name(path.stem + "_1.ser").write_bytes(ser_bytes([_images()[0].T], step=5e-11))


def _tiff(path: Path, **options: object) -> None:
    tifffile.imwrite(path, _images().transpose(0, 2, 1), photometric="minisblack", **options)


def _imagej(path: Path) -> None:
    _tiff(path, imagej=True, resolution=(20.0, 20.0), metadata={"unit": "nm"})


def _deflated(path: Path) -> None:
    _tiff(path, compression="zlib", rowsperstrip=3)


def _big_tiff(path: Path) -> None:
    _tiff(path, bigtiff=True, resolution=(2e8, 2e8), resolutionunit="CENTIMETER")


FILES: dict[str, Callable[[Path], None]] = {
    "a.dm3": _dm,
    "a.dm4": _dm,
    "a.emd": _emd,
    "deflated.emd": _compressed_emd,
    "velox.emd": _velox,
    "a_1.ser": _ser,
    "a.emi": _emi,
    "a.tif": _imagej,
    "deflated.tif": _deflated,
    "big.tif": _big_tiff,
}


def _flipped(data: bytearray, rng: np.random.Generator) -> None:
    for bit in rng.integers(0, 8 * len(data), rng.integers(1, 6)):
        data[bit // 8] ^= 1 << (bit % 8)


def _swapped(data: bytearray, rng: np.random.Generator) -> None:
    one, other = (4 * rng.integers(0, len(data) // 4, 2)).tolist()
    part = data[one : one + 4]
    data[one : one + 4], data[other : other + 4] = data[other : other + 4], part


def _huge(data: bytearray, rng: np.random.Generator) -> None:
    """A side of the images, wherever it stands, becomes a huge one."""
    form, high = (("<I", 2**31 - 1), ("<Q", 2**40), (">I", 2**30), (">Q", 2**40))[rng.integers(4)]
    side = struct.pack(form, int(rng.choice([NX, NY, N, NX * NY])))
    places = [at for at in range(len(data) - 8) if data[at : at + len(side)] == side]
    for at in rng.permutation(places)[:2].tolist():
        data[at : at + len(side)] = struct.pack(form, high)


def _cut(data: bytearray, rng: np.random.Generator) -> None:
    del data[int(rng.integers(0, len(data))) :]


@pytest.mark.parametrize("name", sorted(FILES))
def test_damaged_files_are_read_or_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    FILES[name](path)
    intact = path.read_bytes()
    assert read_frames(path, pixel_size=0.5).detector == (NX, NY)
    refused = 0
    rng = np.random.default_rng(sorted(FILES).index(name))
    for index in range(EACH):
        data = bytearray(intact)
        (_flipped, _swapped, _huge, _cut)[index % 4](data, rng)
        path.write_bytes(data)
        lines: list[str] = []
        tracemalloc.start()
        started = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # damaged metadata are named in warnings
                read_frames(path, pixel_size=0.5)
        except AetError as error:
            refused += 1
            lines = str(error).splitlines()
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert len(lines) < 2, index
        assert time.process_time() - started < SECONDS, index
        assert peak < 2 * len(intact) + ALLOWED, index
    if name != "a.emi":  # without it, the images are read with a warning
        assert refused >= EACH // 8  # most cut files, at least
