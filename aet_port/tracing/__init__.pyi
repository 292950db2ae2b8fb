from .non_atoms import (
    AtomSelection as AtomSelection,
)
from .non_atoms import (
    remove_non_atoms as remove_non_atoms,
)
from .non_atoms import (
    select_atoms as select_atoms,
)
from .patching import merge_close as merge_close
from .patching import patch_peaks as patch_peaks
from .peaks import Peaks as Peaks
from .species import Classification as Classification
from .species import classify as classify
from .support import tight_support as tight_support

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
