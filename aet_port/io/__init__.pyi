from .atoms import read_model as read_model
from .atoms import write_model as write_model
from .frames import read_frames as read_frames
from .frames import write_frames as write_frames
from .model_files import read_models as read_models
from .tilt_series import (
    read_angles as read_angles,
)
from .tilt_series import (
    read_images as read_images,
)
from .tilt_series import (
    read_tilt_series as read_tilt_series,
)
from .tilt_series import (
    write_angles as write_angles,
)
from .tilt_series import (
    write_tilt_series as write_tilt_series,
)
from .volumes import read_volume as read_volume
from .volumes import write_volume as write_volume

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
