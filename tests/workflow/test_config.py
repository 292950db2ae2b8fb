"""The configuration of a run: what is taken, and what is refused before any work starts."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import get_args

import pytest

from aet_port.alignment.settings import RefineAnglesSettings
from aet_port.core.errors import DataFileError
from aet_port.detection.settings import DetectSettings
from aet_port.preprocessing.settings import PreprocessSettings
from aet_port.refinement.settings import RefineSettings
from aet_port.resire.settings import ReconstructSettings
from aet_port.simulation.settings import Acquisition, RawFrameSettings, SimulateSettings
from aet_port.tracing.settings import ClassifySettings, SelectSettings, TraceSettings
from aet_port.workflow.config import OF_PAPERS, RunConfig, load_config, parse_config
from aet_port.workflow.pipeline import stages_of
from aet_port.workflow.sections import Kind, SampleSettings, SyntheticSettings
from aet_port.workflow.toml_text import config_text
from mdb.deposits import KINDS

MINIMAL = """\
[sample]
name = "particle"
species = "Ta"

[input]
projections = "projections.mat"
angles = "angles.mat"
"""
AREAS = """\
[sample]
name = "film"
species = "Ta"

[input]
projections = "area_{area}.mat"
angles = "angles.mat"
areas = [1, 3]
placement = "placement.mat"
volume_shape = [40, 30, 20]
"""


def load(folder: Path, text: str) -> RunConfig:
    path = folder / "run.toml"
    path.write_text(text)
    return load_config(path)


def test_every_section_has_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)
    assert (config.sample.name, config.sample.species, config.sample.pixel_size) == (
        ("particle", "Ta", None)
    )
    assert (config.reconstruct, config.trace, config.select) == (
        ReconstructSettings(),
        TraceSettings(),
        SelectSettings(),
    )
    assert config.text == MINIMAL
    assert config.input.areas == ()


def test_stages_on_request(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)
    assert (config.refine, config.refine_angles, config.species) == (None, None, ("Ta",))
    added = "\n[refine]\nfolds = 5\n[refine_angles]\nmax_rounds = 3\n[classify]\nradius = 0\n"
    several = MINIMAL.replace('"Ta"', '["Co", "Pd"]') + "[select]\nsupport = 'tight'\n"
    config = load(tmp_path, several + added)
    assert config.refine == RefineSettings(folds=5)
    assert config.refine_angles == RefineAnglesSettings(max_rounds=3)
    assert config.classify == ClassifySettings(radius=0)
    assert config.species == ("Co", "Pd")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (AREAS + "[refine]\n", "[refine] with areas"),
        (AREAS + "[refine_angles]\n", "[refine_angles] with areas"),
        (MINIMAL + "[classify]\nthirds = 4\n", "[classify] for one species"),
        (MINIMAL + "[refine]\nmethod = 'published'\nfolds = 5\n", "folds with method"),
        (MINIMAL + "[detect]\ncomposition = {Cu = 1.0}\n", "composition in [detect]: Cu = 1"),
        (MINIMAL + "[refine]\nfolds = 1\n", "between 2 and"),
        (MINIMAL + "[refine]\nmethod = 'newton'\n", "'lbfgs' or 'published'"),
        (
            MINIMAL.replace('"Ta"', '["Co", "Pd"]').replace(
                "[input]", 'preset = "papers"\n[input]'
            ),
            "several species without a support",
        ),
        (MINIMAL.replace('"Ta"', '["Co", "Co"]'), "each species only once"),
        (MINIMAL.replace('"Ta"', "[]"), "a list of them"),
        (MINIMAL.replace('"Ta"', '["Co", "Qq"]'), "a list of them"),
    ],
)
def test_stages_that_cannot_be(tmp_path: Path, text: str, part: str) -> None:
    with pytest.raises(DataFileError) as caught:
        load(tmp_path, text)
    assert part in str(caught.value)


IN_SAMPLE = MINIMAL.replace("[input]", 'preset = "{}"\n\n[input]')


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        (MINIMAL, True),
        (MINIMAL + "[analyze]\ncutoff = 4\n", True),
        (MINIMAL + "[preprocess]\n[refine_angles]\n", True),
        (MINIMAL + "[detect]\nangles = true\n", True),
        ("preset = 'counts'\n" + MINIMAL, True),
        (IN_SAMPLE.format("counts"), True),
        ("preset = 'papers'\n" + MINIMAL, False),
        (IN_SAMPLE.format("papers"), False),
        *((MINIMAL + f"[{name}]\n", False) for name in OF_PAPERS if name != "classify"),
        (AREAS, True),
    ],
)
def test_the_chain_that_is_used(tmp_path: Path, text: str, counts: bool) -> None:
    config = load(tmp_path, text)
    assert config.from_counts == counts
    names = [stage.name for stage in stages_of(config)]
    finds = "detect sub-areas" if config.input.areas else "detect"
    assert (finds in names) == ("patch sub-areas" in names or "detect" in names) == counts
    assert ("reconstruct" in names) == ("trace" in names) == (not counts)
    if "angles = true" in text:
        assert config.detect == DetectSettings(angles=True)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        *(
            (f"preset = 'counts'\n{MINIMAL}[{name}]\n", f"[{name}] with preset = 'counts'")
            for name in OF_PAPERS
        ),
        (IN_SAMPLE.format("counts") + "[trace]\n", "[trace] with preset = 'counts'"),
        (MINIMAL + "[detect]\n[trace]\n", "[detect] with the chain of the papers"),
        ("preset = 'papers'\n" + MINIMAL + "[detect]\n", "[detect] with the chain of the papers"),
        ("preset = 'paper'\n" + MINIMAL, "preset = 'paper'"),
        (
            "preset = 'papers'\n" + IN_SAMPLE.format("counts"),
            "preset = 'papers' and another one in [sample]",
        ),
        (MINIMAL + "[detect]\nfdr = 0\n", "fdr = 0"),
        (MINIMAL + "[detect]\nangle = true\n", "expected 'angles'"),
    ],
)
def test_chains_do_not_mix(tmp_path: Path, text: str, part: str) -> None:
    with pytest.raises(DataFileError) as caught:
        load(tmp_path, text)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_values_are_taken(tmp_path: Path) -> None:
    added = """
