"""What speaks against a model: found, stored with it, shown, and carried along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase
import ase.neighborlist
import numpy as np
import pytest
from ase.build import bulk
from ase.data import chemical_symbols, covalent_radii, reference_states
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

import mdb
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.uncertainty import P_EXISTS, SIGMAS
from aet_port.structure import analyze
from mdb import plausible_places
from mdb.checks import check
from mdb.entry_remarks import measure_reasons, model_warnings, verified_files
from mdb.parquet_export import export_bank
from mdb.parquet_import import import_bank
from mdb.plausibility import Expected, implausible
from mdb.plausible_places import CLASH, ModelWarning
from tests.mdb.samples import alloy


def crystal(symbol: str = "Ta", size: int = 4, **arrays: Any) -> ase.Atoms:
    """A free piece of a crystal, with arrays of its atoms."""
    atoms = bulk(symbol, cubic=True).repeat(size)
    atoms.set_cell(None)
    atoms.set_pbc(False)
    for name, value in arrays.items():
        atoms.set_array(name, np.broadcast_to(value, len(atoms)).astype(float))
    return atoms


def kinds(model: ase.Atoms, *others: Any, **more: Any) -> list[str]:
    return [one.kind for one in implausible(model, *others, **more)]


def only(found: list[ModelWarning]) -> ModelWarning:
    (one,) = found
    return one


def test_two_searches_of_the_nearest_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among the nearest only, where all atoms have some, and far away."""
    rng = np.random.default_rng(4)
    periodic = bulk("Cu", cubic=True).repeat(4)
    periodic.numbers[::3] = 79
    periodic.rattle(0.2, seed=5)
    for atoms in (crystal(), periodic, ase.Atoms("Ta80", rng.uniform(0, 12, (80, 3)))):
        dense = plausible_places._nearest_of_dense(atoms)
        if dense is None:
            assert len(atoms) == 80  # loose ones are left to the other search
            continue
        with monkeypatch.context() as patch:
            patch.setattr(plausible_places, "_nearest_of_dense", lambda _: None)
            distance, _, twins = plausible_places._nearest(atoms, 12.0)
        np.testing.assert_allclose(dense[0], distance, atol=1e-12)
        near = atoms.get_distances(0, dense[1][0], mic=True)
        np.testing.assert_allclose(near, distance[0], atol=1e-12)
        assert len(dense[2]) == len(twins) == 0
    atoms = periodic.copy()
    atoms.positions *= 0.1  # hundreds within the cut-off
    atoms.set_cell(atoms.cell * 0.1)
    assert plausible_places._nearest_of_dense(atoms) is None


def test_crystals_of_the_elements_are_plausible() -> None:
    """Free and periodic; every element whose crystal ASE can make."""
    tried = 0
    for number in range(1, 104):
        try:
            periodic = bulk(chemical_symbols[number])
        except (ValueError, RuntimeError, TypeError, AttributeError, KeyError):
            continue
        # Metals of one atom in a cell are repeated, else each is its own neighbour only.
        state = reference_states[number]
        if state is None or state["symmetry"] not in ("fcc", "bcc", "hcp", "diamond", "sc"):
            continue
        tried += 1
        assert kinds(periodic.repeat(3)) == [], chemical_symbols[number]
        assert kinds(bulk(chemical_symbols[number]).repeat(4)) == [], chemical_symbols[number]
    assert tried > 60


def test_clashes_agree_with_all_pairs() -> None:
    """Against ASE's neighbour list, in a free and a periodic random gas of two species."""
    rng = np.random.default_rng(3)
    for pbc in (False, True):
        places = rng.uniform(0, 14, (150, 3))
        symbols = rng.choice(["Ta", "C"], 150)
        atoms = ase.Atoms(list(symbols), places, cell=[14, 14, 14], pbc=pbc)
        radii = covalent_radii[atoms.numbers]
        i, j, d = ase.neighborlist.neighbor_list("ijd", atoms, 2.1)
        near = d < CLASH * (radii[i] + radii[j])
        expected = {(min(a, b), max(a, b)) for a, b in zip(i[near], j[near], strict=True)}
        found = next(one for one in implausible(atoms) if one.kind == "clash")
        assert found.atoms == len({atom for pair in expected for atom in pair})
        assert found.first == min(min(pair) for pair in expected)
        ratio = d / (radii[i] + radii[j])
        assert found.value == pytest.approx(d[np.argmin(ratio)], abs=1e-9)  # rounding


