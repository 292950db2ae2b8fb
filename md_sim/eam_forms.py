"""Embedded-atom potentials as analytic functions, from the parameters of their publications."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]
ZHOU_CUTOFF = 5.5  # angstrom
_TAPER = 0.4  # angstrom before the cut-off over which pair energy and density fall to zero
_BCC = ("Ta",)
_SITES = {
    "bcc": np.array([[0, 0, 0], [0.5, 0.5, 0.5]]),
    "fcc": np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]),
}


@dataclass(frozen=True, repr=False)
class EamForm(Shown):
    """An embedded-atom potential of one element as functions.

    The energy of an atom is F(sum of density(r)) + 1/2 sum of pair(r) over its neighbours.

    Attributes
    ----------
    element
        Symbol.
    pair
        Pair energy, eV, of distances in angstrom.
    density
        Density that an atom gives at a distance.
    embedding
        Embedding energy F, eV, of densities.
    cutoff
        Angstrom; beyond it pair energy and density are zero.
    lattice, lattice_constant
        Ground state, ``"bcc"`` or ``"fcc"``, and its lattice constant, angstrom.
    largest_density
        Up to where F is tabulated.
    """

    element: str
    pair: Curve
    density: Curve
    embedding: Curve
    cutoff: float
    lattice: str
    lattice_constant: float
    largest_density: float

    def _facts(self) -> dict[str, object]:
        return {
            "element": self.element,
            "lattice": self.lattice,
            "lattice constant": angstrom(self.lattice_constant),
            "cut-off": angstrom(self.cutoff),
        }


def lattice_vectors(lattice: str, reach: float) -> NDArray[np.float64]:
    """Vectors to the neighbours of an atom of a perfect crystal.

    Parameters
    ----------
    lattice
        ``"bcc"`` or ``"fcc"``.
    reach
        Up to what distance, in lattice constants.

    Returns
    -------
    Shape (k, 3), in lattice constants.
    """
    n = int(np.ceil(reach)) + 1
    corners = np.stack(np.meshgrid(*[np.arange(-n, n + 1)] * 3, indexing="ij"), axis=-1)
    vectors = (corners.reshape(-1, 1, 3) + _SITES[lattice]).reshape(-1, 3)
    square = (vectors**2).sum(axis=1)
    return vectors[(square > 0) & (square <= reach**2)]


def lattice_shells(lattice: str, reach: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distances of the neighbours of an atom of a perfect crystal, and how many there are of each.

    Parameters
    ----------
    lattice
        ``"bcc"`` or ``"fcc"``.
    reach
        Up to what distance, in lattice constants.

    Returns
    -------
    Shapes (k,): distances in lattice constants, ascending, and numbers.
    """
    # All squares are multiples of a quarter, exact in binary.
    square, number = np.unique(
        (lattice_vectors(lattice, reach) ** 2).sum(axis=1), return_counts=True
    )
    return np.sqrt(square), number


def crystal_energy(form: EamForm, lattice_constant: ArrayLike) -> NDArray[np.float64]:
    """Energy per atom of the perfect crystal, eV.

    Parameters
    ----------
    lattice_constant
        Angstrom, any shape.
    """
    a = np.atleast_1d(np.asarray(lattice_constant, dtype=np.float64))
    shells, number = lattice_shells(form.lattice, form.cutoff / a.min())
    distance = a[..., None] * shells
    density = (number * form.density(distance)).sum(axis=-1)
    return form.embedding(density) + 0.5 * (number * form.pair(distance)).sum(axis=-1)


