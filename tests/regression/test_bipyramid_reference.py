"""Shape, joints and packing of the bipyramids in the published models of the film paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import ase
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import loadmat

from aet_port.structure.bonds.nuclei import crystalline_atoms
from aet_port.structure.polytetrahedral.bipyramid_shapes import (
    average_bipyramid,
    bipyramid_geometry,
)
from aet_port.structure.polytetrahedral.bipyramids import Motifs, find_motifs
from aet_port.structure.polytetrahedral.networks import find_networks
from aet_port.structure.polytetrahedral.packing import (
    DELTAS,
    icosahedron_distortions,
    packed_atoms,
    packed_density,
    packing_by_distortion,
)
from aet_port.structure.polytetrahedral.sharing import (
    amorphous_motifs,
    find_sharing,
    icosahedral_filling,
)
from aet_port.structure.voronoi.alpha_shapes import alpha_shape
from aet_port.structure.voronoi.analysis import voronoi_analysis
from aet_port.structure.voronoi.tetrahedra import Tetrahedra, face_pairs, find_tetrahedra
from aet_port.validation.published_models import CUTOFFS, published_bond_order, published_model

pytestmark = pytest.mark.reference
Find = Callable[..., Path]
SAMPLES = ("Ta_film", "Pd1")  # the third and largest one, Pd2, in the slow tests at the end


class Sample(NamedTuple):
    atoms: ase.Atoms
    amorphous: NDArray[np.bool_]
    motifs: Motifs
    tetrahedra: Tetrahedra


def read_sample(reference: Find, name: str) -> Sample:
    atoms = published_model(reference, name)
    amorphous = ~crystalline_atoms(atoms, published_bond_order(reference, name))
    tetrahedra = find_tetrahedra(atoms, CUTOFFS[name])
    motifs = find_motifs(tetrahedra.vertices, face_pairs(tetrahedra.vertices))
    return Sample(atoms, amorphous, motifs, tetrahedra)


@pytest.fixture(scope="module")
def samples(reference: Find) -> dict[str, Sample]:
    return {name: read_sample(reference, name) for name in SAMPLES}


@pytest.fixture(scope="module")
def three(reference: Find, samples: dict[str, Sample]) -> list[Sample]:
    """With the second Pd particle."""
    return [*samples.values(), read_sample(reference, "Pd2")]


@pytest.fixture(scope="module")
def numbers(reference: Find, samples: dict[str, Sample]) -> NDArray[np.int64]:
    """What the deposited workspace of the Ta film numbers each of its tetrahedra."""
    path = reference(
        "AET-AmorphousMaterials", "7_Data_analysis", "Input", "Ta_film",
        "Polytetrahedral_motifs_delta_0.255.mat",
    )  # fmt: skip
    stored = loadmat(path, variable_names=["ConnectivityList", "model"])
    ta = samples["Ta_film"]
    atom = {tuple(p): k for k, p in enumerate(ta.atoms.positions.astype(np.float32).tolist())}
    order = np.array([atom[tuple(p)] for p in stored["model"].T.astype(np.float32).tolist()])
    rows = np.sort(order[stored["ConnectivityList"].astype(int) - 1], axis=1)
    place = {tuple(row): k for k, row in enumerate(rows.tolist(), start=1)}
    return np.array([place[tuple(row)] for row in ta.tetrahedra.vertices.tolist()])


def counts(sample: Sample, mask: NDArray[np.bool_]) -> list[int]:
    return [int((mask & (sample.motifs.fold == fold)).sum()) for fold in (4, 5, 6)]


def test_amorphous_motifs_of_the_ta_film(
    samples: dict[str, Sample], numbers: NDArray[np.int64]
) -> None:
    ta = samples["Ta_film"]
    arguments = (ta.motifs, ta.tetrahedra, ta.amorphous)
    literal = amorphous_motifs(*arguments, reference_quirks=True, numbers=numbers)
    assert counts(ta, literal) == [1606, 1979, 1063]
    # In our own order other tetrahedra are the first and second.
    assert counts(ta, amorphous_motifs(*arguments, reference_quirks=True)) == [1606, 1979, 1064]
    half = amorphous_motifs(*arguments)
    assert counts(ta, half) == [1509, 1921, 1020]
    for mask in (literal, half):
        found = find_networks(ta.motifs, ta.tetrahedra, 5, mask)
        # The paper prints 135, 35, 34, 28, 24; 165 atoms.
        assert found.size[:5].tolist() == [135, 38, 35, 28, 24]
        assert found.atoms[0] == 165


def test_networks_of_pd1(samples: dict[str, Sample]) -> None:
    pd1 = samples["Pd1"]
    found = find_networks(pd1.motifs, pd1.tetrahedra, 5)
    assert found.size[:5].tolist() == [31, 28, 25, 24, 24]


@pytest.mark.parametrize(
    ("name", "published", "amorphous"), [("Ta_film", 10.0, "10.14"), ("Pd1", 10.7, "10.67")]
)
def test_tilt_of_the_capping_bond(
    samples: dict[str, Sample], name: str, published: float, amorphous: str
) -> None:
    """The published figures are those of all pentagonal bipyramids, crystalline ones included."""
    sample = samples[name]
    found = bipyramid_geometry(sample.motifs, sample.tetrahedra)
    assert found.mean_theta == pytest.approx(published, abs=0.1)
    mask = amorphous_motifs(sample.motifs, sample.tetrahedra, sample.amorphous)
    some = bipyramid_geometry(sample.motifs, sample.tetrahedra, 5, mask)
    assert f"{some.mean_theta:.2f}" == amorphous


@pytest.mark.parametrize("name", SAMPLES)
def test_bond_ratios(samples: dict[str, Sample], name: str) -> None:
    """Mean of each bipyramid's ratio; the paper does not say whether it means another mean."""
    found = bipyramid_geometry(samples[name].motifs, samples[name].tetrahedra)
    assert found.alpha_over_gamma == pytest.approx(1.025, abs=0.002)
    # The paper prints 0.987 for three samples, of which all are 0.983 to 0.984, or 0.982 as a ratio
    # of means: reported, not matched.
    assert found.beta_over_gamma == pytest.approx(0.987, abs=0.005)
    assert f"{found.beta_over_gamma:.4f}" == {"Ta_film": "0.9827", "Pd1": "0.9836"}[name]


