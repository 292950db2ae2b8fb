"""
The most similar snapshot
=========================

Which simulated snapshot is most similar to a measured particle? (``aet md`` makes real ones.)
"""

from ase.lattice.cubic import FaceCenteredCubic

import aet_port as aet
import mdb
from aet_port.simulation import amorphous_particle

with mdb.Bank("compared.duckdb") as bank:
    particle = amorphous_particle(300, "Ta", seed=1)
    measured = mdb.deposit(bank, particle, analysis=aet.analyze(particle, cutoff=4.1))
    names = {}
    for rattle in (0.1, 0.3, 0.6):  # angstrom; increasingly disordered crystals as snapshots
        crystal = FaceCenteredCubic("Ta", size=(4, 4, 4), latticeconstant=4.2, pbc=True)
        crystal.rattle(rattle, seed=0)
        model = aet.AtomicModel(crystal, name=f"rattled by {rattle} angstrom")
        structure = aet.analyze(model, cutoff=4.1)  # the same function for a periodic box
        stored = mdb.deposit(bank, model, kind="md_snapshot", analysis=structure)
        names[stored.id] = model.name
    for query in ("nearest-by-pdf", "nearest-by-motifs"):
        nearest = bank.query(query, model=measured.id, n=1).to_pylist()[0]
        print(f"{query}: {names[nearest['model_id']]}, distance {nearest['distance']:.3f}")
particle.plot()
