"""Intervals of a structure analysis from the uncertainties of the atoms."""

from __future__ import annotations

import json
from dataclasses import replace

import ase
import numpy as np
import pytest
from ase.lattice.cubic import FaceCenteredCubic

from aet_port.core.errors import InputError
from aet_port.core.uncertainty import P_EXISTS, uncertainty_arrays
from aet_port.simulation import amorphous_particle
from aet_port.structure import Interval, Intervals, StructureResult, analyze, resample
from aet_port.structure.draws import model_errors
from aet_port.structure.intervals import Quantity
from aet_port.structure.quantities import quantities_of
from aet_port.structure.resampling import LEVELS, extrapolate
from tests.dask_clusters import local_cluster
from tests.structure.samples import close_packed

CUTOFF = 4.1


def quick(atoms: ase.Atoms) -> StructureResult:
    """Motifs and networks only."""
    return analyze(atoms, cutoff=CUTOFF, order=False)


@pytest.fixture(scope="module")
def particle() -> ase.Atoms:
    return amorphous_particle(120, "Ta", seed=2).atoms


def test_certain_atoms_give_the_values_of_the_model_and_no_width() -> None:
    atoms = close_packed(2, radius=6)
    atoms.numbers[::3] = 29
    zero = uncertainty_arrays(np.zeros((len(atoms), 3, 3)))
    for name, values in {**zero, "p_exists": np.ones(len(atoms))}.items():
        atoms.set_array(name, values)
    found = analyze(atoms, cutoff=4.0)
    intervals = resample(atoms, found, 5).intervals
    assert intervals is not None
    own = quantities_of(found)
    assert [row.name for row in intervals] == list(own)
    assert {"warren_cowley Cu-Ta", "motif_fraction 5", "mean_density", "population 5"} <= set(own)
    for row in intervals:
        value = own[row.name].value
        if np.isnan(value):
            assert row.samples == 0
            assert np.isnan([row.mean, row.sd, row.low, row.high, row.extrapolated]).all()
            continue
        assert row.samples == 5
        assert (row.value, row.low, row.high) == (value,) * 3
        # Means of five equal numbers are rounded.
        assert row.mean == pytest.approx(value, rel=1e-14, abs=0)
        assert row.sd <= 1e-14 * abs(value)
        assert row.remark == ""
    assert intervals.warnings == []


def test_a_crystal_with_small_errors_stays_one() -> None:
    box = FaceCenteredCubic("Ta", size=(3, 3, 3), latticeconstant=4.1, pbc=True)
    box.rattle(0.01, seed=0)  # the tetrahedra of a perfect lattice are not unique
    found = resample(box, analyze(box, cutoff=3.5), 5, sigma=3).intervals
    assert found is not None
    row = found["crystalline_fraction"]
    assert (row.value, row.low, row.high, row.sd) == (1, 1, 1, 0)
    # A lattice of tetrahedra and octahedra has no bipyramid of five.
    assert found["motifs 5"].high == 0


def test_statistics_are_those_of_models_drawn_by_hand(particle: ase.Atoms) -> None:
    found = resample(particle, quick(particle), 7, sigma=12, seed=4)
    errors = model_errors(particle, 12)
    drawn = [quick(errors.draw(particle, 4, k)[0]) for k in range(7)]
    assert found.intervals is not None
    numbers = [one.counts[5] for one in drawn]
    row = found.intervals["motifs 5"]
    assert row.value == quick(particle).counts[5]
    # Sums of a few whole numbers: rounding only.
    assert row.mean == pytest.approx(sum(numbers) / 7, rel=1e-14)
    assert row.sd == pytest.approx(np.sqrt(sum((n - row.mean) ** 2 for n in numbers) / 6))
    first, second, *_, before, last = sorted(numbers)
    # 2.5 % of the six steps from the lowest to the highest is 0.15 of the first step.
    assert row.low == pytest.approx(first + 0.15 * (second - first))
    assert row.high == pytest.approx(last - 0.15 * (last - before))
    sizes = [int(one.networks[5].size.max()) for one in drawn]
    assert found.intervals["largest_network 5"].mean == pytest.approx(sum(sizes) / 7)
    assert found.parameters["sigma"] == 12.0
    assert {"resample": 7, "seed": 4}.items() <= found.parameters.items()
    assert found.summary()["intervals"]["drawn_models"] == 7


