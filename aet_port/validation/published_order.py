"""Short-range order of the published models, compared with the papers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.records import read_npz
from aet_port.io.matlab import read_array, read_per_atom
from aet_port.structure.bonds.nuclei import crystalline_atoms, interface_width, surface_distance
from aet_port.structure.bonds.orientational import BondOrder, bond_order
from aet_port.structure.bonds.warren_cowley import chemical_order
from aet_port.structure.medium_range.clusters import solute_centres
from aet_port.structure.pairs.pair_counting import group_pair_counts, reference_frame
from aet_port.structure.pairs.partial_pdf import ALL, partial_pair_distribution
from aet_port.structure.pairs.peaks import bond_length, pdf_peaks
from aet_port.structure.pairs.shell_volume import shell_counts, sphere_directions
from aet_port.structure.short_range import surface_atoms
from aet_port.structure.voronoi.alpha_shapes import alpha_shape
from aet_port.structure.voronoi.analysis import Voronoi, voronoi_analysis
from aet_port.validation.published_models import (
    CUTOFFS,
    KEYS,
    SAMPLE_GLASS,
    SRO,
    Find,
    published_bond_order,
    published_model,
)
from aet_port.validation.published_table import Computed

Named = Iterator[tuple[str, Computed]]
Cells = tuple[Voronoi, NDArray[np.bool_]]
ROUNDING = "rounding of the arithmetic"
PRINTED = "printed digits"
SOLUTE = 3  # type of the solutes
FAST, EXACT = 162, 10_242  # directions
# Tetrahedra in the vertex order of Qhull 2015.2, on which the published rows depend.
VERTEX_ORDER = "mg_voronoi_vertex_order_qhull2015.npz"
# Of the deposited distribution of the disordered atoms, angstrom.
HALF_BIN = 0.025
BINNED = "half a bin of the deposited distribution; the papers do not say how peaks are fitted"
LAYER, REACH = 1.0, 20.0  # angstrom: thickness of a layer around the nuclei, and the last one
SHELL_STEPS = {"rdf_all_atoms.mat": 0.1, "rdf_amorphous_region.mat": 0.05}


def glass_order(find: Find, golden: Callable[[str], Path], exact: bool) -> Named:
    """Figures of the glass particle's short-range order.

    Parameters
    ----------
    find
        Path of a file of the public data by its parts.
    golden
        Path of a golden file by its name.
    exact
        Whether to sample the shells also in all 10,242 directions (a minute or more).

    Raises
    ------
    DataFileError
        If the public data are missing or hold something else.
    """
    atoms = published_model(find, SAMPLE_GLASS)
    types = atoms.arrays["type"]
    yield "mg.n_atoms", Computed((len(atoms),), 0, "count")
    for k in (1, 2, 3):
        yield f"mg.n_type{k}", Computed((int((types == k).sum()),), 0, "count")
    order = bond_order(atoms, CUTOFFS[SAMPLE_GLASS], reference_quirks=True)
    deposited = {
        name: read_per_atom(
            find(*SRO, "output", "boo_q4q6_amorphous_region.mat"), f"boo_{name}_full"
        )
        for name in ("Q4", "Q6")
    }
    gaps = (
        np.abs(order.q4 - deposited["Q4"]).max(),
        np.abs(order.q6 - deposited["Q6"]).max(),
        np.abs(order.normalised - published_bond_order(find, SAMPLE_GLASS)).max(),
    )
    yield "mg.boo_arrays", Computed(tuple(map(float, gaps)), 1e-12, ROUNDING, True)
    crystalline = crystalline_atoms(atoms, order.normalised, scattered=False)
    disordered = ~crystalline
    share = 100 * float(disordered.mean())
    yield "mg.disordered", Computed((share,), 0.005, PRINTED)
    yield "mg.nuclei", Computed((100 - share,), 0.005, PRINTED)
    yield from _interface("mg", atoms, order, crystalline, CUTOFFS[SAMPLE_GLASS])
    centres = solute_centres(atoms[disordered & (types == SOLUTE)])
    yield "mg.solute_centres", Computed((int(centres.sum()),), 0, "count")
    share = 100 * float(centres.sum() / (types == SOLUTE).sum())
    yield "mg.type3_second_shell", Computed((share,), 0.005, PRINTED)
    yield from _glass_pdf(find, atoms, disordered, exact)
    yield from _glass_voronoi(find, golden, atoms, disordered)


def _glass_pdf(find: Find, atoms: ase.Atoms, disordered: NDArray[np.bool_], exact: bool) -> Named:
    types = atoms.arrays["type"]
    bins, errors, differing = [], [], []
    for name, step in SHELL_STEPS.items():
        chosen = disordered if "amorphous" in name else np.ones(len(atoms), dtype=bool)
        part, file = atoms[chosen], find(*SRO, "output", name)
        pairs = group_pair_counts(part, types[chosen], 20.0, step, reference_quirks=True)
        partial = read_array(file, "pdf_arr").transpose(1, 2, 0)
        total = read_array(file, "rdf_arr").ravel()
        unequal = (pairs != partial).any(axis=(0, 1)) | (pairs.sum(axis=(0, 1)) != total)
        bins.append(float(unequal.sum()))
        shape = alpha_shape(reference_frame(part), 4.0)
        volumes = read_array(file, "volume_arr").ravel()
        edges = np.arange(len(volumes) + 1) * step
        shares = volumes / (4 / 3 * np.pi * (edges[1:] ** 3 - edges[:-1] ** 3))
        rays = sphere_directions(FAST)
        found = shell_counts(shape, shape.points, step, len(volumes), rays)[:, 0]
        errors.append(float(np.abs(found / len(rays) / shares - 1).max()))
        if exact:
            rays = sphere_directions(EXACT)
            found = shell_counts(shape, shape.points, step, len(volumes), rays)[:, 0]
            differing.append(float((found != np.round(shares * len(rays))).sum()))
    yield "mg.pair_bins", Computed(tuple(bins), 0, "whole numbers", True)
    yield "mg.shell_error", Computed(tuple(errors), 1e-3, f"{FAST} directions instead of {EXACT}")
    if exact:
        yield "mg.shell_bins", Computed(tuple(differing), 0, "whole numbers", True)
    pdf = partial_pair_distribution(atoms[disordered], groups=types[disordered], directions=FAST)
    peaks = pdf_peaks(pdf.r, pdf.g[ALL])
    yield "mg.pdf_peaks", Computed(tuple(map(float, peaks.peaks)), HALF_BIN, BINNED)
    minima = (peaks.first_minimum, peaks.second_minimum)
    yield "mg.pdf_minima", Computed(minima, HALF_BIN, BINNED)
    lengths = [bond_length(pdf.r, g) for pair, g in pdf.g.items() if pair != ALL]
    yield "mg.bond_lengths", Computed(tuple(lengths), HALF_BIN, BINNED)
    second = pdf_peaks(pdf.r, pdf.g["3", "3"]).second_peak
    yield "mg.second_peak_33", Computed((second,), HALF_BIN, BINNED)


def _glass_voronoi(
    find: Find, golden: Callable[[str], Path], atoms: ase.Atoms, disordered: NDArray[np.bool_]
) -> Named:
    deposited = read_array(
        find(*SRO, "output", "voronoi_index_amorphous_region.mat"), "voro_ind_atoms"
    )[:, 2:]
    vertices = read_npz(golden(VERTEX_ORDER), "tets")["tets"]
    cells = voronoi_analysis(atoms, reference_quirks=True, vertex_order=vertices)
    yield "mg.voronoi_rows", Computed((_unlike(cells, deposited),), 0, "whole numbers", True)
    others = (voronoi_analysis(atoms, reference_quirks=True), voronoi_analysis(atoms))
    equal = [100 * (1 - _unlike(one, deposited) / len(atoms)) for one in others]
    yield (
        "mg.voronoi_rows_today",
        Computed(tuple(equal), None, "areas of five-edged faces depend on the order of vertices"),
    )
    correct = others[1]
    faces = 100 * cells.face_fractions(disordered)
    own = ", ".join(f"{100 * share:.2f}" for share in correct.face_fractions(disordered))
    yield (
        "mg.face_fractions",
        Computed(tuple(map(float, faces)), 0.005, f"{PRINTED}; with correct areas {own} %", True),
    )
    ranking = [100 * share for _, _, share in cells.ranking(disordered)]
    yield "mg.voronoi_top", Computed((ranking[0], ranking[9]), 0.005, PRINTED, True)
    icosahedra = 100 * cells.distorted_icosahedra(disordered)
    own = f"{100 * correct.distorted_icosahedra(disordered):.2f}"
    yield (
        "mg.distorted_icosahedra",
        Computed((icosahedra,), 0.005, f"{PRINTED}; with correct areas {own} %", True),
    )
    inner = disordered & ~surface_atoms(atoms)
    chemistry = chemical_order(atoms.arrays["type"], cells, inner, of_centres=True)
    yield "mg.mean_cn", Computed(tuple(map(float, chemistry.coordination)), 0.005, PRINTED, True)
    shares = tuple(float(100 * share) for share in chemistry.fraction)
    yield "mg.type_fractions_bulk", Computed(shares, 0.005, PRINTED, True)
    parameters = tuple(float(value) for value in chemistry.warren_cowley.ravel())
    yield "mg.warren_cowley", Computed(parameters, 0.005, PRINTED, True)


def _unlike(cells: Voronoi, deposited: NDArray[np.float64]) -> float:
    """Number of atoms whose index differs; the reference stores zeros if a cell is open."""
    rows = np.where(cells.closed[:, None], cells.indices, 0)
    return float((rows != deposited).any(axis=1).sum())


def film_order(find: Find, name: str, pooled: list[Cells]) -> Named:
    """Figures of the short-range order of a film sample.

    Parameters
    ----------
    find
        Path of a file of the public data by its parts.
    name
        One of ``KEYS``.
    pooled
        List to which the sample's Voronoi cells are added, with masks of disordered and inner
        atoms.

    Raises
    ------
    DataFileError
        If the public data are missing or hold something else.
    """
    key, cutoff = KEYS[name], CUTOFFS[name]
    atoms = published_model(find, name)
    yield f"{key}.n_atoms", Computed((len(atoms),), 0, "count")
    order = bond_order(atoms, cutoff, reference_quirks=True)
    gap = float(np.abs(order.normalised - published_bond_order(find, name)).max())
    bar, why = (5e-7, "deposited in single precision") if name == "Ta_film" else (1e-12, ROUNDING)
    yield f"{key}.boo_array", Computed((gap,), bar, why, True)
    crystalline = crystalline_atoms(atoms, order.normalised)
    disordered = ~crystalline
    yield f"{key}.n_disordered", Computed((int(disordered.sum()),), 0, "count", True)
    share = 100 * float(crystalline.mean())
    yield f"{key}.nuclei_fraction", Computed((share,), 0.05, PRINTED, True)
    pdf = partial_pair_distribution(atoms[disordered], r_max=9.0, directions=FAST)
    valley = pdf_peaks(pdf.r, pdf.g[ALL]).first_minimum
    why = "the minimum is flat; half a bin of ours is 0.05 angstrom"
    yield f"{key}.first_shell", Computed((valley,), 0.03, why)
    yield from _interface(key, atoms, order, crystalline, cutoff)
    cells = voronoi_analysis(atoms, reference_quirks=True)
    inner = disordered & ~surface_atoms(atoms)
    pooled.append((cells, inner))
    number = cells.mean_coordination(inner)
    mean = voronoi_analysis(atoms).mean_coordination(inner)
    why = f"{PRINTED}; with correct areas {mean:.2f}"
    yield f"{key}.mean_cn", Computed((number,), 0.05, why, True)


def _interface(
    key: str, atoms: ase.Atoms, order: BondOrder, crystalline: NDArray[np.bool_], cutoff: float
) -> Named:
    """Width from the mean order in layers around the nuclei, without surface atoms."""
    distance = surface_distance(atoms, crystalline, cutoff)
    used = (distance >= 0) & (distance < REACH) & ~surface_atoms(atoms)
    used &= np.isfinite(order.normalised)
    layer = (distance[used] / LAYER).astype(np.int64)
    number = np.bincount(layer)
    filled = number > 0
    means = [
        np.bincount(layer, values[used])[filled] / number[filled]
        for values in (order.normalised, distance)
    ]
    width = interface_width(means[0], means[1], reach=REACH).width
    each = interface_width(order.normalised, distance).width
    why = f"{PRINTED}; a fit to every atom up to 15 angstrom gives {each:.2f}"
    # The glass paper prints two decimals, the film paper one.
    yield f"{key}.interface_width", Computed((width,), 0.005 if key == "mg" else 0.05, why)


def pooled_order(cells: Sequence[Cells], of: tuple[str, ...] = ()) -> Named:
    """Figures of the film samples together.

    Parameters
    ----------
    cells
        Cells from :func:`film_order` for each sample.
    of
        The available samples, if not all are.
    """
    why = f"{PRINTED}; with today's order of Voronoi vertices"
    faces = np.sum([one.indices[one.chosen(mask)].sum(axis=0) for one, mask in cells], axis=0)
    share = float(100 * faces[2] / faces.sum())
    yield "all.five_edged_faces", Computed((share,), 0.05, why, True, of)
    atoms = sum(int(mask.sum()) for _, mask in cells)
    found = sum(one.distorted_icosahedra(mask) * mask.sum() for one, mask in cells)
    yield "all.distorted_icosahedra", Computed((float(100 * found / atoms),), 0.05, why, True, of)
