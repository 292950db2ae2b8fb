"""``aet classify`` on a small drawn particle: files in, files out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import Volume
from aet_port.core.errors import AetError
from aet_port.figures.species import class_histograms, write_class_figure
from aet_port.io import read_model, read_volume, write_model, write_volume
from aet_port.tracing import Peaks
from aet_port.tracing.edits import Edit, write_edits
from aet_port.tracing.peak_search import trace
from aet_port.tracing.species import Classification, classify
from aet_port.workflow import stage_functions
from tests.cli.samples import Aet, Refused, contents

SYMBOLS = ("Co", "Pd", "Pt")
HEIGHTS = (1.0, 1.7, 2.6)
PIXEL = 0.5
# Every peak that is drawn is an atom.
OPTIONS = ("--species", "Co,Pd,Pt", "--pixel-size", PIXEL, "--non-atoms", "none")
Asked = Callable[..., Any]
Drawn = tuple[Path, AtomicModel]


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


def test_species_and_figure(drawn: Drawn, tmp_path: Path, asked: Asked) -> None:
    folder, truth = drawn
    out, picture = tmp_path / "model.extxyz", tmp_path / "classes.png"
    files = folder / "volume.npy", folder / "traced.xyz"
    facts = asked("classify", *files, *OPTIONS, "-o", out, "--figure", picture)
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
    again = asked("classify", *files, *OPTIONS, "-o", out, "--radius", 0)
    assert again["changed"] == []
    assert again["species"] == facts["species"]


def test_figure(drawn: Drawn, tmp_path: Path) -> None:
    folder, truth = drawn
    volume = read_volume(folder / "volume.npy", PIXEL)
    found = classify(volume, truth.positions, SYMBOLS, non_atoms="none")
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


def test_peaks_of_trace(drawn: Drawn, tmp_path: Path, asked: Asked) -> None:
    folder, truth = drawn
    out = tmp_path / "model.extxyz"
    files = folder / "volume.npy", folder / "peaks.npz"
    facts = asked("classify", *files, *OPTIONS, "-o", out)
    found = read_model(out)
    gaps = np.linalg.norm(found.positions[:, None] - truth.positions, axis=2)
    # Of voxels of 0.5; linear upsampling flattens the peaks. Measured 0.15.
    assert gaps.min(axis=0).max() < 0.2
    assert [truth.species[k] for k in gaps.argmin(axis=1)] == found.species
    assert facts["atoms"] == len(truth)


def test_edits_and_unassigned(drawn: Drawn, tmp_path: Path, asked: Asked) -> None:
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
    facts = asked("classify", *files, *OPTIONS, "-o", out, "--edits", path)
    model = read_model(out)
    expected = truth.species
    expected[retyped] = "Co"
    expected.append(expected.pop(removed))
    assert model.species == expected
    assert facts["edits"] == 3
    assert model.atoms.arrays["confidence"][retyped] < 0.01
    facts = asked("classify", *files, *OPTIONS, "-o", out, "--unassigned", 1)
    assert facts["unassigned"] == read_model(out).species.count("X")
    assert facts["unassigned"] == (read_model(out).atoms.arrays["confidence"] < 1).sum()


def test_non_atoms_are_left_out(drawn: Drawn, tmp_path: Path, asked: Asked) -> None:
    folder, truth = drawn
    # Between the atoms, which lie 6 voxels apart, there is next to nothing.
    both = np.concatenate([truth.positions, truth.positions[:40] + 3 * PIXEL])
    write_model(tmp_path / "traced.xyz", AtomicModel.from_positions(both, "X"))
    out = tmp_path / "model.extxyz"
    files = (folder / "volume.npy", tmp_path / "traced.xyz")
    words = ("--species", "Co,Pd,Pt", "--pixel-size", PIXEL)
    facts = asked("classify", *files, *words, "-o", out)  # kmeans unless told otherwise
    assert (facts["atoms"], facts["non_atoms"]) == (len(truth), 40)
    assert read_model(out).species == truth.species


def test_rounds_that_do_not_settle_are_told(
    drawn: Drawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aet: Aet
) -> None:
    folder, _ = drawn

    def flips(*words: Any, **options: Any) -> Classification:
        return replace(classify(*words, **options), settled=False, changes=(9, 4, 4))

    monkeypatch.setattr(stage_functions, "classify", flips)
    files = folder / "volume.npy", folder / "traced.xyz"
    told = aet("classify", *files, *OPTIONS, "-o", tmp_path / "a.extxyz", "--json")
    assert told.code == 0
    assert told.err == (
        "aet: warning: 4 atoms still change species in the local reclassification; "
        "see --radius, --unassigned\n"
    )
    assert json.loads(told.out)["settled"] is False


@pytest.fixture
def spoilt(drawn: Drawn, tmp_path: Path) -> Path:
    """Folder of models, peaks and edits that can't be used."""
    folder, truth = drawn
    (tmp_path / "edits.csv").write_text("action,atom\nremove,9999\n")
    away = truth.atoms.copy()
    away.positions[5] = 50
    away.positions[6:9] = 52 + 2.0 * np.eye(3)  # not alone, which would be a warning
    write_model(tmp_path / "away.xyz", AtomicModel(away))
    write_model(tmp_path / "few.xyz", AtomicModel.from_positions(truth.positions[:2], "X"))
    write_model(tmp_path / "model.extxyz", truth)
    peaks = vars(Peaks.load(folder / "peaks.npz"))
    Peaks(**peaks | {"shape": (9, 9, 9)}).save(tmp_path / "other.npz")
    flags = np.full(len(peaks["flags"]), -1, np.int8)
    Peaks(**peaks | {"flags": flags}).save(tmp_path / "bad.npz")
    return tmp_path


