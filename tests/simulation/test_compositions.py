"""Samples named by composition and number of atoms."""

from __future__ import annotations

import numpy as np
import pytest

from aet_port.core.errors import InputError
from aet_port.simulation import amorphous_alloy, amorphous_particle, sample_of
from aet_port.simulation.compositions import is_composition


def test_shares_are_relative() -> None:
    expected = amorphous_alloy(100, {"Co": 0.45, "Pd": 0.38, "Pt": 0.17}, 3)
    for text in ("Co45Pd38Pt17:100", "Co4.5Pd3.8Pt1.7:100", "Pt17Co45Pd38:100"):
        found = sample_of(text, 3)
        assert found.species == expected.species
        np.testing.assert_array_equal(found.positions, expected.positions)


def test_one_species_is_a_particle() -> None:
    found, expected = sample_of("Ta:30", 2, 0.04), amorphous_particle(30, "Ta", 2, 0.04)
    np.testing.assert_array_equal(found.positions, expected.positions)
    assert set(found.species) == {"Ta"}


@pytest.mark.parametrize("text", ["Ta", "Ta:", "ta:30", "Ta30", "Ta-1:30", ":30", "model.xyz"])
def test_other_texts_are_no_composition(text: str) -> None:
    assert not is_composition(text)
    with pytest.raises(InputError, match="composition:atoms"):
        sample_of(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CuCu3:30", "each species only once"),
        ("Cu0:30", "above zero"),
        ("Cu0Ta1:30", "above zero"),
        ("Xx:30", "chemical symbol"),
        ("Ta:3", "13 or more"),
    ],
)
def test_impossible_samples_are_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        sample_of(text)
