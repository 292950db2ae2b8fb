"""Bad input to the stage commands: one line that names it and the fix, and nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.data import Volume
from aet_port.io import matlab, write_volume
from tests.cli.samples import PIXEL, Refused, Sample, truncated


def images(change: Callable[[NDArray], NDArray]) -> Callable[[Sample], None]:
    """Replace projections.npy by something else."""
    return lambda sample: np.save(sample.folder / "projections.npy", change(sample.series.images))


def angles(change: Callable[[NDArray], NDArray]) -> Callable[[Sample], None]:
    return lambda sample: _save_angles(sample, change(sample.series.angles))


def _save_angles(sample: Sample, table: NDArray) -> None:
    matlab.write_mat(sample.folder / "angles.mat", {"angles": table})


def with_value(array: NDArray, index: object, value: float) -> NDArray:
    changed = array.copy()
    changed[index] = value
    return changed


@pytest.mark.parametrize(
    ("spoil", "projections", "angle_file", "parts"),
    [
        (
            lambda sample: truncated(sample.folder / "projections.mat"),
            "projections.mat",
            "angles.mat",
            ("projections.mat", "save it again"),
        ),
        (
            lambda sample: truncated(sample.folder / "projections.npy"),
            "projections.npy",
            "angles.mat",
            ("projections.npy", "unreadable"),
        ),
        (
            lambda sample: None,
            "angles.mat",
            "angles.mat",
            ("angles.mat", "angles 20x3", "projections as one array (nx, ny, n)"),
        ),
        (
            lambda sample: matlab.write_images(
                sample.folder / "projections.mat", sample.series.images
            ),
            "projections.mat",
            "projections.mat",
            ("projections.mat", "projections 41x40x20", "angles as one array (n, 3)"),
        ),
        (
            lambda sample: None,
            "absent.mat",
            "angles.mat",
            ("absent.mat", "no such file", "a MATLAB file"),
        ),
        (
            lambda sample: None,
            "truth.xyz",
            "angles.mat",
            ("truth.xyz", "a file of type .xyz", ".mrc"),
        ),
        (
            angles(lambda table: table.T),
            "projections.mat",
            "angles.mat",
            ("angles.mat", "(3, 20)", "transpose it"),
        ),
        (
            angles(lambda table: table[:-1]),
            "projections.mat",
            "angles.mat",
            ("angles.mat", "19 rows", "20 rows, one per image of"),
        ),
        (
            angles(lambda table: with_value(table, (3, 1), np.nan)),
            "projections.mat",
            "angles.mat",
            ("angles.mat", "row 3"),
        ),
        (
            images(lambda stack: stack[:, :0]),
            "projections.npy",
            "angles.mat",
            ("projections.npy", "(20, 0, 40)", "(n, nx, ny)"),
        ),
        (
            images(lambda stack: with_value(stack, 7, 0.0)),
            "projections.npy",
            "angles.mat",
            ("projections.npy", "only zeros in image 7", "leave empty ones out"),
        ),
        (
            images(lambda stack: with_value(stack, (2, 3, 4), np.nan)),
            "projections.npy",
            "angles.mat",
            ("projections.npy", "1 NaN or infinite values", "(2, 3, 4)"),
        ),
        (
            images(lambda stack: stack[0]),
            "projections.npy",
            "angles.mat",
            ("projections.npy", "(41, 40)", "(n, nx, ny)"),
        ),
    ],
)
def test_unusable_tilt_series(
    sample: Sample,
    refused: Refused,
    spoil: Callable[[Sample], None],
    projections: str,
    angle_file: str,
    parts: tuple[str, ...],
) -> None:
    spoil(sample)
    before = sorted(sample.folder.iterdir())
    refused(
        "reconstruct",
        sample.folder / projections,
        sample.folder / angle_file,
        "-o",
        sample.folder / "volume.npy",
        "--pixel-size",
        PIXEL,
        "--json",
        parts=parts,
    )
    assert sorted(sample.folder.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--oversampling", "0.5"], ("--oversampling", "'0.5'", "between 1 and")),
        (["--oversampling", "nan"], ("--oversampling", "'nan'", "between 1 and")),
        (["--oversampling", "big"], ("--oversampling", "'big'", "a number", "or a list of 3")),
        (["--oversampling", "2,3"], ("--oversampling", "'2,3'", "or a list of 3")),
        (["--oversampling", "2", "3", "3"], ("unexpected", "(3 3)", "`aet reconstruct --help`")),
        (["stray.mat"], ("unexpected", "stray.mat", "`aet reconstruct --help`")),
        (["--iterations", "0"], ("--iterations: found 0", "between 1 and")),
        (["--iterations", "many"], ("--iterations: found 'many'", "a whole number")),
        (["--iterations", "1.5"], ("--iterations: found '1.5'", "a whole number")),
        (["--step", "0"], ("--step: found 0.0", "above zero")),
        (["--step", "nan"], ("--step: found nan", "above zero")),
        (["--step", "wide"], ("--step: found 'wide'", "a number")),
        (["--n-z", "0"], ("--n-z: found 0", "between 1 and", "(voxels)")),
        (["--threads", "0"], ("threads: found 0", "between 1 and")),
        (
            ["--projector", "magic"],
            ("--projector: found 'magic'", "'fourier-slice', 'real-space', 'radon'"),
        ),
        (["--precision", "half"], ("--precision: found 'half'", "'single', 'double'")),
        (["--pixel-size", "-1"], ("--pixel-size: found -1.0", "between 0.001 and 10000")),
        (["--support", "{folder}/absent.npy"], ("absent.npy", "no such file")),
        (["--support", "{folder}/small.npy"], ("support", "(3, 3, 3)", "(41, 40, 41)")),
        (["--mask", "{folder}/small.npy"], ("mask", "(3, 3, 3)", "(20, 41, 40)")),
        (["--initial", "{folder}/small.npy"], ("initial", "at least (41, 40, 41)")),
        (["--checkpoint", "{folder}/angles.txt"], ("angles.txt", "delete it to start again")),
        (["-o", "{folder}/volume.tex"], ("volume.tex", "a name ending in .npy, .mat")),
        (["-o", "{folder}"], ("{folder}", "a name ending in")),
        (["-o", "{folder}/angles.txt/volume.npy"], ("angles.txt is not a folder", "another place")),
        (["-o", "{folder}/angles.txt/a/b.npy"], ("angles.txt is not a folder", "another place")),
    ],
)
def test_unusable_settings(
    sample: Sample, refused: Refused, options: list[str], parts: tuple[str, ...]
) -> None:
    np.save(sample.folder / "small.npy", np.ones((3, 3, 3), np.float32))
    before = {path: path.read_bytes() for path in sample.folder.iterdir()}
    words = [word.format(folder=sample.folder) for word in options]
    refused(
        "reconstruct",
        sample.folder / "projections.mat",
        sample.folder / "angles.mat",
        *("-o", sample.folder / "volume.npy", "--json", *words),
        parts=tuple(part.format(folder=sample.folder) for part in parts),
    )
    assert {path: path.read_bytes() for path in sample.folder.iterdir()} == before


def test_a_checkpoint_of_another_series(sample: Sample, refused: Refused, aet: Callable) -> None:
    files = [sample.folder / "projections.mat", sample.folder / "angles.mat"]
    checkpoint = sample.folder / "state.npz"
    np.savez(checkpoint, key="another", done=3, volume=np.zeros(3), r1=0, r2=0)
    refused(
        *("reconstruct", *files, "-o", sample.folder / "volume.npy", "--checkpoint", checkpoint),
        *("--iterations", 1, "--json"),
        parts=(checkpoint, "other data or parameters", "delete it or use another output folder"),
    )
    assert checkpoint.exists()
    assert not (sample.folder / "volume.npy").exists()


def test_no_pixel_size(sample: Sample, refused: Refused) -> None:
    refused(
        "reconstruct",
        *(sample.folder / "projections.npy", sample.folder / "angles.txt"),
        *("-o", sample.folder / "volume.npy"),
        parts=("projections.npy", "--pixel-size"),
    )


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "volume.mrc"
    rng = np.random.default_rng(0)
    write_volume(path, Volume(rng.random((12, 11, 10), dtype=np.float32), PIXEL))
    return path


def not_a_number(path: Path) -> None:
    array = np.ones((9, 9, 9), np.float32)
    array[1, 2, 3] = np.nan
    matlab.write_mat(path.with_suffix(".mat"), {"reconstruction": array, "voxel_size": PIXEL})


@pytest.mark.parametrize(
    ("spoil", "name", "options", "parts"),
    [
        (not_a_number, "volume.mat", [], ("volume.mat", "NaN", "(1, 2, 3)", "finite numbers")),
        (truncated, "volume.mrc", [], ("volume.mrc", "truncated")),
        (
            lambda path: np.save(path.with_suffix(".npy"), np.ones((9, 9))),
            "volume.npy",
            ["--pixel-size", "1"],
            ("volume.npy", "(9, 9)", "(nx, ny, nz)"),
        ),
        (
            lambda path: np.save(path.with_suffix(".npy"), np.ones((9, 0, 9))),
            "volume.npy",
            ["--pixel-size", "1"],
            ("volume.npy", "(9, 0, 9)", "no axis empty"),
        ),
        (
            lambda path: np.save(path.with_suffix(".npy"), np.ones((9, 9, 9))),
            "volume.npy",
            [],
            ("volume.npy", "none in the file", "--pixel-size"),
        ),
        (lambda path: None, "absent.mrc", [], ("absent.mrc", "no such file")),
        (
            lambda path: None,
            "volume.mrc",
            ["--threshold", "-1"],
            ("--threshold: found -1.0", "between 0 and"),
        ),
        (
            lambda path: None,
            "volume.mrc",
            ["--threshold", "nan"],
            ("--threshold: found nan", "between 0 and"),
        ),
        (
            lambda path: None,
            "volume.mrc",
            ["--minimum-distance", "-2"],
            ("--minimum-distance: found -2.0", "between 0 and", "(angstrom)"),
        ),
        (lambda path: None, "volume.mrc", ["--upsampling", "cubic"], ("'cubic'", "spline")),
        (lambda path: None, "volume.mrc", ["--threads", "0"], ("threads", "between 1 and")),
        (lambda path: None, "volume.mrc", ["-o", "peaks.csv"], ("peaks.csv", ".npz, .mat, .xyz")),
        (
            lambda path: None,
            "volume.mrc",
            ["-o", "{folder}/volume.mrc/peaks.npz"],
            ("volume.mrc is not a folder", "another place"),
        ),
        (
            lambda path: None,
            "volume.mrc",
            ["--checkpoint", "{folder}/volume.mrc"],
            ("volume.mrc", "no readable arrays", "delete it to start again"),
        ),
        (lambda path: None, "volume.mrc", ["--threshold", "5"], ("no atoms", "at least one")),
    ],
)
def test_unusable_volume(
    volume: Path,
    refused: Refused,
    spoil: Callable[[Path], None],
    name: str,
    options: list[str],
    parts: tuple[str, ...],
) -> None:
    spoil(volume)
    before = sorted(volume.parent.iterdir())
    words = [word.format(folder=volume.parent) for word in options]
    refused(
        *("trace", volume.parent / name, "-o", volume.parent / "peaks.xyz", "--json", *words),
        parts=parts,
    )
    assert sorted(volume.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (None, ("model.xyz", "no such file")),
        ("3\n\nTa 0 0 0\n", ("model.xyz", "1 lines for 3 atoms")),
        ("1\n\nTa 0 zero 0\n", ("model.xyz", "'Ta 0 zero 0' in line 3")),
        ("1\n\nTa 0 0 nan\n", ("model.xyz", "NaN")),
        ("0\n\n", ("model.xyz", "no atoms")),
    ],
)
def test_unusable_models(
    tmp_path: Path, refused: Refused, text: str | None, parts: tuple[str, ...]
) -> None:
    model, bank = tmp_path / "model.xyz", tmp_path / "bank.duckdb"
    if text is not None:
        model.write_text(text)
    refused("analyze", model, "--bank", bank, parts=parts)
    refused("compare-models", model, model, parts=parts)
    refused("mdb", "deposit", model, "--bank", bank, parts=parts)
    assert not bank.exists()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--cutoff", -4), ("--cutoff: found -4.0", "above zero and at most", "(angstrom)")),
        (("--delta", "nan"), ("delta: found nan", "above zero")),
        (("--delta", 0.2, "--delta", -1), ("delta: found -1.0", "above zero")),
        (("--species", "Pd"), ("truth.xyz", "the file names its own")),
        (("--bank", "{folder}/bank.duckdb", "--kind", "guess"), ("'guess'", "'md_snapshot'")),
    ],
)
def test_unusable_analyses(
    sample: Sample, refused: Refused, words: tuple, parts: tuple[str, ...]
) -> None:
    before = sorted(sample.folder.iterdir())
    given = [str(word).format(folder=sample.folder) for word in words]
    refused("analyze", sample.folder / "truth.xyz", *given, parts=parts)
    assert sorted(sample.folder.iterdir()) == before


def test_a_bank_that_is_none(sample: Sample, refused: Refused) -> None:
    truth, no_bank = sample.folder / "truth.xyz", sample.folder / "angles.txt"
    text = no_bank.read_text()
    refused("analyze", truth, "--bank", no_bank, parts=(no_bank, "not a DuckDB file"))
    assert no_bank.read_text() == text


def test_a_radius_of_nothing(sample: Sample, refused: Refused) -> None:
    truth = sample.folder / "truth.xyz"
    parts = ("--radius: found 0.0", "above zero and at most", "(angstrom)")
    refused("compare-models", truth, truth, "--radius", "0", parts=parts)
