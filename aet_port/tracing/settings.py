"""Settings of tracing, of the removal of non-atoms, and of the classification of species."""

from __future__ import annotations

from typing import Literal

from aet_port.core.settings import Settings, setting

Upsampling = Literal["linear", "spline"]
Rule = Literal["labels", "both", "either", "support"]
NonAtoms = Literal["kmeans", "split", "gaussians", "none"]


class TraceSettings(Settings):
    """``[trace]``: see :func:`aet_port.tracing.peak_search.trace`."""

    upsampling: Upsampling = setting("linear", "Interpolation of the threefold upsampled volume.")
    threshold: float = setting(
        0.0, "Least height of a local maximum.", unit="units of the volume", ge=0
    )
    minimum_distance: float = setting(
        2.0, "Least distance of two accepted peaks.", unit="angstrom", ge=0
    )
    max_peaks: int = setting(100_000, "Number of maxima fitted, the brightest first.", ge=1)
    max_iterations: int = setting(14, "Largest number of fits of one peak.", ge=1)
    settled_iterations: int = setting(7, "Fits after which a peak must have settled.", ge=1)
    maximum_shift: float = setting(
        0.5, "Largest movement of a peak in one fit.", unit="pixels of the upsampled volume", gt=0
    )


class SelectSettings(Settings):
    """``[select]``: which peaks are atoms; see :func:`aet_port.tracing.non_atoms.remove_non_atoms`.

    ``edits`` is a file of manual edits that are made afterwards (see
    :func:`aet_port.tracing.edits.read_edits`).
    """

    support: str | None = setting(
        None,
        "Where atoms can be: a volume file, or 'tight' for a mask made from the volume.",
        example="tight",
    )
    rule: Rule | None = setting(
        None, "How intensity labels and support decide together.", example="labels"
    )
    edits: str | None = setting(
        None, "File of manual edits: action,atom,species,x,y,z,reason.", example="edits.csv"
    )
    merge_distance: float = setting(
        3.0, "Merge peaks nearer to each other than this; 0 merges none.", unit="voxels", ge=0
    )
    class_thirds: int = setting(
        4, "Radius of the spheres used to tell the classes apart.", unit="thirds of a voxel", ge=1
    )
    histogram_thirds: int = setting(
        7, "Radius of the spheres used for the histogram.", unit="thirds of a voxel", ge=1
    )


class ClassifySettings(Settings):
    """``[classify]``: the species of each atom, where there are several.

    See :func:`aet_port.tracing.species.classify`. All peaks in the support are classified, since
    light atoms are darker than the gap between the two classes of ``[select]``; ``non_atoms`` says
    how the others are recognised here.
    """

    radius: float = setting(
        10.0, "Radius of the local re-classification; 0 leaves it out.", unit="angstrom", ge=0
    )
    thirds: int = setting(3, "Radius of the intensity sums.", unit="thirds of a voxel", ge=1)
    upsampling: Upsampling = setting("linear", "Interpolation between voxels.")
    non_atoms: NonAtoms = setting("kmeans", "How peaks that are not atoms are recognised.")
    unassigned: float | None = setting(
        None, "Confidence below which the species is left open (X).", example=0.5, ge=0, le=1
    )


TRACE, SELECT, CLASSIFY = TraceSettings(), SelectSettings(), ClassifySettings()
