from .difference_maps import DifferenceMap, difference_map
from .edit_replay import replay_edits
from .edits import Edit, read_edits, write_edits
from .map_peaks import MapPeaks, find_map_peaks
from .non_atoms import (
    AtomSelection,
    remove_non_atoms,
    select_atoms,
)
from .patching import merge_close, patch_peaks
from .peaks import Peaks
from .species import Classification, classify
from .support import tight_support
from .volume_differences import VolumeDifference, subtract_volume

__all__ = [
    "AtomSelection",
    "Classification",
    "DifferenceMap",
    "Edit",
    "MapPeaks",
    "Peaks",
    "VolumeDifference",
    "classify",
    "difference_map",
    "find_map_peaks",
    "merge_close",
    "patch_peaks",
    "read_edits",
    "remove_non_atoms",
    "replay_edits",
    "select_atoms",
    "subtract_volume",
    "tight_support",
    "write_edits",
]
