"""The golden set is whole, says how it was made, and every file of it is compared with."""

from __future__ import annotations

import ast
import functools
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from scipy.io import loadmat, whosmat

from matlab_reference import golden_path
from matlab_reference.functions import read_functions
from tests.matlab_reference.golden_names import MANIFEST, OF_NO_PORT, listed

TESTS = Path(__file__).resolve().parent.parent
CASES: list[dict[str, Any]] = MANIFEST["cases"]
ROWS = {row.name: row for row in read_functions()}
# MATLAB classes and the types their values have here; text and cells are not checked.
CLASSES = {"double": "float64", "single": "float32", "uint8": "uint8", "int32": "int32"}


@functools.cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@functools.cache
def names_in(file: Path) -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    """Golden names that a test file writes, and patterns of those that it fills something into.

    Some files leave the repository to a helper, so a name counts with and without it.
    """
    patterns = []
    for node in ast.walk(parsed(file)):
        if not isinstance(node, ast.JoinedStr):
            continue
        text = "".join(
            re.escape(v.value) if isinstance(v, ast.Constant) else "(.*)" for v in node.values
        ).removesuffix(r"\.mat")
        # More of a name than the repository, and parts of a file name only.
        if "__" in text and len(re.findall("[A-Za-z]", text)) > 6 and not re.search(r"\s", text):
            patterns.append(re.compile(rf"(?:am__|mg__)?{text}"))
    return frozenset(text.removesuffix(".mat") for text in constants_in(file)), tuple(patterns)


@functools.cache
def constants_in(file: Path) -> frozenset[str]:
    return frozenset(
        node.value
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def used_in(file: Path, name: str) -> bool:
    """Whether a test file writes this name, each filled-in part being a number or in the file."""
    literal, patterns = names_in(file)
    if name in literal or name[4:] in literal:
        return True
    for pattern in patterns:
        found = pattern.fullmatch(name)
        if found and all(not g or g.isdecimal() or g in constants_in(file) for g in found.groups()):
            return True
    return False


HERE = Path(__file__).resolve()
TEST_FILES = sorted(set(TESTS.rglob("*.py")) - {HERE, HERE.with_name("golden_names.py")})


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
        if not any(used_in(file, case["file"].removesuffix(".mat")) for file in TEST_FILES)
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
    assert used_in(file, "am__my_fft__b")
    assert used_in(file, "mg__calc_grid__x")
    assert used_in(file, "mg__calc_grid__7")
    assert not used_in(file, "mg__calc_grid__y")
    assert not used_in(file, "mg__other__x")
    assert not used_in(file, "am__my_fft__c")


def defined_in(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
    if isinstance(node, ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    return []


@functools.cache
def definitions(file: Path) -> dict[str, ast.stmt]:
    """What a file defines or imports at its top level, by name."""
    return {name: node for node in parsed(file).body for name in defined_in(node)}


def mentioned(node: ast.AST) -> set[str]:
    """Names that a piece of code uses: variables, functions, attributes, fixtures."""
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            found.add(part.id)
        elif isinstance(part, ast.arg):
            found.add(part.arg)
    return found


def reaches_the_reference(file: Path, name: str, seen: set[tuple[Path, str]] | None = None) -> bool:
    """Whether a test, or what it calls or takes as a fixture, loads outputs of the reference."""
    seen = set() if seen is None else seen
    for place in (file, file.parent / "conftest.py", TESTS / "conftest.py"):
        if (place, name) in seen or not place.is_file() or name not in definitions(place):
            continue
        seen.add((place, name))
        node = definitions(place)[name]
        if isinstance(node, ast.ImportFrom):
            if name in ("golden_path", "locate_reference", "read_published"):
                return True
            module = TESTS.parent / f"{(node.module or '').replace('.', '/')}.py"
            if module.is_relative_to(TESTS) and reaches_the_reference(module, name, seen):
                return True
        elif any(reaches_the_reference(file, word, seen) for word in mentioned(node)):
            return True
    return False


@pytest.mark.parametrize(
    "test", sorted({row.test for row in ROWS.values() if row.kind == "ported"})
)
def test_ported_functions_are_compared_with_the_reference(test: str) -> None:
    file, _, name = test.partition("::")
    assert reaches_the_reference(TESTS.parent / file, name)


def test_a_test_of_its_own_does_not_reach_the_reference() -> None:
    file = TESTS / "tracing" / "test_species.py"
    assert not reaches_the_reference(file, "test_peaks_that_are_no_atoms")
    assert reaches_the_reference(file, "test_local_golden")
