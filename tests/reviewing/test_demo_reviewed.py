"""The particle of `aet demo` through the papers' chain, then by hand to 1000 of 1000 atoms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

import mdb
from aet_port.io import read_model
from aet_port.reviewing.log import rounded
from aet_port.reviewing.opening_runs import open_run_folder
from aet_port.validation import match_models
from aet_port.workflow.config import load_config
from aet_port.workflow.deposit import deposit_run
from aet_port.workflow.pipeline import run
from tests.reviewing.conftest import serving
from tests.reviewing.test_browser import REVIEW, Window, browser

__all__ = ["browser"]

CONFIG = """\
[sample]
name = "demo"
species = "Ta"
kind = "synthetic"
preset = "papers"
[synthetic]
[simulate]
pixel_size = 0.4
[refine]
"""
FIRST = 10


@pytest.mark.slow
def test_the_demo_by_the_papers_chain(browser: Browser, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text(CONFIG)
    folder = tmp_path / "run"
    done = run(load_config(config), folder, threads=1)
    truth = read_model(folder / "truth.xyz").positions
    found = match_models(done.model.positions, truth)
    # Only here the truth is known.
    spurious, missed = [int(k) for k in found.spurious], truth[found.missed]
    assert (len(spurious), len(missed)) == (2, 1)
    session = open_run_folder(folder, author="A. Reader")
    thread = session.start()
    assert thread is not None
    thread.join()
    assert np.linalg.norm(session.table.places - missed[0], axis=1).min() < 0.75
    candidate = int(np.linalg.norm(session.table.places - missed[0], axis=1).argmin())
    expected = ["action,atom,species,x,y,z,reason,author"]
    for served in serving(session):
        context = browser.new_context(viewport={"width": 1400, "height": 860})
        context.set_default_timeout(120_000)
        window = Window(context, served.gate.url)
        first = window.keys()[:FIRST]
        assert {*map(str, spurious), f"c{candidate}"} <= set(first)
        for key in first:
            # One after the other, as a person does: n goes on, x and k do as well.
            if key in map(str, spurious):
                window.page.locator(f'.row[data-key="{key}"]').click()
                window.press("x")
                expected.append(f"remove,{key},,,,,,A. Reader")
            elif key == f"c{candidate}":
                window.page.locator(f'.row[data-key="{key}"]').click()
                window.press("a")
                assert session.grid is not None
                place = session.grid.snapped(session.table.places[candidate].astype(np.float32))
                assert place is not None
                x, y, z = rounded(place)
                expected.append(f"add,,Ta,{x!r},{y!r},{z!r},,A. Reader")
            else:
                window.page.locator(f'.row[data-key="{key}"]').click()
                window.press("k")
                expected.append(f"keep,{key},,,,,,A. Reader")
        expect(window.page.locator(".top")).to_contain_text(f"{FIRST} of ")
        assert window.page.evaluate(f"{REVIEW}.facts.hint").startswith("aet run")
        context.close()
    assert (folder / "edits.csv").read_text().splitlines() == expected
    done = run(load_config(config), folder, resume=True, threads=1)
    assert done.failures == ()
    figures = json.loads((folder / "comparison.json").read_text())["refined"]
    assert (figures["matched"], figures["missed"], figures["spurious"]) == (1000, 0, 0)
    with mdb.Bank(tmp_path / "bank.duckdb") as bank:
        stored = deposit_run(bank, done)
        rows = bank.sql("SELECT action, atom, author FROM atom_edit ORDER BY edit").to_pylist()
    assert stored.new
    # The log of the bank has what changed the model.
    assert [row["action"] for row in rows].count("remove") == 2
    assert [row["action"] for row in rows].count("add") == 1
    assert {row["author"] for row in rows} == {"A. Reader"}
    # Opened again, nothing is left to do at what was done.
    again = open_run_folder(folder)
    assert again.progress()["checked"] >= 1
    assert not any(row["gone"] is False and row["moved"] for row in again.overlay())
