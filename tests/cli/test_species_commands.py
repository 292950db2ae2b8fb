"""``aet classify`` on a small drawn particle: files in, files out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from matplotlib.figure import Figure
from matplotlib.image import imread
from typer.testing import CliRunner

from aet_port.cli import classify as species_commands
from aet_port.cli.classify import classify_command
from aet_port.core.data import AtomicModel, Volume
from aet_port.core.errors import AetError
from aet_port.figures.species import class_histograms, write_class_figure
from aet_port.io import read_model, read_volume, write_model, write_volume
from aet_port.tracing import Peaks
from aet_port.tracing.edits import Edit, write_edits
from aet_port.tracing.peak_search import trace
from aet_port.tracing.species import Classification, classify

SYMBOLS = ("Co", "Pd", "Pt")
HEIGHTS = (1.0, 1.7, 2.6)
PIXEL = 0.5
Call = Callable[..., Any]


@pytest.fixture
def call() -> Call:
    """Call ``classify``; its JSON, or the error that it raised."""
    app = typer.Typer()
    app.command("classify", context_settings={"allow_extra_args": True})(classify_command)
    app.command("other")(lambda: None)  # a second command, that the first keep its name

    def run(*words: object) -> Any:
        result = CliRunner().invoke(app, ["classify", *map(str, words), "--json"])
        if isinstance(result.exception, AetError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AtomicModel]:
    """Folder with a volume and a model, and the truth."""
    rng = np.random.default_rng(6)
    places = np.stack(np.meshgrid(*[np.arange(5, 40, 6)] * 3, indexing="ij"), -1).reshape(-1, 3)
    places = places + rng.uniform(-0.4, 0.4, places.shape)
    kinds = rng.choice(3, len(places), p=[0.4, 0.4, 0.2])
    array = np.zeros((41, 40, 42), np.float32)
    for place, kind in zip(places, kinds, strict=True):
        x, y, z = (
            np.exp(-((np.arange(n) - p) ** 2) / (2 * 1.5**2))
            for n, p in zip(array.shape, place, strict=True)
        )
        array += HEIGHTS[kind] * rng.normal(1, 0.02) * x[:, None, None] * y[:, None] * z
    volume = Volume(array, PIXEL)
    truth = AtomicModel.from_positions(
        volume.to_positions(places), [SYMBOLS[k] for k in kinds], "truth"
    )
    folder = tmp_path_factory.mktemp("drawn")
    write_volume(folder / "volume.npy", volume)
    unknown = AtomicModel.from_positions(truth.positions, "X")
    write_model(folder / "traced.xyz", unknown)
    trace(volume).save(folder / "peaks.npz")
    return folder, truth


def test_species_and_figure(drawn: tuple[Path, AtomicModel], tmp_path: Path, call: Call) -> None:
    folder, truth = drawn
    out, picture = tmp_path / "model.extxyz", tmp_path / "classes.png"
    files = folder / "volume.npy", folder / "traced.xyz"
    facts = call(
        *files, "--species", "Co", "Pd", "Pt", "--pixel-size", PIXEL, "-o", out, "--figure", picture
    )
    model = read_model(out)
    assert model.species == truth.species
    np.testing.assert_array_equal(model.positions, truth.positions)
    arrays = model.atoms.arrays
    assert arrays["type"].tolist() == [SYMBOLS.index(s) + 1 for s in truth.species]
    assert (arrays["confidence"] > 0.99).all()
    assert facts["species"] == {s: truth.species.count(s) for s in SYMBOLS}
    assert facts["atoms"] == len(truth)
    assert facts["settled"]
    assert facts["unassigned"] == facts["non_atoms"] == 0
    assert facts["centres"]["Pt"] > facts["centres"]["Pd"] > facts["centres"]["Co"]
    assert np.ptp(imread(picture)[..., :3]) > 0.5
    again = call(*files, "--species", "Co,Pd,Pt", "--pixel-size", PIXEL, "-o", out, "--radius", 0)
    assert again["changed"] == []
    assert again["species"] == facts["species"]


def test_figure(drawn: tuple[Path, AtomicModel], tmp_path: Path) -> None:
    folder, truth = drawn
    found = classify(read_volume(folder / "volume.npy", PIXEL), truth.positions, SYMBOLS)
    one = write_class_figure(tmp_path / "one" / "a.svg", found)
    two = write_class_figure(tmp_path / "two" / "a.svg", found)
    assert one.read_bytes() == two.read_bytes()
    axes = Figure().add_subplot()
    class_histograms(axes, found, bins=30)
    every, *species = (patch.get_data() for patch in axes.patches)
    np.testing.assert_array_equal(every.values, np.sum([s.values for s in species], axis=0))
    assert [s.values.sum() for s in species] == [truth.species.count(s) for s in SYMBOLS]
    assert every.edges[0] == pytest.approx(found.intensities.min())
    assert every.edges[-1] == pytest.approx(found.intensities.max())
    np.testing.assert_allclose([line.get_xdata()[0] for line in axes.lines], found.centres)
    with pytest.raises(AetError, match=r"\.gif"):
        write_class_figure(tmp_path / "a.gif", found)


def test_peaks_of_trace(drawn: tuple[Path, AtomicModel], tmp_path: Path, call: Call) -> None:
    folder, truth = drawn
    out = tmp_path / "model.extxyz"
    files = folder / "volume.npy", folder / "peaks.npz"
    facts = call(*files, "--species", "Co,Pd,Pt", "--pixel-size", PIXEL, "-o", out)
    found = read_model(out)
    gaps = np.linalg.norm(found.positions[:, None] - truth.positions, axis=2)
    # Of voxels of 0.5; linear upsampling flattens the peaks. Measured 0.15.
    assert gaps.min(axis=0).max() < 0.2
    assert [truth.species[k] for k in gaps.argmin(axis=1)] == found.species
    assert facts["atoms"] == len(truth)


def test_edits_and_unassigned(drawn: tuple[Path, AtomicModel], tmp_path: Path, call: Call) -> None:
    folder, truth = drawn
    retyped = truth.species.index("Pt")
    removed = retyped + 3
    x, y, z = truth.positions[removed].tolist()
    edits = [
        Edit("remove", removed, reason="test"),
        Edit("retype", retyped, "Co"),
        Edit("add", species="X", position=(x, y, z)),
    ]
    path = write_edits(tmp_path / "edits.csv", edits)
    out = tmp_path / "model.extxyz"
    files = folder / "volume.npy", folder / "traced.xyz"
    common = ("--species", "Co,Pd,Pt", "--pixel-size", PIXEL, "-o", out)
    facts = call(*files, *common, "--edits", path)
    model = read_model(out)
    expected = truth.species
    expected[retyped] = "Co"
    expected.append(expected.pop(removed))
    assert model.species == expected
    assert facts["edits"] == 3
    assert model.atoms.arrays["confidence"][retyped] < 0.01
    facts = call(*files, *common, "--unassigned", 1)
    assert facts["unassigned"] == read_model(out).species.count("X")
    assert facts["unassigned"] == (read_model(out).atoms.arrays["confidence"] < 1).sum()


def test_rounds_that_do_not_settle_are_told(
    drawn: tuple[Path, AtomicModel],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: Call,
) -> None:
    folder, _ = drawn

    def flips(*words: Any, **options: Any) -> Classification:
        return replace(classify(*words, **options), settled=False, changes=(9, 4, 4))

    monkeypatch.setattr(species_commands, "classify", flips)
    files = folder / "volume.npy", folder / "traced.xyz"
    common = ("--species", "Co,Pd,Pt", "--pixel-size", PIXEL, "-o", tmp_path / "a.extxyz")
    app = typer.Typer()
    app.command()(classify_command)
    told = CliRunner().invoke(app, [*map(str, (*files, *common))])
    assert told.exit_code == 0
    assert told.stderr == (
        "aet: warning: 4 atoms still change species in the local rounds; "
        "see --radius, --unassigned\n"
    )
    assert call(*files, *common)["settled"] is False


def test_refused(drawn: tuple[Path, AtomicModel], tmp_path: Path, call: Call) -> None:
    folder, truth = drawn
    out = tmp_path / "model.extxyz"
    files = folder / "volume.npy", folder / "traced.xyz"
    common = ("--species", "Co,Pd,Pt", "--pixel-size", PIXEL, "-o", out)

    def refused(*words: object, match: str) -> None:
        with pytest.raises(AetError, match=match):
            call(*words)
        assert not out.exists()

    refused(*files, *common[:-1], tmp_path / "model.xyz", match=r"ending in \.extxyz")
    refused(*files, *common, "--figure", tmp_path / "a.gif", match=r"ending in \.png, \.svg")
    refused(*files, *common, "--edits", tmp_path / "none.csv", match="no such file")
    refused(*files, "--species", "Co,Qq", *common[2:], match="species: found 'Qq'")
    refused(*files, *common, "--non-atoms", "dark", match="non_atoms: found 'dark'")
    refused(*files, *common, "--radius", -1, match="radius: found -1")
    (tmp_path / "edits.csv").write_text("action,atom\nremove,9999\n")
    refused(*files, *common, "--edits", tmp_path / "edits.csv", match="atom 9999, of 216")
    away = truth.atoms.copy()
    away.positions[5] = 50
    write_model(tmp_path / "away.xyz", AtomicModel(away))
    refused(files[0], tmp_path / "away.xyz", *common, match="1 of 216 atoms outside: 5;")
    few = AtomicModel.from_positions(truth.positions[:2], "X")
    write_model(tmp_path / "few.xyz", few)
    refused(files[0], tmp_path / "few.xyz", *common, match="Co, Pd, Pt: found 2 distinct")
    peaks = Peaks.load(folder / "peaks.npz")
    values = vars(peaks) | {"shape": (9, 9, 9)}
    Peaks(**values).save(tmp_path / "other.npz")
    refused(files[0], tmp_path / "other.npz", *common, match=r"peaks of a volume of \(9, 9, 9\)")
    flagged = vars(peaks) | {"flags": np.full(len(peaks), -1, np.int8)}
    Peaks(**flagged).save(tmp_path / "bad.npz")
    refused(files[0], tmp_path / "bad.npz", *common, match="no accepted peak")


def test_model_is_not_written_over(
    drawn: tuple[Path, AtomicModel], tmp_path: Path, call: Call
) -> None:
    folder, truth = drawn
    model = tmp_path / "model.extxyz"
    write_model(model, truth)
    before = model.read_bytes()
    with pytest.raises(AetError, match="the model itself"):
        call(folder / "volume.npy", model, "--species", "Co", "--pixel-size", PIXEL, "-o", model)
    assert model.read_bytes() == before
