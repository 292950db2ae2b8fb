from __future__ import annotations

from dataclasses import dataclass

import ase
import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.io import loadmat

from aet_port.core.errors import InputError
from aet_port.structure.neighbours import find_neighbours, heights
from aet_port.structure.pairs import pair_counting
from aet_port.structure.pairs.pair_counting import (
    group_labels,
    group_pair_counts,
    pair_counts,
    reference_frame,
)
from aet_port.structure.pairs.partial_pdf import partial_pair_distribution
from aet_port.structure.pairs.peaks import reference_curve
from aet_port.structure.pairs.shell_volume import shell_counts, sphere_directions
from aet_port.structure.voronoi.alpha_shapes import alpha_shape
from matlab_reference import golden_path
from tests.structure.samples import close_packed, moved, shaken_box

ALL = ("*", "*")


@dataclass
class Ball:
    centre: NDArray[np.float64]
    radius: float

    @property
    def volume(self) -> float:
        return float(4 / 3 * np.pi * self.radius**3)

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        x, y, z = (points - self.centre).T
        return np.asarray(x * x + y * y + z * z <= self.radius**2)


def alloy(atoms: ase.Atoms, seed: int, elements: tuple[str, ...] = ("Cu", "Ta")) -> ase.Atoms:
    atoms.symbols = np.random.default_rng(seed).choice(elements, len(atoms))
    return atoms


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.sampled_from([True, False, (True, False, True)]))
def test_counts_are_the_histogram_of_the_neighbours(seed: int, pbc: bool) -> None:
    atoms = alloy(shaken_box(seed, repeat=3), seed, ("Cu", "Ni", "Ta"))
    atoms.set_pbc(pbc)
    reach = round(min(7.0, 0.48 * heights(atoms).min()), 1)
    pairs = find_neighbours(atoms, reach)
    labels, group = group_labels(atoms)
    bins = round(reach / 0.1)
    expected = np.zeros((len(labels), len(labels), bins), dtype=int)
    keep = pairs.distances / 0.1 < bins
    places = (pairs.distances[keep] / 0.1).astype(int)
    one, two = group[pairs.first[keep]], group[pairs.second[keep]]
    np.add.at(expected, (one, two, places), 1)
    np.add.at(expected, (two, one, places), 1)
    found = group_pair_counts(atoms, None, reach, 0.1)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found.sum(axis=(0, 1)), 2 * pair_counts(atoms, reach, 0.1))


def test_kernel_without_compilation(monkeypatch: pytest.MonkeyPatch) -> None:
    atoms = alloy(close_packed(1, radius=4.5), 1)
    expected = group_pair_counts(atoms, None, 6.0, 0.1)
    monkeypatch.setattr(pair_counting, "_count_run", pair_counting._count_run.py_func)
    monkeypatch.setattr(pair_counting, "_count_groups", pair_counting._count_groups.py_func)
    np.testing.assert_array_equal(group_pair_counts(atoms, None, 6.0, 0.1), expected)


def test_many_groups_and_bins_count_the_same() -> None:
    atoms = close_packed(2)
    labels = np.arange(len(atoms)) % 100
    found = group_pair_counts(atoms, labels, 9.0, 0.01)  # room for one block of work only
    np.testing.assert_array_equal(found.sum(axis=(0, 1)), 2 * pair_counts(atoms, 9.0, 0.01))
    np.testing.assert_array_equal(found, found.transpose(1, 0, 2))


def test_the_quirks_of_counting() -> None:
    atoms = alloy(close_packed(3), 3)
    _, group = group_labels(atoms)
    positions = reference_frame(atoms).positions
    np.testing.assert_array_equal(positions.min(axis=0), 1)
    np.testing.assert_array_equal(positions, positions.astype(np.float32))
    expected = np.zeros((2, 2, 101), dtype=int)
    for i, a in enumerate(group):
        for j, b in enumerate(group):
            d = np.sqrt(((positions[i] - positions[j]) ** 2).sum())
            if d < 5:
                expected[a, b, int(np.ceil(d / 0.05 + 0.01)) - 1] += 1
    found = group_pair_counts(atoms, None, 5.0, 0.05, reference_quirks=True)
    np.testing.assert_array_equal(found, expected)
    assert found[0, 0, 0] == (group == 0).sum()


