from .non_atoms import (
    AtomSelection,
    remove_non_atoms,
    select_atoms,
)
from .patching import merge_close, patch_peaks
from .peaks import Peaks
from .species import Classification, classify
from .support import tight_support

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
