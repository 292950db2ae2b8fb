"""Files of a blind case: what everybody gets, and the truth, sealed by its SHA-256."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.errors import DataFileError, InputError, OutputError
from aet_port.core.files import partial_folder, sha256, sync_folder, sync_tree, write_whole
from aet_port.core.records import parse_record
from aet_port.io import read_model, write_model, write_tilt_series
from aet_port.io.arrays import existing_file, reading
from aet_port.simulation.tilt_series import simulate
from aet_port.validation.challenge_cases import RADIUS, ChallengeCase

PUBLIC, README, IMAGES, ANGLES = "case.toml", "README.txt", "images.mrc", "angles.txt"
SEALED = "truth.zip"
MODEL, RECORD = "truth.extxyz", "truth.json"
SEEDS = 2**31
LARGEST = 2**30  # bytes of the unpacked truth
TRUTH_FILE = f"the sealed truth of a case, with {MODEL} and {RECORD}"


@dataclass(frozen=True)
class PublicCase:
    """What ``case.toml`` says.

    Attributes
    ----------
    case
        Name of the recipe.
    species
        Symbols that occur.
    radius
        Largest distance of a pair in the score, angstrom.
    field
        Width along x and y of the atoms that count, angstrom; None: all.
    truth_sha256
        SHA-256 of the sealed truth.
    """

    case: str
    species: tuple[str, ...]
    radius: float
    field: tuple[float, float] | None
    truth_sha256: str


def make_challenge(
    case: ChallengeCase,
    folder: str | Path,
    truth: str | Path | None = None,
    seed: int | None = None,
) -> dict[str, Path]:
    """Make a blind case: a public folder, and the sealed truth elsewhere.

    Parameters
    ----------
    case
        The recipe.
    folder
        Public folder, which must not exist: ``images.mrc`` (electrons per pixel), ``angles.txt``,
        ``case.toml`` and ``README.txt``.
    truth
        Folder for ``truth.zip`` (the model, the seed and the true angles); beside the public one,
        its name with ``-truth`` behind it, unless given.
    seed
        Seed of sample and noise; a random one unless given. It is written only into the truth.

    Returns
    -------
    The public folder and the sealed truth, ``folder`` and ``truth``.

    Raises
    ------
    InputError
        If a folder is there already, or the truth would lie in the public one.
    MissingDependencyError
        If the sample needs LAMMPS and it is not installed.
    OutputError
        If a file can't be written.

    Notes
    -----
    MATLAB: none
    """
    public = Path(folder)
    sealed = Path(truth) if truth is not None else public.with_name(f"{public.name}-truth")
    if sealed.resolve().is_relative_to(public.resolve()):
        raise InputError("truth", f"{sealed}, inside the public folder", "a folder elsewhere")
    for one in (public, sealed / SEALED):
        if one.exists():
            raise InputError(str(one), "that it exists already", "another name")
    chosen = secrets.randbelow(SEEDS) if seed is None else seed
    model = case.make_sample(chosen)
    errors = case.settings.acquisition.changed(seed=chosen)
    made = simulate(model, case.tilts, case.settings.changed(acquisition=errors))
    counts = TiltSeries(
        np.asarray(made.series.images * _electrons(case), dtype=np.float32),
        case.tilts,
        case.settings.pixel_size,
        name=case.name,
    )
    record = {"case": case.name, "seed": chosen, "version": version("aet-port")}
    record |= case.settings.record() | made.truth()
    try:
        with partial_folder(public) as partial:
            parts = partial / public.name
            parts.mkdir()
            archive = partial / SEALED
            _seal(archive, model, record)
            write_tilt_series(parts / IMAGES, parts / ANGLES, counts)
            (parts / PUBLIC).write_text(_case_text(case, sha256(archive)), encoding="utf-8")
            (parts / README).write_text(_readme(case, counts), encoding="utf-8")
            sync_tree(parts)
            write_whole(sealed / SEALED, lambda copy: copy.write_bytes(archive.read_bytes()))
            os.replace(parts, public)
            sync_folder(public.parent)
    except OSError as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(public, reason, "free some space or choose another place") from error
    return {"folder": public, "truth": sealed / SEALED}


def read_case(folder: str | Path) -> PublicCase:
    """Read ``case.toml`` of a public folder.

    Raises
    ------
    DataFileError
        If it is missing or not that of a case.
    """
    expected = "the case file that `aet challenge make` wrote"
    file = existing_file(Path(folder) / PUBLIC, expected)
    with reading(file, expected):
        facts = tomllib.loads(file.read_text(encoding="utf-8"))
    for key in ("case", "species", "radius", "truth_sha256"):
        if key not in facts:
            raise DataFileError(file, f"no {key}", expected)
    with reading(file, expected):
        field = facts.get("field")
        return PublicCase(
            str(facts["case"]),
            tuple(map(str, facts["species"])),
            float(facts["radius"]),
            None if field is None else (float(field[0]), float(field[1])),
            str(facts["truth_sha256"]),
        )


def read_truth(path: str | Path, case: PublicCase) -> tuple[AtomicModel, dict[str, Any]]:
    """Read the sealed truth, after a check that it is the one that was sealed.

    Returns
    -------
    The model, and the record with seed and true angles.

    Raises
    ------
    DataFileError
        For another file, or one that is damaged.
    """
    file = existing_file(path, TRUTH_FILE)
    with reading(file, TRUTH_FILE):
        found = sha256(file)
    if found != case.truth_sha256:
        raise DataFileError(
            file, f"SHA-256 {found}", f"that of the truth of this case, {case.truth_sha256}"
        )
    with (
        reading(file, TRUTH_FILE),
        zipfile.ZipFile(file) as archive,
        tempfile.TemporaryDirectory() as folder,
    ):
        if archive.getinfo(MODEL).file_size > LARGEST:
            raise DataFileError(file, f"more than {LARGEST:,} bytes in {MODEL}", TRUTH_FILE)
        unpacked = Path(folder) / MODEL
        unpacked.write_bytes(archive.read(MODEL))
        model = replace(read_model(unpacked), name=str(file))
        return model, parse_record(archive.read(RECORD).decode())


def _electrons(case: ChallengeCase) -> float:
    """Incident electrons per pixel and image."""
    settings = case.settings
    return settings.acquisition.dose / len(case.tilts) * settings.pixel_size**2


def _seal(path: Path, model: AtomicModel, record: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        text = write_model(Path(folder) / MODEL, model).read_text(encoding="utf-8")
    contents = {MODEL: text, RECORD: json.dumps(record, indent=1, default=str) + "\n"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            # Without the time of day: the same truth has the same hash.
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def _case_text(case: ChallengeCase, digest: str) -> str:
    symbols = ", ".join(f'"{symbol}"' for symbol in case.species)
    acquisition = case.settings.acquisition
    lines = [
        "# A blind case of atomic electron tomography, see README.txt.",
        f'case = "{case.name}"',
        f'made_by = "aet-port {version("aet-port")}"',
        f"species = [{symbols}]",
        f'images = "{IMAGES}"',
        f'angles = "{ANGLES}"',
        f"pixel_size = {case.settings.pixel_size}  # angstrom",
        f"dose = {acquisition.dose}  # electrons per square angstrom, whole series",
        f"electrons_per_pixel = {_electrons(case):.6g}  # incident, in each image",
        f"read_noise = {acquisition.read_noise}  # electrons per pixel",
        f"angle_error = {acquisition.angle_error}  # degrees, standard deviation of each angle",
        f"radius = {RADIUS}  # angstrom: an atom nearer than this to a true one is found",
    ]
    if case.field is not None:
        x, y = case.field
        lines.append(f"field = [{x:g}, {y:g}]  # angstrom: only atoms in this field count")
    return "\n".join([*lines, f'truth_sha256 = "{digest}"']) + "\n"


def _readme(case: ChallengeCase, counts: TiltSeries) -> str:
    nx, ny = counts.detector
    acquisition = case.settings.acquisition
    angles: NDArray[np.float64] = np.asarray(counts.angles)
    exact = (
        f"They are nominal: the true ones differ by {acquisition.angle_error:g} degrees"
        " (standard deviation)."
        if acquisition.angle_error
        else "They are exact."
    )
    field = (
        f"\nThe sample is wider than the images. Only atoms with |x| < {case.field[0] / 2:g} and"
        f" |y| < {case.field[1] / 2:g}\nangstrom count, and atoms matched with them.\n"
        if case.field is not None
        else "\nThe whole sample is in every image.\n"
    )
    return f"""A blind case of atomic electron tomography: {case.name}

