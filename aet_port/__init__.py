"""Atomic electron tomography: from a tilt series to atoms, their structure and a SQL bank."""

from aet_port.data import AtomicModel, TiltSeries, Volume
from aet_port.errors import AetError
from aet_port.io import read_model, read_tilt_series, read_volume, write_model, write_volume
from aet_port.refinement import Refinement, refine
from aet_port.resire import Reconstruction, reconstruct, refine_angles
from aet_port.structure import StructureResult, analyze
from aet_port.tracing import Classification, Peaks, classify, remove_non_atoms
from aet_port.tracing.trace import trace
from aet_port.validation import match_models

__version__ = "0.1.0"

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
