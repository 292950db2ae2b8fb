"""An experiment beside a quench: each measure against the analyses, each choice and refusal."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from aet_port.cli.md_compare import compare_command
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError, InputError
from aet_port.structure import StructureResult, analyze
from md_sim.comparison import SCALARS, Comparison, compare
from md_sim.comparison_choice import newest_experiment, run_of_folder
from md_sim.comparison_measures import Measured
from md_sim.likeness import like_by_distance, like_by_value
from md_sim.pdf_scaling import cell_means, first_peak, normalized_distances, normalized_pdf
from mdb import Bank, Snapshot, deposit, deposit_failure, deposit_run
from mdb import queries as named
from tests.md_sim.comparison_samples import (
    TEMPERATURES,
    Compared,
    analyses,
    box,
    fill,
    film,
    md_run,
    put,
    quench_folder,
    thermo,
)
from tests.mdb.samples import shifted

FOLDS = range(3, 9)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    return fill(tmp_path_factory.mktemp("compared") / "some.bank")


@pytest.fixture
def stored(original: Compared, tmp_path: Path) -> Compared:
    """The bank in the test's own folder, to be changed."""
    path = Path(shutil.copy(original.path, tmp_path / "some.bank"))
    return Compared(path, original.model, original.experiment, original.run, original.snapshots)


@pytest.fixture(scope="module")
def comparison(original: Compared) -> Comparison:
    with Bank(original.path, read_only=True) as bank:
        return compare(bank, original.model)


def assert_measured(one: Measured, found: StructureResult) -> None:
    packing = found.packing
    assert packing is not None
    assert (one.cutoff, one.delta) == (found.cutoff, found.delta)
    assert one.alpha == pytest.approx(found.parameters["alpha"] / found.cutoff, rel=1e-12)
    counts = np.array([found.counts[fold] for fold in FOLDS])
    assert one.motifs.tolist() == counts.tolist()
    np.testing.assert_allclose(one.fractions, counts / counts.sum(), rtol=1e-12)
    assert one.pentagonal == pytest.approx(found.counts[5] / counts.sum())
    (row,) = packing.curve.populations[packing.curve.delta == found.delta]
    np.testing.assert_array_equal(one.populations, row)
    assert one.pentagonal_population == row[2]
    np.testing.assert_array_equal(one.theta, packing.geometry.theta)
    np.testing.assert_array_equal(one.amorphous, packing.amorphous[packing.geometry.motif])
    assert one.mean_theta == pytest.approx(packing.geometry.mean_theta)
    counted = packing.filling.counts
    assert one.sites[: len(counted)].tolist() == counted.tolist()
    assert one.sites[len(counted) :].sum() == 0
    filled = np.repeat(np.arange(1, len(counted) + 1), counted)
    assert one.mean_sites == pytest.approx(filled.mean())
    networks = found.networks[5]
    assert one.networks.tolist() == networks.size.tolist()
    assert one.share_in_largest == networks.size[0] / found.counts[5]
    assert one.spanning == bool(networks.spanning[0])
    finite = networks.length[np.isfinite(networks.length)]
    assert one.length == (finite.max() if len(finite) else pytest.approx(np.nan, nan_ok=True))
    sharing = packing.sharing
    assert one.vertex_sharing == pytest.approx(1 - sharing.without_vertex_neighbour, abs=1e-12)
    assert one.edge_sharing == pytest.approx(sharing.with_edge_neighbour, abs=1e-12)
    np.testing.assert_array_equal(one.r, found.pdf.r)
    np.testing.assert_array_equal(one.g, found.pdf.g)


def test_measures_are_those_of_the_analyses(original: Compared, comparison: Comparison) -> None:
    assert comparison.temperatures.tolist() == sorted(TEMPERATURES)
    assert_measured(comparison.experiment, original.experiment)
    assert comparison.experiment.n_atoms == len(film())
    for point in comparison.points:
        assert_measured(point.found, original.snapshots[point.temperature])
        assert point.step == 9000 - point.temperature
    # The samples show every case.
    assert not comparison.experiment.amorphous.all()
    assert comparison.experiment.amorphous.any()
    assert {point.found.spanning for point in comparison.points} == {False, True}
    assert comparison.experiment.sites[0] < (original.experiment.packing.filling.sites == 1).sum()


