"""Perfect crystals and clusters have the numbers of theory, however they are placed and listed."""

from __future__ import annotations

from typing import Any

import ase
import numpy as np
import pytest
from ase.build import bulk
from ase.cluster import Icosahedron

from aet_port.structure import analyze
from tests.structure.samples import moved

SKEW = np.array([[1, 0, 0], [2, 1, 0], [-1, 1, 1]])


def alloy(base: ase.Atoms, symbols: list[str], repeat: tuple[int, int, int]) -> ase.Atoms:
    base.symbols = symbols
    return base.repeat(repeat)


def layered() -> ase.Atoms:
    """L1_0: layers of Cu and Au in turn, c/a below 1."""
    atoms = bulk("Cu", "fcc", a=3.96, cubic=True)
    atoms.set_cell([3.96, 3.96, 3.67], scale_atoms=True)
    symbols = ["Cu" if z < 0.1 else "Au" for z in atoms.positions[:, 2]]
    return alloy(atoms, symbols, (4, 4, 4))


CRYSTALS: dict[str, ase.Atoms] = {
    "fcc": bulk("Cu", "fcc", a=3.61, cubic=True).repeat(4),
    "hcp": bulk("Co", "hcp", a=2.51, c=2.51 * np.sqrt(8 / 3), orthorhombic=True).repeat((5, 3, 3)),
    "bcc": bulk("Fe", "bcc", a=2.87, cubic=True).repeat(5),
    "sc": bulk("Po", "sc", a=3.35).repeat(6),
    "diamond": bulk("Si", "diamond", a=5.43, cubic=True).repeat(3),
    "L1_2": alloy(bulk("Cu", "fcc", a=3.75, cubic=True), ["Au", "Cu", "Cu", "Cu"], (4, 4, 4)),
    "L1_0": layered(),
    "B2": alloy(bulk("CsCl", "cesiumchloride", a=2.98, cubic=True), ["Fe", "Al"], (5, 5, 5)),
}
CLUSTERS = {n: Icosahedron("Au", shells, 4.08) for n, shells in ((13, 2), (55, 3), (147, 4))}
# Q4 and Q6 averaged over the neighbours within the first shell (in bcc the first two), from the
# spherical harmonics; neighbours and faces of the Wigner-Seitz cell; nearest neighbours.
FCC = (0.19094065, 0.57452426)
THEORY: dict[str, tuple[tuple[float, float] | None, int, str, float]] = {
    "fcc": (FCC, 12, "<0,12,0,0>", 3.61 / np.sqrt(2)),
    "hcp": ((0.09722222, 0.48476169), 12, "<0,12,0,0>", 2.51),
    "bcc": ((0.03636965, 0.51068823), 14, "<0,6,0,8>", 2.87 * np.sqrt(3) / 2),
    "sc": ((0.76376262, 0.35355339), 6, "<0,6,0,0>", 3.35),
    "diamond": ((0.50917508, 0.62853936), 16, "<12,0,0,4>", 5.43 * np.sqrt(3) / 4),
    "L1_2": (FCC, 12, "<0,12,0,0>", 3.75 / np.sqrt(2)),
    "L1_0": (None, 12, "<0,4,8,0>", np.hypot(3.96, 3.67) / 2),
    "B2": ((0.03636965, 0.51068823), 14, "<0,6,0,8>", 2.98 * np.sqrt(3) / 2),
}
ORDER = {
    # An Au has 12 Cu around it, a Cu 4 Au and 8 Cu.
    "L1_2": {"Au-Au": 1, "Au-Cu": -1 / 3, "Cu-Au": -1 / 3, "Cu-Cu": 1 / 9},
    # 4 of 12 neighbours are alike.
    "L1_0": {"Au-Au": 1 / 3, "Au-Cu": -1 / 3, "Cu-Au": -1 / 3, "Cu-Cu": 1 / 3},
    # 6 of the 14 faces of a cell lead to an atom of the same kind.
    "B2": {"Al-Al": 1 / 7, "Al-Fe": -1 / 7, "Fe-Al": -1 / 7, "Fe-Fe": 1 / 7},
}
DIGITS = 1e-6  # summaries are rounded to six digits