def test_average_bipyramid_of_the_ta_film(samples: dict[str, Sample]) -> None:
    ta = samples["Ta_film"]
    average = average_bipyramid(ta.motifs, ta.tetrahedra)
    assert average.number == 2053
    # Superposition shrinks what is averaged; close to the ideal bipyramid, whose ratio is 1.0515.
    assert average.alpha / average.gamma == pytest.approx(1.0599, abs=5e-5)
    assert average.beta / average.gamma == pytest.approx(1.0022, abs=5e-5)


def test_dihedral_angle_of_edge_sharing_bipyramids(samples: dict[str, Sample]) -> None:
    """Published: a peak at 120.7 for three samples. It hangs on what plane a skeleton is given."""
    angles = [find_sharing(s.motifs, s.tetrahedra).dihedral for s in samples.values()]
    assert [len(a) for a in angles] == [1837, 7085]
    assert [f"{a.mean():.2f}" for a in angles] == ["120.71", "120.81"]


@pytest.mark.slow
def test_figures_of_all_three_samples(three: list[Sample]) -> None:
    """Published: 26262 bipyramids, 63.5 and 72.5 %, 1.025, 0.987, theta 10.9 of Pd2, 120.7 degrees.

    All motifs give the shares and the first ratio in their printed digits, which the amorphous ones
    alone do not; the number, the second ratio and the dihedral angle differ, as is reported.
    """
    shapes = [bipyramid_geometry(s.motifs, s.tetrahedra) for s in three]
    joints = [find_sharing(s.motifs, s.tetrahedra) for s in three]
    assert sum(map(len, shapes)) == 26446
    assert shapes[2].mean_theta == pytest.approx(10.9, abs=0.05)
    weights = [len(shape) for shape in shapes]
    ratios = [[s.alpha_over_gamma, s.beta_over_gamma] for s in shapes]
    alpha, beta = np.average(ratios, axis=0, weights=weights)
    assert alpha == pytest.approx(1.025, abs=5e-4)
    assert f"{beta:.4f}" == "0.9837"
    alone = np.concatenate([s.vertex_neighbours == 0 for s in joints]).mean() * 100
    joined = np.concatenate([s.edge_neighbours > 0 for s in joints]).mean() * 100
    assert alone == pytest.approx(63.5, abs=0.05)
    assert joined == pytest.approx(72.5, abs=0.05)
    angles = [s.dihedral for s in joints]
    assert [f"{a.mean():.2f}" for a in angles] == ["120.71", "120.81", "120.23"]
    assert f"{np.concatenate(angles).mean():.2f}" == "120.50"


