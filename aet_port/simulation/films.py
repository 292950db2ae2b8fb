"""Flat pieces of a glass, of one or several species, for tests of the whole chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.simulation.alloys import check_fractions, mean_density, occupy
from aet_port.simulation.glass_quench import GLASS_DENSITY, SHORTEST_SIDE, quench_box

LEAST = 13  # atoms, as in a particle


@checked
def amorphous_film(
    size: Sequence[float],
    species: str | Mapping[str, float] = "Ta",
    seed: int = 0,
    density: float | None = None,
) -> AtomicModel:
    """Cut a flat piece of a glass: a box with faces perpendicular to x, y and z.

    The glass is quenched like that of :func:`amorphous_particle`, but in a periodic box of this
    size, so that it is as dense at its faces as inside. A box shorter than 2.45 units of length of
    the potential (6.4 angstrom for Ta) along an axis is cut from one of that length.

    Parameters
    ----------
    size
        Lengths along x, y and z in angstrom; z is the direction of the beam at zero tilt, along
        which a film is thin.
    species
        Chemical symbol of all atoms, or the fraction of the atoms by symbol. Several species
        occupy the sites at random.
    seed
        Seed of the random start and of the occupation.
    density
        Atoms per cubic angstrom; unless given, the mean of the species'
        :func:`~.samples.glass_density`, weighted with the fractions.

    Returns
    -------
    Model with the centre of the box on the origin (the rotation centre).

    Raises
    ------
    InputError
        For lengths or a density not above zero, a box of fewer than 13 atoms, an unknown symbol, or
        fractions that are not above zero or do not add up to one.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> from aet_port.simulation import amorphous_film
    >>> film = amorphous_film((20, 20, 8), {"Cu": 0.2, "Ta": 0.8})
    >>> len(film), film.species.count("Cu")
    (172, 34)
    """
    sides = np.asarray(size, dtype=np.float64)
    if sides.shape != (3,) or not (np.isfinite(sides).all() and sides.min() > 0):
        raise InputError("size", f"{size!r}", "three lengths above zero, in angstrom")
    parts = check_fractions({species: 1.0} if isinstance(species, str) else species)
    wanted = mean_density(parts) if density is None else float(density)
    if not (np.isfinite(wanted) and wanted > 0):
        raise InputError("density", f"{density!r}", "atoms per cubic angstrom, above zero")
    if wanted * sides.prod() < LEAST:
        found = f"{size!r} angstrom, a box of {wanted * sides.prod():.1f} atoms"
        raise InputError("size", found, f"room for {LEAST} atoms or more")

    # Rounded, because a difference in the last bit of the cube root would change the film.
    unit = round((GLASS_DENSITY / wanted) ** (1 / 3), 9)  # of length, in angstrom
    box = np.maximum(sides, SHORTEST_SIDE * unit)
    positions = unit * quench_box(round(wanted * box.prod()), box / unit, seed)
    positions = positions[(np.abs(positions) <= sides / 2).all(axis=1)]
    model = AtomicModel.from_positions(
        positions, occupy(len(positions), parts, seed), name=f"amorphous {''.join(parts)} film"
    )
    facts = {"seed": seed, "density": wanted, "size": sides.tolist(), "fractions": parts}
    model.metadata.update(facts | {"generator": "amorphous_film"})
    return model
