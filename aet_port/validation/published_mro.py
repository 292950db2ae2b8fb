"""Medium-range order of the published glass particle, beside what the paper states."""

from __future__ import annotations

import ase
import numpy as np

from aet_port.io.matlab import read_variables
from aet_port.structure.mro import LEAST, MediumRangeOrder, find_mro
from aet_port.structure.mro_search import TYPES
from aet_port.structure.nuclei import crystalline_atoms
from aet_port.structure.solute_clusters import (
    centre_distribution,
    network_extents,
    solute_centres,
)
from aet_port.validation.published_models import (
    CUTOFFS,
    GLASS,
    SAMPLE_GLASS,
    Find,
    published_model,
    published_order,
)
from aet_port.validation.report import Computed

SOLUTE = 3  # type of the solutes
LISTED = ("sc", "bcc", "fcc", "hcp")  # types of the published list, from 1


def mro_rows(find: Find, *, progress: bool = False) -> dict[str, Computed]:
    """Figures of the medium-range order; the search takes a minute or more.

    Parameters
    ----------
    find
        Path of a file of the public data by its parts.
    progress
        Whether to report on standard error.

    Raises
    ------
    DataFileError
        If the public data are missing or hold something else.
    """
    atoms = published_model(find, SAMPLE_GLASS)
    crystalline = crystalline_atoms(atoms, published_order(find, SAMPLE_GLASS), scattered=False)
    chosen = np.flatnonzero(~crystalline & (atoms.arrays["type"] == SOLUTE))
    part = atoms[chosen]
    found = find_mro(part, reference_quirks=True, show_progress=progress)
    counts = found.counts()
    peaks = tuple(centre_distribution(part, found, name).peak for name in TYPES)
    length, volume = network_extents(atoms, chosen, found, CUTOFFS[SAMPLE_GLASS])
    why = "with the first shell around the centres; the paper does not say how it measured"
    return {
        "mg.mro_networks": Computed((float(_unlike(find, found)),), 0, "whole networks", True),
        "mg.ico_mro_075": _icosahedral(part, 0.75),
        "mg.ico_mro_100": _icosahedral(part, 1.0),
        "mg.solute_centres": Computed((int(solute_centres(part).sum()),), 0, "count"),
        "mg.n_mro": Computed(tuple(float(counts[name]) for name in TYPES), 0, "count", True),
        "mg.mro_pdf_peak": Computed(peaks, 0.05, "position of a smoothed maximum", True),
        "mg.mro_length": Computed(_means(found, length / 10), None, why, True),
        "mg.mro_volume": Computed(_means(found, volume / 1000), None, why, True),
    }


def _means(found: MediumRangeOrder, values: np.ndarray) -> tuple[float, ...]:
    """Mean over the networks of five and more centres of each lattice."""
    large = found.size >= LEAST
    return tuple(float(values[large & (found.lattice == name)].mean()) for name in TYPES)


def _unlike(find: Find, found: MediumRangeOrder) -> int:
    """Networks that differ from the published list in place, type or atoms."""
    file = find(GLASS, "8_Data_analysis_mro", "output", "mro_list_amorphous_region_075.mat")
    listed = read_variables(file)["network_grid"].ravel()
    alike = 0
    for network, expected in zip(found.networks, listed, strict=False):
        atoms = expected["idxs"].ravel().astype(np.int64) - 1
        same = network.lattice == LISTED[int(expected["type"].item()) - 1]
        alike += same and np.array_equal(network.atoms, atoms)
    return max(len(found), len(listed)) - alike


def _icosahedral(part: ase.Atoms, cutoff: float) -> Computed:
    """Mean and largest size of icosahedral networks of three and more centres."""
    size = find_mro(part, cutoff=cutoff, types=("icosahedral",), reference_quirks=True).size
    why = "mean over networks of three and more, our inference"
    return Computed((float(size[size >= 3].mean()), float(size.max())), 0.1, why, True)
