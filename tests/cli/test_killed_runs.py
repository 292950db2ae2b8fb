"""``aet run`` ended by SIGKILL and taken up: the bytes of a run that was left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from aet_port.workflow.config import load_config
from aet_port.workflow.pipeline import run
from tests.cli.samples import CONFIG, Aet, Sample, results

ROOT = Path(__file__).resolve().parents[2]
# Smaller chunks of peaks than usual, for more checkpoints; killed when a file is written whole but
# not yet in its place.
WORKER = """
import os, signal, sys
from importlib import import_module
from aet_port.cli.app import main
from aet_port.core import files

import_module("aet_port.tracing.peak_search")._CHUNK = 300
name, left = sys.argv[1], int(sys.argv[2])

def replace(partial, target, rename=os.replace):
    global left
    left -= name in str(target)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    rename(partial, target)

files.os.replace = replace
sys.argv = ["aet", *sys.argv[3:]]
main()
"""
COMMAND = (*("--threads", "1", "--checkpoint-interval", "0", "--no-report", "--json", "--resume"),)


def start(*words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def killed_at(config: Path, out: Path, name: str, calls: int) -> bool:
    """Whether a run killed itself at write ``calls`` of a file named so; it may end before."""
    worker = start("-c", WORKER, name, calls, "run", config, "--out", out, *COMMAND)
    code = worker.wait(timeout=120)
    assert code in (0, -signal.SIGKILL)
    return code != 0


@pytest.mark.slow
def test_killed_twice(sample: Sample, aet: Aet) -> None:
    sample.config.write_text(CONFIG.replace("iterations = 20", "iterations = 60"))
    out = sample.folder / "run"
    state, volume = out / "checkpoints/reconstruct.whole.npz", out / "volumes/whole.npy"
    # From outside, in the middle of the reconstruction.
    process = start("-m", "aet_port.cli.app", "run", sample.config, "--out", out, *COMMAND)
    try:
        deadline = time.monotonic() + 120
        while not state.exists():
            assert process.poll() is None, "the run ended by itself"
            assert time.monotonic() < deadline, "no checkpoint"
            time.sleep(0.005)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert not volume.exists()
    with np.load(state) as stored:
        assert 1 <= stored["done"] < 60
    # From inside, in the middle of the tracing, while its third checkpoint is written.
    assert killed_at(sample.config, out, "checkpoints/trace.whole", 3)
    assert volume.exists()
    assert not state.exists()
    assert not (out / "peaks/whole.npz").exists()
    with np.load(out / "checkpoints/trace.whole.npz") as stored:
        assert len(stored["flags"]) == 600
    assert len(list(out.rglob(".*.partial-*"))) == 1
    assert aet("run", sample.config, "--out", out, *COMMAND).code == 0
    undisturbed = sample.folder / "undisturbed"
    assert aet("run", sample.config, "--out", undisturbed, "--no-report", "--json").code == 0
    assert results(out) == results(undisturbed)
    assert {"volume.npy", "peaks/whole.npz", "model.xyz", "structure.json"} <= set(results(out))


# A stage that was killed after its last file and before the record of it is told.
@pytest.mark.filterwarnings("ignore:.*no record says what the stages:UserWarning")
@pytest.mark.slow
def test_killed_at_every_write(sample: Sample, finished_original: Path) -> None:
    calls, killed = 0, True
    while killed:
        calls += 1
        out = sample.folder / f"run_{calls}"
        killed = killed_at(sample.config, out, "", calls)
        run(load_config(sample.config), out, resume=True, threads=1)
        found, undisturbed = results(out), results(finished_original)
        records = [json.loads(one.pop("outputs.json")) for one in (found, undisturbed)]
        for stage in (stage for record in records for stage in record.values()):
            stage.pop("found")  # files were there without a record, if that came last
        assert found == undisturbed, calls
        assert records[0] == records[1], calls
    # 20 checkpoints of the reconstruction and 9 of the tracing, 8 results, 4 times the timings.
    assert calls > 40


@pytest.mark.slow
def test_killed_at_random_moments(sample: Sample) -> None:
    rng = np.random.default_rng(0)
    out, undisturbed = sample.folder / "run", sample.folder / "undisturbed"
    sample.config.write_text(CONFIG.replace("iterations = 20", "iterations = 100"))
    run(load_config(sample.config), undisturbed)
    for _ in range(12):
        process = start("-m", "aet_port.cli.app", "run", sample.config, "--out", out, *COMMAND)
        time.sleep(rng.uniform(2, 5))  # two seconds for the imports
        process.kill()
        process.wait()
    run(load_config(sample.config), out, resume=True)
    assert results(out) == results(undisturbed)


@pytest.mark.slow
def test_ctrl_c_leaves_a_run_that_goes_on(
    sample: Sample, finished_original: Path, aet: Aet, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = sample.folder / "run"

    def stop(*_: object, **options: object) -> None:
        raise KeyboardInterrupt

    for stage in (
        "volume_stages.reconstruct_series",
        "volume_stages.trace_volume",
        "model_stages.selected_model",
        "model_stages.analyze",
    ):
        with monkeypatch.context() as patched:
            patched.setattr(f"aet_port.workflow.{stage}", stop)
            outcome = aet("run", sample.config, "--out", out, *COMMAND)
        assert outcome.code == 130
        assert outcome.err == "aet: interrupted; --resume continues it\n"
    assert aet("run", sample.config, "--out", out, *COMMAND).code == 0
    assert results(out) == results(finished_original)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_do_not_show(sample: Sample, finished_original: Path, threads: int) -> None:
    out = sample.folder / "run"
    run(load_config(sample.config), out, threads=threads)
    assert results(out) == results(finished_original)
