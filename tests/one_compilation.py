"""Workers that run tests side by side compile each Numba kernel once, not once each.

A process that needs a kernel compiles it and stores it in the cache of the source folder. In a
fresh clone all workers need the same kernels within minutes, and compiling them takes longer than
the tests. Here a worker that needs a kernel which another one is compiling waits for it, and then
reads it from the cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher

try:
    import fcntl
except ImportError:  # Windows: each worker compiles for itself
    fcntl = None  # type: ignore[assignment]

FOLDER = Path(__file__).parents[1] / ".pytest_cache" / "compiling"


def install() -> None:
    """Let `Dispatcher.compile` wait for other processes that compile the same function."""
    if fcntl is None:
        return
    compile_one = Dispatcher.compile

    def compile_once(self: Any, sig: Any) -> Any:
        # Numba's own lock comes first: a thread never waits for it with a function locked.
        with global_compiler_lock, _locked(f"{self.py_func.__module__}.{self.__qualname__}"):
            return compile_one(self, sig)

    FOLDER.mkdir(parents=True, exist_ok=True)
    Dispatcher.compile = compile_once


_held: set[str] = set()


@contextmanager
def _locked(name: str) -> Iterator[None]:
    """Hold a file lock of that name; the operating system releases it if the process ends."""
    if name in _held:  # a recursive function
        yield
        return
    file = FOLDER / hashlib.sha256(name.encode()).hexdigest()[:20]
    with file.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        _held.add(name)
        try:
            yield
        finally:
            _held.remove(name)