def test_the_same_on_two_processes_and_for_another_seed(particle: ase.Atoms) -> None:
    particle = particle.copy()
    particle.set_array("p_exists", np.linspace(0.9, 1, len(particle)))
    own = quick(particle)
    one = resample(particle, own, 5, sigma=10)
    two = resample(particle, own, 5, sigma=10, workers=2)
    assert json.dumps(one.summary()) == json.dumps(two.summary())
    other = resample(particle, own, 5, sigma=10, seed=1)
    assert json.dumps(one.summary()) != json.dumps(other.summary())
    with local_cluster(1) as address:
        far = resample(particle, own, 5, sigma=10, scheduler=address)
    assert json.dumps(one.summary()) == json.dumps(far.summary())


def test_removing_atoms_widens_the_networks_interval(particle: ase.Atoms) -> None:
    """Exact positions, but each atom may be missing: the extrapolation changes nothing."""
    atoms = particle.copy()
    for name, values in uncertainty_arrays(np.zeros((len(atoms), 3, 3))).items():
        atoms.set_array(name, values)
    atoms.set_array("p_exists", np.full(len(atoms), 0.9))
    found = resample(atoms, quick(atoms), 12).intervals
    assert found is not None
    row = found["largest_network 5"]
    assert row.low < row.high <= row.value
    assert "wide" in row.remark
    assert any(f"largest_network 5 is {row.value:.4g} (95 % " in words for words in found.warnings)
    # Nothing depends on lambda, so there is no correction.
    assert np.isnan(row.extrapolated)


def test_extrapolation_moves_the_estimate_towards_the_truth() -> None:
    """Eight particles of 300 atoms far apart, measured to 15 pm: noise destroys bipyramids."""
    one, true = amorphous_particle(300, "Ta", seed=5).atoms, ase.Atoms()
    for number in range(8):
        moved = one.copy()
        moved.positions[:, 0] += 60 * number
        true += moved
    truth = quick(true).counts[5]
    assert truth == 8 * quick(one).counts[5]
    measured = true.copy()
    measured.positions += np.random.default_rng(1).normal(0, 0.15, true.positions.shape)
    found = resample(measured, quick(measured), 6, sigma=15).intervals
    assert found is not None
    row = found["motifs 5"]
    assert row.mean < row.value < truth  # errors once more: lower still
    assert "shifted" in row.remark
    # The bias is some 15 % of the bipyramids; half of it must be gone.
    assert abs(row.extrapolated - truth) < 0.5 * (truth - row.value)
    assert abs(row.extrapolated - truth) < 4 * row.sd  # two standard errors of at most twice sd


def test_extrapolation_of_a_mean_square_is_exact() -> None:
    """f = mean x^2 rises by lambda sigma^2: at lambda = -1 the mean square of the truth is left."""
    rng = np.random.default_rng(2)
    truth, sigma = rng.normal(0, 1, 40_000), 0.5
    measured = truth + rng.normal(0, sigma, truth.shape)
    noise = rng.normal(0, sigma, (6, *truth.shape))
    values = np.array(
        [[np.mean((measured + np.sqrt(level) * z) ** 2) for level in LEVELS] for z in noise]
    )
    # Errors of the two sums of 40,000 terms: sqrt(2 s^4 + 4 s^2 x^2) / 200, less than 0.006 each.
    assert np.mean(measured**2) == pytest.approx(np.mean(truth**2) + 0.25, abs=0.03)
    assert extrapolate(values, sd=0.01) == pytest.approx(np.mean(truth**2), abs=0.03)


def test_what_cannot_be_extrapolated_is_not() -> None:
    line = np.array([[10.0, 9.0, 8.0, 7.0]] * 5)
    assert extrapolate(line, sd=0.1) == pytest.approx(12)
    assert np.isnan(extrapolate(line[:4], sd=0.1))  # of too few models
    assert np.isnan(extrapolate(line, sd=1.1))  # a shift of less than twice sd
    assert np.isnan(extrapolate(line, sd=0.1, most=11.9))  # a value that it can't have
    saturated = np.array([[10.0, 3.0, 1.0, 0.5]] * 5)  # a parabola gives twice the line's value
    assert np.isnan(extrapolate(saturated, sd=0.1))
    scattered = line + np.array([0, 1, 2, 3]) * np.array([-2, -2, 0, 2, 2])[:, None]
    assert np.isnan(extrapolate(scattered, sd=0.1))  # known to 2 +- 1.8 only


def test_what_cannot_be_resampled(particle: ase.Atoms) -> None:
    found = quick(particle)
    with pytest.raises(InputError, match="resample: found 4; expected at least 5"):
        resample(particle, found, 4, sigma=1)
    with pytest.raises(InputError, match="--sigma PM"):
        resample(particle, found, 5)
    ordered = analyze(close_packed(0, radius=6), cutoff=4.0)
    with pytest.raises(InputError, match="analysis"):
        resample(particle, ordered, 5, sigma=1)
    gone = particle.copy()
    gone.set_array("p_exists", np.full(len(gone), 0.01))
    with pytest.raises(InputError, match="none can be analysed"):
        resample(gone, found, 5, sigma=1)


