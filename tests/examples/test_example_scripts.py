"""Each script of ``examples/`` runs as it is and finds what it sets out to find."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.uncertainty import uncertainty_arrays
from aet_port.io import read_model, read_tilt_series, write_model
from aet_port.simulation import amorphous_particle
from aet_port.validation.published_models import published_model
from aet_port.validation.published_sub_areas import inside_sub_areas

FOLDER = Path(__file__).resolve().parents[2] / "examples"
# What each one prints, in part; and the files that it leaves.
SCRIPTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "reconstruct_and_trace": (r"\d+ of 200 atoms found, RMSD \d+ pm", ("traced.xyz",)),
    "refine_positions": (r"before: .* pm\nafter: .* pm\n<Refinement: atoms 100", ()),
    "analyse_your_model": (r"300 atoms, cut-off 4\.\d\d angstrom \(first valley\)", ()),
    "bank_queries": (r"TaXX00001 new\nTaXX00002 new\n(.*\n)+\[\{'model_id'", ("bank.duckdb",)),
    "compare_with_simulation": (r"(nearest-by-\w+: rattled by 0\.[36] .*\n){2}", ()),
    "preprocess_frames": (r"frames 18.*\n.*images 9.*\nNoiseModel", ("clean.mat", "raw.mrc")),
    "calibrate_scan": (r"particles 36, .* scale 1\.00[56]\d+ \+- 0\.0000\d", ("scan.json",)),
    "motif_intervals": (
        r"errors: 10\.\d+ pm assumed .*\n(.*\n)+largest_network 5",
        ("packing_intervals.png",),
    ),
    "half_set_resolution": (r"0\.143 \d.*\n0\.5 \d.*\nhalf bit \d", ("fourier_shells.png",)),
    "difference_peaks": (r"100 atoms, one left out: peak 1 is 0\.", ("difference_maximum.png",)),
    "amorphous_halo": (r"halo 0\.[34]\d+ \+- 0\.0", ("power_profile.png",)),
    "stable_structure": (
        r"0 and 1: no difference .*\n.*0 and 2: differs .*\n.*1 and 2: differs",
        ("deviations_0_2.png",),
    ),
    "turntable": (r"turntable\.gif", ("turntable.gif",)),
    "density_and_networks": (
        r"400 atoms, cut-off .*\n(.* over mean, rest: .*\n){4}density.mrc slice.png\n",
        ("density.mrc", "slice.png", "mro_map.png", "mro_zone_axes.png"),
    ),
    "structure_factor_and_diffraction": (
        r"S\(q\): highest at 2\.\d+ .*\n<Diffraction(.*\n)+first peak: 2\.[89]\d angstrom",
        (),
    ),
    "species_recall": (
        r"known peaks, classified: 40 atoms(.*\n)+from counts: 40 atoms, 100\.0 %",
        ("species_recall.png",),
    ),
    "report": (r"report\.html: \d\.\d MB", ("report.html",)),
}
# Several seconds each; `make docs` runs them too, for their pictures.
LONG = {"motif_intervals", "species_recall", "density_and_networks", "report"}


# Figures of the papers from the published data: what is printed, in part.
PAPERS = {
    "film_fig2c": r"6615 disordered atoms, 374 inside\n(.*\n)*penta.+film 40\.4 %, inside 30\.2",
    "film_fig4bc": r"Ta_film: theta 10\.02 degrees\nPd1: theta 10\.6[56] ",
    "film_fig5f": r"Ta_film: 1837 pairs, mean 120\.7",
    "film_fig5j": r"\[135  38  35  28  24\] of 6615 ",
    "film_pair_distributions": r"Ta_film: first valley 4\.\d\d .*\nPd1: first valley 3\.9\d ",
    "film_supp_fig11": r"Ta_film: most frequent 5\d degrees\nPd1: most frequent 5\d ",
    "film_supp_fig22": r"width 3\.12 angstrom",
    "glass_fig1f": r"84\.54 % of 18356 atoms",
    "glass_fig1g": r"peaks \(angstrom\): 2\.7\d, 4\.7\d, ",
    "glass_fig2ac": r"'<0,4,4,3>': 4\.\d+, ",
    "glass_fig3g_4c": r"\{'fcc': 85, 'hcp': 71, 'bcc': 31, 'sc': 17\}",
}


def run_script(name: str, *words: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that the script leaves."""
    path = str(FOLDER / f"{name}.py")
    monkeypatch.setattr(sys, "argv", [path, *words])
    return runpy.run_path(path, run_name="__main__")


def test_every_script_is_tried_and_is_short() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == set(SCRIPTS)
    for name in SCRIPTS:
        assert len((FOLDER / f"{name}.py").read_text().splitlines()) <= 45, name


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in SCRIPTS],
)
def test_script(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    names = run_script(name, monkeypatch=monkeypatch)
    words, files = SCRIPTS[name]
    pictures = [*tmp_path.glob("*.png"), *tmp_path.glob("*.gif")]
    assert plt.get_fignums() or pictures  # of the gallery
    plt.close("all")
    printed = capsys.readouterr().out
    assert re.search(words, printed)
    assert set(files) <= {path.name for path in tmp_path.iterdir()}
    if name == "reconstruct_and_trace":
        # The missing wedge and the dose leave a few percent of the atoms unseen.
        assert names["found"].matched >= 190
        assert len(read_model("traced.xyz")) == len(names["model"])
    if name == "refine_positions":
        before, after = (float(number) for number in re.findall(r": ([\d.]+) pm", printed))
        assert after < before / 2
    if name == "preprocess_frames":
        assert len(read_tilt_series("clean.mat", "clean.txt").images) == 9


def test_a_model_of_your_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_model("mine.xyz", amorphous_particle(100, "Pd", seed=2))
    run_script("analyse_your_model", "mine.xyz", "3.9", monkeypatch=monkeypatch)
    assert "100 atoms, cut-off 3.90 angstrom (given)" in capsys.readouterr().out


def test_every_figure_of_the_papers_is_tried_and_is_short() -> None:
    paths = list((FOLDER / "papers").glob("*.py"))
    assert {path.stem for path in paths} == set(PAPERS)
    for path in paths:
        assert len(path.read_text().splitlines()) <= 45, path.stem


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("name", PAPERS)
def test_figure_of_the_papers(
    name: str,
    reference: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    run_script(f"papers/{name}", monkeypatch=monkeypatch)
    assert plt.get_fignums()
    plt.close("all")
    assert re.search(PAPERS[name], capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.reference
def test_motifs_of_a_run_in_sub_areas_of_the_film(
    reference: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    film = published_model(reference, "Ta_film")
    # As if a search had found the published atoms of the field, and none beyond.
    seen = film[inside_sub_areas(reference, film.positions, 0.0)]
    errors = uncertainty_arrays(np.full((len(seen), 1, 1), 0.02**2) * np.eye(3))
    model = AtomicModel.from_positions(seen.positions, "Ta", **errors)
    write_model("detected.extxyz", model)
    names = run_script("papers/film_fig2c", ".", "5", monkeypatch=monkeypatch)
    plt.close("all")
    assert f"found: {len(seen)} atoms, 374 disordered ones inside" in capsys.readouterr().out
    # What the field cuts off is too far from the atoms counted to matter.
    curve = names["found"].packing.curve
    assert np.array_equal(curve.populations[:, :4], names["of_part"].populations[:, :4])
    for fold in names["names"]:
        row = names["intervals"][f"population {fold}"]
        assert row.samples == 5
        assert row.low < row.high
