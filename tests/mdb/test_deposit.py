from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import ase
import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.structure import analyze
from mdb import Bank, Deposit, Details, Provenance, Reconstruction, deposit
from mdb.ids import next_id, prefix
from tests.mdb.samples import alloy, assert_whole, particle
from tests.structure.samples import close_packed, icosahedron, shaken_box


def count(bank: Bank, table: str) -> int:
    return int(bank.sql(f"SELECT count(*) AS n FROM {table}")["n"][0].as_py())


def test_a_model_with_everything(bank: Bank, tmp_path: Path) -> None:
    model, analysis = particle()
    source = tmp_path / "projections.mat"
    source.write_bytes(b"some bytes")
    rng = np.random.default_rng(0)
    series = TiltSeries(rng.uniform(1, 2, (3, 8, 6)), np.array([-60.0, 0, 55]), 0.36, name="series")
    done = deposit(
        bank,
        model,
        kind="synthetic",
        sample="shaken Ta",
        reconstruction=Reconstruction("RESIRE", {"iterations": 200, "step": 1.5}, 0.11, series),
        analysis=analysis,
        provenance=[Provenance.of("projections", source)],
        details=Details(r1_mean=0.09),
    )
    assert done == Deposit("TaXX00001", True, 1, True)
    assert_whole(bank)
    (row,) = bank.sql(
        "SELECT model.* RENAME (name AS model), algorithm, r_mean, sample.name AS sample, "
        "tilt_series.* RENAME (name AS series) FROM model JOIN sample USING (sample_id) "
        "JOIN reconstruction USING (reconstruction_id) JOIN tilt_series USING (tilt_series_id)"
    ).to_pylist()
    expected = {
        "kind": "synthetic",
        "model": "particle 0",
        "sample": "shaken Ta",
        "series": "series",
        "n_atoms": len(model),
        "r1_mean": 0.09,
        "algorithm": "RESIRE",
        "r_mean": 0.11,
        "n_projections": 3,
        "pixel_size": 0.36,
        "nx": 8,
        "ny": 6,
        "tilt_min": -60.0,
        "tilt_max": 55.0,
        "pbc": [False] * 3,
        "cell": [0.0] * 9,
    }
    assert {key: row[key] for key in expected} == expected
    assert (
        bank.sql("SELECT parameters->>'iterations' AS n FROM reconstruction")["n"][0].as_py()
        == "200"
    )
    assert bank.sql("FROM provenance").to_pylist() == [
        {
            "model_id": "TaXX00001",
            "role": "projections",
            "file_name": "projections.mat",
            "sha256": hashlib.sha256(b"some bytes").hexdigest(),
            "verified": None,
        }
    ]


def test_atoms_come_back_to_the_last_bit(bank: Bank) -> None:
    model, _ = particle(3)
    types = np.arange(len(model)) % 3 + 1
    model.atoms.set_array("type", types)
    deposit(bank, model)
    rows = bank.sql("SELECT atom, species, x, y, z, type FROM atom ORDER BY atom")
    np.testing.assert_array_equal(rows["atom"], np.arange(len(model)))
    np.testing.assert_array_equal(np.stack([rows[k] for k in "xyz"], axis=1), model.positions)
    assert rows["species"].to_pylist() == model.species
    np.testing.assert_array_equal(rows["type"], types)


def test_an_analysis_comes_back(bank: Bank) -> None:
    model, analysis = particle(2, radius=8)
    deposit(bank, model, analysis=analysis)
    found = bank.sql("SELECT fold, count(*)::INT AS n FROM motif GROUP BY fold")
    counts = dict(zip(found["fold"].to_pylist(), found["n"].to_pylist(), strict=True))
    assert counts == {fold: n for fold, n in analysis.counts.items() if n}
    rows = bank.sql("SELECT * FROM tetrahedron ORDER BY tetrahedron")
    vertices = np.stack([rows[f"atom_{k}"] for k in range(1, 5)], axis=1)
    np.testing.assert_array_equal(vertices, analysis.tetrahedra.vertices)
    np.testing.assert_array_equal(rows["distortion"], analysis.tetrahedra.distortion)
    motifs = bank.sql("SELECT motif, cap_1, cap_2, ring FROM motif ORDER BY motif").to_pylist()
    for row, caps, ring in zip(motifs, analysis.motifs.caps, analysis.motifs.ring, strict=True):
        assert [row["cap_1"], row["cap_2"]] == caps.tolist()
        assert row["ring"] == ring[ring >= 0].tolist()
    # From a network to its atoms by joins alone, against the analysis.
    (largest,) = bank.sql(
        "SELECT network, size, atoms, length FROM network WHERE fold = 5 "
        "ORDER BY size DESC, network LIMIT 1"
    ).to_pylist()
    pentagonal = analysis.networks[5]
    assert largest["size"] == pentagonal.size[0]
    assert largest["length"] == pentagonal.length[0]
    atoms = bank.sql(f"""
        SELECT DISTINCT unnest([atom_1, atom_2, atom_3, atom_4]) AS atom
        FROM network_member JOIN motif_tetrahedron USING (analysis_id, motif)
        JOIN tetrahedron USING (analysis_id, tetrahedron) WHERE network = {largest["network"]}
    """)
    assert atoms.num_rows == largest["atoms"] == pentagonal.atoms[0]
    pdf = bank.sql("SELECT r, g, pairs FROM pdf ORDER BY r")
    np.testing.assert_array_equal(pdf["g"], analysis.pdf.g)
    np.testing.assert_array_equal(pdf["pairs"], analysis.pdf.counts)


