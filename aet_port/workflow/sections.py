"""Sections of a run's TOML file that belong to no single stage."""

from __future__ import annotations

from typing import Literal, Self

from ase.data import atomic_numbers
from pydantic import model_validator

from aet_port.core.errors import InputError
from aet_port.core.limits import (
    LARGEST_IMAGE,
    LARGEST_PIXEL,
    LARGEST_SEED,
    MOST_SYNTHETIC_ATOMS,
    SMALLEST_PIXEL,
)
from aet_port.core.settings import REQUIRED, Settings, setting
from aet_port.io.settings import ModelReadSettings, ReadSettings
from aet_port.preprocessing.settings import (
    SERIES_BACKGROUND,
    SERIES_BACKGROUND_HELP,
    SeriesBackground,
)

Kind = Literal["experiment", "md_snapshot", "synthetic"]
Preset = Literal["counts", "papers"]

COUNTS: Preset = "counts"  # the chain of runs that name no other
DEMO_SPECIES = "Ta"


class SampleSettings(Settings):
    """``[sample]``: name, species, pixel size, origin of the data."""

    name: str = setting(REQUIRED, "Name of the sample, on one line.", example="my particle")
    species: str | tuple[str, ...] = setting(
        REQUIRED, "Chemical symbol, or a list of them, lightest first.", example="Ta"
    )
    pixel_size: float | None = setting(
        None,
        "Pixel size; needed unless the file of the images states it.",
        unit="angstrom",
        example=0.35,
        ge=SMALLEST_PIXEL,
        le=LARGEST_PIXEL,
    )
    kind: Kind = setting("experiment", "Where the data come from.")
    preset: Preset | None = setting(
        None,
        "Chain: atoms from counts, or the papers' reconstruction, tracing and refinement; the"
        " latter unless given if the file has a section of that chain.",
        example="papers",
    )

    @model_validator(mode="after")
    def _words(self) -> Self:
        if not self.name.strip() or not self.name.isprintable():
            raise InputError("name", repr(self.name), "text on one line")
        symbols = self.symbols
        if not symbols or any(atomic_numbers.get(symbol, 0) == 0 for symbol in symbols):
            wanted = "a chemical symbol such as 'Ta', or a list of them"
            raise InputError("species", repr(self.species), wanted)
        if len(set(symbols)) < len(symbols):
            raise InputError("species", repr(self.species), "each species only once")
        return self

    @property
    def symbols(self) -> tuple[str, ...]:
        """The species as a tuple."""
        return (self.species,) if isinstance(self.species, str) else self.species


class _InputFiles(Settings):
    """Files of projections and angles; sub-areas of a scanned film, if any."""

    projections: str | tuple[str, ...] | None = setting(
        None,
        "File of the projections, nx x ny x n (.mat), .mrc, .npy, .tif, .dm4, .emd, ...",
        example="projections.mat",
    )
    angles: str | None = setting(
        None,
        "File of the tilt angles in degrees, n x 3 (phi, theta, psi) or n x 1 (theta); those of the"
        " projections' file unless given.",
        example="angles.mat",
    )
    areas: tuple[int, ...] = setting(
        (),
        "Sub-areas of a scanned film, {area} in the name of the projections.",
        example=[1, 2, 3],
        ge=1,
        le=1_000_000,
    )
    placement: str | None = setting(
        None, "File of sub-area centres and half sizes.", example="alignPara.mat"
    )
    volume_shape: tuple[int, ...] = setting(
        (),
        "Size nx, ny, nz of the whole film's volume.",
        unit="voxels",
        example=[401, 351, 341],
        ge=1,
        le=LARGEST_IMAGE,
    )
    model: str | None = setting(None, "Model whose tilt series is simulated.", example="truth.xyz")
    model_reading: ModelReadSettings = setting(
        ModelReadSettings(), "How to read this model, where its file does not say everything."
    )
    background: SeriesBackground = setting(SERIES_BACKGROUND, SERIES_BACKGROUND_HELP)

    @model_validator(mode="after")
    def _areas(self) -> Self:
        if len(set(self.areas)) < len(self.areas):
            raise InputError("areas", repr(list(self.areas)), "each area only once")
        if self.volume_shape and len(self.volume_shape) != 3:
            found = repr(list(self.volume_shape))
            raise InputError("volume_shape", found, "three numbers of voxels")
        return self


class InputSettings(ReadSettings, _InputFiles):
    """``[input]``: files of projections and angles; sub-areas of a scanned film, if any.

    With a section ``[preprocess]`` the projections are raw frames: a file, a folder, or a list of
    files, one per tilt. ``angles`` may be left out if the files of the images state them. With
    ``areas`` the path of the projections contains ``{area}``. With a section ``[simulate]`` no
    projections are read: they are simulated from ``model``, or from the random particle of
    ``[synthetic]``.
    """


class SyntheticSettings(Settings):
    """``[synthetic]``: a random amorphous particle whose tilt series is simulated."""

    atoms: int = setting(1000, "Number of atoms of the particle.", ge=1, le=MOST_SYNTHETIC_ATOMS)
    seed: int = setting(0, "Seed of the sample.", ge=0, le=LARGEST_SEED)
