"""Deposits ended by SIGKILL at random moments: every entry is whole or absent."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aet_port.data import AtomicModel
from aet_port.structure import StructureResult
from mdb import Bank
from tests.mdb.samples import assert_whole, particle

WORKER = """
import pickle, sys
from aet_port.data import AtomicModel
from mdb import Bank, Reconstruction, deposit

with open(sys.argv[2], "rb") as handle:
    models = pickle.load(handle)
print("ready", flush=True)
with Bank(sys.argv[1]) as bank:
    print("open", flush=True)
    for model, analysis in models:
        deposit(bank, model, analysis=analysis, reconstruction=Reconstruction("RESIRE"))
        print("done", flush=True)
"""


def killed_run(bank: Path, models: Path, after: str, delay: float) -> int:
    """Start depositing, kill ``delay`` seconds after a line; number of deposits that were done."""
    root = Path(__file__).resolve().parents[2]
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(bank), str(models)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    )
    try:
        assert worker.stdout is not None
        while worker.stdout.readline().strip() != after:
            assert worker.poll() is None, "the worker ended by itself"
        time.sleep(delay)
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        rest, _ = worker.communicate()
    return (after == "done") + rest.count("done")


def shifted(
    model: AtomicModel, analysis: StructureResult, by: float
) -> tuple[AtomicModel, StructureResult]:
    """The model moved along x, another model to the bank, and its analysis."""
    atoms = model.atoms.copy()
    atoms.positions[:, 0] += by
    corners = atoms.positions[analysis.tetrahedra.vertices]
    tetrahedra = replace(analysis.tetrahedra, corners=corners)
    return AtomicModel(atoms, name=model.name), replace(analysis, tetrahedra=tetrahedra)


def kill_often(tmp_path: Path, kills: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bank_path, models_path = tmp_path / "some.bank", tmp_path / "models.pickle"
    moments = [("ready", 0.3), ("open", 0.05), ("done", 0.1)]
    seen = 0
    for run in range(kills):
        # Other models in each run; a run is longer than any delay.
        model, analysis = particle(run, radius=10)
        models = [shifted(model, analysis, k) for k in range(60)]
        models_path.write_bytes(pickle.dumps(models))
        after, longest = moments[run % len(moments)]
        done = killed_run(bank_path, models_path, after, float(rng.uniform(0, longest)))
        if not bank_path.exists():
            assert done == 0
            continue
        with Bank(bank_path) as bank:
            assert_whole(bank)
            stored = bank.query("FROM model").num_rows
            assert bank.query("FROM analysis").num_rows == stored
            assert bank.query("FROM reconstruction").num_rows == stored
        # One more than was reported may be in: killed between the commit and the report.
        assert stored - seen - done in (0, 1)
        seen = stored
    assert seen > 0
    leftovers = {entry.name for entry in tmp_path.iterdir()} - {bank_path.name, models_path.name}
    assert all(name.startswith(".some.bank.partial-") for name in leftovers)


def test_five_kills(tmp_path: Path) -> None:
    kill_often(tmp_path, kills=5, seed=0)


@pytest.mark.slow
def test_fifty_kills(tmp_path: Path) -> None:
    kill_often(tmp_path, kills=50, seed=1)
