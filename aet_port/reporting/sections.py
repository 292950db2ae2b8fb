"""The sections of a report, from plain data; those of the structure are in another module."""

from __future__ import annotations

from collections.abc import Sequence

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import Volume
from aet_port.reporting.analysis_sections import structure_sections
from aet_port.reporting.charts import convergence_charts, picture
from aet_port.reporting.content import Fact, Projections, ReportContent
from aet_port.reporting.parts import (
    Absent,
    Facts,
    Figure,
    Grid,
    Interactive,
    Note,
    Part,
    Pictures,
    Preformatted,
    Section,
    Subheading,
    charts_with,
)
from aet_port.reporting.uncertainty_sections import certainty_sections
from aet_port.reporting.views import atoms_view

TILTS = 6  # number of projections shown
NANOMETRE = 10.0  # angstrom
# Parts of the content whose absence is explained where they would be.
PARTS = ("convergence", "refinement", "projections", "volume", "atoms", "structure", "orders")
HEIGHTS = (0.15, 0.5, 0.85)  # quantiles of the positions at which slices are taken


def report_sections(content: ReportContent) -> list[Section]:
    """All sections in order.

    A section without data states this in a sentence, from ``content.missing`` if given there;
    sample, uncertainty and provenance are left out if nothing is known about them.

    MATLAB: none
    """
    made = [
        Section("sample", "Sample and model", _facts(content.metadata)),
        Section("agreement", "R factors and convergence", _agreement(content)),
        Section("projections", "Projections", _projections(content)),
        Section("slices", "Slices through the volume", _slices(content)),
        Section("atoms", "Atomic model", _atoms(content)),
        *certainty_sections(content.atoms),
        *_structure(content),
        Section("provenance", "Provenance", _provenance(content)),
    ]
    return [section for section in made if section.parts]


def _facts(rows: Sequence[Fact]) -> list[Part]:
    return [Facts(rows)] if rows else []


def _agreement(content: ReportContent) -> list[Part]:
    parts = _facts(content.agreement)
    if content.convergence is not None:
        captions = {
            "history": "R1 of the reconstruction against iteration (mean over the projections)",
            "tilts": "R1 of each projection against its tilt angle",
        }
        parts += charts_with(convergence_charts(content.convergence), captions)
    reasons = [
        content.missing[key] for key in ("convergence", "refinement") if key in content.missing
    ]
    parts += [Absent(why) for why in reasons]
    return parts or [Absent("no R factors")]


def _projections(content: ReportContent) -> list[Part]:
    found = content.projections
    if found is None:
        return [Absent(content.missing.get("projections", "no projections"))]
    order = np.argsort(found.tilt, kind="stable")
    spread = np.linspace(0, len(order) - 1, min(TILTS, len(order))).round().astype(int)
    chosen = np.unique(np.append(order[spread], np.argmin(np.abs(found.tilt))))
    chosen = chosen[np.argsort(found.tilt[chosen], kind="stable")]
    measured = found.measured[chosen]
    top = float(np.percentile(measured, 99.7))
    wide = NANOMETRE / (found.pixel_size * measured.shape[1])
    if found.calculated is None:
        figures = [
            Figure(picture(image, 0.0, top), f"measured, {_degrees(tilt)}", wide)
            for image, tilt in zip(measured, found.tilt[chosen], strict=True)
        ]
        return [Pictures(figures), Absent(found.note)]
    calculated = found.calculated[chosen]
    reach = float(np.percentile(np.abs(calculated - measured), 99.7))
    figures = []
    for one, tilt, image in zip(measured, found.tilt[chosen], calculated, strict=True):
        degrees = _degrees(tilt)
        figures += [
            Figure(picture(one, 0.0, top), f"measured, {degrees}", wide),
            Figure(picture(image, 0.0, top), f"calculated, {degrees}", wide),
            Figure(picture(image - one, -reach, reach, "RdBu_r"), "difference", wide),
        ]
    return [Pictures(figures), Note(_scales(found, reach, top))]


def _scales(found: Projections, reach: float, top: float) -> str:
    share = 100 * reach / top if top > 0 else float("nan")
    return (
        f"{found.note} Difference: calculated minus measured, from -{share:.0f} % (blue) to "
        f"+{share:.0f} % (red) of the intensity range of the images. Scale bars: 1 nm."
    )


def _degrees(tilt: float) -> str:
    return f"{tilt:.1f}°".replace("-0.0", "0.0")


def _slices(content: ReportContent) -> list[Part]:
    volume = content.volume
    if volume is None:
        return [Absent(content.missing.get("volume", "no volume"))]
    low, middle, high = _heights(volume, content.atoms)
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
        figures.append(Figure(picture(image, 0.0, top, "inferno"), text, wide))
    about = (
        f"{' x '.join(map(str, volume.shape))} voxels of {volume.voxel_size:.4g} Å; the first axis "
        "of a plane points to the right, the second up. Scale bars: 1 nm."
    )
    return [Pictures(figures), Note(about)]


def _heights(volume: Volume, atoms: ase.Atoms | None) -> NDArray[np.float64]:
    """Voxel coordinates (3, 3) of the planes: a film fills only a part of its volume.

    They follow the atoms or, without a model, the intensity.
    """
    if atoms is not None and len(atoms):
        return np.quantile(volume.to_voxels(atoms.positions), HEIGHTS, axis=0)
    weight = np.clip(volume.array, 0.0, None)
    planes = np.empty((3, 3))
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        filled = np.cumsum(weight.sum(axis=others, dtype=np.float64))
        if filled[-1] > 0:
            planes[:, axis] = np.searchsorted(filled, np.multiply(HEIGHTS, filled[-1]))
        else:
            planes[:, axis] = np.multiply(HEIGHTS, volume.shape[axis] - 1)
    return planes


def _atoms(content: ReportContent) -> list[Part]:
    if content.atoms is None or not len(content.atoms):
        why = "no atomic model" if content.atoms is None else "the model has no atoms"
        return [Absent(content.missing.get("atoms", why))]
    return [Interactive.of("atoms-view", atoms_view(content.atoms, content.structure))]


def _structure(content: ReportContent) -> list[Section]:
    if content.atoms is None or content.structure is None:
        why = content.missing.get("structure", "no structure analysis")
        return [Section("structure", "Structure", [Absent(why)])]
    orders = content.missing.get("orders", "the analysis did not search for medium-range order")
    return structure_sections(content.atoms, content.structure, orders)


def _provenance(content: ReportContent) -> list[Part]:
    parts: list[Part] = [Grid(one.columns, one.rows, one.caption) for one in content.provenance]
    if content.settings:
        parts += [Subheading("Settings"), Preformatted(content.settings)]
    others = [why for name, why in content.missing.items() if name not in PARTS]
    return parts + [Note(why) for why in others]
