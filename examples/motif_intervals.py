"""
Figure 2c of the film paper, with intervals
===========================================

``python motif_intervals.py [MODEL [CUTOFF [SIGMA]]]``. SIGMA (pm) is the error of each
coordinate, for models without errors of their own.
"""

import sys
from math import isnan

import aet_port as aet
from aet_port.figures.packing import write_packing_figures
from aet_port.simulation import amorphous_particle
from aet_port.structure import resample

given = sys.argv[1:]
model = amorphous_particle(60, "Ta", seed=1)
if given:
    model = aet.read_model(given[0], default_species="Ta")
cutoff = float(given[1]) if len(given) > 1 else 4.12  # angstrom, as the paper for Ta
errors = "sigma_x" in model.atoms.arrays
# The paper states a precision of 18 pm in three dimensions: 18 / sqrt(3) along each axis.
sigma = float(given[2]) if len(given) > 2 else None if errors else 18 / 3**0.5
samples = 10 if given else 5

found = aet.analyze(model, cutoff=cutoff)
found = resample(model, found, samples, sigma=sigma, progress=True)
print(f"{len(model)} atoms, {samples} drawn models, errors: {found.intervals.errors}")
print(f"{'':28} {'value':>7} {'mean':>7} {'2.5 %':>7} {'97.5 %':>7} {'no errors':>9}  remark")
for row in found.intervals.main:
    if row.name.startswith(("population", "motif_fraction", "largest_network", "theta")):
        numbers = f"{row.value:7.3g} {row.mean:7.3g} {row.low:7.3g} {row.high:7.3g}"
        exact = "-" if isnan(row.extrapolated) else f"{row.extrapolated:.3g}"
        print(f"{row.name:28} {numbers} {exact:>9}  {row.remark}")
for warning in found.intervals.warnings:
    print(warning)
print(*[path for path in write_packing_figures(found, ".") if path.stem == "packing_intervals"])
found.plot()
