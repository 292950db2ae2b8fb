"""Recall, precision, species and RMSD of a model spoilt in known ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.figures import precision as precision_figures
from aet_port.figures import species as species_figures
from aet_port.validation import match_models
from aet_port.validation.precision import Precision, score


def lattice(n: int) -> np.ndarray:
    """Points three angstrom apart."""
    return 3.0 * np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)


@pytest.fixture(scope="module")
def spoilt() -> tuple[AtomicModel, AtomicModel]:
    """125 atoms: 5 missed, 3 invented, 7 Pd called Ni, 2 Pt called Au; errors by species."""
    rng = np.random.default_rng(0)
    species = np.array(["Ni"] * 50 + ["Pd"] * 45 + ["Pt"] * 30)
    places = lattice(5)
    size = np.repeat([0.3, 0.2, 0.1], [50, 45, 30])[:, None]
    moved = places + size * rng.uniform(-1, 1, (125, 3)) + [0.4, 0.0, -0.2]
    found = species.copy()
    found[50:57], found[123:] = "Ni", "Au"
    kept = np.arange(5, 125)
    far = np.array([[-9.0, 0, 0], [-9, 4, 0], [-9, 0, 4]])
    order = rng.permutation(123)
    return (
        AtomicModel.from_positions(
            np.concatenate([moved[kept], far])[order],
            np.concatenate([found[kept], ["Pt"] * 3])[order].tolist(),
        ),
        AtomicModel.from_positions(places, species.tolist()),
    )


@pytest.fixture(scope="module")
def measured(spoilt: tuple[AtomicModel, AtomicModel]) -> Precision:
    return score(*spoilt)


def test_counts(measured: Precision) -> None:
    assert measured.species == ("Ni", "Pd", "Pt", "Au")
    assert measured.matching.matched == 120
    assert measured.recall == pytest.approx(120 / 125)
    assert measured.precision == pytest.approx(120 / 123)
    np.testing.assert_array_equal(
        measured.confusion, [[45, 0, 0, 0], [7, 38, 0, 0], [0, 0, 28, 2], [0, 0, 0, 0]]
    )
    np.testing.assert_array_equal(measured.true_atoms, [50, 45, 30, 0])
    np.testing.assert_array_equal(measured.found_atoms, [52, 38, 31, 2])
    assert measured.right_species == 111
    assert measured.species_fraction == pytest.approx(111 / 120)
    assert measured.identified == pytest.approx(111 / 125)


def test_rmsd_by_species(measured: Precision) -> None:
    # A part of the whole, each about the common shift: the squares add up.
    pairs = measured.confusion.sum(axis=1)
    squares = measured.rmsd_by_species[:3] ** 2 * pairs[:3]
    assert squares.sum() / 120 == pytest.approx(measured.matching.rmsd**2, rel=1e-12)
    assert np.isnan(measured.rmsd_by_species[3])
    # Uniform errors of +-a along each axis have a root mean square of a.
    np.testing.assert_allclose(measured.rmsd_by_species[:3], [0.3, 0.2, 0.1], rtol=0.2)
    assert np.sqrt(np.mean(measured.deviations**2)) == pytest.approx(measured.matching.rmsd)
    assert measured.rmsd_pm == 100 * measured.matching.rmsd


def test_histogram(measured: Precision) -> None:
    counts, edges = measured.histogram()
    assert counts.sum() == 120
    np.testing.assert_allclose(np.diff(edges), 0.02)
    assert edges[0] == 0
    assert edges[-1] == pytest.approx(1.5)
    inside = (measured.deviations >= 0.1) & (measured.deviations < 0.2)
    assert measured.histogram(0.1)[0][1] == inside.sum()
    with pytest.raises(InputError, match="width"):
        measured.histogram(0)


def test_summary_and_rows(measured: Precision) -> None:
    facts = measured.summary()
    assert facts["matched"] + facts["spurious"] == 123
    assert facts["matched"] + facts["missed"] == 125
    assert facts["confusion"]["Pd"] == {"Ni": 7, "Pd": 38, "Pt": 0, "Au": 0}
    assert facts["species"]["Pd"]["right"] == 38
    assert facts["species"]["Pt"]["rmsd_pm"] == pytest.approx(100 * measured.rmsd_by_species[2])
    # The model lies 0.4 and -0.2 angstrom off along x and z.
    np.testing.assert_allclose(facts["shift"], [-0.4, 0, 0.2], atol=0.05)
    rows = measured.rows()
    assert rows[1][:6] == ("Pd", 45, 38, 38, "84.44 %", "100.00 %")
    assert rows[3] == ("Au", 0, 2, 0, "", "0.00 %", "")


def test_the_papers_rule(spoilt: tuple[AtomicModel, AtomicModel], measured: Precision) -> None:
    found, truth = spoilt
    quirks = score(found, truth, reference_quirks=True)
    plain = match_models(truth.positions, found.positions, reference_quirks=True)
    assert quirks.matching.rmsd == plain.rmsd
    np.testing.assert_array_equal(quirks.matching.truth_index, plain.found_index)
    np.testing.assert_array_equal(quirks.matching.differences, -plain.differences)
    assert (quirks.recall, quirks.precision) == (measured.recall, measured.precision)
    # Atoms far apart: the same pairs either way.
    np.testing.assert_array_equal(quirks.confusion, measured.confusion)
    part = quirks.matching.differences[np.array(truth.species)[quirks.matching.truth_index] == "Pt"]
    expected = np.sqrt(np.sum(np.var(part, axis=0, ddof=1)))
    assert quirks.rmsd_by_species[2] == pytest.approx(expected)
    doubled = AtomicModel.from_positions(
        np.concatenate([found.positions, found.positions[:1] + 0.01]), [*found.species, "Au"]
    )
    twice = score(doubled, truth, reference_quirks=True)
    assert twice.matching.n_found == 124
    assert len(twice.matching.spurious) == 4


def test_an_exact_copy() -> None:
    model = AtomicModel.from_positions(lattice(3), ["Ni"] * 13 + ["Pd"] * 14)
    same = score(model, model)
    assert same.recall == same.precision == same.species_fraction == same.identified == 1
    assert same.rmsd_pm == 0
    np.testing.assert_array_equal(same.confusion, np.diag([13, 14]))
    one = AtomicModel.from_positions(lattice(1), "Ni")
    assert score(one, one, reference_quirks=True).rmsd_by_species[0] == 0


@pytest.mark.parametrize("form", ["png", "svg"])
def test_figure(tmp_path: Path, measured: Precision, form: str) -> None:
    axes = Figure().add_subplot()
    precision_figures.deviations(axes, measured.matching, width=0.05)
    heights, edges, _ = axes.patches[0].get_data()
    assert heights.sum() == 120
    np.testing.assert_allclose(np.diff(edges), 5)
    assert f"{measured.rmsd_pm:.2f} pm" in axes.get_legend().get_texts()[0].get_text()
    one, two = (
        precision_figures.write_precision_figures(tmp_path / name, measured, form=form)
        for name in ("one", "two")
    )
    assert [path.name for path in one] == [f"deviations.{form}", f"recall.{form}"]
    for first, second in zip(one, two, strict=True):
        assert first.read_bytes() == second.read_bytes()
    with pytest.raises(InputError, match="gif"):
        precision_figures.write_precision_figures(tmp_path / "three", measured, form="gif")


def test_bars_of_recall(measured: Precision, tmp_path: Path) -> None:
    truth = AtomicModel.from_positions(lattice(3), ["Pt"] * 13 + ["Cu"] * 14)
    axes = Figure().add_subplot()
    species_figures.recall_bars(axes, {"spoilt": measured, "whole": score(truth, truth)})
    assert [text.get_text() for text in axes.get_xticklabels()] == ["Ni", "Pd", "Pt", "Cu"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["spoilt", "whole"]
    bars = [bar for bar in axes.patches if bar.get_height() or bar.get_y()]
    right, other = bars[0:10:2], bars[1:10:2]
    # 45, 38, 28 of 50, 45, 30 with their own species; 0, 7, 2 more with another: of the confusion.
    np.testing.assert_allclose([bar.get_height() for bar in right[:3]], [90, 3800 / 45, 2800 / 30])
    np.testing.assert_allclose(
        [bar.get_height() for bar in other[:3]], [0, 700 / 45, 200 / 30], atol=1e-12
    )
    assert [bar.get_y() for bar in other] == [bar.get_height() for bar in right]
    # 13 and 14 of as many: the interval ends at 0.025^(1/n).
    ends = [line.get_ydata() for line in axes.lines if line.get_marker() == "_"]
    lower = sorted(float(end[0]) for end in ends)
    for n in (13, 14):
        assert min(abs(end - 100 * 0.025 ** (1 / n)) for end in lower) < 1e-9
    one = AtomicModel.from_positions(lattice(2), "Ni")
    single = precision_figures.write_precision_figures(tmp_path, score(one, one))
    assert [path.name for path in single] == ["deviations.png"]  # of one species there's no choice
    with pytest.raises(InputError, match="found: found no model"):
        species_figures.write_recall_figure(tmp_path / "a.png", {})
