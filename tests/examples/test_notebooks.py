"""The notebooks of ``examples/notebooks`` run from beginning to end, and hold no outputs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def test_notebooks_are_kept_without_outputs() -> None:
    nbformat = pytest.importorskip("nbformat")
    assert len(NAMES) >= 2
    for name in NAMES:
        notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
        nbformat.validate(notebook)
        cells = [one for one in notebook.cells if one.cell_type == "code"]
        assert len(cells) >= 3
        assert all(not one.outputs and one.execution_count is None for one in cells), name


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("pandas")
    root = str(FOLDER.parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    shown = [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]
    kinds = {kind for out in shown for kind in out.get("data", {})}
    assert {"text/html", "text/plain"} <= kinds  # objects and tables show themselves
    assert ("image/png" in kinds) == (name == "tilt_series_to_atoms")
