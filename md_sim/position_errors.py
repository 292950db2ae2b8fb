"""The effect of measurement error on Voronoi indices (glass paper, Methods).

A glass whose atoms are known exactly is cut to a particle, every atom is moved as far as
measured atoms are off, and the Voronoi indices before and after are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import maxwell

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.records import parsing
from aet_port.structure.neighbours import check_atoms, heights
from aet_port.structure.short_range import surface_atoms
from aet_port.structure.voronoi.analysis import AREA_FRACTION, Voronoi, voronoi_analysis

RMS = 0.21  # angstrom: the precision that the glass paper states
TOP = 10  # indices that are listed
_BINS = 1000  # of the histogram of a Gaussian
_FARTHEST = 5.0  # where it ends, in standard deviations of one coordinate
_WANTED = "a column of distances in angstrom, or two: evenly spaced middles of bins and counts"


@dataclass(frozen=True, repr=False)
class ErrorHistogram(Shown):
    """How far measured atoms lie from their true places.

    Attributes
    ----------
    edges
        Shape (k + 1,): bounds of the bins, angstrom, ascending, none negative.
    weights
        Shape (k,): how many atoms in each, or anything proportional to that.

    Raises
    ------
    InputError
        For other shapes, bounds or weights.

    Examples
    --------
    >>> import md_sim
    >>> md_sim.ErrorHistogram.gaussian(rms=0.21)
    <ErrorHistogram: bins 1000, errors 0 to 0.6062 angstrom>
    >>> md_sim.ErrorHistogram([0.0, 0.1, 0.2], [12, 4]).weights
    array([0.75, 0.25])
    """

    edges: NDArray[np.float64]
    weights: NDArray[np.float64]

    def __post_init__(self) -> None:
        edges, weights = (np.asarray(a, dtype=np.float64) for a in (self.edges, self.weights))
        if edges.ndim != 1 or len(edges) < 2 or weights.shape != (len(edges) - 1,):
            found = f"{edges.shape} bounds and {weights.shape} weights"
            raise InputError("error histogram", found, "one more bound than weights")
        if not np.isfinite(edges).all() or edges[0] < 0 or (np.diff(edges) <= 0).any():
            found = f"bounds from {edges.min():g} to {edges.max():g}"
            raise InputError("error histogram", found, "ascending distances without negative ones")
        if not np.isfinite(weights).all() or weights.min() < 0 or weights.sum() <= 0:
            raise InputError("error histogram", "unusable weights", "counts, not all of them zero")
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "weights", weights / weights.sum())

    def _facts(self) -> dict[str, object]:
        return {
            "bins": len(self.weights),
            "errors": f"{self.edges[0]:g} to {self.edges[-1]:.4g} angstrom",
        }

    @classmethod
    def gaussian(cls, rms: float = RMS) -> ErrorHistogram:
        """Of errors whose three coordinates are normal and independent.

        Parameters
        ----------
        rms
            Root mean square of the distances, angstrom.

        Raises
        ------
        InputError
            Unless it is above zero.
        """
        if not (np.isfinite(rms) and rms > 0):
            raise InputError("rms", f"{rms!r}", "a length above zero, in angstrom")
        edges = np.linspace(0, _FARTHEST, _BINS + 1)
        return cls(edges * rms / np.sqrt(3), np.diff(maxwell.cdf(edges)))

    @classmethod
    def of(cls, distances: ArrayLike, bins: int = 100) -> ErrorHistogram:
        """Of measured distances, shape (n,), angstrom.

        Raises
        ------
        InputError
            For no distances, or any that is negative or not finite.
        """
        given = np.asarray(distances, dtype=np.float64)
        if given.ndim != 1 or not given.size or not np.isfinite(given).all() or given.min() < 0:
            found = f"shape {given.shape}" + (f", least {given.min():g}" if given.size else "")
            raise InputError("distances", found, "finite numbers of at least 0")
        most = given.max()
        if most == 0:
            raise InputError("distances", "zeros only", "at least one above zero")
        weights, edges = np.histogram(given, bins=bins, range=(0.0, float(most)))
        return cls(edges, weights.astype(np.float64))

    @classmethod
    def read(cls, path: str | Path) -> ErrorHistogram:
        """From a text file: measured distances, one in a line, or middles of bins and counts.

        Parameters
        ----------
        path
            Angstrom; numbers divided by blanks or commas; ``#`` starts a remark.

        Raises
        ------
        DataFileError
            If it is missing or holds something else.
        """
        with parsing(path, "deviations", _WANTED):
            text = Path(path).read_text(encoding="utf-8")
            rows = [line.split("#")[0].replace(",", " ").split() for line in text.splitlines()]
            table = np.array([row for row in rows if row], dtype=np.float64)
            if table.ndim != 2 or table.shape[1] not in (1, 2):
                raise ValueError(f"a table of shape {table.shape}")
            if table.shape[1] == 1:
                return cls.of(table[:, 0])
            middle, weights = table.T
            step = float(np.ptp(middle)) / max(len(middle) - 1, 1)
            if step <= 0 or not np.allclose(np.diff(middle), step, rtol=1e-3):
                raise ValueError("middles of bins that are not evenly spaced")
            edges = np.append(middle - step / 2, middle[-1] + step / 2)
            edges[0] = 0.0 if abs(edges[0]) < 1e-3 * step else edges[0]
            return cls(edges, weights)

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Displacements of ``n`` atoms, shape (n, 3), angstrom, in random directions."""
        total = np.concatenate([[0.0], np.cumsum(self.weights)])
        distance = np.interp(rng.random(n) * total[-1], total, self.edges)
        direction = rng.normal(size=(n, 3))
        return direction * (distance / np.linalg.norm(direction, axis=1))[:, None]


