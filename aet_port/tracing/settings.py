"""Settings of tracing, of the removal of non-atoms, and of the classification of species."""

from __future__ import annotations

from typing import Any, Literal

from aet_port.core.settings import Settings, setting

Upsampling = Literal["linear", "spline"]
Rule = Literal["labels", "both", "either", "support"]
NonAtoms = Literal["kmeans", "split", "gaussians", "none"]


class TraceSettings(Settings):
    """``[trace]``: see :func:`aet_port.tracing.peak_search.trace`."""

    upsampling: Upsampling = setting(
        "linear", "Interpolation of the volume, which is upsampled threefold."
    )
    threshold: float = setting(
        0.0, "Smallest height of a local maximum.", unit="units of the volume", ge=0, le=1e20
    )
    smoothing: float = setting(
        0.0,
        "Standard deviation of a Gaussian that smooths the volume before the search; 0: none.",
        unit="angstrom",
        ge=0,
        le=100,
    )
    minimum_distance: float | None = setting(
        None,
        "Smallest distance between accepted peaks; unless given 2.0, or with a species that is no"
        " metal 1.5 covalent radii of the smallest of them if that is less.",
        unit="angstrom",
        example=2.0,
        ge=0,
        le=100,
    )
    max_peaks: int = setting(
        100_000,
        "Largest number of maxima to fit, the brightest first; a warning says if there are more.",
        ge=1,
        le=10_000_000,
    )
    max_iterations: int = setting(14, "Largest number of fits per peak.", ge=1, le=1000)
    settled_iterations: int = setting(
        7, "Number of fits within which a peak must settle.", ge=1, le=1000
    )
    maximum_shift: float = setting(
        0.5,
        "Largest shift of a peak in one fit.",
        unit="voxels of the upsampled volume",
        gt=0,
        le=100,
    )


class SelectSettings(Settings):
    """``[select]``: which peaks are atoms; see :func:`aet_port.tracing.non_atoms.remove_non_atoms`.

    ``edits`` is a file of manual edits that are applied afterwards (see
    :func:`aet_port.tracing.edits.read_edits`).
    """

    support: str | None = setting(
        None,
        "Region of the atoms: a volume file, or 'tight' for a mask made from the volume.",
        example="tight",
    )
    rule: Rule | None = setting(
        None, "How intensity labels and support are combined.", example="labels"
    )
    edits: str | None = setting(
        None, "File of manual edits: action,atom,species,x,y,z,reason.", example="edits.csv"
    )
    merge_distance: float = setting(
        3.0,
        "Merge peaks closer to each other than this; 0: merge none.",
        unit="voxels",
        ge=0,
        le=1000,
    )
    class_thirds: int = setting(
        4,
        "Radius of the spheres used to separate the classes.",
        unit="thirds of a voxel",
        ge=1,
        le=100,
    )
    histogram_thirds: int = setting(
        7, "Radius of the spheres used for the histogram.", unit="thirds of a voxel", ge=1, le=100
    )


# Of [classify] and [detect] alike.
COMPOSITION: Any = setting(
    None,
    "Fraction of each species, known from EDS for example, as a prior of the mixture of Gaussians"
    " that tells the species; aet classify then makes no classes or local rounds.",
    example={"Co": 0.43, "Pd": 0.38, "Pt": 0.19},
    gt=0,
    le=1,
)
COMPOSITION_ERROR: Any = setting(0.03, "Standard error of each of these fractions.", gt=0, le=1)


class ClassifySettings(Settings):
    """``[classify]``: the species of each atom, if there are several.

    See :func:`aet_port.tracing.species.classify`. All peaks in the support are classified, since
    light atoms are darker than the gap between the two classes of ``[select]``; ``non_atoms`` says
    how non-atoms are recognised here.
    """

    radius: float = setting(
        10.0, "Radius of the local reclassification; 0: none.", unit="angstrom", ge=0, le=10_000
    )
    thirds: int = setting(
        3, "Radius within which intensity is summed.", unit="thirds of a voxel", ge=1, le=100
    )
    upsampling: Upsampling = setting("linear", "Interpolation between voxels.")
    non_atoms: NonAtoms = setting("kmeans", "Method to recognise peaks that are not atoms.")
    unassigned: float | None = setting(
        None,
        "Confidence below which an atom's species is left unassigned (X).",
        example=0.5,
        ge=0,
        le=1,
    )
    composition: dict[str, float] | None = COMPOSITION
    composition_error: float = COMPOSITION_ERROR


class DifferenceSettings(Settings):
    """Peaks of a difference map."""

    width: float | None = setting(
        None,
        "Standard deviation of an atom in the map; fitted unless given, with two volumes a voxel.",
        unit="angstrom",
        example=0.5,
        gt=0,
        le=100,
    )
    peaks: int = setting(20, "Largest number of maxima, and of minima.", ge=1, le=100_000)
    apart: float = setting(
        1.0,
        "Smallest distance between two maxima, or two minima.",
        unit="angstrom",
        ge=0,
        le=10_000,
    )


TRACE, SELECT, CLASSIFY = TraceSettings(), SelectSettings(), ClassifySettings()
DIFFERENCE = DifferenceSettings()
