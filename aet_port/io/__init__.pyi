from .atoms import read_model, write_model
from .frames import read_frames, write_frames
from .model_files import read_models
from .tilt_series import (
    read_angles,
    read_images,
    read_tilt_series,
    write_angles,
    write_tilt_series,
)
from .volumes import read_volume, write_volume

__all__ = [
    "read_angles",
    "read_frames",
    "read_images",
    "read_model",
    "read_models",
    "read_tilt_series",
    "read_volume",
    "write_angles",
    "write_frames",
    "write_model",
    "write_tilt_series",
    "write_volume",
]
