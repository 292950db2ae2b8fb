"""
Structure of a model
====================

``python analyse_your_model.py [MODEL [CUTOFF]]``: motifs, networks, coordination.
"""

import sys

import aet_port as aet
from aet_port.simulation import amorphous_particle

model = amorphous_particle(300, "Ta", seed=1)
if len(sys.argv) > 1:
    model = aet.read_model(sys.argv[1])  # .xyz, .extxyz, LAMMPS, .cif, POSCAR, ...
cutoff = float(sys.argv[2]) if len(sys.argv) > 2 else None  # angstrom; None: the first valley

found = aet.analyze(model, cutoff=cutoff, delta=0.255)
print(f"{len(model)} atoms, cut-off {found.cutoff:.2f} angstrom ({found.summary()['cutoff_from']})")
print(f"{len(found.tetrahedra.vertices)} tetrahedra")
print("motif                      number  largest networks")
names = {4: "quadrilateral", 5: "pentagonal", 6: "hexagonal"}
for fold, name in names.items():
    sizes = ", ".join(str(size) for size in found.networks[fold].size[:5])
    print(f"{name + ' bipyramids':25} {found.counts[fold]:7}  {sizes}")
order = found.summary()["short_range_order"]
for key in ("coordination_number", "distorted_icosahedra", "mean_density"):
    print(f"{key.replace('_', ' '):25} {order[key]:7.3f}")
found.plot()
