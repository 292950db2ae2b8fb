from .angle_files import read_angles, write_angles
from .atoms import read_model, write_model
from .dm import read_dm
from .emd import read_emd
from .frames import read_frames, write_frames
from .image_files import read_raw_images
from .imod_transforms import read_transforms
from .model_files import read_models
from .model_table import write_model_table
from .raw_images import RawImages
from .ser import read_ser
from .settings import ReadSettings
from .tilt_series import read_images, read_tilt_series, write_tilt_series
from .velox import read_velox
from .volumes import read_volume, write_volume

__all__ = [
    "RawImages",
    "ReadSettings",
    "read_angles",
    "read_dm",
    "read_emd",
    "read_frames",
    "read_images",
    "read_model",
    "read_models",
    "read_raw_images",
    "read_ser",
    "read_tilt_series",
    "read_transforms",
    "read_velox",
    "read_volume",
    "write_angles",
    "write_frames",
    "write_model",
    "write_model_table",
    "write_tilt_series",
    "write_volume",
]
