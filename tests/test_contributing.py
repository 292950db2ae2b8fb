"""What CONTRIBUTING.md names exists."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest

import aet_port

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_files_and_targets_exist() -> None:
    paths = re.findall(r"`((?:aet_port|tests|examples|matlab_reference)/[\w/.]+)`", TEXT)
    links = [link for link in re.findall(r"\]\(([^)]+)\)", TEXT) if not link.startswith("https://")]
    assert len(paths) > 5
    assert [name for name in (*paths, *links) if not (ROOT / name).exists()] == []
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"(?:^|`)make (\w+)", TEXT, re.MULTILINE)
    assert targets
    assert [name for name in targets if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []
    modules = re.findall(r"python -m ([\w.]+\.\w+)`", TEXT)
    assert [name for name in modules if not (ROOT / f"{name.replace('.', '/')}.py").is_file()] == []


def test_the_layers_are_those_of_the_contract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (
        one for one in project["tool"]["importlinter"]["contracts"] if one["id"] == "layers"
    )
    table = TEXT.partition("|---|---|\n")[2].partition("\n\n")[0]
    told = [
        {name.strip("` ") for name in re.findall(r"`\w+`", part)}
        for row in table.splitlines()
        for part in row.split("|")[2].split(";")
    ]
    order = [name for part in told for name in part]
    layers = [
        {name.strip().removeprefix("aet_port.") for name in layer.split("|")}
        for layer in contract["layers"]
    ]
    assert sorted(order) == sorted(name for layer in layers for name in layer)
    height = {name: number for number, layer in enumerate(layers) for name in layer}
    for upper, lower in pairwise(told):
        assert max(height[name] for name in upper) <= min(height[name] for name in lower)


def test_version_stands_in_one_place() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {aet_port.__version__}\n" in citation
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project
    assert metadata.version("aet-port") == aet_port.__version__


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("vendor.github-workflows", ".github/workflows/*.yml"),
        ("vendor.readthedocs", ".readthedocs.yaml"),
    ],
)
def test_files_of_services_are_what_they_take(schema: str, pattern: str) -> None:
    pytest.importorskip("check_jsonschema")
    files = sorted(ROOT.glob(pattern))
    assert files
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    done = subprocess.run([*words, *map(str, files)], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_targets_of_the_workflows_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = {
        name
        for path in (ROOT / ".github" / "workflows").glob("*.yml")
        for name in re.findall(r"run: make (\w+)", path.read_text(encoding="utf-8"))
    }
    assert used
    assert used <= targets