def test_atoms_at_one_place_are_one_clash_each() -> None:
    atoms = crystal()
    atoms.positions[5] = atoms.positions[9]
    found = only(implausible(atoms))
    assert (found.kind, found.atoms, found.first, found.value) == ("clash", 2, 5, 0.0)
    assert "atoms 5 and 9: 0.00 A" in found.text
    same = ase.Atoms("Ta1000", np.zeros((1000, 3)))
    assert kinds(same) == ["clash"]


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([3, 20, 60, 128]),
    st.floats(13.0, 0.99e6),  # with 20 A and the second atom within the largest extent, 1e6 A
    st.integers(1, 2),
)
def test_stray_atoms_are_found_at_any_distance(first: int, away: float, members: int) -> None:
    """One atom or a pair of them, beyond the farthest atom of a crystal 10 angstrom wide."""
    atoms = crystal()
    moved = np.arange(first - members, first)
    atoms.positions[moved] = [20 + away, 0, 0] + 2.8 * np.arange(members)[:, None]
    found = {one.kind: one for one in implausible(atoms)}
    assert set(found) - {"extent"} == {"stray atom"}
    assert ("extent" in found) == (np.ptp(atoms.positions[:, 0]) > 1e4)
    assert (found["stray atom"].atoms, found["stray atom"].first) == (members, first - members)


def test_lengths_in_another_unit() -> None:
    atoms = crystal()
    atoms.positions *= 0.1
    assert kinds(atoms) == ["clash", "scale"]
    atoms.positions *= 100
    assert kinds(atoms) == ["scale"]
    atoms.positions *= 5e3
    assert kinds(atoms) == ["extent", "scale"]


def test_cells_without_room() -> None:
    atoms = ase.Atoms("Ta4", np.eye(4)[:, :3] * 3, cell=[9, 9, 0.5], pbc=True)
    assert only(implausible(atoms)).text == "the periodic cell is only 0.5 A high"
    atoms = ase.Atoms("Ta4", np.eye(4)[:, :3] * 3, cell=[9, 9, 0], pbc=True)
    assert kinds(atoms) == ["cell"]
    atoms = ase.Atoms("Ta400", np.zeros((400, 3)), cell=[5, 5, 5], pbc=True)
    assert kinds(atoms) == ["cell"]


@pytest.mark.parametrize(
    ("name", "usual", "odd", "kind"),
    [
        ("height", 30.0, 3.0, "height"),
        ("height", 30.0, 200.0, "height"),
        ("height", 30.0, -1.0, "height"),
        ("b_factor", 5.0, 70.0, "B factor"),
        ("b_factor", 5.0, -1.0, "B factor"),
        ("sigma_x", 0.1, 1.5, "error bar"),
        ("sigma_z", 0.1, 0.0, "error bar"),
        (P_EXISTS, 0.99, 0.2, "existence"),
    ],
)
def test_values_of_atoms_out_of_range(name: str, usual: float, odd: float, kind: str) -> None:
    values = dict.fromkeys(SIGMAS, 0.1) | {name: usual}
    atoms = crystal(**values)
    assert implausible(atoms) == []
    atoms.arrays[name][7] = odd
    found = only(implausible(atoms))
    assert (found.kind, found.atoms, found.first) == (kind, 1, 7)
    expected = odd / usual if kind == "height" else odd
    assert found.value == pytest.approx(expected)
    assert "atom 7" in found.text
    atoms.arrays[name][7] = np.nan  # not known
    assert implausible(atoms) == []


def test_species_and_figures_of_a_fit() -> None:
    atoms = crystal()
    fit = mdb.SpeciesFit("Ta", height=1.0, b_factor=5.0)
    assert implausible(atoms, mdb.Details(species=[fit], r1_mean=0.1)) == []
    for changed, kind in (
        (mdb.SpeciesFit("Ta", height=-1.0), "height"),
        (mdb.SpeciesFit("Ta", b_factor=80.0), "B factor"),
    ):
        assert kinds(atoms, mdb.Details(species=[changed])) == [kind]
    both = mdb.Details(species=[fit, mdb.SpeciesFit("Pd")])
    assert only(implausible(atoms, both)).text == "no atom of Pd, which is fitted"


def test_composition_and_number_of_atoms() -> None:
    atoms = crystal()
    assert implausible(atoms, expected=Expected(("Ta",), {"Ta": 1.0}, len(atoms))) == []
    found = implausible(atoms, expected=Expected(("Pd",)))
    assert [one.text for one in found] == [
        "no atom of Pd, which is declared",
        "128 atoms (the first: 0) of Ta, which is not declared",
    ]
    assert kinds(atoms, expected=Expected(n_atoms=129)) == ["composition"]
    found = implausible(atoms, expected=Expected(fractions={"Ta": 0.5, "Pd": 0.5}))
    assert found[0].text == "100.0 % of the atoms are Ta, 50.0 % are declared"
    assert len(found) == 2


def test_r_factors_far_from_the_recorded_ones() -> None:
    atoms = crystal()

    def texts(details: mdb.Details, *others: Any) -> list[str]:
        return [one.text for one in implausible(atoms, details, *others)]

    said = texts(mdb.Details(r1_mean=0.01), None, Expected(r1=0.2))
    assert said == ["R1 computed from model and images is 0.2, recorded is 0.01"]
    assert texts(mdb.Details(r1_mean=0.1), None, Expected(r1=0.11)) == []
    assert texts(mdb.Details(r1_mean=0.6)) == [
        "R1 of the model is 0.60: it and the images hardly agree"
    ]
    given = mdb.Reconstruction("RESIRE", r_mean=0.05, r_factors=np.full(4, 0.2))
    assert texts(mdb.Details(), given) == [
        "the R1 of the projections have a mean of 0.2, recorded is 0.05"
    ]


