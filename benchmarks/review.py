"""The page of `aet review` at 320^3 voxels and 52,308 atoms: waiting times and memory.

Needs Chromium and Playwright. Atoms on a disturbed lattice stand for a particle.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from aet_port.core.atomic_model import AtomicModel
from aet_port.io import write_model
from benchmarks.timing import Row

SIDE, ATOMS, PIXEL, SPREAD = 320, 52_308, 0.347, 0.5
REVIEW = "document.getElementById('aet-review').review"
SHOWN = f"{REVIEW} && {REVIEW}.views ? Object.values({REVIEW}.views).every((v) => v.drawn) : false"
STEPS = """async () => {
  const r = %s, v = r.views.xy, out = [];
  for (let k = 0; k < 60; k++) {
    const began = performance.now();
    r.step('xy', k < 30 ? 1 : -1);
    while (v.drawn !== `volume${r.index('xy')}`) await new Promise((go) => setTimeout(go, 1));
    out.push(performance.now() - began);
    await new Promise((go) => setTimeout(go, 40));
  }
  return out;
}"""


def write_sample(folder: Path) -> tuple[Path, Path]:
    """Volume and model of the size of the film paper's first palladium particle."""
    rng = np.random.default_rng(0)
    axis = 2.75 * (np.arange(39) - 19)
    lattice = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    chosen = lattice[rng.permutation(len(lattice))[:ATOMS]] + rng.normal(0, 0.15, (ATOMS, 3))
    volume = rng.normal(0, 0.02, (SIDE,) * 3).astype(np.float32)
    offsets = np.arange(-4, 5)
    for place in chosen / PIXEL + SIDE // 2:
        first = np.round(place).astype(int)
        x, y, z = (
            np.exp(-(((first[k] + offsets - place[k]) * PIXEL) ** 2) / (2 * SPREAD**2))
            for k in range(3)
        )
        box = tuple(slice(n - 4, n + 5) for n in first)
        volume[box] += x[:, None, None] * y[None, :, None] * z[None, None, :]
    np.save(folder / "volume.npy", volume)
    write_model(folder / "model.xyz", AtomicModel.from_positions(chosen, "Pd"))
    return folder / "volume.npy", folder / "model.xyz"


def peak_gb(process: int) -> float:
    """Largest resident memory of a process so far."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(one for one in lines if one.startswith("VmHWM")).split()[1]) / 1e6


def until(page: Page, script: str, seconds: float = 300) -> None:
    """Wait until a script is true; the policy of the page forbids Playwright's own way."""
    end = time.monotonic() + seconds
    while not page.evaluate(script):
        if time.monotonic() > end:
            raise TimeoutError(script)
        time.sleep(0.01)


def run() -> list[Row]:
    """Waiting times and memory."""
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next((one for one in map(shutil.which, names) if one), None)
    with tempfile.TemporaryDirectory() as name:
        volume, model = write_sample(Path(name))
        command = [sys.executable, "-m", "aet_port.cli.entry", "review", str(volume), str(model)]
        command += ["--pixel-size", str(PIXEL), "--no-browser", "--json"]
        began = time.perf_counter()
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            text = ""
            while "}" not in text and server.stdout is not None:
                text += server.stdout.readline()
            ready = time.perf_counter() - began
            with sync_playwright() as play:
                flags = ["--no-sandbox", "--enable-precise-memory-info"]
                browser = play.chromium.launch(executable_path=chromium, args=flags)
                page = browser.new_page(viewport={"width": 1500, "height": 920})
                began = time.perf_counter()
                page.goto(json.loads(text)["page"])
                until(page, SHOWN)
                first = time.perf_counter() - began
                until(page, f"{REVIEW}.leftovers !== 'running'")
                found = time.perf_counter() - began
                page.wait_for_timeout(3000)
                steps = page.evaluate(STEPS % REVIEW)
                heap = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
                browser.close()
            memory = peak_gb(server.pid)
        finally:
            server.terminate()
            server.wait()
    return [
        Row("review, 320^3 voxels, 52,308 atoms: until the link is printed", f"{ready:.1f} s"),
        Row("first slices of the page", f"{first:.1f} s", "3 s"),
        Row(
            "step to the next slice, median, largest",
            f"{statistics.median(steps):.0f}, {max(steps):.0f} ms", "50 ms",
        ),
        Row("candidates found", f"{found:.0f} s"),
        Row("memory of the server", f"{memory:.2f} GB", "1 GB"),
        Row("memory of the page's script", f"{heap:.0f} MB", "500 MB"),
    ]  # fmt: skip