[reconstruct]
iterations = 7
oversampling = [1.5, 3, 3]
step = 1
extended = true
[trace]
threshold = 1
[analyze]
cutoff = 4.12
"""
    config = load(tmp_path, MINIMAL + added)
    assert config.reconstruct == ReconstructSettings(
        iterations=7, oversampling=(1.5, 3, 3), step=1, extended=True
    )
    assert config.trace.threshold == 1
    assert config.analyze.cutoff == 4.12
    assert load(tmp_path, AREAS).input.areas == (1, 3)
    assert pickle.loads(pickle.dumps(config)) == config  # it travels to workers


def test_the_example_is_valid() -> None:
    path = Path(__file__).resolve().parents[2] / "examples" / "ta_film.toml"
    assert load_config(path).input.areas == (1, 2, 3)


def test_kinds_are_those_of_the_bank() -> None:
    assert set(get_args(Kind)) == set(KINDS)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[sample\n", ("invalid TOML", "line 1", "see examples/particle.toml")),
        (
            MINIMAL + "[refined]\n",
            ("an unknown section or key 'refined'", "expected 'refine'; all: sample, input"),
        ),
        ("stray = 1\n" + MINIMAL, ("'stray'", "one of sample, input")),
        (
            MINIMAL + "[trace]\ntreshold = 2\n",
            ("an unknown key 'treshold' in [trace]", "expected 'threshold'; all: upsampling"),
        ),
        (MINIMAL.replace('species = "Ta"\n', ""), ("no 'species' in [sample]", "species = ...")),
        ("", ("no 'name' in [sample]",)),
        ("trace = 3\n" + MINIMAL, ("trace = 3", "a section [trace]")),
        (MINIMAL.replace('"Ta"', '"Tq"'), ("species = 'Tq' in [sample]", "chemical symbol")),
        (MINIMAL.replace('"Ta"', '"X"'), ("species = 'X'", "chemical symbol")),
        (MINIMAL.replace('"Ta"', "73"), ("species = 73 in [sample]", "text")),
        (MINIMAL.replace('"particle"', '"two\\nlines"'), ("name = ", "text on one line")),
        (MINIMAL.replace('"particle"', '" "'), ("name = ' '", "text on one line")),
        (
            MINIMAL.replace("[input]", 'kind = "md"\n[input]'),
            ("kind = 'md' in [sample]", "'experiment', 'md_snapshot' or 'synthetic'"),
        ),
        (MINIMAL.replace("[input]", "pixel_size = 0\n[input]"), ("pixel_size = 0", "between")),
        (MINIMAL.replace("[input]", "pixel_size = nan\n[input]"), ("pixel_size = nan", "number")),
        (MINIMAL + "[reconstruct]\niterations = 0\n", ("iterations = 0", "between 1 and")),
        (MINIMAL + "[reconstruct]\niterations = 1.5\n", ("iterations = 1.5", "a whole number")),
        (MINIMAL + "[reconstruct]\niterations = true\n", ("iterations = True", "a whole number")),
        (MINIMAL + "[reconstruct]\nextended = 1\n", ("extended = 1", "true or false")),
        (
            MINIMAL + "[reconstruct]\noversampling = 0.9\n",
            ("oversampling = 0.9 in [reconstruct]", "between 1 and"),
        ),
        (MINIMAL + "[reconstruct]\noversampling = [3, 3]\n", ("[3, 3]", "or a list of 3")),
        (
            MINIMAL + "[reconstruct]\noversampling = [3, 3, true]\n",
            ("oversampling", "a list of 3, each a number"),
        ),
        (MINIMAL + "[reconstruct]\nstep = -1\n", ("step = -1", "above zero")),
        (
            MINIMAL + '[reconstruct]\nprojector = "sirt"\n',
            ("'sirt'", "'fourier-slice', 'real-space' or 'radon'"),
        ),
        (MINIMAL + "[reconstruct]\nn_z = 0\n", ("n_z = 0", "between 1 and", "(voxels)")),
        (MINIMAL + '[trace]\nupsampling = "cubic"\n', ("'cubic'", "'linear' or 'spline'")),
        (MINIMAL + "[trace]\nthreshold = -1\n", ("threshold = -1", "between 0 and")),
        (MINIMAL + "[trace]\nmax_peaks = 0\n", ("max_peaks = 0", "between 1 and")),
        (MINIMAL + '[select]\nrule = "any"\n', ("'any'", "'labels'")),
        (MINIMAL + '[select]\nrule = "both"\n', ("rule = 'both'", "support = ...")),
        (MINIMAL + "[analyze]\ndelta = 0\n", ("delta = 0", "above zero")),
        (MINIMAL + "[analyze]\ncutoff = inf\n", ("cutoff = inf", "a number")),
        (AREAS.replace("[1, 3]", "[1, 1]"), ("areas = [1, 1]", "each area only once")),
        (AREAS.replace("[1, 3]", "[0]"), ("areas = [0]", "between 1 and")),
        (AREAS.replace("[1, 3]", '["1"]'), ("areas = ['1']", "a list, each a whole number")),
        (AREAS.replace("area_{area}", "area"), ("areas without all of {area}", "or no areas")),
        (AREAS.replace("[40, 30, 20]", "[40, 30]"), ("[40, 30]", "three numbers of voxels")),
        (AREAS.replace("areas = [1, 3]\n", ""), ("but no areas", "areas = [numbers]")),
        (AREAS.replace('placement = "placement.mat"\n', ""), ("areas without all of {area}",)),
        (MINIMAL + 'placement = "placement.mat"\n', ("placement or volume_shape, but no areas",)),
    ],
)
def test_refused(tmp_path: Path, text: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(DataFileError) as caught:
        load(tmp_path, text)
    for part in (str(tmp_path / "run.toml"), *parts):
        assert part in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="No such file"):
        load_config(tmp_path / "absent.toml")
    with pytest.raises(DataFileError, match="directory"):
        load_config(tmp_path)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(DataFileError, match="invalid TOML"):
        load_config(tmp_path / "bytes.toml")


def test_files_are_relative_to_the_configuration(tmp_path: Path) -> None:
    config = load(tmp_path, AREAS)
    assert config.file(config.input.projections, area=3) == tmp_path.resolve() / "area_3.mat"
    assert config.file("/data/angles.mat") == Path("/data/angles.mat")
    names = ("area_1.mat", "area_3.mat", "angles.mat", "placement.mat", "mask.mat", "tight.mat")
    with pytest.raises(DataFileError, match=r"angles\.mat.*no such file.*the angles named in"):
        config.inputs()
    for name in names:
        (tmp_path / name).touch()
    extra = '[reconstruct]\nmask = "mask.mat"\n[select]\nsupport = "tight.mat"\n'
    inputs = load(tmp_path, AREAS + extra).inputs()
    assert {role: path.name for role, path in inputs.items()} == {
        "angles": "angles.mat",
        "projections 1": "area_1.mat",
        "projections 3": "area_3.mat",
        "placement": "placement.mat",
        "reconstruct.mask": "mask.mat",
        "select.support": "tight.mat",
    }


def test_reference_files(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(MINIMAL.replace('"angles.mat"', '"reference:papers/angles.mat"'))
    config = load_config(path, lambda name: tmp_path / "data" / name)
    assert config.file(config.input.angles) == tmp_path / "data" / "papers" / "angles.mat"


SIMULATED = """\
[sample]
name = "particle"
species = "Ta"

