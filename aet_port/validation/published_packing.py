"""Polytetrahedral packing and networks of the published models, compared with the papers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.io.matlab import read_array, read_positions
from aet_port.structure.bonds.nuclei import crystalline_atoms
from aet_port.structure.pairs.density_interpolation import interpolated_density
from aet_port.structure.polytetrahedral.bipyramid_shapes import bipyramid_geometry
from aet_port.structure.polytetrahedral.bipyramids import FOLDS, Motifs, find_motifs
from aet_port.structure.polytetrahedral.gain_of_packing import density_gains
from aet_port.structure.polytetrahedral.networks import Networks, find_networks
from aet_port.structure.polytetrahedral.order import PENTAGONAL
from aet_port.structure.polytetrahedral.packing import (
    icosahedron_distortions,
    packing_by_distortion,
)
from aet_port.structure.polytetrahedral.sharing import amorphous_motifs, find_sharing
from aet_port.structure.short_range import surface_atoms
from aet_port.structure.voronoi.analysis import voronoi_analysis
from aet_port.structure.voronoi.tetrahedra import Tetrahedra, delaunay, face_pairs, find_tetrahedra
from aet_port.validation.published_models import (
    CUTOFFS,
    FILM,
    KEYS,
    Find,
    published_bond_order,
    published_model,
)
from aet_port.validation.published_order import PRINTED
from aet_port.validation.published_table import Computed

TIGHT = 0.255
GAINING = "motifs of 3 to 8"  # the packing whose density gain stands in the table
WORKSPACE = "Polytetrahedral_motifs_delta_0.255.mat"
Named = Iterator[tuple[str, Computed]]


class Packed(NamedTuple):
    """One film sample with its motifs."""

    name: str
    atoms: ase.Atoms
    amorphous: NDArray[np.bool_]
    tetrahedra: Tetrahedra
    pairs: int
    motifs: Motifs
    networks: Networks


def film_packing(find: Find, name: str, pooled: list[Packed]) -> Named:
    """Figures of tetrahedra, bipyramids and networks of a film sample.

    Parameters
    ----------
    find
        Path of a file of the public data by its parts.
    name
        One of ``KEYS``.
    pooled
        List to which the sample is added with its motifs.

    Raises
    ------
    DataFileError
        If the public data are missing or hold something else.
    """
    sample = _packed(find, name)
    pooled.append(sample)
    yield from _sample(find, name, sample)


def _packed(find: Find, name: str) -> Packed:
    atoms, cutoff = published_model(find, name), CUTOFFS[name]
    amorphous = ~crystalline_atoms(atoms, published_bond_order(find, name))
    tetrahedra = find_tetrahedra(atoms, cutoff)
    pairs = face_pairs(tetrahedra.vertices)
    motifs = find_motifs(tetrahedra.vertices, pairs)
    mask = amorphous_motifs(motifs, tetrahedra, amorphous, reference_quirks=True)
    return Packed(
        name,
        atoms,
        amorphous,
        tetrahedra,
        len(pairs),
        motifs,
        find_networks(motifs, tetrahedra, PENTAGONAL, mask),
    )


def _sample(find: Find, name: str, sample: Packed) -> Named:
    key = KEYS[name]
    if name == "Ta_film":
        every, _ = delaunay(sample.atoms)
        found = (len(every), len(sample.tetrahedra), sample.pairs)
        yield "ta.tetrahedra", Computed(tuple(map(float, found)), 0, "count")
        counts = sample.motifs.counts()
        yield "ta.motifs", Computed(tuple(float(counts[k]) for k in FOLDS), 0, "count")
        half = amorphous_motifs(sample.motifs, sample.tetrahedra, sample.amorphous)
        few = tuple(float((half & (sample.motifs.fold == k)).sum()) for k in (4, 5, 6))
        yield "ta.amorphous_motifs_half", Computed(few, 0, "count")
        literal = amorphous_motifs(
            sample.motifs,
            sample.tetrahedra,
            sample.amorphous,
            reference_quirks=True,
            numbers=_numbers(find, sample),
        )
        few = tuple(float((literal & (sample.motifs.fold == k)).sum()) for k in (4, 5, 6))
        yield "ta.amorphous_motifs", Computed(few, 0, "tetrahedra numbered as deposited", True)
        largest = sample.networks
        yield "ta.largest_pbn", Computed((float(largest.size[0]),), 0, "count", True)
        why = "count"
        yield "ta.largest_pbn_atoms", Computed((float(largest.atoms[0]),), 0, why, True)
        length = float(largest.length[0]) / 10
        why = f"{PRINTED}; the paper does not say between what it measures"
        yield "ta.largest_pbn_length", Computed((length,), 0.005, why, True)
    why = "count"
    if name == "Ta_film":
        why = "the deposited workspace gives 135, 38, 35, 28, 24 too"
    five = tuple(float(size) for size in sample.networks.size[:5])
    yield f"{key}.five_pbn", Computed(five, 0, why, True)
    if name == "Ta_film":
        yield "ta.five_pbn_workspace", Computed(five, 0, "count", True)
    theta = bipyramid_geometry(sample.motifs, sample.tetrahedra).mean_theta
    yield f"{key}.theta", Computed((theta,), 0.05, PRINTED)
    cells = voronoi_analysis(sample.atoms)
    below = cells.closed & ~surface_atoms(sample.atoms)
    density = interpolated_density(
        sample.atoms, np.where(below, cells.volume, np.nan), CUTOFFS[name]
    )
    gains = density_gains(density, sample.tetrahedra, sample.motifs)
    gain = next(one.over_mean for one in gains if one.packing == GAINING)
    why = (
        f"{PRINTED}; of the {GAINING} tetrahedra over the mean of the map, for the paper does not "
        "say over what its means are taken; other packings "
        + ", ".join(f"{100 * one.over_mean:.1f}" for one in gains if one.packing != GAINING)
    )
    digit = 0.5 if name == "Ta_film" else 0.05
    yield f"{key}.density_gain", Computed((100 * gain,), digit, why)


def _numbers(find: Find, sample: Packed) -> NDArray[np.int64]:
    """Number of each tetrahedron in the deposited workspace of the Ta film, from 1."""
    file = find(FILM, "7_Data_analysis", "Input", "Ta_film", WORKSPACE)
    # The workspace orders the atoms differently, with the same single-precision positions.
    atom = {
        tuple(place): number
        for number, place in enumerate(sample.atoms.positions.astype(np.float32).tolist())
    }
    stored = read_positions(file, "model").astype(np.float32).tolist()
    order = np.array([atom[tuple(place)] for place in stored])
    rows = np.sort(order[read_array(file, "ConnectivityList").astype(np.int64) - 1], axis=1)
    known = {tuple(row): number for number, row in enumerate(rows.tolist(), start=1)}
    return np.array([known[tuple(row)] for row in sample.tetrahedra.vertices.tolist()])


def pooled_packing(samples: Sequence[Packed], of: tuple[str, ...] = ()) -> Named:
    """Figures of the film samples together.

    Parameters
    ----------
    samples
        Samples from :func:`film_packing`.
    of
        The available samples, if not all are.
    """

    def row(value: float, tolerance: float | None, why: str, quirks: bool = False) -> Computed:
        return Computed((float(value),), tolerance, why, quirks, of)

    shapes = [bipyramid_geometry(one.motifs, one.tetrahedra) for one in samples]
    number = np.array([len(shape) for shape in shapes])
    alpha = np.average([shape.alpha_over_gamma for shape in shapes], weights=number)
    beta = np.average([shape.beta_over_gamma for shape in shapes], weights=number)
    yield "all.alpha_over_gamma", row(alpha, 0.0005, PRINTED)
    yield "all.beta_over_gamma", row(beta, 0.0005, PRINTED)
    joints = [find_sharing(one.motifs, one.tetrahedra) for one in samples]
    alone = np.concatenate([one.vertex_neighbours == 0 for one in joints])
    joined = np.concatenate([one.edge_neighbours > 0 for one in joints])
    yield "all.no_vertex_sharing", row(100 * alone.mean(), 0.05, PRINTED)
    yield "all.edge_sharing", row(100 * joined.mean(), 0.05, PRINTED)
    angles = np.concatenate([one.dihedral for one in joints])
    error = angles.std() / np.sqrt(len(angles))
    why = f"{PRINTED}; standard error of the mean of {len(angles)} angles {error:.2f}"
    yield "all.dihedral", row(angles.mean(), 0.05, why)
    yield "all.n_pentagonal", row(number.sum(), 0, "count")
    covered = [
        packing_by_distortion(one.atoms, CUTOFFS[one.name], [0.2], amorphous=one.amorphous).atoms[0]
        for one in samples
    ]
    share = np.average(covered, weights=[one.amorphous.sum() for one in samples])
    yield "all.tetrahedral_atoms", row(100 * share, 0.05, PRINTED)
    icosahedra = 0
    for one in samples:
        cells = voronoi_analysis(one.atoms, reference_quirks=True)
        icosahedra += int((icosahedron_distortions(cells)[1] <= TIGHT).sum())
    yield "all.n_distorted_icosahedra_tight", row(icosahedra, 0, "count", True)
