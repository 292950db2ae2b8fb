"""Bipyramid networks as a modifier in OVITO's pipeline.

In OVITO: Add modification > Python script, with the line
``from aet_port.ovito_modifier import BipyramidNetworks``; in a script
``pipeline.modifiers.append(BipyramidNetworks(cutoff=4.12))``.
"""

from __future__ import annotations

from typing import Any

import ase
import numpy as np
from ovito.data import DataCollection
from ovito.pipeline import ModifierInterface
from traits.api import Float, Range

from aet_port.core.errors import InputError
from aet_port.structure.analysis import analyze
from aet_port.structure.polytetrahedral.membership import motif_counts, network_of_atoms
from aet_port.structure.settings import DEFAULTS
from aet_port.structure.structure_result import NETWORK_FOLDS

COUNTS = {
    3: "Triplets",
    4: "Quadrilateral Bipyramids",
    5: "Pentagonal Bipyramids",
    6: "Hexagonal Bipyramids",
}


class BipyramidNetworks(ModifierInterface):
    """Adds, for each particle, its motifs and its network.

    Particle properties: ``Triplets``, ``Quadrilateral Bipyramids``, ``Pentagonal Bipyramids`` and
    ``Hexagonal Bipyramids`` (number of motifs that the particle is part of) and ``Network`` (1 for
    the largest network of the chosen fold, 2 for the next, 0 outside networks). Global attributes:
    ``BipyramidNetworks.cutoff`` and the number of motifs of each kind.

    Parameters
    ----------
    cutoff
        Longest edge, angstrom; 0 takes the first valley of the pair distribution function.
    delta
        Largest distortion of a tetrahedron.
    fold
        Fold of the networks: 4, 5 or 6.

    Raises
    ------
    InputError
        For particles that can't be analysed; OVITO shows the message.

    Notes
    -----
    MATLAB: none
    """

    cutoff = Float(0.0, label="Longest edge")
    delta = Float(DEFAULTS.delta, label="Distortion")
    fold = Range(min(NETWORK_FOLDS), max(NETWORK_FOLDS), 5, label="Fold of networks")

    def modify(self, data: DataCollection, **_: Any) -> None:
        """Analyse one frame; called by OVITO."""
        if data.particles is None:
            raise InputError("particles", "none", "a data set with particles")
        atoms = _atoms(data)
        found = analyze(atoms, cutoff=self.cutoff or None, delta=self.delta, order=False)
        data.attributes["BipyramidNetworks.cutoff"] = found.cutoff
        if found.motifs_reason is not None:
            data.attributes["BipyramidNetworks.motifs_reason"] = found.motifs_reason
        particles = data.particles_
        for fold, name in COUNTS.items():
            counts = motif_counts(found.motifs, found.tetrahedra, len(atoms), fold)
            particles.create_property(name, data=counts)
            data.attributes[f"BipyramidNetworks.{name}"] = found.counts[fold]
        networks = network_of_atoms(
            found.networks[int(self.fold)], found.motifs, found.tetrahedra, len(atoms)
        )
        particles.create_property("Network", data=networks + 1)


def _atoms(data: DataCollection) -> ase.Atoms:
    """Positions and cell; what the particles are makes no difference here."""
    positions = np.array(data.particles.positions)
    if data.cell is None:
        return ase.Atoms(numbers=np.zeros(len(positions), dtype=int), positions=positions)
    cell = np.array(data.cell[...])
    return ase.Atoms(
        numbers=np.zeros(len(positions), dtype=int),
        positions=positions - cell[:, 3],
        cell=cell[:, :3].T,
        pbc=data.cell.pbc,
    )