def ravelo_tantalum() -> EamForm:
    """Tantalum, model 1 of Ravelo *et al.*, Phys. Rev. B 88, 134101 (2013).

    Pair energy: a Morse-like well to r_s, a polynomial in r_c - r beyond it. Density:
    rho_0 [(r_c^4 - r^4)/(r_c^4 - r_0^4)]^4. The embedding energy makes the energy of the crystal
    follow Rose's equation, E = -E_c (1 + x) exp(-x) with x = alpha (a/a_0 - 1), at every lattice
    constant a; below a density of 0.2, which neither crystal nor liquid visits, it falls smoothly
    to zero.
    """
    cohesive, alpha, a0, cutoff = 8.1, 4.934, 3.304, 5.30
    depth, r1, steepness, seam, power = 0.80, 2.860, 4.70, 2.86, 7.5
    tail = (-0.117454135903, 0.123093411596, -0.043904209548, 0.005317833081)
    rho0, p, q = 0.077723, 4.0, 4.0
    r0 = np.sqrt(3) / 2 * a0

    def pair(r: NDArray[np.float64]) -> NDArray[np.float64]:
        x = steepness * (r / r1 - 1)
        left = np.clip(cutoff - r, 0, None)
        outer = depth * left**power * np.polynomial.polynomial.polyval(left, tail)
        return np.where(r <= seam, -depth * (1 + x) * np.exp(-x), outer)

    def density(r: NDArray[np.float64]) -> NDArray[np.float64]:
        fraction = np.clip(cutoff**p - np.asarray(r) ** p, 0, None) / (cutoff**p - r0**p)
        return rho0 * fraction**q

    def crystal(a: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Density at an atom of the crystal, and the embedding energy Rose's equation asks for."""
        shells, number = lattice_shells("bcc", cutoff / a.min())
        distance = a[:, None] * shells
        x = alpha * (a / a0 - 1)
        pairs = 0.5 * (number * pair(distance)).sum(axis=1)
        return (number * density(distance)).sum(axis=1), -cohesive * (1 + x) * np.exp(-x) - pairs

    largest = 8.5
    embedding = _embedding_of(crystal, smallest=0.2, widest=cutoff / (np.sqrt(3) / 2))
    return EamForm("Ta", pair, density, embedding, cutoff, "bcc", a0, largest)


def _embedding_of(
    crystal: Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]],
    smallest: float,
    widest: float,
) -> Curve:
    """Embedding energy of any density, by finding the lattice constant that has it."""

    # The density falls as the crystal widens: a curve through many crystals says nearly which one
    # has a density, and Newton's steps with its slope say it to the last digit.
    widths = np.linspace(0.2 * widest, 0.99 * widest, 4000)[::-1]
    nearly = PchipInterpolator(crystal(widths)[0], widths)
    slope_of = nearly.derivative()

    def exact(rho: NDArray[np.float64]) -> NDArray[np.float64]:
        a = nearly(rho)
        for _ in range(4):
            a = a - (crystal(a)[0] - rho) * slope_of(rho)
        return crystal(a)[1]

    step = 1e-4 * smallest
    below, at, above = exact(smallest + step * np.array([-1.0, 0.0, 1.0]))
    slope, bend = (above - below) / (2 * step), (above - 2 * at + below) / step**2
    # The cubic through zero that goes on without a kink in value, slope or curvature.
    powers = np.array([[1, 1, 1], [1, 2, 3], [0, 2, 6]], dtype=np.float64)
    cubic = np.linalg.solve(powers, [at, slope * smallest, bend * smallest**2])

    def embedding(rho: NDArray[np.float64]) -> NDArray[np.float64]:
        given = np.asarray(rho, dtype=np.float64)
        t = np.clip(given, 0, smallest) / smallest
        low = t * (cubic[0] + t * (cubic[1] + t * cubic[2]))
        inside = given > smallest
        result = np.array(low)
        if inside.any():
            result[inside] = exact(given[inside])
        return result

    return embedding


def zhou_elements() -> tuple[str, ...]:
    """Elements that :func:`zhou` knows."""
    return tuple(_zhou_table())


def zhou(element: str) -> EamForm:
    """Embedded-atom potential of Zhou, Johnson and Wadley, Phys. Rev. B 69, 144113 (2004).

    With x = r/r_e: pair = A exp(-alpha (x - 1))/[1 + (x - kappa)^20] - B exp(-beta (x - 1))/[1 +
    (x - lambda)^20], density = f_e exp(-beta (x - 1))/[1 + (x - lambda)^20], both brought smoothly
    to zero over the last 0.4 angstrom before 5.5 angstrom. The embedding energy is a cubic in
    rho/(0.85 rho_e) - 1 below 0.85 rho_e, a cubic in rho/rho_e - 1 up to 1.15 rho_e, and
    F_e (1 - eta ln(rho/rho_s)) (rho/rho_s)^eta above.

    Parameters
    ----------
    element
        Symbol.

    Raises
    ------
    InputError
        For an element that the table lacks.
    """
    table = _zhou_table()
    if element not in table:
        raise InputError("element", repr(element), f"one of {', '.join(table)}")
    p = table[element]
    names = [[f"Fn{k}" for k in range(4)], [f"F{k}" for k in range(4)]]
    low, middle = (np.array([p[name] for name in group]) for group in names)
    evaluate = np.polynomial.polynomial.polyval

    def taper(r: NDArray[np.float64]) -> NDArray[np.float64]:
        t = np.clip((ZHOU_CUTOFF - r) / _TAPER, 0, 1)
        return t**3 * (10 + t * (6 * t - 15))

    def term(
        r: NDArray[np.float64], height: float, decay: float, place: float
    ) -> NDArray[np.float64]:
        x = np.asarray(r) / p["re"]
        return height * np.exp(-decay * (x - 1)) / (1 + (x - place) ** 20) * taper(r)

    def pair(r: NDArray[np.float64]) -> NDArray[np.float64]:
        repulsion = term(r, p["A"], p["alpha"], p["kappa"])
        return repulsion - term(r, p["B"], p["beta"], p["lambda"])

    def density(r: NDArray[np.float64]) -> NDArray[np.float64]:
        return term(r, p["fe"], p["beta"], p["lambda"])

    def embedding(rho: NDArray[np.float64]) -> NDArray[np.float64]:
        given = np.asarray(rho, dtype=np.float64)
        seam = 0.85 * p["rhoe"]
        dense = np.maximum(given, seam) / p["rhos"]  # the logarithm is not asked below
        above = p["Fe"] * (1 - p["eta"] * np.log(dense)) * dense ** p["eta"]
        return np.select(
            [given < seam, given < 1.15 * p["rhoe"]],
            [evaluate(given / seam - 1, low), evaluate(given / p["rhoe"] - 1, middle)],
            above,
        )

    lattice = "bcc" if element in _BCC else "fcc"
    a0 = float(p["re"] * (2 / np.sqrt(3) if lattice == "bcc" else np.sqrt(2)))
    return EamForm(element, pair, density, embedding, ZHOU_CUTOFF, lattice, a0, 4.0 * p["rhoe"])


def _zhou_table() -> dict[str, dict[str, float]]:
    text = resources.files("md_sim").joinpath("zhou_2004.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {
        row["element"]: {name: float(value) for name, value in row.items() if name != "element"}
        for row in rows
    }
