"""Banks made once: an empty one, whose schema takes longer than most tests, and a full one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mdb import Bank, deposit
from tests.mdb.samples import deposit_everything, particle


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new bank; to be copied."""
    path = tmp_path_factory.mktemp("empty") / "some.bank"
    with Bank(path):
        return path


@pytest.fixture
def bank(empty: Path, tmp_path: Path) -> Iterator[Bank]:
    """A new bank of the test's own, open for writing."""
    with Bank(shutil.copy(empty, tmp_path / "some.bank")) as opened:
        yield opened


@pytest.fixture(scope="session")
def small(empty: Path) -> Path:
    """A bank with a model and its analysis; to be read or copied."""
    path = Path(shutil.copy(empty, empty.with_name("small.bank")))
    model, analysis = particle()
    with Bank(path) as opened:
        deposit(opened, model, analysis=analysis)
    return path


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank with rows in every table; to be read or copied."""
    path = tmp_path_factory.mktemp("everything") / "some.bank"
    with Bank(path) as opened:
        deposit_everything(opened)
    return path