def otherwise(atoms: ase.Atoms) -> ase.Atoms:
    """The same structure turned, shifted, listed in another order, and in a skewed cell."""
    result = moved(atoms, 5)
    if atoms.pbc.any():
        result.set_cell(SKEW @ np.asarray(result.cell))
        result.wrap()
    return result


def order_of(atoms: ase.Atoms) -> dict[str, Any]:
    return dict(analyze(atoms).summary()["short_range_order"])


@pytest.mark.parametrize("name", CRYSTALS)
def test_a_perfect_crystal(name: str) -> None:
    steinhardt, neighbours, index, nearest = THEORY[name]
    one, two = order_of(CRYSTALS[name]), order_of(otherwise(CRYSTALS[name]))
    for found in (one, two):
        if steinhardt is not None:
            assert (found["mean_q4"], found["mean_q6"]) == pytest.approx(steinhardt, abs=DIGITS)
        assert found["coordination_number"] == neighbours
        assert found["voronoi_top"] == {index: 1.0}
        assert found["peak_1"] == pytest.approx(nearest, abs=DIGITS)
        for pair, value in ORDER.get(name, {}).items():
            assert found["warren_cowley"][pair] == pytest.approx(value, abs=DIGITS)
        assert found["statistics"]["mean_q4"]["standard_error"] == pytest.approx(0, abs=DIGITS)
    assert two["mean_q4"] == pytest.approx(one["mean_q4"], abs=DIGITS)
    assert two["mean_q6"] == pytest.approx(one["mean_q6"], abs=DIGITS)
    assert two["reasons"] == one["reasons"]


def test_pairs_that_are_no_neighbours_have_no_bond_length() -> None:
    found = order_of(CRYSTALS["L1_2"])
    assert found["bond_length Au-Au"] is None
    assert "fewer than 100" in found["reasons"]["bond_length Au-Au"]
    nearest = pytest.approx(3.75 / np.sqrt(2), abs=DIGITS)
    assert found["bond_length Au-Cu"] == found["bond_length Cu-Cu"] == nearest


@pytest.mark.parametrize(("number", "cells"), [(13, 1), (55, 13), (147, 55)])
def test_an_icosahedral_cluster(number: int, cells: int) -> None:
    one, two = (
        analyze(a, population="all").summary()
        for a in (CLUSTERS[number], otherwise(CLUSTERS[number]))
    )
    assert one["motifs"] == two["motifs"]
    # One around each bond along the twelve fivefold axes.
    assert one["motifs"]["5"] == {13: 12, 55: 24, 147: 36}[number]
    first, second = one["short_range_order"], two["short_range_order"]
    assert first["inner_atoms"] == second["inner_atoms"] == cells
    assert first["coordination_number"] == second["coordination_number"] == 12
    assert first["voronoi_top"] == second["voronoi_top"]
    assert first["voronoi_top"]["<0,0,12,0>"] == pytest.approx(1 / cells, abs=DIGITS)
    for name in ("mean_q4", "mean_q6"):
        assert second[name] == pytest.approx(first[name], abs=DIGITS)
    # Of 30 and more bonds in a shell and 5 % shorter ones from shell to shell, the former.
    edge = 4.08 / np.sqrt(2)
    if number == 13:
        assert first["peak_1"] is None
        assert "42 pairs" in first["reasons"]["peak_1"]
    else:
        assert first["peak_1"] == second["peak_1"] == pytest.approx(edge, abs=DIGITS)


@pytest.mark.parametrize("lattice", ["fcc", "bcc"])
def test_the_surface_of_a_perfect_particle(lattice: str) -> None:
    """Its facets are planes of atoms, and distances lie on the edges of bins."""
    atoms = bulk("Fe", lattice, a=3.0, cubic=True).repeat(8)
    atoms.positions -= atoms.positions.mean(axis=0) + 0.01
    inside = atoms[np.linalg.norm(atoms.positions, axis=1) < 8]
    particle = ase.Atoms(inside.symbols, positions=inside.positions)
    one, two = (analyze(a).summary() for a in (particle, otherwise(particle)))
    for name in ("surface_atoms", "inner_atoms", "voronoi_top", "peak_1", "coordination_number"):
        assert one["short_range_order"][name] == two["short_range_order"][name], name
    assert one["cutoff"] == two["cutoff"]
    assert one["tetrahedra"] == two["tetrahedra"]