def test_golden_glass_all_atoms() -> None:
    golden = loadmat(golden_path("mg__Main_1.pdf__ball_shape_24atoms.mat"))
    types = golden["in_atoms"].ravel().astype(int)
    atoms = ase.Atoms(types, positions=golden["in_model"].T)
    ball = Ball(golden["in_shape_centre_submodel"].ravel(), golden["in_shape_radius"].item())
    found = partial_pair_distribution(
        atoms, groups=types, shape=ball, directions=5000, reference_quirks=True
    )
    np.testing.assert_array_equal(
        found.counts.transpose(2, 0, 1)[:, :, : golden["out_ppdf_arr"].shape[2]],
        golden["out_ppdf_arr"],
    )
    assert found.volume == pytest.approx(golden["out_volume_alpha"].item(), rel=1e-12)
    np.testing.assert_allclose(found.r, golden["out_radius_arr"].ravel(), atol=1e-12)
    whole = 4 / 3 * np.pi * ((found.r + 0.05) ** 3 - (found.r - 0.05) ** 3)
    # Positions rounded to single precision move 1e-7 of the samples across the ball's surface.
    np.testing.assert_allclose(
        found.shell_fraction * len(atoms) * whole, golden["out_volume_arr"].ravel(), rtol=1e-4
    )
    np.testing.assert_allclose(found.g[ALL], golden["out_pdfnorm_arr"].ravel(), rtol=1e-4)


def test_golden_glass_amorphous_atoms() -> None:
    golden = loadmat(golden_path("mg__Main_2.pdf__ball_shape_60atoms.mat"))
    chosen = golden["in_scaled_boo"].ravel() < 0.5
    types = golden["in_atoms"].ravel().astype(int)[chosen]
    atoms = ase.Atoms(types, positions=golden["in_model"].T[chosen])
    middle = reference_frame(atoms).positions.mean(axis=0)
    ball = Ball(middle, golden["in_shape_radius"].item())
    found = partial_pair_distribution(
        atoms, groups=types, step=0.05, shape=ball, directions=5000, reference_quirks=True
    )
    np.testing.assert_array_equal(found.counts.transpose(2, 0, 1), golden["out_ppdf_arr"])
    np.testing.assert_allclose(found.r, golden["out_radius_arr"].ravel(), atol=1e-12)
    # See above; far shells hold few samples.
    expected = golden["out_pdfnorm_arr"].ravel()
    np.testing.assert_allclose(found.g[ALL], expected, rtol=1e-3)
    np.testing.assert_allclose(
        reference_curve(expected), golden["out_pdf_amor05"].ravel(), rtol=1e-9
    )


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("am__Main_1.pdf__ball_shape_45atoms.mat", "in_model"),
        ("am__Main_2.pdf__ball_shape_40atoms.mat", "in_modelamorphous"),
    ],
)
def test_golden_film(name: str, model: str) -> None:
    """Counts and shells of the film paper's code; its last shells are empty here, its curve NaN."""
    golden = loadmat(golden_path(name))
    pixel = golden["in_res"].item()
    positions = golden[model].T / pixel
    positions = positions - positions.min(axis=0) + 1
    atoms = ase.Atoms(["Pd"] * len(positions), positions=positions)
    step = 0.1 / pixel
    counts = group_pair_counts(atoms, None, 20 / pixel, step, reference_quirks=True)[0, 0]
    np.testing.assert_array_equal(counts, golden["out_gg"].ravel())
    ball = Ball(golden["in_shape_centre"].ravel(), golden["in_shape_radius"].item())
    directions = sphere_directions(2000)
    inside = shell_counts(ball, positions, step, len(counts), directions)[:, 0]
    r = (np.arange(len(counts)) + 0.5) * step
    shells = inside / len(directions) * r**2
    np.testing.assert_allclose(shells, golden["out_nn"].ravel(), rtol=1e-12)
    np.testing.assert_allclose(r[1:-1] * pixel, golden["out_r"].ravel(), rtol=1e-12)


