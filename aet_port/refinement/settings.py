"""Settings of the refinement of a model against projections."""

from __future__ import annotations

from typing import Literal

from aet_port.core.limits import LARGEST_IMAGE
from aet_port.core.settings import Settings, setting

Method = Literal["lbfgs", "published"]
Schedule = Literal["glass", "ta-film", "pd1", "pd2"]
ScanShear = Literal["none", "x", "y", "both"]
Precision = Literal["single", "double"]

FOLDS = 5  # groups of projections for R-free, where it is computed and no number is given


class RefineSettings(Settings):
    """``[refine]``: see :func:`aet_port.refinement.joint.refine`.

    In a run from raw frames ``images`` says whether the model is fitted to the averages of the
    frames, whose noise is that of electrons, or to the denoised images. Denoise to find the atoms,
    refine against the averages: denoising shows weak atoms, but also moves and merges them, and the
    noise that is left no longer tells how sure a position is.
    """

    method: Method = setting("lbfgs", "Joint quasi-Newton fit, or the papers' gradient descent.")
    refine_shifts: bool = setting(False, "Refine a shift along x and y per projection.")
    refine_scales: bool = setting(False, "Refine an intensity scale per projection.")
    refine_offsets: bool = setting(False, "Refine a constant background per projection.")
    scan_shear: ScanShear = setting(
        "none", "Refine the scan-coil shear, common to all projections."
    )
    max_displacement: float = setting(
        1.0,
        "Largest displacement of an atom from its initial position; 0: no limit.",
        unit="angstrom",
        ge=0,
        le=100,
    )
    max_evaluations: int = setting(50, "Largest number of gradient evaluations.", ge=1, le=100_000)
    tolerance: float = setting(
        1e-3,
        "Stop after three steps with a smaller rms displacement.",
        unit="angstrom",
        gt=0,
        le=10,
    )
    precision: Precision = setting("single", "Floating-point precision of the images.")
    max_at_bound: float = setting(
        0.05,
        "Largest fraction of atoms that may end at their largest displacement; a run does not take"
        " over a refined model with more.",
        ge=0,
        le=1,
    )
    take_over: Literal["checked", "always"] = setting(
        "checked",
        "Whether a run goes on with the refined model: unless too many atoms ended at their largest"
        " displacement or R-free (without folds: R1) rose; or always.",
    )
    folds: int | None = setting(
        None,
        "Also compute R-free, leaving out the projections in this many groups.",
        example=FOLDS,
        ge=2,
        le=1000,
    )
    schedule: Schedule | None = setting(
        None,
        "Schedule of the published method; chosen from the species unless given.",
        example="glass",
    )
    rounds: int | None = setting(
        None, "Number of rounds of the published method.", example=2, ge=1, le=10_000
    )
    images: Literal["averaged", "denoised"] = setting(
        "averaged", "Images refined against in a run from raw frames: before or after denoising."
    )

    @property
    def image_fits(self) -> list[str]:
        """Parameters fitted for each projection: any of shifts, scales, offsets."""
        return [name for name in ("shifts", "scales", "offsets") if getattr(self, f"refine_{name}")]


class ResidualSettings(Settings):
    """Reconstruction of the difference between measured and calculated images."""

    iterations: int = setting(
        30,
        "Number of RESIRE iterations, with images; 1 is a plain back-projection.",
        ge=1,
        le=100_000,
    )
    oversampling: float = setting(3.0, "Oversampling of the Fourier grid.", ge=1, le=20)
    n_z: int | None = setting(
        None,
        "Size of the map along the beam; the x size of the images unless given.",
        unit="voxels",
        example=100,
        ge=1,
        le=LARGEST_IMAGE,
    )


DEFAULTS = RefineSettings()
RESIDUAL = ResidualSettings()