def test_distances_of_motif_fractions_and_curves(comparison: Comparison) -> None:
    own = comparison.experiment
    for point in comparison.points:
        apart = np.linalg.norm(point.found.motifs / point.found.motifs.sum() - own.fractions)
        assert point.motif_distance == pytest.approx(apart, rel=1e-12)
        difference = point.found.normalized_pdf() - own.normalized_pdf()
        rms = np.sqrt(np.nanmean(difference**2))
        assert point.pdf_distance == pytest.approx(rms, rel=1e-9)


def test_normalized_curves_against_a_sampled_one(original: Compared) -> None:
    pdf = original.experiment.pdf
    with Bank(original.path, read_only=True) as bank:
        rows = named.run(bank, "nearest-by-pdf", model=original.model).to_pylist()
    for row in rows:
        found = original.snapshots[row["temperature"]]
        assert first_peak(found.pdf.r, found.pdf.g, found.cutoff) == pytest.approx(row["peak"])
    peak = 2.9
    curve = normalized_pdf(pdf.r, pdf.g, peak)
    for middle, mean in zip(normalized_distances(), curve, strict=True):
        places = (middle + (np.arange(2000) + 0.5) / 2000 / 20 - 1 / 40) * peak
        bins = (places / pdf.step).astype(int)
        if bins[-1] < len(pdf.g) - 1:
            assert mean == pytest.approx(pdf.g[bins].mean(), abs=5e-3)
        else:
            assert np.isnan(mean)
    # Taking out the size of the atoms: a curve drawn out by a factor is the same.
    np.testing.assert_allclose(normalized_pdf(1.3 * pdf.r, pdf.g, 1.3 * peak), curve, rtol=1e-9)
    np.testing.assert_allclose(
        cell_means(pdf.r, pdf.g, pdf.step * np.arange(0, 41, 4)),
        pdf.g[:40].reshape(-1, 4).mean(axis=1),
        atol=1e-12,
    )
    assert np.isnan(first_peak(pdf.r, np.zeros_like(pdf.r), 4.0))


@pytest.mark.parametrize("seed", range(5))
def test_crossings_against_a_fine_grid(seed: int) -> None:
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(300, 5000, 8))
    v = rng.uniform(0, 1, 8)
    found = like_by_value("some", t, v, 0.5)
    fine = np.linspace(t[0], t[-1], 200_001)
    crosses = np.flatnonzero(np.diff(np.sign(np.interp(fine, t, v) - 0.5)))
    np.testing.assert_allclose(found.temperatures, fine[crosses], atol=2 * (fine[1] - fine[0]))
    assert found.inside
    assert found.value == found.experiment == 0.5
    assert ("crosses more than once" in found.words) == (len(crosses) > 1)


@pytest.mark.parametrize("seed", range(5))
def test_nearest_on_the_path_against_a_fine_grid(seed: int) -> None:
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(300, 5000, 6))
    points = np.cumsum(rng.normal(size=(6, 4)), axis=0)
    wanted = points[2] + 0.4 * rng.normal(size=4)
    found = like_by_distance("some", t, points, wanted)
    fine = np.linspace(t[0], t[-1], 50_001)
    path = np.stack([np.interp(fine, t, column) for column in points.T], axis=1)
    distance = np.linalg.norm(path - wanted, axis=1)
    assert found.value == pytest.approx(distance.min(), abs=1e-3)
    assert found.value <= distance.min()
    assert found.temperatures[0] == pytest.approx(fine[distance.argmin()], abs=1.0)
    assert found.inside == bool(0 < distance.argmin() < len(fine) - 1)


