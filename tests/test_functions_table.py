"""The table of the reference's source files says what is true."""

from __future__ import annotations

import ast
import functools
import importlib
import json
import re
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.special
from numpy.typing import NDArray
from scipy.io import loadmat

import aet_port
from aet_port.core.errors import DataFileError
from aet_port.core.geometry import EULER_AXES, extended_object_shape, pad_centred
from aet_port.resire import fourier_slice
from aet_port.resire.grid import make_grid
from matlab_reference import golden_path
from matlab_reference.functions import COLUMNS, PORTED, REPOS, FunctionRow, read_functions
from matlab_reference.registry import CODE, read_registry

ROOT = Path(__file__).resolve().parent.parent
ROWS = read_functions()
STATUS = re.compile(r"ported|ported without output: \S.*|library: \S.*|not needed: \S.*")
TEST_ID = re.compile(r"tests/[\w/]+\.py::\w+")
DOTTED = re.compile(r"\baet_port(?:\.\w+)+")
# A path that ends in .m; it may hold * and one list in braces.
ORIGIN = re.compile(r"[\w@*./-]*(?:\{[\w,]+\}[\w@*./-]*)?\.m\b")


def resolve(dotted: str) -> Any:
    """The object of a dotted path: the longest part that is a module, then attributes.

    A module may have the name of a function elsewhere, so the longest module is tried first.
    """
    parts = dotted.split(".")
    for split in range(len(parts), 0, -1):
        name = ".".join(parts[:split])
        try:
            found = importlib.import_module(name)
        except ModuleNotFoundError as error:
            # Of the path itself: the rest are attributes. Of something else: a broken import.
            if not name.startswith(error.name or "?"):
                raise
            continue
        return functools.reduce(getattr, parts[split:], found)
    raise ModuleNotFoundError(dotted)


@functools.cache
def source(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


@functools.cache
def functions_in(file: str) -> frozenset[str]:
    """Names of the top-level functions of a test file; the suite has no test classes."""
    if not (ROOT / file).is_file():
        return frozenset()
    body = ast.parse(source(file)).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef))


def is_test(test: str) -> bool:
    file, _, name = test.partition("::")
    return name.startswith("test_") and name in functions_in(file)


def origins(text: str) -> list[str]:
    """Files of the reference that the last part of a docstring names, braces written out."""
    found = []
    for token in ORIGIN.findall(text.partition("MATLAB:")[2]):
        head, brace, rest = token.partition("{")
        if not brace:
            found.append(token)
            continue
        inner, _, tail = rest.partition("}")
        found.extend(head + choice + tail for choice in inner.split(","))
    return found


def docstrings() -> list[tuple[str, str]]:
    """Place and text of every docstring of the package that has an origin."""
    package = Path(aet_port.__file__).parent
    found = []
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node) or ""
                if "MATLAB:" in text:
                    name = getattr(node, "name", "module")
                    found.append((f"{path.relative_to(package.parent)}::{name}", text))
    return found


def has_row(origin: str) -> bool:
    return any(fnmatchcase(r.path, origin) or fnmatchcase(r.path, f"*/{origin}") for r in ROWS)


def test_every_row_has_a_status() -> None:
    assert [r.name for r in ROWS if not STATUS.fullmatch(r.status)] == []
    assert [r.name for r in ROWS if r.repo not in ("mg", "am") or not r.purpose] == []


def test_every_source_file_has_a_row() -> None:
    """Those of the recorded commits, by name and SHA-256."""
    registry = {one.name: one for one in read_registry()}
    sources = {name for name in registry if Path(name).suffix in CODE}
    assert len(sources) == 294
    rows = {f"{REPOS[r.repo]}/{r.path}": r for r in ROWS}
    assert set(rows) == sources
    assert [name for name, r in rows.items() if r.sha256 != registry[name].sha256] == []


def test_rows_are_distinct_files() -> None:
    assert [name for name, n in Counter(r.name for r in ROWS).items() if n > 1] == []
    assert [r.name for r in ROWS if not re.fullmatch("[0-9a-f]{64}", r.sha256)] == []
    assert [r.name for r in ROWS if r.lines < 1] == []


