from .difference_maps import DifferenceMap, difference_map
from .edit_replay import replay_edits
from .edits import Edit, read_edits, write_edits
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
    "DifferenceMap",
    "Edit",
    "Peaks",
    "classify",
    "difference_map",
    "merge_close",
    "patch_peaks",
    "read_edits",
    "remove_non_atoms",
    "replay_edits",
    "select_atoms",
    "tight_support",
    "write_edits",
]