@pytest.mark.slow
def test_cut_off_of_the_second_particle(reference: Find, three: list[Sample]) -> None:
    """Its five largest networks are those printed if it is cut at 3.900 to 3.906, not at 3.91."""
    pd2, others = three[2], sum(int((s.motifs.fold == 5).sum()) for s in three[:2])
    assert find_networks(pd2.motifs, pd2.tetrahedra, 5).size[:5].tolist() == [32, 31, 30, 30, 30]
    tetrahedra = find_tetrahedra(pd2.atoms, 3.905)
    motifs = find_motifs(tetrahedra.vertices, face_pairs(tetrahedra.vertices))
    assert find_networks(motifs, tetrahedra, 5).size[:5].tolist() == [32, 31, 30, 30, 29]
    # Then the three have, to within two, the published number of bipyramids, 26262.
    assert others + int((motifs.fold == 5).sum()) == 26264


def test_sharing_over_the_samples_at_hand(samples: dict[str, Sample]) -> None:
    """Published for three samples: 63.5 % share no vertex, 72.5 % have an edge neighbour.

    Pd2, more than half of all bipyramids, is missing, and the samples differ by up to 14 %: those
    at hand are asked for the pooled figures within 1.5 and 1 %.
    """
    found = [
        find_sharing(
            s.motifs,
            s.tetrahedra,
            5,
            amorphous_motifs(s.motifs, s.tetrahedra, s.amorphous, reference_quirks=True),
        )
        for s in samples.values()
    ]
    printed = [
        (f"{s.without_vertex_neighbour * 100:.1f}", f"{s.with_edge_neighbour * 100:.1f}")
        for s in found
    ]
    assert printed == [("50.8", "79.5"), ("64.3", "71.9")]
    alone = np.concatenate([s.vertex_neighbours == 0 for s in found]).mean() * 100
    joined = np.concatenate([s.edge_neighbours > 0 for s in found]).mean() * 100
    assert alone == pytest.approx(63.5, abs=1.5)
    assert joined == pytest.approx(72.5, abs=1.0)


def test_partial_icosahedra(samples: dict[str, Sample]) -> None:
    filling = [icosahedral_filling(s.motifs).counts.tolist() for s in samples.values()]
    assert filling[0] == [1135, 592, 225, 106, 47, 19, 5, 3, 1, 1, 0, 0]
    assert filling[1] == [7106, 3041, 1023, 333, 124, 53, 6, 4, 1, 0, 0, 0]


def test_packing_by_distortion(samples: dict[str, Sample]) -> None:
    ta, pd1 = samples["Ta_film"], samples["Pd1"]
    found = packing_by_distortion(ta.atoms, 4.12, DELTAS, amorphous=ta.amorphous)
    row = DELTAS.index(0.255)
    assert found.motifs[row].tolist() == [1336, 1800, 2053, 1180, 95, 5]
    # Fig. 2: triplets come first, bipyramids take over.
    assert found.populations[DELTAS.index(0.15), :4].argmax() == 0
    assert found.populations[row, :4].argmax() == 2
    at = packing_by_distortion(pd1.atoms, 3.9, [0.2], amorphous=pd1.amorphous).atoms[0]
    covered = found.atoms[DELTAS.index(0.2)]
    # More than 96.8 % in the paper's three samples together.
    assert [f"{share * 100:.1f}" for share in (covered, at)] == ["95.1", "97.1"]
    weights = [ta.amorphous.sum(), pd1.amorphous.sum()]
    assert np.average([covered, at], weights=weights) == pytest.approx(0.968, abs=0.002)


@pytest.mark.parametrize(
    ("name", "expected", "printed"),
    [("Ta_film", 3, "2.7"), pytest.param("Pd1", 2, "2.0", marks=pytest.mark.slow)],
)
def test_icosahedra_and_density(
    samples: dict[str, Sample], name: str, expected: int, printed: str
) -> None:
    """Published: 17 distorted icosahedra up to 0.255 in three samples; two of them have five.

    And a density gain of 3 % (Ta) and 6.7 % (Pd1) without a recipe: here that of the atoms of 4-,
    5- and 6-fold bipyramids among the disordered ones below the surface.
    """
    sample = samples[name]
    cells = voronoi_analysis(sample.atoms, reference_quirks=True)
    _, worst = icosahedron_distortions(cells)
    assert (worst <= 0.255).sum() == expected
    inner = sample.amorphous.copy()
    inner[alpha_shape(sample.atoms, 5.0).surface_atoms] = False
    packed = packed_atoms(sample.motifs, sample.tetrahedra, len(inner), (4, 5, 6))
    gain = packed_density(sample.atoms, cells.volume, packed, inner).gain
    assert f"{gain * 100:.1f}" == printed