def test_remarks_and_words() -> None:
    row = Interval("largest_network 5", "1", 219, 190.0, 60.0, 60.0, 340.0, 50)
    assert row.remark == "wide"
    assert row.sentence() == "largest_network 5 is 219 (95 % 60 to 340 of 50 drawn models)"
    assert replace(row, low=200.0, high=230.0, mean=218).remark == ""
    shifted = replace(row, mean=150.0, sd=10.0, low=140.0, high=160.0, extrapolated=290.0)
    assert shifted.remark == "shifted"
    assert "without position errors 290, standard error up to 20" in shifted.sentence()
    assert replace(row, low=float("nan"), high=float("nan")).remark == ""


def test_intervals_come_back_from_json(particle: ase.Atoms) -> None:
    nan = float("nan")
    intervals = resample(particle, quick(particle), 5, sigma=7).intervals
    assert intervals is not None
    odd = Interval("peak_3", "angstrom", nan, nan, nan, nan, nan, 2)
    intervals = replace(intervals, rows=(*intervals.rows, odd), remarks=("of test",))
    text = json.dumps(intervals.summary(), allow_nan=False)
    text = json.dumps(json.loads(text), sort_keys=True)
    back = Intervals.from_summary(json.loads(text))
    assert json.dumps(back.summary(), sort_keys=True) == text
    assert repr(back.rows) == repr(intervals.rows)
    with pytest.raises(InputError, match="quantity"):
        back["no such"]


def test_quantities_have_bounds() -> None:
    found = analyze(close_packed(1, radius=6), cutoff=4.0)
    table = quantities_of(found)
    assert table["crystalline_fraction"].most == 1
    assert table["coordination_number"] == Quantity(table["coordination_number"].value, "1", 0.0)
    assert table["warren_cowley Ta-Ta"].least == -np.inf
    assert table["mean_density"].unit == "g/cm^3"
    assert table["motif_fraction 4"].value == found.counts[4] / len(found.motifs)
    for name, one in table.items():
        assert np.isnan(one.value) or one.least <= one.value <= one.most, name


def test_drawn_models_describe_the_same_atoms() -> None:
    atoms = close_packed(3, radius=9)
    found = resample(atoms, analyze(atoms, cutoff=4.0, population="all"), 5, sigma=5)
    assert found.intervals is not None
    one = found.intervals["coordination_number"]
    assert found.order is not None
    below = ~found.order.surface & found.order.voronoi.closed
    assert one.value == pytest.approx(found.order.voronoi.coordination[below].mean())
    # Of the same atoms displaced by 5 pm, whose neighbours change little.
    assert one.mean == pytest.approx(one.value, abs=0.2)
    names = [row.name for row in found.intervals]
    assert not any("of all atoms" in name for name in names)


def test_chosen_atoms_stay_chosen_where_others_are_left_out() -> None:
    atoms = close_packed(3, radius=9)
    # Doubtful atoms come first, so that numbers of drawn atoms differ from those of the model.
    far = np.argsort(-np.linalg.norm(atoms.positions, axis=1))
    atoms = atoms[far]
    atoms.set_array(P_EXISTS, np.where(np.arange(len(atoms)) < 20, 0.5, 1.0))
    nearest = np.arange(len(atoms) - 13, len(atoms))  # the centre and about a shell
    found = resample(atoms, analyze(atoms, cutoff=4.0, population=nearest), 5, sigma=1).intervals
    assert found is not None
    row = found["inner_atoms"]
    assert (row.value, row.low, row.high) == (13, 13, 13)
    errors = model_errors(atoms, 1)
    for number in range(3):
        (drawn,), kept = errors.draw(atoms, 0, number), errors.kept(0, number)
        assert len(drawn) == kept.sum() < len(atoms)
        # Ten standard errors.
        assert np.abs(drawn.positions - atoms.positions[kept]).max() < 0.1


def test_rings_and_voids_get_intervals() -> None:
    atoms = amorphous_particle(50, "Ta", seed=1).atoms
    found = analyze(atoms, cutoff=4.1, order=False, rings=4, voids="centres")
    drawn = resample(atoms, found, 5, sigma=10).intervals
    assert drawn is not None
    for name in ("king_rings 3", "primitive_rings 4", "largest_void", "free_fraction"):
        assert drawn[name].samples == 5
        assert drawn[name].low < drawn[name].high
    assert found.rings is not None
    assert drawn["primitive_rings 3"].value == found.rings.primitive.per_atom[0]
