"""Errors cross processes whole: text, kind and facts."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from aet_port.core.errors import (
    AetError,
    CheckpointError,
    DataFileError,
    InputError,
    MissingDependencyError,
    OutputError,
)
from mdb.errors import BankError


@pytest.mark.parametrize(
    "error",
    [
        InputError("angles", "3 x n", "n x 3"),
        DataFileError("a.mat", "nothing", "a table"),
        CheckpointError("state.npz", "another", "this one"),
        OutputError("volume.npy", "No space left", "free some"),
        MissingDependencyError("a Dask scheduler", "cluster"),
        BankError("bank.duckdb", "broken", "mend it"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_pickled(error: AetError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_they_are_what_python_calls_them() -> None:
    assert isinstance(InputError("a", "b", "c"), ValueError)
    assert isinstance(OutputError("a", "b", "c"), OSError)
    assert isinstance(MissingDependencyError("a", "b"), ImportError)
    assert DataFileError("some/file", "b", "c").path == Path("some/file")
    assert str(InputError("a", "b", "c")) == "a: found b; expected c"
