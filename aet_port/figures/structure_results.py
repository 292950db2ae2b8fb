"""Single plots of structure results on Matplotlib axes.

These functions are the ``plot`` methods of the results.
"""

from __future__ import annotations

from matplotlib.axes import Axes

from aet_port.core.errors import InputError
from aet_port.figures import styles as draw
from aet_port.figures.images import new_axes
from aet_port.figures.packing import NAMES, THETA_BIN
from aet_port.structure.bonds.angles import BondAngles
from aet_port.structure.bonds.orientational import SHELLS, BondOrder, lattice_order
from aet_port.structure.pairs.diffraction import DiffractionPdf
from aet_port.structure.pairs.partial_pdf import ALL, PartialPdf
from aet_port.structure.pairs.pdf import PairDistribution
from aet_port.structure.pairs.structure_factors import StructureFactor
from aet_port.structure.polytetrahedral.bipyramid_shapes import BipyramidGeometry
from aet_port.structure.polytetrahedral.bipyramids import FOLDS, Motifs
from aet_port.structure.polytetrahedral.networks import Networks
from aet_port.structure.polytetrahedral.packing import PackingCurve
from aet_port.structure.structure_result import StructureResult
from aet_port.structure.voronoi.analysis import Voronoi

TOP = 10  # number of Voronoi indices shown


def plot_structure(found: StructureResult, ax: Axes | None = None) -> Axes:
    """Pair distribution of all atoms, with the cut-off of the analysis marked.

    Parameters
    ----------
    found
        The result of :func:`aet_port.analyze`.
    ax
        Axes to draw on; those of a new figure unless given.

    Returns
    -------
    The axes.
    """
    axes = new_axes(ax)
    marks = {f"cut-off {found.cutoff:g}": found.cutoff}
    draw.pair_distributions(axes, found.pdf.r, {"all atoms": found.pdf.g}, marks)
    return axes


def plot_pair_distribution(found: PairDistribution, ax: Axes | None = None) -> Axes:
    """g(r) against r in angstrom.

    Parameters
    ----------
    found
        The pair distribution.
    ax
        Axes to draw on; those of a new figure unless given.

    Returns
    -------
    The axes.
    """
    axes = new_axes(ax)
    draw.pair_distributions(axes, found.r, {"all atoms": found.g})
    return axes


def plot_partial_pdf(found: PartialPdf, ax: Axes | None = None) -> Axes:
    """g(r) of all atoms and of each pair of groups, against r in angstrom.

    Parameters
    ----------
    found
        The pair distributions.
    ax
        Axes to draw on; those of a new figure unless given.

    Returns
    -------
    The axes.
    """
    axes = new_axes(ax)
    curves = {"all atoms" if pair == ALL else "-".join(pair): g for pair, g in found.g.items()}
    if len(found.labels) == 1:  # the only pair is all atoms
        curves = {"all atoms": found.g[ALL]}
    draw.pair_distributions(axes, found.r, curves)
    return axes


def plot_diffraction(found: DiffractionPdf, ax: Axes | None = None) -> Axes:
    """g(r) of a diffraction intensity against r in angstrom.

    Parameters
    ----------
    found
        The pair distribution.
    ax
        Axes to draw on; those of a new figure unless given.

    Returns
    -------
    The axes.
    """
    axes = new_axes(ax)
    draw.pair_distributions(axes, found.r, {"diffraction": found.g})
    return axes


def plot_structure_factor(found: StructureFactor, ax: Axes | None = None) -> Axes:
    """S(q), total and, where there are several species, partial, against q in 1/angstrom.

    Parameters
    ----------
    found
        The structure factor.
    ax
        Axes to draw on; those of a new figure unless given.

    Returns
    -------
    The axes.
    """
    axes = new_axes(ax)
    axes.plot(found.q, found.s, color="black", label="total")
    if len(found.partial) > 1:
        for pair, s in found.partial.items():
            axes.plot(found.q, s, linewidth=1, label="-".join(pair))
    axes.set(xlabel="q (1/angstrom)", ylabel="S(q)")
    axes.legend(frameon=False, fontsize=8)
    return axes


