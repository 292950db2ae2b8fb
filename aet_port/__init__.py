"""Atomic electron tomography: from a tilt series to atoms, their structure and a SQL bank."""

from aet_port.data import AtomicModel, TiltSeries, Volume
from aet_port.errors import AetError
from aet_port.io import read_model, read_tilt_series, read_volume, write_model, write_volume
from aet_port.resire import Reconstruction, reconstruct
from aet_port.structure import StructureResult, analyze
from aet_port.tracing import Peaks, remove_non_atoms
from aet_port.tracing.trace import trace
from aet_port.validation import match_models

__version__ = "0.1.0"

__all__ = [
    "AetError",
    "AtomicModel",
    "Peaks",
    "Reconstruction",
    "StructureResult",
    "TiltSeries",
    "Volume",
    "analyze",
    "match_models",
    "read_model",
    "read_tilt_series",
    "read_volume",
    "reconstruct",
    "remove_non_atoms",
    "trace",
    "write_model",
    "write_volume",
]