def test_what_the_quench_never_is() -> None:
    t = [300.0, 1000.0, 2000.0]
    hotter = like_by_value("theta", t, [5.0, 7.0, 9.0], 10.0)
    assert (hotter.temperatures, hotter.value, hotter.inside) == ((2000.0,), 9.0, False)
    assert hotter.words == "2000 K (nearest; not reached)"
    colder = like_by_value("theta", t, [5.0, 7.0, 9.0], 4.0)
    assert (colder.temperatures, colder.value, colder.inside) == ((300.0,), 5.0, False)
    exact = like_by_value("theta", t, [5.0, 7.0, 9.0], 9.0)
    assert (exact.temperatures, exact.inside, exact.words) == ((2000.0,), True, "2000 K")
    unknown = like_by_value("theta", t, [5.0, 7.0, 9.0], np.nan)
    assert (unknown.temperatures, unknown.words) == ((), "not defined")
    assert like_by_value("theta", t, [np.nan, 7.0, 9.0], 8.0).temperatures == (1500.0,)
    assert like_by_value("theta", t, [5.0, np.nan, 9.0], 7.0).temperatures == (1150.0,)
    end = like_by_distance("pdf", t, [[0.0], [1.0], [2.0]], [3.0])
    assert (end.temperatures, end.value, end.inside) == ((2000.0,), 1.0, False)
    assert end.words == "2000 K (nearest end)"
    assert like_by_distance("pdf", t, [[0.0], [1.0], [2.0]], [np.nan]).temperatures == ()
    still = like_by_distance("pdf", t, [[1.0], [1.0], [1.0]], [1.0])
    assert still.value == 0
    for values in ([1.0], [1.0, 2.0]):
        with pytest.raises(InputError, match="temperature: found shape"):
            like_by_value("theta", [2000.0, 1000.0][: len(values)], values, 1.0)


def test_likeness_of_each_measure(comparison: Comparison) -> None:
    by = {one.measure: one for one in comparison.likeness}
    assert list(by)[2:] == list(SCALARS)
    t = comparison.temperatures
    for name, of in SCALARS.items():
        values = [of(point.found) for point in comparison.points]
        assert by[name] == like_by_value(name, t, values, of(comparison.experiment))
    # A path through curves or fractions comes at least as near as its corners and chords.
    curves = np.array([point.found.normalized_pdf() for point in comparison.points])
    own = comparison.experiment.normalized_pdf()
    common = np.isfinite(curves).all(axis=0)
    assert not common.all()  # the boxes are small
    fractions = np.array([point.found.fractions for point in comparison.points])
    for one, points, wanted, root in (
        (comparison.likeness[0], curves[:, common], own[common], np.sqrt(common.sum())),
        (comparison.likeness[1], fractions, comparison.experiment.fractions, 1.0),
    ):
        fine = np.linspace(t[0], t[-1], 20_001)
        path = np.stack([np.interp(fine, t, column) for column in points.T], axis=1)
        distance = np.linalg.norm(path - wanted, axis=1) / root
        assert one.value == pytest.approx(distance.min(), abs=1e-4)
        assert one.temperatures[0] == pytest.approx(fine[distance.argmin()], abs=0.2)


def test_an_experiment_taken_from_the_quench_is_most_like_itself(stored: Compared) -> None:
    with Bank(stored.path) as bank:
        atoms = box(1000.0)
        model = AtomicModel(atoms, name="known")
        twin = deposit(bank, model, analysis=stored.snapshots[1000.0]).id
        found = compare(bank, twin, stored.run)
    assert found.points[1].pdf_distance == pytest.approx(0, abs=1e-12)
    assert found.points[1].motif_distance == pytest.approx(0, abs=1e-12)
    for one in found.likeness:
        assert 1000.0 in one.temperatures, one.measure


