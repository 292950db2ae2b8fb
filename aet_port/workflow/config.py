"""The configuration of a run: one TOML file, every key checked before any work starts."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aet_port.alignment.settings import RefineAnglesSettings
from aet_port.core.arguments import checked
from aet_port.core.errors import DataFileError, InputError, reason
from aet_port.core.files import is_data_file
from aet_port.core.settings import Settings, nearest
from aet_port.detection.settings import DetectSettings
from aet_port.io.imod_files import BESIDE
from aet_port.preprocessing.settings import SERIES_BACKGROUND, PreprocessSettings
from aet_port.refinement.settings import RefineSettings
from aet_port.resire.settings import ReconstructSettings
from aet_port.simulation.settings import RawFrameSettings, SimulateSettings
from aet_port.structure.settings import AnalyzeSettings
from aet_port.tracing.composition_prior import check_composition
from aet_port.tracing.settings import ClassifySettings, SelectSettings, TraceSettings
from aet_port.validation.settings import CompareSettings
from aet_port.workflow.input_files import with_neighbours
from aet_port.workflow.sections import InputSettings, SampleSettings, SyntheticSettings

Resolve = Callable[[str], Path]
REFERENCE = "reference:"

SECTIONS: dict[str, type[Settings]] = {
    "sample": SampleSettings,
    "input": InputSettings,
    "synthetic": SyntheticSettings,
    "simulate": SimulateSettings,
    "simulate_frames": RawFrameSettings,
    "preprocess": PreprocessSettings,
    "refine_angles": RefineAnglesSettings,
    "detect": DetectSettings,
    "reconstruct": ReconstructSettings,
    "trace": TraceSettings,
    "select": SelectSettings,
    "classify": ClassifySettings,
    "refine": RefineSettings,
    "analyze": AnalyzeSettings,
    "compare": CompareSettings,
}
ON_REQUEST = (
    "synthetic",
    "simulate",
    "simulate_frames",
    "preprocess",
    "refine_angles",
    "refine",
)  # stages that are skipped if their section is missing
OF_PAPERS = ("reconstruct", "trace", "select", "classify", "refine")  # sections of that chain


@dataclass(frozen=True)
class RunConfig:
    """All settings of a run, as returned by :func:`load_config`."""

    path: Path
    text: str
    sample: SampleSettings
    input: InputSettings = field(default_factory=InputSettings)
    detect: DetectSettings = field(default_factory=DetectSettings)
    reconstruct: ReconstructSettings = field(default_factory=ReconstructSettings)
    trace: TraceSettings = field(default_factory=TraceSettings)
    select: SelectSettings = field(default_factory=SelectSettings)
    classify: ClassifySettings = field(default_factory=ClassifySettings)
    analyze: AnalyzeSettings = field(default_factory=AnalyzeSettings)
    compare: CompareSettings = field(default_factory=CompareSettings)
    synthetic: SyntheticSettings | None = None
    simulate: SimulateSettings | None = None
    simulate_frames: RawFrameSettings | None = None
    preprocess: PreprocessSettings | None = None
    refine_angles: RefineAnglesSettings | None = None
    refine: RefineSettings | None = None
    given: frozenset[str] = frozenset()
    resolve: Resolve = Path

    @property
    def from_counts(self) -> bool:
        """Whether atoms are found in the counts of the images, not in a reconstructed volume."""
        if self.sample.preset is not None:
            return self.sample.preset == "counts"
        return not self.given & set(OF_PAPERS)

    def file(self, name: str, **parts: object) -> Path:
        """Path of a file named in the configuration: relative to it, or ``reference:...``."""
        for key, value in parts.items():
            name = name.replace("{" + key + "}", str(value))
        if name.startswith(REFERENCE):
            return self.resolve(name[len(REFERENCE) :])
        return (self.path.parent / Path(name).expanduser()).resolve()

    def projections(self, area: int = 0) -> Path:
        """File with the projections, of one sub-area if there are any."""
        return self.file(str(self.input.projections), area=area)

    def frames(self) -> list[Path]:
        """Files of raw frames, or the folder that holds them, if the run preprocesses frames."""
        given = self.input.projections or ()
        return [self.file(name) for name in ((given,) if isinstance(given, str) else given)]

    def _frame_files(self) -> dict[str, Path]:
        """The frames and the files beside them that state their angles, by role."""
        named = self.frames()
        if len(named) == 1 and named[0].is_dir() and not is_data_file(named[0]):
            named = sorted(path for path in named[0].iterdir() if path.is_file())
        found: dict[str, Path] = {}
        for number, path in enumerate(named):
            found |= with_neighbours(f"frames {number}", path, self.input.transforms, named)
        return found

    @property
    def simulated(self) -> bool:
        """Whether the run simulates its own tilt series or raw frames."""
        return self.simulate is not None

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols of the sample, lightest first."""
        return self.sample.symbols

    def data_files(self) -> dict[str, Path]:
        """Measured data files by role; a run folder belongs to one set of them."""
        given: dict[str, Path] = {}
        if self.input.angles is not None:
            given["angles"] = self.file(self.input.angles)
        if self.input.model is not None:
            given["model"] = self.file(self.input.model)
        if self.simulated:
            return given
        if self.input.transforms not in (None, BESIDE):
            given["transforms"] = self.file(str(self.input.transforms))
        if self.preprocess is not None:
            given |= self._frame_files()
        elif self.input.areas:
            for area in self.input.areas:
                file = self.projections(area)
                given |= with_neighbours(f"projections {area}", file, self.input.transforms)
            given["placement"] = self.file(str(self.input.placement))
        else:
            given |= with_neighbours("projections", self.projections(), self.input.transforms)
        return given

    def setting_files(self) -> dict[str, Path]:
        """Files named in the settings of stages, by ``section.key``."""
        given: dict[str, Path] = {}
        if self.preprocess is not None and self.preprocess.calibration is not None:
            given["preprocess.calibration"] = self.file(self.preprocess.calibration)
        for role in ("support", "mask", "initial"):
            name = getattr(self.reconstruct, role)
            if name is not None:
                given[f"reconstruct.{role}"] = self.file(name)
        if self.select.support not in (None, "tight"):
            given["select.support"] = self.file(str(self.select.support))
        if self.select.edits is not None:
            given["select.edits"] = self.file(self.select.edits)
        return given

    def inputs(self) -> dict[str, Path]:
        """Every file the run reads, by role.

        Raises
        ------
        DataFileError
            If one is missing.
        """
        given = self.data_files() | self.setting_files()
        for role, path in given.items():
            if not is_data_file(path):
                raise DataFileError(path, "no such file", f"the {role} named in {self.path}")
        return given


