"""The embedded demonstration: a synthetic amorphous particle through the whole chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import AtomicModel, TiltSeries
from aet_port.core.errors import InputError
from aet_port.core.files import write_whole
from aet_port.core.parallel import check_threads
from aet_port.core.timings import Timings
from aet_port.figures.overview import overview
from aet_port.io import read_model, read_volume, write_model, write_tilt_series
from aet_port.simulation import amorphous_particle, simulate_tilt_series, tilt_angles
from aet_port.structure import StructureResult, analyze
from aet_port.validation import Matching, match_models
from aet_port.workflow.config import load_config
from aet_port.workflow.pipeline import Run, run
from aet_port.workflow.run_folder import read_series

PIXEL = 0.4  # angstrom
MARGIN = 3.0  # angstrom between the outermost atom and the edge of the images

CONFIG = """\
# The run of `aet demo`; a real one has the same sections. See examples/ta_film.toml.
[sample]
name = "synthetic amorphous Ta particle"
species = "Ta"
pixel_size = {pixel}
kind = "synthetic"

[input]
projections = "projections.npy"
angles = "angles.txt"

[reconstruct]
iterations = 150
oversampling = 3
step = 2.0

[trace]
upsampling = "spline"

[select]
support = "tight"

[refine]
evaluations = 50
"""


@dataclass(frozen=True)
class Demo:
    """What the demonstration made and how close it came to the truth.

    ``traced`` pairs the model before, ``matching`` that after the refinement with the truth.
    """

    run: Run
    truth: AtomicModel
    truth_structure: StructureResult
    traced: Matching
    matching: Matching
    picture: Path
    stages: list[dict[str, Any]]

    def summary(self) -> dict[str, Any]:
        """The figures of the table, as plain numbers."""
        found, true = self.run.structure, self.truth_structure
        return {
            "r_factor": round(self.run.r_mean, 4),
            "atoms_true": self.matching.n_truth,
            "atoms_found": self.matching.n_found,
            "matched": self.matching.matched,
            "missed": len(self.matching.missed),
            "spurious": len(self.matching.spurious),
            "rmsd_traced_pm": round(self.traced.rmsd_pm, 2),
            "rmsd_pm": round(self.matching.rmsd_pm, 2),
            "motifs_true": true.summary()["motifs"],
            "motifs_found": found.summary()["motifs"],
            "largest_networks_true": true.networks[5].size[:5].tolist(),
            "largest_networks_found": found.networks[5].size[:5].tolist(),
            "stages": self.stages,
        }


def network_atoms(structure: StructureResult, number: int = 0, fold: int = 5) -> NDArray[np.int64]:
    """Atoms of the ``number``-th largest network of ``fold``-fold motifs, ascending, shape (k,)."""
    networks = structure.networks[fold]
    motifs = networks.motif[networks.label == number]
    members = structure.motifs.tetrahedra[motifs, :fold]
    return np.unique(structure.tetrahedra.vertices[members.ravel()])


def make_demo(
    out: str | Path,
    *,
    atoms: int = 1000,
    dose: float = 8.2e5,
    seed: int = 0,
    threads: int | None = None,
    progress: bool = False,
    deposit: Callable[[Run, AtomicModel, StructureResult], None] | None = None,
) -> Demo:
    """Synthetic particle, tilt series, reconstruction, tracing, refinement, structure, picture.

    The tilt series has the geometry of the film paper's Ta film: 46 tilts from -63.4 to +55.5
    degrees, a missing wedge, 8.2e5 electrons per square angstrom.

    Parameters
    ----------
    out
        Folder to make: the truth, the images, ``run/`` as ``run`` leaves it,
        and ``overview.png``.
    atoms
        Atoms of the particle.
    dose
        Electrons per square angstrom over the whole series.
    seed
        Of the sample and of the noise; equal seeds give equal bytes.
    threads
        All cores unless given.
    progress
        Whether to report on standard error.
    deposit
        Called with the run, the truth and the truth's structure, to store them in a bank.

    Raises
    ------
    InputError
        If the folder holds anything, or a number is out of range.
    """
    folder = Path(out)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        found = "other files" if folder.is_dir() else "a file"
        raise InputError(f"demo folder {folder}", found, "an empty or a new folder (--out)")
    check_threads(threads)
    if not 200 <= atoms <= 20_000:
        raise InputError("atoms", str(atoms), "200 to 20000")
    if seed < 0:
        raise InputError("seed", str(seed), "zero or more")
    timings = Timings()
    with timings.stage("make the sample"):
        truth = amorphous_particle(atoms, "Ta", seed)
        truth_structure = analyze(truth.atoms)
    with timings.stage("simulate the tilt series"):
        series = _simulate(truth, dose, seed)
        write_model(folder / "truth.xyz", truth, f"aet demo, seed {seed}")
        write_tilt_series(folder / "projections.npy", folder / "angles.txt", series)
    text = CONFIG.format(pixel=PIXEL)
    config_file = write_whole(folder / "demo.toml", lambda partial: partial.write_text(text))
    result = run(load_config(config_file), folder / "run", threads=threads, progress=progress)
    timings.stages += result.stages
    traced, matching = (
        match_models(model.positions, truth.positions)
        for model in (read_model(result.folder / "model.xyz"), result.model)
    )
    if deposit is not None:
        with timings.stage("deposit"):
            deposit(result, truth, truth_structure)
    with timings.stage("draw the overview"):
        picture = overview(
            folder / "overview.png",
            read_series(result.config),
            read_volume(result.volume_path, PIXEL),
            result.model,
            network_atoms(result.structure),
            f"{truth.name}: {matching.matched} of {matching.n_truth} atoms, "
            f"{matching.rmsd_pm:.0f} pm, R = {100 * result.r_mean:.1f} %",
        )
    return Demo(result, truth, truth_structure, traced, matching, picture, timings.stages)


def _simulate(truth: AtomicModel, dose: float, seed: int) -> TiltSeries:
    reach = np.linalg.norm(truth.positions, axis=1).max() + MARGIN
    size = 2 * int(np.ceil(reach / PIXEL)) + 1
    return simulate_tilt_series(truth, tilt_angles("ta-film"), PIXEL, (size, size), dose, seed)