def test_table_and_plain_values(original: Compared, comparison: Comparison) -> None:
    columns, rows = comparison.columns(), comparison.rows()
    assert columns == ["", original.model, "300 K", "1000 K", "2000 K"]
    assert {len(row) for row in rows} == {5}
    table = {row[0]: row[1:] for row in rows}
    found = [original.experiment, *(original.snapshots[t] for t in sorted(TEMPERATURES))]
    assert table["mean theta (degrees)"] == [f"{f.packing.geometry.mean_theta:.2f}" for f in found]
    assert table["network 1 (motifs)"] == [str(f.networks[5].size[0]) for f in found]
    assert table["pentagonal (%)"] == [
        f"{100 * f.counts[5] / sum(f.counts.values()):.1f}" for f in found
    ]
    assert table["network 1 spans"] == ["yes" if f.networks[5].spanning[0] else "no" for f in found]
    assert table["PDF distance"][0] == ""
    some = comparison.points[1:]
    assert comparison.columns(some) == ["", original.model, "1000 K", "2000 K"]
    assert [[row[0], *row[1:2], *row[3:]] for row in rows] == comparison.rows(some)
    plain = comparison.plain()
    json.dumps(plain)
    assert [one["temperature"] for one in plain["snapshots"]] == sorted(TEMPERATURES)
    size, number = np.unique(original.experiment.networks[5].size, return_counts=True)
    assert plain["experiment"]["network_sizes"] == {
        str(s): n for s, n in zip(size.tolist(), number.tolist(), strict=True)
    }
    assert len(plain["experiment"]["normalized_pdf"]) == len(plain["distances_over_first_peak"])
    assert comparison.likeness_rows()[4][:2] == [
        "mean theta",
        f"{comparison.experiment.mean_theta:.3f}",
    ]


def test_the_newest_analysis_with_the_order_counts(stored: Compared) -> None:
    with Bank(stored.path) as bank:
        t = 1000.0
        put(bank, stored.run, t, analyze(box(t), cutoff=4.0, delta=0.2, order=False))
        assert compare(bank, stored.model).points[1].found.delta == 0.255
        put(bank, stored.run, t, analyze(box(t), cutoff=4.05))
        found = compare(bank, stored.model)
        assert [point.found.cutoff for point in found.points] == [4.0, 4.05, 4.0]
        assert found.points[1].motif_distance > 0


def test_snapshots_without_analysis_are_left_out_and_named(stored: Compared) -> None:
    with Bank(stored.path) as bank:
        failed = put(bank, stored.run, 1500.0)
        deposit_failure(bank, failed, {"cutoff": 4.0}, "crystallised")
        waiting = put(bank, stored.run, 1700.0)
        found = compare(bank, stored.model)
    assert found.left_out == {failed: "crystallised", waiting: "not analysed"}
    assert len(found.points) == 3
    assert found.plain()["left_out"] == found.left_out


def test_versions_count_once(stored: Compared) -> None:
    moved = box(300.0)
    moved.positions += 0.5
    found = analyze(moved, cutoff=4.0)
    with Bank(stored.path) as bank:
        other = deposit_run(bank, md_run(engine="unfinished"))
        old = put(bank, other, 400.0, found, atoms=moved)
        assert newest_experiment(bank, other) == stored.model
        new = deposit(
            bank,
            AtomicModel(moved, name="300 K"),
            kind="md_snapshot",
            snapshot=Snapshot(stored.run, 8600, 400.0),
            analysis=found,
            corrects=old,
        ).id
        points = compare(bank, stored.model).points
        assert [point.temperature for point in points] == [300.0, 400.0, 1000.0, 2000.0]
        assert points[1].found.model_id == new
        with pytest.raises(InputError, match="no analysed snapshot"):
            newest_experiment(bank, other)


def test_choice_of_experiment_and_run(stored: Compared, tmp_path: Path) -> None:
    with Bank(stored.path) as bank:
        assert newest_experiment(bank, stored.run) == stored.model
        model, found = shifted(AtomicModel(film(), name="newer"), stored.experiment, 1.0)
        newer = deposit(bank, model, analysis=found).id
        deposit(bank, AtomicModel(film()[:200], name="not analysed"))
        deposit(bank, model, kind="synthetic", analysis=found)
        assert newest_experiment(bank, stored.run) == newer
        palladium = deposit_run(bank, md_run(engine="another"))
        atoms = box(400.0, "Pd")
        put(bank, palladium, 400.0, analyze(atoms, cutoff=4.0), atoms=atoms)
        with pytest.raises(InputError, match="no analysed experimental model of Pd"):
            newest_experiment(bank, palladium)
        assert compare(bank, newer).run == stored.run
        again = quench_folder(tmp_path / "again")
        assert run_of_folder(bank, again) == stored.run
        table = thermo().slice(0, 100)
        assert deposit_run(bank, md_run(thermo=table)) > stored.run  # without snapshots
        assert run_of_folder(bank, again) == stored.run
        elsewhere = quench_folder(tmp_path / "elsewhere", seed=7)
        with pytest.raises(InputError, match=r"elsewhere: found no run in bank .*aet md analyze"):
            run_of_folder(bank, elsewhere)
        with pytest.raises(DataFileError, match=r"run\.json"):
            run_of_folder(bank, tmp_path)


