"""The sections of a run's configuration, each the settings of one stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aet_port.resire.angles import Method as AngleMethod
from aet_port.resire.reconstruction import Method, Precision
from aet_port.tracing.non_atoms import Rule
from aet_port.tracing.species import RADIUS, NonAtoms
from aet_port.tracing.upsampling import Method as Upsampling

Kind = Literal["experiment", "md_snapshot", "synthetic"]
Refiner = Literal["lbfgs", "published"]


@dataclass(frozen=True)
class Sample:
    """``[sample]``: its name, its species, the pixel size in angstrom, where the data come from.

    ``species`` is a symbol, or a list of them, lightest first, which the stage ``classify`` tells
    apart.
    """

    name: str
    species: str | tuple[str, ...]
    pixel_size: float | None = None
    kind: Kind = "experiment"


@dataclass(frozen=True)
class Input:
    """``[input]``: files of projections and angles; sub-areas of a scanned film if any.

    With ``areas`` the projections' path holds ``{area}``, ``placement`` names the table of
    sub-area centres and half sizes (CropCen, CropHalf, 1-based pixels), and ``volume_shape`` is
    that of the whole film in voxels.
    """

    projections: str
    angles: str
    projections_variable: str | None = None
    angles_variable: str | None = None
    areas: tuple[int, ...] = ()
    placement: str | None = None
    volume_shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Reconstruct:
    """``[reconstruct]``: see :func:`aet_port.resire.reconstruct`."""

    iterations: int = 200
    oversampling: float | tuple[float, ...] = 3.0
    step: float = 2.0
    extended: bool = False
    thickness: int | None = None
    positivity: bool = True
    support: str | None = None
    mask: str | None = None
    initial: str | None = None
    method: Method = "fourier-slice"
    precision: Precision = "single"


@dataclass(frozen=True)
class RefineAngles:
    """``[refine_angles]``: if it is there, angles and shifts are refined first.

    See :func:`aet_port.resire.angles.refine_angles`; the settings of RESIRE not named here are
    those of ``[reconstruct]``.
    """

    method: AngleMethod = "gauss-newton"
    rounds: int = 80
    iterations: int = 10
    limit: float = 5.0


@dataclass(frozen=True)
class Trace:
    """``[trace]``: see :func:`aet_port.tracing.trace`."""

    upsampling: Upsampling = "linear"
    threshold: float = 0.0
    minimum_distance: float = 2.0
    max_peaks: int = 100_000


@dataclass(frozen=True)
class Select:
    """``[select]``: which peaks are atoms; see :func:`aet_port.tracing.remove_non_atoms`.

    ``support`` is a file, or ``"tight"`` for one made from the volume; ``rule`` is that of
    :func:`aet_port.tracing.select_atoms`; ``edits`` a file of manual edits, made afterwards (see
    :func:`aet_port.tracing.edits.read_edits`).
    """

    support: str | None = None
    rule: Rule | None = None
    edits: str | None = None
    merge_distance: float = 3.0
    class_thirds: int = 4
    histogram_thirds: int = 7


@dataclass(frozen=True)
class Classify:
    """``[classify]``: which species an atom is, where there are several.

    See :func:`aet_port.tracing.species.classify`; a ``radius`` of 0 leaves the local rounds out.
    All peaks in the support are looked at, since light atoms are darker than the gap between the
    two classes of ``[select]``; ``non_atoms`` says how the others are left out here.
    """

    radius: float = RADIUS
    thirds: int = 3
    upsampling: Upsampling = "linear"
    non_atoms: NonAtoms | Literal["none"] = "kmeans"
    unassigned: float | None = None


@dataclass(frozen=True)
class Refine:
    """``[refine]``: if it is there, the model is refined against the projections.

    See :func:`aet_port.refinement.joint.refine`; with ``folds`` R-free is measured too. A
    ``restraint`` of 0 is none.
    """

    method: Refiner = "lbfgs"
    shifts: bool = False
    scales: bool = False
    offsets: bool = False
    restraint: float = 1.0
    evaluations: int = 50
    folds: int | None = None
    schedule: str | None = None
    rounds: int | None = None


@dataclass(frozen=True)
class Analyze:
    """``[analyze]``: see :func:`aet_port.structure.analyze`."""

    cutoff: float | None = None
    delta: float = 0.255