def plot_bond_order(found: BondOrder, ax: Axes | None = None) -> Axes:
    """Histogram of Q4 and Q6 with the perfect lattices and the crystalline threshold.

    Parameters
    ----------
    found
        The bond-orientational order.
    ax
        Axes to draw on; those of a new figure unless given.

    Returns
    -------
    The axes.
    """
    axes = new_axes(ax)
    draw.bond_order_map(axes, found.q4, found.q6, {name: lattice_order(name) for name in SHELLS})
    return axes


def plot_bond_angles(found: BondAngles, ax: Axes | None = None) -> Axes:
    """Probability density of the bond angle in degrees.

    Parameters
    ----------
    found
        The bond angles.
    ax
        Axes to draw on; those of a new figure unless given.

    Returns
    -------
    The axes.
    """
    axes = new_axes(ax)
    draw.bond_angles(axes, found.angle, found.density)
    return axes


def plot_voronoi(found: Voronoi, ax: Axes | None = None) -> Axes:
    """Fractions of the ten most frequent Voronoi indices.

    Parameters
    ----------
    found
        The Voronoi cells.
    ax
        Axes to draw on; those of a new figure unless given.

    Returns
    -------
    The axes.

    Raises
    ------
    InputError
        If no cell is closed.
    """
    top = {
        "<" + ",".join(map(str, index)) + ">": 100 * share
        for index, _, share in found.ranking()[:TOP]
    }
    if not top:
        raise InputError("Voronoi cells", "no closed cell", "at least one")
    axes = new_axes(ax)
    draw.bars(axes, top, "atoms (%)")
    axes.set_xlabel("Voronoi index")
    return axes


def plot_motifs(found: Motifs, ax: Axes | None = None) -> Axes:
    """Number of motifs of 3 to 8 tetrahedra.

    Parameters
    ----------
    found
        The motifs.
    ax
        Axes to draw on; those of a new figure unless given.

    Returns
    -------
    The axes.
    """
    axes = new_axes(ax)
    draw.bars(axes, {NAMES[fold]: number for fold, number in found.counts().items()}, "motifs")
    axes.set_xlabel("kind of motif")
    return axes


def plot_networks(found: Networks, ax: Axes | None = None) -> Axes:
    """Number of networks of each size, on logarithmic axes.

    Parameters
    ----------
    found
        The networks.
    ax
        Axes to draw on; those of a new figure unless given.

    Returns
    -------
    The axes.
    """
    axes = new_axes(ax)
    label = "triplets" if found.fold == 3 else "bipyramids"
    draw.sizes(axes, {NAMES[found.fold]: found.size}, f"{label} in a network", "networks")
    return axes


def plot_bipyramids(found: BipyramidGeometry, ax: Axes | None = None) -> Axes:
    """Distribution of the tilt of the capping bond in degrees.

    Parameters
    ----------
    found
        The bipyramids.
    ax
        Axes to draw on; those of a new figure unless given.

    Returns
    -------
    The axes.

    Raises
    ------
    InputError
        If there are none.
    """
    if not len(found):
        raise InputError("bipyramids", "none", "at least one")
    axes = new_axes(ax)
    xlabel = "tilt of the capping bond (degrees)"
    ylabel = "probability density (1/degree)"
    draw.histograms(axes, {NAMES[found.fold]: found.theta}, THETA_BIN, xlabel, ylabel)
    return axes


def plot_packing_curve(found: PackingCurve, ax: Axes | None = None) -> Axes:
    """Fraction of the tetrahedra in each kind of motif, against the allowed distortion.

    Parameters
    ----------
    found
        The curve.
    ax
        Axes to draw on; those of a new figure unless given.

    Returns
    -------
    The axes.
    """
    axes = new_axes(ax)
    curves = {NAMES[fold]: 100 * found.populations[:, k] for k, fold in enumerate(FOLDS)}
    xlabel = "largest distortion of a tetrahedron"
    draw.curves(axes, found.delta, curves, xlabel, "tetrahedra in motifs (%)")
    return axes