def test_an_ideal_gas_in_a_ball_is_flat() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(-22, 22, (9000, 3))
    points = points[np.linalg.norm(points, axis=1) < 22]
    atoms = ase.Atoms(rng.choice(["Cu", "Ta"], len(points)), positions=points)
    found = partial_pair_distribution(atoms, r_max=15, step=0.5, alpha=8.0, directions=42)
    assert found.labels == ("Cu", "Ta")
    assert set(found.g) == {ALL, ("Cu", "Cu"), ("Cu", "Ta"), ("Ta", "Ta")}
    far = found.r > 4
    for g in found.g.values():
        # Bins of some thousand pairs and more; the skin of the gas adds a little.
        assert np.abs(g[far] - 1).max() < 0.06
    # The share of the shells inside a ball: 1 - 3 x / 4 + x^3 / 16, x = r / R.
    x = found.r / 22
    # The alpha shape of a gas is rough: its surface takes away from every shell near it.
    np.testing.assert_allclose(found.shell_fraction, 1 - 0.75 * x + x**3 / 16, atol=0.07)
    assert found.density == pytest.approx(len(points) / found.volume)


def test_an_ideal_gas_in_a_box_is_flat() -> None:
    rng = np.random.default_rng(0)
    atoms = ase.Atoms(rng.choice(["Cu", "Ta"], 4000), positions=rng.uniform(0, 40, (4000, 3)))
    atoms.set_cell([40.0, 40.0, 40.0])
    atoms.set_pbc(True)
    found = partial_pair_distribution(atoms, step=0.5)
    assert found.r[-1] == pytest.approx(19.25)  # less than half of the cell
    assert found.volume == pytest.approx(40.0**3)
    np.testing.assert_allclose(found.shell_fraction, 1, rtol=1e-14)
    for g in found.g.values():
        assert np.abs(g[found.r > 4] - 1).max() < 0.1  # some thousand pairs per bin


def test_a_slab_is_bounded_on_two_sides_only() -> None:
    rng = np.random.default_rng(0)
    atoms = ase.Atoms(["Cu"] * 1800, positions=rng.uniform(0, 1, (1800, 3)) * [22, 22, 26])
    atoms.set_cell([22.0, 22.0, 60.0])
    atoms.set_pbc((True, True, False))
    found = partial_pair_distribution(atoms, r_max=9, step=0.5, alpha=6.0, directions=42)
    assert found.volume == pytest.approx(22 * 22 * 26, rel=0.05)
    assert np.abs(found.g[ALL][found.r > 3] - 1).max() < 0.1
    other = atoms.copy()
    other.positions += [11.0, -23.0, 0.0]
    again = partial_pair_distribution(other, r_max=9, step=0.5, alpha=6.0, directions=42)
    np.testing.assert_array_equal(found.counts, again.counts)
    # The samples of an atom on the far side of the cell are those of its image, but for rounding.
    np.testing.assert_allclose(found.g[ALL], again.g[ALL], rtol=1e-6)


def test_part_of_a_box_has_the_outline_given() -> None:
    rng = np.random.default_rng(0)
    box = ase.Atoms(["Cu"] * 1700, positions=rng.uniform(0, 30, (1700, 3)))
    box.set_cell([30.0, 30.0, 30.0])
    box.set_pbc(True)
    part = box[np.linalg.norm(box.positions - 15, axis=1) > 9]
    with pytest.raises(InputError, match="margin"):
        partial_pair_distribution(part, shape=alpha_shape(part, 5.0), r_max=8)
    outline = alpha_shape(part, 5.0, margin=8.0)
    found = partial_pair_distribution(part, shape=outline, r_max=8, step=0.5, directions=42)
    assert found.volume == pytest.approx(30**3 - 4 / 3 * np.pi * 9**3, rel=0.05)
    assert np.abs(found.g[ALL][found.r > 3] - 1).max() < 0.1
    whole = partial_pair_distribution(part, r_max=8, step=0.5)
    # Normalised by the whole box the hole shows up: pairs are closer than in a uniform gas.
    assert (whole.g[ALL][found.r > 3] > 1.02).all()


