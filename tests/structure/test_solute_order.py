"""Medium-range order of a model's solutes in one call."""

from __future__ import annotations

import json

import ase
import numpy as np
import pytest

from aet_port.core.errors import InputError
from aet_port.structure import analyze
from aet_port.structure.medium_range.correction import find_mro
from aet_port.structure.medium_range.order import solute_order
from aet_port.structure.medium_range.search import SHELL
from aet_port.structure.short_range import short_range_order
from tests.structure.samples import close_packed


def alloy(seed: int = 0, radius: float = 11.0) -> ase.Atoms:
    """A disordered particle, a quarter of it copper."""
    atoms = close_packed(seed, radius=radius)
    atoms.numbers[np.random.default_rng(seed).random(len(atoms)) < 0.25] = 29
    return atoms


def test_solutes_are_the_disordered_atoms_of_the_group() -> None:
    atoms = alloy()
    order = short_range_order(atoms, 4.0)
    found = solute_order(atoms, order, "Cu", shell=SHELL)
    chosen = (atoms.numbers == 29) & ~order.nuclei.crystalline
    np.testing.assert_array_equal(found.centres, np.flatnonzero(chosen))
    alone = find_mro(atoms[chosen], shell=SHELL)
    assert found.found.counts(2) == alone.counts(2)
    assert sum(alone.counts(2).values()) > 5
    # With the shells around its centres a network is longer than from centre to centre.
    assert all(
        long > network.length
        for long, network in zip(found.length, found.found.networks, strict=True)
    )
    summary = json.loads(json.dumps(found.summary()))
    assert summary["solute_centres"] == chosen.sum()
    assert set(summary["mros"]) == {"fcc", "hcp", "bcc", "sc"}


def test_the_shell_is_that_of_the_model_unless_given() -> None:
    atoms = alloy(1, radius=8.0)
    order = short_range_order(atoms, 4.0)
    minima = (order.peaks.first_minimum, order.peaks.second_minimum)
    expected = minima if np.isfinite(minima).all() else SHELL
    assert solute_order(atoms, order, "Cu").shell == expected


def test_an_analysis_searches_only_if_a_solute_is_named() -> None:
    atoms = alloy(2, radius=8.0)
    assert analyze(atoms, cutoff=4.0).solutes is None
    found = analyze(atoms, cutoff=4.0, solute="Cu")
    assert found.solutes is not None
    assert found.parameters["solute"] == "Cu"
    assert found.summary()["medium_range_order"] == found.solutes.summary()
    again = analyze(atoms, cutoff=4.0, delta=0.2, solute="Cu", earlier=found)
    assert again.solutes is found.solutes
    with pytest.raises(InputError, match="None without the short-range order"):
        analyze(atoms, cutoff=4.0, order=False, solute="Cu")


def test_what_is_no_solute_is_refused() -> None:
    atoms = alloy(3, radius=7.0)
    order = short_range_order(atoms, 4.0)
    with pytest.raises(InputError, match="'Pt'; expected one of Cu, Ta"):
        solute_order(atoms, order, "Pt")
    atoms.numbers[:] = 73
    atoms.numbers[0] = 29
    with pytest.raises(InputError, match="1 disordered atoms of Cu; expected two or more"):
        solute_order(atoms, short_range_order(atoms, 4.0), "Cu")


def test_an_order_that_is_not_found_hides_no_other_result() -> None:
    atoms = alloy(3, radius=7.0)
    atoms.numbers[0] = 78
    found = analyze(atoms, cutoff=4.0, solute="Pt")
    assert found.solutes is None
    assert "1 disordered atoms of Pt" in str(found.solutes_reason)
    summary = found.summary()
    assert summary["medium_range_order"] is None
    assert summary["solute_reason"] == found.solutes_reason
    without = analyze(atoms, cutoff=4.0).summary()
    assert {name: summary[name] for name in without} == without
    again = analyze(atoms, cutoff=4.0, delta=0.2, solute="Pt", earlier=found)
    assert again.solutes is None
    assert again.solutes_reason == found.solutes_reason
    other = analyze(atoms, cutoff=4.0, solute="Cu", earlier=found)
    assert other.solutes is not None
    assert other.solutes_reason is None
    with pytest.raises(InputError, match="'Ni'; expected one of Cu, Pt, Ta"):
        analyze(atoms, cutoff=4.0, solute="Ni")
