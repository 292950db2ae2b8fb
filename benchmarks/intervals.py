"""Intervals of ``aet analyze --resample``, of glass particles of known structure.

``python -m benchmarks.intervals [large|small]``: a particle is displaced by normal errors of each
coordinate, several times anew; each of these models is resampled with its errors. "Line" is the
extrapolation to positions without errors, whether or not `aet analyze` would state it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.simulation import amorphous_particle
from aet_port.structure.analysis import analyze
from aet_port.structure.draws import model_errors
from aet_port.structure.quantities import quantities_of
from aet_port.structure.resampling import LEVELS, Draw, analyse_draw
from aet_port.structure.settings import DEFAULTS
from aet_port.structure.voronoi.tetrahedra import ALPHA

CUTOFF = 4.1  # angstrom
DRAWS = 10  # models of an interval
QUANTITIES = {
    "motifs 5": "pentagonal bipyramids",
    "motif_fraction 5": "their fraction of the motifs",
    "largest_network 5": "largest pentagonal network",
}
HEADS = (
    "errors", "quantity", "truth", "model: value; rms error", "drawn models: mean; sd",
    "line: mean; rms error", "line within 2 x interval", "truth within interval",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Atoms of a particle, errors of each coordinate in pm, number of models with such errors."""

    atoms: int
    errors: tuple[float, ...]
    models: int


CASES = {"large": Case(1000, (10.0, 15.0), 12), "small": Case(300, (5.0,), 24)}


def values_of(model: AtomicModel, sigma: float) -> NDArray[np.float64]:
    """Values at each level of each drawn model, shape (DRAWS, levels, quantities)."""
    found = analyze(model, cutoff=CUTOFF, order=False)
    own = quantities_of(found)
    errors = model_errors(model.atoms, sigma)
    drawn = []
    for number in range(DRAWS):
        task = Draw(
            model.atoms,
            errors,
            0,
            number,
            LEVELS[1:],
            CUTOFF,
            DEFAULTS.delta,
            ALPHA * CUTOFF,
            False,
        )
        rows, why = analyse_draw(task)
        if rows is None:
            raise AssertionError(why)
        drawn.append([[row[name].value for name in QUANTITIES] for row in (own, *rows)])
    return np.array(drawn)


def rows(case: Case, sigma: float) -> list[str]:
    """Rows of one size of the errors."""
    truth = amorphous_particle(case.atoms, "Ta", seed=0)
    known = quantities_of(analyze(truth, cutoff=CUTOFF, order=False))
    every = []
    for seed in range(case.models):
        moved = np.random.default_rng([seed, 2026]).normal(0, sigma / 100, truth.positions.shape)
        model = AtomicModel.from_positions(truth.positions + moved, truth.species)
        every.append(values_of(model, sigma))
    values = np.array(every)  # models, draws, levels, quantities
    levels = np.array(LEVELS[1:])
    change = (values[:, :, 1:] - values[:, :, :1]).mean(axis=1)
    lines = values[:, 0, 0] - np.einsum("mlq,l->mq", change, levels) / (levels @ levels)
    drawn = values[:, :, LEVELS.index(1.0)]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=1)
    cells = []
    for k, (name, what) in enumerate(QUANTITIES.items()):
        true = known[name].value
        model, line = values[:, 0, 0, k], lines[:, k]
        off = np.abs(line - true) <= 2 * (high - low)[:, k]
        inside = (low[:, k] <= true) & (true <= high[:, k])
        cells.append(
            f"| {sigma:g} pm | {what} | {true:.4g} | {model.mean():.4g}; {_rms(model - true)} "
            f"| {drawn[..., k].mean():.4g}; {_short(drawn[..., k].std(axis=1, ddof=1).mean())} "
            f"| {line.mean():.4g}; {_rms(line - true)} | {off.sum()} of {case.models} "
            f"| {inside.sum()} of {case.models} |"
        )
    return cells


def _rms(values: NDArray[np.float64]) -> str:
    return _short(np.sqrt(np.mean(values**2)))


def _short(value: float) -> str:
    """Two digits, without an exponent."""
    return f"{float(f'{value:.2g}'):g}"


def main(names: list[str]) -> None:
    """Print the table of the cases asked for."""
    print("| " + " | ".join(HEADS) + " |\n|" + "---|" * len(HEADS), flush=True)
    for name in names or CASES:
        for sigma in CASES[name].errors:
            print("\n".join(rows(CASES[name], sigma)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
