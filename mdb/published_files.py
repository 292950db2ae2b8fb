"""The models of the two papers' public data, and the files that hold them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError
from aet_port.io import read_model
from aet_port.io.matlab import read_per_atom
from aet_port.validation.published_models import FILM, GLASS, GLASS_TYPES, SAMPLE_GLASS, Find
from mdb.records import Provenance

_SIMULATION = (GLASS, "10_Multislice_AET_simulations")
_REFINEMENT = (GLASS, "5_Position_refinement")
_EQUAL = 1e-9  # angstrom, between a model in pixels and the same one in angstrom


@dataclass(frozen=True)
class Copy:
    """A further file of the same model: in angstrom, or in pixels of a cube of ``voxels``."""

    role: str
    parts: tuple[str, ...]
    pixel_size: float | None = None
    voxels: int = 0


@dataclass(frozen=True)
class PublishedModel:
    """A model of the public data.

    Attributes
    ----------
    sample, name
        Specimen, and what the model is.
    figures
        What the ids of the sample's published figures begin with.
    species
        A symbol for all, or one per type.
    positions, types
        Files by their parts, positions in angstrom.
    copies
        Files that hold the same model, or made it what it is.
    final
        Whether it is the one that the paper is about.
    kind, optimization_type
        In the words of the bank.
    """

    sample: str
    name: str
    figures: str
    species: str | tuple[str, ...]
    positions: tuple[str, ...]
    types: tuple[str, ...] | None = None
    copies: tuple[Copy, ...] = ()
    final: bool = False
    kind: str = "experiment"
    optimization_type: str = "experimental"


def _film(sample: str, species: str, folder: str, input_file: str) -> tuple[PublishedModel, ...]:
    final = (FILM, "6_Final_coordinates", f"Final_atomic_model_{folder}.mat")
    traced = (FILM, "5_Position_refinement", "Input", folder, input_file)
    key = sample.split("_")[0].lower()
    return (
        PublishedModel(sample, f"{sample}, final model", key, species, final, final=True),
        PublishedModel(sample, f"{sample}, traced model before refinement", key, species, traced),
    )


_ELEMENTS = tuple(GLASS_TYPES.values())
MODELS: tuple[PublishedModel, ...] = (
    PublishedModel(
        SAMPLE_GLASS,
        f"{SAMPLE_GLASS}, final model",
        "mg",
        _ELEMENTS,
        (GLASS, "6_Final_coordinates", "final_atom_coord_inA.mat"),
        (GLASS, "6_Final_coordinates", "final_atom_types.mat"),
        (Copy("refined positions", (*_REFINEMENT, "output", "model_refined_res.mat")),),
        final=True,
    ),
    PublishedModel(
        SAMPLE_GLASS,
        f"{SAMPLE_GLASS}, traced and classified model before refinement",
        "mg",
        _ELEMENTS,
        (*_REFINEMENT, "input", "Local_classification_coord_OriOri.mat"),
        (*_REFINEMENT, "input", "Local_classification_type.mat"),
        (
            Copy(
                "traced positions, pixels",
                (GLASS, "4_Tracing_and_classification", "input", "traced_model_inPixel.mat"),
                0.347,
                301,
            ),
        ),
    ),
    PublishedModel(
        "MG_multislice",
        f"{SAMPLE_GLASS}, traced again from its simulated multislice images",
        "",
        _ELEMENTS,
        (*_SIMULATION, "3_posref", "LocalC_MG_multislice_OriOri.mat"),
        (*_SIMULATION, "3_posref", "LocalC_MG_multislice_localtype.mat"),
        (
            Copy(
                "traced positions, pixels",
                (*_SIMULATION, "2_tracing", "2_aftermanual", "finalmodel_MG_multislice.mat"),
                0.347,
                341,
            ),
        ),
        kind="synthetic",
        optimization_type="other",
    ),
    *_film("Ta_film", "Ta", "Ta_film", "atomic_model_Ta_film.mat"),
    *_film("Pd1", "Pd", "Pd1_nanoparticle", "atomic_model_Pd1_particle.mat"),
    *_film("Pd2", "Pd", "Pd2_nanoparticle", "atomic_model_Pd2_particle.mat"),
)
# Samples that a file with further positions belongs to, and why it is no model.
NO_MODELS = {
    "initial_traced_model.mat": (
        (SAMPLE_GLASS,),
        "18357 positions of the glass in pixels, of no known type",
    ),
    "post_initC_MG_multislice.mat": (
        ("MG_multislice",),
        "20372 positions in pixels, of no known type",
    ),
    "Atom_tracing_all_peaks_*.mat": (
        ("Ta_film", "Pd1", "Pd2"),
        "peaks in pixels, non-atoms among them",
    ),
}


def read_files(find: Find, wanted: PublishedModel) -> tuple[AtomicModel, list[Provenance]]:
    """A model of the public data and the files that it is in.

    Parameters
    ----------
    find
        Path of a file of the public data by its parts.

    Raises
    ------
    DataFileError
        If a file is missing (of the copies, those at hand count), wrong, or no copy.
    """
    file = find(*wanted.positions)
    types = None if wanted.types is None else find(*wanted.types)
    model = read_model(file, wanted.species, types=types)
    sources = [Provenance.of("model", file)]
    if types is not None:
        model.atoms.set_array("type", read_per_atom(types).astype(np.int64))
        sources.append(Provenance.of("types", types))
    for copy in wanted.copies:
        try:
            path = find(*copy.parts)
        except DataFileError:  # the model is whole without it
            continue
        shape = None if copy.pixel_size is None else (copy.voxels,) * 3
        other = read_model(
            path, wanted.species, pixel_size=copy.pixel_size, shape=shape, types=types
        )
        if len(other) != len(model) or np.abs(other.positions - model.positions).max() > _EQUAL:
            raise DataFileError(path, "another model", f"the one of {file.name}")
        sources.append(Provenance.of(copy.role, path))
    return replace(model, name=wanted.name), sources
