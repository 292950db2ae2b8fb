"""``pytest --every-golden`` notices what was not opened."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.matlab_reference.golden_names import MANIFEST, OF_NO_PORT

ROOT = Path(__file__).resolve().parent.parent.parent


def test_files_that_were_not_opened_fail_the_run() -> None:
    """One golden test alone opens one file; a test of the set itself, which opens all, none."""
    chosen = (
        "tests/core/test_image_shift.py::test_golden",
        "tests/matlab_reference/test_golden_set.py::test_the_manifest_lists_what_is_there",
    )
    options = ("-q", "-p", "no:cacheprovider", "--every-golden")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *chosen],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.search(r"\d passed", done.stdout)
    assert done.returncode == 1
    listed = re.search(r"golden files that no test opened: (.*)", done.stdout)
    assert listed is not None
    opened = {"am__My_FourierShift__odd_even_subpixel.mat"}
    assert (
        set(listed[1].split(", "))
        == {case["file"] for case in MANIFEST["cases"]} - opened - OF_NO_PORT
    )
