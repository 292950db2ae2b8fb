from .beam_stops import beam_stop
from .materials import crystal_rings, estimated_density
from .patterns import Diffraction, analyze_pattern
from .radial import RadialProfile, radial_average
from .ring_calibration import RingCalibration, calibrate_by_rings
from .ring_geometry import RingGeometry, find_rings
from .settings import DiffractionSettings

__all__ = [
    "Diffraction",
    "DiffractionSettings",
    "RadialProfile",
    "RingCalibration",
    "RingGeometry",
    "analyze_pattern",
    "beam_stop",
    "calibrate_by_rings",
    "crystal_rings",
    "estimated_density",
    "find_rings",
    "radial_average",
]
