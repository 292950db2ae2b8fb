"""Are damaged image files read right or refused in one line?

``python -m benchmarks.mutated_files [--number 2000] [--seed 0]`` writes a small file of every
format, damages copies of it (bits flipped, bytes of the header exchanged, large numbers put in, the
end cut off or repeated), and reads each one in a process of its own. Counted are files read,
refused with an error of the package, and faults: any other exception, a crash, more than 5 s, or
more memory than twice the file and 100 MB.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import struct
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from aet_port.core.data import TiltSeries, Volume
from aet_port.core.errors import AetError
from aet_port.core.frame_series import FrameSeries
from aet_port.io import (
    read_angles,
    read_frames,
    read_tilt_series,
    read_volume,
    write_frames,
    write_tilt_series,
    write_volume,
)

LONGEST = 5.0  # s
ALLOWANCE = 100 * 2**20  # bytes beyond twice the file
HEAD = 2048  # bytes from the start that are damaged most often
LARGE = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 10**12, 0x7FF0000000000000)

Reader = Callable[[Path], object]


def samples(folder: Path) -> list[tuple[Path, Reader]]:
    """Sound files of all formats, each with its reader."""
    from tests.io.test_dm import INFO, NM, Writer, dm_tree, image_entry
    from tests.io.test_ser import emi_bytes, ser_bytes
    from tests.io.test_velox import NX, NY, record
    from tests.io.test_velox import write as write_velox_file

    rng = np.random.default_rng(0)
    counts = rng.poisson(20.0, (3, 2, 16, 16)).astype(np.uint16)
    frames = FrameSeries(tuple(counts), np.array([-60.0, 0.0, 60.0]), 0.35)
    images = counts[:, 0].astype(np.float32)
    tilts = np.array([[0.0, angle, 0.0] for angle in (-60, 0, 60)])
    series = TiltSeries(images, tilts, 0.35)
    volume = Volume(rng.normal(size=(12, 10, 8)).astype(np.float32), 0.35)

    def as_frames(path: Path) -> object:
        return read_frames(path, [-60.0, 0.0, 60.0], 0.35)

    def as_series(path: Path) -> object:
        return read_tilt_series(path, folder / "angles.tlt", 0.35)

    found: list[tuple[Path, Reader]] = []
    write_tilt_series(folder / "s.npy", folder / "angles.tlt", series)
    for name in ("frames.mrc", "frames.tif", "frames.emd"):
        write_frames(folder / name, frames)
        found += [(folder / name, as_frames), (folder / name, read_frames)]
    foreign = (".hspy",) if find_spec("rsciio") is not None else ()
    for name in ("s.mat", "s.npy", "s.mrc", "s.tif", *(f"s{suffix}" for suffix in foreign)):
        write_tilt_series(folder / name, folder / "angles.tlt", series)
        found.append((folder / name, as_series))
    found += [(folder / "angles.tlt", read_angles), (folder / "frames.mrc.mdoc", read_angles)]
    for name in ("v.mrc", "v.mat", "v.tif", "v.npy", *(f"v{suffix}" for suffix in foreign)):
        write_volume(folder / name, volume)
        found.append((folder / name, lambda path: read_volume(path, 0.35)))
    from matio import save_to_mat

    save_to_mat(folder / "s73.mat", {"projections": images.transpose(1, 2, 0)}, version="v7.3")
    from scipy.io import savemat

    savemat(folder / "s5.mat", {"projections": images.transpose(1, 2, 0), "note": "x"})
    found += [(folder / "s73.mat", as_series), (folder / "s5.mat", as_series)]
    pixels = counts[:, 0]
    axes = [*NM, (1.0, 60.0, "deg")]
    for version in (3, 4):
        path = folder / f"s.dm{version}"
        path.write_bytes(Writer(version, "<").file(dm_tree(image_entry(pixels, axes, **INFO))))
        found.append((path, read_frames))
    (folder / "s_1.ser").write_bytes(ser_bytes([*pixels]))
    (folder / "s.emi").write_bytes(emi_bytes())
    found.append((folder / "s_1.ser", read_frames))
    notes = [record(angle) for angle in (-0.5, 0.0, 0.5)]
    write_velox_file(folder / "velox.emd", np.ones((3, NX, NY), np.uint16), notes)
    found.append((folder / "velox.emd", read_frames))
    return found


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """A copy with one to three faults."""
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


def outcome(path: Path, read: Reader) -> str:
    """What reading a file in a child process ends in."""
    limit = 2 * path.stat().st_size + ALLOWANCE
    pipe_read, pipe_write = os.pipe()
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(pipe_read)
        signal.alarm(int(LONGEST) + 1)
        try:
            word = _read(path, read, limit)
        except BaseException as error:
            word = f"fault: {type(error).__name__}: {' '.join(str(error).split())[:150]}"
        os.write(pipe_write, word.encode())
        os._exit(0)
    os.close(pipe_write)
    _, status = os.waitpid(child, 0)
    with os.fdopen(pipe_read, "rb") as pipe:
        word = pipe.read().decode()
    if os.WIFSIGNALED(status):
        return (
            f"fault: ended by signal {os.WTERMSIG(status)} after {time.monotonic() - started:.1f} s"
        )
    return word or "fault: no answer"


def _read(path: Path, read: Reader, limit: int) -> str:
    with open("/proc/self/statm", encoding="ascii") as statm:
        size = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    # A library's claim of more address space fails here, and is reported as what it is.
    resource.setrlimit(resource.RLIMIT_AS, (size + limit, size + limit))
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read(path)
        except AetError as error:
            cause: BaseException | None = error
            while cause is not None:
                if isinstance(cause, MemoryError):
                    return f"fault: memory: {' '.join(str(error).split())[:150]}"
                cause = cause.__cause__
            return "refused"
    return "read"


def main() -> int:
    """Damage and read files; the exit code is 1 if there is a fault."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--number", type=int, default=2000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--keep", type=Path, help="Folder for the files at fault.")
    given = options.parse_args()
    found: Counter[tuple[str, str]] = Counter()
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sound = samples(folder)
        for path, read in sound:
            word = outcome(path, read)
            if word != "read":
                raise SystemExit(f"{path.name}, undamaged: {word}")
        contents = {path: path.read_bytes() for path, _ in sound}
        for number in range(given.number):
            rng = np.random.default_rng([given.seed, number])
            path, read = sound[number % len(sound)]
            path.write_bytes(damaged(contents[path], rng))
            word = outcome(path, read)
            found[path.name, word.partition(":")[0]] += 1
            if word.startswith("fault"):
                faults.append(f"{path.name} number {number}: {word}")
                if given.keep is not None:
                    given.keep.mkdir(parents=True, exist_ok=True)
                    (given.keep / f"{number}-{path.name}").write_bytes(path.read_bytes())
            path.write_bytes(contents[path])
    print(f"{given.number} damaged files, seed {given.seed}")
    for file in sorted({name for name, _ in found}):
        words = ", ".join(f"{found[file, w]} {w}" for w in ("read", "refused", "fault"))
        print(f"{file:18} {words}")
    for line in faults:
        print(line)
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