def test_identical_files_share_one_entry() -> None:
    by_name = {r.name: r for r in ROWS}
    for row in ROWS:
        if row.duplicate_of:
            original = by_name[row.duplicate_of]
            assert not original.duplicate_of, row.name
            assert row.sha256 == original.sha256, row.name
            assert (row.status, row.symbol, row.test) == (
                original.status,
                original.symbol,
                original.test,
            ), row.name
    firsts = Counter(r.sha256 for r in ROWS if not r.duplicate_of)
    assert [r.name for r in ROWS if firsts[r.sha256] != 1] == []


def test_ported_rows_have_a_symbol_and_a_test() -> None:
    for row in ROWS:
        if row.kind in PORTED:
            assert callable(resolve(row.symbol)), row.name
            assert is_test(row.test), f"{row.name}: {row.test}"
            # A test that does not even name the symbol compares something else.
            word = row.symbol.rpartition(".")[2]
            assert re.search(rf"\b{word}\b", source(row.test.partition("::")[0])), row.name
        else:
            assert row.symbol == "", row.name
            assert row.test == "" or is_test(row.test), f"{row.name}: {row.test}"


def test_notes_name_what_exists() -> None:
    for row in ROWS:
        for test in TEST_ID.findall(row.note):
            assert is_test(test), f"{row.name}: {test}"
        for dotted in DOTTED.findall(row.note):
            resolve(dotted)


def test_files_of_the_golden_cases_are_listed() -> None:
    manifest = json.loads(golden_path("manifest.json").read_text(encoding="utf-8"))
    table = {r.name: r.sha256 for r in ROWS}
    for case in manifest["cases"]:
        name = f"{case['repo']}/{case['function_path']}"
        assert table.get(name) == case["function_sha256"], name


def test_origins_are_read_from_docstrings() -> None:
    text = "Words a.m.\n\nMATLAB: x/@C/{one,two}.m (glass), y/Main_*_film.m::f and z.mat, ``w.m``"
    assert origins(text) == ["x/@C/one.m", "x/@C/two.m", "y/Main_*_film.m", "w.m"]
    assert has_row("2_RESIRE_package/src/my_fft.m")
    assert has_row("4_results/Compare_MG_multislice_posres.m")
    assert not has_row("fft.m")


def test_origins_in_docstrings_are_listed() -> None:
    """A method of a MATLAB class file is written ``@Class/Class.m::method``."""
    found = docstrings()
    assert len(found) > 50
    unknown = [
        f"{place}: {origin}"
        for place, text in found
        for origin in origins(text)
        if not has_row(origin)
    ]
    assert unknown == []


def write(path: Path, *rows: list[str], header: tuple[str, ...] = COLUMNS) -> Path:
    path.write_text("\n".join(",".join(r) for r in (header, *rows)), encoding="utf-8")
    return path


def test_a_row_is_read(tmp_path: Path) -> None:
    cells = ["mg", "a/b.m", "0" * 64, "12", "algorithm", "adds", "", "library: numpy", "", "", "x"]
    (row,) = read_functions(write(tmp_path / "t.csv", cells))
    assert row == FunctionRow("mg", "a/b.m", "0" * 64, 12, *cells[4:])
    assert (row.name, row.kind, row.detail) == ("mg/a/b.m", "library", "numpy")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({3: "many"}, r"t\.csv.*row 1: lines 'many'"),
        ({7: "later"}, "row 1: status 'later'"),
        ({7: "ported: yes"}, "status 'ported: yes'"),
        ({7: "open: F"}, "status 'open: F'"),
        ({7: "library"}, "status 'library'"),
        ({7: "ported without output"}, "status 'ported without output'"),
        ({10: "a,b"}, "row 1: 12 cells"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, change: dict[int, str], words: str) -> None:
    cells = ["mg", "b.m", "0" * 64, "12", "algorithm", "adds", "", "library: F", "", "", ""]
    for column, value in change.items():
        cells[column] = value
    with pytest.raises(DataFileError, match=words):
        read_functions(write(tmp_path / "t.csv", cells))