@dataclass(frozen=True)
class IndexShift:
    """A Voronoi index before and after the errors: counts, fractions, and the place after.

    ``kept`` of the ``before`` atoms have it afterwards, too; ``place_after`` is 1 for the most
    abundant index, None if no atom has it any more.
    """

    index: tuple[int, ...]
    before: int
    after: int
    fraction_before: float
    fraction_after: float
    kept: int
    place_after: int | None


@dataclass(frozen=True, repr=False)
class ErrorStudy(Shown):
    """Voronoi indices of one sample without and with errors of its positions.

    Attributes
    ----------
    n_atoms
        Atoms of the sample.
    counted
        Atoms below the surface whose cell is closed without and with errors.
    rms
        Root mean square of the displacements, angstrom.
    top
        The ten indices that are most abundant without errors.
    kept
        Fraction of the counted atoms that keep their index.
    coordination
        Mean coordination number without and with errors.
    five_edged
        Fraction of faces with five edges without and with errors.
    distorted_icosahedra
        Fraction of distorted icosahedra without and with errors.

    Examples
    --------
    >>> import md_sim
    >>> from aet_port.simulation import amorphous_particle
    >>> found = md_sim.error_study(amorphous_particle(200, "Ta"), seed=1)
    >>> found.n_atoms, found.rms < 0.25
    (200, True)
    """

    n_atoms: int
    counted: int
    rms: float
    top: tuple[IndexShift, ...]
    kept: float
    coordination: tuple[float, float]
    five_edged: tuple[float, float]
    distorted_icosahedra: tuple[float, float]

    def _facts(self) -> dict[str, object]:
        return {
            "atoms": self.n_atoms,
            "counted": self.counted,
            "rms error": f"{100 * self.rms:.2f} pm",
            "indices kept": f"{100 * self.kept:.4g} %",
        }

    def summary(self) -> dict[str, Any]:
        """For a table or JSON: plain numbers and lists."""
        return {
            "atoms": self.n_atoms,
            "counted": self.counted,
            "rms_pm": round(100 * self.rms, 3),
            "kept": round(self.kept, 6),
            **{
                name: [round(value, 6) for value in getattr(self, name)]
                for name in ("coordination", "five_edged", "distorted_icosahedra")
            },
            "top": [
                {
                    "index": "<" + ",".join(map(str, row.index)) + ">",
                    "before": row.before,
                    "after": row.after,
                    "fraction_before": round(row.fraction_before, 6),
                    "fraction_after": round(row.fraction_after, 6),
                    "kept": row.kept,
                    "place_after": row.place_after,
                }
                for row in self.top
            ],
        }