def spoilt() -> AtomicModel:
    atoms = crystal(b_factor=5.0)
    atoms.positions[3] = [500.0, 0, 0]
    atoms.positions[5] = atoms.positions[6] + [0.5, 0, 0]
    atoms.arrays["b_factor"][9] = 99
    return AtomicModel(atoms, name="spoilt")


def test_warnings_are_stored_and_go_with_the_model(tmp_path: Path) -> None:
    model, sound = spoilt(), crystal("Fe")
    with mdb.Bank(tmp_path / "a.bank") as bank:
        assert mdb.deposit(bank, sound).new
        stored = mdb.deposit(bank, model, expected=Expected(("Ta", "Pd")))
        assert not mdb.deposit(bank, model).new  # without what was expected: the same model
        rows = model_warnings(bank, stored.id)
        found = implausible(model, expected=Expected(("Ta", "Pd")))
        kinds = ["clash", "stray atom", "B factor", "composition"]
        assert [row["kind"] for row in rows] == kinds
        assert [
            (row["text"], row["atoms"], row["first_atom"], row["value"], row["bound"])
            for row in rows
        ] == [(one.text, one.atoms, one.first, one.value, one.limit) for one in found]
        assert model_warnings(bank, "FeXX00001") == []
        (told,) = [one for one in check(bank) if one.name.startswith("plausibility")]
        assert (told.status, told.ids) == ("passed", (stored.id,))
        assert told.found.startswith("4 of 1 models; first: 2 atoms (the first: 5) closer")
        export_bank(bank, tmp_path / "out")
    assert import_bank(tmp_path / "b.bank", tmp_path / "out").new == 2
    with mdb.Bank(tmp_path / "b.bank", read_only=True) as bank:
        assert model_warnings(bank, stored.id) == rows
        assert {one.status for one in check(bank)} == {"passed"}


def test_files_that_were_verified(tmp_path: Path) -> None:
    files = [mdb.Provenance(f"file {k}", "a", "0" * 64, one) for k, one in enumerate([True, False])]
    with mdb.Bank(tmp_path / "a.bank") as bank:
        ids = [
            mdb.deposit(bank, alloy(f"Fe{k}"), provenance=given).id
            for k, given in enumerate([files, [mdb.Provenance("model", "a", "0" * 64)], []], 5)
        ]
        told = [verified_files(bank, model) for model in ids]
    assert told == ["1 of 2 files", "not recorded (1 files)", None]


def test_reasons_are_stored_and_motifs_that_are_not_defined_are_none(tmp_path: Path) -> None:
    """Tetrahedra of bcc are not regular; in a crystal no atom is disordered."""
    atoms = bulk("Ta", cubic=True).repeat(4)
    found = analyze(atoms, cutoff=4.0, delta=0.01)
    stated = found.summary()["short_range_order"]["reasons"]
    assert found.motifs_reason is not None
    assert stated
    with mdb.Bank(tmp_path / "a.bank") as bank:
        stored = mdb.deposit(bank, atoms, analysis=found)
        rows = measure_reasons(bank, stored.id)
        assert {row["name"]: row["reason"] for row in rows} == stated | {
            "motifs": found.motifs_reason
        }
        arrays = bank.atoms(stored.id).arrays
        names = [f"motifs_{fold}" for fold in range(3, 9)]
        names += ["network_4", "network_5", "network_6", "sites", "folds"]
        assert all(np.isnan(arrays[name]).all() for name in names)
        assert np.isfinite(arrays["q6"]).all()
        again = mdb.deposit(bank, atoms, analysis=analyze(atoms, cutoff=4.0, order=False))
        assert bank.atoms(again.id).arrays["motifs_5"].dtype.kind == "i"


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("apart", [2.3, 2.7])  # within 1.9 radii of copper, and within 2.3
def test_the_three_nearest_are_those_of_a_tree(periodic: bool, apart: float) -> None:
    atoms = bulk("Cu", "sc", a=apart) * (6, 6, 6)
    atoms.pbc = periodic
    atoms.positions += np.random.default_rng(4).uniform(-0.05, 0.05, (len(atoms), 3))
    found = plausible_places._nearest_of_dense(atoms)
    assert found is not None
    distance, other, twins = found
    shifts = np.array(np.meshgrid(*3 * [[-1, 0, 1]])).reshape(3, -1).T @ np.asarray(atoms.cell)
    images = (shifts[:, None] * periodic + atoms.positions).reshape(-1, 3)
    expected = cKDTree(np.unique(images, axis=0)).query(atoms.positions, k=4)[0][:, 1:]
    np.testing.assert_allclose(distance, expected, atol=1e-12)  # wrapping rounds
    np.testing.assert_allclose(
        distance, np.take_along_axis(atoms.get_all_distances(mic=periodic), other, 1), atol=1e-12
    )
    assert len(twins) == 0
