"""What processes that are gone leave behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CODE = """
import sys
from pathlib import Path
from aet_port.core.leftovers import partial_path, replaced_path
target = Path(sys.argv[1])
names = partial_path(target), partial_path(target, suffix=""), replaced_path(target)
print(*names, sep="\\0", end="")
"""


def left_by_killed(target: Path) -> tuple[Path, Path, Path]:
    """Names that a process which is gone had for a file, a folder and what it replaced."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(target)], cwd=ROOT, capture_output=True, check=True
    )
    partial, folder, old = done.stdout.decode().split("\0")
    return Path(partial), Path(folder), Path(old)
