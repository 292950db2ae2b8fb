"""The networks as an OVITO modifier."""

from __future__ import annotations

import ase
import numpy as np
import pytest

from aet_port.core.errors import InputError
from aet_port.structure import analyze
from aet_port.structure.polytetrahedral.membership import motif_counts, network_of_atoms
from tests.structure.samples import close_packed, shaken_box

ovito = pytest.importorskip("ovito.pipeline", exc_type=ImportError)


@pytest.mark.parametrize("atoms", [close_packed(0, radius=9), shaken_box(1)], ids=["ball", "box"])
def test_particles_get_their_motifs_and_network(atoms: ase.Atoms) -> None:
    from ovito.io.ase import ase_to_ovito

    from aet_port.ovito_modifier import BipyramidNetworks

    pipeline = ovito.Pipeline(source=ovito.StaticSource(data=ase_to_ovito(atoms)))
    pipeline.modifiers.append(BipyramidNetworks(cutoff=4.0, fold=5))
    data = pipeline.compute()
    found = analyze(atoms, cutoff=4.0, order=False)
    counts = motif_counts(found.motifs, found.tetrahedra, len(atoms), 5)
    np.testing.assert_array_equal(data.particles["Pentagonal Bipyramids"], counts)
    network = network_of_atoms(found.networks[5], found.motifs, found.tetrahedra, len(atoms))
    np.testing.assert_array_equal(data.particles["Network"], network + 1)
    assert data.attributes["BipyramidNetworks.Pentagonal Bipyramids"] == found.counts[5]
    assert data.attributes["BipyramidNetworks.cutoff"] == 4.0


def test_the_first_valley_is_the_default() -> None:
    from ovito.io.ase import ase_to_ovito

    from aet_port.ovito_modifier import BipyramidNetworks

    atoms = close_packed(1, radius=12, jitter=0.25)
    pipeline = ovito.Pipeline(source=ovito.StaticSource(data=ase_to_ovito(atoms)))
    pipeline.modifiers.append(BipyramidNetworks())
    cutoff = pipeline.compute().attributes["BipyramidNetworks.cutoff"]
    assert cutoff == analyze(atoms, order=False).cutoff


def test_what_cannot_be_analysed_is_said() -> None:
    from ovito.io.ase import ase_to_ovito

    from aet_port.ovito_modifier import BipyramidNetworks

    pipeline = ovito.Pipeline(source=ovito.StaticSource(data=ase_to_ovito(close_packed(0)[:4])))
    pipeline.modifiers.append(BipyramidNetworks(cutoff=4.0))
    with pytest.raises(InputError, match="at least 5"):
        pipeline.compute()
