from .angle_files import read_angles, write_angles
from .dm import read_dm
from .emd import read_emd
from .exchange import from_hyperspy, to_hyperspy, to_xarray
from .frames import read_frames, write_frames
from .hyperspy_files import write_hyperspy
from .image_files import read_raw_images
from .imod_transforms import read_transforms
from .models.atom_files import write_atoms
from .models.model_reading import read_model, read_models
from .models.model_scale import scaled_model
from .models.model_table import write_model_table
from .models.model_writing import write_model
from .ome_zarr import read_ome_zarr_series, read_ome_zarr_volume, write_ome_zarr
from .other_formats import read_foreign_series, read_foreign_volume, read_other
from .raw_images import RawImages
from .ser import read_ser
from .settings import ModelReadSettings, ReadSettings
from .tilt_series import read_images, read_tilt_series, write_tilt_series
from .velox import read_velox
from .volumes import read_volume, write_volume

__all__ = [
    "ModelReadSettings",
    "RawImages",
    "ReadSettings",
    "from_hyperspy",
    "read_angles",
    "read_dm",
    "read_emd",
    "read_foreign_series",
    "read_foreign_volume",
    "read_frames",
    "read_images",
    "read_model",
    "read_models",
    "read_ome_zarr_series",
    "read_ome_zarr_volume",
    "read_other",
    "read_raw_images",
    "read_ser",
    "read_tilt_series",
    "read_transforms",
    "read_velox",
    "read_volume",
    "scaled_model",
    "to_hyperspy",
    "to_xarray",
    "write_angles",
    "write_atoms",
    "write_frames",
    "write_hyperspy",
    "write_model",
    "write_model_table",
    "write_ome_zarr",
    "write_tilt_series",
    "write_volume",
]
