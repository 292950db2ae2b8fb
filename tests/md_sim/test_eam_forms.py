"""Potentials made from published parameters: what their papers state, and their tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from aet_port.core.errors import DataFileError, InputError
from md_sim.eam_forms import EamForm, crystal_energy, lattice_shells, ravelo_tantalum, zhou
from md_sim.potentials import DEFAULTS, POTENTIALS, find_potential
from md_sim.setfl import read_potential, write_setfl


@pytest.mark.parametrize(
    ("lattice", "shells"),
    [
        ("bcc", {3 / 4: 8, 1: 6, 2: 12, 11 / 4: 24, 3: 8, 4: 6}),
        ("fcc", {1 / 2: 12, 1: 6, 3 / 2: 24, 2: 12, 5 / 2: 24, 3: 8, 7 / 2: 48, 4: 6}),
    ],
)
def test_shells_of_crystals(lattice: str, shells: dict[float, int]) -> None:
    distance, number = lattice_shells(lattice, 2.0)
    assert number.tolist() == list(shells.values())
    np.testing.assert_allclose(distance**2, list(shells), rtol=1e-15)


# Lattice constant (angstrom) and cohesive energy (eV) as published; Zhou's cut-off of its tables is
# not the one here, which moves the energy by 0.02 eV at most.
STATES = [
    ("Ta", ravelo_tantalum, 3.304, 8.10, 1e-6, 1e-9),
    ("Ta", lambda: zhou("Ta"), 3.3026, 8.089, 2e-4, 0.02),
    ("Pd", lambda: zhou("Pd"), 3.8907, 3.91, 5e-4, 0.02),
    ("Cu", lambda: zhou("Cu"), 3.6150, 3.54, 2e-4, 0.02),
]


@pytest.mark.parametrize(("element", "make", "constant", "energy", "near", "close"), STATES)
def test_ground_states(element, make, constant, energy, near, close) -> None:  # type: ignore[no-untyped-def]
    form = make()
    found = minimize_scalar(
        lambda a: crystal_energy(form, a)[0],
        bounds=(0.95 * constant, 1.05 * constant),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert form.element == element
    assert found.x == pytest.approx(constant, abs=near)
    assert -found.fun == pytest.approx(energy, abs=close)


def test_tantalum_follows_roses_equation() -> None:
    form = ravelo_tantalum()
    a = np.linspace(2.9, 4.2, 27)
    x = 4.934 * (a / 3.304 - 1)
    # As far as the bisection and the rounding of the sums go.
    np.testing.assert_allclose(crystal_energy(form, a), -8.1 * (1 + x) * np.exp(-x), atol=1e-9)
    assert form.embedding(np.zeros(1))[0] == 0
    # Below 0.2 it goes on without a kink.
    at = 0.2 + 1e-6 * np.array([-2.0, -1.0, 1.0, 2.0])
    slopes = np.diff(form.embedding(at)) / np.diff(at)
    np.testing.assert_allclose(slopes, slopes[1], atol=1e-3)


@pytest.mark.parametrize("make", [state[1] for state in STATES[1:]])
def test_zhou_is_smooth_to_its_end(make) -> None:  # type: ignore[no-untyped-def]
    form: EamForm = make()
    r = np.array([form.cutoff - 1e-3, form.cutoff, form.cutoff + 1])
    np.testing.assert_allclose(form.pair(r), 0, atol=1e-9)
    np.testing.assert_allclose(form.density(r), 0, atol=1e-9)
    # The pieces of the embedding energy meet where the paper lets them: value within 1e-3 eV.
    for seam in (0.85, 1.15):
        rho = seam * _density_of(form)
        below, above = form.embedding(np.array([rho * (1 - 1e-9), rho * (1 + 1e-9)]))
        assert below == pytest.approx(above, abs=1e-3)


def _density_of(form: EamForm) -> float:
    return form.largest_density / 4.0


def test_an_unknown_element() -> None:
    with pytest.raises(InputError, match=r"element: found 'Fe'; expected one of Ta, Pd, Cu"):
        zhou("Fe")


def test_tables_give_the_functions_back(tmp_path: Path) -> None:
    form = zhou("Pd")
    path = write_setfl(tmp_path / "pd.eam.alloy", form, "a comment", points=101)
    lines = path.read_text().splitlines()
    assert (lines[0], lines[3]) == ("a comment", "1 Pd")
    n, d_rho, points, d_r, cutoff = (float(word) for word in lines[4].split())
    assert (n, points, cutoff) == (101, 101, form.cutoff)
    assert lines[5].split() == ["46", "106.42", repr(form.lattice_constant), "fcc"]
    values = np.array(lines[6:], dtype=np.float64).reshape(3, 101)
    r = np.arange(101) * d_r
    np.testing.assert_allclose(values[0], form.embedding(np.arange(101) * d_rho), rtol=1e-15)
    np.testing.assert_allclose(values[1], form.density(r), rtol=1e-15)
    np.testing.assert_allclose(values[2], r * form.pair(r), rtol=1e-15)
    found = read_potential(path, ("Pd",))
    assert (found.style, found.elements, found.cutoff) == ("eam/alloy", ("Pd",), 5.5)


@pytest.mark.parametrize("element", DEFAULTS)
def test_every_default_is_whole(element: str, tmp_path: Path) -> None:
    file, known = find_potential(element, None, tmp_path)
    assert known is POTENTIALS[DEFAULTS[element]]
    assert file.elements == (element,)
    assert known.doi.startswith("10.1103/PhysRevB")


def test_choices_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="potential of Fe: found none"):
        find_potential("Fe", None, tmp_path)
    with pytest.raises(InputError, match=r"'pd-zhou-2004'; expected ta-ravelo-2013, ta-zhou-2004"):
        find_potential("Ta", "pd-zhou-2004", tmp_path)
    with pytest.raises(DataFileError, match="no such file"):
        find_potential("Ta", str(tmp_path / "none.eam.alloy"), tmp_path)


@pytest.mark.parametrize(
    ("name", "change", "match"),
    [
        ("a.txt", lambda text: text, "suffix '.txt'"),
        ("a.eam.alloy", lambda text: text[: len(text) // 2], "cut short"),
        ("a.eam.alloy", lambda text: "", "lines 4 and 5"),
        ("a.eam.alloy", lambda text: text.replace("1 Pd", "2 Pd"), "lines 4 and 5"),
        ("a.eam.alloy", lambda text: text.replace("1 Pd", "1 Qq"), "element 'Qq'"),
        ("a.eam.alloy", lambda text: text.replace("e-", "x-", 1), "in the tables"),
        ("a.eam.alloy", lambda text: text[:-30] + "\nnan\n", "cut short|in the tables"),
        ("a.eam", lambda text: text, "lines 2 and 3"),
    ],
)
def test_files_that_are_no_potential(tmp_path: Path, name: str, change, match: str) -> None:  # type: ignore[no-untyped-def]
    good = write_setfl(tmp_path / "good.eam.alloy", zhou("Pd"), "a comment", points=50)
    path = tmp_path / name
    path.write_text(change(good.read_text()))
    with pytest.raises(DataFileError, match=match):
        read_potential(path, ("Pd",))
    with pytest.raises(DataFileError, match="found a potential of Pd; expected a potential of Ta"):
        read_potential(good, ("Ta",))


def test_tables_are_written_whole_under_a_right_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ending in \.eam\.alloy"):
        write_setfl(tmp_path / "a.txt", zhou("Pd"), "x")
    with pytest.raises(InputError, match="one line"):
        write_setfl(tmp_path / "a.eam.alloy", zhou("Pd"), "x\ny")
    assert list(tmp_path.iterdir()) == []
