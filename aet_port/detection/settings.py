"""Settings of the detection of atoms from counts."""

from __future__ import annotations

from aet_port.core.settings import Settings, setting
from aet_port.refinement.settings import ScanShear
from aet_port.tracing.settings import COMPOSITION, COMPOSITION_ERROR


class DetectSettings(Settings):
    """``[detect]``: atoms from counts; see :func:`aet_port.detection.loop.detect`."""

    fdr: float = setting(0.01, "Fraction of wrong atoms accepted among those found.", gt=0, le=0.2)
    angles: bool = setting(False, "Fit the three angles of each image with the atoms.")
    shifts: bool = setting(False, "Fit a shift along x and y of each image with the atoms.")
    scan_shear: ScanShear = setting(
        "none", "Fit the scan-coil shear, common to all images, with the atoms."
    )
    background: bool = setting(True, "Fit a background for each image.")
    extended: bool | None = setting(
        None,
        "The sample is wider than its images, as a film is; decided by the border of the images"
        " unless given.",
        example=True,
    )
    depth: float | None = setting(
        None,
        "Thickness along the beam searched for atoms; the width of the images unless given.",
        unit="angstrom",
        example=60.0,
        gt=0,
        le=10_000,
    )
    counts_per_unit: float | None = setting(
        None,
        "Electrons in a pixel of value one; estimated from the noise of the images unless given.",
        unit="electrons",
        example=1.0,
        ge=1e-15,
        le=1e15,
    )
    read_noise: float | None = setting(
        None,
        "Read noise of the detector; estimated, or 1 with counts_per_unit, unless given.",
        unit="electrons per pixel",
        example=1.0,
        ge=0,
        le=1e6,
    )
    denoised: bool = setting(
        False,
        "The images were denoised: what the atoms leave unexplained counts as noise, and errors are"
        " those by which the images disagree.",
    )
    least_distance: float | None = setting(
        None,
        "Distance below which atoms repel each other; unless given 1.65 covalent radii, or 0.85 of"
        " the usual distance between the atoms found if that is less.",
        unit="angstrom",
        example=2.0,
        gt=0,
        le=100,
    )
    folds: int | None = setting(
        None,
        "Number of further searches, each without some images, for R1 of the images left out"
        " (R-free).",
        example=5,
        ge=2,
        le=1000,
    )
    trials: int = setting(
        1,
        "Searches of simulated images of the atoms found, whose errors calibrate p_exists and the"
        " error bars, at low dose twice as many; 0: none, error bars of the noise alone.",
        ge=0,
        le=1000,
    )
    max_rounds: int = setting(
        14,
        "Largest number of rounds of adding, fitting and dropping atoms; as many again at low "
        "dose, where heights are freed once more.",
        ge=1,
        le=1000,
    )
    max_steps: int = setting(10, "Largest number of steps of the fit in a round.", ge=1, le=1000)
    confidence: float = setting(
        0.5, "Probability below which a species is left undecided (X).", ge=0, le=1
    )
    local_radius: float = setting(
        10.0,
        "Radius of the neighbourhood by which species follow heights that drift through the sample;"
        " 0: none.",
        unit="angstrom",
        ge=0,
        le=10_000,
    )
    composition: dict[str, float] | None = COMPOSITION
    composition_error: float = COMPOSITION_ERROR


DETECT = DetectSettings()
