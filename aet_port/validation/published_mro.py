"""Medium-range order of the published glass particle, compared with the paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.records import read_npz
from aet_port.io.matlab import read_variables
from aet_port.structure.bonds.nuclei import crystalline_atoms
from aet_port.structure.medium_range.assignment import Network
from aet_port.structure.medium_range.cells import network_cells
from aet_port.structure.medium_range.clusters import centre_distribution
from aet_port.structure.medium_range.correction import LEAST, MediumRangeOrder, find_mro
from aet_port.structure.medium_range.search import CUTOFF, TYPES
from aet_port.structure.voronoi.analysis import voronoi_analysis
from aet_port.validation.published_models import (
    GLASS,
    SAMPLE_GLASS,
    Find,
    published_bond_order,
    published_model,
)
from aet_port.validation.published_order import PRINTED, SOLUTE, VERTEX_ORDER
from aet_port.validation.published_table import Computed

Named = Iterator[tuple[str, Computed]]
LISTED = ("sc", "bcc", "fcc", "hcp")  # types of the published list, from 1


def deposited_mro(find: Find, golden: Callable[[str], Path]) -> Named:
    """Figures of the deposited networks, which :func:`searched_mro` finds too.

    Parameters
    ----------
    find
        Path of a file of the public data by its parts.
    golden
        Path of a golden file by its name.

    Raises
    ------
    DataFileError
        If the public data are missing or hold something else.
    """
    atoms, chosen = _solutes(find)
    part = atoms[chosen]
    found = _deposited(find, part)
    peaks = tuple(centre_distribution(part, found, name).peak for name in TYPES)
    yield "mg.mro_pdf_peak", Computed(peaks, 0.005, PRINTED, True)
    vertices = read_npz(golden(VERTEX_ORDER), "tets")["tets"]
    cells = voronoi_analysis(atoms, reference_quirks=True, vertex_order=vertices)
    length, volume = network_cells(atoms, chosen, found, cells)
    lengths = _means(found, length / 10)
    spread = ", ".join(f"{value:.2f}" for value in _spreads(found, length / 10))
    why = (
        f"{PRINTED}; standard deviations {spread}: those of bcc and sc are printed, like the "
        "lengths, in the other order; what is in the wrong place, theirs or ours, is not known"
    )
    yield "mg.mro_length", Computed(lengths, 0.005, why, True)
    yield "mg.mro_volume", Computed(_means(found, volume / 1000), 0.005, PRINTED, True)
    yield "mg.ico_mro_075", _icosahedral(part, 0.75)


def searched_mro(find: Find, *, progress: bool = False) -> Named:
    """Figures of the search for networks, which takes minutes.

    Parameters
    ----------
    find
        Path of a file of the public data by its parts.
    progress
        Whether to report progress on standard error.

    Raises
    ------
    DataFileError
        If the public data are missing or hold something else.
    """
    atoms, chosen = _solutes(find)
    part = atoms[chosen]
    found = find_mro(part, reference_quirks=True, show_progress=progress)
    counts = found.counts()
    yield "mg.n_mro", Computed(tuple(float(counts[name]) for name in TYPES), 0, "count", True)
    unlike = float(_unlike(_listed(find), found))
    yield "mg.mro_networks", Computed((unlike,), 0, "whole networks", True)
    yield "mg.ico_mro_100", _icosahedral(part, 1.0)


def deposited_networks(find: Find) -> tuple[ase.Atoms, MediumRangeOrder]:
    """The deposited networks, and the amorphous solute atoms that they are made of.

    Parameters
    ----------
    find
        Path of a file of the public data by its parts.

    Raises
    ------
    DataFileError
        If the public data are missing or hold something else.
    """
    atoms, chosen = _solutes(find)
    part = atoms[chosen]
    return part, _deposited(find, part)


def _solutes(find: Find) -> tuple[ase.Atoms, NDArray[np.int64]]:
    """The glass, and its amorphous solute atoms."""
    atoms = published_model(find, SAMPLE_GLASS)
    order = published_bond_order(find, SAMPLE_GLASS)
    crystalline = crystalline_atoms(atoms, order, scattered=False)
    return atoms, np.flatnonzero(~crystalline & (atoms.arrays["type"] == SOLUTE))


def _listed(find: Find) -> list[dict[str, Any]]:
    file = find(GLASS, "8_Data_analysis_mro", "output", "mro_list_amorphous_region_075.mat")
    return list(read_variables(file)["network_grid"].ravel())


def _atoms(listed: dict[str, Any]) -> NDArray[np.int64]:
    return np.asarray(listed["idxs"]).ravel().astype(np.int64) - 1


def _lattice(listed: dict[str, Any]) -> str:
    return LISTED[int(listed["type"].item()) - 1]


def _deposited(find: Find, part: ase.Atoms) -> MediumRangeOrder:
    """The deposited networks, with only their lattices and atoms."""
    networks = []
    for listed in _listed(find):
        members = _atoms(listed)
        none = np.full(len(members), np.nan)
        networks.append(
            Network(
                lattice=_lattice(listed),
                root=int(members[0]),
                atoms=members,
                positions=part.positions[members],
                sites=np.full((len(members), 3), np.nan),
                shift=none,
                search_parameters=np.full(5, np.nan),
                lattice_constant=np.nan,
                orientation=np.full((3, 3), np.nan),
                rms=np.nan,
            )
        )
    return MediumRangeOrder(tuple(networks), len(part), CUTOFF, TYPES, True)


def _large(found: MediumRangeOrder, name: str) -> NDArray[np.bool_]:
    return (found.size >= LEAST) & (found.lattice == name)


def _means(found: MediumRangeOrder, values: NDArray[np.float64]) -> tuple[float, ...]:
    """Mean over the networks of five or more centres of each lattice."""
    return tuple(float(values[_large(found, name)].mean()) for name in TYPES)


def _spreads(found: MediumRangeOrder, values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(values[_large(found, name)].std(ddof=1)) for name in TYPES)


def _unlike(listed: list[dict[str, Any]], found: MediumRangeOrder) -> int:
    """Networks that differ from the published list in place, type or atoms."""
    alike = sum(
        network.lattice == _lattice(expected) and np.array_equal(network.atoms, _atoms(expected))
        for network, expected in zip(found.networks, listed, strict=False)
    )
    return max(len(found), len(listed)) - alike


def _icosahedral(part: ase.Atoms, cutoff: float) -> Computed:
    """Mean and largest size of icosahedral networks of three or more centres."""
    size = find_mro(part, cutoff=cutoff, types=("icosahedral",), reference_quirks=True).size
    return Computed((float(size[size >= 3].mean()), float(size.max())), 0.05, PRINTED, True)
