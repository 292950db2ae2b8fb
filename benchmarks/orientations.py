"""``python -m benchmarks.orientations [NUMBER [SEED]]``: medium-range order of turned models.

The amorphous solute centres of the published glass particle, each time turned at random and with
the atoms in another order: networks of five and more centres by lattice, how many networks are not
those of the first orientation atom for atom, and the spread of the counts. About 75 s of processor
time for an orientation.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import ase
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from aet_port.structure.medium_range.correction import find_mro
from aet_port.structure.medium_range.search import TYPES
from aet_port.validation.published_mro import deposited_networks
from matlab_reference import locate_reference

Networks = frozenset[tuple[str, frozenset[int]]]


def orientations(
    centres: ase.Atoms, number: int, seed: int
) -> Iterator[tuple[dict[str, int], Networks]]:
    """Counts by lattice, and the networks by their atoms' numbers, of each random orientation."""
    rng = np.random.default_rng(seed)
    for _ in range(number):
        order = rng.permutation(len(centres))
        turned = Rotation.random(random_state=rng).apply(centres.positions[order])
        found = find_mro(turned, threads=1)
        networks = frozenset(
            (one.lattice, frozenset(order[one.atoms].tolist())) for one in found.networks
        )
        yield found.counts(), networks


def spread(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Largest deviation from the mean count of each lattice (columns), relative to it."""
    return np.asarray(np.abs(counts / counts.mean(axis=0) - 1).max(axis=0))


def main(number: int = 10, seed: int = 0) -> None:
    """Print a table."""
    centres, _ = deposited_networks(locate_reference)
    print(f"| orientation | {' | '.join(TYPES)} | all | other than in the first | time |")
    print("|" + "---|" * (len(TYPES) + 4), flush=True)
    counts, first, begun = [], None, time.process_time()
    for turn, (found, networks) in enumerate(orientations(centres, number, seed), start=1):
        first = networks if first is None else first
        counts.append([found[name] for name in TYPES])
        seconds, begun = time.process_time() - begun, time.process_time()
        cells = [*counts[-1], len(networks), len(networks ^ first), f"{seconds:.0f} s"]
        print(f"| {turn} | {' | '.join(map(str, cells))} |", flush=True)
    shares = " | ".join(f"{100 * one:.1f} %" for one in spread(np.array(counts)))
    print(f"| spread | {shares} | | | |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
