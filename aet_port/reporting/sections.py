"""The sections of a report, each from plain data to HTML."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np
from numpy.typing import NDArray

from aet_port.figures.packing import NAMES
from aet_port.reporting import page as show
from aet_port.reporting.charts import convergence_charts, index_name, picture, structure_charts
from aet_port.reporting.content import Projections, ReportContent, Structure
from aet_port.reporting.networks import network_view
from aet_port.reporting.page import Section
from aet_port.reporting.views import atoms_view

TILTS = 6  # projections shown
LARGEST = 10  # networks in a table
NANOMETRE = 10.0  # angstrom


def sections(content: ReportContent) -> list[Section]:
    """All sections in order; what there is nothing for holds a line that says why.

    MATLAB: none
    """
    made = [
        Section("sample", "Sample and model", show.facts(content.metadata)),
        Section("agreement", "R factors and convergence", _agreement(content)),
        Section("projections", "Projections", _projections(content)),
        Section("slices", "Slices of the volume", _slices(content)),
        Section(
            "atoms", "Atoms", show.view("atoms-view", atoms_view(content.atoms, content.structure))
        ),
    ]
    if content.structure is None:
        why = content.missing.get("structure", "no structure analysis")
        made.append(Section("structure", "Structure", show.missing(why)))
    else:
        made += _structure(content, content.structure)
    parts = [show.table(one.columns, one.rows, one.caption) for one in content.provenance]
    if content.settings:
        parts.append("<h3>Settings</h3><pre>" + escape(content.settings) + "</pre>")
    return [*made, Section("provenance", "Provenance", "".join(parts))]


def _agreement(content: ReportContent) -> str:
    parts = [show.facts(content.agreement)]
    if content.convergence is not None:
        charts = convergence_charts(content.convergence)
        words = {
            "history": "R1 of the reconstruction by iteration, mean over the projections",
            "tilts": "R1 of each projection by its tilt angle",
        }
        parts.append(_row(charts, words))
    why = content.missing.get("convergence")
    return "".join(parts) + ("" if why is None else show.missing(why))


def _row(charts: Mapping[str, str], captions: Mapping[str, str]) -> str:
    figures = [show.chart(charts[name], text) for name, text in captions.items() if name in charts]
    return f'<div class="row">{"".join(figures)}</div>' if figures else ""


def _projections(content: ReportContent) -> str:
    found = content.projections
    if found is None:
        return show.missing(content.missing.get("projections", "no projections"))
    order = np.argsort(found.tilt, kind="stable")
    places = np.linspace(0, len(order) - 1, min(TILTS, len(order))).round().astype(int)
    chosen = np.unique(np.append(order[places], np.argmin(np.abs(found.tilt))))
    chosen = chosen[np.argsort(found.tilt[chosen], kind="stable")]
    measured = found.measured[chosen]
    top = float(np.percentile(measured, 99.7))
    wide = NANOMETRE / (found.pixel_size * measured.shape[1])
    if found.calculated is None:
        figures = [
            show.picture(picture(image, 0.0, top), f"measured, {_degrees(tilt)}", wide)
            for image, tilt in zip(measured, found.tilt[chosen], strict=True)
        ]
        return f'<div class="trio">{"".join(figures)}</div>' + show.missing(found.note)
    calculated = found.calculated[chosen]
    reach = float(np.percentile(np.abs(calculated - measured), 99.7))
    figures = []
    for one, tilt, image in zip(measured, found.tilt[chosen], calculated, strict=True):
        degrees = _degrees(tilt)
        figures += [
            show.picture(picture(one, 0.0, top), f"measured, {degrees}", wide),
            show.picture(picture(image, 0.0, top), f"calculated, {degrees}", wide),
            show.picture(picture(image - one, -reach, reach, "RdBu_r"), "difference", wide),
        ]
    return f'<div class="trio">{"".join(figures)}</div>' + show.note(_scales(found, reach, top))


def _scales(found: Projections, reach: float, top: float) -> str:
    share = 100 * reach / top if top > 0 else float("nan")
    return (
        f"{found.note} The difference is calculated less measured, on a scale of ± {share:.0f} % "
        "of that of the images: red where too much was calculated. Bars: 1 nm."
    )


def _degrees(tilt: float) -> str:
    return f"{tilt:.1f}°".replace("-0.0", "0.0")


def _slices(content: ReportContent) -> str:
    volume = content.volume
    if volume is None:
        return show.missing(content.missing.get("volume", "no volume"))
    places = volume.to_voxels(content.atoms.positions)
    # Where the atoms are: a film fills only a part of its volume.
    low, middle, high = np.quantile(places, [0.15, 0.5, 0.85], axis=0)
    planes = [(2, low[2]), (2, middle[2]), (2, high[2]), (1, middle[1]), (0, middle[0])]
    array = volume.array
    top = max(float(np.percentile(array[array > 0], 99.5)) if (array > 0).any() else 1.0, 1e-30)
    figures = []
    for axis, place in planes:
        number = int(np.clip(round(float(place)), 0, volume.shape[axis] - 1))
        image: NDArray = np.take(array, number, axis=axis)
        origin = 0.0 if volume.origin is None else float(volume.origin[axis])
        height = origin + number * volume.voxel_size
        across = "xyz".replace("xyz"[axis], "")
        text = f"{across} plane at {'xyz'[axis]} = {height:.1f} Å".replace("= -0.0", "= 0.0")
        wide = NANOMETRE / (volume.voxel_size * image.shape[0])
        figures.append(show.picture(picture(image, 0.0, top, "inferno"), text, wide))
    about = (
        f"{' x '.join(map(str, volume.shape))} voxels of {volume.voxel_size:.4g} Å; the first axis "
        "runs to the right, the second up. Bars: 1 nm."
    )
    return f'<div class="trio">{"".join(figures)}</div>' + show.note(about)


def _structure(content: ReportContent, found: Structure) -> list[Section]:
    charts = structure_charts(found)
    no_order = "the analysis holds no short-range order"
    no_cell = "no disordered atom below the surface has a closed cell"
    distributions = {
        "pdf": "Pair distribution function of all atoms",
        "partial_pdf": "Pair distribution functions of the disordered atoms and of pairs of groups",
    }
    order = "Normalised histogram of Q4 and Q6; dashed: half the order of fcc, above it crystalline"
    indices = [
        (index_name(index), count, f"{100 * share:.2f} %") for index, count, share in found.voronoi
    ]
    voronoi = _row(charts, {"voronoi": "The most frequent Voronoi indices"}) + show.table(
        ("index", "atoms", "fraction"), indices, "Closed cells of disordered atoms"
    )
    return [
        Section(
            "pdf",
            "Pair distribution functions",
            _row(charts, distributions) or show.missing("no pair distribution"),
        ),
        Section(
            "order",
            "Bond-orientational order",
            _row(charts, {"boo": order}) or show.missing(no_order),
        ),
        Section(
            "voronoi",
            "Voronoi indices",
            voronoi if found.voronoi else show.missing(no_order if found.q4 is None else no_cell),
        ),
        Section("motifs", "Motifs", _motifs(charts, found)),
        Section("networks", "Networks of bipyramids", _networks(content, charts, found)),
        Section("medium-range-order", "Medium-range order", _orders(content, charts, found)),
        Section("figures", "Figures of the analysis", show.facts(found.facts)),
    ]


def _motifs(charts: Mapping[str, str], found: Structure) -> str:
    total = sum(found.motifs.values())
    if not total:
        return show.missing("no motif was found")
    rows = [
        (NAMES[fold], fold, number, f"{100 * number / total:.1f} %")
        for fold, number in sorted(found.motifs.items())
    ]
    words = {"motifs": "Triplets, and bipyramids by the number of their tetrahedra"}
    heads = ("motif", "tetrahedra", "number", "share")
    return _row(charts, words) + show.table(heads, rows)


def _networks(content: ReportContent, charts: Mapping[str, str], found: Structure) -> str:
    parts = []
    shown = None if found.bipyramids is None else network_view(content.atoms, found.bipyramids)
    if shown is None:
        parts.append(show.missing("no pentagonal bipyramid was found, so there is no network"))
    else:
        parts.append("<h3>Largest networks of pentagonal bipyramids</h3>")
        parts.append(show.view("network-view", shown))
    words = {"networks": "How many networks there are of each size, by kind of bipyramid"}
    parts.append(_row(charts, words))
    rows = [
        (
            NAMES[fold],
            number + 1,
            int(size),
            int(atoms),
            "spans the cell" if np.isinf(length) else length,
        )
        for fold, networks in sorted(found.networks.items())
        for number, (size, atoms, length) in enumerate(networks[:LARGEST].tolist())
        if number < (LARGEST if fold == 5 else 3)
    ]
    if rows:
        heads = ("bipyramids", "rank", "size", "atoms", "longest distance (Å)")
        parts.append(show.table(heads, rows, "The largest networks; size in bipyramids"))
    return "".join(parts)


def _orders(content: ReportContent, charts: Mapping[str, str], found: Structure) -> str:
    if found.orders is None:
        why = content.missing.get("orders", "the analysis holds no medium-range order")
        return show.missing(why)
    if not found.orders:
        return show.note("No network of solute centres was found.")
    lattices = dict.fromkeys(row[1] for row in found.orders)
    summary = [
        (
            name,
            sum(row[1] == name for row in found.orders),
            sum(row[1] == name and row[2] >= 5 for row in found.orders),
            max(row[2] for row in found.orders if row[1] == name),
        )
        for name in lattices
    ]
    largest = sorted(found.orders, key=lambda row: -row[2])[:LARGEST]
    return (
        _row(charts, {"orders": "Networks of solute centres by size and lattice"})
        + show.table(("lattice", "networks", "of five and more", "largest"), summary)
        + show.table(
            ("solute", "lattice", "centres", "length (Å)", "lattice constant (Å)"),
            largest,
            "The largest networks",
        )
    )
