"""Structure factor of any model by the method that suits it, or by a named one."""

from __future__ import annotations

import ase
import numpy as np

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.structure.pairs.box_scattering import box_structure_factor
from aet_port.structure.pairs.debye import debye_structure_factor, structure_factor
from aet_port.structure.pairs.structure_factors import StructureFactor
from aet_port.structure.settings import FACTOR_DEFAULTS, StructureFactorSettings


def chosen_method(atoms: AtomicModel | ase.Atoms, method: str) -> str:
    """The method that ``"auto"`` stands for: ``"box"``, ``"pdf"`` or ``"debye"``."""
    if method != "auto":
        return method
    pbc = as_atoms(atoms).pbc
    return "box" if pbc.all() else "pdf" if pbc.any() else "debye"


@checked
def scattering_of(
    atoms: AtomicModel | ase.Atoms, settings: StructureFactorSettings = FACTOR_DEFAULTS
) -> StructureFactor:
    """Structure factor and scattered intensity of a model, as ``aet structure-factor`` gives them.

    A box periodic in three directions by its reciprocal-lattice vectors
    (:func:`aet_port.structure.box_structure_factor`), a particle by Debye's sum
    (:func:`aet_port.structure.debye_structure_factor`), anything else through g(r)
    (:func:`aet_port.structure.pairs.debye.structure_factor`), unless ``settings`` name a method.

    Raises
    ------
    InputError
        As these functions do; for a range of q that is empty.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> from aet_port.simulation import amorphous_particle
    >>> from aet_port.structure import scattering_of
    >>> found = scattering_of(amorphous_particle(200, "Ta", seed=1))
    >>> rings = found.q > 1.5
    >>> bool(2.3 < found.q[rings][found.s[rings].argmax()] < 2.9)
    True
    """
    method = chosen_method(atoms, settings.method)
    weights = settings.weights
    if method == "box":
        return box_structure_factor(
            atoms,
            settings.q_max,
            q_min=settings.q_min,
            step=settings.q_step,
            vectors=settings.vectors,
            weights=weights,
        )
    count = int((settings.q_max - settings.q_min) / settings.spacing + 1e-9) + 1
    q = settings.q_min + settings.spacing * np.arange(count)
    if method == "debye":
        return debye_structure_factor(atoms, q, weights=weights)
    return structure_factor(atoms, q, r_max=settings.r_max, window=settings.window, weights=weights)
