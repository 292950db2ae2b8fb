"""Checks against truth: synthetic samples, simulated tilt series and matching of models."""

from aet_port.validation.matching import Matching, match_models
from aet_port.validation.samples import amorphous_particle
from aet_port.validation.simulation import project_atoms, simulate_tilt_series, tilt_angles

__all__ = [
    "Matching",
    "amorphous_particle",
    "match_models",
    "project_atoms",
    "simulate_tilt_series",
    "tilt_angles",
]
