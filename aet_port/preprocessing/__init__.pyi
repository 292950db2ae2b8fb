from .alignment import Alignment, align_particle
from .background import BackgroundRemoval, remove_background
from .bad_pixels import BadPixels, BadPixelWarning, find_bad_pixels
from .chain import preprocess
from .denoising import StrengthSearch, denoise, search_strength
from .drift import DriftCorrection, correct_drift
from .fiducial_alignment import align_by_particles
from .fiducials import find_particles
from .film_alignment import align_film
from .image_spectra import PowerSpectra, power_spectra
from .noise import NoiseModel, estimate_noise, estimate_noise_from_frames, simulate_noise
from .outcome import Preprocessed
from .scan_calibration import ScanCalibration, calibrate_scan
from .series_background import FoundBackground, find_background, subtract_background
from .settings import PreprocessSettings, SpectrumSettings
from .spectra import FrameSpectrum, frame_spectrum, wiener_filter
from .tilt_axis import TiltAxis, find_tilt_axis

__all__ = [
    "Alignment",
    "BackgroundRemoval",
    "BadPixelWarning",
    "BadPixels",
    "DriftCorrection",
    "FoundBackground",
    "FrameSpectrum",
    "NoiseModel",
    "PowerSpectra",
    "PreprocessSettings",
    "Preprocessed",
    "ScanCalibration",
    "SpectrumSettings",
    "StrengthSearch",
    "TiltAxis",
    "align_by_particles",
    "align_film",
    "align_particle",
    "calibrate_scan",
    "correct_drift",
    "denoise",
    "estimate_noise",
    "estimate_noise_from_frames",
    "find_background",
    "find_bad_pixels",
    "find_particles",
    "find_tilt_axis",
    "frame_spectrum",
    "power_spectra",
    "preprocess",
    "remove_background",
    "search_strength",
    "simulate_noise",
    "subtract_background",
    "wiener_filter",
]
