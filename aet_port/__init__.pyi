__version__: str

from .alignment.from_volume import refine_angles as refine_angles
from .core.data import AtomicModel as AtomicModel
from .core.data import TiltSeries as TiltSeries
from .core.data import Volume as Volume
from .core.errors import AetError as AetError
from .io.atoms import read_model as read_model
from .io.atoms import write_model as write_model
from .io.tilt_series import read_tilt_series as read_tilt_series
from .io.volumes import read_volume as read_volume
from .io.volumes import write_volume as write_volume
from .refinement.joint import Refinement as Refinement
from .refinement.joint import refine as refine
from .resire.reconstruction import Reconstruction as Reconstruction
from .resire.reconstruction import reconstruct as reconstruct
from .structure.analysis import StructureResult as StructureResult
from .structure.analysis import analyze as analyze
from .tracing.non_atoms import remove_non_atoms as remove_non_atoms
from .tracing.peak_search import trace as trace
from .tracing.peaks import Peaks as Peaks
from .tracing.species import Classification as Classification
from .tracing.species import classify as classify
from .validation.matching import match_models as match_models

__all__ = [
    "AetError",
    "AtomicModel",
    "Classification",
    "Peaks",
    "Reconstruction",
    "Refinement",
    "StructureResult",
    "TiltSeries",
    "Volume",
    "analyze",
    "classify",
    "match_models",
    "read_model",
    "read_tilt_series",
    "read_volume",
    "reconstruct",
    "refine",
    "refine_angles",
    "remove_non_atoms",
    "trace",
    "write_model",
    "write_volume",
]
