"""The pair distributions of the published models: counts, shells, peaks, minima, bond lengths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ase
import numpy as np
import pytest
from scipy.io import loadmat
from scipy.spatial import cKDTree

from aet_port.structure.pairs.pair_counting import group_pair_counts, reference_frame
from aet_port.structure.pairs.partial_pdf import PartialPdf, partial_pair_distribution
from aet_port.structure.pairs.peaks import bond_length, pdf_peaks
from aet_port.structure.pairs.shell_volume import shell_counts, sphere_directions
from aet_port.structure.voronoi.alpha_shapes import AlphaShape, alpha_shape

pytestmark = pytest.mark.reference
Find = Callable[..., Path]
GLASS = ("AET-MetallicGlass", "7_Data_analysis_sro")
FILM = "AET-AmorphousMaterials"
ALL = ("*", "*")


@dataclass
class Sample:
    """Atoms of the glass particle and what was published of their pair distribution."""

    atoms: ase.Atoms
    types: np.ndarray
    step: float
    pairs: np.ndarray
    partial_pairs: np.ndarray
    shells: np.ndarray  # whole numbers: samples inside, 10,242 for each atom


def glass_sample(reference: Find, amorphous: bool) -> Sample:
    model = loadmat(reference(*GLASS, "input", "final_atom_coord_inA.mat"))
    types = loadmat(reference(*GLASS, "input", "final_atom_types.mat"))["final_atom_types"].ravel()
    positions = model["final_atom_coord_inAngstrom"].T
    name, step = "rdf_all_atoms.mat", 0.1
    if amorphous:
        order = loadmat(reference(*GLASS, "input", "scaled_boo_amorphous_region.mat"))
        chosen = order["scaled_SROP"].ravel() < 0.5
        positions, types = positions[chosen], types[chosen]
        name, step = "rdf_amorphous_region.mat", 0.05
    published = loadmat(reference(*GLASS, "output", name))
    k = np.arange(len(published["volume_arr"]))
    whole = 4 / 3 * np.pi * ((k * step + step) ** 3 - (k * step) ** 3)
    shells = published["volume_arr"].ravel() / whole * 10242
    assert np.abs(shells - np.round(shells)).max() < 1e-4  # sums of 18,356 rounded fractions
    return Sample(
        ase.Atoms(types.astype(int), positions=positions.astype(np.float64)),
        types,
        step,
        published["rdf_arr"].ravel(),
        published["pdf_arr"].transpose(1, 2, 0),
        np.round(shells).astype(np.int64),
    )


@pytest.fixture(scope="module", params=[False, True], ids=["all", "amorphous"])
def sample(request: pytest.FixtureRequest, reference: Find) -> Sample:
    return glass_sample(reference, request.param)


@pytest.fixture(scope="module")
def shape(sample: Sample) -> AlphaShape:
    return alpha_shape(reference_frame(sample.atoms), 4.0)


@pytest.fixture(scope="module")
def disordered(reference: Find) -> tuple[ase.Atoms, PartialPdf]:
    glass = glass_sample(reference, amorphous=True)
    return glass.atoms, partial_pair_distribution(glass.atoms, groups=glass.types, directions=42)


def test_pair_counts_of_the_glass(sample: Sample) -> None:
    found = group_pair_counts(sample.atoms, sample.types, 20.0, sample.step, reference_quirks=True)
    assert found.shape[2] == {0.1: 201, 0.05: 401}[sample.step]
    np.testing.assert_array_equal(found, sample.partial_pairs)
    np.testing.assert_array_equal(found.sum(axis=(0, 1)), sample.pairs)


@pytest.mark.parametrize(
    "sample",
    [pytest.param(False, id="all", marks=pytest.mark.slow), pytest.param(True, id="amorphous")],
    indirect=True,
)
def test_shells_of_the_glass_in_seconds(sample: Sample, shape: AlphaShape) -> None:
    """162 directions instead of 10,242: the bar is a relative error of 1e-3."""
    directions = sphere_directions(162)
    centres = shape.points
    found = shell_counts(shape, centres, sample.step, len(sample.shells), directions)[:, 0]
    np.testing.assert_allclose(found / len(directions), sample.shells / 10242, rtol=3e-4)


@pytest.mark.slow
def test_shells_of_the_glass_exactly(sample: Sample, shape: AlphaShape) -> None:
    found = shell_counts(
        shape, shape.points, sample.step, len(sample.shells), sphere_directions(5000)
    )
    np.testing.assert_array_equal(found[:, 0], sample.shells)


def test_rays_of_some_atoms_of_the_glass_miss_nothing(sample: Sample, shape: AlphaShape) -> None:
    """All 10,242 directions, every point tested on its own, for one inner and one outer atom."""
    middle = shape.points.mean(axis=0)
    order = np.argsort(((shape.points - middle) ** 2).sum(axis=1))
    directions = sphere_directions(5000)
    for atom in (order[0], order[-1]):
        centre = shape.points[atom]
        bins = len(sample.shells)
        found = shell_counts(shape, centre[None], sample.step, bins, directions)[:, 0]
        radii = (np.arange(bins) * sample.step + sample.step / 2)[::20]
        expected = [shape.contains(directions * r + centre).sum() for r in radii]
        np.testing.assert_array_equal(found[::20], expected)
        assert expected[0] > 0


def test_curve_of_the_glass_with_the_quirks(sample: Sample, shape: AlphaShape) -> None:
    found = partial_pair_distribution(
        sample.atoms,
        groups=sample.types,
        step=sample.step,
        shape=shape,
        directions=42,
        reference_quirks=True,
    )
    k = np.arange(len(sample.shells))
    whole = 4 / 3 * np.pi * ((k + 1) ** 3 - k**3) * sample.step**3
    volume = shape.volume + 4 * np.pi * 90**2 * 0.1
    expected = sample.pairs * volume / (len(sample.atoms) * sample.shells / 10242 * whole)
    expected[0] = 0
    np.testing.assert_allclose(found.g[ALL], expected, rtol=2e-3)  # of 42 directions


@pytest.mark.slow
def test_peaks_of_the_glass(disordered: tuple[ase.Atoms, PartialPdf]) -> None:
    pdf = disordered[1]
    found = pdf_peaks(pdf.r, pdf.g[ALL])
    # The bar is 0.03: recipes of smoothing and fitting differ by that much.
    np.testing.assert_allclose(found.peaks, [2.73, 4.76, 5.42, 7.22, 9.57], atol=0.03)
    # The bar is 0.08; these are much closer.
    assert found.first_minimum == pytest.approx(3.86, abs=0.01)
    assert found.second_minimum == pytest.approx(6.08, abs=0.02)


def test_bond_lengths_of_the_glass(disordered: tuple[ase.Atoms, PartialPdf]) -> None:
    pdf = disordered[1]
    published = {"11": 2.59, "12": 2.71, "13": 2.78, "22": 2.72, "23": 2.75, "33": 2.90}
    for (a, b), length in published.items():
        # The bar is 0.05: the first peaks are lopsided, and a fit moves with its window.
        assert bond_length(pdf.r, pdf.g[a, b]) == pytest.approx(length, abs=0.02), (a, b)
    # The highest peak between atoms of type 3 is the second one.
    third = pdf.g["3", "3"]
    assert third[np.abs(pdf.r - 4.8) < 0.2].max() > third[pdf.r < 4].max()
    assert pdf_peaks(pdf.r, third).second_peak == pytest.approx(4.77, abs=0.03)


@pytest.mark.slow
def test_the_turned_glass_has_the_same_peaks(disordered: tuple[ase.Atoms, PartialPdf]) -> None:
    atoms, pdf = disordered
    rng = np.random.default_rng(0)
    order = rng.permutation(len(atoms))
    turned = atoms[order]
    turned.positions = turned.positions @ np.linalg.qr(rng.normal(size=(3, 3)))[0] + [90, -7, 3]
    again = partial_pair_distribution(turned, groups=turned.numbers, directions=42)
    np.testing.assert_array_equal(again.counts, pdf.counts)
    np.testing.assert_allclose(again.g[ALL], pdf.g[ALL], rtol=1e-9)
    one, two = pdf_peaks(pdf.r, pdf.g[ALL]), pdf_peaks(again.r, again.g[ALL])
    np.testing.assert_allclose(two.peaks, one.peaks, rtol=1e-9)
    assert two.first_minimum == pytest.approx(one.first_minimum, rel=1e-9)
    for pair, g in pdf.g.items():
        assert bond_length(pdf.r, again.g[pair]) == pytest.approx(bond_length(pdf.r, g), rel=1e-9)


def disordered_film_atoms(reference: Find, name: str, crystalline: int) -> ase.Atoms:
    """Atoms with a normalised bond order of at most 0.5, or crystalline but scattered."""
    data = loadmat(reference(FILM, "7_Data_analysis", "Input", name, "BOO_normalized.mat"))
    positions, order = data["model"].T.astype(np.float64), data["order"].ravel()
    crystal = np.flatnonzero(order > 0.5)
    # Fewer than 13 crystalline atoms within 8 angstrom, and none of the others among them.
    near = cKDTree(positions[crystal]).query_ball_point(positions[crystal], 8.0, return_length=True)
    sure, doubtful = crystal[near >= 13], crystal[near < 13]
    tree = cKDTree(positions[sure])
    scattered = doubtful[tree.query_ball_point(positions[doubtful], 8.0, return_length=True) < 2]
    amorphous = np.concatenate([np.flatnonzero(order <= 0.5), scattered])
    assert len(positions) - len(amorphous) == crystalline
    return ase.Atoms([name[:2]] * len(amorphous), positions=positions[amorphous])


@pytest.mark.parametrize(
    ("name", "crystalline", "minimum"),
    [
        ("Ta_film", 1669, 4.12),
        pytest.param("Pd1_nanoparticle", 1138, 3.90, marks=pytest.mark.slow),
    ],
)
def test_first_minimum_of_the_film_samples(
    reference: Find, name: str, crystalline: int, minimum: float
) -> None:
    atoms = disordered_film_atoms(reference, name, crystalline)
    # Nothing beyond the second shell is asked for; 42 directions are good to 1e-3.
    pdf = partial_pair_distribution(atoms, r_max=9.0, directions=42)
    found = pdf_peaks(pdf.r, pdf.g[ALL])
    assert found.first_minimum == pytest.approx(minimum, abs=0.03)  # the bar
