"""The configuration of a run: one TOML file, every key checked before any work starts."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from aet_port.errors import DataFileError, InputError

Resolve = Callable[[str], Path]
REFERENCE = "reference:"


@dataclass(frozen=True)
class Sample:
    """``[sample]``: its name, its species, the pixel size in angstrom, where the data come from."""

    name: str
    species: str
    pixel_size: float | None = None
    kind: str = "experiment"


@dataclass(frozen=True)
class Input:
    """``[input]``: files of projections and angles; sub-areas of a scanned film if any.

    With ``areas`` the projections' path holds ``{area}``, ``placement`` names the table of
    sub-area centres and half sizes (CropCen, CropHalf, 1-based pixels), and ``volume_shape`` is
    that of the whole film in voxels.
    """

    projections: str
    angles: str
    projections_variable: str | None = None
    angles_variable: str | None = None
    areas: tuple[int, ...] = ()
    placement: str | None = None
    volume_shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Reconstruct:
    """``[reconstruct]``: see :func:`aet_port.resire.reconstruct`."""

    iterations: int = 200
    oversampling: float | tuple[float, ...] = 3.0
    step: float = 2.0
    extended: bool = False
    thickness: int | None = None
    positivity: bool = True
    support: str | None = None
    mask: str | None = None
    initial: str | None = None
    method: str = "fourier-slice"
    precision: str = "single"


@dataclass(frozen=True)
class Trace:
    """``[trace]``: see :func:`aet_port.tracing.trace`."""

    upsampling: str = "linear"
    threshold: float = 0.0
    minimum_distance: float = 2.0
    max_peaks: int = 100_000


@dataclass(frozen=True)
class Select:
    """``[select]``: which peaks are atoms; see :func:`aet_port.tracing.remove_non_atoms`.

    ``support`` is a file, or ``"tight"`` for one made from the volume; ``rule`` is that of
    :func:`aet_port.tracing.select_atoms`.
    """

    support: str | None = None
    rule: str | None = None
    merge_distance: float = 3.0
    class_thirds: int = 4
    histogram_thirds: int = 7


@dataclass(frozen=True)
class Analyze:
    """``[analyze]``: see :func:`aet_port.structure.analyze`."""

    cutoff: float | None = None
    delta: float = 0.255


@dataclass(frozen=True)
class RunConfig:
    """All of a run; made by :func:`load_config`."""

    path: Path
    text: str
    sample: Sample
    input: Input
    reconstruct: Reconstruct = field(default_factory=Reconstruct)
    trace: Trace = field(default_factory=Trace)
    select: Select = field(default_factory=Select)
    analyze: Analyze = field(default_factory=Analyze)
    resolve: Resolve = Path

    def file(self, name: str, **parts: object) -> Path:
        """Path of a file the configuration names: relative to it, or ``reference:...``."""
        for key, value in parts.items():
            name = name.replace("{" + key + "}", str(value))
        if name.startswith(REFERENCE):
            return self.resolve(name[len(REFERENCE) :])
        return (self.path.parent / Path(name).expanduser()).resolve()

    def inputs(self) -> dict[str, Path]:
        """Every file the run reads, by role."""
        given: dict[str, Path] = {"angles": self.file(self.input.angles)}
        if self.input.areas:
            for area in self.input.areas:
                given[f"projections {area}"] = self.file(self.input.projections, area=area)
            given["placement"] = self.file(str(self.input.placement))
        else:
            given["projections"] = self.file(self.input.projections)
        for role in ("support", "mask", "initial"):
            name = getattr(self.reconstruct, role)
            if name is not None:
                given[role] = self.file(name)
        if self.select.support not in (None, "tight"):
            given["atom support"] = self.file(str(self.select.support))
        for role, path in given.items():
            if not path.is_file():
                raise DataFileError(path, "no such file", f"the {role} named in {self.path}")
        return given


_SECTIONS = {
    "sample": Sample,
    "input": Input,
    "reconstruct": Reconstruct,
    "trace": Trace,
    "select": Select,
    "analyze": Analyze,
}


def load_config(path: str | Path, resolve: Resolve = Path) -> RunConfig:
    """Read and check the TOML file of a run.

    Parameters
    ----------
    path
        The file.
    resolve
        Turns what stands behind ``reference:`` into a path.

    Raises
    ------
    DataFileError
        If the file is missing, is not TOML, lacks a section or key, or has one too many or one of
        the wrong kind.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise DataFileError(path, error.strerror or str(error), "a readable TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataFileError(
            path, f"no TOML ({error})", "a TOML file; see examples/ta_film.toml"
        ) from error
    unknown = sorted(set(table) - set(_SECTIONS))
    if unknown:
        raise DataFileError(path, f"a section [{unknown[0]}]", f"sections {', '.join(_SECTIONS)}")
    sections = {
        name: _section(path, name, kind, table.get(name, {})) for name, kind in _SECTIONS.items()
    }
    config = RunConfig(path.resolve(), text, resolve=resolve, **sections)
    given = config.input
    if given.areas:
        if (
            "{area}" not in given.projections
            or given.placement is None
            or len(given.volume_shape) != 3
        ):
            raise DataFileError(
                path,
                "areas without all of {area} in projections, placement and volume_shape",
                "the three of them, or no areas",
            )
    elif "{area}" in given.projections:
        raise DataFileError(path, "{area} in projections but no areas", "areas = [numbers]")
    return config


def _section(path: Path, name: str, kind: type, table: Any) -> Any:
    if not isinstance(table, dict):
        raise DataFileError(path, f"{name} = {table!r}", f"a section [{name}]")
    known = {f.name: f for f in fields(kind)}
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise DataFileError(path, f"{unknown[0]!r} in [{name}]", f"keys {', '.join(known)}")
    missing = [
        n
        for n, f in known.items()
        if f.default is MISSING and f.default_factory is MISSING and n not in table
    ]
    if missing:
        raise DataFileError(path, f"no {missing[0]!r} in [{name}]", f"{missing[0]} = ...")
    values = {
        key: _value(path, name, str(known[key].type), key, value) for key, value in table.items()
    }
    return kind(**values)


def _value(path: Path, section: str, annotation: str, key: str, value: Any) -> Any:
    """``value`` if it is of the annotated kind; lists become tuples, whole numbers may be reals."""
    kinds = [k.strip() for k in annotation.split("|")]
    if isinstance(value, bool):
        good = "bool" in kinds
    elif isinstance(value, int):
        good = "int" in kinds or "float" in kinds
    elif isinstance(value, float):
        good = "float" in kinds and bool(np.isfinite(value))
    elif isinstance(value, str):
        good = "str" in kinds
    elif isinstance(value, list):
        item = next((k[6:-6] for k in kinds if k.startswith("tuple[")), None)
        allowed = (int, float) if item == "float" else (int,)
        good = item is not None and all(
            isinstance(v, allowed) and not isinstance(v, bool) for v in value
        )
        value = tuple(value)
    else:
        good = False
    if not good:
        raise DataFileError(path, f"{key} = {value!r} in [{section}]", f"{annotation}")
    return value


def positive_pixel_size(config: RunConfig) -> float:
    """Pixel size of the sample in angstrom, given in the configuration.

    Raises
    ------
    InputError
        If it is not given.
    """
    if config.sample.pixel_size is None:
        raise InputError(
            f"{config.path}: pixel_size", "nothing", "pixel_size = ... in [sample], in angstrom"
        )
    return config.sample.pixel_size
