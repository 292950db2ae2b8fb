"""The film paper's figures of polytetrahedral packing, drawn for any model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from matplotlib.axes import Axes

from aet_port.core.errors import InputError
from aet_port.figures import styles as draw
from aet_port.figures.intervals import packing_intervals
from aet_port.structure.medium_range.order import SoluteOrder
from aet_port.structure.polytetrahedral.bipyramids import FOLDS
from aet_port.structure.polytetrahedral.order import PolytetrahedralOrder
from aet_port.structure.structure_result import StructureResult

SIZE = (6.4, 4.0)  # inches
NAMES = {
    3: "triplets",
    4: "quadrilateral",
    5: "pentagonal",
    6: "hexagonal",
    7: "heptagonal",
    8: "octagonal",
}
BOND_BIN, THETA_BIN, DIHEDRAL_BIN = 0.05, 1.0, 2.0  # angstrom, degrees


def write_packing_figures(
    found: StructureResult, folder: str | Path, form: str = "png"
) -> list[Path]:
    """Write all figures for which the model has data.

    ``packing`` (motifs against distortion), ``bipyramid_bonds`` and ``theta`` (pentagonal
    bipyramids), ``dihedral`` (pairs of them), ``partial_icosahedra``, ``network_sizes``; with
    intervals ``packing_intervals``; with a solute ``shared_atoms``, ``mro_sizes`` and ``mro_pdf``.

    Parameters
    ----------
    folder, form
        As in :func:`aet_port.figures.styles.save_figures`, whose errors are raised.

    Returns
    -------
    The files written.

    Raises
    ------
    InputError
        Also for a result without ``packing``.

    Notes
    -----
    MATLAB: 7_Data_analysis/Main_3_polytetrahedral_analysis_Ta_film.m,
    Main_4_motifs_connection_and_network_Ta_film.m (the plots)
    """
    if found.packing is None:
        raise InputError("found", "a result without packing", "one of analyze() with order")
    figures = {name: (figure, SIZE) for name, figure in _figures(found, found.packing).items()}
    return draw.save_figures(figures, folder, form)


def _figures(
    found: StructureResult, packing: PolytetrahedralOrder
) -> dict[str, Callable[[Axes], None]]:
    curve, shape, filling = packing.curve, packing.geometry, packing.filling
    populations = {
        NAMES[fold]: 100 * curve.populations[:, k] for k, fold in enumerate(FOLDS) if fold <= 6
    }
    result: dict[str, Callable[[Axes], None]] = {
        "packing": partial(
            draw.curves,
            x=curve.delta,
            values={**populations, "atoms in tetrahedra": 100 * curve.atoms},
            xlabel="largest distortion of a tetrahedron",
            ylabel="tetrahedra in motifs, atoms (%)",
        )
    }
    if len(shape):
        bonds = {
            "alpha (cap to cap)": shape.alpha,
            "beta (cap to ring)": shape.beta.ravel(),
            "gamma (ring)": shape.gamma.ravel(),
        }
        result["bipyramid_bonds"] = partial(
            draw.histograms,
            values=bonds,
            width=BOND_BIN,
            xlabel="bond (angstrom)",
            ylabel="probability density (1/angstrom)",
        )
        result["theta"] = partial(
            draw.histograms,
            values={"theta": shape.theta},
            width=THETA_BIN,
            xlabel="tilt of the capping bond (degrees)",
            ylabel="probability density (1/degree)",
        )
    if len(packing.sharing.dihedral):
        result["dihedral"] = partial(
            draw.histograms,
            values={"dihedral angle": packing.sharing.dihedral},
            width=DIHEDRAL_BIN,
            xlabel="angle of edge-sharing bipyramids (degrees)",
            ylabel="probability density (1/degree)",
        )
    if filling.counts.sum():
        shares = {str(n): 100 * float(f) for n, f in enumerate(filling.fractions, start=1)}
        result["partial_icosahedra"] = partial(
            draw.bars, fractions=shares, ylabel="sites (%), by bipyramids of the icosahedron"
        )
    networks = {NAMES[fold]: n.size for fold, n in found.networks.items() if len(n)}
    if networks:
        result["network_sizes"] = partial(
            draw.sizes, values=networks, xlabel="bipyramids in a network", ylabel="networks"
        )
    if found.intervals is not None:
        names = {fold: NAMES[fold] for fold in FOLDS if fold <= 6}
        result["packing_intervals"] = partial(packing_intervals, found=found.intervals, names=names)
    if found.solutes is not None:
        result |= _solutes(found.solutes)
    return result


def _solutes(solutes: SoluteOrder) -> dict[str, Callable[[Axes], None]]:
    """Fig. 3e, 3g and 4c of the glass paper."""
    shared = solutes.shared.counts()
    total = max(sum(shared.values()), 1)
    sizes = {
        name: solutes.found.size[solutes.found.lattice == name] for name in solutes.found.types
    }
    curves = {
        name: curve.density for name, curve in solutes.distributions.items() if curve.density.any()
    }
    result: dict[str, Callable[[Axes], None]] = {
        "shared_atoms": partial(
            draw.bars,
            fractions={str(k): 100 * n / total for k, n in shared.items()},
            ylabel="pairs of clusters (%), by atoms shared",
        ),
        "mro_sizes": partial(
            draw.sizes,
            values={name: size for name, size in sizes.items() if len(size)},
            xlabel="solute centres in a network",
            ylabel="networks",
        ),
    }
    if curves:
        result["mro_pdf"] = partial(
            draw.curves,
            x=next(iter(solutes.distributions.values())).r,
            values=curves,
            xlabel="distance of centres (angstrom)",
            ylabel="centres per cubic angstrom",
        )
    return result
