"""Every named query against the same figures computed from the analyses themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ase
import numpy as np
import pyarrow as pa
import pytest
import typer
from ase.build import bulk
from typer.testing import CliRunner

from aet_port.cli.bank_query import queries as queries_command
from aet_port.cli.bank_query import query as query_command
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.structure import ShortRangeOrder, StructureResult, analyze, resample
from aet_port.structure.pairs.pdf import pair_distribution
from mdb import Bank, MdRun, Snapshot, deposit, deposit_failure, deposit_run
from mdb import queries as named
from tests.mdb.samples import alloy
from tests.structure.samples import close_packed, moved, shaken_box

FOLDS = range(3, 9)
TG = 1234.5  # kelvin


@dataclass
class Kept:
    """A model of the bank: its atoms, and its analyses by their numbers."""

    atoms: ase.Atoms
    kind: str
    analyses: dict[int, StructureResult]
    run: int | None = None
    temperature: float | None = None
    step: int | None = None


@dataclass
class Stored:
    """A bank and what is in it, old versions in ``superseded``."""

    path: Path
    current: dict[str, Kept]
    superseded: dict[str, Kept]
    runs: dict[int, str]

    def analyses(self, **of: Any) -> Iterator[tuple[str, int, StructureResult]]:
        """Model, number and result of the analyses of current models, in order."""
        for model, kept in sorted(self.current.items()):
            if all(getattr(kept, name) == value for name, value in of.items()):
                for number, found in sorted(kept.analyses.items()):
                    yield model, number, found

    def snapshots(self) -> dict[str, Kept]:
        return {name: kept for name, kept in self.current.items() if kept.kind == "md_snapshot"}


def binary(atoms: ase.Atoms, seed: int) -> ase.Atoms:
    atoms.numbers[np.random.default_rng(seed).random(len(atoms)) < 0.4] = 29
    return atoms


def nucleus() -> ase.Atoms:
    """A ball of crystal in a shaken box."""
    atoms = bulk("Ta", "bcc", a=3.3, cubic=True).repeat(6)
    away = np.linalg.norm(atoms.positions - atoms.positions.mean(axis=0), axis=1)
    loose = away > 7
    atoms.positions[loose] += np.random.default_rng(3).normal(0, 0.6, (loose.sum(), 3))
    return atoms


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    path = tmp_path_factory.mktemp("queries") / "some.bank"
    with Bank(path) as bank:
        return fill(bank)


def fill(bank: Bank) -> Stored:
    result = Stored(bank.path, {}, {}, {})

    def add(atoms: ase.Atoms, *found: StructureResult, **options: Any) -> str:
        kept = Kept(atoms, options.get("kind", "experiment"), {})
        at = options.get("snapshot")
        if at is not None:
            kept.run, kept.temperature, kept.step = at.run, at.temperature, at.step
        name = deposit(bank, AtomicModel(atoms, name="some"), **options).id
        for one in found:
            number = deposit(
                bank,
                AtomicModel(atoms, name="some"),
                analysis=one,
                **{key: value for key, value in options.items() if key != "corrects"},
            ).analysis
            assert number is not None
            kept.analyses[number] = one
        result.current[name] = kept
        return name

    for name in ("one", "two"):
        thermo = pa.table({"step": [0], "temperature": [300.0]})
        run = MdRun(name, "Ta", "LAMMPS", "EAM", {"name": name}, 256, thermo, glass_transition=TG)
        result.runs[deposit_run(bank, run)] = name
    one, two = result.runs
    particle = binary(close_packed(0, radius=9.5), 0)
    wide = analyze(particle, cutoff=4.0)
    add(particle, wide, analyze(particle, cutoff=4.0, delta=0.2, earlier=wide))
    typed = close_packed(1, radius=8)
    typed.set_array("type", np.arange(len(typed)) % 3 + 1)
    add(typed, analyze(typed, cutoff=4.0))
    add(nucleus(), analyze(nucleus(), cutoff=4.1))
    for seed, run, temperature in ((1, one, 1000.0), (2, one, 300.0), (3, two, 500.0)):
        box = shaken_box(seed, jitter=0.2 + temperature / 5000)
        at = Snapshot(run=run, step=1000 * seed, temperature=temperature)
        add(box, analyze(box, cutoff=4.0), kind="md_snapshot", snapshot=at)
    # The particle once more, larger by a tenth, and with other bins.
    larger = moved(particle, 1)
    larger.positions *= 1.1
    coarse = replace(analyze(larger, cutoff=4.4), pdf=pair_distribution(larger, step=0.05))
    at = Snapshot(run=two, step=7, temperature=700.0)
    add(larger, coarse, kind="md_snapshot", snapshot=at)
    # A snapshot that was corrected: the first version counts no more.
    at = Snapshot(run=two, step=8, temperature=800.0)
    box = shaken_box(8)
    old = add(box, analyze(box, cutoff=4.0), kind="md_snapshot", snapshot=at)
    result.superseded[old] = result.current.pop(old)
    box = shaken_box(9)
    add(box, analyze(box, cutoff=4.0), kind="md_snapshot", snapshot=at, corrects=old)
    # A curve without a first peak, as a cut-off given too short leaves it.
    small = close_packed(4, radius=6)
    hollow = analyze(small, cutoff=4.0)
    beyond = np.where(hollow.pdf.r < 4.1, 0, hollow.pdf.g)
    add(small, replace(hollow, pdf=replace(hollow.pdf, g=beyond)), kind="synthetic")
    bare = add(alloy("Fe5Pt5").atoms)
    deposit_failure(bank, bare, {"cutoff": 3.0}, "too few atoms")
    with bank.transaction() as connection:
        connection.execute(
            "INSERT INTO validation VALUES (1, 'a', '1', TIMESTAMP '2020-01-01'), "
            "(2, 'b', '1', TIMESTAMP '2021-01-01')"
        )
        for row in PUBLISHED:
            connection.execute(
                "INSERT INTO validation_row "
                "VALUES (?, ?, ?, ?, 'what', 'angstrom', ?, ?, ?, ?, '', '')",
                list(row),
            )
    return result


PUBLISHED = (
    (1, "ta.one", 0, "Ta", 1.0, 1.5, 0.1, "differs"),
    (1, "ta.one", 1, "Ta", 2.0, 2.0, 0.1, "differs"),
    (1, "pd.one", 0, "Pd", 3.0, 3.01, 0.1, "reproduced"),
    (2, "ta.one", 0, "Ta", 1.0, 1.05, 0.1, "reproduced"),
    (2, "ta.one", 1, "Ta", 2.0, 2.02, 0.1, "reproduced"),
    (2, "ta.two", 0, "Ta", 4.0, None, None, "not attempted"),
)


@pytest.fixture
def ask(stored: Stored):  # type: ignore[no-untyped-def]
    # Held open, because the tests ask often.
    with Bank(stored.path, read_only=True) as bank, bank.held():
        yield lambda name, /, **values: named.run(bank, name, **values).to_pylist()


def of(rows: list[dict[str, Any]], *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns) for row in rows]


def check_head(stored: Stored, rows: list[dict[str, Any]]) -> None:
    """Every row says which model, analysis, cut-off and delta it is of, in order."""
    known = {number: (model, found) for model, number, found in stored.analyses()}
    for row in rows:
        model, found = known[row["analysis_id"]]
        assert (row["model_id"], row["cutoff"], row["delta"]) == (model, found.cutoff, found.delta)
    places = of(rows, "model_id", "analysis_id")
    assert places == sorted(places)


def fractions(found: StructureResult) -> np.ndarray:
    counts = np.array([found.counts[fold] for fold in FOLDS])
    return counts / counts.sum()


def test_the_bank_can_tell_the_queries_apart(stored: Stored) -> None:
    """What the tests below rest on."""
    everything = [found for _, _, found in stored.analyses()]
    assert len({found.delta for found in everything}) == 2
    assert len(everything) == 10
    assert sum(bool(found.order.nuclei.crystalline.any()) for found in everything) >= 1  # type: ignore[union-attr]
    assert sum(found.counts[5] > 3 for found in everything) == 9
    assert len(stored.superseded) == 1
    assert len(stored.snapshots()) == 5


def test_motif_fractions(stored: Stored, ask: Any) -> None:
    rows = ask("motif-fractions")
    check_head(stored, rows)
    expected = [
        (number, fold, found.counts[fold], share)
        for _, number, found in stored.analyses()
        for fold, share in zip(FOLDS, fractions(found), strict=True)
    ]
    assert of(rows, "analysis_id", "fold", "motifs") == [row[:3] for row in expected]
    np.testing.assert_allclose([row["fraction"] for row in rows], [row[3] for row in expected])


def test_a_model_and_an_analysis_are_chosen(stored: Stored, ask: Any) -> None:
    (old,) = stored.superseded
    for model in (old, *stored.current):
        kept = stored.current.get(model) or stored.superseded[model]
        rows = ask("motif-fractions", model=model)
        assert {row["analysis_id"] for row in rows} == set(kept.analyses)
        for number in kept.analyses:
            assert ask("motif-fractions", analysis=number) == [
                row for row in rows if row["analysis_id"] == number
            ]
    (number,) = stored.superseded[old].analyses
    for name in ("network-sizes", "largest-networks", "voronoi-top", "coordination"):
        assert {row["analysis_id"] for row in ask(name, analysis=str(number))} == {number}
        assert number not in {row["analysis_id"] for row in ask(name)}


@pytest.mark.parametrize("fold", [4, 5, 6])
def test_networks(stored: Stored, ask: Any, fold: int) -> None:
    rows = ask("network-sizes", fold=fold)
    check_head(stored, rows)
    expected = []
    for _, number, found in stored.analyses():
        sizes, counts = np.unique(found.networks[fold].size, return_counts=True)
        expected += [(number, s, n, s * n) for s, n in zip(sizes, counts, strict=True)]
    assert of(rows, "analysis_id", "size", "networks", "motifs") == expected
    rows = ask("largest-networks", fold=fold, n=3)
    check_head(stored, rows)
    expected = []
    for _, number, found in stored.analyses():
        networks = found.networks[fold]
        before = sum(len(found.networks[k]) for k in (4, 5, 6) if k < fold)
        order = np.argsort(-networks.size, kind="stable")[:3]
        expected += [
            (number, place, before + k, networks.size[k], networks.atoms[k], networks.spanning[k])
            for place, k in enumerate(order, start=1)
        ]
        lengths = [row["length"] for row in rows if row["analysis_id"] == number]
        assert lengths == [None if networks.spanning[k] else networks.length[k] for k in order]
    columns = ("analysis_id", "place", "network", "size", "atoms", "spanning")
    assert of(rows, *columns) == expected


def test_atoms_of_a_network(stored: Stored, ask: Any) -> None:
    for model, number, found in stored.analyses():
        atoms = stored.current[model].atoms
        largest = ask("largest-networks", analysis=number, n=1)[0]
        networks = found.networks[5]
        members = networks.motif[networks.label == int(np.argmax(networks.size))]
        caps, rings = found.motifs.caps[members], found.motifs.ring[members]
        rows = ask("network-atoms", analysis=number, network=largest["network"])
        assert len(rows) == largest["atoms"]
        assert [row["atom"] for row in rows] == sorted(
            {*caps.ravel().tolist(), *rings[rings >= 0].tolist()}
        )
        types = atoms.arrays.get("type", [None] * len(atoms))
        for row in rows:
            k = row["atom"]
            assert [row["x"], row["y"], row["z"]] == atoms.positions[k].tolist()
            assert (row["species"], row["type"]) == (atoms.symbols[k], types[k])
            assert row["caps"] == sorted(members[(caps == k).any(axis=1)].tolist())
            assert row["rings"] == sorted(members[(rings == k).any(axis=1)].tolist())


@pytest.mark.parametrize("crystalline", [False, True])
def test_voronoi_and_coordination(stored: Stored, ask: Any, crystalline: bool) -> None:
    top = ask("voronoi-top", n=4, crystalline=crystalline)
    rows = ask("coordination", crystalline=crystalline)
    check_head(stored, top)
    check_head(stored, rows)
    expected, shares, numbers, means = [], [], [], []
    for model, number, found in stored.analyses():
        order, atoms = found.order, stored.current[model].atoms
        assert order is not None
        counted = ~order.surface & order.voronoi.closed
        counted &= crystalline | ~order.nuclei.crystalline
        for place, (index, count, share) in enumerate(order.voronoi.ranking(counted)[:4], start=1):
            expected.append((number, place, *index, count))
            shares.append(share)
        symbols = np.array(atoms.get_chemical_symbols())
        types = atoms.arrays.get("type", np.zeros(len(atoms), dtype=int))
        for symbol, kind in sorted(set(zip(symbols.tolist(), types.tolist(), strict=True))):
            chosen = counted & (symbols == symbol) & (types == kind)
            numbers.append((number, symbol, kind or None, int(chosen.sum())))
            means.append(order.voronoi.coordination[chosen].mean())
    assert of(top, "analysis_id", "place", "n3", "n4", "n5", "n6", "atoms") == expected
    np.testing.assert_allclose([row["fraction"] for row in top], shares)
    assert of(rows, "analysis_id", "species", "type", "atoms") == numbers
    np.testing.assert_allclose([row["coordination_number"] for row in rows], means)


def test_warren_cowley(stored: Stored, ask: Any) -> None:
    rows = ask("warren-cowley")
    check_head(stored, rows)
    expected, values = [], []
    for _, number, found in stored.analyses():
        chemistry = found.order.chemistry  # type: ignore[union-attr]
        assert chemistry is not None
        for i, a in enumerate(chemistry.names):
            for j, b in enumerate(chemistry.names):
                expected.append((number, a, b))
                values.append((chemistry.partial_coordination[i, j], chemistry.warren_cowley[i, j]))
    assert of(rows, "analysis_id", "group_1", "group_2") == expected
    np.testing.assert_allclose(of(rows, "number", "warren_cowley"), values)


def test_intervals(tmp_path: Path) -> None:
    particle = close_packed(0, radius=6)
    found = analyze(particle, cutoff=4.0, order=False)
    drawn = resample(particle, found, 6, sigma=8, seed=5)
    assert drawn.intervals is not None
    with Bank(tmp_path / "some.bank") as bank:
        model = AtomicModel(particle, name="some")
        plain = deposit(bank, model, analysis=found)
        assert named.run(bank, "intervals").num_rows == 0
        stored = deposit(bank, model, analysis=drawn)
        assert stored.new_analysis  # not the analysis without intervals
        assert not deposit(bank, model, analysis=drawn).new_analysis
        rows = named.run(bank, "intervals", model=stored.id).to_pylist()
        fewer = named.run(bank, "intervals", quantity="largest_network").to_pylist()
        assert named.run(bank, "intervals", analysis=plain.analysis).num_rows == 0
    assert of(rows, "name") == sorted((row.name,) for row in drawn.intervals)
    for row in rows:
        one = drawn.intervals[row["name"]]
        for name in ("value", "mean", "sd", "low", "high", "extrapolated"):
            value = getattr(one, name)
            assert row[name] == (None if np.isnan(value) else value), row["name"]
        assert (row["samples"], row["drawn"], row["seed"]) == (one.samples, 6, 5)
        assert (row["wide"] is True) == ("wide" in one.remark)
        assert row["analysis_id"] == stored.analysis
    assert of(fewer, "name") == [(f"largest_network {fold}",) for fold in (4, 5, 6)]


def test_rings_and_voids(tmp_path: Path) -> None:
    box = shaken_box(3, repeat=3)
    found = analyze(box, cutoff=4.0, order=False, rings=5, voids="centres")
    assert found.rings is not None
    assert found.voids is not None
    with Bank(tmp_path / "some.bank") as bank:
        model = AtomicModel(box, name="some")
        stored = deposit(bank, model, analysis=found)
        assert not deposit(bank, model, analysis=found).new_analysis
        assert deposit(bank, model, analysis=analyze(box, cutoff=4.0, order=False)).new_analysis
        rows = named.run(bank, "rings", model=stored.id).to_pylist()
        few = named.run(bank, "rings", definition="king", analysis=stored.analysis)
        voids = named.run(bank, "largest-voids", n=4).to_pylist()
        back = bank.atoms(stored.id, stored.analysis)
    columns = ("definition", "size", "rings", "per_atom", "atom_fraction")
    both = (found.rings.king, found.rings.primitive)
    expected = [
        (one.definition, *row)
        for one in both
        for row in zip(one.sizes, one.counts, one.per_atom, one.atom_fraction, strict=True)
    ]
    assert of(rows, *columns) == expected
    assert few["size"].to_pylist() == [3, 4, 5]
    for row, radius, centre in zip(voids, found.voids.radii, found.voids.centres, strict=False):
        assert (row["x"], row["y"], row["z"], row["radius"]) == (*centre, radius)
        assert (row["measured_to"], row["voids"]) == ("centres", len(found.voids))
    assert of(voids, "place") == [(1,), (2,), (3,), (4,)]
    for one in both:
        for size, column in zip(one.sizes, one.through.T, strict=True):
            np.testing.assert_array_equal(back.arrays[f"{one.definition}_rings_{size}"], column)
    np.testing.assert_array_equal(back.arrays["void_radius"], found.voids.touching)


def density(atoms: ase.Atoms, order: ShortRangeOrder, counted: np.ndarray) -> float:
    mass, volume = atoms.get_masses()[counted].sum(), order.voronoi.volume[counted].sum()
    # An atomic mass unit in a cubic angstrom is 1.66 g/cm^3.
    return float(mass / volume * 1.66053907)


@pytest.mark.parametrize("crystalline", [False, True])
def test_local_density(stored: Stored, ask: Any, crystalline: bool) -> None:
    rows = ask("local-density", crystalline=crystalline)
    check_head(stored, rows)
    assert [row["analysis_id"] for row in rows] == [n for _, n, _ in stored.analyses()]
    for (model, _, found), row in zip(stored.analyses(), rows, strict=True):
        order, atoms = found.order, stored.current[model].atoms
        assert order is not None
        packed = np.zeros(len(atoms), dtype=bool)
        tetrahedra = found.motifs.tetrahedra[found.motifs.fold >= 4]
        packed[found.tetrahedra.vertices[tetrahedra[tetrahedra >= 0]]] = True
        counted = ~order.surface & order.voronoi.closed
        counted &= crystalline | ~order.nuclei.crystalline
        inside, outside = counted & packed, counted & ~packed
        assert (row["inside"], row["outside"]) == (inside.sum(), outside.sum())

        assert row["density"] == pytest.approx(density(atoms, order, counted), rel=1e-6)
        assert row["density_inside"] == pytest.approx(density(atoms, order, inside), rel=1e-6)
        if outside.any():
            assert row["density_outside"] == pytest.approx(density(atoms, order, outside), rel=1e-6)
        else:
            assert row["density_outside"] is None
        assert row["gain"] == pytest.approx(
            density(atoms, order, inside) / density(atoms, order, counted) - 1, abs=1e-9
        )
        if not crystalline and order.pdf_of == "disordered":
            assert row["gain"] == pytest.approx(found.packing.density.gain, abs=1e-9)  # type: ignore[union-attr]


def cells(found: StructureResult, reach: float) -> tuple[float, np.ndarray]:
    """Place of the first peak, and the mean of g in cells of a twentieth of it from 0.7 on."""
    r, g = found.pdf.r, found.pdf.g
    step = r[1] - r[0]
    peak = np.average(r, weights=g * np.clip((found.cutoff - r) / step + 0.5, 0, 1))
    for _ in range(2):
        inside = np.clip((0.2 * peak - np.abs(r - peak)) / step + 0.5, 0, 1)
        peak = np.average(r, weights=g * inside)
    integral = np.concatenate([[0], np.cumsum(g) * step])
    edges = np.arange(14, int(20 * reach) + 1) / 20 * peak
    edges = edges[edges < step * len(g)]
    below_edge = np.interp(edges, step * np.arange(len(g) + 1), integral)
    return float(peak), np.diff(below_edge) / np.diff(edges)


@pytest.mark.parametrize("reach", [4.0, 2.5])
def test_nearest_by_pdf(stored: Stored, ask: Any, reach: float) -> None:
    for model, kept in stored.current.items():
        if not kept.analyses or kept.kind == "synthetic":
            continue
        newest = max(kept.analyses)
        _, own = cells(kept.analyses[newest], reach)
        expected = []
        for name, other in stored.snapshots().items():
            if name != model:
                (number,) = other.analyses
                peak, curve = cells(other.analyses[number], reach)
                n = min(len(own), len(curve))
                distance = np.sqrt(np.mean((own[:n] - curve[:n]) ** 2))
                expected.append((distance, name, number, peak, (14 + n) / 20))
        expected.sort()
        rows = ask("nearest-by-pdf", model=model, reach=reach)
        assert [row["place"] for row in rows] == list(range(1, len(expected) + 1))
        assert of(rows, "model_id", "analysis_id") == [row[1:3] for row in expected]
        assert {(row["model"], row["model_analysis"]) for row in rows} == {(model, newest)}
        found = of(rows, "distance", "peak", "reach")
        np.testing.assert_allclose(found, [(d, p, e) for d, _, _, p, e in expected], rtol=1e-9)
        for row in rows:
            other = stored.current[row["model_id"]]
            assert (row["md_run_id"], row["step"]) == (other.run, other.step)
            assert row["temperature"] == other.temperature
        assert ask("nearest-by-pdf", model=model, reach=reach, n=2) == rows[:2]


def test_the_nearest_pdf_is_that_of_the_same_atoms_scaled(stored: Stored, ask: Any) -> None:
    first, second, *_ = ask("nearest-by-pdf", model="CuTa00001")
    assert first["step"] == 7
    assert first["distance"] < 0.3 * second["distance"]


def test_a_curve_without_a_peak_is_near_to_none(stored: Stored, ask: Any) -> None:
    (model,) = (name for name, kept in stored.current.items() if kept.kind == "synthetic")
    assert ask("nearest-by-pdf", model=model) == []


def test_nearest_by_motifs(stored: Stored, ask: Any) -> None:
    for model, kept in stored.current.items():
        if not kept.analyses:
            continue
        rows = ask("nearest-by-motifs", model=model)
        expected = []
        for own, found in sorted(kept.analyses.items()):
            apart = []
            for name, number, other in stored.analyses(kind="md_snapshot"):
                if name != model and other.delta == found.delta:
                    gap = fractions(found) - fractions(other)
                    apart.append((np.sqrt((gap**2).sum()), own, number, np.abs(gap).sum()))
            expected += [(*row, place) for place, row in enumerate(sorted(apart), start=1)]
        assert of(rows, "model_analysis", "analysis_id", "place") == [
            (own, number, place) for _, own, number, _, place in expected
        ]
        found_rows = of(rows, "distance", "manhattan")
        np.testing.assert_allclose(found_rows, [(row[0], row[3]) for row in expected], atol=1e-12)
        assert {row["model"] for row in rows} <= {model}
        for row in rows:
            other = stored.current[row["model_id"]]
            assert (row["md_run_id"], row["temperature"]) == (other.run, other.temperature)
            assert row["delta"] == kept.analyses[row["model_analysis"]].delta
        assert ask("nearest-by-motifs", model=model, n=1) == [r for r in rows if r["place"] == 1]


def in_runs(stored: Stored) -> list[tuple[Kept, int, StructureResult]]:
    """Analyses of snapshots by run and temperature."""
    found = [
        (stored.current[model], number, one)
        for model, number, one in stored.analyses(kind="md_snapshot")
    ]
    return sorted(found, key=lambda row: (row[0].run, row[0].temperature))


def test_motifs_by_temperature(stored: Stored, ask: Any) -> None:
    rows = ask("temperature-motifs")
    expected, values = [], []
    for kept, number, found in in_runs(stored):
        at = list(found.packing.curve.delta).index(found.delta)  # type: ignore[union-attr]
        for k, fold in enumerate(FOLDS):
            head = (kept.run, stored.runs[kept.run], kept.temperature, kept.step)  # type: ignore[index]
            expected.append((*head, number, found.cutoff, found.delta, fold, found.counts[fold]))
            population = found.packing.curve.populations[at, k]  # type: ignore[union-attr]
            values.append((fractions(found)[k], population))
    columns = ("md_run_id", "run", "temperature", "step", "analysis_id", "cutoff", "delta", "fold")
    assert of(rows, *columns, "motifs") == expected
    np.testing.assert_allclose(of(rows, "fraction", "population"), values)
    (one, _) = stored.runs
    assert ask("temperature-motifs", run=one, fold=5) == [
        row for row in rows if row["md_run_id"] == one and row["fold"] == 5
    ]


def test_theta_by_temperature(stored: Stored, ask: Any) -> None:
    rows = ask("temperature-theta")
    expected, values = [], []
    for kept, number, found in in_runs(stored):
        packing = found.packing
        assert packing is not None
        theta, inside = packing.geometry.theta, packing.amorphous[packing.geometry.motif]
        assert inside.any()
        expected.append((kept.run, kept.temperature, number, len(theta), inside.sum()))
        values.append((theta.mean(), theta[inside].mean()))
    columns = ("md_run_id", "temperature", "analysis_id", "bipyramids", "amorphous_bipyramids")
    assert of(rows, *columns) == expected
    np.testing.assert_allclose(of(rows, "theta", "amorphous_theta"), values)
    (_, two) = stored.runs
    assert ask("temperature-theta", run=two) == [row for row in rows if row["md_run_id"] == two]


def newest(kept: Kept) -> tuple[int, StructureResult]:
    """The newest analysis, one with the packing before one without."""
    packed = {number for number, found in kept.analyses.items() if found.packing is not None}
    number = max(packed or kept.analyses)
    return number, kept.analyses[number]


def test_experiment_and_quench_side_by_side(stored: Stored, ask: Any) -> None:
    rows = ask("experiment-and-quench")
    kinds = {name: kept for name, kept in stored.current.items() if kept.analyses}
    measured = sorted(name for name, kept in kinds.items() if kept.kind == "experiment")
    snapshots = sorted(stored.snapshots(), key=lambda k: (kinds[k].run, -kinds[k].temperature))  # type: ignore[operator]
    assert [row["model_id"] for row in rows] == [*measured, *snapshots]
    assert any(len(kinds[name].analyses) > 1 for name in measured)
    for row in rows:
        kept = kinds[row["model_id"]]
        number, found = newest(kept)
        assert found.order is not None
        assert found.packing is not None
        of_row = (row["kind"], row["md_run_id"], row["temperature"], row["step"])
        assert of_row == (kept.kind, kept.run, kept.temperature, kept.step)
        assert row["run"] == (None if kept.run is None else stored.runs[kept.run])
        assert (row["analysis_id"], row["cutoff"]) == (number, found.cutoff)
        shares = [row[f"fraction_{fold}"] for fold in FOLDS]
        np.testing.assert_allclose(shares, fractions(found), rtol=1e-12)
        assert row["motifs"] == sum(found.counts.values())
        assert row["theta"] == pytest.approx(found.packing.geometry.mean_theta, rel=1e-12)
        largest = int(found.networks[5].size.argmax())
        assert row["largest_network"] == found.networks[5].size[largest]
        assert row["spanning"] == found.networks[5].spanning[largest]
        counted = ~found.order.surface & found.order.voronoi.closed
        counted &= ~found.order.nuclei.crystalline
        mean = found.order.voronoi.coordination[counted].mean()
        assert row["coordination_number"] == pytest.approx(mean, rel=1e-12)
        assert row["glass_transition"] == (None if kept.run is None else TG)
    # Of a run: its snapshots, and measured models of the same species.
    one, two = stored.runs
    alone = ask("experiment-and-quench", run=one)
    symbols = {name: set(kept.atoms.symbols) for name, kept in kinds.items()}
    same = [name for name in measured if symbols[name] == {"Ta"}]
    assert 0 < len(same) < len(measured)
    of_one = [name for name in snapshots if kinds[name].run == one]
    assert [row["model_id"] for row in alone] == [*same, *of_one]
    # A model that is asked for is shown whatever its species and kind.
    other = next(name for name, kept in kinds.items() if kept.kind == "synthetic")
    assert other not in [row["model_id"] for row in rows]
    for model in (other, next(name for name in measured if name not in same)):
        chosen = ask("experiment-and-quench", run=one, model=model)
        assert [row["model_id"] for row in chosen] == [model, *of_one]
    assert {row["md_run_id"] for row in ask("experiment-and-quench", run=two)} == {None, two}


def test_published_versus_computed(ask: Any) -> None:
    rows = ask("published-versus-computed")
    assert of(rows, "validation_id", "figure", "place", "computed", "status") == [
        (1, "pd.one", 0, 3.01, "reproduced"),
        (2, "ta.one", 0, 1.05, "reproduced"),
        (2, "ta.one", 1, 2.02, "reproduced"),
        (2, "ta.two", 0, None, "not attempted"),
    ]
    gaps = [row["difference"] for row in rows]
    assert gaps[:3] == pytest.approx([0.01, 0.05, 0.02])
    assert gaps[3] is None
    assert ask("published-versus-computed", sample="Pd") == rows[:1]
    # An older row that differs is not shown when the newest is reproduced.
    assert ask("published-versus-computed", status="differs") == []
    assert ask("published-versus-computed", status="not attempted") == rows[3:]


def test_queries_without_rows(tmp_path: Path) -> None:
    required = {"nearest-by-pdf", "nearest-by-motifs", "network-atoms"}
    with Bank(tmp_path / "new.bank") as bank:
        for name in set(named.named_queries()) - required:
            assert named.run(bank, name).num_rows == 0


def test_a_bank_answers_named_queries_as_tables_of_arrow(stored: Stored) -> None:
    with Bank(stored.path, read_only=True) as bank:
        answer = bank.query("largest-networks", n=2, fold=5)
        query = named.named_queries()["largest-networks"]
        values = named.check_parameters(query, {"n": 2, "fold": 5})
        assert answer.equals(bank.sql(query.sql, values))
        assert answer.equals(named.run(bank, "largest-networks", n="2", fold="5"))
        assert answer.num_rows > 0
        assert bank.query("largest-networks", n=2, fold=None).num_rows >= answer.num_rows
        with pytest.raises(InputError, match="query: found 'nothing'; expected one of "):
            bank.query("nothing")
        with pytest.raises(InputError, match="parameter of largest-networks: found 'name'"):
            bank.query("largest-networks", name="a parameter may have any name")


def test_every_query_is_explained_and_uses_its_parameters() -> None:
    known = named.named_queries()
    assert set(known) == {
        *("coordination", "doubtful-atoms", "experiment-and-quench", "intervals"),
        *("largest-networks", "local-density"),
        *("largest-voids", "rings"),
        *("motif-fractions", "nearest-by-motifs", "nearest-by-pdf", "network-atoms"),
        "network-sizes",
        *("published-versus-computed", "temperature-motifs", "temperature-theta"),
        *("structure-types", "voronoi-top", "warren-cowley"),
    }
    for query in known.values():
        body = "\n".join(line for line in query.sql.splitlines() if not line.startswith("--"))
        assert set(re.findall(r"\$(\w+)", body)) == {p.name for p in query.parameters}, query.name
        assert query.description.endswith(".")
        assert "{" not in body


@pytest.mark.parametrize(
    ("name", "values", "parts"),
    [
        ("motif_fractions", {}, ("query", "'motif_fractions'", "motif-fractions", "warren-cowley")),
        ("", {}, ("query", "''")),
        ("x" * 10**6, {}, ("query", "'xxx", "...")),
        ("motif-fractions", {"model": "x" * 10**6}, ("model of bank", "'xxx", "...")),
        ("motif-fractions", {"model": "TaXX00001\0"}, ("parameter model", "a text")),
        ("motif-fractions", {"fold": 5}, ("'fold'", "one of model, analysis")),
        ("motif-fractions", {"name": "x"}, ("'name'", "one of model")),
        ("motif-fractions", {"model": 5}, ("parameter model", "5", "a text")),
        ("motif-fractions", {"model": "\udc80"}, ("parameter model", "a text")),
        ("motif-fractions", {"model": "TaXX00001' OR 1=1 --"}, ("OR 1=1", "`aet mdb list`")),
        ("motif-fractions", {"model": ""}, ("model of bank", "''", "`aet mdb list`")),
        ("motif-fractions", {"analysis": 12}, ("analysis of bank", "12", "that passed")),
        ("motif-fractions", {"analysis": 999}, ("analysis of bank", "999", "that passed")),
        ("motif-fractions", {"analysis": 1.5}, ("parameter analysis", "1.5", "a whole number")),
        ("motif-fractions", {"analysis": "1.5"}, ("parameter analysis", "'1.5'", "whole number")),
        ("motif-fractions", {"analysis": True}, ("parameter analysis", "True", "a whole number")),
        ("motif-fractions", {"analysis": 2**31}, ("parameter analysis", "a whole number")),
        ("motif-fractions", {"analysis": "9" * 5000}, ("parameter analysis", "'999", "...")),
        ("network-sizes", {"fold": 3}, ("parameter fold", "3", "a whole number from 4 to 6")),
        ("network-sizes", {"fold": [5]}, ("parameter fold", "[5]", "a whole number")),
        ("largest-networks", {"n": 0}, ("parameter n", "0", "a whole number from 1")),
        ("largest-networks", {"n": "five"}, ("parameter n", "'five'", "a whole number")),
        ("voronoi-top", {"crystalline": 1}, ("parameter crystalline", "true or false")),
        ("voronoi-top", {"crystalline": "yes"}, ("crystalline", "'yes'", "true or false")),
        ("network-atoms", {}, ("parameter analysis", "nothing", "a whole number")),
        ("network-atoms", {"analysis": 1}, ("parameter network", "nothing")),
        ("network-atoms", {"analysis": 1, "network": -1}, ("network of bank", "-1")),
        ("nearest-by-pdf", {}, ("parameter model", "nothing", "a text")),
        ("nearest-by-pdf", {"model": "FePt00001"}, ("'FePt00001'", "an analysis that passed")),
        ("nearest-by-pdf", {"model": "CuTa00001", "reach": "nan"}, ("reach", "'nan'", "a number")),
        ("nearest-by-pdf", {"model": "CuTa00001", "reach": 1e9}, ("reach", "from 1 to 100")),
        ("nearest-by-pdf", {"model": "CuTa00001", "reach": 10**400}, ("reach", "a number")),
        ("temperature-theta", {"run": 3}, ("run of bank", "3", "run of molecular dynamics")),
    ],
)
def test_what_a_query_is_not_given(
    ask: Any, name: str, values: dict[str, Any], parts: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as caught:
        ask(name, **values)
    for part in parts:
        assert part in str(caught.value)
    assert len(str(caught.value)) < 500


def test_values_may_be_texts(ask: Any) -> None:
    rows = ask("voronoi-top", n="2", crystalline="true")
    assert rows == ask("voronoi-top", n=np.int64(2), crystalline=np.True_)
    assert ask("motif-fractions", model=np.str_("CuTa00001"))
    assert rows != ask("voronoi-top", n=2)
    assert ask("nearest-by-pdf", model="CuTa00001", reach="3") == ask(
        "nearest-by-pdf", model="CuTa00001", reach=np.float64(3)
    )
    assert ask("voronoi-top", n=None) == ask("voronoi-top")


@pytest.mark.parametrize(
    "text",
    ["SELECT 1", "-- $n INTEGER: no description\nSELECT $n", "-- What.\n-- $n INT: x\nSELECT $n"],
)
def test_queries_that_are_written_wrong(text: str) -> None:
    with pytest.raises(InputError, match="query some"):
        named.parse("some", text)
    with pytest.raises(InputError, match="'much'; expected a whole number"):
        named.parse("some", "-- What.\n-- $n INTEGER = much: how many\nSELECT $n")


@pytest.fixture
def call():  # type: ignore[no-untyped-def]
    """The two commands in a program of their own."""
    app = typer.Typer()
    app.command()(queries_command)
    app.command()(query_command)

    def run(*words: object) -> Any:
        found = CliRunner().invoke(app, [str(word) for word in words])
        if found.exception is not None:
            raise found.exception
        return found.output

    return run


def test_commands(stored: Stored, ask: Any, call: Any) -> None:
    lines = call("queries").splitlines()
    heads = [line for line in lines if not line.startswith(" ")]
    listed = json.loads(call("queries", "--json"))
    assert heads == [f"{row['name']}: {row['description']}" for row in listed]
    assert [row["name"] for row in listed] == list(named.named_queries())
    shown = {" ".join(line.split()) for line in lines}
    assert {"fold=5 tetrahedra of a motif; 5 for pentagonal bipyramids"} <= shown
    assert {"analysis=... the analysis (required)", "analysis=... only this analysis"} <= shown
    assert next(row for row in listed if row["name"] == "network-atoms")["parameters"][0] == {
        "name": "analysis",
        "type": "INTEGER",
        "description": "the analysis",
        "default": None,
        "required": True,
        "least": None,
        "most": None,
    }
    words = ("query", "network-sizes", "--bank", stored.path)
    assert json.loads(call(*words, "--json")) == ask("network-sizes")
    shown = json.loads(call(*words, "--set", "fold=6", "--set", "analysis=1", "--json"))
    assert shown == ask("network-sizes", fold=6, analysis=1)
    assert "networks" in call(*words, "--set", "analysis=1")
    sql = "SELECT count(*) AS n FROM network WHERE analysis_id = 1"
    (row,) = json.loads(call("query", sql, "--bank", stored.path, "--json"))
    assert row["n"] > 0


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("network-size",), ("query", "'network-size'", "network-sizes")),
        (("network-sizes", "--set", "fold"), ("--set", "'fold'", "name=value")),
        (("network-sizes", "--set", "=5"), ("--set", "'=5'", "name=value")),
        (("network-sizes", "--set", "fold=5", "--set", "fold=6"), ("--set", "'fold' twice")),
        (("network-sizes", "--set", "fold="), ("parameter fold", "''", "from 4 to 6")),
        (("SELECT 1", "--set", "fold=5"), ("--set", "a query in SQL", "aet mdb queries")),
    ],
)
def test_commands_given_something_else(
    stored: Stored, call: Any, words: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as caught:
        call("query", *words, "--bank", stored.path)
    for part in parts:
        assert part in str(caught.value)
