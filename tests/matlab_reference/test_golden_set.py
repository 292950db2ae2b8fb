"""The golden set is whole, says how it was made, and every file of it is compared with."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any

from scipy.io import loadmat, whosmat

from matlab_reference import golden_path
from matlab_reference.functions import read_functions
from tests.matlab_reference.files_read import Names, names_in, parsed
from tests.matlab_reference.golden_names import MANIFEST, OF_NO_PORT, listed

TESTS = Path(__file__).resolve().parent.parent
CASES: list[dict[str, Any]] = MANIFEST["cases"]
ROWS = {row.name: row for row in read_functions()}
# MATLAB classes and the types their values have here; text and cells are not checked.
CLASSES = {"double": "float64", "single": "float32", "uint8": "uint8", "int32": "int32"}


@functools.cache
def names_of_file(file: Path) -> Names:
    return names_in([parsed(file)])


# Tests of the set itself name its files and compare with none.
TEST_FILES = sorted(set(TESTS.rglob("*.py")) - set((TESTS / "matlab_reference").glob("*.py")))


def test_the_manifest_lists_what_is_there() -> None:
    folder = golden_path("manifest.json").parent
    entries = {case["file"]: case for case in CASES} | MANIFEST["fixtures"]
    assert len(entries) == len(CASES) + len(MANIFEST["fixtures"]) == MANIFEST["number_of_cases"] + 1
    assert {path.name for path in folder.iterdir()} - {"manifest.json"} == set(entries) == listed()
    for name, entry in entries.items():
        content = (folder / name).read_bytes()
        assert len(content) == entry["bytes"], name
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], name
    assert sum(case["bytes"] for case in CASES) == MANIFEST["total_bytes"]


def test_the_manifest_says_how_each_was_made() -> None:
    for case in CASES:
        assert case["run_as"].startswith(("unmodified file", "adapted copy")), case["file"]
        assert case["octave_version"] == "7.3.0", case["file"]
        assert case["file"] == f"{case['repo']}__{case['function']}__{case['case']}.mat"
        assert f"{case['repo']}/{case['function_path']}" in ROWS, case["file"]
        assert isinstance(case["shims"], list), case["file"]
        assert isinstance(case["octave_vs_matlab"], list), case["file"]
    assert all(entry["description"] for entry in MANIFEST["fixtures"].values())


def test_the_manifest_describes_every_array() -> None:
    for case in CASES:
        held = {name: (shape, kind) for name, shape, kind in whosmat(golden_path(case["file"]))}
        assert set(held) == set(case["arrays"]), case["file"]
        assert any(name.startswith("out") for name in held), case["file"]
        for name, array in case["arrays"].items():
            assert array["description"], (case["file"], name)
            shape, kind = held[name]
            if kind in CLASSES:
                assert list(shape) == array["shape"], (case["file"], name)
                expected = {CLASSES[kind], "complex128", "complex64"}
                assert array["dtype"] in expected, (case["file"], name)


def test_every_golden_file_is_compared_with() -> None:
    """By name in the tests; ``pytest --every-golden`` holds it by what they open."""
    unused = {
        case["file"]
        for case in CASES
        if not any(names_of_file(file).golden(case["file"]) for file in TEST_FILES)
    }
    assert unused == OF_NO_PORT
    sources = "".join(file.read_text(encoding="utf-8") for file in TEST_FILES)
    assert [name for name in MANIFEST["fixtures"] if name not in sources] == []


def test_what_is_not_compared_with_has_its_reason() -> None:
    origin = {case["file"]: f"{case['repo']}/{case['function_path']}" for case in CASES}
    for name in OF_NO_PORT:
        row = ROWS[origin[name]]
        assert row.kind == "not needed", name
        assert row.detail, name
        assert loadmat(golden_path(name)), name


def test_names_are_found_in_tests(tmp_path: Path) -> None:
    file = tmp_path / "one.py"
    file.write_text(
        'a = "am__my_fft__b.mat"\nfor k in ("x", 1):\n    f"mg__calc_grid__{k}.mat"\nf"mg__{k}"'
    )
    names = names_in([parsed(file)])
    assert names.golden("am__my_fft__b")
    assert names.golden("mg__calc_grid__x.mat")
    assert names.golden("mg__calc_grid__7")
    assert not names.golden("mg__calc_grid__y")
    assert not names.golden("mg__other__x")
    assert not names.golden("am__my_fft__c")
