"""The sections of a run's configuration, each the settings of one stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aet_port.alignment.from_volume import Method as AngleMethod
from aet_port.core.errors import InputError
from aet_port.core.scan_distortion import ScanDistortion
from aet_port.preprocessing.settings import Denoiser, PreprocessSettings
from aet_port.refinement.variables import ScanShear
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

    With a section ``[preprocess]`` the projections are raw frames: a file, a folder, or a list of
    files, one per tilt; ``angles`` may be left out where the frames carry them. With ``areas`` the
    projections' path holds ``{area}``, ``placement`` names the table of
    sub-area centres and half sizes (CropCen, CropHalf, 1-based pixels), and ``volume_shape`` is
    that of the whole film in voxels.
    """

    projections: str | tuple[str, ...]
    angles: str | None = None
    projections_variable: str | None = None
    angles_variable: str | None = None
    areas: tuple[int, ...] = ()
    placement: str | None = None
    volume_shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Preprocess:
    """``[preprocess]``: if it is there, the run starts from raw frames.

    See :class:`aet_port.preprocessing.settings.PreprocessSettings` for what is named as there.
    ``shear_x``, ``shear_y`` and ``scale`` are those of a calibrated scan; ``estimate_shear`` finds
    the shears in the series. ``film_marker`` is x0, x1, y0, y1. With ``background_after_angles``
    the background is estimated again in masks that the refined angles give.
    """

    frames_per_tilt: int | None = None
    slow_axis: Literal["x", "y"] = "x"
    repair: bool = True
    saturation: float | None = None
    offset: float = 0.0
    max_drift: float | None = None
    jitter: bool = False
    denoise: Denoiser = "auto"
    strength: float | Literal["search"] = 1.0
    background: bool | None = None
    margin: float = 8.0
    smoothing: float = 5.0
    clear_outside: bool = True
    shear_x: float | None = None
    shear_y: float | None = None
    scale: float | None = None
    estimate_shear: bool = False
    tilt_axis: float | Literal["find"] | None = None
    film_marker: tuple[int, ...] | None = None
    second_background: bool = False
    background_after_angles: bool = False

    def settings(self) -> PreprocessSettings:
        """The same as the settings of :func:`aet_port.preprocessing.chain.preprocess`.

        Raises
        ------
        InputError
            For values out of range, or that do not go together.
        """
        given = (self.shear_x, self.shear_y, self.scale)
        if self.estimate_shear and any(value is not None for value in given):
            raise InputError("estimate_shear", "a given distortion too", "one or the other")
        known = ScanDistortion(
            self.shear_x or 0.0, self.shear_y or 0.0, 1.0 if self.scale is None else self.scale
        )
        marker = self.film_marker
        if marker is not None and len(marker) != 4:
            raise InputError("film_marker", f"{len(marker)} numbers", "x0, x1, y0, y1 in pixels")
        return PreprocessSettings(
            slow_axis="xy".index(self.slow_axis),
            repair=self.repair,
            saturation=self.saturation,
            offset=self.offset,
            max_drift=self.max_drift,
            jitter=self.jitter,
            denoise=self.denoise,
            strength=None if self.strength == "search" else self.strength,
            background=self.background,
            margin=self.margin,
            smoothing=self.smoothing,
            clear_outside=self.clear_outside,
            distortion="estimate" if self.estimate_shear else known,
            tilt_axis=self.tilt_axis,
            film_marker=None if marker is None else (marker[:2], marker[2:]),
            second_background=self.second_background,
        )


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

    See ``refine_angles``; the settings of RESIRE not named here are
    those of ``[reconstruct]``.
    """

    method: AngleMethod = "gauss-newton"
    rounds: int = 80
    iterations: int = 10
    limit: float = 5.0


@dataclass(frozen=True)
class Trace:
    """``[trace]``: see :func:`aet_port.tracing.peak_search`."""

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
    ``restraint`` of 0 is none. ``scan_shear`` (none, x, y or both) is that of the scan coils, one
    for all images. In a run from raw frames ``images`` says whether the model is fitted to the
    averages of the frames, whose noise is that of electrons, or to the denoised images.
    """

    method: Refiner = "lbfgs"
    shifts: bool = False
    scales: bool = False
    offsets: bool = False
    scan_shear: ScanShear = "none"
    restraint: float = 1.0
    evaluations: int = 50
    folds: int | None = None
    schedule: str | None = None
    rounds: int | None = None
    images: Literal["averaged", "denoised"] = "averaged"


@dataclass(frozen=True)
class Analyze:
    """``[analyze]``: see :func:`aet_port.structure.analyze`."""

    cutoff: float | None = None
    delta: float = 0.255
