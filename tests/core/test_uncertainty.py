"""Errors of positions and the order of doubtful atoms."""

from __future__ import annotations

import ase
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aet_port.core.uncertainty import (
    P_EXISTS,
    P_SPECIES,
    SIGMAS,
    doubtful_order,
    position_covariances,
    position_errors,
    uncertainty_arrays,
)


def test_the_error_of_a_position_is_the_trace_of_its_covariance() -> None:
    roots = np.random.default_rng(0).normal(size=(20, 3, 3))
    atoms = ase.Atoms("Ta20", positions=np.zeros((20, 3)))
    for name, values in uncertainty_arrays(roots @ roots.transpose(0, 2, 1)).items():
        atoms.set_array(name, values)
    covariances = position_covariances(atoms)
    assert covariances is not None
    # Rounding of three squares.
    np.testing.assert_allclose(
        position_errors(atoms), np.sqrt(np.trace(covariances, axis1=1, axis2=2)), rtol=1e-14
    )
    del atoms.arrays["sigma_y"]
    assert position_errors(atoms) is None


VALUE = st.one_of(st.none(), st.sampled_from([0.0, 0.25, 0.5, 1.0]))


@given(st.lists(st.tuples(VALUE, VALUE, VALUE), min_size=1, max_size=12))
def test_the_order_is_that_of_sorting_one_by_one(rows: list[tuple[float | None, ...]]) -> None:
    atoms = ase.Atoms(f"Ta{len(rows)}", positions=np.zeros((len(rows), 3)))
    table = np.array(rows, dtype=np.float64)  # None is NaN
    atoms.set_array(P_EXISTS, table[:, 0])
    atoms.set_array(P_SPECIES, table[:, 1])
    for name in SIGMAS:
        atoms.set_array(name, table[:, 2])

    def key(k: int) -> tuple[object, ...]:
        there, kind, error = rows[k]
        last = float("inf")
        return (
            last if there is None else there,
            last if kind is None else kind,
            last if error is None else -error,
            k,
        )

    known = [k for k, row in enumerate(rows) if any(value is not None for value in row)]
    assert doubtful_order(atoms).tolist() == sorted(known, key=key)


def test_of_a_model_without_arrays_nothing_is_known() -> None:
    atoms = ase.Atoms("Ta3", positions=np.eye(3))
    assert doubtful_order(atoms).tolist() == []
    atoms.set_array(P_SPECIES, np.array([0.9, 0.4, 0.7]))
    assert doubtful_order(atoms).tolist() == [1, 2, 0]
