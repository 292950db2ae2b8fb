"""Checks against truth: synthetic samples, simulated tilt series and matching of models."""

from aet_port.validation.matching import Matching, match_models
from aet_port.validation.precision import Precision, measure_precision
from aet_port.validation.samples import amorphous_particle
from aet_port.validation.simulation import project_atoms, simulate_tilt_series, tilt_angles

__all__ = [
    "Matching",
    "Precision",
    "amorphous_particle",
    "match_models",
    "measure_precision",
    "project_atoms",
    "simulate_tilt_series",
    "tilt_angles",
]
