"""Are error bars, existence probabilities and claimed fractions of wrong atoms right?

``python -m benchmarks.certainty [CASE ...]`` runs cases of ``benchmarks.atoms_from_counts`` as a
stranger would and compares what each model states with the truth. ``seeds N CASE ...`` makes each
case N times with other seeds and takes the atoms of all together. ``decoys`` instead of a case
puts wrong atoms into true models, takes right ones out, and asks the images.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.atomic_model import AtomicModel
from aet_port.detection.loop import detect, result_of, searched
from aet_port.detection.model_check import DOUBTFUL, check_model
from aet_port.detection.search import Search
from aet_port.simulation import amorphous_alloy
from aet_port.validation.evaluation import Evaluation, evaluate
from aet_port.validation.settings import ScoreSettings
from benchmarks.atoms_from_counts import (
    CASES,
    GLASS_LINEAR,
    RADIUS,
    THIRDS,
    Case,
    images_of,
    linear_case,
    silicon,
)

HEADS = (
    "case", "atoms", "rms z (x, y, z)", "in 95 % ellipsoids", "spurious claimed", "observed",
    "ECE of p_exists", "missed estimated", "observed", "wrong species expected", "observed",
    "search + trial",
)  # fmt: skip
DOSES = (0.3, 0.4, 0.6)
LEVEL = 0.95  # of ellipsoids
FARTHER = 1.5  # angstrom between a decoy and any atom
ALLOY = {"Co": 0.45, "Pd": 0.38, "Pt": 0.17}


def _dosed(dose: float) -> Case:
    """A dense random glass of 6,000 atoms at a fraction of the dose of the glass paper."""
    counts = {symbol: dose * count for symbol, count in GLASS_LINEAR.items()}
    case = linear_case(lambda seed: amorphous_alloy(6000, ALLOY, seed, 0.05))
    return replace(case, counts=counts)


EVERY = {
    **{
        name: CASES[name]
        for name in (
            "glass, sharp probe",
            "glass, B' = 6",
            "Si 208, 27 counts",
            "Si 20000, 14 counts",
            "SiGeSn 14000, 27 counts",
            "Ta slab",
            "C 7500, constant noise",
        )
    },
    **{f"alloy 6000, {dose:g} of the dose": _dosed(dose) for dose in DOSES},
}

DECOYS = {
    "Si 208, 27 counts": CASES["Si 208, 27 counts"],
    "Si 2000, 10 counts": replace(
        CASES["Si 20000, 14 counts"], sample=silicon(2000), counts={"Si": 10.0}
    ),
    "SiGeSn 2500, 13 counts": replace(
        CASES["SiGeSn 14000, 27 counts"],
        sample=lambda seed: amorphous_alloy(2500, THIRDS, seed, 0.045),
        counts={"Si": 13.0, "Ge": 52.0, "Sn": 113.0},
    ),
    "alloy 6000, 0.6 of the dose": EVERY["alloy 6000, 0.6 of the dose"],
}


def row(name: str, case: Case, seed: int = 2026, threads: int = 2) -> str:
    """One row of the table."""
    truth = case.sample(seed)
    symbols = sorted(set(truth.species), key=lambda one: case.counts[one])
    series = images_of(case, truth, seed)
    search, times = Search(series, symbols, case.settings, threads), [time.perf_counter()]
    state = searched(search)
    times.append(time.perf_counter())
    found = result_of(search, state)
    times.append(time.perf_counter())
    judged = judgement(found.model, truth, case)
    positions, existence = judged.calibration.positions, judged.calibration.existence
    if positions is None or existence is None or found.certainty is None:
        raise AssertionError(str(judged.calibration.missing))
    record = found.summary()["certainty"]
    precision, pairs = judged.precision, judged.precision.matching.matched
    wrong = pairs - round(precision.species_fraction * pairs)
    cells = [
        name,
        f"{len(found.model)}",
        ", ".join(f"{one:.2f}" for one in positions.rms),
        f"{100 * positions.coverage(LEVEL)[0]:.1f} %",
        f"{100 * record['spurious_fraction']:.2f} %",
        f"{100 * (1 - precision.precision):.2f} %",
        f"{existence.expected_error:.4f}",
        f"{100 * record['missed_fraction']:.2f} %",
        f"{100 * (1 - precision.recall):.2f} %",
        f"{found.summary()['expected_wrong_species']:.1f}",
        f"{wrong}",
        f"{times[1] - times[0]:.0f} + {times[2] - times[1]:.0f} s",
    ]
    return "| " + " | ".join(cells) + " |"


def judgement(model: AtomicModel, truth: AtomicModel, case: Case) -> Evaluation:
    """A model and what it states compared with the truth, inside the images."""
    field = None
    if case.shape is not None:
        field = (case.shape[0] * case.pixel_size, case.shape[1] * case.pixel_size)
    return evaluate(model, truth, ScoreSettings(radius=RADIUS, packings=0, field=field))


def pooled(name: str, case: Case, seeds: range, threads: int = 2) -> str:
    """The same case with several seeds, the atoms of all models together."""
    atoms, squares, inside, wrong = 0, np.zeros(3), 0.0, np.zeros(3)
    for seed in seeds:
        truth = case.sample(seed)
        symbols = sorted(set(truth.species), key=lambda one: case.counts[one])
        found = detect(images_of(case, truth, seed), symbols, case.settings, threads=threads)
        judged = judgement(found.model, truth, case)
        positions, number = judged.calibration.positions, judged.precision.matching.matched
        if positions is None:
            raise AssertionError(str(judged.calibration.missing))
        atoms += number
        squares += number * np.asarray(positions.rms) ** 2
        inside += number * positions.coverage(LEVEL)[0]
        existing = judged.found.atoms.arrays["p_exists"]
        wrong += len(existing), np.sum(1 - existing), len(existing) - number
    share = inside / atoms
    error = np.sqrt(share * (1 - share) / atoms)
    scores = ", ".join(f"{one:.2f}" for one in np.sqrt(squares / atoms))
    claimed, observed = 100 * wrong[1:] / wrong[0]
    cells = [
        name,
        f"{len(seeds)}",
        f"{atoms}",
        scores,
        f"{100 * share:.1f} +- {100 * error:.1f} %",
        f"{claimed:.2f}; {observed:.2f} %",
    ]
    return "| " + " | ".join(cells) + " |"


def decoys(name: str, seed: int = 2026, share: float = 0.05, threads: int = 2) -> str:
    """A true model with wrong atoms and without some right ones, checked against its images."""
    case = DECOYS[name]
    truth = case.sample(seed)
    series = images_of(case, truth, seed)
    rng = np.random.default_rng([seed, 7])
    count, places = round(share * len(truth)), truth.positions
    gone = rng.choice(len(truth), count, replace=False)
    tree, reach = cKDTree(places), np.linalg.norm(places, axis=1).max()
    wrong: list[NDArray] = []
    while len(wrong) < count:
        drawn = rng.normal(size=3)
        drawn *= reach * rng.uniform() ** (1 / 3) / np.linalg.norm(drawn)
        if tree.query(drawn)[0] > FARTHER and all(
            np.linalg.norm(drawn - w) > FARTHER for w in wrong
        ):
            wrong.append(drawn)
    kept = np.setdiff1d(np.arange(len(truth)), gone)
    kinds = [truth.species[k] for k in kept] + rng.choice(sorted(case.counts), count).tolist()
    given = AtomicModel.from_positions(np.vstack([places[kept], wrong]), kinds)
    begin = time.perf_counter()
    found = check_model(series, given, case.settings, threads=threads)
    seconds = time.perf_counter() - begin
    doubtful = found.model.atoms.arrays["p_exists"] < DOUBTFUL
    listed = np.empty((0, 3)) if found.missing is None else found.missing.positions
    distance = cKDTree(listed).query(places[gone])[0] if len(listed) else np.full(count, np.inf)
    far = cKDTree(places[gone]).query(listed)[0] > RADIUS if len(listed) else np.zeros(0, bool)
    cells = [
        name,
        f"{100 * doubtful[len(kept) :].mean():.1f} %",
        f"{100 * np.mean(distance <= RADIUS):.1f} %",
        f"{100 * doubtful[: len(kept)].mean():.2f} %",
        f"{far.sum()}",
        f"{seconds:.0f} s",
    ]
    return "| " + " | ".join(cells) + " |"


def main(names: list[str]) -> None:
    """Print the rows asked for."""
    if names[:1] == ["decoys"]:
        print("| case | decoys doubtful | deleted listed | right doubtful | others listed | time |")
        print("|---|---|---|---|---|---|", flush=True)
        for name in names[1:] or DECOYS:
            print(decoys(name), flush=True)
        return
    if names[:1] == ["seeds"]:
        heads = "case | seeds | right atoms | rms z (x, y, z) | in 95 % ellipsoids"
        print(f"| {heads} | spurious claimed; observed |\n|" + "---|" * 6, flush=True)
        for name in names[2:]:
            print(pooled(name, EVERY[name], range(2026, 2026 + int(names[1]))), flush=True)
        return
    print("| " + " | ".join(HEADS) + " |", flush=True)
    print("|" + "---|" * len(HEADS), flush=True)
    for name in names or list(EVERY):
        print(row(name, EVERY[name]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
