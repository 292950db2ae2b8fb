"""Every snapshot of a quench through the structure analysis of the experiments, into a bank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import ase
import numpy as np
import pyarrow as pa

import mdb
from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.parallel import map_processes, map_tasks
from aet_port.core.progress import progress_bar
from aet_port.structure.settings import DEFAULTS, AnalyzeSettings
from md_sim.crystals import Crystallisation, crystal_warning, crystallisation
from md_sim.lammps_loop import SNAPSHOTS
from md_sim.quenches import Quench
from md_sim.snapshots import SnapshotTask, analyse_snapshot, known_analysis, register_snapshot
from md_sim.transition import GlassTransition

FEMTOSECONDS = 1000.0  # in a picosecond

_FOUND = """
SELECT cutoff,
    (SELECT avg(theta) FROM bipyramid AS b WHERE b.analysis_id = a.analysis_id) AS theta,
    (SELECT list([fold, n] ORDER BY fold) FROM (SELECT fold, count(*) AS n FROM motif
     WHERE analysis_id = $analysis GROUP BY fold)) AS motifs,
    (SELECT list(size ORDER BY network) FROM network AS n
     WHERE n.analysis_id = a.analysis_id AND fold = 5) AS sizes,
    (SELECT coalesce(bool_or(spanning), false) FROM network AS n
     WHERE n.analysis_id = a.analysis_id AND fold = 5) AS spanning,
    (SELECT list(sites) FROM partial_icosahedron AS p
     WHERE p.analysis_id = a.analysis_id) AS sites