@pytest.mark.parametrize(
    ("model", "words", "parts"),
    [
        ("traced.xyz", ("-o", "a.xyz"), ("a.xyz", "ending in .extxyz")),
        ("traced.xyz", ("--figure", "a.gif"), ("a.gif", "ending in .png, .svg")),
        ("traced.xyz", ("--edits", "none.csv"), ("none.csv", "no such file")),
        ("traced.xyz", ("--edits", "{spoilt}/edits.csv"), ("edit 1 of", "atom 9999, of 216")),
        ("traced.xyz", ("--species", "Co,Qq"), ("species: found 'Qq'",)),
        ("traced.xyz", ("--non-atoms", "dark"), ("--non-atoms: found 'dark'", "'kmeans'")),
        ("traced.xyz", ("--radius", -1), ("--radius: found -1.0", "between 0 and", "(angstrom)")),
        ("traced.xyz", ("--unassigned", 2), ("--unassigned: found 2.0", "between 0 and 1")),
        ("{spoilt}/away.xyz", (), ("4 of 216 atoms outside: 5, 6, 7, 8;",)),
        ("{spoilt}/few.xyz", (), ("Co, Pd, Pt: found 2 distinct",)),
        ("{spoilt}/other.npz", (), ("other.npz", "peaks of a volume of (9, 9, 9)")),
        ("{spoilt}/bad.npz", (), ("bad.npz", "no accepted peak")),
        (
            "{spoilt}/model.extxyz",
            ("-o", "{spoilt}/model.extxyz"),
            ("output", "the input model itself"),
        ),
    ],
)
def test_refused(
    drawn: Drawn,
    spoilt: Path,
    refused: Refused,
    model: str,
    words: tuple,
    parts: tuple[str, ...],
) -> None:
    folder, _ = drawn
    before = contents(spoilt)
    files = (folder / "volume.npy", folder / model.format(spoilt=spoilt))
    given = [str(word).format(spoilt=spoilt) for word in words]
    refused("classify", *files, *OPTIONS, "-o", spoilt / "out.extxyz", *given, parts=parts)
    assert contents(spoilt) == before