[synthetic]
atoms = 50

[simulate]
pixel_size = 0.5

[simulate.acquisition]
dose = 0
"""


def test_runs_that_make_their_own_data(tmp_path: Path) -> None:
    config = load(tmp_path, SIMULATED)
    assert config.simulated
    assert config.simulate == SimulateSettings(pixel_size=0.5, acquisition=Acquisition(dose=0))
    assert config.synthetic == SyntheticSettings(atoms=50)
    assert config.inputs() == {}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (SIMULATED + MINIMAL[MINIMAL.index("[input]") :], "projections in [input] together with"),
        (SIMULATED.replace("[synthetic]\natoms = 50\n", ""), "[simulate] without one model"),
        (SIMULATED + "[input]\nmodel = 'a.xyz'\n", "[simulate] without one model"),
        (SIMULATED + "[simulate_frames]\n", "[simulate_frames] or [preprocess] without the other"),
        (SIMULATED + "[preprocess]\n", "[simulate_frames] or [preprocess] without the other"),
        (MINIMAL + "[synthetic]\n", "[synthetic] without [simulate]"),
        (MINIMAL + "model = 'a.xyz'\n", "model in [input] without [simulate]"),
        (MINIMAL.replace('projections = "projections.mat"\n', ""), "no 'projections' in [input]"),
        (SIMULATED.replace("dose = 0", "dosis = 0"), "'dosis' in [simulate.acquisition]"),
        (SIMULATED.replace("dose = 0", "dose = -1"), "dose = -1 in [simulate.acquisition]"),
    ],
)
def test_contradictions_about_the_source(tmp_path: Path, text: str, part: str) -> None:
    with pytest.raises(DataFileError) as caught:
        load(tmp_path, text)
    assert part in str(caught.value)


def test_text_of_settings_reads_back(tmp_path: Path) -> None:
    sections = {
        "sample": SampleSettings(name='with "quotes" and \\', species=("Co", "Pd")),
        "synthetic": SyntheticSettings(seed=3),
        "simulate": SimulateSettings(shape=(20, 30), acquisition=Acquisition(dose=0.0)),
        "simulate_frames": RawFrameSettings(shear=0.01),
        "preprocess": PreprocessSettings(strength="search", film_marker=(1, 2, 3, 4)),
        "reconstruct": ReconstructSettings(oversampling=(1.5, 3, 3), positivity=False),
        "select": SelectSettings(support="tight"),
        "refine": RefineSettings(),
    }
    text = config_text(sections, "title")
    assert text.startswith("# title\n")
    found = parse_config(text, tmp_path / "run.toml")
    assert {name: getattr(found, name) for name in sections} == sections


@pytest.mark.parametrize(
    ("section", "line", "named"),
    [
        ("reconstruct", "iterations = 1000000000000", "iterations = 1000000000000"),
        ("reconstruct", "iterations = 1e30", "iterations"),
        ("reconstruct", "oversampling = 1000", "oversampling = 1000"),
        ("reconstruct", "oversampling = 1e300", "oversampling = 1e+300"),
        ("sample", "pixel_size = 1e300", "pixel_size = 1e+300"),
        ("sample", "pixel_size = 1e-300", "pixel_size = 1e-300"),
    ],
)
def test_numbers_beyond_all_measure(section: str, line: str, named: str) -> None:
    text = f"{MINIMAL}\n[reconstruct]\n".replace(f"[{section}]\n", f"[{section}]\n{line}\n")
    with pytest.raises(DataFileError) as caught:
        parse_config(text, Path("run.toml"))
    assert caught.value.found.startswith(named)
    assert "\n" not in str(caught.value)