def test_what_cannot_be_compared(stored: Compared) -> None:
    with Bank(stored.path) as bank:
        snapshot = compare(bank, stored.model).points[0].found.model_id
        bare = deposit(bank, AtomicModel(film()[:150], name="bare")).id
        flat = film()
        flat.positions *= 1.03
        plain = analyze(flat, cutoff=4.1, order=False)
        unordered = deposit(bank, AtomicModel(flat, name="flat"), analysis=plain).id
        empty = deposit_run(bank, md_run(engine="empty"))
        lonely = deposit_run(bank, md_run(engine="lonely"))
        waiting = deposit_run(bank, md_run(engine="waiting"))
        put(bank, lonely, 700.0, analyze(box(700.0), cutoff=4.0))
        put(bank, waiting, 800.0)
        for model, run, analysis, message in (
            ("TaXX99999", None, None, "'TaXX99999'; expected an id"),
            (snapshot, None, None, "found a snapshot of a simulation"),
            (bare, None, None, "no analysis that passed"),
            (unordered, None, None, "without polytetrahedral order"),
            (stored.model, None, 2, r"found 2; expected one of 1"),
            (stored.model, 99, None, r"found 99; expected one of 1, 2, 3, 4"),
            (stored.model, empty, None, r"no analysed snapshot \(no snapshots\)"),
            (stored.model, waiting, None, r"no analysed snapshot \(not analysed\)"),
            (stored.model, lonely, None, "one temperature only, 700 K"),
        ):
            with pytest.raises(InputError, match=message):
                compare(bank, model, run, analysis)
        with pytest.raises(InputError, match=r"found 99; expected one of 1"):
            newest_experiment(bank, 99)
        with pytest.raises(InputError, match="no analysed snapshot"):
            newest_experiment(bank, waiting)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"delta": 0.2}, r"delta of analysis \d+, 1000 K: found 0.2; expected 0.255, that of"),
        ({"alpha": 4.0}, r"alpha over the cut-off of analysis \d+, 1000 K: found 1; expected 1.1"),
    ],
)
def test_parameters_that_differ(
    stored: Compared, parameters: dict[str, float], message: str
) -> None:
    with Bank(stored.path) as bank:
        put(bank, stored.run, 1000.0, analyze(box(1000.0), cutoff=4.0, **parameters))
        with pytest.raises(InputError, match=message):
            compare(bank, stored.model)


def test_a_bank_without_runs(tmp_path: Path) -> None:
    with Bank(tmp_path / "b.bank") as bank:
        model = deposit(bank, AtomicModel(film(), name="f"), analysis=analyses()[0])
        with pytest.raises(InputError, match="no run with analysed snapshots of Ta"):
            compare(bank, model.id)
        with pytest.raises(InputError, match="found 1; expected a run whose snapshots"):
            compare(bank, model.id, 1)