def test_the_same_twice_is_recognised(bank: Bank) -> None:
    model, analysis = particle()
    first = deposit(bank, model, analysis=analysis, details=Details(r1_mean=0.1))
    tables = ("sample", "model", "atom", "analysis", "tetrahedron", "motif", "network", "pdf")
    before = {table: count(bank, table) for table in tables}
    again = deposit(bank, AtomicModel(model.atoms.copy(), name="again"), analysis=analysis)
    assert again == Deposit(first.id, False, first.analysis, False)
    assert {table: count(bank, table) for table in tables} == before
    assert bank.sql("SELECT name FROM model")["name"].to_pylist() == ["particle 0"]


def test_analyses_of_one_model_stand_side_by_side(bank: Bank) -> None:
    model, analysis = particle()
    deposit(bank, model)
    one = deposit(bank, model, analysis=analysis)
    two = deposit(bank, model, analysis=analyze(model.atoms, cutoff=4.0, delta=0.2))
    assert (one.new, one.analysis, one.new_analysis) == (False, 1, True)
    assert (two.new, two.analysis, two.new_analysis) == (False, 2, True)
    assert count(bank, "model") == 1
    assert bank.sql("SELECT delta FROM analysis ORDER BY 1")["delta"].to_pylist() == [0.2, 0.255]
    assert_whole(bank)


@pytest.mark.parametrize("change", ["position", "species", "kind", "cell", "pbc", "type", "order"])
def test_any_other_content_is_another_model(bank: Bank, change: str) -> None:
    deposit(bank, alloy("Fe5Pt5"))
    other = alloy("Fe5Pt5")
    if change == "position":
        other.positions[3, 2] += 1e-15
    elif change == "species":
        other.atoms.numbers[[4, 5]] = other.atoms.numbers[[5, 4]]
    elif change == "cell":
        other.atoms.set_cell([90, 90, 90])
    elif change == "pbc":
        other.atoms.set_pbc(True)
    elif change == "type":
        other.atoms.set_array("type", np.ones(10, dtype=int))
    elif change == "order":
        other = AtomicModel(other.atoms[::-1], name="reversed")
    done = deposit(bank, other, kind="md_snapshot" if change == "kind" else "experiment")
    assert done == Deposit("FePt00002", True)


@pytest.mark.parametrize(
    ("symbols", "letters"),
    [
        (["Ta"], "TaXX"),
        (["Pt", "Fe", "Fe"], "FePt"),
        (["Rh", "Ni", "Pt"], "NiRh"),
        (["C"], "CXXX"),
        (["Ti", "C", "Fe"], "CTiX"),
        (["H", "B", "C", "N", "O"], "HBCN"),
    ],
)
def test_model_ids_begin_with_the_elements(symbols: list[str], letters: str) -> None:
    assert prefix(symbols) == letters


def test_ids_count_on_within_their_prefix(bank: Bank) -> None:
    names = [deposit(bank, alloy("Fe5", scale)).id for scale in (2.0, 2.5, 3.0)]
    names.append(deposit(bank, alloy("Pd5")).id)
    names.append(deposit(bank, alloy("Fe5", 2.8)).id)
    assert names == ["FeXX00001", "FeXX00002", "FeXX00003", "PdXX00001", "FeXX00004"]
    assert next_id("FeXX", "FeXX00099") == "FeXX00100"
    with pytest.raises(InputError, match="99999 models FeXX"):
        next_id("FeXX", "FeXX99999")


def test_a_periodic_snapshot_keeps_its_cell(bank: Bank) -> None:
    atoms = shaken_box(1, repeat=3)
    model = AtomicModel(atoms, name="box")
    deposit(bank, model, kind="md_snapshot", analysis=analyze(atoms, cutoff=4.0))
    (row,) = bank.sql("SELECT cell, pbc FROM model").to_pylist()
    assert row["pbc"] == [True] * 3
    np.testing.assert_array_equal(np.reshape(row["cell"], (3, 3)), np.asarray(atoms.cell))
    assert_whole(bank)


