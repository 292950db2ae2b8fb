"""The table of all atoms: what the arrays hold, and what it says without pandas."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from aet_port.core.errors import InputError, MissingDependencyError
from aet_port.simulation import amorphous_particle
from aet_port.structure import analyze, atom_quantities, to_dataframe

pytest.importorskip("pandas")


def test_columns_are_the_arrays() -> None:
    model = amorphous_particle(80, "Ta", seed=3)
    model.atoms.set_array("force", np.arange(240.0).reshape(80, 3))
    found = analyze(model)
    table = found.to_dataframe(model)
    named = atom_quantities(model, found)
    assert (table["species"] == "Ta").all()
    np.testing.assert_array_equal(table[["x", "y", "z"]], model.positions)
    np.testing.assert_array_equal(table["force_1"], np.arange(240.0)[1::3])
    for name, values in named.arrays.items():
        if values.ndim == 1 and name != "numbers":
            np.testing.assert_array_equal(table[name], values)
    assert not set(table.columns) & {"numbers", "positions", "force"}


def test_results_of_other_atoms_are_refused() -> None:
    found = analyze(amorphous_particle(80, "Ta", seed=3))
    with pytest.raises(InputError, match="those of these 60 atoms"):
        to_dataframe(found, amorphous_particle(60, "Ta", seed=3))


def test_without_pandas_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    model = amorphous_particle(60, "Ta", seed=3)
    found = analyze(model)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependencyError, match="formats"):
        found.to_dataframe(model)
