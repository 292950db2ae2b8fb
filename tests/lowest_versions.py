"""Constraints for pip: every dependency at its lower bound, as ``pyproject.toml`` states it.

``python -m tests.lowest_versions > lowest.txt; pip install --constraint lowest.txt .``
"""

from __future__ import annotations

import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def constraints() -> list[str]:
    """Lines such as ``numpy==2.2.2``, of what is always needed and of the extra ``review``."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    stated = [*project["dependencies"], *project["optional-dependencies"]["review"]]
    return [requirement.replace(">=", "==") for requirement in stated]


if __name__ == "__main__":
    print("\n".join(constraints()))
