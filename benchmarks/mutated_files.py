"""Are damaged files read right or refused in one line?

``python -m benchmarks.mutated_files [--number 20000] [--seed 0]`` writes a small file of everything
that is read (images, models, records of runs, checkpoints, banks, configurations), damages copies
of it (:mod:`benchmarks.mutations`) and reads each one in a process of its own, forked from one that
has imported everything. Counted are files read as the sound one is (``same``) or not
(``changed``), refused with an error of the package, and faults: any other exception, an error of
several lines, a crash, more than 5 s of computing, more memory than allowed (twice the file and
100 MB for images, 2 GB for the rest), or a change that a checksum of the format would have shown.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import gc
import hashlib
import os
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import ase
import numba
import numpy as np

from aet_port.core.errors import AetError
from benchmarks.mutated_samples import Sound, samples

LONGEST = 5  # s of computing
WAIT = 120  # s, for one that waits for something
SAME, CHANGED, REFUSED, FAULT = "same", "changed", "refused", "fault"


def digest(content: Any) -> str:
    """Hash of what was read."""
    total = hashlib.sha256()
    for part in _parts(content, 0):
        total.update(part)
    return total.hexdigest()


def _parts(content: Any, depth: int) -> list[bytes]:
    if isinstance(content, np.ndarray) and content.dtype.kind != "O":
        return [f"{content.dtype}{content.shape}".encode(), np.ascontiguousarray(content).tobytes()]
    if isinstance(content, ase.Atoms):
        facts = [content.arrays, content.cell.array, content.pbc, content.info]
        return _parts(facts, depth)
    if depth > 20:
        return [type(content).__name__.encode()]
    if dataclasses.is_dataclass(content) and not isinstance(content, type):
        return _parts(
            {f.name: getattr(content, f.name) for f in dataclasses.fields(content)}, depth
        )
    if isinstance(content, dict):
        pairs = sorted(content.items(), key=lambda pair: str(pair[0]))
        return [b"{", *(part for pair in pairs for part in _parts(list(pair), depth + 1)), b"}"]
    if isinstance(content, (list, tuple, set, frozenset)):
        items = sorted(content, key=str) if isinstance(content, (set, frozenset)) else content
        return [b"[", *(part for one in items for part in _parts(one, depth + 1)), b"]"]
    text = repr(content)
    return [
        type(content).__name__.encode() if " at 0x" in text else text.encode("utf-8", "replace")
    ]


def outcome(sound: Sound, expected: str) -> tuple[str, str]:
    """What reading a file in a child process ends in, and more of it."""
    limit = 2 * sound.path.stat().st_size + sound.allowance
    pipe_read, pipe_write = os.pipe()
    started = time.monotonic()
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of libraries that wait
        child = os.fork()
    if child == 0:
        os.close(pipe_read)
        signal.alarm(WAIT)
        resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            words = _read(sound, limit)
        except BaseException as error:
            said = " ".join(str(error).split())[:300]
            words = f"{FAULT}\0{type(error).__name__}: {said}{_where(error)}"
        os.write(pipe_write, words.encode("utf-8", "replace"))
        os._exit(0)
    os.close(pipe_write)
    with os.fdopen(pipe_read, "rb") as pipe:
        words = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return FAULT, f"ended by {name} after {time.monotonic() - started:.1f} s"
    word, _, more = words.partition("\0")
    if word == SAME and more != expected:
        word = CHANGED
        if sound.checksum and expected:
            return FAULT, "changed, in spite of a checksum"
    return word or FAULT, more or "no answer"


def _where(error: BaseException) -> str:
    """The innermost line of our own code in a traceback."""
    trace, found = error.__traceback__, ""
    root = str(Path(__file__).resolve().parents[1])
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(root) and "/benchmarks/" not in file:
            found = f" ({os.path.relpath(file, root)}:{trace.tb_lineno})"
        trace = trace.tb_next
    return found


def _read(sound: Sound, limit: int) -> str:
    with open("/proc/self/statm", encoding="ascii") as statm:
        size = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    # A library's claim of more address space fails here, and is reported as what it is.
    resource.setrlimit(resource.RLIMIT_AS, (size + limit, size + limit))
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return f"{SAME}\0{digest(sound.read(sound.path))}"
        except AetError as error:
            cause: BaseException | None = error
            while cause is not None:
                if isinstance(cause, MemoryError):
                    return f"{FAULT}\0memory: {' '.join(str(error).split())[:300]}"
                cause = cause.__cause__
            if "\n" in str(error):
                return f"{FAULT}\0several lines: {str(error)[:300]!r}"
    return f"{REFUSED}\0-"


def main() -> int:
    """Damage and read files; the exit code is 1 if there is a fault."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--number", type=int, default=20000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--case", type=int, help="Only this one of the numbers.")
    options.add_argument("--only", default="*", help="Files whose name is like that: *.npz")
    options.add_argument("--keep", type=Path, help="Folder for the files at fault.")
    given = options.parse_args()
    # The default may be that of GNU, which ends a process that was forked.
    numba.config.THREADING_LAYER = "workqueue"  # type: ignore[attr-defined]
    found: Counter[tuple[str, str]] = Counter()
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="aet-soak-") as name:
        folder = Path(name)
        every = samples(folder)
        contents = {one.path: one.path.read_bytes() for one in every}
        expected: dict[int, str] = {}
        for place, sound in enumerate(every):
            if not fnmatch.fnmatch(sound.path.name, given.only):
                continue
            word, expected[place] = outcome(sound, "")
            if word not in (SAME, CHANGED):
                raise SystemExit(f"{sound.path.name}, undamaged: {word} {expected[place]}")
            again = outcome(sound, expected[place])
            if again[0] != SAME:
                raise SystemExit(f"{sound.path.name}, undamaged, read again: {again}")
        weights = np.array([one.weight for one in every])
        weights /= weights.sum()
        gc.freeze()  # what is shared with the forked processes stays so
        began = os.times()
        numbers = range(given.number) if given.case is None else [given.case]
        tried = 0
        for number in numbers:
            rng = np.random.default_rng([given.seed, number])
            place = int(rng.choice(len(every), p=weights))
            if place not in expected:
                continue
            sound = every[place]
            sound.path.write_bytes(sound.damage(contents[sound.path], rng))
            word, more = outcome(sound, expected[place])
            tried += 1
            label = str(sound.path.relative_to(folder))
            found[label, word] += 1
            if word == FAULT:
                faults.append(f"{label} number {number}: {more}")
                if given.keep is not None:
                    given.keep.mkdir(parents=True, exist_ok=True)
                    (given.keep / f"{number}-{sound.path.name}").write_bytes(
                        sound.path.read_bytes()
                    )
            sound.path.write_bytes(contents[sound.path])
        ended = os.times()
        seconds = sum(ended[:4]) - sum(began[:4])
    print(f"{tried} damaged files, seed {given.seed}, {tried / seconds:.0f} a second of one core")
    words = (SAME, CHANGED, REFUSED, FAULT)
    for label in sorted({label for label, _ in found}):
        print(f"{label:36} " + ", ".join(f"{found[label, word]} {word}" for word in words))
    for line in faults:
        print(line)
    print(f"{sum(found[one] for one in found if one[1] == CHANGED)} changed, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
