"""Models drawn from the uncertainties of a model's atoms: existence, position and species."""

from __future__ import annotations

from dataclasses import dataclass

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.core.uncertainty import (
    P_SPECIES,
    POSTERIOR,
    existence,
    position_covariances,
    posterior_species,
)

PM = 100.0  # in an angstrom


@dataclass(frozen=True)
class ModelErrors:
    """Uncertainties of the atoms of a model, ready to draw from.

    Attributes
    ----------
    roots
        Shape (n, 3, 3): symmetric square root of the covariance of each position, angstrom.
    existence
        Shape (n,): probability that each atom exists.
    numbers
        Shape (k,): atomic numbers of the species that an atom may be.
    species
        Shape (n, k): probability of each of them; rows sum to one.
    origin
        Which uncertainties these are, in words.
    remarks
        What is missing or replaced.
    """

    roots: NDArray[np.float64]
    existence: NDArray[np.float64]
    numbers: NDArray[np.int64]
    species: NDArray[np.float64]
    origin: str
    remarks: tuple[str, ...] = ()

    @property
    def only_positions(self) -> bool:
        """Whether all atoms exist for sure, as the species that they have."""
        return bool((self.existence == 1).all() and (self.species.max(axis=1) == 1).all())

    def draw(
        self, atoms: ase.Atoms, seed: int, number: int, scales: tuple[float, ...] = (1.0,)
    ) -> list[ase.Atoms]:
        """One drawn model for each scale of the covariances, the same random numbers in all.

        Atom i is kept with its probability; its position is ``r_i + sqrt(scale) S_i z_i`` with the
        root ``S_i`` of its covariance and a standard normal vector ``z_i``; its species is drawn
        from its probabilities.

        Parameters
        ----------
        atoms
            The model.
        seed, number
            Seed, and number of the draw. Draws of different numbers are independent, and each is
            the same however many there are.
        scales
            Factors of all covariances of positions.

        Returns
        -------
        Atoms with cell, periodicity and array ``type`` of the model; no other arrays.

        Raises
        ------
        InputError
            If no atom is left.
        """
        normal, kept, chance = self._random(seed, number)
        if not kept.any():
            raise InputError("p_exists", f"no atom in draw {number}", "atoms that exist")
        limits = self.species.cumsum(axis=1)
        # The last limit may be below one by rounding.
        place = np.minimum((chance[:, None] >= limits).sum(axis=1), len(self.numbers) - 1)
        numbers = self.numbers[place]
        steps = np.einsum("nij,nj->ni", self.roots, normal)
        types = _types(atoms, numbers)
        found = []
        for scale in scales:
            drawn = ase.Atoms(
                numbers[kept],
                (atoms.positions + np.sqrt(scale) * steps)[kept],
                cell=atoms.cell,
                pbc=atoms.pbc,
                celldisp=atoms.get_celldisp(),
            )
            if types is not None:
                drawn.set_array("type", types[kept])
            found.append(drawn)
        return found

    def kept(self, seed: int, number: int) -> NDArray[np.bool_]:
        """Which atoms of the model a drawn one has, shape (n,); seed and number as in ``draw``."""
        return self._random(seed, number)[1]

    def _random(
        self, seed: int, number: int
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
        """Normal vectors, atoms that are kept, and a chance between 0 and 1 for the species."""
        random, n = np.random.default_rng([seed, number]), len(self.existence)
        normal = random.standard_normal((n, 3))
        return normal, random.random(n) < self.existence, random.random(n)


def model_errors(atoms: ase.Atoms, sigma: float | None = None) -> ModelErrors:
    """The uncertainties that a model states of its atoms.

    Positions: the arrays ``sigma_x`` and so on. Existence: ``p_exists``; one unless stored.
    Species: ``posterior``; else ``probability`` of the species given, and the rest in proportion to
    the composition of the model; else as given. Atoms without a species (X) and without
    ``posterior`` take any in proportion to the composition.

    Parameters
    ----------
    atoms
        The model.
    sigma
        Standard error of each coordinate of every atom in pm, instead of those stored.

    Raises
    ------
    InputError
        If no uncertainties are stored and ``sigma`` is not given; for values that are none.

    Examples
    --------
    >>> from aet_port.simulation import amorphous_particle
    >>> errors = model_errors(amorphous_particle(20, "Ta").atoms, sigma=10)
    >>> errors.origin, errors.only_positions
    ('10 pm assumed for each coordinate of every atom', True)

    Notes
    -----
    MATLAB: none; the reference states no error of an atom
    """
    remarks = []
    stored = position_covariances(atoms)
    named = any(name in atoms.arrays for name in ("p_exists", P_SPECIES, POSTERIOR))
    if sigma is not None:
        if not (np.isfinite(sigma) and sigma >= 0):
            raise InputError("sigma", repr(sigma), "a standard error of zero or more, in pm")
        if stored is not None:
            remarks.append(f"{sigma:g} pm was given and replaces the position errors of the model")
        covariances = np.broadcast_to((sigma / PM) ** 2 * np.eye(3), (len(atoms), 3, 3))
    elif stored is not None:
        covariances = stored
    elif named:
        covariances = np.zeros((len(atoms), 3, 3))
        remarks.append("the model has no position errors: atoms are not displaced (see sigma)")
    else:
        raise InputError(
            "uncertainties of the atoms",
            "none in the model",
            "a model that `aet detect` or the default chain of `aet run` wrote (arrays sigma_x,"
            " sigma_y, sigma_z), or one standard error for all atoms: --sigma PM",
        )
    exists = existence(atoms)
    if exists is None:
        exists = np.ones(len(atoms))
    elif not ((exists >= 0) & (exists <= 1)).all():
        raise InputError("p_exists", "values outside 0 to 1 or NaN", "a probability for each atom")
    if POSTERIOR in atoms.arrays and posterior_species(atoms) is None:
        remarks.append(
            "the array posterior is left out: which species its columns stand for is not stored"
        )
    numbers, species = _species(atoms)
    return ModelErrors(
        _roots(covariances), exists, numbers, species, origin_of(sigma), tuple(remarks)
    )


def origin_of(sigma: float | None) -> str:
    """Words for the position errors that are drawn from: assumed, or stored with the model."""
    if sigma is None:
        return "those stored with the model"
    return f"{sigma:g} pm assumed for each coordinate of every atom"


def _roots(covariances: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.isfinite(covariances).all():
        raise InputError("position errors", "NaN or infinite values", "finite standard errors")
    values, vectors = np.linalg.eigh(covariances)
    # Covariances are stored with rounding; a truly negative variance is a mistake.
    if (values[:, 0] < -1e-6 * np.abs(values[:, 2]) - 1e-15).any():
        worst = int(values[:, 0].argmin())
        raise InputError(
            "position errors",
            f"a covariance of atom {worst} that is none (variance {values[worst, 0]:.3g})",
            "covariances no larger than the product of the standard errors",
        )
    roots = np.sqrt(values.clip(0))
    return np.asarray(np.einsum("nij,nj,nkj->nik", vectors, roots, vectors))


def _species(atoms: ase.Atoms) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Atomic numbers of the possible species, and their probabilities for each atom."""
    given = np.asarray(atoms.numbers, dtype=np.int64)
    symbols = posterior_species(atoms)
    if symbols is not None:
        table = np.asarray(atoms.arrays[POSTERIOR], dtype=np.float64).reshape(len(atoms), -1)
        total = table.sum(axis=1, keepdims=True)
        if (table < 0).any() or not (np.abs(total - 1) < 1e-3).all():  # as rounded in a table
            raise InputError("posterior", "rows that do not sum to one", "probabilities")
        return ase.Atoms(list(symbols)).numbers.astype(np.int64), table / total
    numbers = np.unique(given[given > 0])
    if not len(numbers):
        return np.zeros(1, dtype=np.int64), np.ones((len(atoms), 1))
    counts = (given[:, None] == numbers).astype(np.float64)
    composition = counts.sum(axis=0) / counts.sum()
    if P_SPECIES in atoms.arrays and len(numbers) > 1:
        sure = np.asarray(atoms.arrays[P_SPECIES], dtype=np.float64)
        if not ((sure >= 0) & (sure <= 1)).all():
            raise InputError(P_SPECIES, "values outside 0 to 1 or NaN", "a probability")
        others = (1 - counts) * composition
        rest = others / others.sum(axis=1, keepdims=True)
        table = sure[:, None] * counts + (1 - sure[:, None]) * rest
    else:
        table = counts.copy()
    table[given == 0] = composition
    return numbers, table


def _types(atoms: ase.Atoms, numbers: NDArray[np.int64]) -> NDArray | None:
    """Array ``type`` for drawn species: that of the species where each has one type."""
    types = atoms.arrays.get("type")
    if types is None or np.array_equal(numbers, atoms.numbers):
        return None if types is None else np.asarray(types)
    pairs = {(int(n), t) for n, t in zip(atoms.numbers, types.tolist(), strict=True)}
    type_of = dict(pairs)
    if len(pairs) != len(type_of) or not set(numbers.tolist()) <= set(type_of):
        raise InputError(
            "array type",
            "types that do not stand for one species each",
            "one type for each species, if species are uncertain; or no array type",
        )
    return np.array([type_of[n] for n in numbers.tolist()])
