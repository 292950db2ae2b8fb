"""From a volume to atoms: local maxima, polynomial fit, species."""

from aet_port.tracing.non_atoms import AtomSelection, remove_non_atoms, select_atoms
from aet_port.tracing.patching import merge_close, patch_peaks
from aet_port.tracing.peaks import Peaks
from aet_port.tracing.support import tight_support
from aet_port.tracing.trace import trace

__all__ = [
    "AtomSelection",
    "Peaks",
    "merge_close",
    "patch_peaks",
    "remove_non_atoms",
    "select_atoms",
    "tight_support",
    "trace",
]