@settings(max_examples=4)
@given(st.integers(0, 10**6))
def test_turned_shifted_and_reordered_atoms_give_the_same(seed: int) -> None:
    atoms = alloy(close_packed(seed, radius=10), seed)
    one = partial_pair_distribution(atoms, r_max=8)
    two = partial_pair_distribution(moved(atoms, seed + 1), r_max=8)
    np.testing.assert_array_equal(one.counts, two.counts)
    for pair, g in one.g.items():
        np.testing.assert_allclose(two.g[pair], g, rtol=1e-9)
    assert one.volume == pytest.approx(two.volume, rel=1e-9)


def test_a_shifted_and_turned_box_gives_the_same() -> None:
    box = alloy(shaken_box(7, repeat=4), 7)
    one = partial_pair_distribution(box, r_max=7)
    two = partial_pair_distribution(moved(box, 8), r_max=7)
    np.testing.assert_array_equal(one.counts, two.counts)
    for pair, g in one.g.items():
        np.testing.assert_allclose(two.g[pair], g, rtol=1e-9)


def test_labels_are_text_or_numbers() -> None:
    atoms = close_packed(0)
    assert group_labels(atoms)[0] == ("Ta",)
    labels, group = group_labels(atoms, [10, 9] + [2] * (len(atoms) - 2))
    assert labels == ("2", "9", "10")
    assert group[:3].tolist() == [2, 1, 0]
    for bad in (["a"], np.zeros(len(atoms)), [None] * len(atoms), np.arange(len(atoms))):
        with pytest.raises(InputError, match="groups"):
            group_labels(atoms, bad)  # type: ignore[arg-type]
    atoms.numbers[3] = 0
    with pytest.raises(InputError, match="1 atoms of unknown species"):
        group_labels(atoms)


def test_no_part_of_a_shell_in_the_sample_is_nan() -> None:
    atoms = close_packed(0, radius=5)
    ball = Ball(atoms.positions.mean(axis=0), 1.0)
    found = partial_pair_distribution(atoms, shape=ball, directions=42)
    nothing = found.shell_fraction == 0
    assert nothing.any()
    np.testing.assert_array_equal(np.isnan(found.g[ALL]), nothing)


def test_an_atom_alone_and_a_group_of_one() -> None:
    atoms = close_packed(0)
    atoms.append(ase.Atom("Cu", (60.0, 0.0, 0.0)))
    found = partial_pair_distribution(atoms)
    assert found.sizes.tolist() == [1, len(atoms) - 1]
    assert not np.nansum(found.g["Cu", "Ta"])


@pytest.mark.parametrize("step", [0.0, -0.1, np.nan, 30.0])
def test_a_step_is_a_length(step: float) -> None:
    with pytest.raises(InputError, match="step"):
        partial_pair_distribution(close_packed(0), step=step)
    with pytest.raises(InputError, match="step"):
        group_pair_counts(close_packed(0), None, 10.0, step)


def test_bad_input_is_named() -> None:
    atoms = close_packed(0)
    with pytest.raises(InputError, match="r_max"):
        partial_pair_distribution(atoms, r_max=np.nan)
    with pytest.raises(InputError, match="step"):
        partial_pair_distribution(atoms, step=12.0)  # longer than the particle allows
    with pytest.raises(InputError, match="at least 5"):
        partial_pair_distribution(atoms[:4])
    with pytest.raises(InputError, match="at one place"):
        partial_pair_distribution(atoms + atoms[:1])
    with pytest.raises(InputError, match="directions"):
        partial_pair_distribution(atoms, directions=0)
    with pytest.raises(InputError, match="radius"):
        partial_pair_distribution(atoms, alpha=0.1)
    flat = ase.Atoms(["Ta"] * 9, positions=[(i, j, 0) for i in range(3) for j in range(3)])
    with pytest.raises(InputError, match="coplanar"):
        partial_pair_distribution(flat)
    box = shaken_box(0, repeat=2)
    with pytest.raises(InputError, match="r_max"):
        group_pair_counts(box, None, heights(box).min() / 2, 0.1)


@pytest.mark.parametrize("side", [12.4, 12.57, 12.6, 12.8, 25.2])
def test_any_box_is_taken(side: float) -> None:
    """A box of a whole number of steps too, whose quotient by the step rounds up."""
    box = bulk("Cu", "fcc", a=side / 3, cubic=True).repeat(3)
    found = partial_pair_distribution(box)
    assert side / 2 - 0.25 < found.r[-1] < side / 2
