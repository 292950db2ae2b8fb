"""How well do the atoms found in measured sub-areas of the Ta film agree, and with what they state?

``python -m benchmarks.film_sub_areas RUN [AREA ...]`` compares the run of
``examples/ta_film_atoms.toml`` with the published model and its sub-areas with each other; of each
AREA it also searches even and odd images apart (minutes each). ``RUN motifs [DRAWS]`` counts where
the published populations of motifs lie in intervals of the found ones.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.records import read_json
from aet_port.core.uncertainty import SIGMAS
from aet_port.io import read_model
from aet_port.structure import analyze, packing_by_distortion, resample
from aet_port.structure.bonds.nuclei import crystalline_atoms
from aet_port.structure.polytetrahedral.bipyramids import FOLDS
from aet_port.validation.half_models import search_halves
from aet_port.validation.matching import Matching, match_models
from aet_port.validation.published_models import CUTOFFS, published_bond_order, published_model
from aet_port.validation.published_sub_areas import inside_sub_areas
from aet_port.workflow.config import RunConfig, load_config
from aet_port.workflow.series import read_series
from matlab_reference import locate_reference, resolve_reference

RADIUS = 1.0  # angstrom, of a pair of atoms
MARGINS = (2.0, 6.12)  # angstrom from the border of the field
TIGHT = 0.255  # distortion of the paper
LEAST_DELTA = 0.2  # below it there are hardly any bipyramids
PAPER = 0.18 / np.sqrt(3)  # angstrom along each axis: the precision that the paper states


def main(words: list[str]) -> None:
    """Print the tables for a run."""
    folder = Path(words[0])
    config = load_config(folder / "config.toml", resolve_reference)
    if words[1:2] == ["motifs"]:
        motifs(folder, config, *(int(word) for word in words[2:]))
        return
    sub_areas(folder, config)
    published(folder, config)
    for word in words[1:]:
        halves(folder, config, int(word))


def sub_areas(folder: Path, config: RunConfig) -> None:
    """Each sub-area, and the atoms that two of them have in common."""
    record = read_json(folder / "detection.json")
    print("| sub-area | atoms | R1 (%) | stated error, pm |\n|---|---|---|---|")
    for area in config.input.areas:
        one = record["areas"][str(area)]
        error = one["expected_position_error_pm"]
        print(f"| {area} | {one['atoms']} | {100 * one['r1']:.1f} | {error:.1f} |")
    print("\n| sub-areas | in both | in one | rms distance, pm | rms z along x, y, z |")
    print("|---|---|---|---|---|")
    for one in record["overlaps"]:
        if one["common"]:
            scores = ", ".join(f"{z:.2f}" for z in one["rms_z_scores"])
            a, b = one["areas"]
            cells = f"{one['common']} | {one['alone']} | {one['rms_pm']:.1f} | {scores}"
            print(f"| {a} and {b} | {cells} |")


def published(folder: Path, config: RunConfig) -> None:
    """The atoms found inside the field against the published ones."""
    model = read_model(folder / "detected.extxyz")
    film = published_model(locate_reference, "Ta_film")
    areas = config.input.areas
    print(
        "\n| margin | published | found of them (%) | further (%) | rms distance | per axis, pm |"
    )
    print("|---|---|---|---|---|---|")
    pairs = match_models(model, film, RADIUS)
    for margin in MARGINS:
        there = inside_sub_areas(locate_reference, film.positions, margin, areas)
        here = inside_sub_areas(locate_reference, model.positions, margin, areas)
        inner = here[pairs.found_index] & there[pairs.truth_index]
        found = there[pairs.truth_index].sum() / there.sum()
        further = 1 - here[pairs.found_index].sum() / here.sum()
        rest = pairs.differences[inner]
        rms = 100 * np.sqrt((rest**2).mean(axis=0))
        print(
            f"| {margin:g} | {there.sum()} | {100 * found:.1f} | {100 * further:.1f} "
            f"| {np.sqrt((rms**2).sum()):.0f} | {rms[0]:.0f}, {rms[1]:.0f}, {rms[2]:.0f}; "
            f"z {_scores(rest, _variances(model, pairs.found_index[inner]) + PAPER**2)} |"
        )


def halves(folder: Path, config: RunConfig, area: int) -> None:
    """Even and odd images of a sub-area searched apart: the errors that their noise makes."""
    full = read_model(folder / f"areas/area_{area:02d}.extxyz")
    found = search_halves(
        read_series(config, area), full, config.species, config.detect, radius=RADIUS, threads=1
    )
    pairs: Matching = found.matching
    variances = _variances(found.first, pairs.found_index)
    variances = variances + _variances(found.second, pairs.truth_index)
    print(f"\nsub-area {area} by halves: {len(found.first)} and {len(found.second)} atoms,")
    print(
        f"{pairs.matched} common, {pairs.rmsd_pm:.1f} pm apart, R-free {found.r_free().mean():.3f}"
    )
    print("rms z-scores along x, y, z:", _scores(pairs.differences, variances))
    print("median |z| / 0.6745:", _scores(pairs.differences, variances, robust=True))
    print(found.counts_in_halves(), f"expected error {found.expected_error_pm:.1f} pm")


def motifs(folder: Path, config: RunConfig, draws: int = 50) -> None:
    """Populations of motifs of disordered atoms inside the field, found and published."""
    film = published_model(locate_reference, "Ta_film")
    model = read_model(folder / "detected.extxyz")
    cutoff, margin, areas = CUTOFFS["Ta_film"], MARGINS[1], config.input.areas
    crystalline = crystalline_atoms(film, published_bond_order(locate_reference, "Ta_film"))
    there = ~crystalline & inside_sub_areas(locate_reference, film.positions, margin, areas)
    curve = packing_by_distortion(film, cutoff, amorphous=there)
    pairs = match_models(model, film, RADIUS)
    known = np.isin(np.arange(len(film)), pairs.truth_index)
    further = np.setdiff1d(np.arange(len(model)), pairs.found_index)
    both = film + Atoms(
        positions=model.positions[further] + pairs.shift, symbols=["Ta"] * len(further)
    )
    chosen = np.concatenate([there, np.zeros(len(further), bool)])
    for name, atoms, mask in (
        ("published", film, there),
        ("those found", film[known], there[known]),
        ("with further ones", both, chosen),
    ):
        shares = packing_by_distortion(atoms, cutoff, [TIGHT], amorphous=mask).populations[0, :4]
        print(f"{name}: {mask.sum()} atoms, populations", *(f"{100 * one:.1f}" for one in shares))
    order = analyze(model, cutoff=cutoff).order
    if order is None:
        raise AssertionError("an analysis with order")
    here = order.population.mask
    here = here & inside_sub_areas(locate_reference, model.positions, margin, areas)
    found = resample(model, analyze(model, cutoff=cutoff, population=here), draws).intervals
    if found is None:
        raise AssertionError("a resampled analysis")
    print(f"{draws} drawn models, in percent")
    within = np.zeros(len(curve), int)
    for place, fold in enumerate(FOLDS[:4]):
        for row, delta in enumerate(curve.delta):
            one, true = found[f"population {fold} at {delta:g}"], curve.populations[row, place]
            within[row] += one.low <= true <= one.high
            numbers = [100 * x for x in (true, one.value, one.mean, one.low, one.high)]
            if delta >= LEAST_DELTA:
                print(fold, delta, *(f"{number:.1f}" for number in numbers))
    wide = curve.delta >= LEAST_DELTA
    print(f"published values in the interval: {within[wide].sum()} of {4 * wide.sum()}")


def _variances(model: AtomicModel, rows: NDArray) -> NDArray[np.float64]:
    return np.stack([model.atoms.arrays[name][rows] ** 2 for name in SIGMAS], axis=1)


def _scores(rest: NDArray, variances: NDArray, robust: bool = False) -> str:
    z = np.abs(rest) / np.sqrt(variances)
    one = np.median(z, axis=0) / 0.6745 if robust else np.sqrt((z**2).mean(axis=0))
    return ", ".join(f"{value:.2f}" for value in one)


if __name__ == "__main__":
    main(sys.argv[1:])
