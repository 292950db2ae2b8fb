from .certainty import Certainty
from .evidence import local_covariances
from .height_drift import LocalHeights, local_heights
from .mixture import Species, mixture_of_heights
from .model_check import ModelCheck, check_model
from .noise import ImageNoise, image_noise
from .number_of_species import SpeciesNumber, species_number
from .outcome import Detection
from .plan_result import Plan
from .plan_settings import PlanSettings
from .planning import plan_series, plan_table
from .probe import Probe, fit_probe
from .score_map import ScoreFilter, ScoreMap
from .settings import DetectSettings
from .state import Round

__all__ = [
    "Certainty",
    "DetectSettings",
    "Detection",
    "ImageNoise",
    "LocalHeights",
    "ModelCheck",
    "Plan",
    "PlanSettings",
    "Probe",
    "Round",
    "ScoreFilter",
    "ScoreMap",
    "Species",
    "SpeciesNumber",
    "check_model",
    "fit_probe",
    "image_noise",
    "local_covariances",
    "local_heights",
    "mixture_of_heights",
    "plan_series",
    "plan_table",
    "species_number",
]
