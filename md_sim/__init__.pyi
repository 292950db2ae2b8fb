from .alloy import AlloyProtocol, quench_alloy
from .comparison import Comparison, compare
from .crystals import Crystallisation, crystallisation
from .errors import SimulationError
from .position_errors import ErrorHistogram, ErrorStudy, crop_sphere, error_study
from .potentials import Potential, find_potential
from .protocol import Protocol, preset
from .quenches import Quench, Snapshot, read_quench, run_quench
from .snapshot_files import write_snapshots
from .snapshot_study import Study, study
from .transition import GlassTransition, glass_transition

__all__ = [
    "AlloyProtocol",
    "Comparison",
    "Crystallisation",
    "ErrorHistogram",
    "ErrorStudy",
    "GlassTransition",
    "Potential",
    "Protocol",
    "Quench",
    "SimulationError",
    "Snapshot",
    "Study",
    "compare",
    "crop_sphere",
    "crystallisation",
    "error_study",
    "find_potential",
    "glass_transition",
    "preset",
    "quench_alloy",
    "read_quench",
    "run_quench",
    "study",
    "write_snapshots",
]