def test_a_spanning_network_has_no_length(bank: Bank) -> None:
    atoms = icosahedron()
    found = analyze(atoms, cutoff=3.2)
    found.networks[5].length[0] = np.inf
    deposit(bank, AtomicModel(atoms), analysis=found)
    rows = bank.sql("SELECT length, spanning FROM network").to_pylist()
    assert rows == [{"length": None, "spanning": True}]


def test_the_short_range_order_comes_back(bank: Bank) -> None:
    atoms = close_packed(2, radius=9.0)
    atoms.set_array("type", np.arange(len(atoms)) % 2 + 1)
    found = analyze(atoms, cutoff=4.0)
    order = found.order
    assert order is not None
    deposit(bank, AtomicModel(atoms, name="two types"), analysis=found)
    assert_whole(bank)
    rows = bank.sql("SELECT * FROM atom_order ORDER BY atom").to_pydict()
    np.testing.assert_array_equal(rows["q6"], order.bonds.q6)
    assert rows["crystalline"] == order.nuclei.crystalline.tolist()
    rows = bank.sql("SELECT * FROM voronoi ORDER BY atom").to_pydict()
    open_cells = ~order.voronoi.closed
    assert open_cells.any()
    assert not open_cells.all()
    for column, values in (("cn", order.voronoi.coordination), ("n5", order.voronoi.indices[:, 2])):
        expected = [None if gap else n for n, gap in zip(values.tolist(), open_cells, strict=True)]
        assert rows[column] == expected
    assert rows["surface"] == order.surface.tolist()
    rows = bank.sql(
        "SELECT group_1, group_2, sum(pairs) AS pairs FROM partial_pdf GROUP BY ALL ORDER BY ALL"
    ).to_pylist()
    assert [(r["group_1"], r["group_2"]) for r in rows] == [
        ("*", "*"), ("1", "1"), ("1", "2"), ("2", "2")
    ]  # fmt: skip
    # Ordered pairs: those of unlike types are listed once but counted from either side.
    one, two, three, four = (r["pairs"] for r in rows)
    assert one == two + 2 * three + four
    (row,) = bank.sql("SELECT value, unit FROM measure WHERE name = 'peak_1'").to_pylist()
    assert row == {"value": float(order.peaks.peaks[0]), "unit": "angstrom"}
    assert count(bank, "coordination") == (4 if order.inner.any() else 0)


def test_bipyramids_and_their_packing_come_back(bank: Bank) -> None:
    atoms = close_packed(0, radius=10)
    found = analyze(atoms, cutoff=4.0)
    packing = found.packing
    assert packing is not None
    deposit(bank, AtomicModel(atoms, name="ball"), analysis=found)
    assert_whole(bank)
    rows = bank.sql("SELECT * FROM bipyramid ORDER BY motif").to_pydict()
    assert rows["motif"] == packing.geometry.motif.tolist()
    assert len(rows["motif"]) == found.counts[5] > 5
    np.testing.assert_array_equal(rows["theta"], packing.geometry.theta)
    np.testing.assert_allclose(rows["beta"], packing.geometry.beta.mean(axis=1), rtol=1e-15)
    rows = bank.sql("FROM motif_contact WHERE contact = 'edge'").to_pydict()
    pairs = packing.sharing.motif[packing.sharing.edge_pairs]
    assert len(pairs) > 0
    np.testing.assert_array_equal(np.stack([rows["motif_1"], rows["motif_2"]], axis=1), pairs)
    (row,) = bank.sql("SELECT sum(sites) AS n FROM partial_icosahedron").to_pylist()
    amorphous = packing.amorphous & (found.motifs.fold == 5)
    assert int(row["n"]) == 2 * int(amorphous.sum())  # each bipyramid has two caps
    sql = "SELECT fold, motifs FROM packing WHERE delta = 0.255 ORDER BY fold"
    assert {r["fold"]: r["motifs"] for r in bank.sql(sql).to_pylist()} == found.counts
    (row,) = bank.sql("SELECT value FROM measure WHERE name = 'theta'").to_pylist()
    assert row["value"] == packing.geometry.mean_theta