def test_bad_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="unreadable"):
        read_functions(tmp_path / "none.csv")
    with pytest.raises(
        DataFileError, match="found repo,path; expected the columns repo,path,sha256"
    ):
        read_functions(write(tmp_path / "t.csv", header=("repo", "path")))
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(DataFileError, match="an empty file"):
        read_functions(tmp_path / "empty.csv")
    (tmp_path / "latin.csv").write_bytes("é".encode("latin-1"))
    with pytest.raises(DataFileError, match="unreadable"):
        read_functions(tmp_path / "latin.csv")


def golden(name: str) -> dict[str, NDArray]:
    return loadmat(golden_path(f"{name}.mat"))


def test_copies_of_ported_functions() -> None:
    """Copies of a ported function that differ from it in the call, not in what they compute."""
    case = golden("am__objectsize__tracing_copy_cell_axes")
    for (n_x, n_y, n_z), size in zip(case["in_dims"].astype(int), case["out_size"], strict=True):
        assert extended_object_shape((n_x, n_y), n_z, case["in_angles"]) == tuple(size)
    case = golden("mg__My_paddzero__5_refinement_dtype")
    for n in (1, 2, 3, 4):
        padded = pad_centred(case[f"in_{n}_vol"], tuple(case[f"in_{n}_size"].ravel().astype(int)))
        np.testing.assert_array_equal(padded, case[f"out_{n}_double"])
        np.testing.assert_array_equal(padded.astype(np.float32), case[f"out_{n}_default"])
    z, y = (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)
    for name in ("rec", "rec_spl", "splinterp"):
        case = golden(f"am__calculate3Dprojection_{name}__shapes_angles")
        given = [case[f"in_vec{i}"].ravel() for i in (1, 2, 3)]
        np.testing.assert_array_equal(given, EULER_AXES)
        for n in (1, 2, 3, 4):
            volume = case[f"in_{n}_vol"]
            if name == "splinterp" and len(set(volume.shape)) > 1:
                continue  # its axes lack the scale
            for axes, key in ((EULER_AXES, f"out_{n}"), ((z, y, z), f"out_{n}_defaultaxes")):
                angles = case["in_angles"].astype(float)
                grid = make_grid(volume.shape[:2], angles, 1, False, volume.shape[2], axes)
                images = fourier_slice.project(
                    np.ascontiguousarray(np.moveaxis(volume, 1, 2)), grid
                )
                expected = np.moveaxis(case[key], 2, 0)
                # Double precision; sums of some hundred products in another order.
                np.testing.assert_allclose(
                    images, expected, rtol=0, atol=1e-13 * np.abs(expected).max()
                )


def test_libraries_compute_the_same() -> None:
    """What stands for the small helpers whose row says ``library``."""
    for name, transform in (
        ("mg__my_fft__parities", scipy.fft.fftn),
        ("mg__My_FFTN__odd_even", scipy.fft.fftn),
        ("am__my_ifft__parities", scipy.fft.ifftn),
        ("mg__My_IFFTN__odd_even", scipy.fft.ifftn),
    ):
        case = golden(name)
        for key in (k for k in case if k.startswith("in_")):
            found = scipy.fft.fftshift(transform(scipy.fft.ifftshift(case[key])))
            expected = case["out_" + key.removeprefix("in_")]
            # A transform of n numbers loses a few roundings of its largest value.
            tolerance = 10 * np.finfo(expected.dtype).eps * np.abs(expected).max()
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
    case = golden("am__intersectN__rows")
    for n in (1, 2):
        common = functools.reduce(np.intersect1d, case[f"in_{n}"])
        np.testing.assert_array_equal(common, case[f"out_{n}"].ravel())
    case = golden("am__myunique__rows")
    _, first = np.unique(np.sort(case["in_list"], axis=1), axis=0, return_index=True)
    np.testing.assert_array_equal(first + 1, case["out_id"].ravel())
    case = golden("am__harmonicY__degrees_and_options")
    theta, phi = case["in_th"].ravel(), case["in_phi"].ravel()
    for degree in (0, 1, 2, 4, 6):
        orders = np.arange(-degree, degree + 1)[:, None]
        harmonics = scipy.special.sph_harm_y(degree, orders, theta, phi)
        # Values of up to 1 from factorials and recurrences.
        np.testing.assert_allclose(harmonics, case[f"out_n{degree}"], rtol=0, atol=1e-14)
