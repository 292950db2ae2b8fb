"""The built-in demonstration: a synthetic amorphous particle through the whole chain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import mdb
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.figures.overview import write_overview
from aet_port.io import read_volume, write_tilt_series
from aet_port.simulation.linear import simulate_tilt_series
from aet_port.simulation.settings import Acquisition, SimulateSettings
from aet_port.structure import StructureResult, analyze
from aet_port.validation import Matching, match_models
from aet_port.workflow.config import parse_config
from aet_port.workflow.deposit import deposit_run
from aet_port.workflow.pipeline import Run, run, stages_of
from aet_port.workflow.run_folder import MODEL, SIMULATED, STRUCTURE, TRUTH, VOLUME
from aet_port.workflow.sections import DEMO_SPECIES, SampleSettings, SyntheticSettings
from aet_port.workflow.series import measured_series, series_files
from aet_port.workflow.stages import Stage, Work
from aet_port.workflow.synthetic_stages import SIMULATE, nominal_angles, simulation_of, truth_of
from aet_port.workflow.toml_text import config_text

MARGIN = 3.0  # angstrom between the outermost atom and the edge of the images
LEAST_ATOMS, MOST_ATOMS = 200, 20_000
PICTURE, BANK = "overview.png", "bank.duckdb"


@dataclass(frozen=True)
class Demo:
    """Result of the demonstration, compared with the truth."""

    run: Run
    truth: AtomicModel
    truth_structure: StructureResult
    structure: StructureResult
    matching: Matching
    picture: Path
    bank: Path

    def summary(self) -> dict[str, Any]:
        """The figures of the table, as plain numbers."""
        found, true = self.structure, self.truth_structure
        return {
            "r_factor": round(self.run.r_mean, 4),
            "atoms_true": self.matching.n_truth,
            "atoms_found": self.matching.n_found,
            "matched": self.matching.matched,
            "missed": len(self.matching.missed),
            "spurious": len(self.matching.spurious),
            "rmsd_pm": round(self.matching.rmsd_pm, 2),
            "motifs_true": true.summary()["motifs"],
            "motifs_found": found.summary()["motifs"],
            "largest_networks_true": true.networks[5].size[:5].tolist(),
            "largest_networks_found": found.networks[5].size[:5].tolist(),
            "stages": self.run.timings,
        }


def network_atoms(structure: StructureResult, number: int = 0, fold: int = 5) -> NDArray[np.int64]:
    """Atoms of the ``number``-th largest network of ``fold``-fold motifs, ascending, shape (k,)."""
    networks = structure.networks[fold]
    motifs = networks.motif[networks.label == number]
    members = structure.motifs.tetrahedra[motifs, :fold]
    return np.unique(structure.tetrahedra.vertices[members.ravel()])


def demo_sections(
    atoms: int, dose: float, seed: int, species: str = DEMO_SPECIES
) -> dict[str, Any]:
    """Settings of the demonstration by section; see examples/particle.toml for those of a run."""
    symbols = tuple(symbol.strip() for symbol in species.split(","))
    return {
        "sample": SampleSettings(
            name=f"synthetic amorphous {''.join(symbols)} particle",
            species=symbols[0] if len(symbols) == 1 else symbols,
            kind="synthetic",
        ),
        "synthetic": SyntheticSettings(atoms=atoms, seed=seed),
        "simulate": SimulateSettings(pixel_size=0.4, acquisition=Acquisition(dose=dose, seed=seed)),
    }


def make_demo(
    out: str | Path,
    *,
    atoms: int = SyntheticSettings().atoms,
    dose: float = Acquisition().dose,
    species: str = DEMO_SPECIES,
    seed: int = SyntheticSettings().seed,
    threads: int | None = None,
    resume: bool = False,
    progress: bool = False,
) -> Demo:
    """Simulate a particle and its tilt series, and take it through the whole chain to a bank.

    The tilt series has the geometry of the film paper's Ta film: 46 tilts from -63.4 to +55.5
    degrees, a missing wedge, 8.2e5 electrons per square angstrom.

    Parameters
    ----------
    out
        The run folder, made as :func:`aet_port.workflow.pipeline.run` leaves it, with
        ``overview.png`` and ``bank.duckdb``.
    atoms
        Number of atoms of the particle.
    dose
        Electrons per square angstrom over the whole series.
    species
        Chemical symbol, or several, lightest first and separated by commas, in equal parts.
    seed
        Seed of the sample and the noise; the same seed gives identical files.
    threads
        Number of threads; all cores unless given.
    resume
        Whether to continue an existing demonstration.
    progress
        Whether to report progress on standard error.

    Returns
    -------
    The run, the truth, and how they compare.

    Raises
    ------
    InputError
        If the folder holds anything else, or a number is out of range.
    """
    if not LEAST_ATOMS <= atoms <= MOST_ATOMS:
        raise InputError("atoms", str(atoms), f"{LEAST_ATOMS} to {MOST_ATOMS}")
    sections = demo_sections(atoms, dose, seed, species)
    text = config_text(sections, "The run of `aet demo`; see examples/particle.toml for your own.")
    config = parse_config(text, Path(out) / "config.toml")
    stages = [DEMO_SIMULATE if stage is SIMULATE else stage for stage in stages_of(config)]
    done = run(
        config,
        out,
        stages=[*stages, DEPOSIT, OVERVIEW],
        resume=resume,
        threads=threads,
        progress=progress,
    )
    for failure in done.failures:
        raise InputError(f"demo: {failure.stage}", failure.reason, "more atoms or a higher dose")
    work = Work(config, done.folder, memo=done.memo)
    truth, structure = truth_of(work), done.structure
    if structure is None:
        raise AssertionError("a run without failures has a structure")
    matching = match_models(done.model.positions, truth.positions)
    return Demo(
        done,
        truth,
        _true_structure(work),
        structure,
        matching,
        done.folder.path(PICTURE),
        done.folder.path(BANK),
    )


def _simulate(work: Work) -> dict[str, Any]:
    """Simulate the images, with one random generator for all noise."""
    truth, settings = truth_of(work), simulation_of(work.config)
    reach = np.linalg.norm(truth.positions, axis=1).max() + MARGIN
    side = 2 * int(np.ceil(reach / settings.pixel_size)) + 1
    noise = settings.acquisition
    series = simulate_tilt_series(
        truth,
        nominal_angles(work.config),
        settings.pixel_size,
        (side, side),
        noise.dose or None,
        noise.seed,
    )
    write_tilt_series(*series_files(work.folder, SIMULATED), series)
    return {"images": len(series)}


def _deposit(work: Work) -> dict[str, Any]:
    """Store the model that was found and, beside it, the true one."""
    done = Run(work.folder, work.config, memo=work.memo)
    with mdb.Bank(work.folder.path(BANK)) as bank:
        stored = deposit_run(bank, done)
        truth = truth_of(work)
        named = replace(truth, name=f"{work.config.sample.name}, truth")
        mdb.deposit(bank, named, kind="synthetic", analysis=_true_structure(work))
    return {"model": stored.id}


def _overview(work: Work) -> dict[str, Any]:
    done = Run(work.folder, work.config, memo=work.memo)
    truth, structure = truth_of(work), done.structure
    if structure is None:
        raise AssertionError("a stage after the structure analysis")
    found = match_models(done.model.positions, truth.positions)
    series = measured_series(work.config, work.folder)
    write_overview(
        work.folder.path(PICTURE),
        series,
        read_volume(done.volume_path, series.pixel_size),
        done.model,
        network_atoms(structure),
        f"{truth.name}: {found.matched} of {found.n_truth} atoms, "
        f"{found.rmsd_pm:.0f} pm, R = {100 * done.r_mean:.1f} %",
    )
    return {}


def _true_structure(work: Work) -> StructureResult:
    """Structure of the true atoms, with the cut-off of those found: valleys of glasses are flat."""
    if "true structure" not in work.memo:
        found_structure = Run(work.folder, work.config, memo=work.memo).structure
        cutoff = None if found_structure is None else found_structure.cutoff
        work.memo["true structure"] = analyze(truth_of(work).atoms, cutoff=cutoff)
    found: StructureResult = work.memo["true structure"]
    return found


DEMO_SIMULATE = replace(SIMULATE, function=_simulate)
DEPOSIT = Stage(
    "deposit",
    ("sample",),
    (TRUTH, MODEL, STRUCTURE),
    (BANK,),
    _deposit,
    changed_later=(BANK,),
)
OVERVIEW = Stage(
    "overview", ("sample",), (SIMULATED, VOLUME, MODEL, STRUCTURE), (PICTURE,), _overview
)