Given
  {IMAGES}   {len(counts)} simulated images of {nx} x {ny} pixels of {counts.pixel_size:g} angstrom.
               A pixel is the number of electrons on an annular dark-field detector,
               with counting noise and {acquisition.read_noise:g} electrons of read noise, after
               {_electrons(case):.5g} incident electrons. There may be a flat background.
               A section is an image; x runs along a row, y (the tilt axis) from row to row.
  {ANGLES}   Tilt angles phi, theta, psi in degrees, an image a line, theta from
               {angles[:, 1].min():g} to {angles[:, 1].max():g}. {exact}
               R = (R_z(phi) R_y(theta) R_x(psi))^T; (R r)_x,y is the place on the
               detector, in the directions x and y of the images; the beam is along R[2].
  {PUBLIC}    the same facts for programs.
{field}
Known: the species {", ".join(case.species)}. Not known: how many atoms, and where.

Wanted: the positions of all atoms in angstrom, with their species, as .xyz, .extxyz or .csv
(titles species,x,y,z), the origin on the rotation centre, pixel n // 2 (counted from 0).
If your program states how sure it is, add columns: sigma_x, sigma_y, sigma_z (standard
errors, angstrom), p_exists (probability that the atom exists), probability (of its species).

The score: pairs of a found and a true atom within {RADIUS:g} angstrom, one to one, give recall,
precision, species and RMSD; a common shift is removed. Stated errors and probabilities are
compared with the truth.

The truth is sealed. Its SHA-256 is in {PUBLIC}; `aet challenge score` checks it.
"""
