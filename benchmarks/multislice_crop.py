"""What `aet detect` finds in multislice images of the middle of the glass particle.

``python -m benchmarks.multislice_crop``: abTEM, 200 keV, 25 mrad, one thermal configuration per
image, a source of 0.8 angstrom, 55 tilts, at the dose of the experiment and a quarter of it;
default settings without trials. The images take hours. It needs the published data.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.detection.loop import detect
from aet_port.detection.settings import DetectSettings
from aet_port.simulation import tilt_angles
from aet_port.simulation.settings import Acquisition, SimulateSettings
from aet_port.simulation.tilt_series import simulate
from aet_port.validation.precision import score
from aet_port.validation.published_species import glass_crop
from matlab_reference import resolve_reference

RADIUS = 17.9  # angstrom; 1,201 atoms
DOSE, SHARES = 1.7e4, (1.0, 0.25)  # electrons per square angstrom and image
SYMBOLS = ("Ni", "Pd", "Pt")


def crop(radius: float = RADIUS) -> AtomicModel:
    """The atoms within a sphere about the centre of the particle."""
    return glass_crop(lambda *parts: resolve_reference("/".join(parts)), radius)[0]


def series_of(model: AtomicModel, angles: NDArray, dose: float) -> TiltSeries:
    """Multislice images with their noise; ``dose`` is that of one image."""
    exposed = Acquisition(dose=dose * len(angles), source_size=0.8, seed=1)
    settings = SimulateSettings(engine="multislice", pixel_size=0.347, acquisition=exposed)
    return simulate(model, angles, settings).series


def row(series: TiltSeries, truth: AtomicModel, dose: float) -> str:
    """One row of the table."""
    begin = time.perf_counter()
    found = detect(series, SYMBOLS, DetectSettings(trials=0), threads=1)
    seconds = time.perf_counter() - begin
    judged = score(found.model, truth, 1.0)
    errors = [found.model.atoms.arrays[f"sigma_{axis}"] for axis in "xyz"]
    expected = 100 * float(np.sqrt(np.mean(np.sum(np.square(errors), axis=0))))
    return (
        f"| {len(truth)} atoms, {len(series)} tilts, {dose:g} | {100 * judged.recall:.1f} %, "
        f"{100 * judged.species_fraction:.1f} % of them | {100 * (1 - judged.precision):.1f} % "
        f"| {judged.rmsd_pm:.1f} pm; {expected:.1f} pm | {seconds:.0f} s |"
    )


def main(angles: NDArray | None = None, model: AtomicModel | None = None) -> None:
    """Print the table."""
    truth = crop() if model is None else model
    tilts = tilt_angles("glass") if angles is None else angles
    print("| case | found, right species | spurious | RMSD; expected by the search | time |")
    print("|---|---|---|---|---|", flush=True)
    for share in SHARES:
        dose = share * DOSE
        print(row(series_of(truth, tilts, dose), truth, dose), flush=True)


if __name__ == "__main__":
    main()
