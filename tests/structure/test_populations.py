"""Which atoms statistics are made of, and their errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from aet_port.core.errors import DataFileError, InputError
from aet_port.structure import analyze
from aet_port.structure.populations import choose_population, read_population
from tests.structure.samples import close_packed, shaken_box

CRYSTALLINE = np.arange(30) < 15
INNER = np.arange(30) % 3 > 0


def test_the_usual_atoms_are_the_disordered_ones_unless_there_are_hardly_any() -> None:
    usual = choose_population(None, CRYSTALLINE, INNER)
    assert (usual.name, usual.reason) == ("disordered", None)
    np.testing.assert_array_equal(usual.mask, ~CRYSTALLINE)
    few = choose_population(None, np.arange(30) < 17, INNER)
    assert few.name == "all"
    assert few.reason == "9 disordered atoms below the surface, fewer than 10"
    assert few.mask.all()


def test_asked_for_by_name_or_number() -> None:
    masks = {"all": np.ones(30, dtype=bool), "disordered": ~CRYSTALLINE, "inner": INNER}
    for name, mask in masks.items():
        found = choose_population(name, CRYSTALLINE, INNER)
        assert found.name == name
        np.testing.assert_array_equal(found.mask, mask)
    for asked in ([3, 5], np.isin(np.arange(30), [3, 5])):
        found = choose_population(asked, CRYSTALLINE, INNER)
        assert found.name == "chosen"
        assert np.flatnonzero(found.mask).tolist() == [3, 5]
    for wrong in ("outer", [30], [-1], [0.5], np.ones(29, dtype=bool)):
        with pytest.raises(InputError, match="atoms: found"):
            choose_population(wrong, CRYSTALLINE, INNER)


def test_files_of_atoms(tmp_path: Path) -> None:
    text, array = tmp_path / "some.txt", tmp_path / "some.npy"
    text.write_text("# atoms\n3\n5\n")
    for values in (np.array([3, 5]), np.isin(np.arange(30), [3, 5])):
        np.save(array, values)
        for file in (text, array):
            chosen = read_population(str(file), 30)
            assert np.flatnonzero(np.asarray(chosen)).tolist() == [3, 5]
    assert read_population("inner", 30) == "inner"
    with pytest.raises(InputError, match=r"--atoms: found .* all, disordered, inner or"):
        read_population("outer", 30)
    for content in ("thirty\n", "30\n", "0.5\n", ""):
        text.write_text(content)
        with pytest.raises(DataFileError, match="numbers of atoms from 0 to 29"):
            read_population(str(text), 30)


def test_every_mean_has_its_number_of_atoms_and_error() -> None:
    atoms = shaken_box(2, repeat=5, jitter=0.5)
    atoms.numbers[::3] = 46
    order = analyze(atoms, cutoff=4.0, population="all").order
    assert order is not None
    statistics = order.statistics()
    cells = order.voronoi
    number = cells.coordination.astype(float)
    for name, values in (
        ("coordination_number", number),
        ("coordination_number Pd", number[::3]),
        ("mean_q6", order.bonds.q6),
    ):
        found = statistics[name]
        assert found.atoms == len(values)
        assert found.value == pytest.approx(values.mean())
        assert found.error == pytest.approx(values.std(ddof=1) / np.sqrt(len(values)))
    # The error of a share of faces, by drawing atoms again.
    rng = np.random.default_rng(0)
    five, all_faces = cells.indices[:, 2], cells.indices.sum(axis=1)
    draws = rng.integers(0, len(atoms), (2000, len(atoms)))
    shares = five[draws].sum(axis=1) / all_faces[draws].sum(axis=1)
    # 2000 draws know a standard deviation to 1.6 %.
    assert statistics["faces_of_5_edges"].error == pytest.approx(shares.std(), rel=0.07)
    masses = 1 / order.density
    densities = 1 / masses[draws].mean(axis=1)
    assert statistics["mean_density"].error == pytest.approx(densities.std(), rel=0.07)


def test_both_populations_are_measured() -> None:
    atoms = close_packed(3, radius=11, jitter=0.3)
    found = analyze(atoms, cutoff=4.0)
    assert found.order is not None
    assert found.order.population.name == "disordered"
    measures = found.order.measures()
    below = ~found.order.surface & found.order.voronoi.closed
    whole = found.order.voronoi.coordination[below].mean()
    assert measures["coordination_number of all atoms"][0] == pytest.approx(whole)
    everything = analyze(atoms, cutoff=4.0, population="all")
    assert everything.order is not None
    assert everything.order.measures()["coordination_number"][0] == pytest.approx(whole)
    assert not any("of all atoms" in name for name in everything.order.measures())
    assert everything.parameters["atoms"] == "all"


def test_few_central_atoms_have_no_warren_cowley_parameter() -> None:
    atoms = bulk("Cu", "fcc", a=3.61, cubic=True).repeat(4)
    atoms.numbers[:9] = 79
    order = analyze(atoms).summary()["short_range_order"]
    assert order["warren_cowley"]["Au-Cu"] is None
    assert order["reasons"]["warren_cowley Au-Cu"] == "9 central atoms, fewer than 10"
    assert order["warren_cowley"]["Cu-Au"] is not None
    assert order["statistics"]["warren_cowley Cu-Au"]["atoms"] == 256 - 9
