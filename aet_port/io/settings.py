"""Settings of reading: what to take from files that leave a choice or don't say everything."""

from __future__ import annotations

from typing import Literal

from aet_port.core.limits import LARGEST_NUMBER, LARGEST_SCALE
from aet_port.core.settings import Settings, setting

AngleUnit = Literal["degree", "radian"]
ArrayAxes = Literal["n,nx,ny", "nx,ny,n"]


class ReadSettings(Settings):
    """What to read from files of images, where they leave a choice.

    A value given here wins over everything found in a file or beside it.
    """

    image: int | str | None = setting(
        None,
        "Number (from 0) or name of the image or signal, in a file of several.",
        example="HAADF",
        ge=0,
        le=1_000_000,
    )
    detector: str | None = setting(
        None, "Name of the detector, in a file of several.", example="HAADF"
    )
    group: str | None = setting(
        None, "Path of the data set's group, in an EMD file of several.", example="data/tomography"
    )
    variable: str | None = setting(
        None, "Variable of a .mat or .npz file with several arrays.", example="projections"
    )
    angles_variable: str | None = setting(
        None, "The same for the file of angles.", example="angles"
    )
    axes: ArrayAxes = setting(
        "n,nx,ny", "Order of the axes of an array in a .npy or .npz file.", example="nx,ny,n"
    )
    angle_unit: AngleUnit | None = setting(
        None, "Unit of the tilt angles, where a file states none.", example="degree"
    )
    tilt_axis: float | None = setting(
        None,
        "Direction of the tilt axis in the images, from y (up) towards x; 90 is horizontal. That "
        "of the file unless given, else along y.",
        unit="degrees",
        example=90.0,
        ge=-180,
        le=180,
    )
    transforms: str | None = setting(
        None,
        "File of IMOD's image transforms (.xf, .prexg) to apply, or 'beside' for the one beside "
        "the images; the tilt axis is along y then.",
        example="series.xf",
    )


class ModelReadSettings(Settings):
    """How to read an atomic model, where its file leaves a choice or does not say everything."""

    species: str | tuple[str, ...] | None = setting(
        None,
        "Chemical symbol of all atoms, or one per atom type (Cu,Zr), where the file has none.",
        example=["Cu", "Zr"],
    )
    types: str | None = setting(
        None,
        ".mat file with the type (1, 2, ...) of each atom of a .mat model; see species.",
        example="types.mat",
    )
    types_variable: str | None = setting(
        None, "Variable of that file, if it has several.", example="atomtype"
    )
    model_variable: str | None = setting(
        None, "Variable of a .mat model with several arrays.", also="variable", example="model"
    )
    frame: int | Literal["all"] | None = setting(
        None,
        "Which model of a file of several: its number from 0, negative from the end, or all for a "
        "command that takes several; the last unless given.",
        example=0,
        ge=-LARGEST_NUMBER,
        le=LARGEST_NUMBER,
    )
    scale: float | None = setting(
        None,
        "Factor that turns the lengths of the model into angstrom: the pixel size of coordinates "
        "in voxels, 10 for nm; 1 unless given.",
        also="pixel_size",
        example=0.35,
        ge=1e-10,
        le=LARGEST_SCALE,
    )


READ = ReadSettings()