def test_command(original: Compared, comparison: Comparison, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(compare_command)

    def call(*words: object) -> str:
        result = CliRunner().invoke(app, [*map(str, words), "--bank", str(original.path)])
        if result.exception is not None:
            raise result.exception
        return result.stdout

    folder = quench_folder(tmp_path / "run")
    before = original.path.read_bytes()
    printed = call(folder)
    assert original.model in printed
    assert "mean theta (degrees)" in printed
    assert "2000 K" in printed
    for one in comparison.likeness:
        assert one.measure.split()[0] in printed
    found = json.loads(call(original.run, "--json"))
    expected = json.loads(json.dumps(comparison.plain()).replace("NaN", "null"))
    named_all = json.loads(call(folder, "--model", original.model, "--analysis", 1, "--json"))
    for one in (found, named_all):
        for snapshot, point in zip(one["snapshots"], expected["snapshots"], strict=True):
            # DuckDB adds up in any order, so the last digit of a distance may differ.
            for name in ("pdf_distance", "motif_distance"):
                assert snapshot[name] == pytest.approx(point[name], rel=1e-12)
                snapshot[name] = point[name]
        assert one == expected | {"figures": []}
    figures = ("--figures", tmp_path / "figures", "--figure-format", "svg")
    drawn = json.loads(call(folder, *figures, "--json"))["figures"]
    assert drawn
    assert all(Path(path).read_text().startswith("<?xml") for path in drawn)
    assert sorted(map(str, (tmp_path / "figures").iterdir())) == sorted(drawn)
    assert original.path.read_bytes() == before
    with pytest.raises(DataFileError, match=r"run\.json"):
        call(tmp_path)


def test_one_small_table(original: Compared, stored: Compared, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(compare_command)

    def call(*words: object) -> str:
        result = CliRunner().invoke(app, [*map(str, words), "--bank", str(stored.path)])
        if result.exception is not None:
            raise result.exception
        return result.stdout

    with Bank(stored.path) as bank:
        model, found = shifted(AtomicModel(film(), name="newer"), stored.experiment, 1.0)
        newer = deposit(bank, model, analysis=found).id
    printed = call(stored.run, "--table")
    lines = printed.splitlines()
    assert max(map(len, lines)) <= 80
    start = next(k for k, line in enumerate(lines) if line.startswith("model"))
    table = [line.split() for line in lines[start + 2 : start + 7]]
    assert [line[0] for line in table[:2]] == sorted([stored.model, newer])
    assert [line[2] for line in table[2:]] == ["2000", "1000", "300"]
    for line, temperature in zip(table[2:], (2000.0, 1000.0, 300.0), strict=True):
        one = stored.snapshots[temperature]
        counts = np.array([one.counts[fold] for fold in FOLDS])
        share = 100 * np.append(counts[:4], counts[4:].sum()) / counts.sum()
        assert line[3:8] == [f"{value:.1f}" for value in share]
        networks = one.networks[5]
        assert one.packing is not None
        mark = "*" if networks.spanning[0] else ""
        assert line[8:10] == [f"{one.packing.geometry.mean_theta:.2f}", f"{networks.size[0]}{mark}"]
    assert "* reaches itself" in printed
    assert f"{newer}: newer, {len(film())} atoms" in lines
    rows = json.loads(call(stored.run, "--table", "--json"))
    with Bank(stored.path, read_only=True) as bank:
        asked = bank.query("experiment-and-quench", run=stored.run).to_pylist()
    for shown, row in zip(rows, asked, strict=True):
        assert list(shown) == list(row)
        for name, value in row.items():  # means in any order of rows differ in the last digit
            same = pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
            assert shown[name] == same, name
    only = json.loads(call(stored.run, "--table", "--model", newer, "--json"))
    assert only[0]["model_id"] == newer
    assert len(only) == 4
    assert call(stored.run, "--table", "--csv").startswith("kind,model_id,")
    for option in (("--figures", tmp_path / "f"), ("--analysis", 1)):
        with pytest.raises(InputError, match=f"--table: found it beside {option[0]}"):
            call(stored.run, "--table", *option)
    with pytest.raises(InputError, match="'NoXX00001'"):
        call(stored.run, "--table", "--model", "NoXX00001")
    with Bank(stored.path) as bank:
        empty = deposit_run(bank, md_run(engine="empty"))
    with pytest.raises(InputError, match="no analysed snapshot"):
        call(empty, "--table")
    with pytest.raises(InputError, match="found 99; expected one of 1"):
        call(99, "--table")
