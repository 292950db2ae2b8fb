"""From a volume to atoms: local maxima, polynomial fit, species.

:func:`aet_port.tracing.trace.trace` is imported from its module, or as ``aet_port.trace``.
"""

from aet_port.tracing.non_atoms import AtomSelection, remove_non_atoms, select_atoms
from aet_port.tracing.patching import merge_close, patch_peaks
from aet_port.tracing.peaks import Peaks
from aet_port.tracing.species import Classification, classify
from aet_port.tracing.support import tight_support

__all__ = [
    "AtomSelection",
    "Classification",
    "Peaks",
    "classify",
    "merge_close",
    "patch_peaks",
    "remove_non_atoms",
    "select_atoms",
    "tight_support",
]