FROM analysis AS a WHERE analysis_id = $analysis
"""


@dataclass(frozen=True)
class Found:
    """What the analysis of one snapshot found.

    Attributes
    ----------
    analysis
        Its number in the bank.
    cutoff
        Angstrom.
    motifs
        Motifs per atom by fold from 3 to 8.
    theta
        Mean angle of the pentagonal bipyramids, degrees; None without any.
    largest
        Bipyramids of the five largest pentagonal networks.
    share
        Fraction of the pentagonal bipyramids in the largest network; None without any.
    spanning
        Whether a pentagonal network reaches itself across the box.
    sites
        Atoms that cap n pentagonal bipyramids, n = 1 to 12; the last are icosahedra.
    crystal
        Crystalline fractions.
    """

    analysis: int
    cutoff: float
    motifs: dict[int, float]
    theta: float | None
    largest: tuple[int, ...]
    share: float | None
    spanning: bool
    sites: tuple[int, ...]
    crystal: Crystallisation


@dataclass(frozen=True)
class StudyRow:
    """One snapshot: where it was taken, its model in the bank, and what was found.

    ``model`` is None if the snapshot could not be read; ``found`` is None if it could not be read
    or analysed, and ``reason`` tells why.
    """

    step: int
    time: float
    temperature: float
    model: str | None
    found: Found | None
    reason: str | None = None

    def summary(self) -> dict[str, Any]:
        """For a table or JSON."""
        facts: dict[str, Any] = {"step": self.step, "time": self.time}
        facts |= {"temperature": self.temperature, "model": self.model}
        if self.found is None:
            return facts | {"status": "failed", "reason": self.reason}
        result = asdict(self.found) | {"crystal": self.found.crystal.summary()}
        result["motifs"] = {str(fold): round(n, 6) for fold, n in self.found.motifs.items()}
        return facts | {"status": "passed"} | result


@dataclass(frozen=True, repr=False)
class Study(Shown):
    """A quench in a bank.

    Attributes
    ----------
    bank
        The bank.
    run
        Number of the run there.
    sample
        Name of the sample.
    transition
        Glass transition; None if the run shows none.
    rows
        One for each snapshot, in the order they were taken.
    remarks
        What should be known beside: failures, crystals, no glass transition.

    Examples
    --------
    >>> import md_sim
    >>> from pathlib import Path
    >>> md_sim.Study(Path("bank.duckdb"), run=1, sample="MD Ta", transition=None, rows=())
    <Study 'MD Ta': run 1, bank bank.duckdb, snapshots 0, failed 0>
    """

    bank: Path
    run: int
    sample: str
    transition: GlassTransition | None
    rows: tuple[StudyRow, ...]
    remarks: tuple[str, ...] = field(default=())

    def _facts(self) -> dict[str, object]:
        transition = self.transition
        return {
            "name": self.sample,
            "run": self.run,
            "bank": str(self.bank),
            "snapshots": len(self.rows),
            "failed": len(self.failed),
            "glass transition": None if transition is None else f"{transition.temperature:.1f} K",
        }

    @property
    def failed(self) -> tuple[StudyRow, ...]:
        """Snapshots that could not be read or analysed."""
        return tuple(row for row in self.rows if row.found is None)

    def summary(self) -> dict[str, Any]:
        """For a table or JSON: plain numbers, texts and lists."""
        return {
            "bank": str(self.bank),
            "run": self.run,
            "sample": self.sample,
            "glass_transition": None if self.transition is None else asdict(self.transition),
            "snapshots": [row.summary() for row in self.rows],
            "remarks": list(self.remarks),
        }


@checked
def study(
    quench: Quench,
    bank_path: str | Path,
    *,
    delta: float = DEFAULTS.delta,
    cutoff: float | None = None,
    rings: int = DEFAULTS.rings,
    voids: Literal["none", "centres", "surfaces"] = DEFAULTS.voids,
    templates: bool = DEFAULTS.templates,
    template_rmsd: float = DEFAULTS.template_rmsd,
    lattice_spacing: float | None = None,
    chemical_radius: float | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    sample: str | None = None,
    show_progress: bool = False,
) -> Study:
    """Analyse every snapshot of a quench and deposit it with its run.

    Snapshots that the bank has with an analysis of the same parameters and all measures asked for
    are not analysed again, so that a study that was stopped goes on. Of an unfinished quench the
    snapshots that are there are analysed. Once it is finished its run is another one to the bank,
    and the snapshots become next versions that belong to it. A snapshot that two runs have in
    common, such as the melt of two cooling rates, stays with the first.

    Parameters
    ----------
    quench
        Of :func:`md_sim.quenches.read_quench`.
    bank_path
        The bank, made if it is missing.
    delta
        Largest distortion of a tetrahedron.
    cutoff
        Longest edge, angstrom; the first valley of each snapshot unless given.
    rings, voids, templates, template_rmsd, lattice_spacing, chemical_radius
        Further measures of :func:`aet_port.analyze`, which go to the bank.
    workers
        Processes on this machine, which share its cores. With more than one, a script guards its
        main part with ``if __name__ == "__main__"``.
    scheduler
        Address of a Dask scheduler whose workers see folder and bank, instead of processes here.
    sample
        Name of the sample; ``"MD Ta"`` for tantalum unless given.
    show_progress
        Whether to report progress on standard error.

    Returns
    -------
    What was found of each snapshot, and the number of the run in the bank.

    Raises
    ------
    InputError
        For parameters out of range, or if a worker process was killed.
    DataFileError
        If no snapshot is there.
    BankError
        If the bank can't be read or written.

    Notes
    -----
    MATLAB: none; the snapshots go through the functions that analyse measured models

    Examples
    --------
    >>> import md_sim
    >>> short = md_sim.Protocol(
    ...     "Ta", 4, 3000.0, melt_time=0.02, cooling_rate=2e16, snapshots=2, thermo_every=5
    ... )
    >>> quench = md_sim.run_quench(short, "quench")
    >>> done = md_sim.study(quench, "bank.duckdb")
    >>> [(row.temperature, row.model) for row in done.rows]
    [(3000.0, 'TaXX00001'), (300.0, 'TaXX00002')]
    """
    if workers < 1:
        raise InputError("workers", str(workers), "1 or more")
    settings = AnalyzeSettings(
        delta=delta,
        cutoff=cutoff,
        rings=rings,
        voids=voids,
        templates=templates,
        template_rmsd=template_rmsd,
        lattice_spacing=lattice_spacing,
        chemical_radius=chemical_radius,
    )
    bank_path = Path(bank_path).absolute()
    quench = replace(quench, folder=quench.folder.absolute())  # workers may run elsewhere
    sample = sample or f"MD {quench.protocol.element}"
    steps, remarks = _steps(quench)
    transition = _transition(quench, remarks)
    models: dict[int, str] = {}
    analyses: dict[int, int] = {}
    reasons: dict[int, str] = {}
    with mdb.Bank(bank_path) as bank:
        run = mdb.deposit_run(bank, _run(quench, sample, transition))
        for step in steps:
            try:
                snapshot = quench.snapshot(step)
                models[step] = register_snapshot(bank, quench, snapshot, run, sample, remarks)
            except InputError as error:  # a broken file, or atoms that no bank takes
                reasons[step] = str(error)
                continue
            known = known_analysis(bank, models[step], settings)
            if known is not None:
                analyses[step] = known
    tasks = [
        SnapshotTask(quench, step, model, bank_path, settings)
        for step, model in models.items()
        if step not in analyses
    ]
    with progress_bar("analysis", len(tasks), show_progress) as reporter:
        for task, (number, reason) in zip(tasks, _each(tasks, workers, scheduler), strict=True):
            if number is None:
                reasons[task.step] = reason
            else:
                analyses[task.step] = number
            reporter.advance(note=f"{quench.protocol.temperature(task.step):.0f} K")
    with mdb.Bank(bank_path, read_only=True) as bank, bank.held():
        facts = {step: _facts(bank, number) for step, number in analyses.items()}
    rows = []
    for step in steps:
        found = None
        if step in analyses:
            found = _found(quench.snapshot(step).atoms, analyses[step], facts[step])
        temperature = quench.protocol.temperature(step)
        name = f"{temperature:.0f} K"
        remark = crystal_warning(found.crystal, name) if found else f"{name}: {reasons[step]}"
        remarks += [remark] if remark else []
        time, why = step * quench.protocol.time_step, reasons.get(step)
        rows.append(StudyRow(step, time, temperature, models.get(step), found, why))
    return Study(bank_path, run, sample, transition, tuple(rows), tuple(remarks))


def _steps(quench: Quench) -> tuple[list[int], list[str]]:
    """Steps whose snapshots are there, and a remark on those that are not."""
    folder = quench.folder / SNAPSHOTS
    wanted = quench.protocol.snapshot_steps()
    steps = [step for step in wanted if (folder / f"{step:09d}.npz").exists()]
    if not steps:
        raise DataFileError(folder, "no snapshots", f"some of the {len(wanted)} of the run")
    if len(steps) == len(wanted):
        return steps, []
    return steps, [f"{len(steps)} of {len(wanted)} snapshots are there"]


def _transition(quench: Quench, remarks: list[str]) -> GlassTransition | None:
    try:
        return quench.glass_transition()
    except InputError as error:
        remarks.append(f"no glass transition: {error}")
        return None


def _run(quench: Quench, sample: str, transition: GlassTransition | None) -> mdb.MdRun:
    protocol, potential = quench.protocol, quench.settings["potential"]
    return mdb.MdRun(
        name=quench.folder.name,
        sample=sample,
        engine=quench.settings["engine"],
        potential=potential["name"],
        protocol=protocol.plain(),
        n_atoms=protocol.n_atoms(potential["lattice"]),
        thermo=pa.table(quench.thermo),
        potential_sha256=potential["sha256"],
        potential_doi=potential["doi"],
        cooling_rate=protocol.cooling_rate,
        time_step=protocol.time_step * FEMTOSECONDS,
        glass_transition=None if transition is None else transition.temperature,
    )


def _each(
    tasks: Sequence[SnapshotTask], workers: int, scheduler: str | None
) -> Iterator[tuple[int | None, str]]:
    """Results of the tasks in their order, as they come."""
    if scheduler is not None:
        yield from map_tasks(analyse_snapshot, tasks, scheduler)
    else:
        yield from map_processes(analyse_snapshot, tasks, workers)


def _facts(bank: mdb.Bank, analysis: int) -> dict[str, Any]:
    """Figures of an analysis, from the bank."""
    (facts,) = bank.sql(_FOUND, {"analysis": analysis}).to_pylist()
    return dict(facts)


def _found(atoms: ase.Atoms, analysis: int, facts: dict[str, Any]) -> Found:
    """The figures of an analysis, and whether its atoms are a crystal."""
    counts = dict.fromkeys(range(3, 9), 0) | {fold: n for fold, n in facts["motifs"] or ()}
    sizes = facts["sizes"] or []
    sites = np.bincount(np.array(facts["sites"] or [], dtype=np.int64), minlength=13)[1:13]
    return Found(
        analysis,
        facts["cutoff"],
        {fold: n / len(atoms) for fold, n in counts.items()},
        facts["theta"],
        tuple(sizes[:5]),
        sizes[0] / sum(sizes) if sizes else None,
        facts["spanning"],
        tuple(sites.tolist()),
        crystallisation(atoms, facts["cutoff"]),
    )
