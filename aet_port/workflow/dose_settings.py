"""Settings of a dose series."""

from __future__ import annotations

from aet_port.core.limits import LARGEST_DOSE, LARGEST_SEED, MOST_SYNTHETIC_ATOMS
from aet_port.core.settings import Settings, setting
from aet_port.detection.settings import DetectSettings
from aet_port.preprocessing.settings import PreprocessSettings
from aet_port.refinement.settings import RefineSettings
from aet_port.resire.settings import ReconstructSettings
from aet_port.simulation.settings import RawFrameSettings, SimulateSettings
from aet_port.tracing.settings import SelectSettings, TraceSettings
from aet_port.validation.settings import CompareSettings
from aet_port.workflow.sections import COUNTS, Preset

DOSES = (1e4, 5e4, 2e5, 8e5)


class DoseSeriesSettings(Settings):
    """How frames are simulated and processed at each dose.

    Unless ``calibrated``, the scan-coil shear is estimated from the images and its residual
    refined together with the atoms. For 1000 atoms at 8e5 electrons per square angstrom the error
    of the shear is then 0.03 % (rms over six seeds; the Cramer-Rao bound is 0.022 %), without loss
    of precision for the atoms.
    """

    atoms: int = setting(1000, "Number of atoms of the particle.", ge=1, le=MOST_SYNTHETIC_ATOMS)
    species: str = setting("Ta", "Chemical symbol of the particle.")
    seed: int = setting(1, "Seed of sample and errors.", ge=0, le=LARGEST_SEED)
    doses: tuple[float, ...] = setting(
        DOSES,
        "Electron dose of the whole series.",
        unit="electrons per square angstrom",
        gt=0,
        le=LARGEST_DOSE,
    )
    calibrated: bool = setting(False, "The scan shear is known from a calibration.")
    simulate: SimulateSettings = setting(SimulateSettings(), "Images.")
    simulate_frames: RawFrameSettings = setting(RawFrameSettings(), "Errors of the frames.")
    preprocess: PreprocessSettings = setting(PreprocessSettings(), "Preprocessing.")
    reconstruct: ReconstructSettings = setting(
        ReconstructSettings(iterations=150), "Reconstruction."
    )
    trace: TraceSettings = setting(TraceSettings(upsampling="spline"), "Tracing.")
    select: SelectSettings = setting(
        SelectSettings(support="tight", merge_distance=2.0), "Selection of atoms."
    )
    refine: RefineSettings = setting(RefineSettings(refine_shifts=True), "Refinement.")
    detect: DetectSettings = setting(DetectSettings(shifts=True), "Atoms from counts.")
    preset: Preset = setting(
        COUNTS, "Chain: atoms from counts, or the papers' tracing and refinement."
    )
    compare: CompareSettings = setting(CompareSettings(), "Comparison with the truth.")
