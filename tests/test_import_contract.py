"""The contract of imports holds and would not if somebody broke it; few arrows between packages."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("importlinter")

from benchmarks.import_graph import arrows, levels, read_graph, top_modules

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("aet_port", "mdb", "md_sim", "matlab_reference")
LINT = (
    "from importlinter.cli import lint_imports; "
    "raise SystemExit(lint_imports(is_debug_mode=False, show_timings=False, no_cache=True))"
)
UPWARD = "Packages stand in layers; nothing imports upward or sideways BROKEN"
CIRCLE = "No circle between packages, nor between the modules of one BROKEN"
STRUCTURE = "Inside the structure analysis likewise BROKEN"


def lint(folder: Path) -> tuple[int, str]:
    """Exit code and output of ``lint-imports`` in a folder."""
    command = [sys.executable, "-c", LINT]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def shared_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in PACKAGES:
        for file in (ROOT / name).rglob("*.py"):
            target = folder / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    return folder


@pytest.fixture
def copy(shared_copy: Path) -> Iterator[Path]:
    """A copy of the packages' modules, which is as it was after the test."""
    before = {file: file.read_bytes() for file in shared_copy.rglob("*.py")}
    yield shared_copy
    for file in shared_copy.rglob("*.py"):
        if file not in before:
            file.unlink()
        elif file.read_bytes() != before[file]:
            file.write_bytes(before[file])


def test_the_contract_holds() -> None:
    code, output = lint(ROOT)
    assert code == 0, output
    assert "3 kept, 0 broken" in output


def test_a_copy_keeps_it_as_the_original_does(copy: Path) -> None:
    assert lint(copy)[0] == 0


@pytest.mark.parametrize(
    ("added", "words"),
    [
        pytest.param(
            {"aet_port/core/files.py": "from aet_port.io import volumes"},
            (UPWARD, "aet_port.core.files -> aet_port.io.volumes"),
            id="upward",
        ),
        pytest.param(
            {"aet_port/structure/neighbours.py": "def late():\n    import mdb.bank"},
            (UPWARD, "aet_port.structure.neighbours -> mdb.bank"),
            id="upward, inside a function",
        ),
        pytest.param(
            {"aet_port/resire/grid.py": "from aet_port.structure import neighbours"},
            (UPWARD, "aet_port.resire.grid -> aet_port.structure.neighbours"),
            id="sideways",
        ),
        pytest.param(
            {"aet_port/structure/voronoi/cells.py": "import aet_port.structure.analysis"},
            (STRUCTURE, "aet_port.structure.voronoi.cells -> aet_port.structure.analysis"),
            id="upward in the structure analysis",
        ),
        pytest.param(
            {
                "aet_port/first/__init__.py": "",
                "aet_port/first/one.py": "import aet_port.second.two",
                "aet_port/second/__init__.py": "",
                "aet_port/second/two.py": "import aet_port.first.one",
            },
            (CIRCLE, "No cycles are allowed in aet_port."),
            id="packages import each other",
        ),
        pytest.param(
            {
                "aet_port/core/errors.py": "import aet_port.core.files",
                "aet_port/core/files.py": "import aet_port.core.errors",
            },
            (CIRCLE, "No cycles are allowed in aet_port.core."),
            id="modules import each other",
        ),
    ],
)
def test_a_wrong_import_breaks_it(
    copy: Path, added: dict[str, str], words: tuple[str, ...]
) -> None:
    for name, line in added.items():
        file = copy / name
        file.parent.mkdir(exist_ok=True)
        with file.open("a", encoding="utf-8") as handle:
            handle.write(f"\n{line}\n")
    code, output = lint(copy)
    assert code == 1, output
    for part in words:
        assert part in output, output


def test_every_package_has_a_layer() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (
        one for one in project["tool"]["importlinter"]["contracts"] if one["id"] == "layers"
    )
    layered = {name.strip() for layer in contract["layers"] for name in layer.split("|")}
    inner = {f"aet_port.{path.parent.name}" for path in (ROOT / "aet_port").glob("*/__init__.py")}
    assert layered == inner | set(PACKAGES) - {"aet_port"}


def test_few_arrows_between_packages() -> None:
    rooms = read_graph()
    assert top_modules() == ["__init__", "ovito_modifier"]
    assert arrows(rooms) <= 120
    assert levels(rooms)[0] == ["aet_port", "aet_port.core"]  # the top is lazy names alone


def test_a_circle_has_no_levels() -> None:
    with pytest.raises(ValueError, match="a circle among a, b"):
        levels({"a": {"b"}, "b": {"a"}, "c": set()})
    assert levels({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == [["c"], ["b"], ["a"]]
    assert arrows({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == 3
