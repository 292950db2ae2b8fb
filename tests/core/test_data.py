"""Models and atoms, one for the other."""

from __future__ import annotations

from typing import Any

import ase
import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel, as_atoms, as_model
from aet_port.core.errors import InputError

PAIR = ase.Atoms("TaPd", [[0, 0, 0], [0, 0, 2.8]])


def test_a_model_and_its_atoms_stand_for_each_other() -> None:
    model = AtomicModel(PAIR, name="pair")
    assert as_atoms(model) is PAIR
    assert as_atoms(PAIR) is PAIR
    assert as_model(model) is model
    assert as_model(PAIR, "found").atoms is PAIR
    assert as_model(PAIR, "found").name == "found"


@pytest.mark.parametrize("wrong", [None, "pair.xyz", np.zeros((2, 3)), [PAIR]])
@pytest.mark.parametrize("helper", [as_atoms, as_model])
def test_anything_else_is_named(helper: Any, wrong: Any) -> None:
    with pytest.raises(InputError, match=f"sample: found a {type(wrong).__name__}; expected an At"):
        helper(wrong, "sample")


def test_atoms_that_make_no_model_are_refused() -> None:
    with pytest.raises(InputError, match="found: found no atoms"):
        as_model(ase.Atoms(), "found")
    with pytest.raises(InputError, match="NaN"):
        as_model(ase.Atoms("Ta", [[np.nan, 0, 0]]))
