"""One object of every public noun and result, made from a small simulated particle."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from ase.lattice.cubic import FaceCenteredCubic

import aet_port as aet
import md_sim
import mdb
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.frame_series import FrameSeries
from aet_port.detection import plan_series
from aet_port.detection.settings import DetectSettings
from aet_port.diffraction import (
    RingGeometry,
    analyze_pattern,
    calibrate_by_rings,
    crystal_rings,
)
from aet_port.preprocessing import calibrate_scan, power_spectra
from aet_port.preprocessing.settings import PreprocessSettings, SpectrumSettings
from aet_port.refinement import residual_map
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.simulation.settings import SimulateSettings
from aet_port.structure import (
    Interval,
    Intervals,
    chemical_map,
    debye_structure_factor,
    density_map,
    find_neighbours,
    local_chemical_order,
    pdf_from_diffraction,
)
from aet_port.structure.polytetrahedral.bipyramid_shapes import AverageBipyramid
from aet_port.structure.voronoi.alpha_shapes import alpha_shape
from aet_port.tracing import Edit, difference_map, find_map_peaks, subtract_volume
from aet_port.validation import (
    ScoreSettings,
    StabilitySettings,
    against_nulls,
    compare_views,
    evaluate,
    find_frame,
    half_set_correlation,
    reliability,
    search_halves,
)
from md_sim.comparison import Comparison
from md_sim.potentials import POTENTIALS
from tests.mdb.samples import structure_types

PIXEL = 0.6  # angstrom
ANGLES = [[0, theta, 0] for theta in range(-66, 67, 12)]


@cache
def particle() -> AtomicModel:
    return amorphous_particle(150, "Ta", seed=1)


@cache
def alloy() -> AtomicModel:
    places = amorphous_particle(20, seed=1).positions
    return AtomicModel.from_positions(places, ["Cu", "Ta"] * 10, name="alloy")


@cache
def series() -> TiltSeries:
    return simulate_tilt_series(alloy(), ANGLES, PIXEL, (32, 32), dose=None)


@cache
def counts() -> TiltSeries:
    """Images with the noise of counted electrons, in which atoms are found."""
    return simulate_tilt_series(alloy(), ANGLES, 0.4, (40, 40), dose=1e6)


@cache
def frames() -> FrameSeries:
    tilts = ANGLES[2:-2:2]
    pairs = [simulate_tilt_series(alloy(), tilts, PIXEL, (32, 32), 1e6, k) for k in (1, 2)]
    images = [np.stack(pair) for pair in zip(*(one.images for one in pairs), strict=True)]
    return FrameSeries(tuple(images), pairs[0].angles[:, 1], PIXEL, name="frames")


@cache
def gallery() -> dict[str, object]:
    """The objects by a name for each."""
    return {
        **{f"chain: {type(one).__name__}": one for one in _chain()},
        **{f"structure: {type(one).__name__}": one for one in _structure()},
        **{f"bank: {type(one).__name__}": one for one in _bank()},
        **{f"simulation: {type(one).__name__}": one for one in _simulation()},
    }


def particles_on_a_support() -> tuple[np.ndarray, list[float]]:
    """Images of nine particles at three tilts, for a calibration of the scan."""
    places = 40.0 * np.stack(np.mgrid[-1:2, -1:2], axis=-1).reshape(-1, 2)
    places += np.random.default_rng(3).uniform(-8, 8, places.shape)
    tilts = [-30.0, 0.0, 30.0]
    pixels = np.arange(128) - 64
    images = []
    for tilt in tilts:
        at = places * [np.cos(np.radians(tilt)), 1]
        lines = np.exp(-((pixels - at[..., None]) ** 2) / 12)
        images.append(np.einsum("ai,aj->ij", lines[:, 0], lines[:, 1]))
    return np.array(images), tilts


def _chain() -> list[object]:
    made = aet.reconstruct(series(), iterations=20)
    peaks = aet.trace(made.volume)
    chosen = aet.remove_non_atoms(made.volume, peaks.accepted)
    found = aet.classify(made.volume, alloy().positions, ["Cu", "Ta"], radius=0, non_atoms="none")
    moved = AtomicModel.from_positions(alloy().positions + 0.1, alloy().species)
    settings = SimulateSettings(pixel_size=PIXEL, shape=(32, 32))
    quick = DetectSettings(max_rounds=2, trials=0)
    detected = aet.detect(counts(), ["Cu", "Ta"], quick, threads=1)
    halves = search_halves(counts(), detected.model, ("Cu", "Ta"), quick, threads=1)
    return [
        alloy(),
        series(),
        frames(),
        aet.preprocess(frames(), PreprocessSettings(denoise="none", margin=2)),
        calibrate_scan(*particles_on_a_support()),
        aet.simulate(alloy(), ANGLES, settings),
        aet.refine_angles(series(), max_rounds=2, iterations=2),
        made,
        made.volume,
        peaks,
        chosen,
        found,
        aet.refine(series(), moved, max_evaluations=5),
        aet.match_models(moved, alloy()),
        aet.score(moved, alloy()),
        difference_map(made.volume, alloy()),
        find_map_peaks(made.volume, alloy(), number=3),
        subtract_volume(made.volume, aet.Volume(made.volume.array**2, PIXEL)),
        residual_map(series(), moved, iterations=2),
        power_spectra(series().images, PIXEL, SpectrumSettings(lowest=0.1)),
        *_stability(),
        half_set_correlation(series(), iterations=2),
        *_judged(),
        Edit("remove", atom=0),
        detected,
        halves,
        halves.recall,
        against_nulls(halves.halves, 1)[0],
        plan_series(alloy(), ANGLES, settings, threads=1),
    ]


def _stability() -> list[object]:
    """Two images of one view."""
    views = [simulate_tilt_series(alloy(), [[0, 0, 0]], 0.4, (40, 40), 1e5, k) for k in (1, 2)]
    found = compare_views([one.images[0] for one in views], 0.4, StabilitySettings(draws=10))
    return [found, found.pairs[0], StabilitySettings(), SpectrumSettings()]


def _judged() -> list[object]:
    """A model with error bars beside the truth."""
    places = particle().positions
    stated = {name: np.full(150, 0.1) for name in ("sigma_x", "sigma_y", "sigma_z")}
    moved = places + np.random.default_rng(0).normal(0, 0.1, places.shape)
    settings = ScoreSettings(packings=20)
    found = evaluate(AtomicModel.from_positions(moved, "Ta", **stated), particle(), settings)
    assert found.null is not None
    assert found.calibration.positions is not None
    curve = reliability(np.linspace(0.5, 1, 100), np.arange(100) > 20)
    frame = find_frame(moved, places)
    return [
        found,
        found.null,
        found.calibration,
        found.calibration.positions,
        curve,
        frame,
        settings,
    ]


def _structure() -> list[object]:
    atoms = particle().atoms
    found = aet.analyze(atoms, cutoff=4.1, rings=4, voids="centres")
    order, packing = found.order, found.packing
    assert order is not None
    assert packing is not None
    assert found.rings is not None
    assert found.voids is not None
    assert isinstance(packing.average, AverageBipyramid)
    q = np.linspace(0.6, 16.0, 200)
    factor = debye_structure_factor(atoms, q)
    intensity = np.exp(-((q / 8) ** 2)) * factor.s
    return [
        found,
        *_intervals(),
        found.pdf,
        found.tetrahedra,
        found.motifs,
        found.networks[5],
        found.rings,
        found.rings.king,
        found.voids,
        order,
        order.population,
        next(iter(order.statistics().values())),
        order.bonds,
        order.nuclei,
        order.interface,
        order.pdf,
        order.peaks,
        order.voronoi,
        order.chemistry,
        order.angles,
        packing,
        packing.geometry,
        packing.average,
        packing.sharing,
        packing.filling,
        packing.curve,
        packing.density,
        find_neighbours(atoms, 4.1),
        factor,
        local_chemical_order(alloy(), 4.1),
        chemical_map(alloy(), local_chemical_order(alloy(), 4.1), voxel_size=2.0),
        structure_types(20),
        density_map(atoms, order.voronoi.volume, voxel_size=1.0, sigma=2.0),
        alpha_shape(atoms, 5.0),
        pdf_from_diffraction(q, intensity, {"Ta": 1}, 0.055, 2.2),
        *_rings(),
    ]


def _rings() -> list[object]:
    """A diffraction pattern of fine-grained gold."""
    pixel, geometry = 0.012, RingGeometry((80.0, 78.0))
    grid = 2 * np.pi * pixel * geometry.radii((160, 160))
    image = 20 + 500 * np.exp(-grid / 1.5)
    for q, strength in zip(*crystal_rings("Au", 9.0), strict=True):
        image += 500 * strength * np.exp(-(((grid - q) / 0.15) ** 2))
    found = analyze_pattern(np.random.default_rng(0).poisson(image).astype(float))
    known = calibrate_by_rings(found.profile, "Au")
    return [found, found.geometry, found.profile, known]


def _intervals() -> list[object]:
    row = Interval("largest_network 5", "1", 219, 150.0, 60.0, 60.0, 340.0, 50)
    return [row, Intervals((row,), 50, 0, "those stored with the model")]


def _bank() -> list[object]:
    thermo = pa.table({"step": [0, 100], "temperature": [5200.0, 5190.0]})
    return [
        mdb.Bank("bank.duckdb"),
        mdb.Deposit("TaXX00001", True),
        mdb.Details(temperature=300.0, info={"remark": "two\nlines"}),
        mdb.Edit("remove", atom=3),
        mdb.Expected(("Pd", "Ta"), n_atoms=20),
        mdb.MdRun("a\nrun", "Ta", "LAMMPS", "some", {"seed": 1}, 1024, thermo, cooling_rate=1e13),
        mdb.Provenance("angles", "angles.mat", "0" * 64),
        mdb.Reconstruction("RESIRE", tilt_series=series(), r_factors=np.full(12, 0.1)),
        mdb.Snapshot(1, 5000, 5200.0),
        mdb.SpeciesFit("Ta", height=1.1),
        mdb.QuerySettings(timeout=60.0),
    ]


def _simulation() -> list[object]:
    box = FaceCenteredCubic("Ta", size=(3, 3, 3), latticeconstant=4.3, pbc=True)
    t = np.linspace(300, 3000, 28)
    thermo = {"step": 100 * np.arange(28.0), "temperature": t[::-1]}
    transition = md_sim.glass_transition(t, 18 + 4e-4 * t + 4e-4 * np.maximum(t - 1500, 0))
    return [
        md_sim.AlloyProtocol(),
        md_sim.preset("ta-quick"),
        md_sim.Crystallisation({"fcc": 0.25, "hcp": 0.125, "bcc": 0.0}, 0.5),
        md_sim.ErrorHistogram.gaussian(),
        md_sim.error_study(particle()),
        transition,
        POTENTIALS["ta-ravelo-2013"],
        md_sim.Quench(Path("film"), md_sim.preset("ta-quick"), {}, thermo),
        md_sim.Snapshot(5000, 10.0, 5200.0, box),
        md_sim.Study(Path("bank.duckdb"), 1, "MD Ta", transition, ()),
    ]


def comparison(folder: Path) -> Comparison:
    """A particle beside two boxes that stand in for the snapshots of a quench."""
    thermo = pa.table({"step": [0, 1]})
    with mdb.Bank(folder / "bank.duckdb") as bank:
        found = aet.analyze(particle(), cutoff=4.1)
        experiment = mdb.deposit(bank, particle(), analysis=found)
        run = mdb.deposit_run(bank, mdb.MdRun("run", "Ta", "none", "none", {}, 108, thermo))
        for step, temperature in enumerate((2000.0, 1000.0)):
            box = FaceCenteredCubic("Ta", size=(3, 3, 3), latticeconstant=4.3, pbc=True)
            box.rattle(temperature / 5000, seed=step)
            where = mdb.Snapshot(run, step, temperature)
            structure = aet.analyze(box, cutoff=4.1)
            mdb.deposit(bank, box, kind="md_snapshot", analysis=structure, snapshot=where)
        return md_sim.compare(bank, experiment.id)
