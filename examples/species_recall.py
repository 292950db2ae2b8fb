"""
Recall of each species
======================

Recall of each species: ``python species_recall.py [published [RADIUS [PROBE]]]``. Of a small
random alloy, or within RADIUS (angstrom) of the centre of the glass paper's particle, beside its
multislice test. PROBE of the simulated images: two-gaussians or form-factor.
"""

import sys

import aet_port as aet
from aet_port.figures.species import write_recall_figure
from aet_port.simulation import amorphous_alloy, tilt_angles
from aet_port.simulation.settings import Acquisition, SimulateSettings
from aet_port.validation.published_species import glass_crop, multislice_test
from matlab_reference import resolve_reference

given, symbols, found = sys.argv[1:], ["Ni", "Pd", "Pt"], {}
truth = amorphous_alloy(40, {"Ni": 0.45, "Pd": 0.38, "Pt": 0.17}, seed=11, density=0.046)
peaks = truth.positions
if given:
    find = lambda *parts: resolve_reference("/".join(parts))  # noqa: E731
    truth, peaks = glass_crop(find, float(given[1]) if len(given) > 1 else 16.0)
    found["authors, multislice, whole particle"] = aet.score(*multislice_test(find))

angles = tilt_angles("glass", 0.5)[:: 1 if given else 4]
noise = Acquisition(dose=1.7e4 * len(angles), background=1.0, seed=11)  # the paper's dose
probe = given[2] if len(given) > 2 else "two-gaussians"
images = SimulateSettings(pixel_size=0.347, probe=probe, acquisition=noise)
series = aet.simulate(truth, angles, images).series

volume = aet.reconstruct(series).volume
traced = volume.to_positions(aet.trace(volume).accepted)
known = aet.classify(volume, peaks, symbols, non_atoms="none")  # all of them are atoms
found["known peaks, classified"] = aet.score(known.model(peaks), truth)
found["traced, classified"] = aet.score(aet.classify(volume, traced, symbols).model(traced), truth)
found["from counts"] = aet.score(aet.detect(series, symbols).model, truth)
for name, one in found.items():
    print(f"{name}: {one.matching.n_found} atoms, {100 * one.precision:.1f} % of them true")
    for symbol, true, _, right, recall, *_ in one.rows():
        print(f"  {symbol}: {right} of {true} found as such, {recall}")
print(write_recall_figure("species_recall.png", found))