@checked
def load_config(path: str | Path, resolve: Resolve = Path) -> RunConfig:
    """Read and check the TOML file of a run.

    Parameters
    ----------
    path
        The file.
    resolve
        Turns the part after ``reference:`` into a path.

    Returns
    -------
    The settings of all sections, with defaults for keys that the file leaves out.

    Raises
    ------
    DataFileError
        If the file is missing or not TOML, lacks a key, has an unknown key (the error names the
        nearest known one), a value of the wrong kind or out of bounds, or contradictory keys.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import aet_port as aet
    >>> text = "[sample]\\nname = 'particle'\\nspecies = 'Ta'\\n[synthetic]\\n[simulate]\\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "run.toml"
    ...     _ = path.write_text(text)
    ...     config = aet.load_config(path)
    >>> config.reconstruct.iterations
    200
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataFileError(path, error.strerror or str(error), "a readable TOML file") from error
    except ValueError as error:  # no text, or no path
        raise _no_toml(path, error) from error
    return parse_config(text, path, resolve)


def parse_config(text: str, path: Path, resolve: Resolve = Path) -> RunConfig:
    """Parse the text of a TOML file at ``path``.

    Raises
    ------
    DataFileError
        As in :func:`load_config`.
    """
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not TOML, a number too long, nested too deep
        raise _no_toml(path, error) from error
    if "preset" in table and isinstance(table.get("sample"), dict):
        top = table.pop("preset")
        if table["sample"].setdefault("preset", top) != top:
            found = f"preset = {top!r} and another one in [sample]"
            raise DataFileError(path, found, "only one of them")
    unknown = sorted(set(table) - set(SECTIONS))
    if unknown:
        meant = nearest(unknown[0], SECTIONS)
        raise DataFileError(path, f"an unknown section or key {unknown[0]!r}", meant)
    sections = {
        name: _section(path, name, kind, table.get(name, {}))
        for name, kind in SECTIONS.items()
        if name in table or name not in ON_REQUEST
    }
    config = RunConfig(path.resolve(), text, resolve=resolve, given=frozenset(table), **sections)  # type: ignore[arg-type]
    for found, expected in _contradictions(config):
        raise DataFileError(path, found, expected)
    return config


def _no_toml(path: Path, error: Exception) -> DataFileError:
    return DataFileError(
        path, f"invalid TOML ({reason(error)})", "a TOML file; see examples/particle.toml"
    )


def _section(path: Path, name: str, kind: type[Settings], table: Any) -> Settings:
    if not isinstance(table, dict):
        raise DataFileError(path, f"{name} = {table!r}", f"a section [{name}]")
    values: dict[str, Any] = dict(table)
    try:
        for key, value in table.items():
            inner = kind.model_fields[key].annotation if key in kind.model_fields else None
            if isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, Settings):
                values[key] = _section(path, f"{name}.{key}", inner, value)
        return kind(**values)
    except DataFileError:
        raise
    except InputError as error:
        raise DataFileError(path, f"{_said(error, table)} in [{name}]", error.expected) from error


def _said(error: InputError, table: Mapping[str, Any]) -> str:
    """What was found, as written in the file."""
    if error.found == "an unknown setting":
        return f"an unknown key {error.subject}"
    if error.found == "nothing":
        return f"no {error.subject!r}"
    if error.subject in table:
        value = table[error.subject]
        given = f"{error.subject} = {value!r}"
        try:
            same = ast.literal_eval(error.found) in (value, _plain(value))
        except (ValueError, SyntaxError):  # words
            same = error.found == repr(value)
        return given if same else f"{given}, {error.found}"
    return f"{error.found} for {error.subject}"


def _plain(value: Any) -> Any:
    return tuple(_plain(one) for one in value) if isinstance(value, list) else value


def _contradictions(config: RunConfig) -> Iterator[tuple[str, str]]:
    """Keys that contradict each other: what was found, what was expected."""
    given, frames = config.input, config.preprocess
    yield from _sources(config)
    if frames is not None:
        if given.tilt_axis is not None:
            yield "tilt_axis in [input] together with [preprocess]", "tilt_axis in [preprocess]"
        if given.background != SERIES_BACKGROUND:
            yield "background in [input] with [preprocess]", "background in [preprocess]"
        if frames.background_after_angles and config.refine_angles is None:
            yield "background_after_angles without [refine_angles]", "both of them"
        if frames.background_after_angles and frames.background is False:
            yield "background_after_angles, but background = false", "only one of them"
        if frames.background_after_angles and frames.crop is not None:
            yield "background_after_angles together with crop", "only one of them"
    if given.areas:
        template = isinstance(given.projections, str) and "{area}" in given.projections
        if not template or given.placement is None or not given.volume_shape:
            yield (
                "areas without all of {area} in projections, placement and volume_shape",
                "all three, or no areas",
            )
    elif "{area}" in str(given.projections) or given.placement or given.volume_shape:
        yield (
            "{area} in projections, placement or volume_shape, but no areas",
            "areas = [numbers], or none of these",
        )
    if config.from_counts:
        for name in sorted(config.given & set(OF_PAPERS)):
            yield f"[{name}] with preset = 'counts'", "preset = 'papers', or no such section"
        yield from _composition("detect", config.detect.composition, config.species)
    for name in ON_REQUEST:
        if given.areas and getattr(config, name) is not None:
            yield f"[{name}] with areas", f"projections of the whole sample, or no section [{name}]"
    if config.from_counts:
        return
    if "detect" in config.given:
        yield "[detect] with the chain of the papers", "preset = 'counts', or no such section"
    refine = config.refine
    if refine is not None and refine.method == "published" and refine.folds is not None:
        yield "folds with method = 'published' in [refine]", "folds with method = 'lbfgs'"
    if config.classify != ClassifySettings() and len(config.species) == 1:
        yield "[classify] for one species", "several species, such as ['Co', 'Pd', 'Pt']"
    if len(config.species) > 1:
        yield from _composition("classify", config.classify.composition, config.species)
    if len(config.species) > 1 and config.select.support is None:
        yield "several species without a support", "support = 'tight' or a file in [select]"
    if config.select.rule not in (None, "labels") and config.select.support is None:
        yield f"rule = {config.select.rule!r} in [select] without a support", "support = ..."


def _composition(
    section: str, fractions: dict[str, float] | None, species: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """A composition of other species, or fractions that are none."""
    if fractions is not None:
        try:
            check_composition(fractions, species)
        except InputError as error:
            yield f"composition in [{section}]: {error.found}", error.expected


def _sources(config: RunConfig) -> Iterator[tuple[str, str]]:
    """Contradictions about where the images come from."""
    given = config.input
    if config.simulated:
        if given.projections is not None:
            yield "projections in [input] together with [simulate]", "only one of them"
        if (given.model is None) == (config.synthetic is None):
            yield "[simulate] without one model", "model = ... in [input], or a section [synthetic]"
        if (config.simulate_frames is None) != (config.preprocess is None):
            yield "[simulate_frames] or [preprocess] without the other", "both, or neither"
        return
    for name in ("simulate_frames", "synthetic"):
        if getattr(config, name) is not None:
            yield f"[{name}] without [simulate]", "a section [simulate]"
    if given.model is not None:
        yield "model in [input] without [simulate]", "a section [simulate], or projections = ..."
    if given.projections is None:
        yield "no 'projections' in [input]", "projections = ..."
    if config.preprocess is None and isinstance(given.projections, tuple):
        yield "a list of projections in [input]", "one file, or raw frames and [preprocess]"
