__version__: str

from .alignment.from_volume import refine_angles
from .core.atomic_model import AtomicModel
from .core.data import TiltSeries, Volume
from .core.errors import AetError
from .core.frame_series import FrameSeries
from .detection.loop import detect
from .detection.outcome import Detection
from .io.frames import read_frames
from .io.models.model_reading import read_model
from .io.models.model_writing import write_model
from .io.tilt_series import read_tilt_series
from .io.volumes import read_volume, write_volume
from .preprocessing.chain import preprocess
from .refinement.joint import Refinement, refine
from .reporting.build import report
from .resire.reconstruction import Reconstruction, reconstruct
from .reviewing.notebook import review
from .simulation.tilt_series import simulate
from .structure.analysis import StructureResult, analyze
from .tracing.non_atoms import remove_non_atoms
from .tracing.peak_search import trace
from .tracing.peaks import Peaks
from .tracing.species import Classification, classify
from .validation.matching import match_models
from .validation.precision import score
from .workflow.config import load_config
from .workflow.pipeline import run

__all__ = [
    "AetError",
    "AtomicModel",
    "Classification",
    "Detection",
    "FrameSeries",
    "Peaks",
    "Reconstruction",
    "Refinement",
    "StructureResult",
    "TiltSeries",
    "Volume",
    "analyze",
    "classify",
    "detect",
    "load_config",
    "match_models",
    "preprocess",
    "read_frames",
    "read_model",
    "read_tilt_series",
    "read_volume",
    "reconstruct",
    "refine",
    "refine_angles",
    "remove_non_atoms",
    "report",
    "review",
    "run",
    "score",
    "simulate",
    "trace",
    "write_model",
    "write_volume",
]