@checked
def crop_sphere(atoms: AtomicModel | ase.Atoms, radius: float) -> ase.Atoms:
    """A particle cut from the middle of a periodic box, its own middle at the origin.

    Parameters
    ----------
    atoms
        The box.
    radius
        Angstrom, up to half the height of the cell.

    Returns
    -------
    The atoms within the sphere, without a cell.

    Raises
    ------
    InputError
        If the atoms are not periodic in all directions or the sphere does not fit.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> from ase.build import bulk
    >>> import md_sim
    >>> box = bulk("Ta", "bcc", a=3.3, cubic=True).repeat(6)
    >>> particle = md_sim.crop_sphere(box, radius=9.0)
    >>> len(box), len(particle), bool(particle.pbc.any())
    (432, 169, False)
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms)
    if not atoms.pbc.all():
        raise InputError("atoms", f"periodic directions {atoms.pbc.tolist()}", "a periodic box")
    most = float(heights(atoms).min() / 2)
    if not 0 < radius <= most:
        raise InputError("radius", f"{radius:g}", f"above 0, at most {most:.4g} angstrom")
    wrapped = atoms.copy()
    wrapped.wrap()
    places = wrapped.positions - np.asarray(atoms.cell).sum(axis=0) / 2
    inside = np.linalg.norm(places, axis=1) <= radius
    return ase.Atoms(atoms.numbers[inside], positions=places[inside])


@checked
def error_study(
    atoms: AtomicModel | ase.Atoms,
    errors: ErrorHistogram | None = None,
    seed: int = 0,
    *,
    cutoff: float | None = None,
    area_fraction: float = AREA_FRACTION,
) -> ErrorStudy:
    """Move every atom by a random error and compare its Voronoi index.

    Parameters
    ----------
    atoms
        A particle, or a periodic box.
    errors
        Histogram of the distances between measured and true places; of a Gaussian of 21 pm unless
        given.
    seed
        Of the errors.
    cutoff
        Bonds of this length or longer don't count as neighbours, angstrom; None counts any.
    area_fraction
        Faces below this fraction of a cell's surface don't count.

    Returns
    -------
    Voronoi indices without and with the errors, of the atoms whose cell is closed in both.

    Raises
    ------
    InputError
        For atoms that can't be analysed, or if no atom has a closed cell below the surface.

    Notes
    -----
    MATLAB: none; the glass paper does the same with a simulated Cu-Zr glass (Methods)

    Examples
    --------
    >>> import md_sim
    >>> from aet_port.simulation import amorphous_particle
    >>> particle = amorphous_particle(200, "Ta")
    >>> small = md_sim.error_study(particle, md_sim.ErrorHistogram.gaussian(rms=0.02))
    >>> large = md_sim.error_study(particle, md_sim.ErrorHistogram.gaussian(rms=0.40))
    >>> small.kept > large.kept
    True
    """
    atoms = as_atoms(atoms)
    drawn = (errors or ErrorHistogram.gaussian()).draw(len(atoms), np.random.default_rng(seed))
    moved = atoms.copy()
    moved.positions += drawn
    before, after = (
        voronoi_analysis(a, area_fraction=area_fraction, bond_length=cutoff) for a in (atoms, moved)
    )
    counted = ~surface_atoms(atoms) & before.closed & after.closed
    if not counted.any():
        raise InputError("atoms", "no closed cell below the surface", "a larger sample")
    same = (before.indices == after.indices).all(axis=1)
    later = {row[0]: (place, row) for place, row in enumerate(after.ranking(counted), start=1)}
    top = []
    for index, count, share in before.ranking(counted)[:TOP]:
        place, (_, n, fraction) = later.get(index, (None, (index, 0, 0.0)))
        stayed = int((same & counted & (before.indices == index).all(axis=1)).sum())
        top.append(IndexShift(index, count, n, share, fraction, stayed, place))
    return ErrorStudy(
        len(atoms),
        int(counted.sum()),
        float(np.sqrt((drawn**2).sum(axis=1).mean())),
        tuple(top),
        float(same[counted].mean()),
        (before.mean_coordination(counted), after.mean_coordination(counted)),
        (_five_edged(before, counted), _five_edged(after, counted)),
        (before.distorted_icosahedra(counted), after.distorted_icosahedra(counted)),
    )


def _five_edged(cells: Voronoi, counted: NDArray[np.bool_]) -> float:
    return float(cells.face_fractions(counted)[2])
