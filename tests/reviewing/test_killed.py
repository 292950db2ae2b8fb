"""The process killed at any moment: every action that was confirmed is in the file, none torn."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from aet_port.tracing.edits import read_edits

# One interpreter that makes a child for each trial, as starting Python takes longer than the rest.
CHILDREN = """
import os, sys
from pathlib import Path
import numpy as np
from aet_port.core.atomic_model import AtomicModel
from aet_port.reviewing.log import EditLog
from aet_port.tracing.edits import Edit
model = AtomicModel.from_positions(np.arange(3000.0).reshape(1000, 3), "Ta")
for line in sys.stdin:
    if os.fork() == 0:
        log = EditLog(model, Path(line.strip()))
        out = open(line.strip() + ".confirmed", "ab", buffering=0)
        print(os.getpid(), flush=True)
        for atom in range(999):
            log.append(Edit("remove", atom, reason="too faint " * 20), log.version)
            out.write(b"x")
        os._exit(0)
    os.wait()
    print("done", flush=True)
"""


def test_killed_at_any_moment(tmp_path: Path) -> None:
    rng = random.Random(3)
    mother = subprocess.Popen(
        [sys.executable, "-c", CHILDREN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert mother.stdin is not None
    assert mother.stdout is not None
    written = []
    for trial in range(50):
        path = tmp_path / f"{trial}.csv"
        mother.stdin.write(f"{path}\n")
        mother.stdin.flush()
        child = int(mother.stdout.readline())
        time.sleep(rng.uniform(0, 0.08))
        os.kill(child, signal.SIGKILL)
        assert mother.stdout.readline() == "done\n"
        confirmed = len(path.with_suffix(".csv.confirmed").read_bytes())
        rows = read_edits(path) if path.exists() else []
        # One may be on the disk of which the word had not got through.
        assert confirmed <= len(rows) <= confirmed + 1
        assert [row.atom for row in rows] == list(range(len(rows)))
        written.append(len(rows))
    mother.stdin.close()
    mother.wait()
    mother.stdout.close()
    assert len(set(written)) > 3  # at different moments