def test_networks_of_solutes_come_back(bank: Bank) -> None:
    atoms = close_packed(0, radius=11)
    atoms.numbers[np.random.default_rng(0).random(len(atoms)) < 0.25] = 29
    found = analyze(atoms, cutoff=4.0, solute="Cu")
    solutes = found.solutes
    assert solutes is not None
    deposit(bank, AtomicModel(atoms, name="alloy"), analysis=found)
    assert_whole(bank)
    rows = bank.sql("SELECT * FROM mro ORDER BY mro").to_pydict()
    networks = solutes.found.networks
    assert len(networks) > 3
    assert rows["size"] == [len(network) for network in networks]
    assert rows["lattice"] == [network.lattice for network in networks]
    np.testing.assert_array_equal(rows["length"], solutes.length)
    matrix = np.reshape(rows["orientation"][0], (3, 3))
    np.testing.assert_array_equal(matrix, networks[0].orientation)
    members = bank.sql("SELECT atom FROM mro_member WHERE mro = 0").to_pydict()["atom"]
    assert members == solutes.centres[networks[0].atoms].tolist()
    assert count(bank, "shared_atom") == len(solutes.shared.pairs)
    again = deposit(bank, AtomicModel(atoms), analysis=analyze(atoms, cutoff=4.0))
    assert again.new_analysis  # one without the search is another analysis
    assert_whole(bank)


def test_an_order_is_no_must(bank: Bank) -> None:
    model, analysis = particle()
    bare = deposit(bank, model, analysis=replace(analysis, order=None, packing=None))
    assert count(bank, "atom_order") == count(bank, "measure") == 0
    whole = deposit(bank, model, analysis=analysis)
    assert whole.new_analysis
    assert whole.analysis != bare.analysis
    assert_whole(bank)


@pytest.mark.parametrize(
    "table", ["atom", "tetrahedron", "motif_tetrahedron", "network_member", "voronoi", "measure"]
)
def test_a_failure_half_way_stores_nothing(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    model, analysis = particle()
    module = sys.modules["mdb.entries"]
    insert = module.write_rows

    def failing(connection, name, keys, rows):  # type: ignore[no-untyped-def]
        if name == table:
            raise OSError("disk full")
        insert(connection, name, keys, rows)

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_rows", failing)
        with pytest.raises(OSError, match="disk full"):
            deposit(bank, model, analysis=analysis)
    for name in ("sample", "model", "atom", "analysis", "tetrahedron", "motif", "atom_order"):
        assert count(bank, name) == 0
    assert deposit(bank, model, analysis=analysis) == Deposit("TaXX00001", True, 1, True)


@pytest.mark.parametrize("name", ["implausible", "analysis_tables", "analysis_hash"])
def test_a_failure_beside_duckdb_stores_nothing(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    model, analysis = particle()
    module = sys.modules["mdb.deposits"]

    def failing(*values: object) -> None:
        raise OSError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(module, name, failing)
        with pytest.raises(OSError, match="no memory"):
            deposit(bank, model, analysis=analysis)
    for table in ("sample", "model", "atom", "analysis", "tetrahedron", "checksum"):
        assert count(bank, table) == 0


@pytest.mark.parametrize("name", ["'); DROP TABLE atom; --", "ta\x00b", "é" * 100_000, "a\nb"])
def test_hostile_names_are_only_names(bank: Bank, name: str) -> None:
    model = AtomicModel(alloy("Fe5").atoms, name=name)
    deposit(bank, model, sample=name + "s", reconstruction=Reconstruction(name, {name: name}))
    assert bank.sql("SELECT name FROM model")["name"].to_pylist() == [name]
    assert bank.sql("SELECT name FROM sample")["name"].to_pylist() == [name + "s"]
    assert count(bank, "atom") == 5


def test_unusable_deposits_are_refused_and_nothing_is_stored(bank: Bank) -> None:
    model, analysis = particle()
    other, _ = particle(1)
    with pytest.raises(InputError, match="kind: found 'guess'"):
        deposit(bank, model, kind="guess")
    with pytest.raises(InputError, match="species: found 'X'"):
        deposit(bank, AtomicModel(ase.Atoms("X5", positions=np.eye(5, 3))))
    with pytest.raises(InputError, match="analysis: found tetrahedra at other positions"):
        deposit(bank, other, analysis=analysis)
    with pytest.raises(InputError, match="analysis: found atom"):
        deposit(bank, alloy("Ta5"), analysis=analysis)
    with pytest.raises(InputError, match="parameters"):
        deposit(bank, model, reconstruction=Reconstruction("RESIRE", {"f": np.nan}))
    with pytest.raises(InputError, match="parameters"):
        deposit(bank, model, reconstruction=Reconstruction("RESIRE", {"f": object()}))
    model.atoms.set_array("type", np.full(len(model), 1.5))
    with pytest.raises(InputError, match="a small integer per atom"):
        deposit(bank, model)
    model.positions[2, 1] = np.nan
    with pytest.raises(InputError, match="NaN or infinite"):
        deposit(bank, model)
    assert count(bank, "model") == count(bank, "sample") == count(bank, "atom") == 0
