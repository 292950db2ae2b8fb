"""Each file of the reference that counts as ported is compared with an output of its own."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from matlab_reference.functions import PORTED as PORTED_KINDS
from matlab_reference.functions import FunctionRow, read_functions
from matlab_reference.registry import GOLDEN, read_registry
from tests.every_golden import without_output
from tests.matlab_reference.files_read import names_in, names_of_test, parsed
from tests.matlab_reference.outputs import DEPOSITED, PORTED, outputs

ROOT = Path(__file__).resolve().parent.parent.parent
DRAWN = 12
SEED = int(os.environ.get("AET_DRAW_SEED", "0"))


def names_an_output(row: FunctionRow) -> bool:
    """Whether the row's test names an output of that very file, itself or through what it calls."""
    names = names_of_test(row.test)
    return any(
        names.golden(path.removeprefix(f"{GOLDEN}/"))
        if path.startswith(f"{GOLDEN}/")
        else names.published(path)
        for path in outputs()[row.name]
    )


def test_every_ported_row_names_a_test_of_its_own_output() -> None:
    assert len(PORTED) > 100
    assert [f"{row.name}: {row.test}" for row in PORTED if not names_an_output(row)] == []


def test_rows_without_an_output_have_none() -> None:
    """A file of which an output is at hand is compared with it."""
    of_row = outputs()
    rows = [row for row in read_functions() if row.kind in PORTED_KINDS]
    assert [row.name for row in rows if bool(of_row[row.name]) != (row.kind == "ported")] == []


def test_deposited_outputs_are_published_files() -> None:
    assert set(DEPOSITED) <= {row.name for row in PORTED}
    assert set(DEPOSITED.values()) <= {one.name for one in read_registry()}


def test_a_test_of_another_output_is_not_enough() -> None:
    (row,) = (row for row in PORTED if row.path == "7_Data_analysis/src/uniqueCluster.m")
    assert names_an_output(row)
    fields = vars(row) | {
        "test": "tests/structure/test_bipyramids.py::test_motifs_as_the_reference"
    }
    assert not names_an_output(FunctionRow(**fields))
    read = {row.test: {f"{GOLDEN}/am__shareAB__delta150.mat"}}
    assert without_output([row], read) == [row.name]
    read[row.test].add(f"{GOLDEN}/am__uniqueCluster__delta150.mat")
    assert without_output([row], read) == without_output([row], {}) == []


def test_names_of_a_test_are_its_own() -> None:
    """What another test of the same file reads does not count."""
    own = names_of_test("tests/structure/test_bipyramids.py::test_motifs_as_the_reference")
    whole = names_in([parsed(ROOT / "tests" / "structure" / "test_bipyramids.py")])
    assert own.golden("am__shareAB__delta150.mat")
    assert not own.golden("am__smallestCluster__delta255.mat")
    assert whole.golden("am__smallestCluster__delta255.mat")
    # Through a fixture that gives a reader.
    golden = names_of_test("tests/tracing/test_species.py::test_local_golden")
    assert golden.golden("mg__local_class_kmean_sub__radius14.mat")
    none = names_of_test("tests/tracing/test_species.py::test_peaks_that_are_no_atoms")
    assert not any(
        none.golden(path.removeprefix(f"{GOLDEN}/")) for path in outputs()[PORTED[0].name]
    )


@pytest.mark.slow
def test_twelve_that_are_drawn_open_their_outputs(tmp_path: Path) -> None:
    """Their tests pass, and open what the files of the reference have put out.

    Another twelve: ``AET_DRAW_SEED=7 pytest -s -m slow tests/matlab_reference``.
    """
    drawn = random.Random(SEED).sample([row for row in PORTED if not row.duplicate_of], DRAWN)
    print(f"\nseed {SEED}")
    for row in drawn:
        print(f"{row.name}: {row.test}")
    file = tmp_path / "read.json"
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    command += ["--files-read", str(file), *dict.fromkeys(row.test for row in drawn)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    read = {test: set(some) for test, some in json.loads(file.read_text()).items()}
    for row in drawn:
        opened = sorted(outputs()[row.name] & read.get(row.test, set()))
        print(f"{row.name}: {', '.join(opened) or 'nothing, its test was skipped'}")
    assert without_output(drawn, read) == []
    skipped = {row.test for row in drawn} - set(read)
    assert {row.name for row in drawn if row.test in skipped} <= set(DEPOSITED)
