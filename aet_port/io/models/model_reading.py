"""One reader of atomic models for every format, and for every command that reads one."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.io.arrays import existing_file
from aet_port.io.models.ase_rows import read_rows
from aet_port.io.models.atom_tables import read_atom_table
from aet_port.io.models.cif_blocks import read_cif_blocks
from aet_port.io.models.lammps_data import read_data_file
from aet_port.io.models.lammps_dump import read_dump_frames
from aet_port.io.models.mat_models import read_mat_model
from aet_port.io.models.model_scale import scaled_model
from aet_port.io.models.model_types import MODEL_FILE, model_type
from aet_port.io.models.pdb_atoms import read_pdb_models
from aet_port.io.models.poscar import read_poscar, read_xdatcar
from aet_port.io.models.species_choice import SpeciesChoice
from aet_port.io.models.xyz_frames import read_xyz_frames

Frame = int | Literal["all"] | None
_ONE = "one of them: --frame N, from 0, or from -1 at the end"
# Formats with species for every atom; of the others each has its own way to do without.
_NAMED: dict[str, Callable[[Path], Iterator[AtomicModel]]] = {
    "cif": read_cif_blocks,
    "pdb": read_pdb_models,
    "rows": read_rows,
}
_BY_TYPE: dict[str, Callable[[Path, SpeciesChoice], Iterator[AtomicModel]]] = {
    "xyz": read_xyz_frames,
    "dump": read_dump_frames,
    "lammps": lambda file, choice: iter([read_data_file(file, choice)]),
    "poscar": lambda file, choice: iter([read_poscar(file, choice)]),
    "xdatcar": read_xdatcar,
    "table": lambda file, choice: iter([read_atom_table(file, choice)]),
}


@checked
def read_model(
    path: str | Path,
    species: str | Sequence[str] | None = None,
    *,
    default_species: str | Sequence[str] | None = None,
    types: str | Path | None = None,
    types_variable: str | None = None,
    model_variable: str | None = None,
    frame: Frame = None,
    scale: float | None = None,
    pixel_size: float | None = None,
    shape: tuple[int, int, int] | None = None,
) -> AtomicModel:
    """Read an atomic model from any file; positions in angstrom.

    Parameters
    ----------
    path
        .xyz (of the Materials Data Bank: number of atoms, comment, then symbol x y z; a comment
        with ``Properties=`` or ``Lattice=`` makes it extended .xyz) and .extxyz; LAMMPS text dumps
        (.dump, .lammpstrj, ``dump.*``) and data (.data, .lammps, .lmp, ``data.*``; elements by the
        masses or labels of the types); .cif; POSCAR, CONTCAR, .vasp, XDATCAR; .pdb; .csv (titles
        such as ``species,x,y,z``; see :func:`~aet_port.io.models.atom_tables.read_atom_table`);
        .mat with 3 x N coordinates; databases of ase.db (.db). All but the last also as .gz, .bz2
        or .xz. Symbols may be in upper or lower case, or atomic numbers (1, 2, ... without a gap
        are types, which need ``species``); D and T are hydrogen with their masses; text may have
        any encoding, and exponents of Fortran.
    species
        For a file that names none: one symbol for all atoms, a symbol per atom type, or one per
        atom; text may have commas, ``"Cu,Zr"``. LAMMPS files with types are read with these species
        whatever else they state.
    default_species
        The same, not used for files that name their own; ``"X"`` reads atoms without species.
    types, types_variable
        For .mat: a .mat file with the type 1, 2, ... of each atom, and its variable if several
        match.
    model_variable
        For .mat: the array of positions; needed only if several match.
    frame
        Of several models in a file: the number from 0, negative from the end. The last one, with a
        warning, unless given.
    scale
        Factor that turns the lengths of the file into angstrom, see
        :func:`aet_port.io.scaled_model`.
    pixel_size, shape
        For .mat files with MATLAB pixel coordinates (1-based): angstrom per pixel and shape
        (nx, ny, nz) of their volume, whose rotation centre becomes the origin.

    Returns
    -------
    The model, named after the file, with cell, periodicity and per-atom arrays of the file.

    Raises
    ------
    DataFileError
        If a file is missing, unreadable, truncated, or holds something else.
    InputError
        If the species are missing, unknown, or given for a file that states them; for other
        arguments that don't fit the file; for no atoms, positions that are not finite, or a
        periodic direction without a cell vector.

    Notes
    -----
    MATLAB: importdata of the models in 6_Final_coordinates of both papers

    Examples
    --------
    >>> from pathlib import Path
    >>> import aet_port as aet
    >>> _ = Path("pair.xyz").write_text("2\\na pair\\nTa 0 0 0\\nPd 0 0 2.8\\n")
    >>> aet.read_model("pair.xyz").species
    ['Ta', 'Pd']
    """
    models = _models(
        path, species, default_species, frame, scale,
        types=types, types_variable=types_variable, variable=model_variable,
        pixel_size=pixel_size, shape=shape,
    )  # fmt: skip
    if frame == "all":
        raise InputError("--frame", "'all', where one model is read", _ONE)
    if frame is not None:
        return next(models)
    # A trajectory may be long; of several models only the last is kept.
    model, count = next(models), 1
    for following in models:
        model, count = following, count + 1
    if count > 1:
        text = f"{path}: the last of {count} frames is read; --frame N chooses, from 0"
        warnings.warn(text, UserWarning, stacklevel=2)
    return model


@checked
def read_models(
    path: str | Path,
    species: str | Sequence[str] | None = None,
    *,
    default_species: str | Sequence[str] | None = None,
    types: str | Path | None = None,
    types_variable: str | None = None,
    model_variable: str | None = None,
    frame: Frame = None,
    scale: float | None = None,
) -> Iterator[AtomicModel]:
    """Read the models of a file one by one; if there are several, names end in their number.

    Parameters
    ----------
    path
        Any file for :func:`aet_port.io.read_model`, with any number of frames in .xyz, .extxyz and
        LAMMPS dumps, blocks in .cif, models in .pdb, and rows in .db, whose key-value pairs are in
        the model's metadata.
    species, default_species, types, types_variable, model_variable, scale
        See :func:`aet_port.io.read_model`.
    frame
        Number of a single model to read, from 0, negative from the end; all unless given.

    Yields
    ------
    Models in the order of the file; errors are raised when the model concerned is reached.

    Raises
    ------
    DataFileError, InputError
        See :func:`aet_port.io.read_model`.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> from pathlib import Path
    >>> from aet_port.io import read_models
    >>> _ = Path("run.xyz").write_text("1\\nfirst\\nTa 0 0 0\\n1\\nsecond\\nTa 0 0 1\\n")
    >>> [model.metadata["comment"] for model in read_models("run.xyz")]
    ['first', 'second']
    """
    return _models(
        path, species, default_species, frame, scale,
        types=types, types_variable=types_variable, variable=model_variable,
    )  # fmt: skip


def _models(
    path: str | Path,
    species: str | Sequence[str] | None,
    default_species: str | Sequence[str] | None,
    frame: Frame,
    scale: float | None,
    **of_mat: Any,
) -> Iterator[AtomicModel]:
    """The models of a file; arguments are checked before the first is read."""
    file = existing_file(path, MODEL_FILE)
    kind = model_type(file)
    given = [name for name, value in of_mat.items() if value is not None]
    if kind != "mat" and given:
        found = f"{of_mat[given[0]]} for {file}"
        raise InputError(_OF_MAT[given[0]], found, "none: only .mat files need it")
    choice = SpeciesChoice.of(file, species, default_species)
    if kind == "mat":
        models = iter([read_mat_model(file, choice, **of_mat)])
    elif kind in _NAMED:
        choice.not_needed()
        models = _NAMED[kind](file)
    else:
        models = _BY_TYPE[kind](file, choice)
    if isinstance(frame, int):
        models = _chosen(file, models, frame)
    return (scaled_model(_with_cell(model), scale) for model in models)


_OF_MAT = {
    "types": "--types",
    "types_variable": "--types-variable",
    "variable": "--model-variable",
    "pixel_size": "pixel_size",
    "shape": "shape",
}


def _chosen(file: Path, models: Iterator[AtomicModel], frame: int) -> Iterator[AtomicModel]:
    """The model of one number."""
    count = 0
    last: deque[AtomicModel] = deque(maxlen=max(-frame, 1))
    for count, model in enumerate(models, start=1):
        if count == frame + 1:
            yield model
            return
        last.append(model)
    if frame < 0 and count >= -frame:
        yield last[0]
        return
    have = "one frame" if count == 1 else f"{count} frames"
    numbers = "0 or -1" if count == 1 else f"0 to {count - 1}, or -1 to -{count} from the end"
    raise InputError("--frame", f"{frame}; {file} has {have}", numbers)


def _with_cell(model: AtomicModel) -> AtomicModel:
    """The same model, if its cell is usable."""
    atoms = model.atoms
    cell = atoms.cell.array
    if not np.isfinite(cell).all():
        raise InputError(f"{model.name}: cell", f"{cell.tolist()}", "finite numbers")
    if (atoms.pbc & ~cell.any(axis=1)).any():
        found = f"{cell.tolist()} with pbc {atoms.pbc.tolist()}"
        raise InputError(f"{model.name}: cell", found, "a vector along each periodic direction")
    return model
